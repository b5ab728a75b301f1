"""Gates and fit: who they are.

One pass over `people` gives a row per person: the gate that stops them, their profile, the micro-points of every
criterion (null where unknown, 0 where it belongs to another profile), their sum, the best and worst sum still possible,
the fact most worth finding out, and for every transition of the lifecycle whether the attributes that it requires are
known. The points of the single criteria are not kept: the view `fit_points` tells them again to those who ask.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from config.attributes import COMPUTED
from scoring import gates, sql
from scoring.conditions import Scope
from scoring.facts import ATTRIBUTE_PREFIX

if TYPE_CHECKING:
    from collections.abc import Mapping

    from config.model import Model
    from config.model_fit import Trait
    from config.model_sections import Gate


def attribute_column(name: str) -> exp.Expr:
    """The column of `people` (as ``p``) that holds attribute `name`."""
    column = name if name in COMPUTED else ATTRIBUTE_PREFIX + name
    return exp.column(column, table="p", quoted=True)


def points_sql(model: Model, types: Mapping[str, str], *, people: str, keys: str, day: str) -> str:
    """SELECT of (keys, gate, profile, o<n> of each criterion, r<n> of each transition, u<n> of each attribute).

    That is micro-points, whether what is required is known, and whether the attribute is unknown. `people` is the FROM
    clause, with people as ``p``; `keys` the columns that name a row; `day` the DATE from which ages are counted.
    """
    scope = Scope(model, {**types, **COMPUTED}, attribute_column, day)
    profile = _profile(model, scope)
    columns = [keys, f"{_gate(model, scope)} AS gate", f"{profile} AS profile"]
    columns += [f"{outcome(trait, scope, profile)} AS o{number}" for number, trait in enumerate(model.fit.traits)]
    columns += [f"{_required(model, number)} AS r{number}" for number in _transitions(model)]
    columns += [
        f"{attribute_column(name).sql(dialect=sql.DIALECT)} IS NULL AS u{number}"
        for number, name in enumerate(attributes_of(model))
    ]
    return f"SELECT {', '.join(columns)} FROM {people}{gates.join(model)}"


def outcomes_sql(model: Model, types: Mapping[str, str], *, people: str, keys: str, day: str) -> str:
    """SELECT of what `points_sql` gives, with micro, best, worst, is_known, next_fact and data_confidence."""
    traits = model.fit.traits
    known = " OR ".join(f"({_is_known(number, trait)})" for number, trait in enumerate(traits)) or "FALSE"
    spreads = [f"{_unknown(model, place, 'spread')} AS s{place}" for place in range(len(attributes_of(model)))]
    widest = "0" if not spreads else "s0" if len(spreads) == 1 else f"GREATEST({', '.join(_numbered('s', spreads))})"
    return f"""
        SELECT *, micro + {_left_open(model, "best")} AS best, micro + {_left_open(model, "worst")} AS worst,
               {known} AS is_known, {_next_fact(model)} AS next_fact, {_data_confidence(model)} AS data_confidence
        FROM (SELECT *, {widest} AS widest
              FROM (SELECT {", ".join(["*", f"{_total(model)} AS micro", *spreads])}
                    FROM ({points_sql(model, types, people=people, keys=keys, day=day)})))"""


def summary_columns(model: Model) -> list[str]:
    """The columns beside those of the single criteria: what grade, rating and stage follow from."""
    scores = [
        "person",
        "gate",
        "profile",
        "fit_micro",
        "fit_score",
        "best_score",
        "worst_score",
        "is_known",
        "next_fact",
        "data_confidence",
    ]
    return scores + [f"r{number}" for number in _transitions(model)]


def attributes_of(model: Model) -> list[str]:
    """The attributes that criteria read, each once, in the order of the file."""
    return list(dict.fromkeys(name for trait in model.fit.traits for name in trait.criterion.attributes()))


def readable(attribute: str) -> str:
    """An attribute's name as people say it: ``Company employee count``."""
    words = attribute.replace(".", " ").replace("_", " ")
    return words[:1].upper() + words[1:]


def _transitions(model: Model) -> range:
    return range(len(model.lifecycle.transitions)) if model.lifecycle is not None else range(0)


def _gate(model: Model, scope: Scope) -> str:
    # Who objected to being scored is not scored, whatever else is true of them.
    order = sorted(enumerate(model.gates), key=lambda pair: (pair[1].effect != "do_not_score", pair[0]))
    cases = " ".join(f"WHEN {_closes(number, gate, scope)} THEN {number}" for number, gate in order)
    return f"CASE {cases} END" if cases else "CAST(NULL AS INTEGER)"


def _closes(number: int, gate: Gate, scope: Scope) -> str:
    parts = [] if gate.when is None else [f"({scope.sql(gate.when)})"]
    parts += [gates.happened(number, gate, scope.day)] if gate.activity else []
    return " AND ".join(parts)


def _profile(model: Model, scope: Scope) -> str:
    """SQL: the place of the first profile whose condition is true; -1 for people of none."""
    cases = " ".join(f"WHEN {scope.sql(profile.when)} THEN {place}" for place, profile in enumerate(model.fit.profiles))
    return f"CASE {cases} ELSE -1 END" if cases else "-1"


