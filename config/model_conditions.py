"""Conditions of the model: ``when: {job_title: {matches: "chief|vp"}, company.country: [DE, AT]}``.

A condition maps attributes to tests; all must hold. A test is a value (``is``), a list (``in``) or a mapping of
operators, which must all hold. ``all``, ``any`` and ``not`` join conditions. An unknown attribute makes a test
unknown, neither true nor false, except for ``known`` and ``unknown``; the joins follow three-valued logic.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    WithJsonSchema,
    model_validator,
)

from config.model_values import DURATION_PATTERN, Days, Number, Part, parse_seconds
from config.yaml_file import Misfit, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from config.yaml_file import Loc

_BEYOND: Final = 1e300
"""No CRM holds a number as large as this; near the end of floating point, comparing would be guessing."""


def _one_value(value: Any) -> Any:
    if value is None:
        raise Misfit("there is no value here.", remedy="Add one, or remove the key.")
    if not isinstance(value, str | bool | int | float):
        raise Misfit("this is neither text nor a number nor a boolean.", remedy="Put text in quotes.")
    if not isinstance(value, str) and not abs(value) < _BEYOND:
        raise Misfit("this number is too large.", remedy="Write a smaller one.")
    return value


Scalar = Annotated[StrictStr | StrictBool | StrictInt | StrictFloat, BeforeValidator(_one_value)]
"""Text, a boolean or a number."""


def _seconds_if_text(value: Any) -> Any:
    return parse_seconds(value) if isinstance(value, str) else value


Bound = Annotated[
    Number,
    BeforeValidator(_seconds_if_text),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string", "pattern": DURATION_PATTERN}]}),
]
"""A number; for `duration` also a text such as ``2min``, which becomes seconds."""

Values = Annotated[
    list[Scalar] | StrictStr,
    Field(description="Values, or the name of a list of this file after a dollar sign: $competitors."),
]


Texts = Annotated[
    Annotated[list[Annotated[StrictStr, Field(min_length=1)]], Field(min_length=1)]
    | Annotated[StrictStr, Field(min_length=1)],
    Field(description="A text, several of which one is enough, or the name of a list after a dollar sign."),
]


def is_list_name(value: object) -> bool:
    """Whether a text names a list: ``$free_mail``."""
    return isinstance(value, str) and re.fullmatch(r"\$[a-z_][a-z0-9_]*", value) is not None


def _plain_date(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        raise Misfit("this is no date.", remedy="Write it as 2026-01-31.") from None


PlainDate = Annotated[date, BeforeValidator(_plain_date), WithJsonSchema({"type": "string", "format": "date"})]


class Tests(Part):
    """Tests of one attribute; all that are written must hold. Text is compared without regard to case."""

    is_: Annotated[Scalar | None, Field(alias="is", description="Equals this value.")] = None
    in_: Annotated[Values | None, Field(alias="in", description="Equals one of these.")] = None
    not_in: Annotated[Values | None, Field(description="Equals none of these.")] = None
    contains: Annotated[Texts | None, Field(description="Holds this text, or one of a list.")] = None
    starts_with: Annotated[Texts | None, Field(description="Begins with this text, or one of a list.")] = None
    ends_with: Annotated[Texts | None, Field(description="Ends with this text, or one of a list.")] = None
    matches: Annotated[
        StrictStr | None, Field(min_length=1, description="Holds a match of this regular expression (RE2).")
    ] = None
    path: Annotated[
        StrictStr | None,
        Field(min_length=1, description="The path of the URL fits this pattern; * is any text, ? any character."),
    ] = None
    at_least: Annotated[Bound | None, Field(description="This number or more.")] = None
    at_most: Annotated[Bound | None, Field(description="This number or less.")] = None
    above: Annotated[Bound | None, Field(description="More than this number.")] = None
    below: Annotated[Bound | None, Field(description="Less than this number.")] = None
    between: Annotated[
        tuple[Number, Number] | None, Field(description="From the first number to the second, both included.")
    ] = None
    known: Annotated[StrictBool | None, Field(description="true: the attribute has a value; false: it has none.")] = (
        None
    )
    unknown: Annotated[StrictBool | None, Field(description="true: it has no value; false: it has one.")] = None
    before: Annotated[PlainDate | None, Field(description="On an earlier UTC day than this.")] = None
    after: Annotated[PlainDate | None, Field(description="On a later UTC day than this.")] = None
    older_than: Annotated[Days | None, Field(description="At least so many whole days ago.")] = None
    within: Annotated[Days | None, Field(description="In the last so many days, today included.")] = None

    @model_validator(mode="before")
    @classmethod
    def _from_value(cls, value: Any) -> Any:
        if isinstance(value, str | bool | int | float):
            return {"is": value}
        if isinstance(value, list):
            return {"in": value}
        if isinstance(value, date):
            raise Misfit("a date is no test.", remedy="Write an operator: before, after, older_than or within.")
        if not value or not isinstance(value, dict):
            raise Misfit("there is no test here.", remedy="Write a value, a list or an operator.")
        for operator in value:
            if operator not in OPERATORS:
                raise Misfit(
                    f"unknown operator {operator!r}.", loc=(operator,), remedy=did_you_mean(str(operator), [*OPERATORS])
                )
            if value[operator] is None:
                raise Misfit(
                    f"{operator!r} has no value.", loc=(operator,), remedy="To ask for none, write `unknown: true`."
                )
        return value

    @property
    def is_relative(self) -> bool:
        """Whether the answer can change as time passes."""
        return self.older_than is not None or self.within is not None

    def written(self) -> list[tuple[str, Any]]:
        """The operators that are written, by their names in the file, with their values, in a fixed order."""
        values = ((name, getattr(self, field)) for name, field in OPERATORS.items())
        return [(name, value) for name, value in values if value is not None]

    @classmethod
    def __get_pydantic_json_schema__(cls, core: Any, handler: Any) -> dict[str, Any]:
        scalar: list[dict[str, Any]] = [{"type": "string"}, {"type": "boolean"}, {"type": "number"}]
        return {
            "description": "A value, a list of values, or operators that must all hold.",
            "anyOf": [*scalar, {"type": "array", "items": {"anyOf": scalar}, "minItems": 1}, handler(core)],
        }


OPERATORS: Final = {info.alias or name: name for name, info in Tests.model_fields.items()}
"""Operator in the file -> field of `Tests`."""

TEXT_OPERATORS: Final = frozenset({"is", "in", "not_in", "contains", "starts_with", "ends_with", "matches"})
OPERATORS_BY_TYPE: Final = {
    "text": TEXT_OPERATORS,
    "url": TEXT_OPERATORS | {"path"},
    "number": frozenset({"is", "in", "not_in", "at_least", "at_most", "above", "below", "between"}),
    "boolean": frozenset({"is"}),
    "date": frozenset({"before", "after", "older_than", "within"}),
}
"""Type of an attribute -> operators it takes, beside `known` and `unknown`, which all take."""


class When(Part):
    """A condition: attributes with their tests, and `all`, `any`, `not`. Everything written must hold."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Tests]

    all: Annotated[list[When] | None, Field(min_length=1, description="Conditions that must all hold.")] = None
    any: Annotated[list[When] | None, Field(min_length=1, description="Conditions of which one must hold.")] = None
    not_: Annotated[When | None, Field(alias="not", description="A condition that must not hold.")] = None

    @model_validator(mode="after")
    def _says_something(self) -> When:
        if not self.tests and self.all is None and self.any is None and self.not_ is None:
            raise Misfit("this condition is empty.", remedy="Write an attribute and a test, or leave `when` out.")
        return self

    @property
    def tests(self) -> dict[str, Tests]:
        """Attribute -> tests, in the order of the file."""
        return self.__pydantic_extra__

    def walk(self, loc: Loc = ()) -> Iterator[tuple[Loc, str, Tests]]:
        """Every tested attribute inside, with its place relative to this condition."""
        for attribute, tests in self.tests.items():
            yield (*loc, attribute), attribute, tests
        for key, joined in (("all", self.all), ("any", self.any)):
            for number, inner in enumerate(joined or ()):
                yield from inner.walk((*loc, key, number))
        if self.not_ is not None:
            yield from self.not_.walk((*loc, "not"))

    def attributes(self) -> list[str]:
        """The attributes that the condition reads, each once, in the order of the file."""
        return list(dict.fromkeys(attribute for _, attribute, _ in self.walk()))
