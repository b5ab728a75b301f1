"""What a model's parts must have in common: names that exist, thresholds that can be met, limits in order.

`problems` finds what makes a model unusable, `warnings` what is merely odd. Both name the line.
"""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

from config.attributes import COMPUTED
from config.model_adjust import check_by_hand
from config.model_condition_checks import ACTIVITY_ATTRIBUTES, Findings, check_fact, check_when
from config.model_counting_checks import check_alone, check_counting, lasting_cap, most_points
from config.model_fit_checks import check_fit, check_sensitive, highest_fit
from config.model_values import ALL, micro
from config.model_visit_checks import check_gate_types, check_machine, check_rule_on_visits, check_visits
from config.vocabulary import ACTIVITY_TYPES, DISQUALIFIED, EXTRA_FIELDS, UNKNOWN_GRADE, is_activity_type

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from config.attributes import AttributeType
    from config.errors import ConfigError
    from config.model import Model
    from config.model_sections import (
        ActivityRule,
        Example,
        Lifecycle,
        Missed,
        MissedLabel,
        Reached,
        ReachedLabel,
        Transition,
    )
    from config.yaml_file import Document, Loc


def problems(model: Model, document: Document, attributes: Mapping[str, AttributeType]) -> list[ConfigError]:
    """Everything that makes `model` unusable, in the order of the file."""
    find = Findings(document)
    known: dict[str, str] = {**attributes, **COMPUTED}
    _lists(model, find)
    _gates(model, find, known)
    check_fit(model, find, known)
    _fit_names(model, find)
    check_sensitive(model, find)
    _engagement(model, find)
    check_by_hand(model.engagement, find, known)
    check_visits(model, find)
    check_machine(model, find)
    check_ladder(find, ("fit", "grades"), model.fit.scale)
    check_ladder(find, ("engagement", "levels"), model.engagement.levels)
    _ratings(model, find)
    if model.lifecycle is not None:
        _lifecycle(model, model.lifecycle, find, known)
    for number, example in enumerate(model.examples):
        _example(model, example, find, ("examples", number), known)
    check_names(find, ("examples",), [example.name for example in model.examples])
    for number, name in enumerate(model.also_write):
        if name not in EXTRA_FIELDS:
            find.add(("also_write", number), f"there is no further field {name!r}.", find.near(name, EXTRA_FIELDS))
    if "trend_reason" in model.also_write and model.trend is None:
        find.add(("also_write",), "the model has no trend.", "Add a `trend` section, or leave out trend_reason.")
    return find.in_order()


def _ratings(model: Model, find: Findings) -> None:
    ratings = Counter(grade + level for grade in (*model.fit.scale, UNKNOWN_GRADE) for level in model.engagement.levels)
    for cell, name in model.rating.cells.items():
        if cell not in ratings:
            find.add(("rating", "cells", cell), f"there is no cell {cell!r}.", find.near(cell, ratings))
        if name == DISQUALIFIED or (name in ratings and name not in {cell, *model.rating.cells}):
            find.add(("rating", "cells", cell), f"{name!r} is another rating.", "Choose another name.")
    for rating, times in ratings.items():
        if times > 1 or rating == DISQUALIFIED:
            find.add(("engagement", "levels"), f"two ratings would both read {rating!r}.", "Rename a grade or a level.")


def warnings(model: Model, document: Document) -> list[ConfigError]:
    """What works but can hardly be meant: grades and levels that nobody can reach, keys that never matter."""
    find = Findings(document)
    if model.fit.traits:
        best = highest_fit(model)
        for grade, lowest in model.fit.scale.items():
            if lowest > best:
                find.add(
                    ("fit", "grades", grade),
                    f"grade {grade} starts at {lowest:g}, but all criteria together give at most {best:g}.",
                    "Lower it, or add points.",
                )
    if model.engagement.rules:
        best = highest_engagement(model)
        for level, lowest in model.engagement.levels.items():
            if lowest > best:
                find.add(
                    ("engagement", "levels", _key(level, document)),
                    f"level {level} starts at {lowest:g}, but all rules together give at most {best:g}.",
                    "Lower it, or add points.",
                )
    if model.lifecycle is not None:
        _idle_keys(model.lifecycle, find)
    return find.in_order()


