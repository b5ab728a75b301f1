"""Visits on cases small enough to be worked out by hand."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from scoring.engine import score
from tests.scoring.mirror import fill, ledger_of, scores_of
from tests.scoring.oracle import Person
from tests.scoring.oracle_conditions import Activity
from tests.scoring.strategies import AS_OF, ATTRIBUTES
from tests.scoring.test_oracle import model_of

if TYPE_CHECKING:
    from collections.abc import Iterator

DAY = datetime(2026, 3, 16)  # noqa: DTZ001 - UTC


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:") as connection:
        yield connection


def at(clock: str, kind: str = "page_view", day: datetime = DAY, url: str | None = "/", **facts: Any) -> Activity:
    hours, minutes, seconds = map(int, clock.split(":"))
    moment = day + timedelta(hours=hours, minutes=minutes, seconds=seconds)
    return Activity(kind, moment, url=url, **facts)


def run(con: Any, rules: list[dict], *activities: Activity, **sections: Any) -> tuple[dict, list[tuple]]:
    """The scores, and of each line of engagement rule, kind, points and occurrences."""
    model = model_of({"model": "visits", "engagement": {"rules": rules}, **sections})
    fill(con, [Person({}, list(activities))], ATTRIBUTES)
    score(con, model, AS_OF, attributes=ATTRIBUTES)
    lines = [(rule, kind, micro / 1e6, times) for _, rule, kind, micro, times, _ in ledger_of(con, 1)[0]]
    return scores_of(con)[0], lines


READ = [{"name": "Read it", "activity": "page_view", "when": {"duration": {"at_least": "2min"}}, "points": 3}]


def test_time_on_a_page_ends_with_the_next_deed_of_the_visit(con: Any) -> None:
    page, form, last = at("10:00:00"), at("10:02:00", "form_submission", url=None, asset="Demo"), at("10:05:00")
    assert run(con, READ, page, form, last)[1] == [("Read it", "points", 3, 1)]
    assert run(con, READ, page, at("10:01:59"), last)[1] == [("Read it", "points", 3, 1)]  # the second one
    assert run(con, READ, page, at("10:30:01"))[1] == []  # a longer pause than half an hour: nobody knows


def test_numbers_of_visits(con: Any) -> None:
    """Midnight and long pauses end a visit; counters, machines and other deeds belong to none."""
    next_day = DAY + timedelta(days=1)
    activities = [
        at("23:50:00"),
        at("00:01:00", day=next_day),
        at("00:31:00", "email_click", day=next_day, url="/x"),
        at("00:45:00", "email_open", day=next_day, url=None, campaign="Spring"),
        at("00:40:00", "email_click", day=next_day, url="/y", flagged_machine=True),
        at("01:01:01", day=next_day, url="/late"),
        at("12:00:00", day=next_day, url=None, count=7),
    ]
    run(con, READ, *activities)
    rows = con.execute("SELECT occurred_at, visit FROM all_activities ORDER BY occurred_at").fetchall()
    assert [(moment.strftime("%H:%M"), visit) for moment, visit in rows] == [
        ("23:50", 1), ("00:01", 2), ("00:31", 2), ("00:40", None), ("00:45", None), ("01:01", 3), ("12:00", None)
    ]  # fmt: skip


def test_a_model_that_asks_for_no_visits_makes_none(con: Any) -> None:
    run(con, [{"name": "Page", "activity": "page_view", "points": 3}], at("10:00:00"))
    tables = {name for (name,) in con.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    assert "rule_signatures" in tables
    assert "all_activities" not in tables
