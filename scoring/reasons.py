"""Reasons: the three rules that moved a person's scores most, as text for a CRM field of 255 characters.

``Demo form +50 · Decision maker +25 · Unsubscribed -50``: whole points after decay and caps, largest first, fit
before engagement and the model's order among equals; rules that come to less than half a point are left out.

Each contribution is packed into one whole number (points, then place, then sign), so that the largest are found by
comparing numbers: three columns among the many of fit, a window over the few rows of engagement.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from config.model_values import MICRO
from scoring.events import put

if TYPE_CHECKING:
    from scoring.plan import Plan

TOP: Final = 3
INACTIVITY_NAME: Final = "Inactivity"


def create_reasons(con: Any, plan: Plan) -> None:
    """Create `reasons` (person, reasons) from `fit_outcomes`, `contributions` and `inactivity`."""
    names = [trait.criterion.name for trait in plan.model.fit.traits]
    first_rule = len(names)
    names += [term.rule.name for term in plan.terms]
    idle = len(names)
    names.append(INACTIVITY_NAME)
    put(con, "reason_names", pa.table({"place": pa.array(range(len(names)), pa.int64()), "name": pa.array(names)}))
    engaged = f"""
        SELECT person, {_packed("capped", f"{first_rule} + rule", len(names))} AS packed FROM contributions
        UNION ALL
        SELECT person, {_packed("micro", str(idle), len(names))} FROM inactivity"""
    size = 2 * len(names)
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE reasons AS
        WITH candidates AS ({_fit_candidates(first_rule, len(names))} {engaged}),
        ranked AS (
            SELECT person, packed,
                   ROW_NUMBER() OVER (PARTITION BY person ORDER BY packed DESC) AS place_in_row
            FROM candidates WHERE packed > 0
        ),
        worded AS (
            SELECT r.person, r.place_in_row,
                   n.name || CASE WHEN r.packed % 2 = 1 THEN ' +' ELSE ' -' END
                          || CAST(r.packed // {size} AS VARCHAR) AS words
            FROM ranked r JOIN reason_names n ON n.place = {len(names) - 1} - (r.packed % {size}) // 2
            WHERE r.place_in_row <= {TOP}
        )
        SELECT person,
               MAX(CASE WHEN place_in_row = 1 THEN words END)
               || COALESCE(' · ' || MAX(CASE WHEN place_in_row = 2 THEN words END), '')
               || COALESCE(' · ' || MAX(CASE WHEN place_in_row = 3 THEN words END), '') AS reasons
        FROM worded GROUP BY person
        """
    )


def _packed(micro: str, place: str, count: int) -> str:
    """SQL: whole points, place among `count` names and sign as one number; 0 for less than half a point."""
    points = f"((ABS({micro}) + {MICRO // 2}) // {MICRO})"
    sign = f"CASE WHEN {micro} > 0 THEN 1 ELSE 0 END"
    return (
        f"CASE WHEN ABS(COALESCE({micro}, 0)) < {MICRO // 2} THEN 0 "
        f"ELSE ({points} * {count} + ({count - 1} - ({place}))) * 2 + {sign} END"
    )


def _fit_candidates(criteria: int, count: int) -> str:
    """SELECT of each person's three largest fit contributions, then UNION ALL; empty when there are no criteria."""
    if criteria == 0:
        return ""
    packed = ", ".join(f"{_packed(f'o{number}', str(number), count)} AS p{number}" for number in range(criteria))
    columns = [f"p{number}" for number in range(criteria)]
    second = [f"CASE WHEN {column} >= f1 THEN 0 ELSE {column} END" for column in columns]
    third = [f"CASE WHEN {column} >= f2 THEN 0 ELSE {column} END" for column in columns]
    return f"""
        SELECT person, UNNEST([f1, f2, f3]) AS packed
        FROM (SELECT person, f1, f2, {_greatest(third)} AS f3
              FROM (SELECT *, {_greatest(second)} AS f2
                    FROM (SELECT *, {_greatest(columns)} AS f1
                          FROM (SELECT person, {packed} FROM fit_outcomes))))
        UNION ALL"""


def _greatest(columns: list[str]) -> str:
    return f"GREATEST({', '.join(columns)})" if len(columns) > 1 else columns[0]
