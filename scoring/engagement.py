"""Engagement: what they do, added up per person and rule, capped, and made a score.

The same steps serve every moment asked for: now, the day the trend compares with, and days to come. Only where the
events come from differs (`now_sums`, `future_sums`). Order of the steps: points of each event at its age; the
rule's count; its cap; the group's limits; inactivity; points by hand; floor 0, ceiling 100, rounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from scoring import sql
from scoring.adjust import adjusted_sql
from scoring.counting import shaped_sql
from scoring.events import age_key, duration_test, put
from scoring.limits import capped, capped_windows_sql, group_sums_sql
from scoring.outages import silent_day
from scoring.rates import rates_sql
from scoring.restart import is_afresh, restart_join

if TYPE_CHECKING:
    from scoring.events import Moment
    from scoring.machines import MachineTest
    from scoring.plan import Plan


@dataclass(frozen=True)
class Tally:
    """Where a tally stands: the suffix of its tables, the columns that name a row, and the SQL of its days.

    A tally is for one day, or for the worst that any day from `early` to `day` can bring: then what falls with time
    is taken on `day` and what rises on `early`, and the score is a lower bound, exact when both are one day.
    Both are templates: ``{alias}`` is the relation that holds the columns.

    Tables: `contributions` (keys, rule, nominal, decayed, capped, occurrences, set_aside, last_at) and `group_sums`
    (keys, grp, whole, micro: a group's points before and after its limits), where it `tells` how a score comes about;
    `inactivity` (keys, micro, last_at) and `adjusted` (keys, micro, on_day), where the model asks for them;
    `engagement` (keys, raw, score); each with the suffix.
    """

    suffix: str
    keys: tuple[str, ...]
    day: str
    early: str
    tells: bool = True

    def table(self, name: str) -> str:
        """The name of one of its tables."""
        return name + self.suffix

    def columns(self, alias: str = "") -> str:
        """The key columns, as a list for SELECT or GROUP BY."""
        return ", ".join(f"{alias}.{key}" if alias else key for key in self.keys)

    def joined(self, left: str, right: str) -> str:
        """The condition that joins two relations by the keys."""
        return " AND ".join(f"{left}.{key} = {right}.{key}" for key in self.keys)


def tabulate_terms(con: Any, plan: Plan) -> None:
    """Create `rule_terms` and `group_limits`: what the model says of each rule and group, in micro-points."""
    terms, limits = plan.terms, plan.limits
    narrowest = [limits.levels(term.rule)[0] for term in terms]
    columns = {
        "rule": pa.array([term.number for term in terms], pa.int32()),
        "part_of": pa.array([term.part_of for term in terms], pa.int32()),
        "shaped": pa.array([term.part_of in plan.shaped for term in terms], pa.bool_()),
        "repeats": pa.array([term.repeats for term in terms], pa.bool_()),
        "name": pa.array([term.rule.name for term in terms], pa.string()),
        "mode": pa.array([term.mode for term in terms], pa.string()),
        "needed": pa.array([term.needed for term in terms], pa.int32()),
        "points": pa.array([float(term.points) for term in terms], pa.float64()),
        "cap": pa.array([float(cap) for _, cap in narrowest], pa.float64()),
        "per": pa.array([width for width, _ in narrowest], pa.int64() if limits.by_visit else pa.int32()),
        "spares": pa.array([term.spares_machines for term in terms], pa.bool_()),
        "grp": pa.array([limits.place_of(term.group) for term in terms], pa.int32()),
        "over": pa.array([term.window for term in terms], pa.int32()),
        "last_worth": pa.array([float(term.last_worth) for term in terms], pa.float64()),
    }
    put(con, "rule_terms", pa.table(columns))
    put(con, "group_limits", limits.group_limits())
    if limits.depth > 1:
        put(con, "wider_levels", limits.wider_levels())
    if limits.group_depth:
        put(con, "group_windows", limits.group_windows())


def note_lives(con: Any, plan: Plan, moment: Moment, machines: MachineTest, suffix: str = "") -> None:
    """Create `life_signs` (person, last_at) and `blockers` (person, rule, last_day), as known at `moment`.

    A life sign is an activity of their own, not done to them and not a machine's. Blockers are the next steps that
    keep a stagnation rule from applying.
    """
    asks, verdict = bool(plan.idle_steps), machines.verdict("ls")
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE life_signs{suffix} AS
        SELECT a.person, MAX(a.occurred_at) AS last_at
        FROM activities a JOIN living_signatures ls ON ls.signature = a.signature {machines.join}
        WHERE {f"{moment.knows('a')} AND NOT {verdict}" if asks else "FALSE"}
        GROUP BY a.person
        """
    )
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE blockers{suffix} AS
        SELECT a.person, bs.rule, CAST(MAX(a.occurred_at) AS DATE) AS last_day
        FROM {plan.activities} a JOIN blocker_signatures bs ON bs.signature = a.signature {restart_join(plan)}
        WHERE {moment.knows("a")}{is_afresh(plan, moment)}
        GROUP BY a.person, bs.rule
        """
    )


def events_sql(plan: Plan, moment: Moment, machines: MachineTest, span: int, suffix: str = "") -> str:
    """SELECT of (person, rule, bucket, n, micro, set_aside, occurred_at, on_day): every event that a term counts.

    `on_day` is the day from which its age is counted; `suffix` that of the shaped events.
    """
    aside = f"rs.spares AND {machines.verdict('rs')}" if plan.spares else "FALSE"
    join = machines.join if plan.spares else ""
    day = "CAST(a.occurred_at AS DATE)"
    bucket = plan.limits.bucket("rs.per", day) if plan.limits.has_windows else "0"
    plain = f"""
        SELECT a.person, rs.rule, {bucket} AS bucket,
               CAST(a.count AS DOUBLE) AS n, ra.micro, {aside} AS set_aside, a.occurred_at, {day} AS on_day
        FROM {plan.activities} a
        JOIN rule_signatures rs ON rs.signature = a.signature
        JOIN rule_ages ra ON ra.key = {age_key("rs.rule", moment.age("a.occurred_at"), span)}
        {join} {restart_join(plan)}
        WHERE {moment.knows("a")}{duration_test(plan)}{is_afresh(plan, moment)}"""
    return f"{plain} UNION ALL {shaped_sql(moment, span, suffix)}" if plan.shaped else plain


def now_sums(plan: Plan, moment: Moment, machines: MachineTest, span: int, suffix: str = "") -> str:
    """SELECT of sums per person, rule and bucket, from the events themselves."""
    events = events_sql(plan, moment, machines, span, suffix)
    bucket = "bucket" if plan.limits.has_windows else "0 AS bucket"

    def kept(value: str, instead: str = "NULL") -> str:
        return f"CASE WHEN set_aside THEN {instead} ELSE {value} END" if plan.spares else value

    return f"""
        SELECT person, rule, {bucket}, SUM({kept("n * micro", "0")}) AS micro, SUM({kept("n", "0")}) AS n,
               {"SUM(CASE WHEN set_aside THEN n ELSE 0 END)" if plan.spares else "CAST(0 AS DOUBLE)"} AS set_aside,
               {plan.extremes("rule", kept("micro"))}, MAX({kept("occurred_at")}) AS last_at
        FROM ({events}) GROUP BY person, rule{", bucket" if plan.limits.has_windows else ""}"""


def tally(con: Any, plan: Plan, at: Tally, sums: str, *, lives: str = "") -> None:
    """Create the tables of `at` from `sums` (keys, rule, bucket, micro, n, set_aside, lowest, highest, last_at).

    `lives` is the suffix of the `life_signs` and `blockers` that apply.
    """
    keys = at.columns()
    counted = _counted(plan, at, sums, lives)
    if plan.has_rates:
        counted += f" UNION ALL {rates_sql(at, lives)}"
    limited = group_sums_sql(plan.limits, at.keys, _contributions(con, plan, at, counted))
    if at.tells or plan.idle_floor is not None:
        con.execute(f"CREATE OR REPLACE TEMP TABLE {at.table('group_sums')} AS {limited}")
        limited = f"SELECT * FROM {at.table('group_sums')}"
    parts = [f"SELECT {keys}, micro FROM ({limited})"]
    if plan.idle_steps:
        con.execute(f"CREATE OR REPLACE TEMP TABLE {at.table('inactivity')} AS {_inactivity(plan, at, lives)}")
        parts.append(f"SELECT {keys}, micro FROM {at.table('inactivity')}")
    if plan.lowest_score > 0:  # where everybody has some points, those who did nothing have them too
        parts.append(f"SELECT {keys}, 0 AS micro FROM {'people' if at.keys == ('person',) else 'asked'}")
    adjust = plan.model.engagement.adjust
    if adjust is not None:
        con.execute(f"CREATE OR REPLACE TEMP TABLE {at.table('adjusted')} AS {adjusted_sql(adjust, at, lives)}")
        parts.append(f"SELECT {keys}, micro FROM {at.table('adjusted')}")
    score = sql.whole_points(sql.clamped("raw", plan.lowest_score, plan.highest_score))
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE {at.table("engagement")} AS
        SELECT {keys}, raw, {score} AS score
        FROM (SELECT {keys}, CAST(SUM(micro) AS BIGINT) AS raw FROM ({" UNION ALL ".join(parts)}) GROUP BY {keys})
        """
    )


