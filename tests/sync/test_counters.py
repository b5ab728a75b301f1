"""Counters become activities: nothing lost, nothing twice, and a merge adds nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sync_rig import ago, batch, mirror_at, record, store

from scoring.facts import Table
from sync.mirror.counters import MAX_SLOTS, spread

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

START = ago(500)
SCRATCH = duckdb.connect()


def expected(before: int | None, total: int, first: datetime | None, last: datetime) -> list[tuple[datetime, int]]:
    """What the counter gives, in plain words."""
    rise = max(total - (before or 0), 0)
    if rise == 0:
        return []
    if before is not None:
        return [(last, rise)]
    begin = min(first or last, last)
    slots = min(rise, (last.date() - begin.date()).days + 1, MAX_SLOTS)
    if slots == 1:
        return [(last, rise)]
    micro = (last - begin) // timedelta(microseconds=1)
    counts = [rise // slots + (1 if slot >= slots - rise % slots else 0) for slot in range(slots)]
    return [(begin + timedelta(microseconds=micro * slot // (slots - 1)), count) for slot, count in enumerate(counts)]


moments = st.integers(0, 400 * 86_400).map(lambda seconds: START + timedelta(seconds=seconds))


@settings(max_examples=200, deadline=None)
@given(
    before=st.none() | st.integers(0, 50),
    total=st.integers(0, 2000),
    first=st.none() | moments,
    last=moments,
)
def test_the_spread_is_what_it_says(before: int | None, total: int, first: datetime | None, last: datetime) -> None:
    con = SCRATCH.cursor()
    con.execute("""
        CREATE OR REPLACE TEMP TABLE counted (crm VARCHAR, record_id VARCHAR, type VARCHAR, before BIGINT,
            total BIGINT, first_at TIMESTAMP, last_at TIMESTAMP, seen_at TIMESTAMP)""")
    row = [before, total, first, last, START]
    con.execute("INSERT INTO counted VALUES ('x', '1', 'page_view', ?, ?, ?, ?, ?)", row)
    query = f"SELECT occurred_at, count, activity_id FROM ({spread('counted')}) ORDER BY occurred_at, activity_id"
    got = con.execute(query).fetchall()
    con.close()
    assert [row[:2] for row in got] == expected(before, total, first, last)
    assert len({row[2] for row in got}) == len(got)
    assert sum(row[1] for row in got) == max(total - (before or 0), 0)


@pytest.fixture
def con(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with mirror_at(tmp_path / "mirror.duckdb").open() as connection:
        yield connection


def counter(record_id: str, total: int, *, first: float, last: float) -> dict[str, Any]:
    return {
        "crm": "hubspot", "record_id": record_id, "type": "page_view", "total": total,
        "first_at": ago(first), "last_at": ago(last), "seen_at": ago(0),
    }  # fmt: skip


def counts(con: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
    return con.execute("SELECT occurred_at, count FROM store.facts ORDER BY occurred_at").fetchall()


def test_only_the_increase_is_a_new_activity(con: duckdb.DuckDBPyConnection) -> None:
    for _ in range(3):
        store(con, batch(Table.COUNTERS, [counter("1", 5, first=10, last=8)]))
        assert counts(con) == [(ago(10), 1), (ago(9), 2), (ago(8), 2)]
    store(con, batch(Table.COUNTERS, [counter("1", 9, first=10, last=2)]))
    store(con, batch(Table.COUNTERS, [counter("1", 9, first=10, last=2)]))
    assert counts(con) == [(ago(10), 1), (ago(9), 2), (ago(8), 2), (ago(2), 4)]


def test_a_counter_that_was_set_back_counts_on_from_there(con: duckdb.DuckDBPyConnection) -> None:
    for total, last in [(5, 9), (2, 8), (3, 7)]:
        store(con, batch(Table.COUNTERS, [counter("1", total, first=9, last=last)]))
    assert counts(con) == [(ago(9), 5), (ago(7), 1)]


def test_a_merge_moves_no_count_twice(con: duckdb.DuckDBPyConnection) -> None:
    both = [counter("1", 4, first=10, last=10), counter("2", 3, first=20, last=20)]
    store(con, batch(Table.RECORDS, [record("hubspot", "1"), record("hubspot", "2")]), batch(Table.COUNTERS, both))
    merge = {"crm": "hubspot", "kind": "contact", "record_id": "2", "removed": "merged", "successor_id": "1"}
    for _ in range(2):  # the survivor shows 4 + 3, and one page view since
        store(
            con,
            batch(Table.COUNTERS, [counter("1", 8, first=20, last=1)]),
            batch(Table.REMOVALS, [merge]),
        )
        assert counts(con) == [(ago(20), 3), (ago(10), 4), (ago(1), 1)]
