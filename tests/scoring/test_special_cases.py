"""The special models, worked out by hand."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from config.attributes import BUILT_IN
from config.model import checked_model
from config.yaml_file import parse
from scoring.engine import score
from tests.scoring.cases import ago
from tests.scoring.mirror import fill, scores_of
from tests.scoring.oracle import Person
from tests.scoring.oracle_deals import Deal
from tests.scoring.strategies import AS_OF, NOW

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET threads = 1")
        yield connection


def rows(con: Any, text: str, *crowd: Person) -> list[dict[str, Any]]:
    fill(con, crowd, BUILT_IN)
    score(con, checked_model(parse(f"model: case\n{text}", Path("scoring.yaml")), BUILT_IN), AS_OF, attributes=BUILT_IN)
    return scores_of(con)


def bought(days: int, amount: float, times: int = 1) -> list[Deal]:
    return [
        Deal(amount=amount, currency=None, is_won=True, is_closed=True, created_at=None, closed_at=day, products=[])
        for day in (NOW - timedelta(days=days + 7 * number) for number in range(times))
    ]


def test_quintiles_are_ranks_among_all_who_bought(con: Any) -> None:
    """Five buyers, each the best fifth of something; who never bought is in none of it."""
    crowd = [Person({}, deals=bought(10 * place + 1, 100.0 * (5 - place), 5 - place)) for place in range(5)]
    found = rows(con, "rfm: {}", *crowd, Person({}))
    assert [row.get("rfm_code") for row in found] == ["555", "444", "333", "222", "111", None]
    assert (found[0]["rfm_segment"], found[4]["rfm_segment"]) == ("Champions", "Lost")
    assert "rfm_score" not in found[5]
    alike = rows(con, "rfm: {}", *(Person({}, deals=bought(9, 50.0)) for _ in range(3)))
    assert {row["rfm_code"] for row in alike} == {"333"}


BANT = """
bant:
  gate: {gate}
  budget: {rules: [{name: Price, activity: price_request, points: 13}]}
  authority: {criteria: [{name: Decides, when: {job_title: {contains: head}}, points: 25}]}
  need: {rules: [{name: Demo, activity: form_submission, points: 30}]}
  timeline: {rules: [{name: Deal, activity: deal_created, points: 20}]}
"""


def test_each_letter_has_its_most_and_the_gate_is_each_or_a_sum(con: Any) -> None:
    head = Person({"job_title": "Head of IT"}, [ago(1, "price_request"), ago(1, "form_submission")])
    [each] = rows(con, BANT.replace("{gate}", "each"), head)
    assert (each["bant_score"], each["bant_met"], each["bant_status"]) == (13 + 25 + 25, "BAN-", "open")
    assert each["bant_question"] == "By when must it be in use?"
    [summed] = rows(con, BANT.replace("{gate}", "{sum: 60}"), head)
    assert summed["bant_status"] == "qualified"


AFFINITY = """
affinity:
  rules: [{name: Seen, activity: page_view, points: 10, at_most: 40}, {name: Read, activity: download, points: 20}]
  products:
    - {name: Storage, when: {url: {path: "/storage*"}}, content: [{name: Tour}, {name: Case study}]}
    - name: Backup
      when: {any: [{url: {path: "/backup*"}}, {asset: {contains: backup}}]}
      content: [{name: Price list}]
"""


def test_each_product_has_its_own_score_and_the_greatest_its_next_content(con: Any) -> None:
    reader = [ago(2, "page_view", url="/storage/a", count=9), ago(1, "download", asset="Backup guide")]
    found = rows(
        con,
        AFFINITY,
        Person({}, reader),
        Person({}, [*reader, ago(0, "page_view", url="/storage/tour", asset="Tour")]),
        Person({}, [ago(1, "download", asset="Backup guide"), ago(1, "page_view", url="/storage", count=2)]),
        Person({}, [ago(1, "page_view", url="/elsewhere")]),
    )
    told = [(row.get("product"), row.get("product_share"), row.get("next_content")) for row in found]
    assert told == [
        ("Storage", 67, "Tour"),  # 40 of 60
        ("Storage", 67, "Case study"),
        ("Storage", 50, "Tour"),  # the first of the file among equals
        (None, None, None),
    ]


@pytest.mark.parametrize(
    ("way", "score"),
    [("max", 50), ("sum", 100), ("mean", 30), ("{top: 2}", 45), ("trimmed", 37), ("champion", 39)],
)
def test_six_ways_to_roll_up_a_company(con: Any, way: str, score: int) -> None:
    """People of 50, 40, 20 and 10 points; a champion is 0.6 of the best and 0.4 of the others' mean, which is 23.3.

    Without the lowest quarter there are three, whose mean is 36.7. Another company has one person of 30 points.
    """
    text = f"""
engagement: {{rules: [{{name: Page, activity: page_view, points: 10}}]}}
account: {{of: engagement, roll_up: {way}}}
"""
    sizes = (5, 4, 2, 1)
    crowd = [Person({}, [ago(1, "page_view", count=size)], account="acme.example") for size in sizes]
    alone = Person({}, [ago(1, "page_view", count=3)], account="other.example")
    found = rows(con, text, *crowd, alone, Person({}, [ago(1, "page_view")]))
    assert [row.get("account_score") for row in found] == [score] * 4 + [30, None]


def test_a_rating_of_two_axes_has_named_cells_and_a_place_for_the_unknown(con: Any) -> None:
    text = """
engagement: {rules: [{name: Page, activity: page_view, points: 10}]}
rfm: {}
ratings:
  - name: Value
    rows: {axis: rfm, bands: {High: 60, Low: 0}, unknown: New}
    columns: {axis: engagement, bands: {Hot: 30, Cold: 0}}
    cells: [[Star, Sleeping], [Warm, Lost], [Prospect, Stranger]]
"""
    hot, cold = [ago(1, "page_view", count=3)], [ago(1, "page_view")]
    found = rows(con, text, Person({}, hot, deals=bought(1, 9.0)), Person({}, hot), Person({}, cold))
    assert [row["ratings"] for row in found] == ["Star", "Prospect", "Stranger"]


def test_looking_without_a_step_costs_until_the_first_step(con: Any) -> None:
    text = """
engagement:
  rules:
    - {name: Page, activity: page_view, points: 5}
    - name: Looks on
      activity: page_view
      stagnates: {at_least: 6, over: 60d, without: [form_submission]}
      points: -12
"""
    looks = [ago(days, "page_view", count=2) for days in (3, 20, 40)]
    few, long_ago = looks[:2], [*looks[:2], ago(61, "page_view", count=2)]
    stepped = [*looks, ago(1, "form_submission")]
    found = rows(con, text, *(Person({}, events) for events in (looks, few, long_ago, stepped)))
    assert [row["engagement_score"] for row in found] == [30 - 12, 20, 30, 30]
