"""Progress of a run: bars on a terminal, else a log line every few seconds."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

    from connectors.clock import Clock
    from sync.progress import Progress, Step

EVERY_S = 5.0
"""Seconds between two log lines of one step."""

log = structlog.get_logger(__name__)


@contextlib.contextmanager
def watching(clock: Clock) -> Iterator[Progress]:
    """A progress for one run; bars are taken away at the end of the block."""
    if not sys.stderr.isatty():
        yield Lines(clock)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as RichProgress

    columns = (SpinnerColumn(), TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn())
    with RichProgress(*columns, TimeElapsedColumn(), console=Console(stderr=True)) as bars:
        yield Bars(bars)


class Bars:
    """One bar per step."""

    def __init__(self, bars: RichProgress) -> None:
        self._bars = bars
        self._tasks: dict[Step, TaskID] = {}

    def start(self, step: Step, total: int | None = None) -> None:
        """Draw the step's bar."""
        self._tasks[step] = self._bars.add_task(str(step), total=total)

    def advance(self, step: Step, rows: int, total: int | None = None) -> None:
        """Move it on."""
        task = self._tasks[step]
        if total is not None:
            self._bars.update(task, total=total)
        self._bars.advance(task, rows)

    def finish(self, step: Step) -> None:
        """Fill it."""
        task = self._tasks[step]
        done = self._bars.tasks[self._bars.task_ids.index(task)].completed
        self._bars.update(task, total=done)


class Lines:
    """A line every few seconds while a step lasts and when it ends; a step that had nothing to do is not news."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._done: dict[Step, int] = {}
        self._begun: dict[Step, float] = {}
        self._said: dict[Step, float] = {}
        self._total: dict[Step, int | None] = {}

    def start(self, step: Step, total: int | None = None) -> None:
        """Remember when it began."""
        self._begun[step] = self._said[step] = self._clock.monotonic()
        self._done[step] = 0
        self._total[step] = total

    def advance(self, step: Step, rows: int, total: int | None = None) -> None:
        """Say how far it is, unless that was said a moment ago."""
        self._done[step] += rows
        self._total[step] = total if total is not None else self._total[step]
        now = self._clock.monotonic()
        if now - self._said[step] >= EVERY_S:
            self._said[step] = now
            self._say("going on", step, now)

    def finish(self, step: Step) -> None:
        """Say what it came to."""
        self._say("done", step, self._clock.monotonic())

    def _say(self, event: str, step: Step, now: float) -> None:
        rows, total, seconds = self._done[step], self._total[step], now - self._begun[step]
        rate = rows / seconds if seconds > 0 else 0.0
        left = round((total - rows) / rate) if event == "going on" and total and rate else None
        facts = {"step": str(step), "rows": rows, "total": total, "rows_per_s": round(rate), "left_s": left}
        say = log.info if rows or seconds >= EVERY_S else log.debug
        say(event, seconds=round(seconds, 1), **{key: value for key, value in facts.items() if value is not None})