def _contributions(con: Any, plan: Plan, at: Tally, counted: str) -> str:
    """A relation (keys, rule, bucket, capped), all caps of rules applied; creates `contributions` where `at` tells."""
    keys, table = at.columns(), at.table("contributions")
    simple = not plan.limits.has_windows and not plan.has_parts
    if at.tells:
        counted = f"SELECT * FROM ({counted}) WHERE nominal <> 0 OR set_aside > 0"
    if simple:
        rows = f"(SELECT *, {capped('decayed', 'cap')} AS capped FROM ({counted}))"
    else:
        rows = f"({capped_windows_sql(plan.limits, at.keys, counted, has_parts=plan.has_parts)})"
    if not at.tells:
        return rows
    if plan.limits.group_depth:
        windows = at.table("capped_windows")
        con.execute(f"CREATE OR REPLACE TEMP TABLE {windows} AS FROM {rows}")
        rows = windows
    told = ("nominal", "decayed", "capped", "n", "set_aside")
    sums = {name: f"CAST({name if simple else f'SUM({name})'} AS BIGINT)" for name in told}
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE {table} AS
        SELECT {keys}, rule, {sums["nominal"]} AS nominal, {sums["decayed"]} AS decayed, {sums["capped"]} AS capped,
               {sums["n"]} AS occurrences, {sums["set_aside"]} AS set_aside,
               {"last_at" if simple else "MAX(last_at) AS last_at"}
        FROM {rows} c {"" if simple else f"GROUP BY {keys}, rule"}
        """
    )
    return rows if plan.limits.group_depth else table


def _counted(plan: Plan, at: Tally, sums: str, lives: str) -> str:
    """SELECT of what the rules' ways of counting make of the sums: nominal and decayed micro-points."""
    day, early = at.day.format(alias="q"), at.early.format(alias="q")
    blocked = "b.person IS NOT NULL" if plan.stagnates else "FALSE"
    # A penalty is feared on the day on which its blocker is oldest, a gift hoped for while it is youngest.
    stepped = sql.days_between("b.last_day", f"CASE WHEN t.points < 0 THEN {day} ELSE {early} END")
    join = (
        f"LEFT JOIN blockers{lives} b ON b.person = q.person AND b.rule = q.rule AND {stepped} < t.over"
        if plan.stagnates
        else ""
    )
    # The oldest event is worth least; where all are worth the same for ever, nobody has asked.
    least = "COALESCE(CASE WHEN t.points > 0 THEN q.lowest ELSE q.highest END, t.points)"
    most = "COALESCE(CASE WHEN t.points > 0 THEN q.highest ELSE q.lowest END, t.points)"
    first = least
    if early != day and any(term.passes_on for term in plan.terms):
        # Between two days the first event may leave the window and a younger one take its place.
        bound = f"CASE WHEN t.points > 0 THEN t.last_worth ELSE {most} END"
        first = f"CASE WHEN {early} = {day} OR t.over IS NULL THEN {least} ELSE {bound} END"
    # The terms of a rule are added up; where one repeats another's events, these are not counted twice.
    rule, n, aside = "q.rule", "q.n", "q.set_aside"
    if plan.has_parts:
        rule = "t.part_of"
        n, aside = (f"CASE WHEN t.repeats THEN 0 ELSE {column} END" for column in (n, aside))
    return f"""
        SELECT {at.columns("q")}, {rule} AS rule, q.bucket, t.cap, {n} AS n, {aside} AS set_aside, q.last_at,
               CASE WHEN q.n = 0 THEN 0
                    WHEN t.mode = 'every' THEN q.n * t.points
                    WHEN t.mode = 'first' THEN t.points
                    WHEN q.n < t.needed THEN 0
                    WHEN t.mode = 'stagnates' AND {blocked} THEN 0
                    ELSE t.points END AS nominal,
               CASE WHEN q.n = 0 THEN 0
                    WHEN t.mode = 'every' THEN q.micro
                    WHEN t.mode = 'first' THEN {first}
                    WHEN q.n < t.needed THEN 0
                    WHEN t.mode = 'stagnates' AND {blocked} THEN 0
                    ELSE {most} END AS decayed
        FROM ({sums}) q JOIN rule_terms t ON t.rule = q.rule {join}"""


