"""The small words of scoring.yaml: durations, points and decays, and how each is written."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictStr,
    WithJsonSchema,
    model_validator,
)

from config.yaml_file import Misfit

if TYPE_CHECKING:
    from collections.abc import Callable

MICRO: Final = 1_000_000
"""Micro-points in a point: all sums are whole micro-points, so that no answer depends on their order."""

MOST_POINTS: Final = 10_000
"""The most points that one number of the model may be: scores run to 100, and sums must stay exact."""

MOST_DAYS: Final = 36_500
"""The longest duration: a hundred years, so that no day it leads to is off the calendar."""

MOST_TIMES: Final = 1_000_000
"""The most events that a rule may ask for, or that one activity or counter may stand for: sums must stay exact."""

_UNIT_S: Final = {"s": 1, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}
_DURATION: Final = re.compile(r"\s*(\d+)\s*(s|min|h|d|w)\s*")


class Part(BaseModel):
    """A part of the model: strict about keys, fixed once read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def parse_seconds(value: Any) -> int:
    """Seconds in a duration such as ``30s``, ``5min``, ``12h``, ``30d`` or ``2w``. Raises Misfit on anything else."""
    if isinstance(value, str) and (found := _DURATION.fullmatch(value)):
        seconds = int(found[1]) * _UNIT_S[found[2]]
        if seconds > MOST_DAYS * _UNIT_S["d"]:
            raise Misfit("this is longer than a hundred years.", remedy=f"Write {MOST_DAYS}d or less.")
        return seconds
    raise Misfit("this is no duration.", remedy="Write a number and a unit, such as 30d, 2w, 12h, 5min or 30s.")


def parse_days(value: Any) -> int:
    """Whole days in a duration, at least one: scores are constant through a UTC day."""
    seconds = parse_seconds(value)
    if seconds == 0 or seconds % _UNIT_S["d"]:
        raise Misfit(
            "this duration is not a whole number of days, one or more.",
            remedy="Write days or weeks, such as 30d or 2w.",
        )
    return seconds // _UNIT_S["d"]


AGO: Final = " ago"


def days_ago(text: str) -> int:
    """How long ago a text such as ``40d ago`` says that a day was."""
    return parse_days(text.removesuffix(AGO))


def _micro_exact(value: float) -> float:
    if abs(value) > MOST_POINTS:
        raise Misfit(f"this is more than {MOST_POINTS:,} points.", remedy="Scores run from 0 to 100.")
    if abs(value * MICRO - round(value * MICRO)) > 1e-3:
        raise Misfit("points have at most six decimals.", remedy="Round them.")
    return value


Days = Annotated[
    int,
    BeforeValidator(parse_days),
    WithJsonSchema({"type": "string", "pattern": r"^\s*\d+\s*(d|w|h)\s*$", "examples": ["30d", "2w"]}),
]
"""A duration in whole days."""

DURATION_PATTERN: Final = r"^\s*\d+\s*(s|min|h|d|w)\s*$"

Seconds = Annotated[
    int,
    BeforeValidator(parse_seconds),
    WithJsonSchema({"type": "string", "pattern": DURATION_PATTERN, "examples": ["30min"]}),
]
"""A duration in whole seconds."""


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Types = Annotated[
    tuple[StrictStr, ...],
    BeforeValidator(_as_list),
    Field(min_length=1),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}),
]
"""One activity type or a list of them."""

Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
"""A number as such: neither ``true`` nor text in quotes."""

Points = Annotated[Number, AfterValidator(_micro_exact)]
"""Points, positive or negative, with at most six decimals."""


def _plain_text(value: str) -> str:
    if value != value.strip() or not value.isprintable():
        raise Misfit(
            "this begins or ends with a space, or holds a line break or tab.", remedy="A CRM would not keep it so."
        )
    return value