def _idle_keys(lifecycle: Lifecycle, find: Findings) -> None:
    """Find what of the lifecycle can never come to anything."""
    if lifecycle.hold is not None and not lifecycle.transitions:
        remedy = "Add `transitions`, or remove it."
        find.add(("lifecycle", "hold"), "no rule moves anybody, so there is nothing to hold against.", remedy)
    ways = {way.to: way for way in lifecycle.transitions}
    reached = [stage for stage in lifecycle.order if stage in ways]
    for number, way in enumerate(lifecycle.transitions):
        loc: Loc = ("lifecycle", "transitions", number)
        is_left = way.exit is not None and bool(way.exit.model_fields_set)
        if way.dwell is not None and not is_left and way.to == reached[-1]:
            message = f"no rule leads on from {way.to!r}, up or down, so nobody waits there."
            find.add((*loc, "dwell"), message, "Write `exit`, or remove it.")
        if way.max_entries is not None and not is_left:
            message = f"stage {way.to!r} is never left downward, so nobody comes back to it."
            find.add((*loc, "max_entries"), message, "Write `exit`, or remove it.")


def _key(label: str, document: Document) -> str | int:
    """The label as the file has it: ``1`` may stand there as a number."""
    as_text: Loc = ("engagement", "levels", label)
    return int(label) if as_text not in document.lines and label.isdigit() else label


def highest_engagement(model: Model) -> float:
    """The most points that one person can get for engagement, at most 100."""
    by_group: dict[str | None, float] = {}
    for rule in model.engagement.rules:
        by_group[rule.group] = by_group.get(rule.group, 0.0) + most_points(rule)
    total = 0.0
    for name, points in by_group.items():
        group = model.engagement.groups.get(name) if name is not None else None
        total += points if group is None else min(points, lasting_cap(group.max))
    if model.engagement.adjust is not None:
        total = math.inf
    return max(model.engagement.min, min(model.engagement.max, total))


def _lists(model: Model, find: Findings) -> None:
    from config.model import preset_lists

    shipped = preset_lists()
    for name, values in model.lists.items():
        if values == "preset" and name not in shipped:
            find.add(("lists", name), f"no list named {name!r} comes with Leadgrade.", find.near(name, shipped))
        if not values:
            find.add(("lists", name), f"list {name!r} is empty.", "Add values, or remove it.")


def check_names(find: Findings, loc: Loc, names: Sequence[str]) -> None:
    """Check that no name of the items at `loc` stands there twice."""
    seen: set[str] = set()
    for number, name in enumerate(names):
        if name in seen:
            find.add((*loc, number, "name"), f"the name {name!r} stands here a second time.", "Rename one of them.")
        seen.add(name)


def _gates(model: Model, find: Findings, known: Mapping[str, str]) -> None:
    for number, gate in enumerate(model.gates):
        if gate.when is not None:
            check_when(find, model, gate.when, ("gates", number, "when"), known)
        check_types(find, ("gates", number, "activity"), gate.activity)
        check_gate_types(find, ("gates", number, "activity"), gate.activity)
    check_names(find, ("gates",), [gate.name for gate in model.gates])


def _fit_names(model: Model, find: Findings) -> None:
    common = [criterion.name for criterion in model.fit.criteria]
    check_names(find, ("fit", "criteria"), common)
    check_names(find, ("fit", "profiles"), [profile.name for profile in model.fit.profiles])
    for number, profile in enumerate(model.fit.profiles):
        loc: Loc = ("fit", "profiles", number, "criteria")
        own = [criterion.name for criterion in profile.criteria]
        check_names(find, loc, own)
        for place, name in enumerate(own):
            if name in common:
                find.add((*loc, place, "name"), f"{name!r} stands among the criteria for everybody too.", "Rename it.")


def _engagement(model: Model, find: Findings) -> None:
    rules, groups = model.engagement.rules, model.engagement.groups
    for number, rule in enumerate(rules):
        check_activity_rule(model, rule, find, ("engagement", "rules", number))
    check_names(find, ("engagement", "rules"), [rule.name for rule in rules])
    used = {rule.group for rule in rules}
    for name, group in groups.items():
        loc: Loc = ("engagement", "groups", name)
        if name not in used:
            find.add(loc, f"no rule belongs to group {name!r}.", "Write `group: " + name + "` in a rule, or remove it.")
        if not group.max and group.min is None and group.fold is None:
            find.add(loc, f"group {name!r} limits nothing.", "Write `max`, `min` or `fold`.")
    costs = [-math.inf if loss == ALL else loss for _, loss in sorted(model.engagement.inactivity.items())]
    if any(later > earlier for earlier, later in pairwise(costs)):
        find.add(("engagement", "inactivity"), "longer inactivity costs less than shorter.", "Put them in order.")
    _limits(model, find)
    check_counting(model, find)


