"""Stopping on a signal: the first one asks for the next checkpoint, the second ends the process at once."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from typing import TYPE_CHECKING

from sync.errors import Stopped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stop:
    """A flag that long work looks at between its checkpoints."""

    def __init__(self, leave: Callable[[int], object] = os._exit) -> None:
        self._leave = leave  # how the second signal ends the process
        self._asked = threading.Event()
        self.signal: int | None = None

    @property
    def requested(self) -> bool:
        """Whether somebody asked for the end."""
        return self.signal is not None

    def request(self, number: int) -> None:
        """Ask for the end as signal `number` would; asking twice ends the process with 128 + `number`.

        Leaving at once is safe: every store commits rows and cursor together.
        """
        if self.requested:
            self._leave(128 + number)
            return
        self.signal = number
        self._asked.set()

    def wait(self, seconds: float) -> bool:
        """Wait until the end is asked for, at most so long; whether it was. Not for the thread that hears signals."""
        return self._asked.wait(seconds)

    def check(self) -> None:
        """Raise `Stopped` if the end was asked for. Called at checkpoints only."""
        if self.signal is not None:
            raise Stopped(self.signal)

    @contextlib.contextmanager
    def listening(self) -> Iterator[Stop]:
        """Listen to SIGINT and SIGTERM inside the block; main thread only."""

        def heard(number: int, _frame: FrameType | None) -> None:
            self.request(number)

        before = {number: signal.signal(number, heard) for number in SIGNALS}
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
