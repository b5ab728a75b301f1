"""RFM: how recently, how often and for how much people bought, as three digits and a score.

Quintiles are of everybody who bought, so the digits are found once, before anybody is scored (`rank_buyers`); a span
of people then takes its own. A digit is the fifth in which a value's percentile rank falls: the share of buyers below
it and half of those equal to it, so that equals share a digit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from config.model_values import micro
from scoring import sql
from scoring.ledger import NEVER, settling_lines

if TYPE_CHECKING:
    from config.model_special import Rfm, Segment
    from scoring.events import Moment

LARGEST: Final = 1e12
"""Amounts from here on are taken for mistakes: sums of cents stay whole numbers."""

_DIGITS: Final = {"recency": "Recency", "frequency": "Frequency", "monetary": "Monetary value"}
_VALUES: Final = {"recency": "last_day", "frequency": "times", "monetary": "cents"}


def rank_buyers(con: Any, rfm: Rfm, moment: Moment) -> None:
    """Create `buyers` (person, last_day, times, cents, recency, frequency, monetary) of everybody who bought.

    Reads `everyones_activities`, `signatures` and `deals`. `times` are days with a purchase; `cents` the worth of the
    won deals, null when no amount is known.
    """
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE purchases AS
        SELECT DISTINCT a.person, CAST(a.occurred_at AS DATE) AS day
        FROM everyones_activities a JOIN signatures s ON s.signature = a.signature
        WHERE s.type IN ({", ".join(map(sql.text, rfm.activities))})
          AND {_young(rfm, moment, "a.occurred_at")} AND {moment.knows("a")}
        """
    )
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE purchase_sums AS
        SELECT b.person, b.last_day, b.times, d.cents
        FROM (SELECT person, MAX(day) AS last_day, COUNT(*) AS times FROM purchases GROUP BY person) b
        LEFT JOIN ({_spent(rfm, moment)}) d ON d.person = b.person
        """
    )
    joins, digits = "", []
    for name, value in _VALUES.items():
        bands = getattr(rfm, name).bands
        if bands is None:
            joins += f" LEFT JOIN ({_quintiles(value)}) {name[0]} ON {name[0]}.value = b.{value}"
            digits.append(f"{name[0]}.digit AS {name}")
        else:
            digits.append(f"{_banded(name, f'b.{value}', bands, sql.day(moment.day))} AS {name}")
    con.execute(f"CREATE OR REPLACE TEMP TABLE buyers AS SELECT b.*, {', '.join(digits)} FROM purchase_sums b {joins}")
    con.execute("DROP TABLE purchases")
    con.execute("DROP TABLE purchase_sums")


def _young(rfm: Rfm, moment: Moment, instant: str) -> str:
    return f"{moment.age(instant)} < {rfm.within}" if rfm.within is not None else "TRUE"


def _spent(rfm: Rfm, moment: Moment) -> str:
    """SELECT of (person, cents)."""
    amount = "amount"
    if rfm.rates:
        cases = " ".join(f"WHEN {sql.text(code)} THEN {sql.number(rate)}" for code, rate in rfm.rates.items())
        amount = f"amount * CASE currency {cases} END"
    counted = "deal_won" in rfm.activities
    return f"""
        SELECT person,
               CAST(SUM(CASE WHEN ABS(worth) < {LARGEST:.0f} THEN CAST(ROUND(worth * 100) AS BIGINT) END) AS BIGINT)
                   AS cents
        FROM (SELECT person, {amount} AS worth FROM deals
              WHERE {counted} AND is_won AND {_young(rfm, moment, "closed_at")}
                AND closed_at <= {sql.instant(moment.until)})
        GROUP BY person"""


def _quintiles(value: str) -> str:
    """SELECT of (value, digit): the digit of every value there is."""
    return f"""
        SELECT value, CAST(5 * (2 * (upto - n) + n) // (2 * everybody) + 1 AS INTEGER) AS digit
        FROM (
            SELECT value, n, CAST(SUM(n) OVER () AS BIGINT) AS everybody,
                   CAST(SUM(n) OVER (ORDER BY value ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS BIGINT) AS upto
            FROM (SELECT {value} AS value, COUNT(*) AS n FROM purchase_sums WHERE {value} IS NOT NULL GROUP BY {value})
        )"""


def _banded(name: str, value: str, bands: tuple[float, ...], day: str) -> str:
    if name == "recency":
        age = sql.days_between(value, day)
        steps = [f"WHEN {age} < {bound} THEN {5 - place}" for place, bound in enumerate(bands)]
    else:
        unit = 100 if name == "monetary" else 1
        bounds = [sql.number(bound * unit) for bound in bands]
        steps = [f"WHEN {value} >= {bound} THEN {place + 2}" for place, bound in reversed([*enumerate(bounds)])]
    return f"CASE WHEN {value} IS NULL THEN NULL {' '.join(steps)} ELSE 1 END"


def score_buyers(con: Any, rfm: Rfm) -> None:
    """Create `rfm_outcomes`: of those in `people` who bought, digits, their micro-points, the sum and the score."""
    points = ", ".join(f"{_points(rfm, name)} AS {name}_micro" for name in _DIGITS)
    total = " + ".join(f"COALESCE({name}_micro, 0)" for name in _DIGITS)
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE rfm_outcomes AS
        SELECT *, {sql.whole_points(sql.clamped("raw"))} AS score
        FROM (SELECT *, CAST({total} AS BIGINT) AS raw
              FROM (SELECT *, {points} FROM buyers WHERE person IN (SELECT person FROM people)))
        """
    )


def _points(rfm: Rfm, name: str) -> str:
    return f"CAST((2 * {micro(getattr(rfm, name).points)} * {name} + 5) // 10 AS BIGINT)"


def columns(rfm: Rfm) -> dict[str, str]:
    """The columns of `scores`, from `rfm_outcomes` as ``rfm``."""
    cases = " ".join(f"WHEN {_fits(segment)} THEN {sql.text(segment.name)}" for segment in rfm.segments)
    code = " || ".join(f"COALESCE(CAST(rfm.{name} AS VARCHAR), '?')" for name in _DIGITS)
    return {
        "rfm_score": "rfm.score",
        "rfm_code": f"CASE WHEN rfm.person IS NOT NULL THEN {code} END",
        "rfm_segment": f"CASE WHEN rfm.person IS NOT NULL THEN CASE {cases} END END",
    }


JOIN: Final = "LEFT JOIN rfm_outcomes rfm ON rfm.person = s.person"


def _fits(segment: Segment) -> str:
    ranges = {name: getattr(segment, name) for name in _DIGITS if getattr(segment, name) is not None}
    tests = [f"rfm.{name} BETWEEN {lowest} AND {highest}" for name, (lowest, highest) in ranges.items()]
    return " AND ".join(tests) or "TRUE"


def lines() -> list[str]:
    """The lines of the ledger."""
    times = {"recency": "1", "frequency": "times", "monetary": "1"}
    last = {"recency": "CAST(last_day AS TIMESTAMP)", "frequency": NEVER, "monetary": NEVER}
    found = [
        f"SELECT person, 'rfm', {sql.text(label)}, CASE WHEN {name} IS NULL THEN 'unknown' ELSE 'points' END, "
        f"COALESCE({name}_micro, 0), CASE WHEN {name} IS NULL THEN 0 ELSE {times[name]} END, {last[name]} "
        f"FROM rfm_outcomes WHERE {name} IS NULL OR {name}_micro <> 0"
        for name, label in _DIGITS.items()
    ]
    return [*found, *settling_lines("'rfm'", "rfm_outcomes", "raw", "score")]
