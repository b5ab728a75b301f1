"""The oracle's gates and fit: profiles, weights, ladders, and how much is known."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from tests.scoring.oracle_conditions import Activity, days_since, holds
from tests.scoring.oracle_numbers import POINT, micro, rounded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from config.model import Model
    from config.model_fit import Criterion, Profile
    from config.model_sections import Gate


@dataclass
class Asked:
    """A criterion that applies to a person: what its answers are worth, in micro-points, and the answer."""

    criterion: Criterion
    possible: list[int]
    answer: int | None

    @property
    def spread(self) -> int:
        return max(self.possible) - min(self.possible)


def closes(model: Model, gate: Gate, facts: Mapping[str, Any], events: Sequence[Activity], day: date) -> bool:
    if gate.when is not None and holds(model, gate.when, facts, day) is not True:
        return False
    if not gate.activity:
        return True
    young = [event for event in events if event.type in gate.activity]
    if gate.within is not None:
        young = [event for event in young if days_since(event.occurred_at, day) < gate.within]
    return sum(event.count for event in young) >= gate.at_least


def gate_of(model: Model, facts: Mapping[str, Any], events: Sequence[Activity], day: date) -> Gate | None:
    matching = [gate for gate in model.gates if closes(model, gate, facts, events, day)]
    for gate in matching:
        if gate.effect == "do_not_score":
            return gate
    return matching[0] if matching else None


def profile_of(model: Model, facts: Mapping[str, Any], day: date) -> Profile | None:
    return next((one for one in model.fit.profiles if holds(model, one.when, facts, day) is True), None)


def rungs(model: Model) -> tuple[list[str], int, int]:
    """Labels from the worst up, points between two, place of the start; thirds spelled out anew."""
    ladder = model.fit.ladder
    labels = list(reversed(ladder.labels))
    return labels, 100 // (len(labels) - 1), labels.index(ladder.start)


def grades(model: Model) -> dict[str, float]:
    """Grade -> lowest score, best first."""
    if model.fit.ladder is None:
        return dict(model.fit.grades)
    labels, height, _ = rungs(model)
    return dict(reversed([(label, place * height) for place, label in enumerate(labels)]))


def begins_with(model: Model) -> int:
    """Micro-points that everybody has."""
    if model.fit.ladder is None:
        return 0
    _, height, start = rungs(model)
    return start * height * POINT


def asked(model: Model, facts: Mapping[str, Any], day: date) -> list[Asked]:
    """The criteria that apply to a person."""
    profile = profile_of(model, facts, day)
    criteria = [*model.fit.criteria, *(profile.criteria if profile is not None else ())]
    return [_asked(model, criterion, facts, day) for criterion in criteria]


def _asked(model: Model, criterion: Criterion, facts: Mapping[str, Any], day: date) -> Asked:
    otherwise = micro(criterion.otherwise)
    if criterion.bands is not None:
        share = 1 if criterion.weight is None else Fraction(str(criterion.weight)) / 100
        worth = {bound: rounded(micro(points) * share) for bound, points in criterion.bands.items()}
        value = facts.get(criterion.by)
        if value is None:
            return Asked(criterion, [*worth.values(), otherwise], None)
        reached = [bound for bound in worth if bound <= value]
        return Asked(criterion, [*worth.values(), otherwise], worth[max(reached)] if reached else otherwise)
    if criterion.rungs is not None:
        points = criterion.rungs * rungs(model)[1] * POINT
    else:
        points = micro(criterion.points if criterion.points is not None else criterion.weight)
    answer = holds(model, criterion.when, facts, day)
    return Asked(criterion, [points, otherwise], None if answer is None else points if answer else otherwise)


def answer_to(model: Model, criterion: Criterion, facts: Mapping[str, Any], day: date) -> int | None:
    """Micro-points of one criterion that stands alone; None while unknown."""
    return _asked(model, criterion, facts, day).answer


def confidence(criteria: Sequence[Asked]) -> int | None:
    """The share of known answers, 0 to 100; each weighs as much as the range of points that hangs on it."""
    whole = sum(one.spread for one in criteria)
    known = sum(one.spread for one in criteria if one.answer is not None)
    return rounded(Fraction(100 * known, whole)) if whole else None
