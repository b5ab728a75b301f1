"""Valid until: the first day on which the rating gets worse or the stage falls if nothing happens.

Exact to the day, up to HORIZON_DAYS ahead. The events that still count today are kept by day (`futures`); any
(person, day) in `asked` can then be scored as the engine scores today. Where a person's points can only fall, the
day is found by bisection; where something may also rise (a penalty that fades, a next step that leaves its window,
a condition on the age of a date), the days are asked one after another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from scoring import sql
from scoring.engagement import Tally, events_sql, tally
from scoring.events import HORIZON_DAYS
from scoring.fit import outcomes_sql
from scoring.stages import (
    exits_from,
    grade_index,
    level_index,
    not_scored,
    rating_rank,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scoring.events import MachineTest, Moment
    from scoring.plan import Plan

ASKED: Final = Tally("_asked", ("person", "day"), "{alias}.day")
SCAN_DAYS: Final = 30
"""Days asked at once where days are asked one after another."""


def find_valid_until(
    con: Any, plan: Plan, moment: Moment, machines: MachineTest, span: int, types: Mapping[str, str]
) -> None:
    """Create `valid_until` (person, valid_until) for those who drop within the horizon, from `standings`."""
    con.execute("CREATE OR REPLACE TEMP TABLE valid_until (person BIGINT, valid_until DATE)")
    _candidates(con, plan)
    _keep_futures(con, plan, moment, machines, span)
    _bisect(con, plan, moment, span, types)
    _scan(con, plan, moment, span, types)
    for table in ("candidates", "futures", "restless", "asked", "brackets", "worse"):
        con.execute(f"DROP TABLE IF EXISTS {table}")
    for table in ("contributions", "group_caps", "inactivity", "engagement"):
        con.execute(f"DROP TABLE IF EXISTS {ASKED.table(table)}")


def _candidates(con: Any, plan: Plan) -> None:
    """Those with something to lose: a level above the last, or a stage that can be left; and all whose fit moves."""
    last = len(plan.model.engagement.levels) - 1
    loses = f"NOT {not_scored(plan.model)} AND (level < {last} OR stage_rank > 0 OR {plan.fit_moves})"
    con.execute(f"CREATE OR REPLACE TEMP TABLE candidates AS SELECT person FROM standings WHERE {loses}")


def _keep_futures(con: Any, plan: Plan, moment: Moment, machines: MachineTest, span: int) -> None:
    """Create `futures` (person, rule, bucket, on_day, n) and `restless` (person): whose points may also rise."""
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE futures AS
        SELECT e.person, e.rule, e.bucket, CAST(e.occurred_at AS DATE) AS on_day, SUM(e.n) AS n
        FROM ({events_sql(plan, moment, machines, span)}) e
        WHERE NOT e.set_aside AND e.person IN (SELECT person FROM candidates)
        GROUP BY e.person, e.rule, e.bucket, CAST(e.occurred_at AS DATE)
        """
    )
    risers = ", ".join(str(term.number) for term in plan.terms if term.may_rise) or "-1"
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE restless AS
        SELECT DISTINCT person FROM (
            SELECT f.person FROM futures f JOIN rule_terms t ON t.rule = f.rule
            WHERE f.rule IN ({risers})
            GROUP BY f.person, f.rule, t.needed, t.mode
            HAVING t.mode <> 'stagnates' OR SUM(f.n) >= t.needed
            UNION ALL
            SELECT person FROM candidates WHERE {plan.fit_moves}
        )
        """
    )


def _bisect(con: Any, plan: Plan, moment: Moment, span: int, types: Mapping[str, str]) -> None:
    """Narrow each person's bracket (fine on day `low`, worse on day `high`) until it is one day wide."""
    today = sql.day(moment.day)
    horizon = f"SELECT person, {today} + {HORIZON_DAYS} AS day FROM candidates"
    if not _ask(con, f"{horizon} WHERE person NOT IN (SELECT person FROM restless)"):
        return
    _judge(con, plan, span, types)
    con.execute(f"CREATE OR REPLACE TEMP TABLE brackets AS SELECT person, 0 AS low, {HORIZON_DAYS} AS high FROM worse")
    while _ask(con, f"SELECT person, {today} + (low + high) // 2 AS day FROM brackets WHERE high - low > 1"):
        _judge(con, plan, span, types)
        con.execute(
            """
            CREATE OR REPLACE TEMP TABLE brackets AS
            SELECT b.person,
                   CASE WHEN b.high - b.low > 1 AND w.person IS NULL THEN (b.low + b.high) // 2 ELSE b.low END AS low,
                   CASE WHEN b.high - b.low > 1 AND w.person IS NOT NULL THEN (b.low + b.high) // 2 ELSE b.high END
                       AS high
            FROM brackets b LEFT JOIN worse w ON w.person = b.person
            """
        )
    con.execute(f"INSERT INTO valid_until SELECT person, {today} + high FROM brackets")


