"""Whole micro-points, as the oracle counts them."""

from __future__ import annotations

from fractions import Fraction
from functools import cache

POINT = 1_000_000


def rounded(value: Fraction) -> int:
    """Halves away from zero."""
    size = abs(value)
    whole = int(size)
    if size - whole >= Fraction(1, 2):
        whole += 1
    return whole if value >= 0 else -whole


@cache
def micro(points: float) -> int:
    return rounded(Fraction(str(points)) * POINT)
