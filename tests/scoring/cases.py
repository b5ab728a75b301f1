"""Small models and short lives, for tests that can be worked out by hand."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from config.attributes import BUILT_IN
from config.model import Model, checked_model
from config.yaml_file import parse
from scoring.engine import score
from tests.scoring.mirror import fill, ledger_of, scores_of
from tests.scoring.oracle import Person
from tests.scoring.oracle_conditions import Activity
from tests.scoring.strategies import AS_OF, NOW

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date


def engagement(text: str) -> Model:
    """A model of nothing but an engagement section, whose lines are `text`."""
    lines = "".join(f"  {line}\n" for line in text.strip().splitlines())
    return checked_model(parse(f"model: case\nengagement:\n{lines}", Path("scoring.yaml")), BUILT_IN)


def ago(days: int, kind: str, **facts: Any) -> Activity:
    """An event at the same time of day, so many days before the time of the tests."""
    return Activity(kind, NOW - timedelta(days=days), **facts)


def life(
    con: Any, model: Model, *activities: Activity, outages: Sequence[tuple[str, date, date]] = ()
) -> tuple[dict, list[tuple]]:
    """The row of `scores` and the engagement lines (rule, kind, micro, occurrences) of one person."""
    fill(con, [Person({}, list(activities))], BUILT_IN, outages=outages)
    score(con, model, AS_OF, attributes=BUILT_IN)
    return scores_of(con)[0], [line[1:5] for line in ledger_of(con, 1)[0] if line[0] == "engagement"]
