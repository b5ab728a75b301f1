"""The model's activity rules as the engine runs them: numbered, their defaults filled in, points as micro-points."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from config.model_counting import CAMPAIGN
from config.model_values import ALL, MICRO, NO_DECAY, micro
from config.vocabulary import CHAIN, DERIVED, PAGES, VISIT
from scoring.decay import micro_at, settled_at
from scoring.facts import FURTHER_FACTS
from scoring.limits import NO_CAP, Limits

if TYPE_CHECKING:
    from config.model import Model
    from config.model_sections import ActivityRule
    from config.model_values import Decay


@dataclass(frozen=True)
class Term:
    """A part of an activity rule whose events are all worth the same at the same age. Most rules are one term.

    The first term of a rule has the rule's place in the model as `number`, and `part_of` is that place; `group` is the
    place of the rule's group. `mode` is every, first, at_least, stagnates or rate (see
    `scoring.rates`); at_least and stagnates ask for `needed` events.
    Events count while younger than `window` days. Of a rule that counts by turns, those whose turn is from `first` to
    `last` belong to the term. `repeats` says that its events are also those of another term of the rule.
    """

    number: int
    part_of: int
    rule: ActivityRule
    points: int
    mode: str
    needed: int
    group: int | None
    window: int | None
    decay: Decay
    first: int = 1
    last: int | None = None
    repeats: bool = False

    @property
    def spares_machines(self) -> bool:
        """Whether events of machines are set aside."""
        return self.rule.unless == "machine"

    @property
    def rises(self) -> bool:
        """Whether the points of its events can only grow as time passes: a penalty that fades."""
        return self.points < 0 and self.settled_at > 0

    @property
    def passes_on(self) -> bool:
        """Whether the one event that counts can leave the window, and another take its place."""
        return self.mode == "first" and self.window is not None

    @property
    def ages(self) -> bool:
        """Whether it matters to its events how old they are; what stagnates is counted in days as they pass."""
        return self.mode not in {"stagnates", "rate"} and self.settled_at > 0

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
    silent: frozenset[str] = frozenset()
    """The activity types with outages: their events do not age while nothing came."""

    @cached_property
    def terms(self) -> tuple[Term, ...]:
        """The terms of the activity rules: the first of each rule in the order of the model, then all others."""
        groups, rules = list(self.model.engagement.groups), self.model.engagement.rules
        firsts, others = [], []
        for place, rule in enumerate(rules):
            first, *rest = _terms(place, rule, self.model.engagement.decay, groups)
            firsts.append(first)
            others += rest
        return (*firsts, *(replace(term, number=len(rules) + extra) for extra, term in enumerate(others)))

    @property
    def firsts(self) -> tuple[Term, ...]:
        """The first term of each rule, in the order of the model."""
        return self.terms[: len(self.model.engagement.rules)]

    @cached_property
    def limits(self) -> Limits:
        """The caps of rules and groups."""
        return Limits(self.model.engagement)

    @cached_property
    def has_parts(self) -> bool:
        """Whether some rule has several terms."""
        return len(self.terms) > len(self.model.engagement.rules)

    @cached_property
    def shaped(self) -> frozenset[int]:
        """The rules whose events are put in order, folded or thawed first (`scoring.counting`), by their places."""
        return frozenset(
            place
            for place, rule in enumerate(self.model.engagement.rules)
            if len(rule.points) > 1
            or rule.count.mode == "places"
            or self.limits.window(rule) in {CAMPAIGN, VISIT}
            or self.fold_of(rule) is not None
            or (self.terms[place].ages and not self.silent.isdisjoint((CHAIN,) if rule.chain else rule.activity))
        )

    def extremes(self, rule: str, value: str) -> str:
        """SQL of an aggregate: the least and the greatest `value` as `lowest` and `highest`, of single terms alone.

        Those are the terms that count one event: only they ask what the least or the most is worth; the others'
        millions of events need not be compared. Nor those of terms whose events are worth the same for ever.
        """
        single = ", ".join(str(term.number) for term in self.terms if term.mode != "every" and term.settled_at > 0)
        if not single:
            return "CAST(NULL AS DOUBLE) AS lowest, CAST(NULL AS DOUBLE) AS highest"
        worth = f"CASE WHEN {rule} IN ({single}) THEN {value} END"
        return f"MIN({worth}) AS lowest, MAX({worth}) AS highest"

    @cached_property
    def settled_at(self) -> int:
        """An age, in days, from which on no event's worth changes any more."""
        return max((term.settled_at for term in self.terms), default=0)

    def fold_of(self, rule: ActivityRule) -> int | str | None:
        """The window in which one event of the rule's group counts; None where all do."""
        return None if rule.group is None else self.model.engagement.groups[rule.group].fold

    @cached_property
    def spares(self) -> bool:
        """Whether some rule sets events of machines aside."""
        return any(term.spares_machines for term in self.terms)

    @cached_property
    def asks_for_machines(self) -> bool:
        """Whether it matters if an event was a machine's."""
        silence = bool(self.model.engagement.inactivity)
        return self.spares or silence or self.needs_visits or self.derives or self.has_rates

    @cached_property
    def needs_visits(self) -> bool:
        """Whether it matters which deeds make a visit: `all_activities` of `scoring.visits` is made only then."""
        return (
            self.limits.by_visit
            or bool(self.chains)
            or self.asks_for(VISIT)
            or any(_times_pages(term.rule) for term in self.terms)
        )

    @cached_property
    def facts(self) -> frozenset[str]:
        """Which of the FURTHER_FACTS of activities it takes to know what rules make of them."""
        if self.needs_visits or self.derives:
            return frozenset(FURTHER_FACTS)
        found = {"since_send_s", "flagged_machine"} if self.asks_for_machines or self.shaped else set()
        timed = any(rule.when is not None and "duration" in rule.when.tests for rule in self.model.engagement.rules)
        return frozenset(found | ({"duration_s"} if timed else set()))

    def terms_of(self, kind: str) -> tuple[Term, ...]:
        """The rules about activities of type `kind`, by their first terms."""
        return tuple(
            term
            for term in self.firsts
            if term.rule.chain is None and term.mode != "rate" and kind in term.rule.activity
        )

    def asks_for(self, kind: str) -> bool:
        """Whether a rule is about activities of type `kind`, or such an activity keeps one from applying."""
        steps = [term.rule.stagnates.without for term in self.terms if term.rule.stagnates is not None]
        return bool(self.terms_of(kind)) or any(kind in types for types in steps)

    @cached_property
    def chains(self) -> tuple[Term, ...]:
        """The rules about several pages in one visit, by their first terms."""
        return tuple(term for term in self.firsts if term.rule.chain is not None)

    @cached_property
    def has_rates(self) -> bool:
        """Whether a rule asks how many of the e-mails that reach them people open."""
        return any(term.mode == "rate" for term in self.terms)

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
    def stagnates(self) -> bool:
        """Whether a rule is about people who do much and take no next step."""
        return any(term.mode == "stagnates" for term in self.terms)

    @cached_property
    def days_matter(self) -> bool:
        """Whether a tally between two days has to look at the days, beside what events are worth on them."""
        return self.stagnates or any(term.passes_on for term in self.terms)

    @cached_property
    def only_falls(self) -> bool:
        """Whether waiting never raises anybody's engagement: the last of some days is then the worst of them."""
        rises = self.days_matter or self.has_rates or any(term.rises for term in self.terms)
        return not rises and self.model.engagement.adjust is None

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


