"""When a schedule is due: cron in five fields, read in a time zone, also on the days when its clocks change."""

from __future__ import annotations

import re
from datetime import UTC, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from apscheduler.triggers.cron import CronTrigger

if TYPE_CHECKING:
    from datetime import datetime
    from zoneinfo import ZoneInfo

_WEEKDAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")
_TICK: Final = timedelta(microseconds=1)


@lru_cache(maxsize=64)
def trigger(expression: str, zone: ZoneInfo) -> CronTrigger:
    """The trigger of a cron expression. Raises ValueError when it is none."""
    *first, weekdays = expression.split()
    # Cron counts days of the week from Sunday, APScheduler from Monday; they agree on names.
    named = re.sub(r"(?<!/)\b[0-7]\b", lambda found: _WEEKDAYS[int(found[0])], weekdays)
    return CronTrigger.from_crontab(" ".join([*first, named]), timezone=zone)


def next_time(expression: str, zone: ZoneInfo, after: datetime) -> datetime:
    """The first time later than `after` (aware) at which the schedule is due, in UTC.

    Where clocks go forward, a time of day that is left out is due at the moment they change, or as long after it. Where
    they go back, a time of day that comes twice is due the first time only; what is due every hour goes on by the
    hour. Raises ValueError for a schedule that is never due, such as the 30th of February.
    """
    found = after
    while True:
        due: datetime | None = trigger(expression, zone).get_next_fire_time(None, (found + _TICK).astimezone(zone))
        if due is None:
            raise ValueError(f"{expression!r} is never due")
        found = due.astimezone(UTC)
        if not due.fold or expression.split()[1].startswith("*"):
            return found
