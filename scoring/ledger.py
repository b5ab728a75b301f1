"""The ledger: one line per person, axis, rule and kind, summing to the scores exactly.

What it is told from is wide (a column per criterion, a row per person and activity rule), and of the criteria worked
out anew for those who ask. Kinds: ``start`` (what everybody begins with), ``points`` (match, or undecayed points of
activities), ``otherwise`` (mismatch), ``unknown`` (a criterion nobody knows the answer to; 0), ``decay``, ``cap``,
``machine: why`` (events set aside; 0), ``group_cap``, ``inactivity``, ``adjusted`` (points by hand), ``floor``,
``ceiling``, ``rounding``, ``folded`` (events that count with another; 0), ``frozen`` (events whose age stood still; 0),
``restart`` (the day before which nothing counts; 0).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from config.model_values import MICRO
from scoring import sql
from scoring.adjust import adjusted_line
from scoring.counting import note_lines
from scoring.restart import restart_line
from scoring.stages import not_scored

if TYPE_CHECKING:
    from collections.abc import Sequence

    from config.model import Model
    from config.model_fit import Trait
    from scoring.plan import Plan

NEVER = "CAST(NULL AS TIMESTAMP)"
NO_LINE = (
    "SELECT CAST(NULL AS BIGINT) AS person, '' AS axis, '' AS rule, '' AS kind, 0 AS micro, 0 AS occurrences, "
    f"{NEVER} AS last_at WHERE FALSE"
)
"""Names the columns of a union of lines."""


def create_ledger(con: Any, plan: Plan, more: Sequence[str] = ()) -> None:
    """Create the TEMP view `ledger` (person, axis, rule, kind, micro, occurrences, last_at).

    `more` are SELECTs of the lines of further axes.
    """
    model = plan.model
    lines = [NO_LINE, *_fit_lines(model), *settling_lines("'fit'", "standings", "fit_micro", "fit_score")]
    lines += _engagement_lines(plan)
    if model.engagement.adjust is not None:
        lines.append(adjusted_line())
    if model.engagement.restart is not None:
        lines.append(restart_line())
    if plan.shaped:
        lines.append(note_lines("'engagement'", "notes", "rule_terms"))
    lines += settling_lines("'engagement'", "engagement", "raw", "score", plan.lowest_score, plan.highest_score)
    lines += more
    unscored = f"SELECT person FROM standings WHERE {not_scored(model)}"
    con.execute(
        f"""
        CREATE OR REPLACE TEMP VIEW ledger AS
        SELECT person, axis, rule, kind, CAST(micro AS BIGINT) AS micro, CAST(occurrences AS BIGINT) AS occurrences,
               last_at
        FROM ({" UNION ALL ".join(lines)})
        WHERE person NOT IN ({unscored})
        """
    )


def _fit_lines(model: Model) -> list[str]:
    lines: list[str] = []
    if model.fit.start:
        lines.append(
            f"SELECT person, 'fit' AS axis, 'start' AS rule, 'start' AS kind, {model.fit.start} AS micro, "
            f"1 AS occurrences, {NEVER} AS last_at FROM standings"
        )
    traits = [(f"o{number}", trait) for number, trait in enumerate(model.fit.traits)]
    return [*lines, criteria_lines("'fit'", "fit_points", traits)] if traits else lines


def criteria_lines(axis: str, table: str, traits: Sequence[tuple[str, Trait]]) -> str:
    """SELECT of the lines of criteria, each with the column of `table` that has its outcome; `axis` is SQL."""
    named = ", ".join(
        f"({number}, {sql.text(trait.criterion.name)}, "
        f"CAST({'NULL' if trait.criterion.bands is not None else trait.otherwise} AS BIGINT))"
        for number, (_, trait) in enumerate(traits)
    )
    outcome = " ".join(f"WHEN {number} THEN o.{column}" for number, (column, _) in enumerate(traits))
    return (
        f"SELECT person, {axis} AS axis, name AS rule, "
        "CASE WHEN micro IS NULL THEN 'unknown' WHEN micro = otherwise THEN 'otherwise' ELSE 'points' END AS kind, "
        f"COALESCE(micro, 0) AS micro, CASE WHEN micro IS NULL THEN 0 ELSE 1 END AS occurrences, {NEVER} AS last_at "
        f"FROM (SELECT o.person, t.name, t.otherwise, CASE t.number {outcome} END AS micro "
        f"FROM {table} o CROSS JOIN (VALUES {named}) t (number, name, otherwise)) WHERE micro IS NULL OR micro <> 0"
    )


def rule_lines(axis: str, contributions: str, terms: str) -> list[str]:
    """SELECTs of the lines of activity rules; `axis` is SQL over `terms` as ``t``, which has their names."""
    changes = {
        "points": ("c.nominal", "c.occurrences", "c.last_at", "c.nominal <> 0"),
        "decay": ("c.decayed - c.nominal", "c.occurrences", "c.last_at", "c.decayed <> c.nominal"),
        "cap": ("c.capped - c.decayed", "c.occurrences", "c.last_at", "c.capped <> c.decayed"),
    }
    return [
        f"SELECT c.person, {axis}, t.name, '{kind}', {micro}, {occurrences}, {last_at} "
        f"FROM {contributions} c JOIN {terms} t ON t.rule = c.rule WHERE {test}"
        for kind, (micro, occurrences, last_at, test) in changes.items()
    ]


def _engagement_lines(plan: Plan) -> list[str]:
    lines = rule_lines("'engagement'", "contributions", "rule_terms")
    groups = "group_sums g JOIN group_limits l ON l.grp = g.grp WHERE g.micro <> g.whole"
    taken = "CAST(g.micro - g.whole AS BIGINT)"
    lines.append(f"SELECT g.person, 'engagement', l.name, 'group_cap', {taken}, 0, {NEVER} FROM {groups}")
    if plan.idle_steps:
        lines.append("SELECT person, 'engagement', 'inactivity', 'inactivity', micro, 1, last_at FROM inactivity")
    return lines


def settling_lines(
    axis: str, table: str, raw: str, score: str, lowest: int = 0, highest: int = 100 * MICRO
) -> list[str]:
    """What makes a sum of points a score between two limits: floor, ceiling, rounding; `axis` is SQL."""
    within = f"{raw} BETWEEN {lowest} AND {highest}"
    kinds = {
        "floor": (f"{lowest} - {raw}", f"{raw} < {lowest}"),
        "ceiling": (f"{highest} - {raw}", f"{raw} > {highest}"),
        "rounding": (f"{score} * {MICRO} - {raw}", f"{within} AND {score} * {MICRO} <> {raw}"),
    }
    return [
        f"SELECT person, {axis}, '{kind}', '{kind}', {change}, 0, {NEVER} FROM {table} WHERE {test}"
        for kind, (change, test) in kinds.items()
    ]