def _limits(model: Model, find: Findings) -> None:
    section = model.engagement
    if section.inactivity_floor is not None and not section.inactivity:
        find.add(("engagement", "inactivity_floor"), "there is no `inactivity` to limit.", "Write it, or remove this.")
    if section.min >= section.max:
        find.add(("engagement", "min"), f"`min` is not below `max`, {section.max}.", "Make it lower.")


def check_activity_rule(model: Model, rule: ActivityRule, find: Findings, loc: Loc) -> None:
    """Check one activity rule, which stands at `loc`."""
    check_types(find, (*loc, "activity"), rule.activity)
    if rule.when is not None:
        check_when(find, model, rule.when, (*loc, "when"), ACTIVITY_ATTRIBUTES, what="fact of an activity")
        top_level = set(rule.when.tests)
        for place, attribute, _ in rule.when.walk((*loc, "when")):
            if attribute == "duration" and (attribute not in top_level or place != (*loc, "when", attribute)):
                find.add(place, "`duration` stands inside all, any or not.", "Move it to the top of `when`.")
    check_rule_on_visits(model, rule, find, loc)
    if not any(micro(points) for points in rule.points):
        find.add((*loc, "points"), f"rule {rule.name!r} gives 0 points.", "Give it points, or remove it.")
    if rule.group is not None and rule.group not in model.engagement.groups:
        find.add((*loc, "group"), f"there is no group {rule.group!r}.", find.near(rule.group, model.engagement.groups))
    if rule.stagnates is not None:
        check_types(find, (*loc, "stagnates", "without"), rule.stagnates.without)
    if rule.rate is not None:
        check_types(find, (*loc, "rate", "of"), rule.rate.of)
    check_alone(rule, find, loc)


def check_types(find: Findings, loc: Loc, types: Iterable[str]) -> None:
    """Check that each of the activity types at `loc` is one."""
    for number, name in enumerate(types):
        if not is_activity_type(name):
            find.add((*loc, number), f"unknown activity type {name!r}.", find.near(name, ACTIVITY_TYPES))


def check_ladder(find: Findings, loc: Loc, ladder: Mapping[str, float]) -> None:
    """Check that the thresholds at `loc` fall and end at 0."""
    if UNKNOWN_GRADE in ladder:
        find.add(loc, f"{UNKNOWN_GRADE!r} stands for unknown and cannot be a label.", "Rename it.")
    if any(lower >= higher for higher, lower in pairwise(ladder.values())):
        find.add(loc, "these do not go down from the best.", "Write the highest threshold first, each one lower.")
    elif list(ladder.values())[-1] != 0:
        find.add(loc, "the last of these does not start at 0.", "Give the last one 0, so that everybody has one.")


def _lifecycle(model: Model, lifecycle: Lifecycle, find: Findings, known: Mapping[str, str]) -> None:
    if len(set(lifecycle.order)) != len(lifecycle.order):
        find.add(("lifecycle", "order"), "a stage stands here twice.", "Keep one of them.")
    seen: set[str] = set()
    for number, transition in enumerate(lifecycle.transitions):
        loc: Loc = ("lifecycle", "transitions", number)
        if transition.to not in lifecycle.order:
            find.add((*loc, "to"), f"unknown stage {transition.to!r}.", find.near(transition.to, lifecycle.order))
        elif transition.to == lifecycle.order[0]:
            find.add((*loc, "to"), f"everybody begins at {transition.to!r}.", "Enter a later stage.")
        if transition.to in seen:
            find.add((*loc, "to"), f"a second way into {transition.to!r}.", "Keep one of them.")
        seen.add(transition.to)
        for place, attribute in enumerate(transition.requires):
            find.attribute((*loc, "requires", place), attribute, known)
        _thresholds(model, transition, find, loc)


def _thresholds(model: Model, transition: Transition, find: Findings, loc: Loc) -> None:
    if not transition.enter.model_fields_set:
        find.add((*loc, "enter"), "nothing is asked to enter this stage.", "Write a threshold, such as engagement.")
    if transition.exit is not None and not transition.exit.model_fields_set:
        find.add((*loc, "exit"), "nothing is asked to leave this stage.", "Write a threshold, or remove `exit`.")
    fit, engagement = highest_fit(model), highest_engagement(model)
    _score_threshold(transition, find, loc, "fit", fit)
    _score_threshold(transition, find, loc, "engagement", engagement)
    _label_threshold(transition, find, loc, "grade", model.fit.scale, fit)
    _label_threshold(transition, find, loc, "level", model.engagement.levels, engagement)


