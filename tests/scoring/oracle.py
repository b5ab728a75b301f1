"""The semantics of a model in plain Python: slow, with dicts and loops, and nothing shared with the engine.

One person at a time, one day at a time. docs/model/ says the same in words.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from tests.scoring.oracle_conditions import Activity, days_since, is_machine
from tests.scoring.oracle_counting import Known, group_change, outage_days, outcomes, price_of_silence
from tests.scoring.oracle_deals import Deal, told
from tests.scoring.oracle_fit import asked, begins_with, confidence, gate_of, grades, profile_of
from tests.scoring.oracle_numbers import POINT, micro, rounded
from tests.scoring.oracle_texts import hand_off, trend_reason
from tests.scoring.oracle_visits import chains, reopens, visit_activities, with_times_on_page

if TYPE_CHECKING:
    from collections.abc import Iterable

    from config.model import Model
    from config.model_sections import Gate, Transition

DONE_TO_THEM = {
    "email_sent", "email_delivered", "email_bounce", "task_done", "deal_created", "deal_won", "deal_lost",
}  # fmt: skip
Lines = list[tuple]
Contributions = list[tuple[str, int]]


@dataclass
class Person:
    attributes: dict[str, Any]  # also email, email_domain, created_at; absent means unknown
    activities: list[Activity] = field(default_factory=list)
    stage: str | None = None
    since: datetime | None = None
    held_until: date | None = None
    deals: list[Deal] = field(default_factory=list)
    roles: list[str] = field(default_factory=list)  # in deals, in lower case
    account: str | None = None
    entries: dict[str, int] = field(default_factory=dict)  # how often they entered a stage


@dataclass
class Standing:
    """A person on a day. Lines are (axis, rule, kind, micro, occurrences, last_at)."""

    gate: Gate | None
    lines: Lines
    fit: int
    grade: str
    best: str
    worst: str
    next_fact: str | None
    engagement: int
    level: str
    rating: str
    rank: int
    contributions: Contributions  # name, net micro-points; in the order of the model


# --- fit -------------------------------------------------------------------------------------------------------


def settle(axis: str, total: int, lines: Lines, least: int = 0, most: int = 100) -> int:
    """Floor, ceiling and rounding as lines; the whole score."""
    if total < least * POINT:
        lines.append((axis, "floor", "floor", least * POINT - total, 0, None))
        total = least * POINT
    if total > most * POINT:
        lines.append((axis, "ceiling", "ceiling", most * POINT - total, 0, None))
        total = most * POINT
    score = rounded(Fraction(total, POINT))
    if score * POINT != total:
        lines.append((axis, "rounding", "rounding", score * POINT - total, 0, None))
    return score


def label(ladder: dict[str, float], score: int) -> str:
    for name, lowest in ladder.items():
        if score >= lowest:
            return name
    raise AssertionError("the last label starts at 0")


def fit_of(
    model: Model, person: Person, day: date, lines: Lines, contributions: Contributions
) -> tuple[int, str, str, str, str | None]:
    total = best = worst = begins_with(model)
    if total:
        lines.append(("fit", "start", "start", total, 1, None))
    spread: dict[str, int] = {name: 0 for trait in model.fit.traits for name in trait.criterion.attributes()}
    criteria = asked(model, person.attributes, day)
    known = any(one.answer is not None for one in criteria)
    for one in criteria:
        name, points = one.criterion.name, one.answer
        if points is None:
            lines.append(("fit", name, "unknown", 0, 0, None))
            best, worst = best + max(one.possible), worst + min(one.possible)
            for attribute in one.criterion.attributes():
                if person.attributes.get(attribute) is None:
                    spread[attribute] += one.spread
            continue
        total, best, worst = total + points, best + points, worst + points
        contributions.append((name, points))
        if points:
            is_mismatch = one.criterion.when is not None and points == micro(one.criterion.otherwise)
            lines.append(("fit", name, "otherwise" if is_mismatch else "points", points, 1, None))
    score = settle("fit", total, lines)
    widest = max(spread.values(), default=0)
    fact = next((name for name, size in spread.items() if size == widest), None) if widest else None
    if fact is not None:
        fact = fact.replace(".", " ").replace("_", " ")
        fact = fact[0].upper() + fact[1:]
    ladder = grades(model)
    grade = label(ladder, score) if known else "?"
    return score, grade, label(ladder, settle("", best, [])), label(ladder, settle("", worst, [])), fact


# --- engagement ------------------------------------------------------------------------------------------------


def engagement_of(
    model: Model,
    person: Person,
    day: date,
    known: Known,
    lines: Lines,
    contributions: Contributions,
) -> int:
    events = [event for event in known.told() if event.occurred_at.date() <= day]
    begun = fresh_start(model, person, min(day, known.until))
    if begun is not None:
        lines.append(("engagement", "Fresh start", "restart", 0, 0, datetime.combine(begun, time())))
        known = known.since(begun)
    results = outcomes(model, known, day)
    total = 0
    for rule, result in zip(model.engagement.rules, results, strict=True):
        times, last = result.occurrences, result.last
        if result.nominal:
            lines.append(("engagement", rule.name, "points", result.nominal, times, last))
        if result.decayed != result.nominal:
            lines.append(("engagement", rule.name, "decay", result.decayed - result.nominal, times, last))
        if result.capped != result.decayed:
            lines.append(("engagement", rule.name, "cap", result.capped - result.decayed, times, last))
        noted = {"folded": result.folded, "frozen": result.frozen}
        for kind, number in {**noted, **{f"machine: {why}": n for why, n in result.aside.items()}}.items():
            if number:
                lines.append(("engagement", rule.name, kind, 0, number, None))
        total += result.capped
        contributions.append((rule.name, result.capped))
    for name in model.engagement.groups:
        if change := group_change(model, name, results):
            lines.append(("engagement", name, "group_cap", change, 0, None))
            total += change
    signs = [
        event.occurred_at for event in events if event.type not in DONE_TO_THEM and not is_machine(model, event, known)
    ]
    if signs:
        lived = set(known.outages) - DONE_TO_THEM
        idle = days_since(max(signs), day) - known.frozen(lived, max(signs).date(), day)
        reached = [step for step in model.engagement.inactivity if step <= idle]
        if reached:
            points = price_of_silence(model, model.engagement.inactivity[max(reached)], total)
            if points:
                lines.append(("engagement", "inactivity", "inactivity", points, 1, max(signs)))
            contributions.append(("Inactivity", points))
            total += points
    if model.engagement.adjust is not None and (by_hand := adjustment(model, person, day, known.until)):
        points, on = by_hand
        lines.append(("engagement", "Adjusted by hand", "adjusted", points, 1, on))
        contributions.append(("Adjusted by hand", points))
        total += points
    return settle("engagement", total, lines, model.engagement.min, model.engagement.max)


def fresh_start(model: Model, person: Person, day: date) -> date | None:
    """The day of a fresh start that was made by `day`."""
    name = model.engagement.restart
    on = person.attributes.get(name) if name is not None else None
    return on.date() if on is not None and on.date() <= day else None


def adjustment(model: Model, person: Person, day: date, until: date) -> tuple[int, datetime | None] | None:
    """Points by hand and the day that they are dated; None where there are none on `day`."""
    adjust = model.engagement.adjust
    points = rounded(Fraction(max(-10_000.0, min(10_000.0, person.attributes.get(adjust.by) or 0.0)) * POINT))
    if not points or adjust.on is None:
        return (points, None) if points else None
    on = person.attributes.get(adjust.on)
    if on is None or on.date() > min(day, until):
        return None
    if adjust.lasts is not None and days_since(on, day) >= adjust.lasts:
        return None
    return points, datetime.combine(on.date(), time())


# --- decisions -------------------------------------------------------------------------------------------------


def rating_ranks(model: Model) -> dict[tuple[str, str], int]:
    letters, levels = list(grades(model)), list(model.engagement.levels)
    cells = []
    for grade in [*letters, "?"]:
        place = letters.index(grade) if grade in letters else len(letters) // 2
        cells += [(place + levels.index(level), place, grade == "?", grade, level) for level in levels]
    return {(grade, level): rank for rank, (_, _, _, grade, level) in enumerate(sorted(cells))}


def standing(model: Model, person: Person, day: date, known: Known) -> Standing:
    lines: Lines = []
    contributions: Contributions = []
    gate = gate_of(model, person.attributes, known, day)
    fit, grade, best, worst, fact = fit_of(model, person, day, lines, contributions)
    engagement = engagement_of(model, person, day, known, lines, contributions)
    level = label(model.engagement.levels, engagement)
    ranks = rating_ranks(model)
    rating, rank = model.rating.cells.get(grade + level, grade + level), ranks[grade, level]
    if gate is not None and gate.effect == "disqualify":
        rating, rank = "disqualified", len(ranks)
    return Standing(
        gate, lines, fit, grade, best, worst, fact, engagement, level, rating, rank, contributions
    )  # fmt: skip


def leaves(model: Model, way: Transition | None, at: Standing) -> bool:
    if way is None or way.exit is None:
        return False
    letters, levels = list(grades(model)), list(model.engagement.levels)
    fallen = []
    for missed, score in ((way.exit.fit, at.fit), (way.exit.engagement, at.engagement)):
        if missed is not None:
            fallen.append(score < missed.below if missed.below is not None else score <= missed.at_most)
    if way.exit.grade is not None:
        fallen.append(at.grade != "?" and letters.index(at.grade) > letters.index(way.exit.grade.below))
    if way.exit.level is not None:
        fallen.append(levels.index(at.level) > levels.index(way.exit.level.below))
    return any(fallen)


def enters(model: Model, way: Transition, at: Standing, person: Person, before: int, day: date) -> bool:
    letters, levels = list(grades(model)), list(model.engagement.levels)
    if leaves(model, way, at) or any(person.attributes.get(name) is None for name in way.requires):
        return False
    for reached, score in ((way.enter.fit, at.fit), (way.enter.engagement, at.engagement)):
        if reached is not None and reached.at_least is not None and score < reached.at_least:
            return False
        if reached is not None and reached.above is not None and score <= reached.above:
            return False
    if way.enter.grade is not None and at.grade == "?":
        return False
    if way.enter.grade is not None and letters.index(at.grade) > letters.index(way.enter.grade.at_least):
        return False
    if way.enter.level is not None and levels.index(at.level) > levels.index(way.enter.level.at_least):
        return False
    if way.max_entries is not None and person.entries.get(way.to, 0) >= way.max_entries:
        return False
    waits = way.cool_down is not None and person.since is not None and before > 0
    return not waits or days_since(person.since, day) >= way.cool_down


def detained(model: Model, way: Transition | None, person: Person, entered: datetime | None, day: date) -> bool:
    """Whether somebody has to stay: people decided so, or they have not been there for long enough."""
    if model.lifecycle.hold is not None and person.held_until is not None and day < person.held_until:
        return True
    return way is not None and way.dwell is not None and entered is not None and days_since(entered, day) < way.dwell


def stage_of(model: Model, person: Person, at: Standing, day: date) -> str:
    order = list(model.lifecycle.order)
    ways = {way.to: way for way in model.lifecycle.transitions}
    before = order.index(person.stage) if person.stage in order else 0
    if model.lifecycle.hold is not None and person.held_until is not None and day < person.held_until:
        return order[before]
    if at.gate is not None and at.gate.effect == "disqualify":
        return order[0]
    if detained(model, ways.get(order[before]), person, person.since, day):
        return order[before]
    place = before
    while place > 0 and leaves(model, ways.get(order[place]), at):
        place -= 1
    for higher in range(len(order) - 1, place, -1):
        way = ways.get(order[higher])
        if way is not None and enters(model, way, at, person, before, day):
            return order[higher]
    return order[place]


def reasons_of(at: Standing) -> str | None:
    if at.gate is not None:
        return f"Disqualified: {at.gate.name}"
    whole = [(name, rounded(Fraction(points, POINT))) for name, points in at.contributions]
    top = sorted((pair for pair in whole if pair[1]), key=lambda pair: -abs(pair[1]))[:3]
    return " · ".join(f"{name} {points:+d}" for name, points in top) or None


def drops(model: Model, person: Person, today: Standing, stage: str | None, day: date, known: Known) -> dict[str, date]:
    """The first days on which the rating is worse and the stage is left; of both, where the model asks for both."""
    found: dict[str, date] = {}
    way = next((way for way in model.lifecycle.transitions if way.to == stage), None) if model.lifecycle else None
    entered = person.since if stage == person.stage else datetime.combine(day, time())
    for ahead in range(1, 181):
        later = day + timedelta(days=ahead)
        then = standing(model, person, later, known)
        if then.gate is not None and then.gate.effect == "do_not_score":
            continue
        if then.rank > today.rank:
            found.setdefault("rating_until", later)
        if leaves(model, way, then) and not detained(model, way, person, entered, later):
            found.setdefault("stage_until", later)
        if len(found) == 2 or (found and not {"rating_until", "stage_until"} & set(model.also_write)):
            break
    wanted = {name: on for name, on in found.items() if name in model.also_write}
    return wanted | ({"valid_until": min(found.values())} if found else {})


def known_events(
    model: Model, person: Person, as_of: datetime, outages: Iterable[tuple[str, date, date]] = ()
) -> Known:
    told_of = [event for event in [*person.activities, *told(person.deals)] if event.occurred_at <= as_of]
    events = with_times_on_page(model, told_of)
    events += [*visit_activities(model, events), *reopens(model, events), *chains(model, events)]
    return Known(model, events, outage_days(outages, as_of.date()), as_of.date())


def score(
    model: Model,
    person: Person,
    as_of: datetime,
    outages: Iterable[tuple[str, date, date]] = (),
    *,
    ahead: bool = True,
    interest: tuple[str | None, str | None] = (None, None),
) -> tuple[dict[str, Any], list[tuple]]:
    """The row of `scores` and the lines of `ledger` of one person; `as_of` is naive UTC.

    Without `ahead`, days to come are left out, and with them most of the work. `interest` are their product and what
    to send them.
    """
    day = as_of.date()
    known = known_events(model, person, as_of, outages)
    at = standing(model, person, day, known)
    if at.gate is not None and at.gate.effect == "do_not_score":
        return {"gate": at.gate.name}, []
    stage = stage_of(model, person, at, day) if model.lifecycle is not None else None
    trend, parts, change = None, {}, 0
    if model.trend is not None:
        then = day - timedelta(days=model.trend.over)
        that_day = engagement_of(model, person, then, known, [], [])
        without = engagement_of(
            model, person, day, known.but(lambda event: event.occurred_at.date() <= then, then), [], []
        )
        seen = known.but(lambda event: event.seen_at is None or event.seen_at.date() <= then)
        parts = {"behaviour": at.engagement - without, "decay": without - that_day}
        parts["data"] = that_day - engagement_of(model, person, then, seen, [], [])
        change = at.engagement - that_day
        trend = "rising" if change >= model.trend.rising else "cooling" if change <= model.trend.cooling else "steady"
    row = {
        "gate": at.gate.name if at.gate is not None else None,
        "fit_score": at.fit,
        "fit_grade": at.grade,
        "grade_best": at.best,
        "grade_worst": at.worst,
        "engagement_score": at.engagement,
        "level": at.level,
        "rating": at.rating,
        "rating_rank": at.rank,
        "trend": trend,
        "stage": stage,
        "stage_rank": list(model.lifecycle.order).index(stage) if stage is not None else None,
        "stage_before": person.stage,
        "reasons": reasons_of(at),
        "next_fact": at.next_fact,
        "model_version": model.version,
    }
    row |= drops(model, person, at, stage, day, known) if ahead else {}
    if model.hand_off is not None:
        row["hand_off"] = hand_off(
            model,
            rating=at.rating,
            reasons=row["reasons"],
            gate=row["gate"],
            trend=trend,
            change=change,
            until=row.get("valid_until"),
            interest=interest,
        )
    if parts and "trend_reason" in model.also_write:
        row["trend_reason"] = trend_reason(model, **parts)
    if model.skip is not None:
        low = [(at.fit, model.skip.below.fit), (at.engagement, model.skip.below.engagement)]
        row["skip"] = "yes" if all(score < bound for score, bound in low if bound is not None) else "no"
    if model.fit.profiles:
        profile = profile_of(model, person.attributes, day)
        row["fit_profile"] = profile.name if profile is not None else None
    if "data_confidence" in model.also_write:
        row["data_confidence"] = confidence(asked(model, person.attributes, day))
    return row, at.lines
