"""The oracle's way with the events of activity rules: folded, put in order, counted, aged, capped."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal, localcontext
from fractions import Fraction
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from tests.scoring.oracle_conditions import Activity, answers, days_since, is_machine, why_machine
from tests.scoring.oracle_numbers import micro, rounded
from tests.scoring.oracle_visits import visits_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from config.model import Model
    from config.model_sections import ActivityRule

Bucket = tuple[Any, ...]
Window = int | str | None
Outages = dict[str, set[date]]


class Known(list[Activity]):
    """What is known of a person: the activities, and the days on which activities of a type could not come."""

    def __init__(self, model: Model, events: Iterable[Activity], outages: Outages, until: date = date.max) -> None:
        super().__init__(events)
        self.model, self.outages, self.until = model, outages, until
        self.counts: Callable[[Activity], bool] = lambda _: True

    def but(self, counts: Callable[[Activity], bool], until: date = date.max) -> Known:
        """The same, of which only some activities give points, and no points by hand that came later."""
        same = Known(self.model, self, self.outages, min(self.until, until))
        same.counts = counts
        return same

    def since(self, first: date) -> Known:
        """The same without points for what happened before a day."""
        return self.but(lambda event: self.counts(event) and event.occurred_at.date() >= first)

    def told(self) -> list[Activity]:
        """The activities that give points."""
        return [event for event in self if self.counts(event)]

    @cached_property
    def visits(self) -> list[list[Activity]]:
        return visits_of(self.model, list(self))

    def visit_of(self, event: Activity) -> int:
        """Number of the visit that an activity belongs to, or that was made into it; 0 when there is none."""
        is_made = event.type == "visit" or event.type.startswith("chain ")
        for number, visit in enumerate(self.visits, 1):
            within = visit[0].occurred_at <= event.occurred_at <= visit[-1].occurred_at
            if any(event is other for other in visit) or (is_made and within):
                return number
        return 0

    def frozen(self, types: Iterable[str], since: date, day: date) -> int:
        """Days after `since` and up to `day` on which nothing of `types` could come."""
        made_of = {"visit": "page_view", "chain": "page_view", "email_reopen": "email_open"}
        sources = [source for kind in types for source in (kind, made_of.get(kind.split()[0], kind))]
        lost = set().union(*(self.outages.get(kind, set()) for kind in sources))
        return sum(since < each <= day for each in lost)


def outage_days(rows: Iterable[tuple[str, date, date]], today: date) -> Outages:
    days: Outages = defaultdict(set)
    for kind, first, last in rows:
        length = (min(last, today) - first).days + 1
        if length > 0:
            days[kind] |= {first + timedelta(days=number) for number in range(length)}
    return days


def worth(rule: ActivityRule, model: Model, age: int, points: int) -> int:
    """Micro-points of one event at an age; 0 outside the window."""
    if rule.stagnates is not None:
        return points if age < rule.stagnates.over else 0
    if rule.within is not None and age >= rule.within:
        return 0
    decay = rule.decay if rule.decay is not None else model.engagement.decay
    if decay.half_life is not None:
        return halved(points, decay.half_life, age)
    if decay.linear is not None:
        return rounded(points * max(Fraction(0), Fraction(decay.linear - age, decay.linear)))
    if decay.lose is not None:
        left = 100 - decay.lose * (age // decay.every)
        return rounded(Fraction(points * left, 100)) if left > 0 else 0
    if decay.steps is not None:
        shares = [share for start, share in sorted(decay.steps.items()) if age >= start]
        return rounded(points * Fraction(str(shares[-1]))) if shares else points
    return points


@cache
def halved(points: int, half_life: int, age: int) -> int:
    with localcontext(prec=60):
        power = Decimal(2) ** (Decimal(-age) / half_life)
    if age % half_life == 0:
        power = Fraction(1, 2 ** (age // half_life))
    return rounded(points * Fraction(power))


def matches_rule(model: Model, rule: ActivityRule, event: Activity, day: date) -> bool:
    if rule.chain is not None:
        return event.type == f"chain {rule.name}"
    return event.type in rule.activity and answers(model, rule.when, event, day)


# --- windows ---------------------------------------------------------------------------------------------------


def bucket(known: Known, event: Activity, window: Window) -> Bucket:
    day = (event.occurred_at.date() - date(1969, 12, 29)).days
    if window == "visit":
        return (day, known.visit_of(event))
    if window == "campaign":
        return ((event.campaign or "").lower(),)
    return widened((day,), window)


def widened(inner: Bucket, window: Window) -> Bucket:
    if window is None:
        return ("ever",)
    return inner if isinstance(window, str) else (inner[0] // window * window,)


def narrowest_first(caps: Iterable[Any]) -> list[tuple[Window, int]]:
    def width(window: Window) -> float:
        return float("inf") if window is None else 0 if isinstance(window, str) else window

    return sorted(((cap.per, micro(cap.points)) for cap in caps), key=lambda cap: width(cap[0]))


def summed(values: Mapping[Bucket, int], window: Window) -> dict[Bucket, int]:
    sums: dict[Bucket, int] = defaultdict(int)
    for inner, value in values.items():
        sums[widened(inner, window)] += value
    return sums


def rule_windows(model: Model, rule: ActivityRule) -> list[tuple[Window, int | None]]:
    """The windows in which points of a rule are added up, and the most in each."""
    own = narrowest_first(rule.at_most)
    group = narrowest_first(model.engagement.groups[rule.group].max) if rule.group is not None else []
    if (not own or own[0][0] is None) and group and group[0][0] is not None:
        return [(group[0][0], None), *own]
    return [*own] or [(None, None)]


# --- events ----------------------------------------------------------------------------------------------------


@dataclass
class Deed:
    """An event as one rule sees it. `n` of `event.count` are left after folding; `before` it were so many."""

    event: Activity
    aside: str | None  # what tells that it was a machine's
    on_day: date
    frozen: bool
    cap_bucket: Bucket
    turn_bucket: Bucket
    n: int = 0
    before: int = 0


@dataclass
class Outcome:
    """What comes of a rule; points are in micro-points, `windows` are the capped ones by window."""

    nominal: int = 0
    decayed: int = 0
    occurrences: int = 0
    aside: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    folded: int = 0
    frozen: int = 0
    last: datetime | None = None
    windows: dict[Bucket, int] = field(default_factory=dict)

    @property
    def capped(self) -> int:
        return sum(self.windows.values())


def outcomes(model: Model, known: Known, day: date) -> list[Outcome]:
    """What comes of each rule on a day."""
    deeds = [deeds_of(model, rule, known, day) for rule in model.engagement.rules]
    for name, group in model.engagement.groups.items():
        if group.fold is not None:
            fold(model, name, group.fold, deeds, known)
    return [
        outcome(model, rule, mine, known, day) if rule.rate is None else rated(model, rule, known, day)
        for rule, mine in zip(model.engagement.rules, deeds, strict=True)
    ]


def rated(model: Model, rule: ActivityRule, known: Known, day: date) -> Outcome:
    """Points for the share of e-mails that somebody opened."""
    points = micro(rule.points[0])
    by_people = [event for event in known.told() if not is_machine(model, event, known)]
    reached, _ = mails(model, rule, rule.rate.of, known.told(), day)
    opened, last = mails(model, rule, rule.activity, by_people, day)
    if reached < rule.rate.among:
        return Outcome()
    share = Fraction(100 * opened, reached)
    if share < rule.rate.at_least if rule.rate.at_least is not None else share >= rule.rate.below:
        return Outcome()
    return Outcome(points, points, opened, last=last, windows={("ever",): points})


def mails(
    model: Model, rule: ActivityRule, types: Iterable[str], events: list[Activity], day: date
) -> tuple[int, datetime | None]:
    """How many different e-mails the events are of, and when the last was; those without a campaign all differ."""
    young = [
        event
        for event in events
        if event.type in types
        and 0 <= days_since(event.occurred_at, day) < rule.rate.over
        and answers(model, rule.when, event, day)
    ]
    named = {(event.campaign, event.asset) for event in young if event.campaign is not None}
    unnamed = sum(event.count for event in young if event.campaign is None)
    return len(named) + unnamed, max((event.occurred_at for event in young), default=None)


def deeds_of(model: Model, rule: ActivityRule, known: Known, day: date) -> list[Deed]:
    decay = rule.decay if rule.decay is not None else model.engagement.decay
    ages = rule.stagnates is None and (rule.within is not None or bool(decay.model_fields_set))
    window = rule_windows(model, rule)[0][0]
    found = []
    for event in known.told():
        on_day = event.occurred_at.date()
        if rule.rate is not None or on_day > day or not matches_rule(model, rule, event, day):
            continue
        aside = why_machine(model, event, known) if rule.unless == "machine" else None
        lost = known.frozen([event.type], on_day, day) if ages else 0
        deed = Deed(
            event,
            aside,
            on_day + timedelta(days=lost),
            lost > 0,
            bucket(known, event, window),
            bucket(known, event, rule.count.per),
            0 if aside else event.count,
        )
        found.append(deed)
    return found


def fold(model: Model, name: str, window: Window, deeds: list[list[Deed]], known: Known) -> None:
    """Of the events of a group in one window only the one with most points counts, and once."""
    packs: dict[Bucket, list[tuple[tuple[Any, ...], Deed]]] = defaultdict(list)
    for number, rule in enumerate(model.engagement.rules):
        for deed in deeds[number] if rule.group == name else []:
            if not deed.aside:
                after = -(deed.event.occurred_at - deed.event.occurred_at.min).total_seconds()
                worst = (-rule.points[0], number, after, deed.cap_bucket, deed.turn_bucket, deed.on_day)
                packs[bucket(known, deed.event, window)].append((worst, deed))
    for pack in packs.values():
        best, *others = [deed for _, deed in sorted(pack, key=lambda pair: pair[0])]
        best.n = 1
        for other in others:
            other.n = 0


def outcome(model: Model, rule: ActivityRule, deeds: list[Deed], known: Known, day: date) -> Outcome:
    result = Outcome()
    points = [micro(each) for each in rule.points]
    most = max(points, key=abs)
    turns: dict[Bucket, int] = defaultdict(int)
    counted: list[tuple[Deed, int, int]] = []  # undecayed and decayed points of each single event
    for deed in sorted(deeds, key=lambda deed: (deed.event.occurred_at, deed.cap_bucket, deed.on_day)):
        age = (day - deed.on_day).days
        if worth(rule, model, age, most):
            if deed.aside:
                result.aside[deed.aside] += deed.event.count
            result.folded += 0 if deed.aside else deed.event.count - deed.n
        for _ in range(deed.n):
            turns[deed.turn_bucket] += 1
            place = turns[deed.turn_bucket] - rule.count.from_
            if place < 0 or (rule.count.to is not None and turns[deed.turn_bucket] > rule.count.to):
                continue
            nominal = points[min(place, len(points) - 1)]
            if value := worth(rule, model, age, nominal):
                counted.append((deed, nominal, value))
    if not counted:
        return result
    result.occurrences = len(counted)
    result.frozen = sum(deed.frozen for deed, _, _ in counted)
    result.last = max(deed.event.occurred_at for deed, _, _ in counted)
    values: dict[Bucket, int] = defaultdict(int)
    if rule.stagnates is not None or not rule.count.counts_each:
        result.nominal, result.decayed = once(rule, counted, known, day)
        values["ever",] = result.decayed
    else:
        for deed, nominal, value in counted:
            result.nominal += nominal
            result.decayed += value
            values[deed.cap_bucket] += value
    for window, cap in rule_windows(model, rule):
        values = summed(values, window)
        if cap is not None:
            values = {inner: max(-cap, min(cap, value)) for inner, value in values.items()}
    result.windows = values
    return result


def once(rule: ActivityRule, counted: list[tuple[Deed, int, int]], known: Known, day: date) -> tuple[int, int]:
    """Undecayed and decayed points of a rule that gives its points once, or not at all."""
    points = counted[0][1]
    worths = [value for _, _, value in counted]
    if rule.stagnates is not None:
        over = rule.stagnates.over
        steps = [
            event for event in known.told() if event.type in rule.stagnates.without and event.occurred_at.date() <= day
        ]
        stepped = any(days_since(event.occurred_at, day) < over for event in steps)
        return (points, points) if len(counted) >= rule.stagnates.at_least and not stepped else (0, 0)
    if rule.count.mode == "first":
        return points, min(worths, key=abs)
    enough = len(counted) >= rule.count.at_least
    too_many = rule.count.up_to is not None and len(counted) > rule.count.up_to
    return (points, max(worths, key=abs)) if enough and not too_many else (0, 0)


def group_change(model: Model, name: str, results: list[Outcome]) -> int:
    """What the limits of a group change."""
    group = model.engagement.groups[name]
    values: dict[Bucket, int] = defaultdict(int)
    members = [result for rule, result in zip(model.engagement.rules, results, strict=True) if rule.group == name]
    whole = sum(result.capped for result in members)
    for result in members:
        for inner, value in result.windows.items():
            values[inner] += value
    for window, cap in narrowest_first(group.max):
        values = {inner: min(cap, value) for inner, value in summed(values, window).items()}
    total = sum(values.values())
    return max(total, micro(group.min)) - whole if group.min is not None else total - whole


def price_of_silence(model: Model, price: float | str, total: int) -> int:
    least = model.engagement.inactivity_floor
    if least is None and "all" in model.engagement.inactivity.values():
        least = 0
    if least is None:
        return micro(price)
    spare = max(0, total - micro(least))
    return -spare if price == "all" else -min(-micro(price), spare)
