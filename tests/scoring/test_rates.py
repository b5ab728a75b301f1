"""Points for the share of e-mails that somebody opens."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import duckdb
import pytest

from config.attributes import BUILT_IN
from scoring.engine import score
from tests.scoring.cases import ago, engagement, life
from tests.scoring.mirror import fill, scores_of
from tests.scoring.oracle import Person
from tests.scoring.strategies import AS_OF

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.scoring.oracle_conditions import Activity

READS = """
rules:
  - {name: Reads, activity: email_open, rate: {at_least: 50%, over: 30d, among: 4}, points: 40}
  - {name: Deaf, activity: email_open, rate: {below: 20%, over: 30d, among: 4}, points: -5}
levels: {1: 30, 2: 0}
"""


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET threads = 1")
        yield connection


def mails(*days: int, kind: str = "email_delivered", **facts: object) -> list[Activity]:
    return [ago(day, kind, campaign=f"Mail {day}", asset="News", **facts) for day in days]


def opened(day: int, mail: int, **facts: object) -> Activity:
    return ago(day, "email_open", campaign=f"Mail {mail}", asset="News", **facts)


def test_a_rate_is_of_different_mails_in_the_window(con: duckdb.DuckDBPyConnection) -> None:
    model = engagement(READS)
    sent = mails(2, 9, 16, 23, 30)  # the last of them a day too old
    twice = [opened(1, 2), opened(2, 2), opened(0, 2)]
    assert life(con, model, *sent, *twice)[1] == []
    _, lines = life(con, model, *sent, *twice, opened(8, 9))
    assert lines == [("Reads", "points", 40_000_000, 2)]
    _, lines = life(con, model, *sent, opened(8, 9, flagged_machine=True))
    assert lines == [("Deaf", "points", -5_000_000, 0), ("floor", "floor", 5_000_000, 0)]
    assert life(con, model, *sent[:3], *twice, opened(8, 9), opened(3, 16))[1] == []  # of three no rate is told


def test_counters_of_a_crm_stand_for_as_many_mails(con: duckdb.DuckDBPyConnection) -> None:
    model = engagement(READS)
    _, lines = life(con, model, ago(4, "email_delivered", count=6), ago(3, "email_open", count=3))
    assert lines == [("Reads", "points", 40_000_000, 3)]


def test_the_day_on_which_a_rate_falls_is_foretold(con: duckdb.DuckDBPyConnection) -> None:
    """A rate rises, too, when unopened mail grows too old; the level is lost with the first opened one that does."""
    model = engagement(READS)
    sent = mails(29, 20, 10, 5, 4, 3)
    life_ = [*sent, opened(20, 20), opened(10, 10), opened(5, 5)]
    fill(con, [Person({}, life_)], BUILT_IN)
    score(con, model, AS_OF, attributes=BUILT_IN)
    # Tomorrow three of five; in ten days two of four; in twenty days too few are left to tell.
    assert scores_of(con)[0]["valid_until"] == AS_OF.date() + timedelta(days=20)
