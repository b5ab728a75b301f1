"""The sections of scoring.yaml: gates, fit, engagement, rating, trend, lifecycle and examples."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    Strict,
    StrictBool,
    StrictStr,
    WithJsonSchema,
    model_validator,
)

from config.model_adjust import Adjust
from config.model_conditions import Scalar, When
from config.model_counting import EVERY, Caps, Count, PointsInTurn, Rate, Window
from config.model_fit import Label, Ladder, as_label
from config.model_values import (
    AGO,
    MOST_DAYS,
    MOST_TIMES,
    NO_DECAY,
    Days,
    Decay,
    Loss,
    Name,
    Number,
    Part,
    PlainText,
    Points,
    Seconds,
    Types,
    at_most,
    days_ago,
)
from config.yaml_file import Misfit

CellName = Annotated[PlainText, AfterValidator(at_most(20)), Field(min_length=1, max_length=20)]
WholeScore = Annotated[int, Field(strict=True, ge=0, le=100)]


class Gate(Part):
    """Decided before any points: who is not to be scored, or not to be worked.

    By attributes (`when`), by something that happened (`activity`), or by both together.
    """

    name: Annotated[Name, Field(description="Shown as the reason.")]
    when: Annotated[When | None, Field(description="A condition over attributes.")] = None
    activity: Annotated[Types, Field(description="Activity type, or a list: an event closes the gate.")] = ()
    within: Annotated[Days | None, Field(description="Only events of the last so many days, today included.")] = None
    at_least: Annotated[int, Field(strict=True, ge=1, le=MOST_TIMES, description="So many events.")] = 1
    effect: Annotated[
        Literal["disqualify", "do_not_score"],
        Field(description="disqualify: scored, but rated disqualified. do_not_score: every field is emptied."),
    ]

    @model_validator(mode="after")
    def _asks_something(self) -> Gate:
        if self.when is None and not self.activity:
            raise Misfit("this gate asks nothing.", remedy="Write `when`, or `activity`.")
        if not self.activity and self.model_fields_set & {"within", "at_least"}:
            raise Misfit("`within` and `at_least` go with `activity`.", remedy="Write `activity`, or remove them.")
        return self


class Stagnation(Part):
    """Many events of low commitment and no next step."""

    at_least: Annotated[int, Field(ge=1, le=MOST_TIMES, description="So many matching events")]
    over: Annotated[Days, Field(description="in the last so many days, today included,")]
    without: Annotated[Types, Field(description="and none of these activity types in the same days.")]


class ActivityRule(Part):
    """Points for something they do."""

    name: Name
    activity: Annotated[Types, Field(description="Activity type, or a list of them.")]
    when: Annotated[
        When | None, Field(description="Tests of url, asset, campaign, user_agent or duration; all must hold.")
    ] = None
    points: Annotated[
        PointsInTurn,
        Field(description="Points per event (see `count`), positive or negative; a list for the first, second ..."),
    ]
    count: Annotated[Count, Field(description="Which events give points.")] = EVERY
    at_most: Annotated[
        Caps, Field(description="The most this rule gives (or takes): 30, 30 per 7d, [10 per day, 50].")
    ] = ()
    within: Annotated[Days | None, Field(description="Only events of the last so many days, today included.")] = None
    decay: Annotated[Decay | None, Field(description="In place of the decay of the section.")] = None
    chain: Annotated[
        int | None,
        Field(ge=2, le=MOST_TIMES, description="Points per visit in which so many different pages (or assets) match."),
    ] = None
    group: Annotated[StrictStr | None, Field(description="Group whose limits the points share.")] = None
    unless: Annotated[
        Literal["machine"] | None, Field(description="machine: events of scanners and bots are set aside.")
    ] = None
    stagnates: Annotated[
        Stagnation | None, Field(description="Points once while they keep looking and take no next step.")
    ] = None
    rate: Annotated[
        Rate | None, Field(description="Points once while they open so many of the e-mails that reach them.")
    ] = None

    @property
    def gives_once(self) -> bool:
        """Whether the points are given once or not at all, so that they belong to no event of their own."""
        return self.stagnates is not None or self.rate is not None or not self.count.counts_each


class Group(Part):
    """Limits that the rules of a group share, and what of their events is one and the same deed."""

    max: Annotated[
        Caps, Field(description="The most points all rules of the group give together: 60, or [20 per day, 60].")
    ] = ()
    min: Annotated[Points | None, Field(lt=0, description="The least, for groups that take points.")] = None
    fold: Annotated[
        Window | None, Field(description="Of the events in each such window only the one with most points counts.")
    ] = None


class Engagement(Part):
    """What they do: points for activities, 0 to 100 in all, and a level."""

    decay: Annotated[Decay, Field(description="How points shrink with age, unless a rule says otherwise.")] = NO_DECAY
    rules: tuple[ActivityRule, ...] = ()
    inactivity: dict[Days, Loss] = Field(
        default={},
        description="Days since their last own activity -> points, or all; the longest time reached counts.",
    )
    inactivity_floor: Annotated[
        Points | None, Field(ge=0, le=100, description="Inactivity takes nobody below so many points.")
    ] = None
    groups: dict[str, Group] = Field(default={}, description="Limits that the rules of a group share.")
    adjust: Annotated[Adjust | None, Field(description="Points by hand, from fields of the CRM.")] = None
    restart: Annotated[
        StrictStr | None, Field(description="Attribute with a day: what they did before it gives no points any more.")
    ] = None
    max: Annotated[WholeScore, Field(description="No score is above this.")] = 100
    min: Annotated[WholeScore, Field(description="No score is below this, not even of those who did nothing.")] = 0
    levels: Ladder = Field(default={"1": 75, "2": 50, "3": 25, "4": 0})


class Rating(Part):
    """How grade and level make one rating."""

    matrix: Annotated[Literal["grade x level"], Field(description="Grade, then level: A1 is best.")] = "grade x level"
    cells: Annotated[dict[Label, CellName], Field(description="Names in place of cells: {A1: Call today}.")] = Field(
        default={}
    )


class Trend(Part):
    """Which way engagement moves: today's score less that of `over` days ago."""

    over: Days
    rising: Annotated[Number, Field(gt=0, description="Rising from this difference on.")]
    cooling: Annotated[Number, Field(lt=0, description="Cooling from this difference down.")]


