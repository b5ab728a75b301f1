"""Points by hand: an own field of the CRM corrects a score, from a day on and for a time."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from config.attributes import BUILT_IN
from config.errors import ConfigError
from config.model import Model, checked_model
from config.yaml_file import parse
from scoring.engine import score
from scoring.golden import run_examples
from tests.scoring.cases import ago
from tests.scoring.mirror import fill, ledger_of, scores_of
from tests.scoring.oracle import Person
from tests.scoring.strategies import AS_OF, NOW

if TYPE_CHECKING:
    from collections.abc import Iterator

TYPES = BUILT_IN | {"correction": "number", "corrected_on": "date"}
TEXT = """
model: by-hand
engagement:
  rules: [{name: Form, activity: form_submission, points: 20}]
  inactivity: {30d: all}
  adjust: {by: correction, on: corrected_on, lasts: 30d}
  levels: {1: 30, 2: 10, 3: 0}
trend: {over: 7d, rising: 5, cooling: -5}
also_write: [trend_reason]
"""


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET threads = 1")
        yield connection


def model_of(text: str = TEXT) -> Model:
    return checked_model(parse(text, Path("scoring.yaml")), TYPES)


def corrected(con: Any, points: float, days: int | None, *events: Any) -> tuple[dict[str, Any], list[tuple]]:
    facts: dict[str, Any] = {"correction": points}
    if days is not None:
        facts["corrected_on"] = NOW - timedelta(days=days)
    fill(con, [Person(facts, list(events))], TYPES)
    score(con, model_of(), AS_OF, attributes=TYPES)
    return scores_of(con)[0], [line[1:5] for line in ledger_of(con, 1)[0] if line[0] == "engagement"]


def test_points_by_hand_are_a_line_and_a_reason_and_run_out(con: Any) -> None:
    row, lines = corrected(con, 15.5, 10, ago(1, "form_submission"))
    assert ("Adjusted by hand", "adjusted", 15_500_000, 1) in lines
    assert (row["engagement_score"], row["level"]) == (36, "1")
    assert row["reasons"] == "Form +20 · Adjusted by hand +16"
    assert row["valid_until"] == AS_OF.date() + timedelta(days=20)
    assert corrected(con, 15.5, 30)[1] == []


def test_they_count_for_those_who_did_nothing_and_take_from_the_total(con: Any) -> None:
    assert corrected(con, 25, 0)[0]["engagement_score"] == 25
    row, lines = corrected(con, -50, 29, ago(1, "form_submission"))
    assert row["engagement_score"] == 0
    assert ("floor", "floor", 30_000_000, 0) in lines


def test_silence_takes_none_of_them(con: Any) -> None:
    assert corrected(con, 25, 2, ago(40, "form_submission"))[0]["engagement_score"] == 25


def test_without_points_or_a_day_or_before_it_nothing_counts(con: Any) -> None:
    fill(con, [Person({"corrected_on": NOW}, [])], TYPES)
    score(con, model_of(), AS_OF, attributes=TYPES)
    assert ledger_of(con, 1) == [[]]
    assert corrected(con, 25, None)[1] == []
    assert corrected(con, 25, -1)[1] == []


def test_a_trend_knows_since_when_they_count(con: Any) -> None:
    assert corrected(con, 25, 3)[0]["trend_reason"] == "behaviour +25"
    assert "trend_reason" not in corrected(con, 25, 8)[0]


AFRESH = """
model: afresh
engagement:
  rules:
    - {name: Form, activity: form_submission, points: [20, 5]}
    - {name: Pages, activity: page_view, count: {at_least: 2}, points: 7}
  inactivity: {30d: -3}
  restart: corrected_on
trend: {over: 7d, rising: 5, cooling: -5}
also_write: [trend_reason]
"""


def test_a_fresh_start_forgets_what_was_before_it(con: Any) -> None:
    """Sales gave the lead back three days ago: turns and counts begin anew, and the past keeps its scores."""
    deeds = [ago(days, "form_submission") for days in (40, 20, 1)] + [ago(days, "page_view") for days in (9, 2)]
    fill(con, [Person({"corrected_on": NOW - timedelta(days=days)}, deeds) for days in (3, -1)], TYPES)
    score(con, model_of(AFRESH), AS_OF, attributes=TYPES)
    begun, never = ([line[1:5] for line in lines] for lines in ledger_of(con, 2))
    assert begun == [("Form", "points", 20_000_000, 1), ("Fresh start", "restart", 0, 0)]
    assert never == [("Form", "points", 30_000_000, 3), ("Pages", "points", 7_000_000, 2)]
    first, second = scores_of(con)
    assert (first["engagement_score"], first["trend_reason"]) == (20, "behaviour -5")
    assert (second["engagement_score"], second["trend_reason"]) == (37, "behaviour +12")


def test_silence_goes_on_through_a_fresh_start(con: Any) -> None:
    fill(con, [Person({"corrected_on": NOW - timedelta(days=3)}, [ago(40, "form_submission")])], TYPES)
    score(con, model_of(AFRESH), AS_OF, attributes=TYPES)
    assert ("inactivity", "inactivity", -3_000_000, 1) in [line[1:5] for line in ledger_of(con, 1)[0]]


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("by: correction", "by: corection", ["unknown attribute 'corection'", "'correction'"]),
        ("by: correction", "by: job_title", ["needs a number", "'job_title' is a text", "type: number"]),
        ("on: corrected_on", "on: correction", ["needs a date", "type: date"]),
        ("adjust: {by: correction, on: corrected_on, lasts: 30d}", "restart: correction", ["`restart` needs a date"]),
        (", on: corrected_on", "", ["nothing says when the days begin", "`on`"]),
    ],
)
def test_a_mistake_names_its_line(before: str, after: str, words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        model_of(TEXT.replace(before, after))
    assert "scoring.yaml:6:" in str(caught.value)
    assert all(word in str(caught.value) for word in words)


def test_a_golden_person_can_be_corrected() -> None:
    example = """
examples:
  - name: Met at the fair
    person: {correction: 30, corrected_on: 29d ago}
    expect: {engagement: 30, level: 1}
  - name: Met long ago
    person: {correction: 30, corrected_on: 30d ago}
    expect: {engagement: 0}
"""
    assert run_examples(model_of(TEXT + example), TYPES) == []
