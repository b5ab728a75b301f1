"""Which events count for which rule: signatures matched once, machines told apart, days looked up.

The star form: rules are matched against the few distinct signatures (`rule_signatures`), and what an event is worth
at each age is a table (`rule_ages`) keyed by one small integer, so that the many events meet two cheap joins. The
age table is also the window: an event whose age has no row does not count.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
from sqlglot import exp

from config.model import SCANNERS
from config.model_condition_checks import ACTIVITY_ATTRIBUTES
from scoring import sql
from scoring.conditions import Scope
from scoring.facts import DONE_TO_THEM

if TYPE_CHECKING:
    from collections.abc import Iterable

    from config.model import Model
    from scoring.plan import Plan, Term

HORIZON_DAYS: Final = 180
"""How far ahead the day of the next drop is looked for."""

FAST_S: Final = 2
"""An answer within so many seconds of sending is a sign of a machine."""

BURST_LINKS: Final = 3
"""So many distinct links clicked by one person within BURST_S before or after a click are a sign of a machine."""

BURST_S: Final = 2


@dataclass(frozen=True)
class Moment:
    """A day to score for, and the last instant whose events are known then (naive, UTC)."""

    day: date
    until: datetime

    @classmethod
    def of(cls, as_of: datetime) -> Moment:
        """The moment `as_of`, which is aware."""
        return cls(as_of.date(), as_of.replace(tzinfo=None))

    def earlier(self, days: int) -> Moment:
        """The end of the UTC day so many days before: the same through all of today."""
        day = self.day - timedelta(days=days)
        return Moment(day, datetime.combine(day, time.max))

    def age(self, instant: str) -> str:
        """SQL: whole UTC days from a TIMESTAMP expression to this day."""
        return sql.days_between(f"CAST({instant} AS DATE)", sql.day(self.day))


def put(con: Any, name: str, rows: pa.Table) -> None:
    """Create the TEMP table `name` from Arrow rows: a table of known size, which the planner joins well."""
    con.register("incoming_rows", rows)
    con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM incoming_rows")
    con.unregister("incoming_rows")


def match_signatures(con: Any, plan: Plan) -> None:
    """Decide once per signature which rules it matches, which blockers of stagnation, and whether it is a life sign.

    Creates `rule_signatures` (signature, rule, per, spares, scanner, click), `blocker_signatures` (signature, rule)
    and `living_signatures` (signature, scanner, click). Needs `rule_terms`.
    """
    scope = Scope(plan.model, ACTIVITY_ATTRIBUTES, lambda name: exp.column(name, table="s"), "CURRENT_DATE")
    matches = [
        f"SELECT s.signature, {term.number} AS rule FROM signatures s "
        f"WHERE {_types(term.rule.activity)}{_signature_test(term, scope)}"
        for term in plan.terms
    ]
    blockers = [
        f"SELECT s.signature, {term.number} AS rule FROM signatures s WHERE {_types(term.rule.stagnates.without)}"
        for term in plan.terms
        if term.rule.stagnates is not None
    ]
    nothing = "SELECT s.signature, 0 AS rule FROM signatures s WHERE FALSE"
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE signature_marks AS
        SELECT s.signature, {_scanner(plan.model)} AS scanner, s.type = 'email_click' AS click,
               NOT {_types(sorted(DONE_TO_THEM))} AS living
        FROM signatures s
        """
    )
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE rule_signatures AS
        SELECT m.signature, m.rule, t.per, t.spares, k.scanner, k.click
        FROM ({" UNION ALL ".join(matches or [nothing])}) m
        JOIN rule_terms t ON t.rule = m.rule
        JOIN signature_marks k ON k.signature = m.signature
        """
    )
    con.execute(f"CREATE OR REPLACE TEMP TABLE blocker_signatures AS {' UNION ALL '.join(blockers or [nothing])}")
    con.execute(
        "CREATE OR REPLACE TEMP TABLE living_signatures AS "
        "SELECT signature, scanner, click FROM signature_marks WHERE living"
    )


def _types(types: Iterable[str]) -> str:
    return f"s.type IN ({', '.join(map(sql.text, types))})"


def _scanner(model: Model) -> str:
    agents = [agent.lower() for agent in model.list_values(SCANNERS)]
    tests = " OR ".join(f"STRPOS(LOWER(s.user_agent), {sql.text(agent)}) > 0" for agent in agents)
    return f"COALESCE({tests}, FALSE)" if tests else "FALSE"


def _signature_test(term: Term, scope: Scope) -> str:
    """The part of a rule's condition that a signature decides; durations belong to the single event."""
    when = term.rule.when
    return "" if when is None else f" AND ({scope.sql(when, leaving_out='duration')})"


def duration_test(plan: Plan) -> str:
    """SQL: whether an event (``a``) of a rule (``rs``) lasted as the rule asks; empty when none asks."""
    scope = Scope(plan.model, ACTIVITY_ATTRIBUTES, lambda _: exp.column("duration_s", table="a"), "CURRENT_DATE")
    cases = [
        f"WHEN {term.number} THEN {scope.tests('duration', term.rule.when.tests['duration']).sql(dialect=sql.DIALECT)}"
        for term in plan.terms
        if term.rule.when is not None and "duration" in term.rule.when.tests
    ]
    return f" AND CASE rs.rule {' '.join(cases)} ELSE TRUE END" if cases else ""


def age_key(rule: str, age: str, span: int) -> str:
    """SQL: the key of `rule_ages` for a rule and an age."""
    return f"{rule} * {span} + LEAST({age}, {span - 1})"


def tabulate_ages(con: Any, plan: Plan, moment: Moment) -> int:
    """Create `rule_ages` (key, micro) and answer the span: the number of ages, the last of which stands for all older.

    The table reaches from today's events to the oldest event there is, and HORIZON_DAYS beyond; but not beyond the age
    from which on no worth changes any more, however old an event's date may be. An age at which nothing is left of the
    points has no row. `age_key` gives the key.
    """
    oldest = con.execute(f"SELECT {moment.age('MIN(occurred_at)')} FROM activities").fetchall()[0][0]
    span = min(max(0, oldest or 0) + HORIZON_DAYS, plan.settled_at) + 1
    keys: list[int] = []
    micro: list[float] = []
    for term in plan.terms:
        for age in range(span if term.window is None else min(span, term.window)):
            worth = term.worth(age)
            if worth == 0:
                break  # no decay ever rises again
            keys.append(term.number * span + age)
            micro.append(float(worth))
    # DOUBLE holds whole numbers exactly up to 2**53 and is summed faster than BIGINT.
    put(con, "rule_ages", pa.table({"key": pa.array(keys, pa.int32()), "micro": pa.array(micro, pa.float64())}))
    return span


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
