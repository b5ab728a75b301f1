"""The special models of scoring.yaml: RFM, BANT, product affinity, account roll-ups and combined ratings."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, StrictBool, StrictInt, StrictStr, WithJsonSchema, model_validator

from config.model_conditions import When
from config.model_fit import Criterion, Label, Ladder
from config.model_sections import ActivityRule
from config.model_values import MOST_TIMES, NO_DECAY, Days, Decay, Name, Number, Part, Points, Types
from config.vocabulary import ACTIVITY_TYPES, DERIVED, DONE_TO_THEM
from config.yaml_file import Misfit

SharePoints = Annotated[Points, Field(ge=0, le=100)]
Times = Annotated[int, Field(strict=True, ge=1, le=MOST_TIMES)]
Four = "Four bounds between the digits 1 to 5, rising; none: quintiles of everybody who bought."


def _rising(bounds: tuple[float, ...] | None) -> None:
    if bounds is not None and list(bounds) != sorted(set(bounds)):
        raise Misfit("these bounds do not rise.", loc=("bands",), remedy="Write four numbers, each above the last.")


class Recency(Part):
    """How long ago they bought last."""

    points: Annotated[SharePoints, Field(description="Points of digit 5; each digit gives its fifths.")] = 40
    bands: Annotated[tuple[Days, Days, Days, Days] | None, Field(description=f"{Four} Digit 5: within the first.")] = (
        None
    )

    @model_validator(mode="after")
    def _in_order(self) -> Recency:
        _rising(self.bands)
        return self


class Frequency(Part):
    """On how many days they bought."""

    points: Annotated[SharePoints, Field(description="Points of digit 5; each digit gives its fifths.")] = 30
    bands: Annotated[
        tuple[Times, Times, Times, Times] | None, Field(description=f"{Four} Digit 2: from the first on.")
    ] = None

    @model_validator(mode="after")
    def _in_order(self) -> Frequency:
        _rising(self.bands)
        return self


class Monetary(Part):
    """For how much they bought."""

    points: Annotated[SharePoints, Field(description="Points of digit 5; each digit gives its fifths.")] = 30
    bands: Annotated[
        tuple[Number, Number, Number, Number] | None, Field(description=f"{Four} Digit 2: from the first on.")
    ] = None

    @model_validator(mode="after")
    def _in_order(self) -> Monetary:
        _rising(self.bands)
        return self


def _as_range(value: Any) -> Any:
    return (value, value) if isinstance(value, int) and not isinstance(value, bool) else value


Digit = Annotated[int, Field(strict=True, ge=1, le=5)]
Digits = Annotated[
    tuple[Digit, Digit],
    BeforeValidator(_as_range),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 1, "maximum": 5},
                {
                    "type": "array",
                    "items": {"type": "integer", "minimum": 1, "maximum": 5},
                    "minItems": 2,
                    "maxItems": 2,
                },
            ]
        }
    ),
]
"""A digit, or the lowest and the highest of several."""


class Segment(Part):
    """A name for buyers with such digits; what is not written may be anything."""

    name: Name
    recency: Digits | None = None
    frequency: Digits | None = None
    monetary: Digits | None = None


# The eleven names that marketers use, on the grid of recency and frequency.
SEGMENTS: Final = tuple(
    Segment(name=name, recency=recency, frequency=frequency)
    for name, recency, frequency in (
        ("Champions", (5, 5), (4, 5)),
        ("Loyal", (3, 4), (4, 5)),
        ("Potential loyalists", (4, 5), (2, 3)),
        ("New customers", (5, 5), (1, 1)),
        ("Promising", (4, 4), (1, 1)),
        ("Need attention", (3, 3), (3, 3)),
        ("About to sleep", (3, 3), (1, 2)),
        ("Cannot lose them", (1, 1), (4, 5)),
        ("At risk", (1, 2), (3, 5)),
        ("Hibernating", (2, 2), (1, 2)),
        ("Lost", (1, 1), (1, 2)),
    )
)


class Rfm(Part):
    """Recency, frequency and monetary value of those who bought: a digit each, 555 best, and 0 to 100 points."""

    activities: Annotated[
        Types, Field(description="Activity types that are purchases. Amounts are those of won deals.")
    ] = ("deal_won", "purchase")
    within: Annotated[Days | None, Field(description="Only purchases of the last so many days, today included.")] = None
    recency: Recency = Recency()
    frequency: Frequency = Frequency()
    monetary: Monetary = Monetary()
    rates: Annotated[
        dict[StrictStr, Annotated[Number, Field(gt=0)]],
        Field(description="Worth of one unit of each currency; amounts in others are unknown. Empty: add them up."),
    ] = Field(default={})
    segments: Annotated[
        tuple[Segment, ...], Field(min_length=1, description="Names by digits; the first that fits counts.")
    ] = SEGMENTS


class Dimension(Part):
    """One of budget, authority, need and timeline: what is known and what they did speak for it."""

    criteria: Annotated[tuple[Criterion, ...], Field(description="Traits, as in fit.")] = ()
    rules: Annotated[tuple[ActivityRule, ...], Field(description="Activities, as in engagement.")] = ()
    at_most: Annotated[Points, Field(gt=0, le=100, description="The most points it gives; the least is 0.")] = 25
    met_from: Annotated[
        Points | None, Field(gt=0, description="Its letter is met from so many points on; half of `at_most`.")
    ] = None
    question: Annotated[Name | None, Field(description="What to ask while it is not met.")] = None

    @model_validator(mode="after")
    def _in_points(self) -> Dimension:
        for number, criterion in enumerate(self.criteria):
            if criterion.weight is not None or criterion.rungs is not None:
                raise Misfit(
                    "weights and rungs are of fit alone.", loc=("criteria", number), remedy="Write `points` here."
                )
        return self

    @property
    def threshold(self) -> float:
        """Points from which on its letter is met."""
        return self.met_from if self.met_from is not None else self.at_most / 2


class BantGate(Part):
    """When somebody is qualified: each letter met, or so many points in all. Written ``each`` or ``{sum: 60}``."""

    sum: Annotated[Number | None, Field(gt=0, le=100)] = None

    @model_validator(mode="before")
    @classmethod
    def _from_word(cls, value: Any) -> Any:
        if value == "each":
            return {}
        if isinstance(value, BantGate) or (isinstance(value, dict) and set(value) == {"sum"}):
            return value
        raise Misfit("this is no gate.", remedy="Write each, or {sum: 60}.")

    @classmethod
    def __get_pydantic_json_schema__(cls, core: Any, handler: Any) -> dict[str, Any]:
        return {
            "description": "each letter met, or so many points in all.",
            "anyOf": [{"const": "each"}, handler(core)],
        }


EACH: Final = BantGate.model_validate("each")


class Bant(Part):
    """Budget, authority, need and timeline."""

    gate: BantGate = EACH
    decay: Annotated[Decay, Field(description="How points of activities shrink, unless a rule says otherwise.")] = (
        NO_DECAY
    )
    budget: Dimension
    authority: Dimension
    need: Dimension
    timeline: Dimension

    @property
    def dimensions(self) -> dict[str, Dimension]:
        """The four by name, in their order."""
        return {name: getattr(self, name) for name in DIMENSIONS}


DIMENSIONS: Final = {
    "budget": "What is the budget, and who releases it?",
    "authority": "Who else decides?",
    "need": "Which problem must be solved?",
    "timeline": "By when must it be in use?",
}
"""The four dimensions and what to ask about each unless the model says otherwise."""

OWN_ACTIVITIES: Final = tuple(sorted(ACTIVITY_TYPES - DONE_TO_THEM - DERIVED))


class Content(Part):
    """Something to send: done with once they have seen it."""

    name: Annotated[Name, Field(description="What the CRM shows.")]
    when: Annotated[
        When | None, Field(description="Which of their activities show that they saw it; none: those with this asset.")
    ] = None
    activity: Annotated[Types, Field(description="Types of these activities.")] = OWN_ACTIVITIES


class Product(Part):
    """Something you sell, and how to tell that an activity is about it."""

    name: Name
    when: Annotated[
        When | None, Field(description="Activities about it: tests of url, asset (for deals: the product), campaign.")
    ] = None
    rules: Annotated[tuple[ActivityRule, ...], Field(description="Rules of this product alone.")] = ()
    content: Annotated[tuple[Content, ...], Field(description="What to send, in this order.")] = ()


class Affinity(Part):
    """Which product they look into: 0 to 100 points for each."""

    decay: Annotated[Decay, Field(description="How points shrink with age, unless a rule says otherwise.")] = NO_DECAY
    rules: Annotated[
        tuple[ActivityRule, ...], Field(description="Points for activities about a product, the same for each of them.")
    ] = ()
    products: Annotated[tuple[Product, ...], Field(min_length=1)]
    at_least: Annotated[Number, Field(gt=0, le=100, description="Points from which on a product is named.")] = 10


class RollUp(Part):
    """How the scores of an account's people become one.

    ``max``, ``sum``, ``mean``, ``trimmed`` (the mean without the lowest quarter), ``roles`` (the mean weighted by
    buying role), ``{top: 3}`` (the mean of the best three) or ``champion``: 0.6 times the best and 0.4 times the mean
    of the others; ``{champion: 0.7}`` for other shares.
    """

    mode: Literal["max", "sum", "mean", "trimmed", "roles", "top", "champion"]
    top: Annotated[StrictInt, Field(ge=1, le=1000)] = 3
    champion: Annotated[Number, Field(gt=0, lt=1)] = 0.6

    @model_validator(mode="before")
    @classmethod
    def _from_word(cls, value: Any) -> Any:
        if isinstance(value, str) and value in ROLL_UPS:
            return {"mode": value}
        if isinstance(value, dict) and len(value) == 1 and set(value) <= {"top", "champion"}:
            return {"mode": next(iter(value)), **value}
        if isinstance(value, RollUp):
            return value
        raise Misfit("this is no roll-up.", remedy=f"Write {', '.join(ROLL_UPS)}, {{top: 3}} or {{champion: 0.6}}.")

    @classmethod
    def __get_pydantic_json_schema__(cls, _core: Any, _handler: Any) -> dict[str, Any]:
        top = {"type": "integer", "minimum": 1, "maximum": 1000}
        share = {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}
        return {
            "description": "How the scores of an account's people become one.",
            "anyOf": [
                {"enum": list(ROLL_UPS)},
                *(
                    {"type": "object", "properties": {key: one}, "required": [key], "additionalProperties": False}
                    for key, one in (("top", top), ("champion", share))
                ),
            ],
        }


ROLL_UPS: Final = ("max", "sum", "mean", "trimmed", "roles", "champion")
CHAMPION: Final = RollUp.model_validate("champion")
PERSON_AXES: Final = ("fit", "engagement", "rfm", "bant", "affinity")
"""Axes that a person has by themselves; `affinity` is the score of the best product."""

PersonAxis = Literal["fit", "engagement", "rfm", "bant", "affinity"]


class BuyingRole(Part):
    """A part that somebody plays in buying: told by their role in a deal, else by a condition."""

    name: Name
    deal_roles: Annotated[tuple[StrictStr, ...], Field(description="Roles in deals, as the CRM names them.")] = ()
    when: Annotated[When | None, Field(description="A condition on the person, such as a job title.")] = None
    weight: Annotated[StrictInt, Field(ge=0, le=100, description="Weight in the roll-up `roles`.")] = 1
    needed: Annotated[StrictBool, Field(description="Whether an account is complete only with one.")] = True


class Account(Part):
    """One score for all people of a company, written to each of them."""

    of: Annotated[PersonAxis, Field(description="The score that is rolled up.")] = "engagement"
    roll_up: RollUp = CHAMPION
    roles: Annotated[tuple[BuyingRole, ...], Field(description="Buying roles; the first that fits counts.")] = ()
    others: Annotated[StrictInt, Field(ge=0, le=100, description="Weight of people without a role.")] = 1


class Bands(Part):
    """One side of a combined rating: an axis cut into bands."""

    axis: Literal["fit", "engagement", "rfm", "bant", "affinity", "account"]
    bands: Annotated[
        Ladder | None, Field(description="Label -> lowest score; none: the grades of fit, the levels of engagement.")
    ] = None
    unknown: Annotated[Label | None, Field(description="Label of those without a score; none: they get no rating.")] = (
        None
    )


class CombinedRating(Part):
    """A rating by one or two axes, in named cells."""

    name: Name
    rows: Bands
    columns: Bands | None = None
    cells: Annotated[
        tuple[tuple[Name, ...], ...] | None,
        Field(description="Names: a list per row, best row first. None: the labels of row and column together."),
    ] = None

    @model_validator(mode="before")
    @classmethod
    def _from_preset(cls, value: Any) -> Any:
        if isinstance(value, dict) and "preset" in value:
            preset = PRESETS.get(value["preset"]) if isinstance(value["preset"], str) else None
            if preset is None:
                raise Misfit("there is no such preset.", loc=("preset",), remedy=f"Write {', '.join(PRESETS)}.")
            if set(value) - {"name", "preset"}:
                raise Misfit("a preset takes a `name` only.", loc=("preset",), remedy="Write the cells yourself.")
            return {**preset, **{key: item for key, item in value.items() if key != "preset"}}
        return value

    @classmethod
    def __get_pydantic_json_schema__(cls, core: Any, handler: Any) -> dict[str, Any]:
        preset = {
            "type": "object",
            "properties": {"preset": {"enum": list(PRESETS)}, "name": {"type": "string"}},
            "required": ["preset"],
            "additionalProperties": False,
        }
        return {"description": "A rating by one or two axes, in named cells.", "anyOf": [handler(core), preset]}


PRESETS: Final[dict[str, dict[str, Any]]] = {
    "commitment": {
        "name": "Commitment",
        "rows": {"axis": "fit", "bands": {"good": 50, "fair": 25, "poor": 0}, "unknown": "?"},
        "columns": {"axis": "engagement", "bands": {"much": 50, "some": 20, "little": 0}},
        "cells": [
            ["committed", "committed", "unsure"],
            ["committed", "unsure", "unreliable"],
            ["unsure", "unreliable", "unreliable"],
            ["committed", "unsure", "unreliable"],
        ],
    },
}
"""Combined ratings that come with Leadgrade: three bands, committed, unsure and unreliable."""
