"""What the daemon is at, for whoever asks from another thread: the watchdog, the health checks, the metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from connectors.clock import Clock
    from sync.agenda import Due
    from sync.progress import Progress, Step
    from sync.report import RunKind


class Pulse:
    """A run moves it with every step and every batch, the daemon's loop with every turn."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._moved = clock.monotonic()
        self.told = False  # whether the log has told that nothing moves
        self.running: RunKind | None = None
        self.next: Due | None = None
        self.last_exit: int | None = None  # exit code of the last run since the daemon began
        self.waits_until: datetime | None = None  # for a quota, or after a refusal

    def move(self) -> None:
        """Something was done."""
        self._moved = self._clock.monotonic()
        self.told = False

    @property
    def still_s(self) -> float:
        """Seconds since something was done."""
        return self._clock.monotonic() - self._moved


class Watched:
    """A progress whose every step moves the pulse."""

    def __init__(self, progress: Progress, pulse: Pulse) -> None:
        self._progress = progress
        self._pulse = pulse

    def start(self, step: Step, total: int | None = None) -> None:
        """A step begins."""
        self._pulse.move()
        self._progress.start(step, total)

    def advance(self, step: Step, rows: int, total: int | None = None) -> None:
        """Some rows of it are done."""
        self._pulse.move()
        self._progress.advance(step, rows, total)

    def finish(self, step: Step) -> None:
        """It is over."""
        self._pulse.move()
        self._progress.finish(step)
