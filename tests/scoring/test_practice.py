"""What people who work with lead scoring ask for by name, each in a few lines of a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from config.attributes import BUILT_IN
from config.model import Model, checked_model
from config.yaml_file import parse
from scoring.engine import score
from tests.scoring.cases import ago, engagement, life
from tests.scoring.mirror import fill, scores_of
from tests.scoring.oracle import Person
from tests.scoring.strategies import AS_OF

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET threads = 1")
        yield connection


def model_of(text: str) -> Model:
    return checked_model(parse(f"model: practice\n{text}", Path("scoring.yaml")), BUILT_IN)


def row(con: Any, model: Model, person: Person) -> dict[str, Any]:
    fill(con, [person], BUILT_IN)
    score(con, model, AS_OF, attributes=BUILT_IN)
    return scores_of(con)[0]


def test_pages_and_links_are_worth_what_they_tell(con: Any) -> None:
    model = engagement(
        """
        rules:
          - {name: Link to a product, activity: email_click, when: {url: {path: "/products/*"}}, points: 5}
          - {name: Prices, activity: page_view, when: {url: {path: "/pricing*"}}, points: 10}
          - {name: About us, activity: page_view, when: {url: {path: "/about*"}}, points: 1}
          - {name: Careers, activity: page_view, when: {url: {path: "/careers*"}}, points: -4}
        """
    )
    _, lines = life(
        con,
        model,
        ago(1, "email_click", url="https://shop.example/products/red?utm=1"),
        ago(1, "email_click", url="https://shop.example/imprint"),
        ago(2, "page_view", url="/pricing/eu"),
        ago(2, "page_view", url="/about-us"),
        ago(2, "page_view", url="/careers"),
    )
    points = {rule: micro / 1e6 for rule, kind, micro, _ in lines if kind == "points"}
    assert points == {"Link to a product": 5, "Prices": 10, "About us": 1, "Careers": -4}


def test_deeds_weigh_by_the_effort_they_take(con: Any) -> None:
    model = engagement(
        """
        rules:
          - {name: Social, activity: [social_follow, social_like, social_share], points: 1, at_most: 3}
          - {name: Newsletter, activity: form_submission, when: {asset: {contains: news}}, points: 5}
          - {name: Download, activity: download, points: 10}
          - {name: Webinar, activity: webinar_attended, points: 20}
          - {name: Buying, activity: [product_view, cart_add, price_request], points: 15}
        """
    )
    kinds = ["social_like", "social_like", "social_follow", "social_share", "social_share"]
    kinds += ["download", "webinar_attended", "product_view", "cart_add", "price_request"]
    events = [ago(day, kind) for day, kind in enumerate(kinds)]
    scores, _ = life(con, model, *events, ago(1, "form_submission", asset="Newsletter, footer"))
    assert scores["engagement_score"] == 3 + 5 + 10 + 20 + 3 * 15


def test_how_often_forms_are_sent(con: Any) -> None:
    model = engagement(
        """
        rules:
          - {name: Form, activity: form_submission, points: 5}
          - {name: Asks again and again, activity: form_submission, count: {at_least: 3}, within: 30d, points: 15}
        """
    )
    forms = [ago(days, "form_submission") for days in (1, 12, 29, 31)]
    assert life(con, model, *forms)[0]["engagement_score"] == 4 * 5 + 15
    assert life(con, model, *forms[1:])[0]["engagement_score"] == 3 * 5


def test_being_there_every_week_counts_more_than_one_long_evening(con: Any) -> None:
    model = engagement(
        """
        rules:
          - {name: Active week, activity: [page_view, email_click], points: 5, at_most: 5 per week, within: 28d}
        """
    )
    regular = [ago(7 * week, "page_view") for week in range(4)]
    assert life(con, model, *regular)[0]["engagement_score"] == 20
    assert life(con, model, ago(1, "page_view", count=40))[0]["engagement_score"] == 5


def test_prices_or_the_contact_form_alone_make_a_lead_of_marketings(con: Any) -> None:
    model = model_of(
        """
engagement:
  rules:
    - {name: Prices, activity: page_view, when: {url: {path: "/pricing*"}}, points: 40}
    - {name: Contact form, activity: form_submission, when: {asset: Contact}, points: 40}
    - {name: Any page, activity: page_view, points: 1, at_most: 30}
lifecycle:
  order: [registration, nurture, MQL, SQL, opportunity, partner]
  transitions:
    - {to: nurture, enter: {engagement: {at_least: 5}}}
    - {to: MQL, enter: {engagement: {at_least: 40}}}