def at_most(length: int) -> Callable[[str], str]:
    """A validator: the text fits a CRM field of so many characters."""

    def check(value: str) -> str:
        if crm_length(value) > length:
            raise Misfit(
                f"this takes more than {length} characters of a CRM field, where an emoji takes two.",
                remedy="Shorten it.",
            )
        return value

    return check


def crm_length(text: str) -> int:
    """The characters of `text` as both CRMs count them: UTF-16 code units, of which an emoji has two."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


ALL: Final = "all"


def _loss(value: Any) -> Any:
    if value == ALL:
        return value
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value >= 0:
        raise Misfit("this takes no points.", remedy="Write points less than 0, or all.")
    return _micro_exact(value)


Loss = Annotated[
    float | Literal["all"],
    BeforeValidator(_loss),
    WithJsonSchema({"anyOf": [{"type": "number", "exclusiveMaximum": 0}, {"const": ALL}]}),
]
"""Points that something costs, or all of them."""

PlainText = Annotated[str, AfterValidator(_plain_text)]
"""Text that comes back from a CRM's field as it was written."""

Name = Annotated[PlainText, AfterValidator(at_most(60)), Field(min_length=1, max_length=60)]
"""What people read in reasons and explanations; sixty characters, so that three of them fit a CRM field."""


def micro(points: float) -> int:
    """Points as whole micro-points."""
    return round(points * MICRO)


def parse_percent(value: Any) -> int:
    """A whole number of percent, 1 to 100, written ``10%``. Raises Misfit on anything else."""
    if isinstance(value, str) and (found := re.fullmatch(r"\s*(\d{1,3})\s*%\s*", value)) and 1 <= int(found[1]) <= 100:
        return int(found[1])
    raise Misfit("this is no percentage.", remedy="Write a whole number from 1% to 100%, such as 10%.")


Percent = Annotated[
    int,
    BeforeValidator(parse_percent),
    WithJsonSchema({"type": "string", "pattern": r"^\s*\d{1,3}\s*%\s*$", "examples": ["10%"]}),
]
"""A whole number of percent, 1 to 100."""


class Decay(Part):
    """How points shrink with age in whole days: ``none``, or one of the keys; `lose` comes with `every`."""

    half_life: Annotated[Days | None, Field(description="Points halve each time this passes.")] = None
    linear: Annotated[Days | None, Field(description="Points shrink evenly to nothing over this time.")] = None
    steps: Annotated[
        dict[Days, Annotated[Number, Field(ge=0, le=1)]] | None,
        Field(description="Share of the points that is left from each age on, such as {30d: 0.5, 90d: 0}."),
    ] = None
    lose: Annotated[Percent | None, Field(description="So much of the original points goes")] = None
    every: Annotated[Days | None, Field(description="each time this passes.")] = None

    @model_validator(mode="before")
    @classmethod
    def _from_word(cls, value: Any) -> Any:
        if value == "none":
            return {}
        if isinstance(value, Decay) or (isinstance(value, dict) and (len(value) == 1 or set(value) == _LOSS)):
            return value
        raise Misfit(
            "this is no decay.",
            remedy="Write none, {half_life: 30d}, {linear: 90d}, {steps: {30d: 0.5}} or {lose: 10%, every: 30d}.",
        )

    @model_validator(mode="after")
    def _falls(self) -> Decay:
        if self.steps is not None:
            shares = [share for _, share in sorted(self.steps.items())]
            if not shares or shares != sorted(shares, reverse=True):
                raise Misfit(
                    "the shares of a stepwise decay never rise with age.", loc=("steps",), remedy="Order them."
                )
        if (self.lose is None) != (self.every is None):
            raise Misfit("`lose` and `every` go together.", remedy="Write {lose: 10%, every: 30d}.")
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, core: Any, handler: Any) -> dict[str, Any]:
        return {"description": "How points shrink with age.", "anyOf": [{"const": "none"}, handler(core)]}


_LOSS: Final = {"lose", "every"}
NO_DECAY: Final = Decay.model_validate("none")