def _score_threshold(transition: Transition, find: Findings, loc: Loc, axis: str, highest: float) -> None:
    reached: Reached | None = getattr(transition.enter, axis)
    missed: Missed | None = getattr(transition.exit, axis, None)
    if missed is not None and missed.lowest_kept > 100:
        find.add((*loc, "exit", axis), _NOBODY_STAYS, "Scores run from 0 to 100.")
        return
    if reached is None:
        return
    place = (*loc, "enter", axis)
    if reached.lowest > 100:
        find.add(place, f"nobody has {reached.lowest} points of {axis}.", "Scores run from 0 to 100.")
    elif reached.lowest > highest:
        _out_of_reach(find, place, f"{reached.lowest} points of {axis} are", highest)
    if missed is not None and missed.lowest_kept > reached.lowest:
        find.add((*loc, "exit", axis), _LEAVES_AT_ONCE, "Put the threshold to leave below the one to enter.")


def _label_threshold(
    transition: Transition, find: Findings, loc: Loc, axis: str, ladder: Mapping[str, float], highest: float
) -> None:
    reached: ReachedLabel | None = getattr(transition.enter, axis)
    missed: MissedLabel | None = getattr(transition.exit, axis, None)
    labels = list(ladder)
    enter = reached.at_least if reached is not None else None
    leave = missed.below if missed is not None else None
    for key, label in (("enter", enter), ("exit", leave)):
        if label is not None and label not in ladder:
            find.add((*loc, key, axis), f"unknown {axis} {label!r}.", find.near(label, labels))
            return
    if enter is not None and ladder[enter] > highest:
        _out_of_reach(find, (*loc, "enter", axis), f"{axis} {enter} is", highest)
    if enter is not None and leave is not None and labels.index(leave) < labels.index(enter):
        find.add((*loc, "exit", axis), _LEAVES_AT_ONCE, "Put the threshold to leave below the one to enter.")


def _out_of_reach(find: Findings, loc: Loc, what: str, highest: float) -> None:
    message = f"{what} out of reach: all rules together give at most {highest:g} points."
    find.add(loc, message, "Lower the threshold, or add points.")


_NOBODY_STAYS = "nobody could stay in this stage."
_LEAVES_AT_ONCE = "a person would leave this stage on entering it."


def _example(model: Model, example: Example, find: Findings, loc: Loc, known: Mapping[str, str]) -> None:
    facts: dict[Loc, str] = {("person", name): name for name in example.person}
    facts |= {("company", name): f"company.{name}" for name in example.company}
    for place, attribute in facts.items():
        find.attribute((*loc, *place), attribute, known)
        if attribute in known:
            value = getattr(example, str(place[0]))[place[1]]
            check_fact(find, value, (*loc, *place), attribute, known[attribute])
    for number, activity in enumerate(example.activities):
        if not is_activity_type(activity.type):
            find.add(
                (*loc, "activities", number, "type"),
                f"unknown activity type {activity.type!r}.",
                find.near(activity.type, ACTIVITY_TYPES),
            )
    expect = example.expect
    stages = model.stage_order
    grades, levels = [*model.fit.scale, UNKNOWN_GRADE], list(model.engagement.levels)
    cells = [grade + level for grade in grades for level in levels]
    ratings = [DISQUALIFIED, *(model.rating.cells.get(cell, cell) for cell in cells)]
    choices: list[tuple[Loc, str | None, Sequence[str]]] = [
        (("stage",), example.stage, stages),
        (("expect", "grade"), expect.grade, grades),
        (("expect", "level"), expect.level, levels),
        (("expect", "rating"), expect.rating, ratings),
        (("expect", "stage"), expect.stage, stages),
        (("expect", "gate"), expect.gate, [gate.name for gate in model.gates]),
        (("expect", "profile"), expect.profile, [profile.name for profile in model.fit.profiles]),
        (("expect", "skip"), expect.skip, [] if model.skip is None else ["yes", "no"]),
    ]
    choices += [(("entries", name), name, stages) for name in example.entries]
    for place, value, allowed in choices:
        if value is not None and value not in allowed:
            find.add((*loc, *place), f"unknown {place[-1]} {value!r}.", find.near(value, allowed))
    if expect.trend is not None and model.trend is None:
        find.add((*loc, "expect", "trend"), "the model has no trend.", "Add a `trend` section.")
