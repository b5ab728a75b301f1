"""Gates that something which happened closes: on which day the last event that is needed came."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scoring import sql

if TYPE_CHECKING:
    from config.model import Model
    from config.model_sections import Gate
    from scoring.events import Moment

TABLE = "gate_events"


def find_gate_events(con: Any, model: Model, moment: Moment) -> None:
    """Create `gate_events` (person, g<number> of each gate with activities), where the model has such gates.

    The column holds the day of the youngest event that makes them enough: with `at_least: 3` that of the last but two.
    So the gate is closed on every day on which that event is young enough.
    """
    gates = [(number, gate) for number, gate in enumerate(model.gates) if gate.activity]
    if not gates:
        return
    days = " UNION ALL ".join(_needed(number, gate, moment) for number, gate in gates)
    columns = ", ".join(f"MAX(CASE WHEN gate = {number} THEN day END) AS g{number}" for number, _ in gates)
    con.execute(f"CREATE OR REPLACE TEMP TABLE {TABLE} AS SELECT person, {columns} FROM ({days}) GROUP BY person")


def join(model: Model) -> str:
    """Joins `gate_events` (as ``ge``) to people (``p``), where the model asks for them."""
    asked = any(gate.activity for gate in model.gates)
    return f" LEFT JOIN {TABLE} ge ON ge.person = p.person" if asked else ""


def happened(number: int, gate: Gate, day: str) -> str:
    """SQL: whether enough events of gate `number` are young enough on `day`; never null."""
    column = f"ge.g{number}"
    if gate.within is None:
        return f"({column} IS NOT NULL)"
    return f"COALESCE({sql.days_between(column, day)} < {gate.within}, FALSE)"


def _needed(number: int, gate: Gate, moment: Moment) -> str:
    types = ", ".join(map(sql.text, gate.activity))
    events = (
        f"FROM activities a JOIN signatures s ON s.signature = a.signature "
        f"WHERE s.type IN ({types}) AND {moment.knows('a')}"
    )
    if gate.at_least == 1:
        return f"SELECT a.person, {number} AS gate, CAST(MAX(a.occurred_at) AS DATE) AS day {events} GROUP BY a.person"
    return f"""
        SELECT person, {number} AS gate, MAX(day) AS day
        FROM (SELECT person, day, SUM(times) OVER (PARTITION BY person ORDER BY day DESC) AS so_far
              FROM (SELECT a.person, CAST(a.occurred_at AS DATE) AS day, SUM(a.count) AS times {events}
                    GROUP BY a.person, CAST(a.occurred_at AS DATE)) d) w
        WHERE so_far >= {gate.at_least} GROUP BY person"""
