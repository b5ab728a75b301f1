"""Visits on cases small enough to be worked out by hand."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from scoring.engine import score
from scoring.golden import run_examples
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


def rule(name: str, activity: str, points: float, when: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {"name": name, "activity": activity, "points": points} | ({"when": when} if when else {}) | more


EXAMPLES = [
    rule("Long visit", "visit", 7, {"pages": {"above": 8}}),
    rule("Back within a week", "visit", 5, {"days_since_last": {"between": [1, 7]}}),
    rule("Two visits in a week", "visit", 8, count={"at_least": 2}, within="7d"),
    rule("Bounce", "visit", -2, {"bounce": True}),
    rule("From the campaign", "visit", 3, {"campaign": "spring", "url": {"path": "/landing"}}),
    rule("Asks at once", "visit", 9, {"visit_number": 1, "forms": {"at_least": 1}}),
    rule("Stays", "visit", 4, {"duration": {"at_least": "10min"}}),
]
"""What people who score ask of visits."""


def test_facts_of_visits(con: Any) -> None:
    week_ago, monday = DAY - timedelta(days=8), DAY
    bounce = [at("09:00:00", "email_click", week_ago, "/x", campaign="Spring"), at("09:00:02", day=week_ago, url="/b")]
    assert run(con, EXAMPLES, *bounce)[1] == [("Bounce", "points", -2, 1), ("floor", "floor", 2, 0)]
    pages = [at(f"10:0{number}:00", url=f"/{number}", day=monday) for number in range(9)]
    back = [*bounce, *pages]
    assert run(con, EXAMPLES, *back)[1] == [
        ("Bounce", "points", -2, 1), ("Long visit", "points", 7, 1)
    ]  # fmt: skip
    again = [*pages, at("20:00:00", day=monday), at("08:00:00", day=monday + timedelta(days=2), url="/")]
    assert run(con, EXAMPLES, *again)[1] == [
        ("Back within a week", "points", 5, 1), ("Bounce", "points", -4, 2), ("Long visit", "points", 7, 1),
        ("Two visits in a week", "points", 8, 3),
    ]  # fmt: skip
    asked = [
        at("10:00:00", url="/landing"),
        at("10:00:01", "email_click", url="/landing", campaign="Spring"),
        at("10:10:00", "form_submission", url=None, asset="Demo"),
    ]
    assert {line[0] for line in run(con, EXAMPLES, *asked)[1]} == {"From the campaign", "Asks at once", "Stays"}


def test_a_chain_asks_for_different_pages_in_one_visit(con: Any) -> None:
    tour = [rule("Feature tour", "page_view", 15, {"url": {"path": "/features/*"}}, chain=3)]
    pages = [at(f"10:0{number}:00", url=f"/features/{number}") for number in range(3)]
    assert run(con, tour, *pages, at("10:09:00", url="/features/0"))[1] == [("Feature tour", "points", 15, 1)]
    assert run(con, tour, *pages[:2], at("10:09:00", url="/features/0"))[1] == []  # two different ones
    assert run(con, tour, *pages[:2], at("10:32:00", url="/features/2"))[1] == []  # the third in another visit
    slow = [tour[0] | {"when": {"url": {"path": "/features/*"}, "duration": {"at_least": "1min"}}}]
    assert run(con, slow, *pages, at("10:09:00", url="/"))[1] == [("Feature tour", "points", 15, 1)]
    assert run(con, slow, *pages)[1] == []  # nobody knows how long the last one was looked at


def test_opening_the_same_mail_again(con: Any) -> None:
    rules = [rule("Open", "email_open", 2), rule("Opened again", "email_reopen", 1)]
    mail = {"url": None, "campaign": "Spring", "asset": "News"}
    opens = [at("09:00:00", "email_open", **mail), at("09:30:00", "email_open", **mail, count=2)]
    other = [at("09:00:00", "email_open", **mail | {"asset": "Offer"}), at("10:00:00", "email_open", url=None, count=9)]
    assert run(con, rules, *opens)[1] == [("Open", "points", 6, 3), ("Opened again", "points", 2, 2)]
    assert run(con, rules, *other)[1] == [("Open", "points", 20, 10)]
    scanned = at("08:59:00", "email_open", **mail, flagged_machine=True)
    assert ("Opened again", "points", 2, 2) in run(con, rules, scanned, *opens)[1]


def test_visits_that_the_crm_counts_have_no_facts(con: Any) -> None:
    counted = Activity("visit", DAY, count=2)
    assert run(con, EXAMPLES, counted)[1] == [("Two visits in a week", "points", 8, 2)]


def test_golden_people_make_visits() -> None:
    seen = [{"type": "page_view", "url": f"/{number}", "earlier": f"{number}min"} for number in range(9)]
    example = {"name": "Reader", "activities": seen, "expect": {"engagement": 7}}
    model = model_of({"model": "visits", "engagement": {"rules": EXAMPLES[:1]}, "examples": [example]})
    assert run_examples(model, ATTRIBUTES) == []
