"""BANT: budget, authority, need and timeline, each from what is known of people and from what they did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from config.attributes import COMPUTED
from config.model_fit import Fit
from config.model_special import DIMENSIONS
from config.model_values import micro
from scoring import sql
from scoring.beside import SUFFIX
from scoring.conditions import Scope
from scoring.fit import attribute_column, outcome
from scoring.ledger import NEVER, criteria_lines, rule_lines, settling_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from config.model import Model
    from config.model_fit import Trait
    from config.model_special import Bant
    from scoring.events import Moment


def judge(con: Any, model: Model, bant: Bant, moment: Moment, types: Mapping[str, str]) -> None:
    """Create `bant_outcomes` for everybody in `people`.

    Columns: person; ``c<dimension>_<number>`` the micro-points of each criterion; ``e<dimension>`` those of the
    activities; ``p<dimension>`` both within the dimension's limits; raw and score.
    """
    scope = Scope(model, {**types, **COMPUTED}, attribute_column, sql.day(moment.day))
    criteria = [f"{outcome(trait, scope)} AS {column}" for column, trait in _traits(bant)]
    places = range(len(DIMENSIONS))
    sums = ", ".join(f"SUM(CASE WHEN b.part = {place} THEN c.capped ELSE 0 END) AS e{place}" for place in places)
    acts = ", ".join(f"CAST(COALESCE(e.e{place}, 0) AS BIGINT) AS e{place}" for place in places)
    events = "(SELECT CAST(NULL AS BIGINT) AS person, 0 AS e0, 0 AS e1, 0 AS e2, 0 AS e3)"
    if any(dimension.rules for dimension in bant.dimensions.values()):
        events = f"""
            (SELECT c.person, {sums} FROM contributions{SUFFIX} c JOIN beside_rules b ON b.rule = c.rule
             WHERE b.section = 'bant' GROUP BY c.person)"""
    limited = [
        f"LEAST(GREATEST({_sum(bant, place)}, 0), {micro(dimension.at_most)}) AS p{place}"
        for place, dimension in enumerate(bant.dimensions.values())
    ]
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE bant_outcomes AS
        SELECT *, {sql.whole_points(sql.clamped("raw"))} AS score
        FROM (SELECT *, CAST(p0 + p1 + p2 + p3 AS BIGINT) AS raw
              FROM (SELECT *, {", ".join(limited)}
                    FROM (SELECT {", ".join(["p.person", *criteria, acts])}
                          FROM people p LEFT JOIN {events} e ON e.person = p.person)))
        """
    )


def _traits(bant: Bant) -> Iterator[tuple[str, Trait]]:
    """Every criterion with the column of its outcome."""
    for place, dimension in enumerate(bant.dimensions.values()):
        for number, trait in enumerate(Fit(criteria=dimension.criteria).traits):
            yield f"c{place}_{number}", trait


def _sum(bant: Bant, place: int) -> str:
    criteria = [column for column, _ in _traits(bant) if column.startswith(f"c{place}_")]
    return " + ".join([f"e{place}", *(f"COALESCE({column}, 0)" for column in criteria)])


def columns(bant: Bant) -> dict[str, str]:
    """The columns of `scores`, from `bant_outcomes` as ``bant``."""
    met = {name: f"bant.p{place} >= {micro(dimension.threshold)}" for place, (name, dimension) in _placed(bant)}
    letters = " || ".join(f"CASE WHEN {test} THEN '{name[0].upper()}' ELSE '-' END" for name, test in met.items())
    questions = {name: dimension.question or DIMENSIONS[name] for name, dimension in bant.dimensions.items()}
    asks = " ".join(f"WHEN NOT {test} THEN {sql.text(questions[name])}" for name, test in met.items())
    passed = " AND ".join(met.values()) if bant.gate.sum is None else f"bant.score >= {sql.number(bant.gate.sum)}"
    return {
        "bant_score": "bant.score",
        "bant_met": letters,
        "bant_status": f"CASE WHEN {passed} THEN 'qualified' ELSE 'open' END",
        "bant_question": f"CASE {asks} END",
    }


JOIN: Final = "LEFT JOIN bant_outcomes bant ON bant.person = s.person"


def _placed(bant: Bant) -> Iterator[tuple[int, tuple[str, Any]]]:
    return enumerate(bant.dimensions.items())


def lines(bant: Bant) -> list[str]:
    """The lines of the ledger."""
    traits = list(_traits(bant))
    found = [criteria_lines("'bant'", "bant_outcomes", traits)] if traits else []
    if any(dimension.rules for dimension in bant.dimensions.values()):
        found += rule_lines("t.axis", f"contributions{SUFFIX}", "(SELECT * FROM beside_rules WHERE section = 'bant')")
    for place, (name, _) in _placed(bant):
        total = _sum(bant, place)
        found.append(
            f"SELECT person, 'bant', {sql.text(name.capitalize())}, 'group_cap', p{place} - ({total}), 0, {NEVER} "
            f"FROM bant_outcomes WHERE p{place} <> {total}"
        )
    return [*found, *settling_lines("'bant'", "bant_outcomes", "raw", "score")]
