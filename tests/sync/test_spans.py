"""Spans: as many people at a time as there is room for, by what they did."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import pytest

from sync.mirror import views

if TYPE_CHECKING:
    from collections.abc import Iterator

ACTIVITY_BYTES = 155


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    """10,000 people, each the owner of their number; the thousand from 4,001 on did a hundred things each."""
    with duckdb.connect(":memory:", config={"memory_limit": "16MB", "threads": 1}) as connection:
        connection.execute("""
            CREATE SCHEMA store;
            CREATE TABLE store.facts AS SELECT 4001 + n % 1000 AS owner FROM range(100000) r (n);
            CREATE TABLE owners_now AS SELECT n AS owner, n AS person FROM range(1, 10001) r (n);
            CREATE TABLE members AS SELECT person FROM owners_now;
        """)
        yield connection


def test_those_who_did_much_are_scored_fewer_at_a_time(con: duckdb.DuckDBPyConnection) -> None:
    found = views.spans(con, ACTIVITY_BYTES)
    assert [(span.first, span.last) for span in found] == [(1, 4000), (4001, 5000), (5001, 10000)]


def test_more_room_makes_fewer_spans_up_to_the_most_people(
    con: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    con.execute("SET memory_limit = '1GB'")
    assert views.spans(con, ACTIVITY_BYTES) == [views.Span(1, 10_000)]
    monkeypatch.setattr(views, "SPAN", 3_000)
    assert [span.first for span in views.spans(con, ACTIVITY_BYTES)] == [1, 3001, 6001, 9001]


def test_nobody_is_one_span(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("DELETE FROM members")
    assert views.spans(con, ACTIVITY_BYTES) == [views.Span(1, 1)]