def _ask(con: Any, pairs: str) -> bool:
    """Create `asked` (person, day) from the SELECT `pairs`; whether there is anything to ask."""
    con.execute(f"CREATE OR REPLACE TEMP TABLE asked AS {pairs}")
    return bool(con.execute("SELECT COUNT(*) FROM asked").fetchall()[0][0])


def _scan(con: Any, plan: Plan, moment: Moment, span: int, types: Mapping[str, str]) -> None:
    """Ask day after day, some days at a time, until each restless person has dropped or the horizon is reached."""
    today = sql.day(moment.day)
    for start in range(1, HORIZON_DAYS + 1, SCAN_DAYS):
        stop = min(start + SCAN_DAYS, HORIZON_DAYS + 1)
        ahead = f"SELECT CAST(range AS INTEGER) AS ahead FROM range({start}, {stop})"
        open_ones = "restless r WHERE r.person NOT IN (SELECT person FROM valid_until)"
        if not _ask(con, f"SELECT r.person, {today} + d.ahead AS day FROM ({ahead}) d, {open_ones}"):
            return
        _judge(con, plan, span, types)
        con.execute("INSERT INTO valid_until SELECT person, MIN(day) FROM worse GROUP BY person")


def _judge(con: Any, plan: Plan, span: int, types: Mapping[str, str]) -> None:
    """Create `worse` (person, day): the asked days on which rating or stage would be worse than today's."""
    sums = f"""
        SELECT f.person, k.day, f.rule, f.bucket, SUM(f.n * ra.micro) AS micro, SUM(f.n) AS n,
               CAST(0 AS DOUBLE) AS set_aside, MIN(ra.micro) AS lowest, MAX(ra.micro) AS highest,
               CAST(NULL AS TIMESTAMP) AS last_at
        FROM futures f
        JOIN asked k ON k.person = f.person
        JOIN rule_ages ra ON ra.key = f.rule * {span} + {sql.days_between("f.on_day", "k.day")}
        GROUP BY f.person, k.day, f.rule, f.bucket"""
    tally(con, plan, ASKED, sums)
    model = plan.model
    fit = "SELECT k.person, k.day, s.gate, s.fit_score, s.grade FROM asked k JOIN standings s ON s.person = k.person"
    if plan.fit_moves:
        people = "people p JOIN asked k ON k.person = p.person"
        outcomes = outcomes_sql(model, types, people=people, keys="p.person, k.day", day="k.day")
        score = sql.whole_points(sql.clamped("micro"))
        fit = f"""
            SELECT person, day, gate, fit_score, {grade_index(model, "fit_score", "is_known")} AS grade
            FROM (SELECT *, {score} AS fit_score FROM ({outcomes}))"""
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE worse AS
        SELECT q.person, q.day
        FROM (
            SELECT f.*, COALESCE(e.score, 0) AS engagement_score,
                   {level_index(model, "COALESCE(e.score, 0)")} AS level,
                   s.rating_rank AS rank_now, s.stage_rank
            FROM ({fit}) f
            JOIN standings s ON s.person = f.person
            LEFT JOIN engagement_asked e ON e.person = f.person AND e.day = f.day
        ) q
        JOIN ratings rt ON rt.grade_place = COALESCE(q.grade, -1) AND rt.level_place = q.level
        WHERE NOT {not_scored(model)} AND ({rating_rank(model)} > q.rank_now OR {exits_from(model, "q.stage_rank")})
        """
    )
