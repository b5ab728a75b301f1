"""Stages that have to be stayed in, dates of the next drop, whom to skip: cases worked out by hand."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from scoring.engine import score
from scoring.golden import run_examples
from tests.scoring.mirror import fill, scores_of
from tests.scoring.oracle import Person
from tests.scoring.oracle_conditions import Activity
from tests.scoring.strategies import AS_OF, NOW
from tests.scoring.test_oracle import model_of

if TYPE_CHECKING:
    from collections.abc import Iterator

TODAY = NOW.date()
AGENT = {"name": "Agent", "when": {"job_title": "agent"}, "points": 10}


@pytest.fixture(scope="module")
def con() -> Iterator[Any]:
    with duckdb.connect(":memory:") as connection:
        yield connection


def scored(con: Any, person: Person, **sections: Any) -> dict[str, Any]:
    """One person by a model in which a form is worth 60 points that last ten days."""
    rule = {"name": "Form", "activity": "form_submission", "points": 60, "within": "10d"}
    ways = [
        {"to": "warm", "enter": {"engagement": {"at_least": 20}}, "exit": {"engagement": {"below": 10}}, "dwell": "7d"},
        {"to": "hot", "enter": {"engagement": {"at_least": 50}}, "exit": {"engagement": {"below": 40}}},
    ]
    life = {"order": ["new", "warm", "hot"], "transitions": ways, "hold": "30d"}
    fill(con, [person], {})
    data = {"model": "m", "engagement": {"rules": [rule]}, "lifecycle": life}
    score(con, model_of(data | sections), AS_OF, attributes={})
    return scores_of(con)[0]


def form(days_ago: int = 0) -> Activity:
    return Activity("form_submission", NOW - timedelta(days=days_ago))


@pytest.mark.parametrize(("days", "stage"), [(6, "warm"), (7, "hot"), (None, "hot")])
def test_who_has_entered_a_stage_stays_for_its_time_before_moving_up(con: Any, days: int | None, stage: str) -> None:
    since = None if days is None else NOW - timedelta(days=days)
    assert scored(con, Person({}, [form()], "warm", since))["stage"] == stage


@pytest.mark.parametrize(("days", "stage"), [(6, "warm"), (7, "new")])
def test_and_before_moving_down(con: Any, days: int, stage: str) -> None:
    assert scored(con, Person({}, [], "warm", NOW - timedelta(days=days)))["stage"] == stage


def test_the_stage_is_not_said_to_drop_before_that(con: Any) -> None:
    dates = {"also_write": ["stage_until", "rating_until"]}
    row = scored(con, Person({}, [form(9)], "warm", NOW - timedelta(days=3)), **dates)
    assert (row["stage"], row["rating_until"]) == ("warm", TODAY + timedelta(days=1))
    assert row["stage_until"] == TODAY + timedelta(days=4)
    assert row["valid_until"] == row["rating_until"]


@pytest.mark.parametrize(("before", "times", "stage"), [("new", 1, "warm"), ("new", 2, "new"), ("warm", 2, "warm")])
def test_who_has_come_back_often_enough_comes_no_more(con: Any, before: str, times: int, stage: str) -> None:
    ways = [{"to": "warm", "enter": {"engagement": {"at_least": 20}}, "max_entries": 2}]
    life = {"order": ["new", "warm", "hot"], "transitions": ways}
    person = Person({}, [form()], before, NOW - timedelta(days=3), entries={"warm": times, "hot": 7})
    assert scored(con, person, lifecycle=life)["stage"] == stage


def test_an_example_says_how_often_they_came() -> None:
    ways = [{"to": "warm", "enter": {"engagement": {"at_least": 20}}, "max_entries": 2}]
    forms = {"rules": [{"name": "Form", "activity": "form_submission", "points": 60}]}
    came = {"activities": [{"type": "form_submission"}], "stage": "new"}
    examples = [
        {"name": "Once more", **came, "entries": {"warm": 1}, "expect": {"stage": "warm"}},
        {"name": "No more", **came, "entries": {"warm": 2}, "expect": {"stage": "new"}},
    ]
    data = {"model": "m", "engagement": forms, "lifecycle": {"order": ["new", "warm"], "transitions": ways}}
    assert run_examples(model_of(data | {"examples": examples})) == []


def test_a_stage_set_by_hand_is_held_against_everything_until_it_runs_out(con: Any) -> None:
    gates = [{"name": "Left us", "activity": "unsubscribe", "effect": "disqualify"}]
    left = [Activity("unsubscribe", NOW)]
    held = Person({}, left, "hot", NOW, held_until=TODAY + timedelta(days=1))
    row = scored(con, held, gates=gates)
    assert (row["stage"], row["rating"]) == ("hot", "disqualified")
    over = Person({}, left, "hot", NOW, held_until=TODAY)
    assert scored(con, over, gates=gates)["stage"] == "new"
    below = Person({}, [], "hot", NOW - timedelta(days=9), held_until=TODAY + timedelta(days=5))
    assert scored(con, below, also_write=["stage_until"])["stage_until"] == TODAY + timedelta(days=5)


def test_an_example_can_expect_profile_and_skip() -> None:
    profiles = [{"name": "Agency", "when": {"company.industry": "agency"}, "criteria": [AGENT]}]
    example = {"name": "One", "company": {"industry": "agency"}, "expect": {"profile": "Agency", "skip": "no"}}
    data = {"model": "m", "fit": {"profiles": profiles}, "skip": {"below": {"fit": 10}}, "examples": [example]}
    (failure,) = run_examples(model_of(data))
    assert failure.problems == ("skip: expected no, got yes",)


def test_whoever_is_low_on_all_that_is_written_is_to_be_skipped(con: Any) -> None:
    skip = {"below": {"engagement": 60, "fit": 1}}
    assert scored(con, Person({}, [form()]), skip=skip)["skip"] == "no"
    assert scored(con, Person({}, []), skip=skip)["skip"] == "yes"
    assert scored(con, Person({}, []), skip={"below": {"engagement": 60}})["skip"] == "yes"
