"""Outages: days on which a source delivered nothing while it should have.

What happened before does not age through such a day, and nobody is silent on it: the days are left out of the count.
The relation `outages` (type, first_day, last_day, both included) has a row per outage of an activity type.
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from config.vocabulary import CHAIN, REOPEN, VISIT
from scoring.events import put
from scoring.facts import DONE_TO_THEM

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from scoring.events import Moment

SILENCE: Final = 0
"""The frost of inactivity: days on which anything that people do themselves was missing."""

_MADE_OF: Final = {VISIT: "page_view", CHAIN: "page_view", REOPEN: "email_open"}
"""Derived activities fail to come when those fail that they are made of, as well as when a CRM counts them itself."""

Outages = dict[str, "frozenset[date]"]
"""Activity type -> the days on which none came."""


def read_outages(con: Any, moment: Moment) -> Outages:
    """The outages up to `moment`."""
    days: dict[str, set[date]] = {}
    for kind, first, last in con.execute("SELECT type, first_day, last_day FROM outages").fetchall():
        length = (min(last, moment.day) - first).days + 1
        if length > 0:
            days.setdefault(kind, set()).update(first + timedelta(days=number) for number in range(length))
    for kind, source in _MADE_OF.items():
        if source in days:
            days[kind] = days.get(kind, set()) | days[source]
    return {kind: frozenset(found) for kind, found in sorted(days.items())}


def tabulate_frosts(con: Any, outages: Outages) -> None:
    """Create `frosts` (type, frost): a number for each activity type with outages."""
    types = list(outages)
    columns = {"type": pa.array(types, pa.string()), "frost": pa.array(range(1, len(types) + 1), pa.int32())}
    put(con, "frosts", pa.table(columns))


def tabulate_frozen_days(con: Any, outages: Outages, moment: Moment, suffix: str = "") -> None:
    """Create `frozen_days` (frost, on_day, days): how many days since `on_day` were outages, as of `moment`.

    The table begins with the day before the first outage, which stands for all days before.
    """
    lived = frozenset(day for kind, days in outages.items() if kind not in DONE_TO_THEM for day in days)
    numbered: Mapping[int, frozenset[date]] = {SILENCE: lived, **dict(enumerate(outages.values(), 1))}
    rows: list[tuple[int, date, int]] = []
    first = min((day for days in numbered.values() for day in days), default=moment.day)
    for frost, days in numbered.items():
        known = sorted(day for day in days if day <= moment.day)
        start = first - timedelta(days=1)
        for number in range((moment.day - start).days + 1):
            day = start + timedelta(days=number)
            rows.append((frost, day, len(known) - bisect_right(known, day)))
    columns = list(zip(*rows, strict=True)) or [(), (), ()]
    table = {
        "frost": pa.array(columns[0], pa.int32()),
        "on_day": pa.array(columns[1], pa.date32()),
        "days": pa.array(columns[2], pa.int32()),
    }
    put(con, f"frozen_days{suffix}", pa.table(table))


def frozen_join(suffix: str, frost: str, day: str) -> str:
    """SQL: joins ``fz``, whose `days` an event of DATE `day` did not age; null where it aged through all of them."""
    first = f"(SELECT MIN(on_day) FROM frozen_days{suffix})"
    return f"LEFT JOIN frozen_days{suffix} fz ON fz.frost = {frost} AND fz.on_day = GREATEST({day}, {first})"


def thaw_lives(con: Any, suffix: str = "") -> None:
    """Add to `life_signs` the day from which their silence is counted: `last_day`."""
    day = "CAST(l.last_at AS DATE)"
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE life_signs{suffix} AS
        SELECT l.person, l.last_at, {day} + COALESCE(fz.days, 0) AS last_day
        FROM life_signs{suffix} l {frozen_join(suffix, str(SILENCE), day)}
        """
    )


def silent_day(alias: str, *, thawed: bool) -> str:
    """SQL: the day from which silence is counted, of a row of `life_signs`."""
    return f"{alias}.last_day" if thawed else f"CAST({alias}.last_at AS DATE)"
