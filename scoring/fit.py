"""Gates and fit: who they are.

One pass over `people` gives `fit_outcomes`, a row per person: the gate that stops them, the micro-points of every
criterion (null where unknown), their sum, the best and worst sum still possible, the fact most worth finding out,
and for every transition of the lifecycle whether the attributes that it requires are known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from config.attributes import COMPUTED
from config.model_values import micro
from scoring import sql
from scoring.conditions import Scope
from scoring.facts import ATTRIBUTE_PREFIX

if TYPE_CHECKING:
    from collections.abc import Mapping

    from config.model import Model
    from config.model_sections import Criterion


def attribute_column(name: str) -> exp.Expr:
    """The column of `people` (as ``p``) that holds attribute `name`."""
    column = name if name in COMPUTED else ATTRIBUTE_PREFIX + name
    return exp.column(column, table="p", quoted=True)


def outcomes_sql(model: Model, types: Mapping[str, str], *, people: str, keys: str, day: str) -> str:
    """SELECT of `fit_outcomes`.

    `people` is the FROM clause, with people as ``p``; `keys` the columns that name a row; `day` the DATE from which
    ages are counted.
    """
    scope = Scope(model, {**types, **COMPUTED}, attribute_column, day)
    criteria = model.fit.criteria
    columns = [keys, f"{_gate(model, scope)} AS gate"]
    columns += [f"{_outcome(criterion, scope)} AS o{number}" for number, criterion in enumerate(criteria)]
    columns += [f"{_required(model, number)} AS r{number}" for number in _transitions(model)]
    columns += [
        f"{attribute_column(name).sql(dialect=sql.DIALECT)} IS NULL AS u{number}"
        for number, name in enumerate(attributes_of(model))
    ]
    kept = [keys.replace("p.", "").replace("k.", ""), "gate"]
    kept += [f"o{number}" for number in range(len(criteria))]
    kept += [f"r{number}" for number in _transitions(model)]
    lowest = [min(map(micro, criterion.outcomes)) for criterion in criteria]
    highest = [max(map(micro, criterion.outcomes)) for criterion in criteria]
    known = " OR ".join(f"o{number} IS NOT NULL" for number in range(len(criteria))) or "FALSE"
    spreads = [f"{spread} AS s{place}" for place, spread in enumerate(_spreads(model))]
    widest = "0" if not spreads else "s0" if len(spreads) == 1 else f"GREATEST({', '.join(_numbered('s', spreads))})"
    return f"""
        SELECT {", ".join(kept)},
               {_total([0] * len(criteria))} AS micro,
               {_total(highest)} AS best,
               {_total(lowest)} AS worst,
               {known} AS is_known,
               {_next_fact(model)} AS next_fact,
               {_data_confidence(model)} AS data_confidence
        FROM (SELECT *, {widest} AS widest
              FROM (SELECT {", ".join(["*", *spreads])}
                    FROM (SELECT {", ".join(columns)} FROM {people})))"""


def attributes_of(model: Model) -> list[str]:
    """The attributes that criteria read, each once, in the order of the file."""
    return list(dict.fromkeys(name for criterion in model.fit.criteria for name in criterion.attributes()))


def readable(attribute: str) -> str:
    """An attribute's name as people say it: ``Company employee count``."""
    words = attribute.replace(".", " ").replace("_", " ")
    return words[:1].upper() + words[1:]


def _transitions(model: Model) -> range:
    return range(len(model.lifecycle.transitions)) if model.lifecycle is not None else range(0)


def _gate(model: Model, scope: Scope) -> str:
    # Who objected to being scored is not scored, whatever else is true of them.
    order = sorted(enumerate(model.gates), key=lambda pair: (pair[1].effect != "do_not_score", pair[0]))
    cases = " ".join(f"WHEN {scope.sql(gate.when)} THEN {number}" for number, gate in order)
    return f"CASE {cases} END" if cases else "CAST(NULL AS INTEGER)"


def _outcome(criterion: Criterion, scope: Scope) -> str:
    otherwise = micro(criterion.otherwise)
    if criterion.when is not None:
        condition = scope.sql(criterion.when)
        cases = f"CASE ({condition}) WHEN TRUE THEN {micro(criterion.points or 0)} WHEN FALSE THEN {otherwise} END"
    else:
        value = attribute_column(criterion.by or "").sql(dialect=sql.DIALECT)
        bands = sorted((criterion.bands or {}).items(), reverse=True)
        steps = " ".join(f"WHEN {value} >= {sql.number(bound)} THEN {micro(points)}" for bound, points in bands)
        cases = f"CASE {steps} WHEN {value} IS NOT NULL THEN {otherwise} END"
    return f"CAST({cases} AS BIGINT)"


def _required(model: Model, number: int) -> str:
    names = model.lifecycle.transitions[number].requires if model.lifecycle is not None else ()
    known = [f"{attribute_column(name).sql(dialect=sql.DIALECT)} IS NOT NULL" for name in names]
    return f"({' AND '.join(known)})" if known else "TRUE"


def _total(for_unknown: list[int]) -> str:
    terms = [f"COALESCE(o{number}, {instead})" for number, instead in enumerate(for_unknown)]
    return " + ".join(terms) or "CAST(0 AS BIGINT)"


def _spreads(model: Model) -> list[str]:
    """For each attribute, the range of points that its being unknown leaves open."""
    spreads = []
    for place, attribute in enumerate(attributes_of(model)):
        terms = []
        for number, criterion in enumerate(model.fit.criteria):
            outcomes = [micro(points) for points in criterion.outcomes]
            if attribute in criterion.attributes():
                terms.append(f"CASE WHEN o{number} IS NULL THEN {max(outcomes) - min(outcomes)} ELSE 0 END")
        spreads.append(f"CASE WHEN u{place} THEN {' + '.join(terms)} ELSE 0 END")
    return spreads


def _next_fact(model: Model) -> str:
    """The unknown attribute that leaves the widest range open; the first in the file among equals."""
    names = attributes_of(model)
    cases = " ".join(f"WHEN widest = s{place} THEN {sql.text(readable(name))}" for place, name in enumerate(names))
    return f"CASE WHEN widest = 0 THEN NULL {cases} END" if names else "CAST(NULL AS VARCHAR)"


def _data_confidence(model: Model) -> str:
    """The share of the criteria whose answer is known, 0 to 100, each weighing as much as its range of points."""
    spans = [max(points) - min(points) for points in (list(map(micro, c.outcomes)) for c in model.fit.criteria)]
    if "data_confidence" not in model.also_write or not any(spans):
        return "CAST(NULL AS INTEGER)"
    known = " + ".join(f"CASE WHEN o{number} IS NULL THEN 0 ELSE {span} END" for number, span in enumerate(spans))
    return f"CAST((200 * CAST({known} AS BIGINT) + {sum(spans)}) // {2 * sum(spans)} AS INTEGER)"


def _numbered(letter: str, items: list[str]) -> list[str]:
    return [f"{letter}{number}" for number in range(len(items))]
