"""Outages, told from the facts alone: days without a single activity of a type that used to come every such day.

A day is missing when nobody did the thing, although on each of the WEEKS weekdays of its name before it (days that were
missing themselves left out) at least PLENTY activities came. Two missing days on end are an outage; one may be a source
that is late; after LONGEST days the thing has ended. Only days that were over when something was pulled last are looked
at, so that our own pauses are no outage; and when the activities come after all, the outage was none.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    import duckdb

PLENTY: Final = 20
"""So many activities a day do not cease by chance: where twenty are usual, one day in 500 million has none."""

WEEKS: Final = 4
"""So many weekdays of a name make a habit: what rests at weekends is not missed then."""

SHORTEST: Final = 2
"""Days on end that make an outage."""


LONGEST: Final = 30
"""Days after which a thing that no longer happens has simply ended."""

_YEARS: Final = timedelta(days=3653)
"""Only so far back are outages looked for."""


def find_outages(counts: Mapping[date, int], last: date) -> list[tuple[date, date]]:
    """First and last day of each outage of one type, from its activities per UTC day, up to the day `last`."""
    outages: list[tuple[date, date]] = []
    habits: dict[int, list[int]] = {weekday: [] for weekday in range(7)}
    day = max(min(counts, default=last), last - _YEARS)
    missing = 0
    while day <= last:
        came, habit = counts.get(day, 0), habits[day.weekday()]
        if came == 0 and len(habit) >= WEEKS and min(habit[-WEEKS:]) >= PLENTY:
            missing += 1
            if missing >= SHORTEST:
                first = day - timedelta(days=missing - 1)
                outages = [*(each for each in outages if each[0] != first), (first, day)]
            if missing == LONGEST:
                habits, missing = {weekday: [] for weekday in range(7)}, 0
        else:
            habit.append(came)
            missing = 0
        day += timedelta(days=1)
    return outages


def note_outages(connection: duckdb.DuckDBPyConnection) -> None:
    """Create `outages` (type, first_day, last_day), as the engine reads it."""
    per_day: dict[str, dict[date, int]] = {}
    for kind, day, came in connection.execute(
        """
        SELECT type, day, sum(came)::BIGINT FROM (
            SELECT signature, occurred_at::DATE AS day, count(*) AS came FROM store.facts GROUP BY ALL
        ) JOIN store.signatures USING (signature) GROUP BY ALL ORDER BY ALL
        """
    ).fetchall():
        per_day.setdefault(kind, {})[day] = came
    ((pulled,),) = connection.execute("SELECT max(stored_at)::DATE FROM store.cursors").fetchall()
    rows = [
        (kind, first, last)
        for kind, counts in per_day.items()
        if pulled is not None
        for first, last in find_outages(counts, pulled - timedelta(days=1))
    ]
    columns = list(zip(*rows, strict=True)) or [(), (), ()]
    table = pa.table(
        {
            "type": pa.array(columns[0], pa.string()),
            "first_day": pa.array(columns[1], pa.date32()),
            "last_day": pa.array(columns[2], pa.date32()),
        }
    )
    connection.register("found_outages", table)
    connection.execute("CREATE OR REPLACE TEMP TABLE outages AS FROM found_outages")
    connection.unregister("found_outages")


def lasting(connection: duckdb.DuckDBPyConnection, today: date) -> list[tuple[str, date, date]]:
    """Type, first and last day of the outages that have not ended, by `outages`."""
    return connection.execute(
        "SELECT type, first_day, last_day FROM outages WHERE last_day >= $today::DATE - 1 ORDER BY ALL",
        {"today": today},
    ).fetchall()
