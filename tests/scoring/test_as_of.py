"""A past day: what is computed for it today is what a run on that day computed from what it had seen."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import duckdb
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.engine import score
from tests.scoring import rich
from tests.scoring.mirror import fill, ledger_of, scores_of
from tests.scoring.strategies import AS_OF, ATTRIBUTES, models
from tests.scoring.strategies_special import crowds, special_sections
from tests.scoring.test_oracle import COMPARED, model_of

if TYPE_CHECKING:
    from datetime import datetime

    from config.model import Model
    from tests.scoring.oracle import Person
    from tests.scoring.oracle_deals import Deal


def on_that_day(person: Person, day: datetime) -> Person:
    """The person as a run at `day` (naive) saw them."""
    seen = [event for event in person.activities if (event.seen_at or event.occurred_at) <= day]
    return replace(person, activities=seen, deals=[_still_open(deal, day) for deal in person.deals])


def _still_open(deal: Deal, day: datetime) -> Deal:
    begun = deal if deal.created_at is None or deal.created_at <= day else replace(deal, created_at=None)
    if deal.closed_at is None or deal.closed_at <= day:
        return begun
    return replace(begun, closed_at=None, is_won=None, is_closed=None)


def scored(model: Model, crowd: list[Person], as_of: datetime, seen_by: datetime | None) -> tuple[Any, Any]:
    with duckdb.connect(":memory:", config={"threads": 1}) as con:
        fill(con, crowd, ATTRIBUTES)
        score(con, model, as_of, attributes=ATTRIBUTES, seen_by=seen_by)
        return scores_of(con), ledger_of(con, len(crowd))


def replayed(model: Model, crowd: list[Person], days: int) -> tuple[Any, Any]:
    as_of = AS_OF - timedelta(days=days)
    then = [on_that_day(person, as_of.replace(tzinfo=None)) for person in crowd]
    answer = scored(model, crowd, as_of, as_of)
    assert answer == scored(model, then, as_of, None)
    return answer


@settings(COMPARED, max_examples=6)
@given(data=models(), sections=special_sections(), crowd=crowds(), days=st.sampled_from([1, 6, 33]))
def test_any_model(data: dict[str, Any], sections: dict[str, Any], crowd: list[Person], days: int) -> None:
    replayed(model_of(data | sections), crowd, days)


def test_a_model_with_every_section() -> None:
    crowd = rich.crowd(40, 3)
    with_late_facts = scored(rich.model(), crowd, AS_OF - timedelta(days=20), None)
    assert replayed(rich.model(), crowd, 20) != with_late_facts
