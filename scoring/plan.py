"""The model's activity rules as the engine runs them: numbered, their defaults filled in, points as micro-points."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from config.model_values import ALL, MICRO, NO_DECAY, micro
from config.vocabulary import DERIVED, PAGES, VISIT
from scoring.decay import micro_at, settled_at

if TYPE_CHECKING:
    from config.model import Model
    from config.model_sections import ActivityRule
    from config.model_values import Decay

NO_CAP: Final = 2**52
"""Micro-points that no sum reaches, yet exact in a DOUBLE."""


@dataclass(frozen=True)
class Term:
    """One activity rule. `number` is its place in the model; `group` that of its group.

    `mode` is every, first, at_least or stagnates; the last two ask for `needed` events. `cap` applies to each
    calendar window of `per` days, or to the whole when that is 0. Events count while younger than `window` days.
    """

    number: int
    rule: ActivityRule
    points: int
    mode: str
    needed: int
    cap: int
    per: int
    group: int | None
    window: int | None
    decay: Decay

    @property
    def spares_machines(self) -> bool:
        """Whether events of machines are set aside."""
        return self.rule.unless == "machine"

    @property
    def rises(self) -> bool:
        """Whether the points of its events can only grow as time passes: a penalty that fades."""
        return self.points < 0

    @property
    def last_worth(self) -> int:
        """What an event is worth on its last day in the window; 0 where there is no window."""
        return self.worth(self.window - 1) if self.window is not None else 0

    @property
    def settled_at(self) -> int:
        """An age from which on the worth of an event stays what it is."""
        return self.window if self.window is not None else settled_at(self.points, self.decay)

    def worth(self, age: int) -> int:
        """Micro-points of one event at `age` days; 0 outside the window."""
        return micro_at(self.points, self.decay, age) if self.window is None or age < self.window else 0


@dataclass(frozen=True)
class Plan:
    """The model with its terms."""

    model: Model

    @cached_property
    def terms(self) -> tuple[Term, ...]:
        """The activity rules, in the order of the model."""
        groups = list(self.model.engagement.groups)
        return tuple(
            _term(number, rule, self.model.engagement.decay, groups)
            for number, rule in enumerate(self.model.engagement.rules)
        )

    @cached_property
    def settled_at(self) -> int:
        """An age, in days, from which on no event's worth changes any more."""
        return max((term.settled_at for term in self.terms), default=0)

    @cached_property
    def has_windowed_caps(self) -> bool:
        """Whether some cap applies to calendar windows."""
        return any(term.per for term in self.terms)

    @cached_property
    def asks_for_machines(self) -> bool:
        """Whether it matters if an event was a machine's."""
        spared = any(term.spares_machines for term in self.terms)
        return spared or bool(self.model.engagement.inactivity) or self.needs_visits or self.derives

    @cached_property
    def needs_visits(self) -> bool:
        """Whether it matters which deeds make a visit: `all_activities` of `scoring.visits` is made only then."""
        return bool(self.chains) or self.asks_for(VISIT) or any(_times_pages(term.rule) for term in self.terms)

    def terms_of(self, kind: str) -> tuple[Term, ...]:
        """The rules about activities of type `kind`."""
        return tuple(term for term in self.terms if kind in term.rule.activity)

    def asks_for(self, kind: str) -> bool:
        """Whether a rule is about activities of type `kind`, or such an activity keeps one from applying."""
        steps = [term.rule.stagnates.without for term in self.terms if term.rule.stagnates is not None]
        return bool(self.terms_of(kind)) or any(kind in types for types in steps)

    @cached_property
    def chains(self) -> tuple[Term, ...]:
        """The rules about several pages in one visit."""
        return tuple(term for term in self.terms if term.rule.chain is not None)

    @cached_property
    def derives(self) -> bool:
        """Whether rules are about activities that are made of others; see `scoring.derived`."""
        return bool(self.chains) or any(self.asks_for(kind) for kind in DERIVED)

    @property
    def activities(self) -> str:
        """The relation that rules find their events in."""
        return "all_activities" if self.needs_visits or self.derives else "activities"

    @cached_property
    def idle_steps(self) -> tuple[tuple[int, int], ...]:
        """Days of silence and what they cost in micro-points, the longest first; `all` costs more than there is."""
        steps = sorted(self.model.engagement.inactivity.items(), reverse=True)
        return tuple((days, -NO_CAP if loss == ALL else micro(float(loss))) for days, loss in steps)

    @cached_property
    def idle_floor(self) -> int | None:
        """The micro-points below which inactivity takes nobody; None where there is no such limit."""
        section = self.model.engagement
        if section.inactivity_floor is not None:
            return micro(section.inactivity_floor)
        return 0 if ALL in section.inactivity.values() else None

    @cached_property
    def lowest_score(self) -> int:
        """The least engagement anybody has, in micro-points."""
        return self.model.engagement.min * MICRO

    @cached_property
    def highest_score(self) -> int:
        """The most engagement anybody has, in micro-points."""
        return self.model.engagement.max * MICRO

    @cached_property
    def aging_attributes(self) -> tuple[str, ...]:
        """The attributes whose age a gate or criterion tests, so that fit can change as time passes."""
        conditions = [gate.when for gate in self.model.gates]
        conditions += [profile.when for profile in self.model.fit.profiles]
        conditions += [trait.criterion.when for trait in self.model.fit.traits]
        tested = [pair for when in conditions if when is not None for pair in when.walk()]
        return tuple(dict.fromkeys(name for _, name, tests in tested if tests.is_relative))

    @cached_property
    def fit_moves(self) -> bool:
        """Whether gates or criteria can change as time passes."""
        return bool(self.aging_attributes)


def _times_pages(rule: ActivityRule) -> bool:
    return rule.when is not None and "duration" in rule.when.tests and not PAGES.isdisjoint(rule.activity)


def _term(number: int, rule: ActivityRule, default: Decay, groups: list[str]) -> Term:
    cap = NO_CAP if rule.at_most is None else micro(rule.at_most.points)
    per = 0 if rule.at_most is None else rule.at_most.per or 0
    group = None if rule.group is None else groups.index(rule.group)
    points = micro(rule.points)
    if rule.stagnates is not None:
        needed, window = rule.stagnates.at_least, rule.stagnates.over
        return Term(number, rule, points, "stagnates", needed, cap, per, group, window, NO_DECAY)
    decay = default if rule.decay is None else rule.decay
    return Term(
        number, rule, points, rule.count.mode, rule.count.at_least, cap, per, group, rule.within, decay
    )  # fmt: skip
