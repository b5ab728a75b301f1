"""The oracle's further answers about fit: how much of it is known."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from tests.scoring.oracle_numbers import micro, rounded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from config.model_sections import Criterion


def possible(criterion: Criterion) -> list[float]:
    """Every number of points that a known value can give."""
    values = [criterion.points] if criterion.when is not None else list(criterion.bands.values())
    return [*values, criterion.otherwise]


def confidence(criteria: Sequence[Criterion], outcomes: Sequence[float | None]) -> int | None:
    """The share of known answers, 0 to 100; each weighs as much as the range of points that hangs on it."""
    weights = [max(map(micro, possible(criterion))) - min(map(micro, possible(criterion))) for criterion in criteria]
    known = sum(weight for weight, outcome in zip(weights, outcomes, strict=True) if outcome is not None)
    return rounded(Fraction(100 * known, sum(weights))) if any(weights) else None
