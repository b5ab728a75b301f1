"""Conditions of the model as SQL expressions.

Three-valued by SQL's null: a test of an unknown value is null. Text is compared without regard to case. Nothing a
user wrote is pasted into SQL: every value becomes a sqlglot literal.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from config.model_conditions import is_list_name
from scoring.sql import DIALECT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date

    from config.model import Model
    from config.model_conditions import Tests, When


@dataclass(frozen=True)
class Scope:
    """Where conditions are compiled: `column` gives an attribute's expression, `types` its type, `day` today.

    `day` is the SQL of a DATE: ages of dates are counted from it.
    """

    model: Model
    types: Mapping[str, str]
    column: Callable[[str], exp.Expr]
    day: str

    def sql(self, when: When, *, leaving_out: str = "") -> str:
        """The condition as the SQL of a boolean: true, false, or null for unknown.

        Tests of the attribute `leaving_out` at the top of the condition are taken as fulfilled.
        """
        return self.expression(when, leaving_out=leaving_out).sql(dialect=DIALECT)

    def expression(self, when: When, *, leaving_out: str = "") -> exp.Expr:
        """The condition as a sqlglot expression; see `sql`."""
        parts = [self.tests(name, tests) for name, tests in when.tests.items() if name != leaving_out]
        if when.all is not None:
            parts += [self.expression(inner) for inner in when.all]
        if when.any is not None:
            parts.append(_joined(exp.or_, [self.expression(inner) for inner in when.any]))
        if when.not_ is not None:
            parts.append(exp.not_(exp.paren(self.expression(when.not_))))
        return _joined(exp.and_, parts) if parts else exp.true()

    def tests(self, attribute: str, tests: Tests) -> exp.Expr:
        """The tests of one attribute, all of which must hold."""
        kind = self.types[attribute]
        return _joined(exp.and_, [self._test(attribute, kind, operator, value) for operator, value in tests.written()])

    def _test(self, attribute: str, kind: str, operator: str, value: Any) -> exp.Expr:
        column = self.column(attribute)
        if operator in {"known", "unknown"}:
            is_null = exp.Is(this=column, expression=exp.null())
            return is_null if value == (operator == "unknown") else exp.not_(is_null)
        if operator in {"in", "not_in"}:
            values = self.model.list_values(value.removeprefix("$")) if isinstance(value, str) else value
            found = exp.In(this=_comparable(column, kind), expressions=[_literal(single, kind) for single in values])
            return found if operator == "in" else exp.not_(found)
        if operator in _TEXT:
            parts = self.model.list_values(value.removeprefix("$")) if is_list_name(value) else value
            texts = [parts] if isinstance(parts, str) else parts
            return _joined(exp.or_, [_TEXT[operator](column, text) for text in texts])
        if operator in _RELATIVE:
            age = exp.DateDiff(
                this=exp.maybe_parse(self.day, dialect=DIALECT), expression=_as_date(column), unit=exp.var("DAY")
            )
            return _RELATIVE[operator](age, value)
        if operator in _DATES:
            return _DATES[operator](this=_as_date(column), expression=_date(value))
        if operator == "between":
            low, high = (_literal(bound, "number") for bound in value)
            return exp.Between(this=column, low=low, high=high)
        return _COMPARISONS[operator](this=_comparable(column, kind), expression=_literal(value, kind))


def path_of(url: exp.Expr) -> exp.Expr:
    """The path of a URL: without scheme, host, query and fragment; ``/`` when nothing is left, null for null."""
    bare = _without(url, r"[?#].*$")
    path = _without(bare, r"^([A-Za-z][A-Za-z0-9+.-]*:)?(//)?[^/]*")
    return exp.Case(
        ifs=[exp.If(this=exp.EQ(this=path, expression=exp.Literal.string("")), true=exp.Literal.string("/"))],
        default=path.copy(),
    )


def _without(text: exp.Expr, pattern: str) -> exp.Expr:
    return exp.RegexpReplace(
        this=text.copy(),
        expression=exp.Literal.string(pattern),
        replacement=exp.Literal.string(""),
        single_replace=True,
    )


def _joined(join: Callable[..., exp.Expr], parts: Sequence[exp.Expr]) -> exp.Expr:
    return join(*map(exp.paren, parts)) if len(parts) > 1 else parts[0]


def _lower(text: exp.Expr) -> exp.Expr:
    return exp.Lower(this=text)


def _comparable(column: exp.Expr, kind: str) -> exp.Expr:
    return _lower(column) if kind in {"text", "url"} else column


def _literal(value: Any, kind: str) -> exp.Expr:
    if kind in {"text", "url"}:
        return _lower(exp.Literal.string(value))
    if kind == "boolean":
        return exp.true() if value else exp.false()
    # A bare decimal literal would be DECIMAL in DuckDB.
    return exp.cast(exp.Literal.number(repr(float(value))), "double")


def _as_date(column: exp.Expr) -> exp.Expr:
    return exp.cast(column, "date")


def _date(value: date) -> exp.Expr:
    return exp.cast(exp.Literal.string(value.isoformat()), "date")


def _contains(column: exp.Expr, value: str) -> exp.Expr:
    position = exp.StrPosition(this=_lower(column), substr=_literal(value, "text"))
    return exp.GT(this=position, expression=exp.Literal.number(0))


def _matches(column: exp.Expr, pattern: str) -> exp.Expr:
    return exp.RegexpLike(this=column, expression=exp.Literal.string(f"(?i){pattern}"))


def _fits_path(column: exp.Expr, pattern: str) -> exp.Expr:
    wild = {"*": ".*", "?": "."}
    body = "".join(wild.get(character) or re.escape(character) for character in pattern)
    return exp.RegexpLike(this=path_of(column), expression=exp.Literal.string(f"(?is)^{body}$"))


_TEXT: dict[str, Callable[[exp.Expr, str], exp.Expr]] = {
    "contains": _contains,
    "starts_with": lambda column, value: exp.StartsWith(this=_lower(column), expression=_literal(value, "text")),
    "ends_with": lambda column, value: exp.EndsWith(this=_lower(column), expression=_literal(value, "text")),
    "matches": _matches,
    "path": _fits_path,
}
_RELATIVE: dict[str, Callable[[exp.Expr, int], exp.Expr]] = {
    "older_than": lambda age, days: exp.GTE(this=age, expression=exp.Literal.number(days)),
    "within": lambda age, days: exp.and_(
        exp.GTE(this=age, expression=exp.Literal.number(0)),
        exp.LT(this=age.copy(), expression=exp.Literal.number(days)),
    ),
}
_DATES: dict[str, Callable[..., exp.Expr]] = {"before": exp.LT, "after": exp.GT}
_COMPARISONS: dict[str, Callable[..., exp.Expr]] = {
    "is": exp.EQ,
    "at_least": exp.GTE,
    "at_most": exp.LTE,
    "above": exp.GT,
    "below": exp.LT,
}
