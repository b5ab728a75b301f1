"""A fresh start: what somebody did before the day that a field of the CRM names gives no points any more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from scoring import sql
from scoring.fit import attribute_column

if TYPE_CHECKING:
    from scoring.events import Moment
    from scoring.plan import Plan

NAME: Final = "Fresh start"
"""What the ledger calls it."""


def note_restarts(con: Any, plan: Plan, moment: Moment) -> None:
    """Create `restarts` (person, on_day): those who began anew by `moment`, where the model asks for it."""
    attribute = plan.model.engagement.restart
    if attribute is None:
        return
    day = f"CAST({attribute_column(attribute).sql(dialect=sql.DIALECT)} AS DATE)"
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE restarts AS
        SELECT p.person, {day} AS on_day FROM people p WHERE {day} <= {sql.day(moment.until.date())}
        """
    )


def restart_join(plan: Plan) -> str:
    """Joins `restarts` (as ``fs``) to activities (``a``), where the model asks for it."""
    return "LEFT JOIN restarts fs ON fs.person = a.person" if plan.model.engagement.restart is not None else ""


def is_afresh(plan: Plan, moment: Moment) -> str:
    """SQL: a condition to add to others, that an activity is none of those before a fresh start made by `moment`."""
    if plan.model.engagement.restart is None:
        return ""
    begun = f"fs.on_day <= {sql.day(moment.until.date())}"
    return f" AND NOT COALESCE({begun} AND CAST(a.occurred_at AS DATE) < fs.on_day, FALSE)"


def restart_line() -> str:
    """SELECT of the line of the ledger: since when they count anew."""
    return f"SELECT person, 'engagement', '{NAME}', 'restart', 0, 0, CAST(on_day AS TIMESTAMP) FROM restarts"
