"""RFM in plain Python."""

from __future__ import annotations

from datetime import datetime, time
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from tests.scoring.oracle import settle
from tests.scoring.oracle_conditions import days_since
from tests.scoring.oracle_deals import told
from tests.scoring.oracle_numbers import micro, rounded

if TYPE_CHECKING:
    from datetime import date

    from config.model import Model
    from config.model_special import Rfm
    from tests.scoring.oracle import Lines, Person
    from tests.scoring.oracle_deals import Deal

Values = tuple["date", int, int | None]  # last day, days, cents


def values_of(rfm: Rfm, person: Person, as_of: datetime) -> Values | None:
    def counts(moment: datetime) -> bool:
        inside = rfm.within is None or days_since(moment, as_of.date()) < rfm.within
        return moment <= as_of and inside

    events = [event for event in [*person.activities, *told(person.deals)] if event.type in rfm.activities]
    days = {event.occurred_at.date() for event in events if counts(event.occurred_at)}
    if not days:
        return None
    cents = [worth(rfm, deal) for deal in person.deals if deal.is_won and deal.closed_at and counts(deal.closed_at)]
    known = [value for value in cents if value is not None] if "deal_won" in rfm.activities else []
    return max(days), len(days), sum(known) if known else None


def worth(rfm: Rfm, deal: Deal) -> int | None:
    """Cents; None where the amount cannot be known."""
    rate = rfm.rates.get(deal.currency) if rfm.rates else 1.0
    if deal.amount is None or rate is None or abs(deal.amount * rate) >= 1e12:
        return None
    return int(Decimal(deal.amount * rate * 100).quantize(Decimal(1), ROUND_HALF_UP))


def quintile(value: Any, everybody: list[Any]) -> int:
    """The fifth in which the percentile rank falls: the share below, and half of the equals."""
    below = sum(1 for other in everybody if other < value)
    equal = sum(1 for other in everybody if other == value)
    return int(5 * Fraction(2 * below + equal, 2 * len(everybody))) + 1


def rfm_of(model: Model, crowd: list[Person], as_of: datetime) -> list[tuple[dict[str, Any], Lines]]:
    """What RFM adds to the row and to the lines of each person of `crowd`."""
    rfm = model.rfm
    everybody = [values_of(rfm, person, as_of) for person in crowd]
    return [answer(rfm, values, everybody, as_of.date()) for values in everybody]


def answer(
    rfm: Rfm, values: Values | None, everybody: list[Values | None], today: date
) -> tuple[dict[str, Any], Lines]:
    if values is None:
        return {}, []
    digits: list[int | None] = []
    for place, part in enumerate((rfm.recency, rfm.frequency, rfm.monetary)):
        value = values[place]
        if value is None:
            digits.append(None)
        elif part.bands is None:
            others = [other[place] for other in everybody if other is not None and other[place] is not None]
            digits.append(quintile(value, others))
        elif place == 0:
            digits.append(5 - sum(1 for bound in part.bands if (today - value).days >= bound))
        else:
            unit = 100 if place == 2 else 1
            digits.append(1 + sum(1 for bound in part.bands if value >= bound * unit))
    lines: Lines = []
    total = 0
    last = datetime.combine(values[0], time())
    shown = (("Recency", 1, last), ("Frequency", values[1], None), ("Monetary value", 1, None))
    for (name, times, at), digit, part in zip(shown, digits, (rfm.recency, rfm.frequency, rfm.monetary), strict=True):
        if digit is None:
            lines.append(("rfm", name, "unknown", 0, 0, None))
            continue
        points = rounded(Fraction(micro(part.points) * digit, 5))
        total += points
        if points:
            lines.append(("rfm", name, "points", points, times, at))
    score = settle("rfm", total, lines)
    code = "".join("?" if digit is None else str(digit) for digit in digits)
    segment = next((one.name for one in rfm.segments if fits(one, digits)), None)
    return {"rfm_score": score, "rfm_code": code, "rfm_segment": segment}, lines


def fits(segment: Any, digits: list[int | None]) -> bool:
    for bounds, digit in zip((segment.recency, segment.frequency, segment.monetary), digits, strict=True):
        if bounds is not None and (digit is None or not bounds[0] <= digit <= bounds[1]):
            return False
    return True
