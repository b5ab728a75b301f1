"""Which events count for which rule: signatures matched once, days looked up.

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

from config.model_condition_checks import ACTIVITY_ATTRIBUTES, VISIT_FACTS
from scoring import sql
from scoring.conditions import Scope

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from scoring.plan import Plan, Term

HORIZON_DAYS: Final = 180
"""How far ahead the day of the next drop is looked for."""


@dataclass(frozen=True)
class Moment:
    """A day to score for, and the last instant whose events are known then (naive, UTC).

    With `seen_until` only events count that a pull had seen by then.
    """

    day: date
    until: datetime
    seen_until: datetime | None = None

    @classmethod
    def of(cls, as_of: datetime, seen_by: datetime | None = None) -> Moment:
        """The moment `as_of`; both are aware."""
        return cls(as_of.date(), as_of.replace(tzinfo=None), None if seen_by is None else seen_by.replace(tzinfo=None))

    def earlier(self, days: int) -> Moment:
        """The end of the UTC day so many days before: the same through all of today."""
        day = self.day - timedelta(days=days)
        return Moment(day, datetime.combine(day, time.max), self.seen_until)

    def knows(self, alias: str) -> str:
        """SQL: whether the activity ``alias`` counts: it has happened, and been seen where that matters."""
        happened = f"{alias}.occurred_at <= {sql.instant(self.until)}"
        if self.seen_until is None:
            return happened
        return f"{happened} AND COALESCE({alias}.seen_at <= {sql.instant(self.seen_until)}, TRUE)"

    def age(self, instant: str) -> str:
        """SQL: whole UTC days from a TIMESTAMP expression to this day."""
        return sql.days_between(f"CAST({instant} AS DATE)", sql.day(self.day))


def put(con: Any, name: str, rows: pa.Table) -> None:
    """Create the TEMP table `name` from Arrow rows: a table of known size, which the planner joins well."""
    con.register("incoming_rows", rows)
    con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM incoming_rows")
    con.unregister("incoming_rows")


def match_signatures(con: Any, plan: Plan, derived: Sequence[str] = ()) -> None:
    """Decide once per signature which rules it matches, and which blockers of stagnation.

    `derived` are SELECTs of (signature, rule) of the derived activities' signatures.

    Creates `rule_matches` (signature, rule), of these `rule_signatures` (signature, rule, per, spares, scanner, click,
    proxy),
    with a row for each term of the rules that are not shaped, and `blocker_signatures` (signature, rule). Needs
    `rule_terms`, and `signature_marks` of `scoring.machines`.
    """
    scope = Scope(plan.model, ACTIVITY_ATTRIBUTES, lambda name: fact_column(name, table="s"), "CURRENT_DATE")
    matches = [
        f"SELECT s.signature, {term.number} AS rule FROM signatures s "
        f"WHERE {of_types(term.rule.activity)}{signature_test(term, scope)}"
        for term in plan.firsts
        if term.rule.chain is None and term.mode != "rate"
    ]
    blockers = [
        f"SELECT s.signature, {term.number} AS rule FROM {source} s WHERE {of_types(term.rule.stagnates.without)}"
        for term in plan.terms
        if term.rule.stagnates is not None
        for source in ("signatures", *(["derived_signatures"] if plan.derives else ()))
    ]
    nothing = "SELECT s.signature, 0 AS rule FROM signatures s WHERE FALSE"
    con.execute(f"CREATE OR REPLACE TEMP TABLE rule_matches AS {' UNION ALL '.join([*matches, *derived] or [nothing])}")
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE rule_signatures AS
        SELECT m.signature, t.rule, t.per, t.spares, k.scanner, k.click, k.proxy
        FROM rule_matches m
        JOIN rule_terms t ON t.part_of = m.rule
        JOIN signature_marks k ON k.signature = m.signature
        WHERE NOT t.shaped
        """
    )
    con.execute(f"CREATE OR REPLACE TEMP TABLE blocker_signatures AS {' UNION ALL '.join(blockers or [nothing])}")


def of_types(types: Iterable[str]) -> str:
    """SQL: whether a signature ``s`` is of one of the types."""
    return f"s.type IN ({', '.join(map(sql.text, types))})"


def fact_column(name: str, *, table: str | None) -> exp.Expr:
    """What a rule may test, as a column of the relation `table`; null where that has no such fact."""
    if table is not None and name not in VISIT_FACTS:
        return exp.column(name, table=table)
    return exp.cast(exp.null(), {"number": "double", "boolean": "boolean"}.get(ACTIVITY_ATTRIBUTES[name], "varchar"))


def signature_test(term: Term, scope: Scope) -> str:
    """The part of a rule's condition that a signature decides; durations belong to the single event."""
    when = term.rule.when
    return "" if when is None else f" AND ({scope.sql(when, leaving_out='duration')})"


def duration_test(plan: Plan) -> str:
    """SQL: whether an event (``a``) of a rule (``rs``) lasted as the rule asks; empty when none asks.

    Of a chain the single pages are asked, not the whole.
    """
    tests = {term.number: lasting(plan, term) for term in plan.terms if term.rule.chain is None}
    cases = [f"WHEN {number} THEN {test}" for number, test in tests.items() if test]
    return f" AND CASE rs.rule {' '.join(cases)} ELSE TRUE END" if cases else ""


def lasting(plan: Plan, term: Term) -> str:
    """SQL: whether an event (``a``) lasted as the rule asks; empty when it does not ask."""
    if term.rule.when is None or "duration" not in term.rule.when.tests:
        return ""
    scope = Scope(plan.model, ACTIVITY_ATTRIBUTES, lambda _: exp.column("duration_s", table="a"), "CURRENT_DATE")
    return f"({scope.tests('duration', term.rule.when.tests['duration']).sql(dialect=sql.DIALECT)})"


def age_key(rule: str, age: str, span: int) -> str:
    """SQL: the key of `rule_ages` for a rule and an age."""
    return f"{rule} * {span} + LEAST({age}, {span - 1})"


def tabulate_ages(con: Any, plan: Plan, moment: Moment, oldest: datetime | None) -> int:
    """Create `rule_ages` (key, micro) and answer the span: the number of ages, the last of which stands for all older.

    The table reaches from today's events to the `oldest` one, and HORIZON_DAYS beyond; but not beyond the age
    from which on no worth changes any more, however old an event's date may be. An age at which nothing is left of the
    points has no row. `age_key` gives the key.
    """
    reach = 0 if oldest is None else (moment.day - oldest.date()).days
    span = min(max(0, reach) + HORIZON_DAYS, plan.settled_at) + 1
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
