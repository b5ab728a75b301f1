"""Fit: criteria by points, percent weights or rungs of a ladder, and profiles for segments."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field, StrictStr, WithJsonSchema, model_validator

from config.model_conditions import When
from config.model_values import MICRO, Name, Number, Part, PlainText, Points, at_most, micro
from config.yaml_file import Misfit

THIRDS: Final = ("A+", "A", "A-", "B+", "B", "B-", "C+", "C", "C-", "D+", "D", "D-", "F")
"""The grades of Account Engagement, best first. Everybody begins at D; a criterion moves by thirds of a letter."""


def as_label(value: Any) -> Any:
    """A label that YAML reads as a number, as text."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Label = Annotated[PlainText, BeforeValidator(as_label), AfterValidator(at_most(9)), Field(min_length=1, max_length=9)]
Ladder = Annotated[
    dict[Label, Annotated[Number, Field(ge=0, le=100)]],
    Field(min_length=1, description="Label -> lowest score that earns it, best first; the last starts at 0."),
]


def _percent(value: Any) -> Any:
    if isinstance(value, str):
        try:
            return float(value.removesuffix("%"))
        except ValueError:
            raise Misfit("this is no weight.", remedy="Write a percentage, such as 40%.") from None
    return value


Weight = Annotated[
    Points,
    BeforeValidator(_percent),
    Field(gt=0, le=100),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string", "pattern": r"^\d+(\.\d+)?%$"}]}),
]


class Criterion(Part):
    """One trait of a person or company. Match gives `points`, mismatch `otherwise`, unknown nothing.

    Either `when` with `points`, or `by` with `bands`: the points of the highest lower bound that the value reaches.
    In place of points: a `weight` (percent of the whole fit; then bands are percents of it), or `rungs` of a ladder.
    """

    name: Name
    when: Annotated[When | None, Field(description="The condition.")] = None
    points: Annotated[Points | None, Field(description="Points when it holds.")] = None
    weight: Annotated[Weight | None, Field(description="Share of the whole fit: 40%. All of them make 100%.")] = None
    rungs: Annotated[
        int | None, Field(strict=True, ge=-100, le=100, description="Steps up the ladder, or down, when it holds.")
    ] = None
    by: Annotated[StrictStr | None, Field(description="A number attribute to band.")] = None
    bands: Annotated[
        dict[Number, Points] | None, Field(min_length=1, description="Lower bound (included) -> points.")
    ] = None
    otherwise: Annotated[Points, Field(description="Points on a mismatch, or below the lowest band.")] = 0

    @model_validator(mode="after")
    def _one_shape(self) -> Criterion:
        worths = [self.points, self.weight, self.rungs]
        with_when = self.when is not None and worths.count(None) == 2 and self.by is None and self.bands is None
        with_bands = self.by is not None and self.bands is not None and self.when is None
        if not with_when and (not with_bands or self.points is not None or self.rungs is not None):
            raise Misfit(
                "a criterion needs `when` and `points` (or `weight`, or `rungs`), or `by` and `bands`.",
                remedy="Write one of the pairs.",
            )
        if self.points is not None and self.points == self.otherwise:
            raise Misfit(
                "match and mismatch give the same points.", loc=("points",), remedy="Change `points` or `otherwise`."
            )
        if self.otherwise and self.points is None and (self.weight is not None or self.rungs is not None):
            raise Misfit("`otherwise` goes with points.", loc=("otherwise",), remedy="Remove it, or write points.")
        if self.weight is not None and any(not 0 <= share <= 100 for share in (self.bands or {}).values()):
            raise Misfit("bands of a weight are percents of it.", loc=("bands",), remedy="Write 0 to 100.")
        return self

    def attributes(self) -> list[str]:
        """The attributes it reads, in the order of the file."""
        return self.when.attributes() if self.when is not None else [self.by or ""]


