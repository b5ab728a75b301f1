"""What of a model works but can hardly be meant: told from the model, and from what it makes of the mirror's people.

Everybody is scored once, span by span, as a run does it; what is found are warnings, each with the line of the model
that it speaks of, numbers and a remedy. Calls no CRM and writes nothing.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from config.attributes import COMPUTED, attribute_types
from config.errors import ConfigError
from config.model import checked_model
from config.model_conditions import is_list_name
from config.model_lint import hints
from config.yaml_file import read
from insights.check import Line
from insights.status import opened_journal
from scoring import engine, sql
from scoring.conditions import Scope
from scoring.fit import attribute_column, attributes_of
from sync.errors import SyncError
from sync.mirror import views
from sync.scores import gather
from sync.stores import MIRROR_FILE, open_mirror

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import duckdb

    from config.model import Model
    from config.model_conditions import Tests, When
    from config.settings import Settings
    from config.yaml_file import Document, Loc
    from connectors.clock import Clock

FEWEST: Final = 50
"""People below which shares say nothing."""
ALMOST_ALL: Final = 0.95
RARE: Final = 0.1
TOGETHER: Final = 0.9
"""Shares: of people for whom a rule no longer tells anybody apart, of filled values that are too few to score by, and
of the people with one of two rules who have both."""


def lint(settings: Settings, clock: Clock) -> list[Line]:
    """What is odd, in the order of the model's file. Nothing where the model or the mirror cannot be used."""
    try:
        document = read(settings.scoring)
        model = checked_model(document, attribute_types(settings))
    except ConfigError:
        return []
    found = hints(model, document)
    lines = []
    try:
        crowd = _look(settings, model, clock)
    except SyncError as error:
        lines.append(Line("warn", "model", "mirror", f"the model was not held against people: {error}"))
    else:
        if crowd is not None and crowd.people >= FEWEST:
            found += [document.error(loc, message, remedy) for loc, message, remedy in _odd(model, document, crowd)]
    found.sort(key=lambda hint: hint.line or 0)
    name = settings.scoring.name
    return lines + [Line("warn", "model", f"{name}:{hint.line}", hint.message, hint.remedy) for hint in found]


@dataclass(slots=True)
class Crowd:
    """What the model makes of everybody: counts of people."""

    people: int = 0
    fired: Counter[int] = field(default_factory=Counter)  # by the rule's place
    pairs: Counter[tuple[int, int]] = field(default_factory=Counter)  # people with both rules
    filled: Counter[str] = field(default_factory=Counter)  # by attribute
    known: Counter[int] = field(default_factory=Counter)  # by the criterion's place
    matched: Counter[int] = field(default_factory=Counter)
    listed: Counter[Loc] = field(default_factory=Counter)  # tests of lists that hold, by their place in the file
    places: dict[str, Counter[Any]] = field(default_factory=dict)  # fit_grade, level, stage -> label -> people
    activities: int = 0


def _look(settings: Settings, model: Model, clock: Clock) -> Crowd | None:
    """Score everybody; None where nothing has been pulled yet. Raises SyncError when the mirror cannot be read."""
    if not (settings.store.path / MIRROR_FILE).exists():
        return None
    types, now, crowd = attribute_types(settings), clock.now(), Crowd()
    with opened_journal(settings) as journal:
        if journal is None:
            return None
        with open_mirror(settings, clock).open() as connection:
            gather(connection, settings=settings, model=model, journal=journal, now=now)
            prepared = engine.prepare(connection, model, now, attributes=types, oldest=views.oldest(connection))
            for span in views.spans(connection, prepared.activity_bytes):
                views.show(connection, span, types=types, facts=prepared.facts)
                engine.score_people(connection, prepared)
                _count(connection, model, types, now.date().isoformat(), crowd)
            crowd.listed.update(_matching_signatures(connection, model))
    return crowd


