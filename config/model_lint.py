"""What of a model works but can hardly be meant, told from the model alone.

`hints` completes `config.model_checks.warnings`: rules that decide everything, rules that can decide nothing, and rules
that say the same thing twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from config.model_checks import highest_engagement, warnings
from config.model_condition_checks import Findings
from config.model_counting import EVERY
from config.model_counting_checks import most_points
from config.model_fit_checks import highest_fit
from config.model_values import MICRO

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from config.errors import ConfigError
    from config.model import Model
    from config.model_conditions import Tests, When
    from config.model_sections import ActivityRule, Gate, Transition
    from config.yaml_file import Document, Loc


def hints(model: Model, document: Document) -> list[ConfigError]:
    """Everything that is odd about `model`, in the order of the file; each with its line and remedy."""
    find = Findings(document)
    _one_is_enough(model, find)
    _crushing(model, find)
    _overlaps(model, find)
    _shadows(model, find)
    _steep_trend(model, find)
    return sorted([*warnings(model, document), *find.found], key=lambda hint: hint.line or 0)


def _one_is_enough(model: Model, find: Findings) -> None:
    """A single event, or a single criterion, that lets people into a stage; not where most of them do."""
    for way in model.lifecycle.transitions if model.lifecycle is not None else ():
        engagement, fit = _needed(model, way)
        if engagement > 0 and fit <= 0:
            firsts = {place: _first_points(rule) for place, rule in enumerate(model.engagement.rules)}
            names = [rule.name for rule in model.engagement.rules]
            _decisive(find, ("engagement", "rules"), names, firsts, way.to, engagement, "fit")
        if fit > 0 and engagement <= 0:
            firsts = {
                place: max(trait.points for trait in model.fit.traits if trait.criterion is criterion) / MICRO
                for place, criterion in enumerate(model.fit.criteria)
            }
            needed = fit - model.fit.start / MICRO
            names = [criterion.name for criterion in model.fit.criteria]
            _decisive(find, ("fit", "criteria"), names, firsts, way.to, needed, "engagement")


def _first_points(rule: ActivityRule) -> float:
    """What the first event of a rule gives at most; 0 where one event is not enough."""
    if rule.count.mode == "times" or rule.stagnates is not None or rule.rate is not None:
        return 0.0
    return min([max(rule.points), *(cap.points for cap in rule.at_most)])


def _decisive(
    find: Findings, loc: Loc, names: list[str], points: Mapping[int, float], stage: str, needed: float, beside: str
) -> None:
    good = [place for place, each in points.items() if each > 0]
    alone = [place for place in good if points[place] >= needed]
    if len(alone) * 2 > len(good):
        return
    for place in alone:
        find.add(
            (*loc, place),
            f"{names[place]!r} ({points[place]:g} points) alone reaches stage {stage!r} (from {needed:g}).",
            f"Fewer points; or let the stage ask for {beside}, too.",
        )


def _needed(model: Model, way: Transition) -> tuple[float, float]:
    """The points of engagement and of fit that a stage asks for; 0 where it does not ask."""
    engagement = [way.enter.engagement.lowest] if way.enter.engagement is not None else [0.0]
    engagement += [model.engagement.levels[way.enter.level.at_least]] if way.enter.level is not None else []
    fit = [way.enter.fit.lowest] if way.enter.fit is not None else [0.0]
    fit += [model.fit.scale[way.enter.grade.at_least]] if way.enter.grade is not None else []
    return max(engagement), max(fit)


def _crushing(model: Model, find: Findings) -> None:
    """Penalties that nothing can make up for: those are gates in disguise."""
    remedy = "Take fewer points, or write a gate, which says it openly."
    best = sum(most_points(rule) for rule in model.engagement.rules)
    for number, rule in enumerate(model.engagement.rules):
        if min(rule.points) < 0 and 0 < best <= -min(rule.points):
            find.add(
                ("engagement", "rules", number),
                f"{rule.name!r} takes {-min(rule.points):g} points, all other rules together give at most {best:g}.",
                remedy,
            )
    best = highest_fit(model)
    for place, criterion in enumerate(model.fit.criteria):
        worst = min(min(trait.outcomes) for trait in model.fit.traits if trait.criterion is criterion) / MICRO
        if 0 < best <= -worst:
            find.add(
                ("fit", "criteria", place),
                f"{criterion.name!r} takes {-worst:g} points, all criteria together give at most {best:g}.",
                remedy,
            )


def _overlaps(model: Model, find: Findings) -> None:
    """Rules each of whose events counts for another rule, too."""
    for number, rule in enumerate(model.engagement.rules):
        for other in model.engagement.rules:
            if (
                other is rule
                or not _covers(other, rule)
                or (_covers(rule, other) and _stands_before(model, rule, other))
            ):
                continue
            find.add(
                ("engagement", "rules", number),
                f"each event of {rule.name!r} also counts for {other.name!r}: "
                f"{max(rule.points):g} and {max(other.points):g} points for one deed.",
                "If that is not meant, narrow one of them, or put both into a group with `fold`.",
            )


def _stands_before(model: Model, rule: ActivityRule, other: ActivityRule) -> bool:
    return model.engagement.rules.index(rule) < model.engagement.rules.index(other)


def _covers(wide: ActivityRule, narrow: ActivityRule) -> bool:
    """Whether every event of rule `narrow` is one of `wide`, as far as both give points for single events."""
    plain = all(rule.count == EVERY and not rule.gives_once and rule.chain is None for rule in (wide, narrow))
    same_sign = max(wide.points) > 0 and max(narrow.points) > 0
    folded = wide.group is not None and wide.group == narrow.group
    return (
        plain
        and same_sign
        and not folded
        and set(narrow.activity) <= set(wide.activity)
        and implies(narrow.when, wide.when)
    )


def implies(narrow: When | None, wide: When | None) -> bool:
    """Whether `wide` surely holds where `narrow` does: each of its tests stands there, or a stricter one."""
    if wide is None or narrow == wide:
        return True
    if narrow is None or wide.all is not None or wide.any is not None or wide.not_ is not None:
        return False
    return all(
        attribute in narrow.tests and _stricter(narrow.tests[attribute], tests)
        for attribute, tests in wide.tests.items()
    )


def _stricter(narrow: Tests, wide: Tests) -> bool:
    asked = dict(narrow.written())
    return all(asked.get(operator) == value or _within(asked, operator, value) for operator, value in wide.written())


def _within(asked: dict[str, object], operator: str, value: object) -> bool:
    mine = asked.get(operator)
    if operator == "path" and isinstance(mine, str) and isinstance(value, str) and value.endswith("*"):
        return mine.startswith(value[:-1]) and not set("*?") & set(value[:-1])
    if operator in {"at_least", "above"} and isinstance(mine, int | float) and isinstance(value, int | float):
        return mine >= value
    if operator in {"at_most", "below", "within"} and isinstance(mine, int | float) and isinstance(value, int | float):
        return mine <= value
    if operator == "in" and isinstance(value, list):
        return {asked["is"]} <= set(value) if "is" in asked else isinstance(mine, list) and set(mine) <= set(value)
    return False


def _shadows(model: Model, find: Findings) -> None:
    """Gates that another gate always forestalls, and criteria about people whom a gate stops."""
    order = sorted(enumerate(model.gates), key=lambda pair: (pair[1].effect != "do_not_score", pair[0]))
    for place, (number, gate) in enumerate(order):
        for _, earlier in order[:place]:
            if _closes_for(earlier, gate):
                find.add(
                    ("gates", number),
                    f"gate {gate.name!r} never decides: {earlier.name!r} stops the same people before it.",
                    "Remove it, or narrow the other.",
                )
                break
    for place, criterion in enumerate(model.fit.criteria):
        for gate in _attribute_gates(model):
            if criterion.when is not None and implies(criterion.when, gate.when):
                find.add(
                    ("fit", "criteria", place),
                    f"{criterion.name!r} matches only people whom gate {gate.name!r} stops.",
                    "Remove it, or the gate.",
                )


def _closes_for(earlier: Gate, gate: Gate) -> bool:
    """Whether `earlier` closes wherever `gate` does."""
    if not implies(gate.when, earlier.when):
        return False
    if not earlier.activity:
        return True
    enough = gate.at_least >= earlier.at_least
    recent = earlier.within is None or (gate.within is not None and gate.within <= earlier.within)
    return bool(gate.activity) and set(gate.activity) <= set(earlier.activity) and enough and recent


def _attribute_gates(model: Model) -> Iterator[Gate]:
    return (gate for gate in model.gates if gate.when is not None and not gate.activity)


def _steep_trend(model: Model, find: Findings) -> None:
    best = highest_engagement(model)
    if model.trend is not None and model.engagement.rules and model.trend.rising > best:
        find.add(
            ("trend", "rising"),
            f"nobody's engagement can rise by {model.trend.rising:g}: all rules together give at most {best:g}.",
            "Lower it.",
        )
