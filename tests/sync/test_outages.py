"""A source that fell silent is told from one that has its rhythm, and from a thing that has ended."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest
from sync_rig import NOW, ago, batch, mirror_at, record, store

from scoring.facts import Table
from sync import identity
from sync.mirror import views
from sync.mirror.outages import LONGEST, find_outages, lasting

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import duckdb

MONDAY = date(2026, 1, 5)


@pytest.fixture
def con(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with mirror_at(tmp_path / "mirror.duckdb").open() as con:
        yield con


def days(*numbers: int) -> list[date]:
    return [MONDAY + timedelta(days=number) for number in numbers]


def daily(length: int, *, without: set[int], came: int = 20) -> dict[date, int]:
    return {day: came for number, day in enumerate(days(*range(length))) if number not in without}


def test_two_days_without_anything_are_an_outage_and_one_is_none() -> None:
    counts = daily(60, without={35, 40, 41, 42})
    assert find_outages(counts, MONDAY + timedelta(days=59)) == [tuple(days(40, 42))]


def test_weekends_are_no_outage_and_few_are_not_missed() -> None:
    weekends = {number for number in range(60) if number % 7 in {5, 6}}
    assert find_outages(daily(60, without=weekends | {39, 42}), days(59)[0]) == []
    assert find_outages(daily(60, without=weekends | {43, 44}), days(59)[0]) == [tuple(days(43, 44))]
    assert find_outages(daily(60, without={40, 41, 42}, came=19), days(59)[0]) == []


def test_what_has_ended_is_an_outage_no_longer() -> None:
    assert find_outages(daily(40, without=set()), days(400)[0]) == [tuple(days(40, 39 + LONGEST))]
    assert find_outages({}, MONDAY) == []


def test_the_engine_reads_the_outages_of_the_mirror(con: duckdb.DuckDBPyConnection) -> None:
    store(con, batch(Table.RECORDS, [record("hubspot", "1")]))
    rows = [
        {
            "crm": "hubspot", "activity_id": f"{kind}-{past}-{number}", "record_id": "1", "type": kind, "count": 1,
            "occurred_at": ago(past), "seen_at": NOW,
        }
        for past in range(1, 40) for number in range(20) for kind in ("page_view", "email_open")
        if kind == "email_open" or past > 3
    ]  # fmt: skip
    store(con, batch(Table.ACTIVITIES, rows))
    identity.resolve(con)
    views.build(con, precedence=("hubspot", "salesforce"))
    lost = [NOW.date() - timedelta(days=past) for past in (3, 1)]
    assert con.execute("FROM outages").fetchall() == [("page_view", *lost)]
    assert lasting(con, NOW.date()) == [("page_view", *lost)]
    assert lasting(con, NOW.date() + timedelta(days=9)) == []