def _count(
    connection: duckdb.DuckDBPyConnection, model: Model, types: Mapping[str, str], day: str, crowd: Crowd
) -> None:
    """Add the people of a span."""
    scope = Scope(model, {**types, **COMPUTED}, attribute_column, f"DATE '{day}'")
    names, lists = _attributes(model), _lists_of_people(model)
    columns = ["count(*)"]
    columns += [f"count({attribute_column(name).sql(dialect=sql.DIALECT)})" for name in names]
    columns += [f"count(*) FILTER ({scope.tests(name, tests).sql(dialect=sql.DIALECT)})" for _, name, tests in lists]
    counts = connection.execute(f"SELECT {', '.join(columns)} FROM people p").fetchall()[0]
    crowd.people += counts[0]
    crowd.filled.update(dict(zip(names, counts[1:], strict=False)))
    for (loc, *_), count in zip(lists, counts[1 + len(names) :], strict=True):
        crowd.listed[loc] += count
    crowd.activities += connection.execute("SELECT count(*) FROM activities").fetchall()[0][0]
    fired = "SELECT person, rule FROM contributions WHERE occurrences > 0"
    crowd.fired.update(dict(connection.execute(f"SELECT rule, count(*) FROM ({fired}) GROUP BY rule").fetchall()))
    pairs = f"SELECT a.rule, b.rule, count(*) FROM ({fired}) a JOIN ({fired}) b USING (person) WHERE a.rule < b.rule"
    for one, other, both in connection.execute(f"{pairs} GROUP BY ALL").fetchall():
        crowd.pairs[one, other] += both
    asked = [
        f"count(o{number}), count(*) FILTER (o{number} <> {trait.otherwise})"
        for number, trait in enumerate(model.fit.traits)
    ]
    found = connection.execute(f"SELECT {', '.join(asked)} FROM fit_points").fetchall()[0] if asked else ()
    crowd.known.update(dict(enumerate(found[::2])))
    crowd.matched.update(dict(enumerate(found[1::2])))
    for name in ("fit_grade", "level", "stage"):
        labels = connection.execute(f"SELECT {name}, count(*) FROM scores GROUP BY {name}").fetchall()
        crowd.places.setdefault(name, Counter()).update(dict(labels))


def _attributes(model: Model) -> list[str]:
    """The attributes that gates, profiles and criteria read."""
    conditions = [gate.when for gate in model.gates] + [profile.when for profile in model.fit.profiles]
    return list(
        dict.fromkeys([*attributes_of(model), *(name for when in conditions if when for name in when.attributes())])
    )


def _lists_of_people(model: Model) -> list[tuple[Loc, str, Tests]]:
    """The tests of attributes that name a list, with their places."""
    conditions: list[tuple[Loc, When | None]] = []
    conditions += [(("gates", number, "when"), gate.when) for number, gate in enumerate(model.gates)]
    conditions += [(("fit", "criteria", place, "when"), each.when) for place, each in enumerate(model.fit.criteria)]
    conditions += [(("fit", "profiles", place, "when"), each.when) for place, each in enumerate(model.fit.profiles)]
    return [found for loc, when in conditions if when is not None for found in when.walk(loc) if _names_list(found[2])]


def _names_list(tests: Tests) -> bool:
    """Whether one of the tests asks for a value of a list; `not_in` asks for others."""
    return any(operator != "not_in" and is_list_name(value) for operator, value in tests.written())


def _matching_signatures(connection: duckdb.DuckDBPyConnection, model: Model) -> dict[Loc, int]:
    """For each test of an activity rule that names a list, how many different activities it fits."""
    from config.model_condition_checks import ACTIVITY_ATTRIBUTES, VISIT_FACTS
    from scoring.events import fact_column

    scope = Scope(model, ACTIVITY_ATTRIBUTES, lambda name: fact_column(name, table="s"), "CURRENT_DATE")
    found: dict[Loc, int] = {}
    for number, rule in enumerate(model.engagement.rules):
        for loc, name, tests in (
            rule.when.walk(("engagement", "rules", number, "when")) if rule.when is not None else ()
        ):
            if _names_list(tests) and name not in VISIT_FACTS:
                test = scope.tests(name, tests).sql(dialect=sql.DIALECT)
                rows = connection.execute(f"SELECT count(*) FROM signatures s WHERE {test}").fetchall()
                found[loc] = rows[0][0]
    return found


Odd = tuple["Loc", str, str]
"""Where, what, and the remedy."""


def _odd(model: Model, document: Document, crowd: Crowd) -> Iterator[Odd]:
    if crowd.activities:
        yield from _odd_rules(model, crowd)
    yield from _odd_criteria(model, crowd)
    for loc, count in crowd.listed.items():
        if count == 0:
            what = "activity" if loc[0] == "engagement" else "person"
            yield loc, f"no {what} matches this list.", "Look at its spelling, or remove it."
    yield from _odd_thresholds(model, document, crowd)


