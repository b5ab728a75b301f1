"""The whole oracle: what it says of each person, and what the special models add, over everybody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.scoring import oracle
from tests.scoring.oracle_accounts import account_of, ratings_of, role_of
from tests.scoring.oracle_beside import affinity_of, bant_of
from tests.scoring.oracle_rfm import rfm_of

if TYPE_CHECKING:
    from datetime import datetime

    from config.model import Model
    from tests.scoring.oracle import Lines, Person


def score_crowd(
    model: Model, crowd: list[Person], as_of: datetime, *, ahead: bool = True
) -> list[tuple[dict[str, Any], Lines]]:
    """The row of `scores` and the lines of `ledger` of everybody; `as_of` is naive UTC."""
    day = as_of.date()
    told = []
    for person in crowd:
        known = oracle.known_events(model, person, as_of)
        found = affinity_of(model, known, day)[0] if model.affinity is not None else {}
        interest = found.get("product"), found.get("next_content")
        told.append(oracle.score(model, person, as_of, ahead=ahead, interest=interest))
    rows, lines = [row for row, _ in told], [found for _, found in told]

    def add(place: int, row: dict[str, Any], more: Lines) -> None:
        if "model_version" in rows[place]:
            rows[place] = rows[place] | {name: value for name, value in row.items() if value is not None}
            lines[place] = [*lines[place], *more]

    bought = rfm_of(model, crowd, as_of) if model.rfm is not None else []
    for place, answer in enumerate(bought):
        add(place, *answer)
    for place, person in enumerate(crowd):
        known = oracle.known_events(model, person, as_of)
        if model.bant is not None:
            add(place, *bant_of(model, person, known, day))
        if model.affinity is not None:
            add(place, *affinity_of(model, known, day))
        if model.account is not None:
            add(place, {"buying_role": role_of(model, person, day)}, [])
    if model.account is not None:
        for place, answer in enumerate([account_of(model, crowd, rows, place) for place in range(len(crowd))]):
            add(place, *answer)
    for place, row in enumerate(rows):
        add(place, ratings_of(model, row), [])
    return list(zip(rows, lines, strict=True))