def outcome(trait: Trait, scope: Scope, profile: str = "-1") -> str:
    """SQL: the micro-points of a criterion; null while unknown. `profile` is the SQL of the person's profile."""
    criterion, otherwise = trait.criterion, trait.otherwise
    if criterion.when is not None:
        condition = scope.sql(criterion.when)
        cases = f"CASE ({condition}) WHEN TRUE THEN {trait.points} WHEN FALSE THEN {otherwise} END"
    else:
        value = attribute_column(criterion.by or "").sql(dialect=sql.DIALECT)
        bands = sorted((trait.bands or {}).items(), reverse=True)
        steps = " ".join(f"WHEN {value} >= {sql.number(bound)} THEN {points}" for bound, points in bands)
        cases = f"CASE {steps} WHEN {value} IS NOT NULL THEN {otherwise} END"
    if trait.profile is not None:
        cases = f"CASE WHEN ({profile}) = {trait.profile} THEN {cases} ELSE 0 END"
    return f"CAST({cases} AS BIGINT)"


def _is_known(number: int, trait: Trait) -> str:
    known = f"o{number} IS NOT NULL"
    return known if trait.profile is None else f"{known} AND profile = {trait.profile}"


def _required(model: Model, number: int) -> str:
    names = model.lifecycle.transitions[number].requires if model.lifecycle is not None else ()
    known = [f"{attribute_column(name).sql(dialect=sql.DIALECT)} IS NOT NULL" for name in names]
    return f"({' AND '.join(known)})" if known else "TRUE"


def _total(model: Model) -> str:
    terms = [f"COALESCE(o{number}, 0)" for number in range(len(model.fit.traits))]
    terms += [f"CAST({model.fit.start} AS BIGINT)"] if model.fit.start or not terms else []
    return " + ".join(terms)


def _sole_attribute(trait: Trait) -> str | None:
    """The attribute without which, and only without which, the answer to a criterion is unknown; None for others."""
    criterion = trait.criterion
    tests = criterion.when.walk() if criterion.when is not None else ()
    asks = any(operator in {"known", "unknown"} for _, _, each in tests for operator, _ in each.written())
    names = set(criterion.attributes())
    return names.pop() if len(names) == 1 and trait.profile is None and not asks else None


def _open_points(trait: Trait, bound: str) -> int:
    """What a criterion would give at ``best`` or ``worst``, or the ``spread`` between them."""
    return {"best": max(trait.outcomes), "worst": min(trait.outcomes), "spread": trait.spread}[bound]


def _unknown(model: Model, place: int, bound: str) -> str:
    """SQL: the points that the attribute at `place` leaves open while it is unknown, else 0; see `_open_points`."""
    attribute, sure, terms = attributes_of(model)[place], 0, []
    for number, trait in enumerate(model.fit.traits):
        if _sole_attribute(trait) == attribute:
            sure += _open_points(trait, bound)
        elif bound == "spread" and attribute in trait.criterion.attributes():
            terms.append(f"CASE WHEN o{number} IS NULL THEN {trait.spread} ELSE 0 END")
    return f"CASE WHEN u{place} THEN {' + '.join([str(sure), *terms])} ELSE 0 END"


def _left_open(model: Model, bound: str) -> str:
    """SQL: the points that all unknown answers would give; see `_open_points`."""
    terms = [_unknown(model, place, bound) for place in range(len(attributes_of(model)))]
    terms += [
        f"CASE WHEN o{number} IS NULL THEN {_open_points(trait, bound)} ELSE 0 END"
        for number, trait in enumerate(model.fit.traits)
        if _sole_attribute(trait) is None
    ]
    return " + ".join(terms) or "0"


def _next_fact(model: Model) -> str:
    """The place of the unknown attribute that leaves the widest range open; the first in the file among equals."""
    cases = " ".join(f"WHEN widest = s{place} THEN {place}" for place in range(len(attributes_of(model))))
    return f"CASE WHEN widest = 0 THEN NULL {cases} END" if cases else "CAST(NULL AS INTEGER)"


def _data_confidence(model: Model) -> str:
    """The share of the criteria whose answer is known, 0 to 100, each weighing as much as its range of points."""
    traits = model.fit.traits
    if "data_confidence" not in model.also_write or not traits:
        return "CAST(NULL AS INTEGER)"
    known = " + ".join(
        f"CASE WHEN {_is_known(number, trait)} THEN {trait.spread} ELSE 0 END" for number, trait in enumerate(traits)
    )
    common, *special = (
        sum(trait.spread for trait in traits if trait.profile == place)
        for place in (None, *range(len(model.fit.profiles)))
    )
    cases = " ".join(f"WHEN {place} THEN {common + own}" for place, own in enumerate(special))
    whole = f"NULLIF(CAST({f'CASE profile {cases} ELSE {common} END' if cases else common} AS BIGINT), 0)"
    return f"CAST((200 * CAST({known} AS BIGINT) + {whole}) // (2 * {whole}) AS INTEGER)"


def _numbered(letter: str, items: list[str]) -> list[str]:
    return [f"{letter}{number}" for number in range(len(items))]
