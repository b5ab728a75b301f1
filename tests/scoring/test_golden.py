"""Golden examples run through the engine, and cases small enough to be worked out by hand."""

from __future__ import annotations

from datetime import timedelta
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from config.attributes import BUILT_IN
from config.model import Model, checked_model, load_model
from config.yaml_file import parse
from scoring.engine import score
from scoring.golden import run_examples
from tests.scoring.mirror import fill, ledger_of, scores_of
from tests.scoring.oracle import Person
from tests.scoring.oracle_conditions import Activity
from tests.scoring.strategies import AS_OF, NOW

if TYPE_CHECKING:
    from collections.abc import Iterator

SAMPLE = """\
model: sample
fit:
  criteria:
    - {name: Decision maker, when: {job_title: {matches: "chief|head"}}, points: 25}
    - {name: Target industry, when: {company.industry: [software]}, points: 20, otherwise: -5}
    - {name: Company size, by: company.employee_count, bands: {50: 10, 250: 20}}
  grades: {A: 40, B: 20, C: 0}
engagement:
  decay: {half_life: 30d}
  rules:
    - {name: Pricing page, activity: page_view, when: {url: {path: "/pricing*"}}, points: 10, at_most: 30 per 7d}
    - {name: Demo form, activity: form_submission, points: 50, count: first}
    - {name: E-mail click, activity: email_click, points: 5, unless: machine}
    - {name: Unsubscribed, activity: unsubscribe, points: -50, decay: none}
  inactivity: {30d: -5}
  levels: {1: 60, 2: 20, 3: 0}
trend: {over: 14d, rising: 10, cooling: -10}
lifecycle:
  order: [subscriber, mql]
  transitions: [{to: mql, enter: {engagement: {at_least: 60}}, exit: {engagement: {below: 45}}, requires: [email]}]
examples:
  - name: Head of IT
    person: {job_title: Head of IT}
    company: {industry: Software}
    activities: [{type: form_submission, days_ago: 30}]
    expect: %s
"""


def model(expect: str = "{grade: A}") -> Model:
    return checked_model(parse(SAMPLE % expect, Path("scoring.yaml")), BUILT_IN)


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:") as connection:
        yield connection


def scored(con: Any, *activities: Activity, stage: str | None = None, **attributes: Any) -> tuple[dict, list[tuple]]:
    fill(con, [Person(attributes, list(activities), stage)], BUILT_IN)
    score(con, model(), AS_OF, attributes=BUILT_IN)
    return scores_of(con)[0], ledger_of(con, 1)[0]


def ago(days: int, kind: str, **facts: Any) -> Activity:
    return Activity(kind, NOW - timedelta(days=days), **facts)


def test_a_right_example_passes() -> None:
    # 25 + 20 for fit; 50 halved to 25 less 5 for thirty silent days.
    assert run_examples(model("{grade: A, fit: 45, engagement: 20, level: 2, rating: A2, stage: subscriber}")) == []


def test_a_wrong_example_says_what_was_expected_and_what_came() -> None:
    (failure,) = run_examples(model("{grade: B, engagement: {at_least: 30}, trend: rising, fit: {at_most: 45}}"))
    assert str(failure) == (
        "Head of IT: engagement: expected at least 30, got 20; grade: expected B, got A; "
        "trend: expected rising, got cooling"
    )


def test_the_starter_models_examples_pass() -> None:
    path = Path(str(resources.files("config") / "presets" / "b2b-saas.yaml"))
    assert run_examples(load_model(path, BUILT_IN)) == []


def test_the_ledger_tells_points_decay_and_cap_and_rounding(con: Any) -> None:
    # 2026-03-15 is a Sunday and 2026-03-16 a Monday: two calendar weeks, of which one is capped.
    events = [ago(3, "page_view", url="/pricing", count=4), ago(2, "page_view", url="/pricing/eu")]
    row, lines = scored(con, *events)
    three, two = 9_330_330, 9_548_416  # 10 points after 3 and 2 days of a half-life of 30
    assert [line[1:5] for line in lines if line[0] == "engagement"] == [
        ("Pricing page", "cap", 30_000_000 - 4 * three, 5),
        ("Pricing page", "decay", 4 * three + two - 50_000_000, 5),
        ("Pricing page", "points", 50_000_000, 5),
        ("rounding", "rounding", 40_000_000 - 30_000_000 - two, 0),
    ]
    assert row["engagement_score"] == 40


def test_unknown_is_not_bad(con: Any) -> None:
    row, _ = scored(con)
    assert (row["fit_grade"], row["grade_best"], row["grade_worst"], row["rating"]) == ("?", "A", "C", "?3")
    assert row["next_fact"] == "Job title"
    row, _ = scored(con, **{"job_title": "Clerk", "company.employee_count": 300.0})
    assert (row["fit_grade"], row["grade_best"], row["grade_worst"]) == ("B", "A", "C")
    assert row["next_fact"] == "Company industry"


def test_reasons_are_whole_points_largest_first(con: Any) -> None:
    events = [ago(0, "form_submission"), ago(0, "unsubscribe"), ago(1, "page_view", url="/pricing")]
    row, _ = scored(con, *events, job_title="Chief")
    assert row["reasons"] == "Demo form +50 · Unsubscribed -50 · Decision maker +25"


def test_machines_are_set_aside_and_shown(con: Any) -> None:
    scan = {"since_send_s": 1.0, "user_agent": "Mimecast"}
    row, lines = scored(con, ago(1, "email_click", url="/a", **scan), ago(1, "email_click", url="/b", since_send_s=1.0))
    assert ("engagement", "E-mail click", "machine: fast+user_agent", 0, 1, None) in lines
    assert row["engagement_score"] == 5  # one weak sign is not enough


def test_valid_until_is_the_day_of_the_drop(con: Any) -> None:
    # 60 at once; 59.5 rounds to 60, so level 1 and rating last as long as 2 ** (-days / 30) >= 59.5 / 60.
    events = [ago(0, "form_submission"), ago(0, "page_view", url="/pricing")]
    row, _ = scored(con, *events, email="x@y.example")
    assert (row["engagement_score"], row["level"], row["stage"]) == (60, "1", "mql")
    assert row["valid_until"] == NOW.date() + timedelta(days=1)


def test_a_stage_is_left_only_at_its_exit(con: Any) -> None:
    row, _ = scored(con, ago(3, "form_submission"), stage="mql")
    assert (row["engagement_score"], row["stage"]) == (47, "mql")
    row, _ = scored(con, ago(5, "form_submission"), stage="mql")
    assert (row["engagement_score"], row["stage"], row["stage_before"]) == (45, "mql", "mql")
    row, _ = scored(con, ago(6, "form_submission"), stage="mql")
    assert (row["engagement_score"], row["stage"]) == (44, "subscriber")