class Rungs(Part):
    """Grades an equal number of points apart, and the one that everybody begins with.

    Written ``thirds``, or with the keys.
    """

    labels: Annotated[tuple[Label, ...], Field(min_length=2, max_length=101, description="Best first.")]
    start: Label

    @model_validator(mode="before")
    @classmethod
    def _from_word(cls, value: Any) -> Any:
        if value == "thirds":
            return {"labels": list(THIRDS), "start": "D"}
        if isinstance(value, str):
            raise Misfit("this is no ladder.", remedy="Write thirds, or {labels: [A, B, C], start: B}.")
        return value

    @model_validator(mode="after")
    def _begins_somewhere(self) -> Rungs:
        if self.start not in self.labels or len(set(self.labels)) < len(self.labels):
            raise Misfit("`start` is none of `labels`, or a label stands there twice.", remedy="Mend the labels.")
        return self

    @property
    def height(self) -> int:
        """Points from one rung to the next: 8 where there are thirteen."""
        return 100 // (len(self.labels) - 1)

    @property
    def start_points(self) -> int:
        """Points that everybody begins with."""
        return self.height * (len(self.labels) - 1 - self.labels.index(self.start))

    @property
    def grades(self) -> dict[str, float]:
        """Label -> lowest score that earns it, best first."""
        highest = len(self.labels) - 1
        return {label: float(self.height * (highest - place)) for place, label in enumerate(self.labels)}

    @classmethod
    def __get_pydantic_json_schema__(cls, core: Any, handler: Any) -> dict[str, Any]:
        return {"description": "Grades in equal steps.", "anyOf": [{"const": "thirds"}, handler(core)]}


class Profile(Part):
    """Criteria for a segment, beside those for everybody.

    Where several profiles hold, the first in the file counts.
    """

    name: Name
    when: Annotated[When, Field(description="Whom it is for. Unknown is not enough.")]
    criteria: Annotated[tuple[Criterion, ...], Field(min_length=1)]


@dataclass(frozen=True)
class Trait:
    """A criterion with what it is worth in micro-points. `profile` is the place of its profile; None: for everybody."""

    criterion: Criterion
    profile: int | None
    points: int
    bands: dict[float, int] | None
    otherwise: int

    @property
    def outcomes(self) -> list[int]:
        """Every number of micro-points that a known value can give."""
        return [*(self.bands.values() if self.bands is not None else [self.points]), self.otherwise]

    @property
    def spread(self) -> int:
        """The range of points that hangs on the answer."""
        return max(self.outcomes) - min(self.outcomes)


class Fit(Part):
    """Who they are: points for traits, 0 to 100 in all, and a letter."""

    criteria: tuple[Criterion, ...] = ()
    profiles: Annotated[tuple[Profile, ...], Field(description="Criteria for segments; one profile per person.")] = ()
    ladder: Annotated[
        Rungs | None, Field(description="thirds: A+ to F in thirds of a letter, beginning at D. In place of `grades`.")
    ] = None
    grades: Ladder = Field(default={"A": 75, "B": 50, "C": 25, "D": 1, "F": 0})

    @model_validator(mode="after")
    def _one_ladder(self) -> Fit:
        if self.ladder is not None and "grades" in self.model_fields_set:
            raise Misfit("`ladder` and `grades` both name the grades.", loc=("ladder",), remedy="Keep one of them.")
        if self.ladder is None and any(trait.criterion.rungs is not None for trait in self.traits):
            raise Misfit("`rungs` need a ladder.", remedy="Write `ladder: thirds` under `fit`.")
        return self

    @cached_property
    def scale(self) -> dict[str, float]:
        """Grade -> lowest score that earns it, best first: of the ladder, or as written."""
        return dict(self.grades) if self.ladder is None else self.ladder.grades

    @cached_property
    def start(self) -> int:
        """Micro-points that everybody begins with."""
        return 0 if self.ladder is None else micro(self.ladder.start_points)

    @cached_property
    def traits(self) -> tuple[Trait, ...]:
        """All criteria, those for everybody first, in the order of the file."""
        parts = [(None, self.criteria), *((place, profile.criteria) for place, profile in enumerate(self.profiles))]
        return tuple(self._trait(criterion, profile) for profile, criteria in parts for criterion in criteria)

    def _trait(self, criterion: Criterion, profile: int | None) -> Trait:
        weight = criterion.weight
        if criterion.rungs is not None:
            points = criterion.rungs * micro(self.ladder.height if self.ladder is not None else 1)
        else:
            points = micro(criterion.points or weight or 0)
        bands = criterion.bands
        if bands is None:
            worth = None
        elif weight is None:
            worth = {bound: micro(points) for bound, points in bands.items()}
        else:
            whole = 100 * MICRO
            worth = {bound: (2 * micro(weight) * micro(s) + whole) // (2 * whole) for bound, s in bands.items()}
        return Trait(criterion, profile, points, worth, micro(criterion.otherwise))
