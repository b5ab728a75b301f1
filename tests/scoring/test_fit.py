"""Ways to write fit, each small enough to be worked out by hand; the oracle compares them at random."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from config.attributes import BUILT_IN
from config.errors import ConfigError
from config.model import Model, checked_model
from config.sensitive import protected
from config.yaml_file import parse
from scoring.engine import score
from tests.scoring.mirror import fill, ledger_of, scores_of
from tests.scoring.oracle import Person
from tests.scoring.oracle_conditions import Activity
from tests.scoring.strategies import AS_OF, NOW

if TYPE_CHECKING:
    from collections.abc import Iterator

TYPES = {**BUILT_IN, "birth_year": "number", "years_here": "number"}
THIRDS = """
  ladder: thirds
  criteria:
    - {name: Boss, when: {job_title: {contains: head}}, rungs: 3}
    - {name: Abroad, when: {country: [PL, IT]}, rungs: -1}
    - {name: Big, when: {company.employee_count: {at_least: 100}}, rungs: 2}
"""


def model(fit: str, top: str = "") -> Model:
    return checked_model(parse(f"model: m\n{top}\nfit: {fit}", Path("scoring.yaml")), TYPES)


@pytest.fixture(scope="module")
def con() -> Iterator[Any]:
    with duckdb.connect(":memory:") as connection:
        yield connection


def scored(con: Any, of: Model, *events: Activity, **facts: Any) -> tuple[dict[str, Any], list[tuple]]:
    fill(con, [Person(facts, list(events))], TYPES)
    score(con, of, AS_OF, attributes=TYPES)
    return scores_of(con)[0], [line[1:4] for line in ledger_of(con, 1)[0]]


@pytest.mark.parametrize(
    ("facts", "grade"),
    [
        ({"country": "DE"}, "D"),
        ({"country": "PL"}, "D-"),
        ({"job_title": "Head of IT"}, "C"),
        ({"job_title": "Head of IT", "company.employee_count": 500.0}, "B-"),
        ({"job_title": "Head of IT", "company.employee_count": 500.0, "country": "IT"}, "C+"),
        ({}, "?"),
    ],
)
def test_everybody_begins_at_d_and_moves_by_thirds_of_a_letter(con: Any, facts: dict[str, Any], grade: str) -> None:
    row, lines = scored(con, model(THIRDS), **facts)
    assert row["fit_grade"] == grade
    assert ("start", "start", 16_000_000) in lines
    assert sum(micro for _, _, micro in lines) == row["fit_score"] * 1_000_000


def test_the_ladder_ends_at_its_top_and_bottom(con: Any) -> None:
    ends = "{ladder: thirds, criteria: [{name: All, when: {job_title: {contains: head}}, rungs: 13}, "
    of = model(ends + "{name: None, when: {country: PL}, rungs: -26}]}")
    assert scored(con, of, job_title="Head")[0]["fit_grade"] == "A+"
    assert scored(con, of, country="PL")[0]["fit_grade"] == "F"


def test_weights_are_shares_of_the_whole_and_bands_shares_of_the_weight(con: Any) -> None:
    of = model(
        "{criteria: [{name: Boss, when: {job_title: {contains: head}}, weight: 60%}, "
        "{name: Size, by: company.employee_count, weight: 40%, bands: {50: 50, 250: 100}}]}"
    )
    assert scored(con, of, **{"job_title": "Head", "company.employee_count": 60.0})[0]["fit_score"] == 80
    assert scored(con, of, **{"job_title": "Head", "company.employee_count": 600.0})[0]["fit_score"] == 100
    assert scored(con, of, **{"job_title": "Clerk", "company.employee_count": 6.0})[0]["fit_score"] == 0


def test_the_first_profile_that_holds_counts_and_another_ones_criteria_do_not(con: Any) -> None:
    of = model("""
  criteria: [{name: Boss, when: {job_title: {contains: head}}, points: 10}]
  profiles:
    - {name: Big, when: {company.employee_count: {at_least: 100}}, criteria: [{name: Home, when: {country: DE}, points: 30}]}
    - {name: Agency, when: {company.industry: agency}, criteria: [{name: Home, when: {country: PL}, points: 50}]}
""")  # noqa: E501 - a line of YAML
    both = {"company.employee_count": 500.0, "company.industry": "agency", "country": "PL", "job_title": "Head"}
    row, lines = scored(con, of, **both)
    assert (row["fit_profile"], row["fit_score"]) == ("Big", 10)
    assert not [line for line in lines if line[0] == "Home"]
    row, _ = scored(con, of, **both | {"company.employee_count": 5.0})
    assert (row["fit_profile"], row["fit_score"]) == ("Agency", 60)
    row, lines = scored(con, of, job_title="Head")
    assert "fit_profile" not in row
    assert lines == [("Boss", "points", 10_000_000)]


@pytest.mark.parametrize(
    ("gate", "times", "days", "closed"),
    [
        ("activity: spam_complaint", 1, 400, True),
        ("activity: [spam_complaint, unsubscribe], within: 30d", 1, 29, True),
        ("activity: spam_complaint, within: 30d", 1, 30, False),
        ("activity: spam_complaint, at_least: 3", 2, 1, False),
        ("activity: spam_complaint, at_least: 3", 3, 1, True),
        ("activity: spam_complaint, when: {country: DE}", 1, 1, False),
    ],
)
def test_an_event_closes_a_gate(con: Any, gate: str, times: int, days: int, closed: bool) -> None:
    of = model("{}", f"gates: [{{name: Complained, {gate}, effect: disqualify}}]")
    row, _ = scored(con, of, Activity("spam_complaint", NOW - timedelta(days=days), count=times), country="PL")
    assert (row.get("gate"), row["rating"] == "disqualified") == (("Complained", True) if closed else (None, False))


def test_shipped_lists_tell_students_roles_and_job_seekers(con: Any) -> None:
    of = model(
        "{criteria: [{name: S, when: {any: [{email_domain: {ends_with: $student_domains}}, "
        "{job_title: {contains: $student_titles}}, {email: {starts_with: $role_addresses}}]}, points: 5}]}",
        "lists: {student_domains: preset, student_titles: preset, role_addresses: preset}",
    )
    met = [{"email_domain": "mit.EDU"}, {"job_title": "PhD student"}, {"email": "info@acme.example"}]
    assert [scored(con, of, **facts)[0]["fit_score"] for facts in met] == [5, 5, 5]
    assert scored(con, of, email="ines@acme.example", email_domain="acme.example")[0]["fit_score"] == 0


def test_a_sensitive_attribute_needs_to_be_acknowledged() -> None:
    old = "{criteria: [{name: Young, when: {birth_year: {above: 1995}}, points: 5}]}"
    with pytest.raises(ConfigError) as caught:
        model(old)
    assert "'birth_year' is a sensitive attribute" in str(caught.value)
    assert "acknowledge: [age]" in str(caught.value)
    assert model(old, "acknowledge: [age]").fit.traits
    assert model(old, "acknowledge: [birth_year]").fit.traits
    with pytest.raises(ConfigError, match="sensitive"):
        model("{}", "gates: [{name: G, when: {birth_year: {known: true}}, effect: disqualify}]")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("age", "age"),
        ("Date of birth", "age"),
        ("household_income", "income"),
        ("person.nationality", "nationality"),
        ("page_views", None),
        ("stage", None),
        ("package", None),
        ("company.age", None),
    ],
)
def test_what_tells_of_a_protected_trait(name: str, kind: str | None) -> None:
    assert protected(name) == kind