"""
    )
    stages = {}
    for what, event in {
        "nothing": [],
        "reads": [ago(2, "page_view", url="/blog", count=50)],
        "prices": [ago(2, "page_view", url="/pricing")],
        "contact": [ago(2, "form_submission", asset="Contact")],
    }.items():
        stages[what] = row(con, model, Person({}, event))["stage"]
    assert stages == {"nothing": "registration", "reads": "nurture", "prices": "MQL", "contact": "MQL"}


def test_a_role_gives_points_or_takes_them_and_each_known_fact_counts(con: Any) -> None:
    model = model_of(
        """
fit:
  criteria:
    - {name: Head of marketing, when: {job_title: {matches: "head of marketing|cmo"}}, points: 40}
    - {name: Specialist, when: {job_title: {contains: specialist}}, points: -10}
    - {name: Same country, when: {country: [DE, AT]}, points: 20, otherwise: -20}
    - {name: Gave a phone number, when: {phone: {known: true}}, points: 2}
    - {name: Gave a city, when: {city: {known: true}}, points: 2}
"""
    )
    head = row(con, model, Person({"job_title": "Head of Marketing", "phone": "1", "city": "Wien", "country": "AT"}))
    assert head["fit_score"] == 40 + 20 + 2 + 2
    assert row(con, model, Person({"job_title": "Specialist", "country": "AT"}))["fit_score"] == 20 - 10
    # A country that nobody knows counts neither for nor against them; a fact that is missing is no mismatch of it.
    unknown = row(con, model, Person({"job_title": "Head of Marketing"}))
    assert (unknown["fit_score"], unknown["next_fact"]) == (40, "Country")


def test_a_penalty_of_the_group_has_a_floor_of_its_own(con: Any) -> None:
    model = model_of(
        """
engagement:
  rules:
    - {name: Download, activity: download, points: 50}
    - {name: Careers, activity: page_view, when: {url: {path: "/careers*"}}, points: -10, group: against}
    - {name: Unsubscribed, activity: unsubscribe, points: -20, group: against}
  groups: {against: {min: -25}}
"""
    )
    against = [ago(1, "page_view", url="/careers", count=3), ago(1, "unsubscribe")]
    scores, lines = life(con, model, ago(1, "download"), *against)
    assert scores["engagement_score"] == 25
    assert ("against", "group_cap", 25_000_000, 0) in lines


def test_cells_of_the_rating_tell_what_to_do_next(con: Any) -> None:
    model = model_of(
        """
fit:
  criteria: [{name: Size, by: company.employee_count, bands: {1: 10, 100: 80}}]
  grades: {A: 50, B: 0}
engagement:
  rules: [{name: Page, activity: page_view, points: 10}]
  levels: {1: 20, 2: 0}
rating: {cells: {A1: Call today, A2: Invite, B1: Send a case study, B2: Newsletter}}
"""
    )
    keen, large = [ago(1, "page_view", count=3)], {"company.employee_count": 500.0}
    assert row(con, model, Person(large, keen))["rating"] == "Call today"
    assert row(con, model, Person(large))["rating"] == "Invite"
    assert row(con, model, Person({"company.employee_count": 5.0}))["rating"] == "Newsletter"


def test_one_group_for_all_rules_caps_what_a_month_can_give(con: Any) -> None:
    model = model_of(
        """
engagement:
  rules:
    - {name: Page, activity: page_view, points: 10, group: all}
    - {name: Download, activity: download, points: 15, at_most: 20 per day, group: all}
  groups: {all: {max: [30 per 30d]}}
"""
    )
    busy = [ago(1, "page_view", count=2), ago(2, "download", count=2), ago(35, "page_view", count=2)]
    scores, lines = life(con, model, *busy)
    assert scores["engagement_score"] == 30 + 20
    assert ("all", "group_cap", -10_000_000, 0) in lines


def test_conditions_are_joined_by_and_or_and_not(con: Any) -> None:
    model = model_of(
        """
fit:
  criteria:
    - name: IT, but no agency and no student
      when:
        any: [{department: it}, {job_title: {contains: technology}}]
        not: {any: [{company.industry: agency}, {job_title: student}]}
      points: 50
      otherwise: -5
  grades: {A: 40, B: 0}
"""
    )
    known = {"department": "IT", "company.industry": "Software", "job_title": "Admin"}
    answers = {
        "A": known,
        "B": known | {"company.industry": "Agency"},
        "?": known | {"job_title": None},  # whether a student or not, nobody knows
    }
    assert [row(con, model, Person(facts))["fit_grade"] for facts in answers.values()] == list(answers)
