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


def test_the_first_time_counts_most_and_counting_may_start_anew(con: duckdb.DuckDBPyConnection) -> None:
    ever = engagement("rules: [{name: Blog, activity: page_view, points: [10, 5, 2]}]")
    events = [ago(9, "page_view"), ago(8, "page_view", count=2), ago(1, "page_view")]
    row, lines = life(con, ever, *events)
    assert (row["engagement_score"], lines) == (19, [("Blog", "points", 19_000_000, 4)])
    daily = engagement("rules: [{name: Blog, activity: page_view, points: [10, 5, 2], count: {to: 2, per: day}}]")
    assert life(con, daily, ago(8, "page_view", count=9), ago(1, "page_view"))[0]["engagement_score"] == 25


def test_the_turn_of_an_event_stays_its_own_when_those_before_it_are_too_old(con: duckdb.DuckDBPyConnection) -> None:
    model = engagement("rules: [{name: Blog, activity: page_view, points: [10, 5], within: 30d}]")
    assert life(con, model, ago(40, "page_view"), ago(3, "page_view"))[0]["engagement_score"] == 5


def test_so_many_times_and_no_more(con: duckdb.DuckDBPyConnection) -> None:
    for count, scores in {
        "{exactly: 2}": [0, 10, 0, 0],
        "{between: [2, 3]}": [0, 10, 10, 0],
        "{at_least: 3}": [0, 0, 10, 10],
        "{from: 2, to: 3}": [0, 10, 20, 20],
    }.items():
        model = engagement(f"rules: [{{name: Form, activity: form_submission, points: 10, count: {count}}}]")
        rows = [life(con, model, ago(1, "form_submission", count=times))[0] for times in (1, 2, 3, 4)]
        assert [row["engagement_score"] for row in rows] == scores, count


def test_exactly_so_many_in_a_window_comes_true_when_one_grows_too_old(con: duckdb.DuckDBPyConnection) -> None:
    model = engagement(
        "rules: [{name: Twice, activity: page_view, points: -30, count: {exactly: 2}, within: 7d}, "
        "{name: Form, activity: form_submission, points: 80}]"
    )
    events = [ago(0, "form_submission"), ago(5, "page_view"), ago(1, "page_view", count=2)]
    row, _ = life(con, model, *events)
    assert (row["engagement_score"], row["valid_until"]) == (80, NOW.date() + timedelta(days=2))


def test_click_page_and_form_of_one_visit_are_one_deed(con: duckdb.DuckDBPyConnection) -> None:
    model = engagement(
        "rules:\n"
        "  - {name: Click, activity: email_click, points: 5, group: web}\n"
        "  - {name: Page, activity: page_view, points: 1, group: web}\n"
        "  - {name: Form, activity: form_submission, points: 50, group: web}\n"
        "groups: {web: {fold: visit}}"
    )
    deeds = [(0, "email_click"), (1, "page_view"), (2, "page_view"), (9, "form_submission"), (60, "page_view")]
    start = ago(1, "page_view").occurred_at
    events = [ago(1, kind, url="/a") for _, kind in deeds]
    for event, (minute, _) in zip(events, deeds, strict=True):
        event.occurred_at = start.replace(hour=9) + timedelta(minutes=minute)
    row, lines = life(con, model, *events)
    assert row["engagement_score"] == 51  # the form, and the page of the next visit
    assert lines == [
        ("Click", "folded", 0, 1),
        ("Form", "points", 50_000_000, 1),
        ("Page", "folded", 0, 2),
        ("Page", "points", 1_000_000, 1),
    ]


def test_caps_lie_within_each_other_and_within_those_of_the_group(con: duckdb.DuckDBPyConnection) -> None:
    model = engagement(
        "rules:\n"
        "  - {name: Page, activity: page_view, points: 4, at_most: 10 per day, group: web}\n"
        "  - {name: File, activity: download, points: 6, group: web}\n"
        "  - {name: Click, activity: email_click, points: 3, at_most: [5 per campaign, 12]}\n"
        "groups: {web: {max: [15 per day, 25]}}"
    )
    # By day 10 + 6 and 8 + 6; of these 15 and 14, of these 25. Three campaigns of two clicks: 5 each, 12 in all.
    events = [ago(1, "page_view", count=3), ago(1, "download"), ago(2, "page_view", count=2), ago(2, "download")]
    events += [ago(3, "email_click", campaign=name, count=2) for name in ("a", "b", None)]
    row, lines = life(con, model, *events)
    assert row["engagement_score"] == 37
    assert [line for line in lines if "cap" in line[1]] == [
        ("Click", "cap", -6_000_000, 6),
        ("Page", "cap", -2_000_000, 5),
        ("web", "group_cap", -5_000_000, 0),
    ]


def test_nothing_ages_and_nobody_is_silent_while_a_source_delivers_nothing(con: duckdb.DuckDBPyConnection) -> None:
    model = engagement(
        "rules:\n"
        "  - {name: Page, activity: page_view, points: 80, decay: {half_life: 10d}}\n"
        "  - {name: Call, activity: call, points: 8, decay: {half_life: 10d}}\n"
        "inactivity: {15d: -1}"
    )
    today = NOW.date()
    lost = [("page_view", today - timedelta(days=9), today)]
    row, lines = life(con, model, ago(20, "page_view"), ago(20, "call"), outages=lost)
    assert row["engagement_score"] == 42  # 40 after ten days, 2 after twenty, and ten days of silence
    assert ("Page", "frozen", 0, 1) in lines
    assert life(con, model, ago(20, "page_view"), ago(20, "call"))[0]["engagement_score"] == 21
