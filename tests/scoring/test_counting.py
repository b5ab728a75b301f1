"""Ways of counting, capping and ageing, in lives short enough to be worked out by hand."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import duckdb
import pytest

from tests.scoring.cases import ago, engagement, life
from tests.scoring.strategies import NOW

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:") as connection:
        yield connection


def test_points_lose_whole_percents_of_what_they_were_as_hubspot_counts(con: duckdb.DuckDBPyConnection) -> None:
    # HubSpot's own example: 10 points that lose 50 % a month are 5 after one month.
    model = engagement(
        "rules: [{name: Form, activity: form_submission, points: 10, decay: {lose: 50%, every: 30d}}]\n"
        "levels: {1: 8, 2: 3, 3: 0}"
    )
    scores = [life(con, model, ago(days, "form_submission"))[0]["engagement_score"] for days in (0, 29, 30, 59, 60, 61)]
    assert scores == [10, 10, 5, 5, 0, 0]
    assert life(con, model, ago(29, "form_submission"))[0]["valid_until"] == NOW.date() + timedelta(days=1)


def test_the_lapsed_are_told_from_those_who_never_came(con: duckdb.DuckDBPyConnection) -> None:
    model = engagement(
        "rules: [{name: Form, activity: form_submission, points: 50}]\n"
        "inactivity: {30d: -40, 90d: all}\n"
        "inactivity_floor: 3\n"
        "levels: {1: 50, 2: 10, 3: 3, 4: 0}"
    )
    lives = [[ago(days, "form_submission")] for days in (29, 30, 90)] + [[]]
    rows = [life(con, model, *events) for events in lives]
    assert [(row["engagement_score"], row["level"]) for row, _ in rows] == [(50, "1"), (10, "2"), (3, "3"), (0, "4")]
    assert ("inactivity", "inactivity", -47_000_000, 1) in rows[2][1]


def test_a_score_from_one_to_eighty(con: duckdb.DuckDBPyConnection) -> None:
    model = engagement("rules: [{name: Form, activity: form_submission, points: 50}]\nmin: 1\nmax: 80")
    row, lines = life(con, model)
    assert (row["engagement_score"], lines) == (1, [("floor", "floor", 1_000_000, 0)])
    row, lines = life(con, model, ago(1, "form_submission", count=2))
    assert row["engagement_score"] == 80
    assert ("ceiling", "ceiling", -20_000_000, 0) in lines
