"""A few threads for calls that may overlap. The door decides how fast calls go; a crew only keeps it busy."""

from __future__ import annotations

import queue
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

T = TypeVar("T")

LEAVE_S = 2.0
"""How long `close` waits for jobs under way, all in all. A thread that takes longer (its call gets no answer) is left
behind: the threads are daemons, so that none keeps a stopped process alive, as those of `concurrent.futures` would."""


class Crew:
    """At most `size` threads, started as they are needed. Jobs are begun in the order in which they came."""

    def __init__(self, size: int, name: str) -> None:
        self._size = size
        self._name = name
        self._threads: list[threading.Thread] = []
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._idle = threading.Semaphore(0)

    def submit(self, job: Callable[[], T]) -> Future[T]:
        """The job's result or error, in time. A job that has not begun may be cancelled."""
        future: Future[T] = Future()

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(job())
            except BaseException as error:  # noqa: BLE001 - it is raised where the result is asked for
                future.set_exception(error)

        self._jobs.put(run)
        if not self._idle.acquire(blocking=False) and len(self._threads) < self._size:
            thread = threading.Thread(target=self._work, name=f"{self._name}-{len(self._threads)}", daemon=True)
            self._threads.append(thread)
            thread.start()
        return future

    def _work(self) -> None:
        while (run := self._jobs.get()) is not None:
            run()
            del run  # what it holds may be large
            self._idle.release()

    def close(self) -> None:
        """Send everybody home; jobs that have not begun are still begun unless they were cancelled."""
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join(LEAVE_S / len(self._threads))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