def _inactivity(plan: Plan, at: Tally, lives: str) -> str:
    """SELECT of (keys, micro, last_at) of those who have been silent long enough."""
    steps = plan.idle_steps
    source = f"life_signs{lives} l"
    if at.keys != ("person",):
        source += " JOIN asked k ON k.person = l.person"
    keys = ", ".join("l.person" if key == "person" else f"k.{key}" for key in at.keys)
    idle = sql.days_between(silent_day("l", thawed=bool(plan.silent)), at.day.format(alias="k"))
    cases = " ".join(f"WHEN idle >= {days} THEN {cost}" for days, cost in steps)
    costs = f"""
        SELECT {at.columns()}, CAST(CASE {cases} END AS BIGINT) AS micro, last_at
        FROM (SELECT {keys}, l.last_at, {idle} AS idle FROM {source})
        WHERE idle >= {steps[-1][0]}"""
    if plan.idle_floor is None:
        return costs
    return f"""
        SELECT {at.columns("i")}, GREATEST(i.micro, {plan.idle_floor} - p.micro) AS micro, i.last_at
        FROM ({costs}) i
        JOIN (SELECT {at.columns()}, CAST(SUM(micro) AS BIGINT) AS micro
              FROM {at.table("group_sums")} GROUP BY {at.columns()}) p ON {at.joined("p", "i")}
        WHERE p.micro > {plan.idle_floor}"""
