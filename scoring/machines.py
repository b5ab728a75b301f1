"""Machines told apart from people: scanners that open and click everything.

Verdicts are made anew at every run, from all that is known by then.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from config.model import SCANNERS
from scoring import sql
from scoring.events import of_types
from scoring.facts import DONE_TO_THEM

if TYPE_CHECKING:
    from config.model import Model
    from scoring.events import Moment
    from scoring.plan import Plan

FAST_S: Final = 2
"""An answer within so many seconds of sending is a sign of a machine."""

BURST_LINKS: Final = 3
"""So many distinct links clicked by one person within BURST_S before or after a click are a sign of a machine."""

BURST_S: Final = 2


def mark_signatures(con: Any, plan: Plan) -> None:
    """Create `signature_marks` (signature, scanner, click) and, of the life signs among them, `living_signatures`."""
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE signature_marks AS
        SELECT s.signature, {_scanner(plan.model)} AS scanner, s.type = 'email_click' AS click,
               NOT {of_types(sorted(DONE_TO_THEM))} AS living
        FROM signatures s
        """
    )
    con.execute(
        "CREATE OR REPLACE TEMP TABLE living_signatures AS "
        "SELECT signature, scanner, click FROM signature_marks WHERE living"
    )


def _scanner(model: Model) -> str:
    agents = [agent.lower() for agent in model.list_values(SCANNERS)]
    tests = " OR ".join(f"STRPOS(LOWER(s.user_agent), {sql.text(agent)}) > 0" for agent in agents)
    return f"COALESCE({tests}, FALSE)" if tests else "FALSE"


def find_bursts(con: Any, plan: Plan, moment: Moment) -> bool:
    """Create `machine_bursts` (person, occurred_at): clicks amid many others. Answers whether there are any.

    Two signs make a machine, so only clicks that show another one are looked at.
    """
    until = sql.instant(moment.until)
    slot = "DATE_DIFF('second', TIMESTAMP '1970-01-01', a.occurred_at) // " + str(BURST_S + 1)
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE machine_bursts AS
        WITH suspects AS (
            SELECT DISTINCT a.person, a.occurred_at, {slot} AS slot
            FROM activities a JOIN living_signatures ls ON ls.signature = a.signature
            WHERE {plan.asks_for_machines} AND ls.click AND (ls.scanner OR a.since_send_s <= {FAST_S})
              AND a.occurred_at <= {until}
        ), around AS (
            SELECT person, occurred_at, slot + shift AS slot FROM suspects, (VALUES (-1), (0), (1)) v (shift)
        ), clicks AS (
            SELECT a.person, a.occurred_at, {slot} AS slot, s.url
            FROM activities a JOIN signatures s ON s.signature = a.signature
            WHERE s.type = 'email_click' AND a.occurred_at <= {until}
        )
        SELECT q.person, q.occurred_at
        FROM around q JOIN clicks c ON c.person = q.person AND c.slot = q.slot
        WHERE c.occurred_at BETWEEN q.occurred_at - INTERVAL '{BURST_S}' SECOND
                                AND q.occurred_at + INTERVAL '{BURST_S}' SECOND
        GROUP BY q.person, q.occurred_at
        HAVING COUNT(DISTINCT c.url) >= {BURST_LINKS}
        """
    )
    return bool(con.execute("SELECT COUNT(*) FROM machine_bursts").fetchall()[0][0])


@dataclass(frozen=True)
class MachineTest:
    """SQL that tells events of machines: the verdict, and the join that it needs.

    `verdict` speaks of the activity ``a`` and of its signature's marks under `alias`.
    """

    has_bursts: bool

    @property
    def join(self) -> str:
        """Joins bursts to the activity ``a``, where there are any."""
        if not self.has_bursts:
            return ""
        return "LEFT JOIN machine_bursts mb ON mb.person = a.person AND mb.occurred_at = a.occurred_at"

    def verdict(self, alias: str) -> str:
        """True for an event that the CRM flags, or that shows two of three signs."""
        fast = f"COALESCE(a.since_send_s <= {FAST_S}, FALSE)"
        flagged = "COALESCE(a.flagged_machine, FALSE)"
        both = f"{flagged} OR ({fast} AND {alias}.scanner)"
        if not self.has_bursts:
            return f"({both})"
        return f"({both} OR (({fast} OR {alias}.scanner) AND {alias}.click AND mb.person IS NOT NULL))"