class Reached(Part):
    """A score that must be reached."""

    at_least: Number | None = None
    above: Number | None = None

    @model_validator(mode="after")
    def _one(self) -> Reached:
        if (self.at_least is None) == (self.above is None):
            raise Misfit("a threshold to enter is at_least or above.", remedy="Write one of them.")
        return self

    @property
    def lowest(self) -> int:
        """The lowest whole score that reaches it."""
        return _ceiling(self.at_least) if self.at_least is not None else int((self.above or 0) // 1) + 1


class Missed(Part):
    """A score that has fallen."""

    below: Number | None = None
    at_most: Number | None = None

    @model_validator(mode="after")
    def _one(self) -> Missed:
        if (self.below is None) == (self.at_most is None):
            raise Misfit("a threshold to leave is below or at_most.", remedy="Write one of them.")
        return self

    @property
    def lowest_kept(self) -> int:
        """The lowest whole score that has not fallen."""
        return _ceiling(self.below) if self.below is not None else int((self.at_most or 0) // 1) + 1


def _ceiling(value: float) -> int:
    return int(-(-value // 1))


class ReachedLabel(Part):
    """A grade or level that must be reached: this one or a better one."""

    at_least: Label


class MissedLabel(Part):
    """A grade or level that has fallen: worse than this one."""

    below: Label


class Enter(Part):
    """What it takes to enter a stage; everything written must hold. An unknown grade reaches nothing."""

    fit: Reached | None = None
    engagement: Reached | None = None
    grade: ReachedLabel | None = None
    level: ReachedLabel | None = None


class Exit(Part):
    """What makes a person leave a stage; one that holds is enough. An unknown grade has not fallen."""

    fit: Missed | None = None
    engagement: Missed | None = None
    grade: MissedLabel | None = None
    level: MissedLabel | None = None


class Transition(Part):
    """How a stage is entered and left. Without `exit` it is never left downward."""

    to: StrictStr
    enter: Enter
    exit: Exit | None = None
    requires: Annotated[tuple[StrictStr, ...], Field(description="Attributes that must be known.")] = ()
    cool_down: Annotated[
        Days | None, Field(description="So many whole days must have passed since their last change of stage.")
    ] = None
    dwell: Annotated[
        Days | None, Field(description="Whoever has entered stays for so many days before moving on, up or down.")
    ] = None
    max_entries: Annotated[
        int | None, Field(ge=1, le=MOST_TIMES, description="Nobody enters this stage more often than so many times.")
    ] = None


class Lifecycle(Part):
    """Stages in their order and the ways between them."""

    order: Annotated[tuple[Name, ...], Field(min_length=1)]
    transitions: tuple[Transition, ...] = ()
    hold: Annotated[
        Days | None, Field(description="How long a stage that people set in the CRM's field by hand is left alone.")
    ] = None


class ExampleActivity(Part):
    """Something a golden person did."""

    type: StrictStr
    days_ago: Annotated[int, Field(ge=0, le=MOST_DAYS)] = 0
    earlier: Annotated[Seconds, Field(lt=43_200, description="So much before midday, UTC, of that day.")] = 0
    count: Annotated[int, Field(ge=1, le=MOST_TIMES)] = 1
    url: str | None = None
    asset: str | None = None
    campaign: str | None = None
    user_agent: str | None = None
    duration_s: float | None = None
    since_send_s: float | None = None
    machine: Annotated[bool, Field(description="The CRM itself says that a machine did it.")] = False


def _days_ago(value: Any) -> Any:
    return days_ago(value) if isinstance(value, str) and value.endswith(AGO) else value


DaysAgo = Annotated[
    int,
    BeforeValidator(_days_ago),
    Field(strict=True, ge=0, le=MOST_DAYS),
    WithJsonSchema({"anyOf": [{"type": "string", "pattern": r"^\s*\d+\s*[dwh] ago$"}, {"type": "integer"}]}),
]
"""A day in the past: ``10d ago``, or the number of days."""


class ExampleDeal(Part):
    """A deal that a golden person takes part in; open unless it says when it was closed."""

    amount: Number | None = None
    currency: StrictStr | None = None
    product: StrictStr | None = None
    created: Annotated[DaysAgo | None, Field(description="10d ago; else the day it was closed, or today.")] = None
    closed: Annotated[DaysAgo | None, Field(description="10d ago; none: it is open.")] = None
    won: StrictBool = False
    role: Annotated[StrictStr | None, Field(description="Their role in it, as the CRM names it.")] = None


class ExpectedNumber(Part):
    """A score expected of a golden person."""

    is_: Annotated[Number | None, Field(alias="is")] = None
    at_least: Number | None = None
    at_most: Number | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_number(cls, value: Any) -> Any:
        return {"is": value} if isinstance(value, int | float) and not isinstance(value, bool) else value

    @classmethod
    def __get_pydantic_json_schema__(cls, core: Any, handler: Any) -> dict[str, Any]:
        return {"description": "A score, or its bounds.", "anyOf": [{"type": "number"}, handler(core)]}


class Expected(Part):
    """What a golden person must get; whatever is written must be true."""

    fit: ExpectedNumber | None = None
    grade: Label | None = None
    engagement: ExpectedNumber | None = None
    level: Label | None = None
    rating: Annotated[str, BeforeValidator(as_label)] | None = None
    trend: Literal["rising", "steady", "cooling"] | None = None
    stage: str | None = None
    gate: Annotated[str | None, Field(description="Name of the gate that stops them.")] = None
    profile: Annotated[str | None, Field(description="Name of the profile whose criteria count.")] = None
    skip: Annotated[Literal["yes", "no"] | None, Field(description="Whether their scores are too low.")] = None
    rfm: Annotated[Annotated[str, BeforeValidator(as_label)] | None, Field(description="The code: 555.")] = None
    rfm_score: ExpectedNumber | None = None
    segment: str | None = None
    bant: ExpectedNumber | None = None
    bant_met: Annotated[str | None, Field(description="The letters: BA-T.")] = None
    bant_status: Literal["qualified", "open"] | None = None
    product: str | None = None
    product_share: ExpectedNumber | None = None
    next_content: str | None = None
    account: ExpectedNumber | None = None
    buying_role: str | None = None
    role_coverage: ExpectedNumber | None = None
    missing_roles: str | None = None
    ratings: Annotated[dict[str, str] | None, Field(description="Combined rating -> its cell.")] = None


Fact = Annotated[
    Annotated[date, Strict()] | Scalar,
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "boolean"}, {"type": "number"}]}),
]
"""A value of an attribute; a date is written as 2026-01-31, or as 40d ago."""


class Example(Part):
    """A golden person: facts and what must come of them. One that fails blocks every write."""

    name: Name
    person: dict[str, Fact] = Field(default={}, description="Attributes of the person.")
    company: dict[str, Fact] = Field(default={}, description="Attributes of the company, without `company.`.")
    activities: tuple[ExampleActivity, ...] = ()
    deals: tuple[ExampleDeal, ...] = ()
    stage: Annotated[str | None, Field(description="The stage they were in before.")] = None
    entries: Annotated[
        dict[str, Annotated[int, Field(ge=0, le=MOST_TIMES)]],
        Field(description="How often they have entered a stage so far, by stage."),
    ] = Field(default={})
    expect: Expected
