"""Rules whose events have to be looked at together: counted by turns, folded, capped per visit or campaign, thawed.

Most rules take each event by itself. Those in `Plan.shaped` do not; their events go through here first and come out as
`shaped_events`, which the others' events are joined by. What is decided here never changes as time passes: the turn of
an event follows from the events before it, and which of several counts from their undecayed points.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from scoring import sql
from scoring.events import age_key, duration_test, put
from scoring.limits import NO_CAP
from scoring.outages import frozen_join
from scoring.restart import is_afresh, restart_join

if TYPE_CHECKING:
    from scoring.events import Moment
    from scoring.machines import MachineTest
    from scoring.plan import Plan, Term


def match_shaped(con: Any, plan: Plan) -> None:
    """Create `shaped_signatures`: which of the shaped rules a signature matches, and what these say of its events.

    Columns: signature, rule, per, restart and pack (widths), folds, grp, points, spares, ages, scanner, click, proxy,
    campaign and frost. Also `shaped_terms` (rule, term, first, last, main). Needs `rule_matches` and `frosts`.
    """
    rules = plan.model.engagement.rules
    width = plan.limits.width
    shaped = sorted(plan.shaped)
    folds = [plan.fold_of(rules[place]) for place in shaped]
    firsts = [plan.terms[place] for place in shaped]
    columns = {
        "rule": pa.array(shaped, pa.int32()),
        "per": pa.array([plan.limits.levels(rules[place])[0][0] for place in shaped], pa.int64()),
        "restart": pa.array([width(rules[place].count.per) for place in shaped], pa.int64()),
        "folds": pa.array([fold is not None for fold in folds], pa.bool_()),
        "pack": pa.array([width(fold) for fold in folds], pa.int64()),
        "grp": pa.array([term.group for term in firsts], pa.int32()),
        "spares": pa.array([term.spares_machines for term in firsts], pa.bool_()),
        "ages": pa.array([term.ages for term in firsts], pa.bool_()),
        "points": pa.array([float(term.points) for term in firsts], pa.float64()),
    }
    put(con, "shaped_rules", pa.table(columns))
    terms = [term for term in plan.terms if term.part_of in plan.shaped]
    columns = {
        "rule": pa.array([term.part_of for term in terms], pa.int32()),
        "term": pa.array([term.number for term in terms], pa.int32()),
        "first": pa.array([float(term.first) for term in terms], pa.float64()),
        "last": pa.array([float(term.last or NO_CAP) for term in terms], pa.float64()),
        "main": pa.array([term is _main(plan, term.part_of) for term in terms], pa.bool_()),
    }
    put(con, "shaped_terms", pa.table(columns))
    kinds = "SELECT signature, type, campaign FROM signatures"
    if plan.derives:
        kinds += " UNION ALL SELECT signature, type, CAST(NULL AS VARCHAR) FROM derived_signatures"
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE shaped_signatures AS
        SELECT m.signature, r.*, k.scanner, k.click, k.proxy, CASE WHEN r.ages THEN f.frost END AS frost,
               DENSE_RANK() OVER (ORDER BY COALESCE(LOWER(s.campaign), '')) AS campaign
        FROM rule_matches m
        JOIN shaped_rules r ON r.rule = m.rule
        JOIN signature_marks k ON k.signature = m.signature
        JOIN ({kinds}) s ON s.signature = m.signature
        LEFT JOIN frosts f ON f.type = s.type
        """
    )


def _main(plan: Plan, rule: int) -> Term:
    """The term of a rule with most points: events that are set aside are told with it."""
    return max((term for term in plan.terms if term.part_of == rule), key=lambda term: abs(term.points))


