"""Reasons: the three rules that moved a person's scores most, as text for a CRM field of 255 characters.

``Demo form +50 · Decision maker +25 · Unsubscribed -50``: whole points after decay and caps, largest first, fit
before engagement and the model's order among equals; rules that come to less than half a point are left out.

Each contribution is packed into one whole number (points, then place, then sign), so that the largest are found by
comparing numbers: three columns among the many of fit, three of the few rows of engagement, and the two merged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from config.model_values import MICRO
from scoring import sql
from scoring.adjust import NAME
from scoring.events import put

if TYPE_CHECKING:
    from config.model_fit import Trait
    from scoring.plan import Plan

TOP: Final = 3
INACTIVITY_NAME: Final = "Inactivity"


def name_reasons(con: Any, plan: Plan) -> None:
    """Create `reason_names` (mark, words): what may be a reason, with the sign of its points, by `_mark`."""
    names = _names_of(plan)
    marks = {
        _mark(place, sign, len(names)): f"{name} {'-+'[sign]}" for place, name in enumerate(names) for sign in (0, 1)
    }
    put(con, "reason_names", pa.table({"mark": pa.array([*marks], pa.int64()), "words": pa.array([*marks.values()])}))


def reasoned_sql(plan: Plan) -> str:
    """SELECT of `standings` with the `reasons` of each person, null for none; `contributions` and the like are read.

    For a hand-off packet also `two` and `one`: only so many reasons.
    """
    count = len(_names_of(plan))
    first_rule = len(plan.model.fit.traits)
    idle = first_rule + len(plan.model.engagement.rules)
    packed = [f"SELECT person, {_packed('capped', f'{first_rule} + rule', count)} AS packed FROM contributions"]
    if plan.idle_steps:
        packed.append(f"SELECT person, {_packed('micro', str(idle), count)} FROM inactivity")
    if plan.model.engagement.adjust is not None:
        packed.append(f"SELECT person, {_packed('micro', str(idle + 1), count)} FROM adjusted")
    columns = f"{_first(TOP, count)} AS reasons"
    if plan.model.hand_off is not None:
        columns += f", {_first(2, count)} AS two, {_first(1, count)} AS one"
    return f"""
        WITH engaged AS (
            SELECT person, {sql.largest("packed", TOP)} AS top
            FROM ({" UNION ALL ".join(packed)})
            GROUP BY person
        ), sides AS (
            SELECT f.*, COALESCE(top[1], 0) AS e1, COALESCE(top[2], 0) AS e2, COALESCE(top[3], 0) AS e3
            FROM standings f LEFT JOIN engaged e ON e.person = f.person
        ), tops AS (
            SELECT *, NULLIF(GREATEST(f1, e1), 0) AS t1, NULLIF(GREATEST(f2, e2, LEAST(f1, e1)), 0) AS t2,
                   NULLIF(GREATEST(f3, e3, LEAST(f1, e2), LEAST(f2, e1)), 0) AS t3
            FROM sides
        )
        SELECT t.*, {columns}
        FROM tops t {" ".join(_names(rank, count) for rank in (1, 2, 3))}"""


def _names_of(plan: Plan) -> list[str]:
    names = [trait.criterion.name for trait in plan.model.fit.traits]
    names += [rule.name for rule in plan.model.engagement.rules]
    names.append(INACTIVITY_NAME)
    return [*names, NAME] if plan.model.engagement.adjust is not None else names


def _first(ranks: int, count: int) -> str:
    """SQL: the contributions of the first so many ranks in one text."""
    first, *others = (f"n{rank}.words || CAST(t.t{rank} // {2 * count} AS VARCHAR)" for rank in range(1, ranks + 1))
    return " || ".join([first, *(f"COALESCE(' · ' || {words}, '')" for words in others)])


def _names(rank: int, count: int) -> str:
    return f"LEFT JOIN reason_names n{rank} ON n{rank}.mark = t.t{rank} % {2 * count}"


def _mark(place: int, sign: int, count: int) -> int:
    """What is left of a packed contribution without its points: its place among `count` names, and its sign."""
    return (count - 1 - place) * 2 + sign


def _packed(points_sql: str, place: str, count: int) -> str:
    """SQL: whole points, place among `count` names and sign as one number; 0 for less than half a point."""
    points = f"((ABS({points_sql}) + {MICRO // 2}) // {MICRO})"
    sign = f"CASE WHEN {points_sql} > 0 THEN 1 ELSE 0 END"
    return (
        f"CASE WHEN ABS(COALESCE({points_sql}, 0)) < {MICRO // 2} THEN 0 "
        f"ELSE ({points} * {count} + ({count - 1} - ({place}))) * 2 + {sign} END"
    )


def fit_tops_sql(plan: Plan, outcomes: str) -> str:
    """SELECT of `outcomes` with f1, f2 and f3: a person's three largest contributions to fit, packed; 0 for none."""
    traits = plan.model.fit.traits
    columns = [f"p{number}" for number in range(len(traits))]
    if not columns:
        return f"SELECT *, 0 AS f1, 0 AS f2, 0 AS f3 FROM ({outcomes})"
    count = len(_names_of(plan))
    packed = ", ".join(f"{_packed_outcome(trait, number, count)} AS p{number}" for number, trait in enumerate(traits))
    second = [f"CASE WHEN {column} >= f1 THEN 0 ELSE {column} END" for column in columns]
    third = [f"CASE WHEN {column} >= f2 THEN 0 ELSE {column} END" for column in columns]
    return f"""
        SELECT *, {_greatest(third)} AS f3
        FROM (SELECT *, {_greatest(second)} AS f2
              FROM (SELECT *, {_greatest(columns)} AS f1
                    FROM (SELECT *, {packed} FROM ({outcomes}))))"""


def _packed_outcome(trait: Trait, place: int, count: int) -> str:
    """SQL: as `_packed`, of a criterion: its few outcomes are packed here and looked up."""
    cases = []
    for outcome in sorted(set(trait.outcomes)):
        points = (abs(outcome) + MICRO // 2) // MICRO
        if points:
            packed = points * count * 2 + _mark(place, outcome > 0, count)
            cases.append(f"WHEN {outcome} THEN {packed}")
    return f"CASE o{place} {' '.join(cases)} ELSE 0 END" if cases else "0"


def _greatest(columns: list[str]) -> str:
    return f"GREATEST({', '.join(columns)})" if len(columns) > 1 else columns[0]
