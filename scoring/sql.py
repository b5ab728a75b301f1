"""SQL spelled from our own parts: identifiers and literals, quoted by sqlglot.

The engine's statements are written in DuckDB's dialect, plainly enough that sqlglot can render them for others.
Whatever a user wrote (names, values, patterns) enters as a literal made here or as a sqlglot expression.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlglot import exp

from config.model_values import MICRO

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date, datetime

DIALECT: Final = "duckdb"
MONDAY: Final = "DATE '1969-12-29'"
"""The Monday before the epoch: calendar windows are counted from it."""


def text(value: str) -> str:
    """A text literal."""
    return exp.Literal.string(value).sql(dialect=DIALECT)


def name(value: str) -> str:
    """A quoted identifier."""
    return exp.to_identifier(value, quoted=True).sql(dialect=DIALECT)


def day(value: date) -> str:
    """A date literal."""
    return f"DATE '{value.isoformat()}'"


def instant(value: datetime) -> str:
    """A timestamp literal, from a naive datetime that means UTC."""
    return f"TIMESTAMP '{value.isoformat(sep=' ', timespec='microseconds')}'"


def number(value: float) -> str:
    """A number as DOUBLE: a bare decimal literal would make DuckDB calculate in DECIMAL."""
    return f"CAST({value!r} AS DOUBLE)"


def days_between(earlier: str, later: str) -> str:
    """Whole UTC days from one DATE expression to another."""
    return f"DATE_DIFF('day', {earlier}, {later})"


def seconds_between(earlier: str, later: str) -> str:
    """Seconds from one TIMESTAMP expression to another, fractions of a second cut off of both."""
    epoch = "TIMESTAMP '1970-01-01 00:00:00'"
    return f"(DATE_DIFF('second', {epoch}, {later}) - DATE_DIFF('second', {epoch}, {earlier}))"


def ladder(column: str, thresholds: Iterable[float]) -> str:
    """Index of the first threshold that the whole number in `column` reaches; thresholds fall and end with 0."""
    *steps, _last = (int(-(-threshold // 1)) for threshold in thresholds)
    cases = " ".join(f"WHEN {column} >= {threshold} THEN {index}" for index, threshold in enumerate(steps))
    return f"CASE {cases} ELSE {len(steps)} END" if steps else "0"


def labels(index: str, names: Iterable[str]) -> str:
    """The label at `index`, or null."""
    cases = " ".join(f"WHEN {number} THEN {text(label)}" for number, label in enumerate(names))
    return f"CASE {index} {cases} END" if cases else "CAST(NULL AS VARCHAR)"


def clamped(micro: str, lowest: int = 0, highest: int = 100 * MICRO) -> str:
    """Micro-points kept within two limits: 0 and 100 points unless others are given."""
    return f"LEAST(GREATEST({micro}, {lowest}), {highest})"


def whole_points(micro: str) -> str:
    """Micro-points from 0 up as whole points, halves upward."""
    return f"CAST(({micro} + {MICRO // 2}) // {MICRO} AS INTEGER)"


def largest(column: str, count: int) -> str:
    """The `count` largest values of a group, as a list, largest first."""
    return f"MAX({column}, {count})"