def _terms(place: int, rule: ActivityRule, default: Decay, groups: list[str]) -> list[Term]:
    group = None if rule.group is None else groups.index(rule.group)
    points, count = [micro(each) for each in rule.points], rule.count
    if rule.stagnates is not None:
        needed, window = rule.stagnates.at_least, rule.stagnates.over
        return [Term(place, place, rule, points[0], "stagnates", needed, group, window, NO_DECAY)]
    if rule.rate is not None:
        return [Term(place, place, rule, points[0], "rate", rule.rate.among, group, rule.rate.over, NO_DECAY)]
    decay = default if rule.decay is None else rule.decay
    mode = {"times": "at_least", "places": "every"}.get(count.mode, count.mode)
    term = Term(place, place, rule, points[0], mode, count.at_least, group, rule.within, decay, count.from_, count.to)
    if count.up_to is not None:
        # The points while there are enough, and their opposite while there are too many.
        return [term, replace(term, points=-points[0], needed=count.up_to + 1, repeats=True)]
    return [
        replace(term, points=each, first=count.from_ + turn, last=count.to if each_is_last else count.from_ + turn)
        for turn, each in enumerate(points)
        for each_is_last in [turn == len(points) - 1]
        if turn == 0 or count.to is None or count.from_ + turn <= count.to
    ]
