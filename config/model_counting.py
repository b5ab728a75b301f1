"""Which events count and how much they may give: windows, caps, counts, and lists of points."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from config.model_values import MOST_TIMES, Days, Part, Percent, Points, Types, parse_days
from config.yaml_file import Misfit

if TYPE_CHECKING:
    from pydantic import GetJsonSchemaHandler
    from pydantic_core import CoreSchema

VISIT: Final = "visit"
CAMPAIGN: Final = "campaign"
_DAYS_OF: Final = {"day": 1, "week": 7}


def _parse_window(value: Any) -> int | str:
    if value in {VISIT, CAMPAIGN}:
        return str(value)
    return _DAYS_OF[value] if value in _DAYS_OF else parse_days(value)


Window = Annotated[
    int | Literal["visit", "campaign"],
    BeforeValidator(_parse_window),
    WithJsonSchema(
        {
            "anyOf": [{"enum": [VISIT, CAMPAIGN, *_DAYS_OF]}, {"type": "string", "pattern": r"^\s*\d+\s*[dwh]\s*$"}],
            "examples": ["day", "7d", VISIT],
        }
    ),
]
"""What belongs together: a visit, a campaign, or a calendar window of whole days (``day``, ``week``, ``7d``)."""


def window_words(window: int | str) -> str:
    """The window as a model would write it."""
    return window if isinstance(window, str) else f"{window}d"


class _OneOrMany:
    """In the JSON Schema: one value, or a list of such."""

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        schema = handler(core)
        return {"anyOf": [schema["items"], schema]}


def _as_tuple(value: Any) -> Any:
    return () if value is None else value if isinstance(value, list | tuple) else (value,)


PointsInTurn = Annotated[
    tuple[Points, ...], Field(min_length=1, max_length=20), BeforeValidator(_as_tuple), _OneOrMany()
]
"""Points of the first event, the second and so on; every further one gets the last. One number: all get the same."""


class Cap(Part):
    """The most points: in all, or in each window of `per`.

    Written ``30``, ``30 per 7d``, ``30 per day``, ``30 per visit`` or ``30 per campaign``. Windows of days are fixed,
    not sliding: whole days counted from a Monday.
    """

    points: Annotated[Points, Field(gt=0, description="The most points, as a positive number.")]
    per: Annotated[Window | None, Field(description="The window; none: over all time.")] = None

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return {"points": value}
        if isinstance(value, str):
            found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)(?:\s+per\s+(.+?))?\s*", value)
            if not found:
                raise Misfit("this is no cap.", remedy="Write points, such as 30, or points per window: 30 per 7d.")
            return {"points": float(found[1])} | ({"per": found[2]} if found[2] else {})
        return value

    @classmethod
    def __get_pydantic_json_schema__(cls, core: Any, handler: Any) -> dict[str, Any]:
        per = r"(\s+per\s+(\d+\s*[dwh]|day|week|visit|campaign))?"
        return {
            "description": "The most points: 30, or 30 per 7d.",
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0},
                {"type": "string", "pattern": rf"^\s*\d+(\.\d+)?{per}\s*$", "examples": ["30 per 7d"]},
                handler(core),
            ],
        }


Caps = Annotated[tuple[Cap, ...], BeforeValidator(_as_tuple), _OneOrMany()]
"""One cap, or several of which each window holds the ones before: ``[10 per visit, 30 per 7d, 100]``."""

Times = Annotated[int, Field(ge=1, le=MOST_TIMES)]


class Count(Part):
    """Which of the matching events give points.

    ``every`` one; the ``first`` within the window; the points once while there are ``{at_least: 3}`` of them, or
    ``{exactly: 3}``, or ``{between: [2, 4]}``, as old as the latest; or each from one to another of them, in the order
    of time: ``{from: 3}``, ``{to: 20, per: day}``.
    """

    mode: Literal["every", "first", "times", "places"] = "every"
    at_least: Times = 1
    up_to: Times | None = None
    from_: Annotated[Times, Field(alias="from", description="The first that gives points.")] = 1
    to: Annotated[Times | None, Field(description="The last that gives points.")] = None
    per: Annotated[Window | None, Field(description="Counting starts anew in each.")] = None

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        if isinstance(value, str) and value in {"every", "first"}:
            return {"mode": value}
        if isinstance(value, dict) and len(value) == 1:
            ((key, times),) = value.items()
            if key == "at_least":
                return {"mode": "times", "at_least": times}
            if key == "exactly":
                return {"mode": "times", "at_least": times, "up_to": times}
            if key == "between" and isinstance(times, list) and len(times) == 2:
                return {"mode": "times", "at_least": times[0], "up_to": times[1]}
        if isinstance(value, dict) and value and set(value) <= {"from", "to", "per"}:
            return {"mode": "places", **value}
        if isinstance(value, Count):
            return value
        raise Misfit(
            "this is no way to count.",
            remedy="Write every, first, {at_least: 3}, {exactly: 3}, {between: [2, 4]} or {from: 2, to: 5, per: day}.",
        )

    @model_validator(mode="after")
    def _in_order(self) -> Count:
        last = self.up_to if self.mode == "times" else self.to
        first = self.at_least if self.mode == "times" else self.from_
        if last is not None and last < first:
            raise Misfit("this range ends before it begins.", remedy="Write the smaller number first.")
        return self

    @property
    def counts_each(self) -> bool:
        """Whether each event gives its own points, so that they can be told by window."""
        return self.mode in {"every", "places"}

    @classmethod
    def __get_pydantic_json_schema__(cls, core: Any, handler: Any) -> dict[str, Any]:
        times = {"type": "integer", "minimum": 1, "maximum": MOST_TIMES}
        pair = {"type": "array", "items": times, "minItems": 2, "maxItems": 2}
        window = handler(core)["properties"]["per"]

        def shape(required: list[str], **keys: Any) -> dict[str, Any]:
            return {"type": "object", "properties": keys, "required": required, "additionalProperties": False}

        return {
            "description": "Which events give points.",
            "anyOf": [
                {"enum": ["every", "first"]},
                shape(["at_least"], at_least=times),
                shape(["exactly"], exactly=times),
                shape(["between"], between=pair),
                shape([], **{"from": times, "to": times, "per": window}),
            ],
        }


class Rate(Part):
    """How many of the e-mails that reached a person, in percent, they opened (or clicked ...) in the last days."""

    of: Annotated[Types, Field(description="Activity type of the mails to count among, or a list.")] = (
        "email_delivered",
    )
    at_least: Annotated[Percent | None, Field(description="Points from this rate on, such as 50%;")] = None
    below: Annotated[Percent | None, Field(description="or points while the rate is below this.")] = None
    over: Annotated[Days, Field(description="E-mails of the last so many days, today included.")]
    among: Annotated[Times, Field(description="Tell no rate of fewer e-mails than these.")] = 3

    @model_validator(mode="after")
    def _one(self) -> Rate:
        if (self.at_least is None) == (self.below is None):
            raise Misfit("a rate is at_least or below.", remedy="Write one of them, such as at_least: 50%.")
        return self

    @property
    def percent(self) -> int:
        """The percentage, whichever way it is asked for."""
        return self.at_least or self.below or 0


EVERY: Final = Count.model_validate("every")
