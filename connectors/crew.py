"""A few threads for calls that may overlap. The door decides how fast calls go; a crew only keeps it busy."""

from __future__ import annotations

import functools
import itertools
import queue
import threading
import time
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from typing import TYPE_CHECKING, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from types import TracebackType

T = TypeVar("T")
R = TypeVar("R")

PATIENCE_S = 0.5
"""Who waits longer than this for a result starts as many threads again, however busy those are."""

BUSY = 0.25
"""Part of the time that all threads together compute, from which on more of them are no use: eight that parse answers
which come at once take up to a third more CPU time than one, since they take turns with the interpreter. At HubSpot's
limit reading contacts takes a tenth of a core."""

LEAVE_S = 2.0
"""How long `close` waits for jobs under way, all in all. A thread that takes longer (its call gets no answer) is left
behind: the threads are daemons, so that none keeps a stopped process alive, as those of `concurrent.futures` would."""


class Crew:
    """At most `size` threads. Jobs are begun in the order in which they came.

    So many as `at_first` are started with the first jobs; others come as those there are wait rather than compute.
    """

    def __init__(self, size: int, name: str, *, at_first: int) -> None:
        self._size = size
        self._at_first = at_first
        self._name = name
        self._threads: list[threading.Thread] = []
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._worked = (0.0, 0.0)  # seconds that the last job took, and those of them in which it computed

    def submit(self, job: Callable[[], T]) -> Future[T]:
        """The job's result or error, in time. A job that has not begun may be cancelled."""
        future: Future[T] = Future()

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return
            began, computed = time.monotonic(), time.thread_time()
            try:
                result = job()
            except BaseException as error:  # noqa: BLE001 - it is raised where the result is asked for
                future.set_exception(error)
            else:  # before whoever waits for it goes on and asks how the threads fare
                self._worked = time.monotonic() - began, time.thread_time() - computed
                future.set_result(result)

        self._jobs.put(run)
        if len(self._threads) < self._at_first:
            self._grow(1)
        return future

    def first_of(self, futures: Collection[Future[T]]) -> set[Future[T]]:
        """Wait for the first of these jobs to end; all that have ended."""
        took_s, busy_s = self._worked
        if busy_s * len(self._threads) < BUSY * took_s:
            self._grow(len(self._threads))
        while not (ended := wait(futures, PATIENCE_S, FIRST_COMPLETED).done):
            self._grow(len(self._threads))
        return ended

    def _grow(self, by: int) -> None:
        """So many threads more, as far as there are jobs for them."""
        for _ in range(min(by, self._size - len(self._threads), self._jobs.qsize())):
            thread = threading.Thread(target=self._work, name=f"{self._name}-{len(self._threads)}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _work(self) -> None:
        while (run := self._jobs.get()) is not None:
            run()
            del run  # what it holds may be large

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


def in_parallel(work: Callable[[T], R], items: Iterable[T], workers: int) -> Iterator[R]:
    """`work` of every item, by so many threads; results as they come, in no order.

    Items are drawn in the caller's thread, and at most twice as many as there are workers ahead of the results: one
    to work on, one to go on with while the caller is busy with a result. After the first error, of `work` or of
    drawing, nothing new is begun; what is under way ends and its results are given; then that error is raised.
    Closing the iterator waits a moment for what is under way.
    """
    source = iter(items)
    under_way: set[Future[R]] = set()
    failure: Exception | None = None
    with Crew(workers, "leadgrade", at_first=workers) as crew:
        try:
            while True:
                try:
                    for item in itertools.islice(source, 0 if failure else 2 * workers - len(under_way)):
                        under_way.add(crew.submit(functools.partial(work, item)))
                except Exception as error:  # noqa: BLE001 - raised below, once what is under way has ended
                    failure = error
                if not under_way:
                    break
                done = crew.first_of(under_way)
                under_way -= done
                for future in done:
                    try:
                        result = future.result()
                    except CancelledError:
                        continue
                    except Exception as error:  # noqa: BLE001 - as above
                        failure = failure or error
                        _cancel(under_way)
                    else:
                        yield result
        finally:
            _cancel(under_way)
    if failure:
        raise failure


def _cancel(under_way: Iterable[Future[R]]) -> None:
    """Keep those that nobody has begun from beginning."""
    for future in under_way:
        future.cancel()
