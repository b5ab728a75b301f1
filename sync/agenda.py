"""Which job of the daemon is due when. Nothing here waits or runs: times go in, the next job comes out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, get_args

from config.cron import next_time
from sync.report import ScheduledKind

if TYPE_CHECKING:
    from datetime import datetime

    from config.daemon_settings import ScheduleSettings

KINDS: Final[tuple[ScheduledKind, ...]] = get_args(ScheduledKind)
"""The jobs; of two that are due at once, the first one here goes first."""

FIRST_RETRY: Final = timedelta(minutes=10)
LONGEST_RETRY: Final = timedelta(hours=1)
"""After a refusal of our credentials, or when a daily or weekly job was cut short: twice as long each time, up to this.
An hour after the credentials are mended, at the latest, work goes on by itself."""
LONGEST_LIMIT: Final = timedelta(hours=24)
"""No quota lasts longer; a CRM that asks for more is asked again by then."""

REFUSED: Final = 3
LIMITED: Final = 5
PASSING: Final = frozenset({REFUSED, LIMITED, 6})
"""Exit codes of runs that may go well when they are tried again: refused, limited or unreachable, busy."""


@dataclass(frozen=True, slots=True)
class Due:
    """A job and its time."""

    kind: ScheduledKind
    at: datetime


class Agenda:
    """The next time of each job, and until when all of them wait."""

    def __init__(self, schedule: ScheduleSettings, *, begin_at: datetime) -> None:
        """The first sync is due at `begin_at` (aware), all else by the schedule."""
        self._schedule = schedule
        self._due = {kind: self._next(kind, begin_at) for kind in KINDS} | {"sync": begin_at}
        self._failures = dict.fromkeys(KINDS, 0)  # in a row, per job
        self.waits_until: datetime | None = None

    def next(self) -> Due:
        """The job that is due first, maybe since long: all the times that it was missed are one."""
        first = min(KINDS, key=lambda kind: (self._at(kind), KINDS.index(kind)))
        return Due(first, self._at(first))

    def follow(self, schedule: ScheduleSettings, now: datetime) -> None:
        """From now on by this schedule."""
        if schedule == self._schedule:
            return
        self._schedule = schedule
        self._due = {kind: self._next(kind, now) for kind in KINDS}

    def ended(self, kind: ScheduledKind, now: datetime, exit_code: int, resets_at: datetime | None = None) -> None:
        """A run of `kind` is over: when it comes again.

        Where a limit stopped it and says when it may go on (`resets_at`), all jobs wait until then. Where our
        credentials were refused, all wait longer each time.
        """
        self.waits_until = None
        self._due[kind] = self._next(kind, now)
        if exit_code not in PASSING:
            self._failures[kind] = 0
            return
        again = now + min(FIRST_RETRY * 2 ** min(self._failures[kind], 10), LONGEST_RETRY)
        self._failures[kind] += 1
        if exit_code == LIMITED and resets_at is not None and resets_at > now:
            self.waits_until = again = min(resets_at, now + LONGEST_LIMIT)
        elif exit_code == REFUSED:
            self.waits_until = again
        self._due[kind] = min(self._due[kind], again)

    def _next(self, kind: ScheduledKind, after: datetime) -> datetime:
        return next_time(getattr(self._schedule, kind), self._schedule.zone, after)

    def _at(self, kind: ScheduledKind) -> datetime:
        due = self._due[kind]
        return due if self.waits_until is None else max(due, self.waits_until)