def _odd_rules(model: Model, crowd: Crowd) -> Iterator[Odd]:
    rules = model.engagement.rules
    for number, rule in enumerate(rules):
        loc: Loc = ("engagement", "rules", number)
        fired = crowd.fired[number]
        if fired == 0:
            yield (
                loc,
                f"{rule.name!r} counts for none of {crowd.people:,} people.",
                "Compare its condition with the activities there are; `leadgrade explain` shows a person's.",
            )
        elif fired >= ALMOST_ALL * crowd.people and max(rule.points) > 0:
            yield loc, f"{rule.name!r} counts for {_share(fired, crowd.people)}: it tells nobody apart.", "Narrow it."
    for (one, other), both in sorted(crowd.pairs.items()):
        either = crowd.fired[one] + crowd.fired[other] - both
        same_sign = (max(rules[one].points) > 0) == (max(rules[other].points) > 0)
        if either >= FEWEST and both >= TOGETHER * either and same_sign:
            yield (
                ("engagement", "rules", other),
                f"{rules[other].name!r} counts for the people of {rules[one].name!r}: both for {both:,} of {either:,}.",
                "If they mean the same deed, keep one, or put both into a group with `fold`.",
            )


def _odd_criteria(model: Model, crowd: Crowd) -> Iterator[Odd]:
    for loc, name in _first_places(model).items():
        filled = crowd.filled[name]
        if filled < RARE * crowd.people:
            yield (
                loc,
                f"{name!r} is filled for {_share(filled, crowd.people)}.",
                "Have it filled, check where it is mapped in leadgrade.yaml, or ask for another attribute.",
            )
    for number, trait in enumerate(model.fit.traits):
        known, matched, criterion = crowd.known[number], crowd.matched[number], trait.criterion
        if trait.profile is not None or known < FEWEST:
            continue
        place: Loc = ("fit", "criteria", model.fit.criteria.index(criterion))
        if matched == 0:
            yield place, f"{criterion.name!r} matches none of {known:,} people with a value.", "Widen its condition."
        elif matched >= ALMOST_ALL * crowd.people:
            yield (
                place,
                f"{criterion.name!r} matches {_share(matched, crowd.people)}: it tells nobody apart.",
                "Narrow it.",
            )


def _first_places(model: Model) -> dict[Loc, str]:
    """Where each attribute that decides is first asked for."""
    first: dict[str, Loc] = {}
    for number, gate in enumerate(model.gates):
        for name in gate.when.attributes() if gate.when is not None else ():
            first.setdefault(name, ("gates", number))
    for place, criterion in enumerate(model.fit.criteria):
        for name in criterion.attributes():
            first.setdefault(name, ("fit", "criteria", place))
    return {loc: name for name, loc in reversed(first.items())}


def _odd_thresholds(model: Model, document: Document, crowd: Crowd) -> Iterator[Odd]:
    ladders: list[tuple[str, Loc, list[str]]] = []
    if model.fit.traits and model.fit.ladder is None:
        ladders.append(("fit_grade", ("fit", "grades"), list(model.fit.scale)))
    if model.engagement.rules and crowd.activities:
        ladders.append(("level", ("engagement", "levels"), list(model.engagement.levels)))
    for column, loc, labels in ladders:
        counts = crowd.places[column]
        judged = sum(counts[label] for label in labels)
        word = {"fit_grade": "grade", "level": "level"}[column]
        for label in labels[:-1]:
            if judged >= FEWEST and counts[label] in {0, judged}:
                who = "nobody" if counts[label] == 0 else "everybody"
                place = (*loc, int(label)) if label.isdigit() and (*loc, label) not in document.lines else (*loc, label)
                yield place, f"{who} of {judged:,} has {word} {label}.", "Move its threshold."
    counts = crowd.places["stage"]
    judged = sum(count for stage, count in counts.items() if stage is not None)
    for number, way in enumerate(model.lifecycle.transitions if model.lifecycle is not None else ()):
        if judged >= FEWEST and counts[way.to] in {0, judged}:
            who = "nobody" if counts[way.to] == 0 else "everybody"
            yield (
                ("lifecycle", "transitions", number),
                f"{who} of {judged:,} is at stage {way.to!r}.",
                "Move its threshold.",
            )


def _share(part: int, whole: int) -> str:
    return f"{part:,} of {whole:,} people ({100 * part / whole:.0f} %)"
