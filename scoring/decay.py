"""What a rule's points are worth at each age, in whole micro-points.

Rounded once per rule and age, halves away from zero, so that no sum depends on its order or on the engine that adds
it up. Ages are whole UTC days.
"""

from __future__ import annotations

import math
from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from config.model_values import Decay


def micro_at(points: int, decay: Decay, age: int) -> int:
    """`points` (in micro-points) of an event that is `age` days old."""
    size = abs(points)
    if decay.half_life is not None:
        left = _halved(size, age, decay.half_life)
    elif decay.linear is not None:
        left = _share(size, max(0, decay.linear - age), decay.linear)
    elif decay.lose is not None and decay.every is not None:
        left = _share(size, max(0, 100 - decay.lose * (age // decay.every)), 100)
    elif decay.steps is not None:
        reached = [share for start, share in sorted(decay.steps.items()) if start <= age]
        share = Fraction(repr(reached[-1])) if reached else Fraction(1)  # as it is written, not as a binary fraction
        left = _share(size, share.numerator, share.denominator)
    else:
        left = size
    return left if points >= 0 else -left


def settled_at(points: int, decay: Decay) -> int:
    """An age from which on `micro_at` gives the same, whatever the age; for half-lives one at which nothing is left."""
    if decay.half_life is not None:
        return decay.half_life * (2 * abs(points)).bit_length()
    if decay.lose is not None and decay.every is not None:
        return decay.every * -(-100 // decay.lose)
    return decay.linear or max(decay.steps or (0,))


def _share(size: int, part: int, whole: int) -> int:
    return (2 * size * part + whole) // (2 * whole)


def _halved(size: int, age: int, half_life: int) -> int:
    if age % half_life == 0:
        return _share(size, 1, 1 << (age // half_life))
    exact: float = size * 2.0 ** (-age / half_life)
    # Where floating point cannot tell on which side of a half the value lies, forty digits can.
    if abs(exact - math.floor(exact) - 0.5) > 1e-3:
        return math.floor(exact + 0.5)
    with localcontext(prec=40):
        return int((size * Decimal(2) ** (Decimal(-age) / half_life)).quantize(Decimal(1), ROUND_HALF_UP))