def shape_events(con: Any, plan: Plan, moment: Moment, machines: MachineTest, span: int, suffix: str = "") -> None:
    """Create `shaped_events`, the events of shaped rules as of `moment`, and `notes` of those that were treated so.

    Columns: person, rule (that is, term), bucket, n, set_aside, why, frozen, occurred_at, on_day (from which its age is
    counted); of `notes`: person, rule, kind, occurrences.
    """
    day = "CAST(a.occurred_at AS DATE)"
    visit = "a.visit" if plan.limits.by_visit else "0"
    per, restart, pack = (
        plan.limits.bucket(f"rs.{width}", day, visit, "rs.campaign") for width in ("per", "restart", "pack")
    )
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE shaped_deeds AS
        WITH deeds AS (
            SELECT a.person, rs.rule, rs.points, rs.folds, rs.grp, CAST(a.count AS DOUBLE) AS n, a.occurred_at,
                   {day} + COALESCE(fz.days, 0) AS on_day, COALESCE(fz.days, 0) > 0 AS frozen,
                   rs.spares AND {machines.verdict("rs")} AS set_aside, {machines.why("rs")} AS why,
                   {per} AS bucket, {restart} AS restart, {pack} AS pack
            FROM {plan.activities} a
            JOIN shaped_signatures rs ON rs.signature = a.signature
            {machines.join}
            {frozen_join(suffix, "rs.frost", day)}
            {restart_join(plan)}
            WHERE {moment.knows("a")}{duration_test(plan)}{is_afresh(plan, moment)}
        ), kept AS (
            SELECT *, CASE WHEN set_aside THEN 0 WHEN NOT folds THEN n
                           WHEN ROW_NUMBER() OVER (
                               PARTITION BY person, folds, grp, pack, set_aside
                               ORDER BY points DESC, rule, occurred_at DESC, bucket, restart, on_day) = 1 THEN 1
                           ELSE 0 END AS kept
            FROM deeds
        )
        SELECT *, SUM(kept) OVER (PARTITION BY person, rule, restart ORDER BY occurred_at, bucket, on_day
                                  ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS turn
        FROM kept
        """
    )
    # Several like events of one day may belong to several terms, and are shared out among them.
    share = "LEAST(d.turn, t.last) - GREATEST(d.turn - d.kept, t.first - 1)"
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE shaped_events{suffix} AS
        SELECT d.person, t.term AS rule, d.bucket, CASE WHEN d.set_aside THEN d.n ELSE {share} END AS n, d.set_aside,
               CASE WHEN d.set_aside THEN d.why END AS why, d.frozen, d.occurred_at, d.on_day
        FROM shaped_deeds d JOIN shaped_terms t ON t.rule = d.rule
        WHERE CASE WHEN d.set_aside THEN t.main ELSE d.kept > 0 AND {share} > 0 END
        """
    )
    age = sql.days_between("d.on_day", sql.day(moment.day))
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE notes{suffix} AS
        SELECT d.person, d.rule, 'folded' AS kind, SUM(d.n - d.kept) AS occurrences
        FROM shaped_deeds d JOIN shaped_terms t ON t.rule = d.rule
        JOIN rule_ages ra ON ra.key = {age_key("t.term", age, span)}
        WHERE d.folds AND NOT d.set_aside AND d.n > d.kept AND t.main
        GROUP BY d.person, d.rule
        UNION ALL
        SELECT d.person, t.part_of AS rule, 'frozen' AS kind, SUM(d.n) AS occurrences
        FROM shaped_events{suffix} d JOIN rule_terms t ON t.rule = d.rule
        JOIN rule_ages ra ON ra.key = {age_key("d.rule", age, span)}
        WHERE d.frozen AND NOT d.set_aside AND NOT t.repeats
        GROUP BY d.person, t.part_of
        """
    )
    con.execute("DROP TABLE shaped_deeds")


def shaped_sql(moment: Moment, span: int, suffix: str) -> str:
    """SELECT of the shaped events as `scoring.engagement.events_sql` gives those of all other rules."""
    age = sql.days_between("e.on_day", sql.day(moment.day))
    return f"""
        SELECT e.person, e.rule, e.bucket, e.n, ra.micro, e.set_aside, e.occurred_at, e.on_day
        FROM shaped_events{suffix} e JOIN rule_ages ra ON ra.key = {age_key("e.rule", age, span)}"""


def note_lines(axis: str, notes: str, terms: str) -> str:
    """SELECT of ledger lines that say what was folded and what did not age; `axis` is SQL over `terms` as ``t``."""
    return (
        f"SELECT n.person, {axis}, t.name, n.kind, 0, n.occurrences, CAST(NULL AS TIMESTAMP) "
        f"FROM {notes} n JOIN {terms} t ON t.rule = n.rule"
    )
