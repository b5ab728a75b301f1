"""Valid until: the first day on which the rating gets worse or the stage falls if nothing happens.

Exact to the day, up to HORIZON_DAYS ahead. The events that still count today are kept by day (`futures`). Asked about
the days from `early` to `day`, the engine gives a score that none of them goes below: what falls with time taken on
the last of them, what rises (a penalty that fades) on the first. Where even that is not worse than today, the days
are skipped at once; where it may be, they are halved; a single day is exact. So each person is scored some fifteen
times, not HORIZON_DAYS times. Only where gates or criteria test the age of a date are the days asked one by one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from scoring import sql
from scoring.engagement import Tally, events_sql, tally
from scoring.events import HORIZON_DAYS, age_key
from scoring.fit import attribute_column, outcomes_sql
from scoring.stages import (
    exits_from,
    grade_index,
    is_detained,
    level_index,
    may_leave,
    not_scored,
    rating_rank,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from config.model import Model
    from scoring.events import Moment
    from scoring.machines import MachineTest
    from scoring.plan import Plan

DROPS: Final = ("rating_until", "stage_until")
ASKED: Final = Tally("_asked", ("ask",), day="{alias}.day", early="{alias}.early")
SCAN_DAYS: Final = 10
"""Days asked at once where days are asked one by one."""


def find_valid_until(
    con: Any, plan: Plan, moment: Moment, machines: MachineTest, span: int, types: Mapping[str, str]
) -> None:
    """Create `valid_until` (person, valid_until) for those who drop within the horizon, from `standings`.

    And `rating_until` and `stage_until` alike, where the model also writes these: which of the two it is that drops.
    """
    _candidates(con, plan)
    _keep_futures(con, plan, moment, machines, span)
    for name in ("valid_until", *DROPS):
        if name in DROPS and name not in plan.model.also_write:
            continue
        con.execute(f"CREATE OR REPLACE TEMP TABLE {name} (person BIGINT, {name} DATE)")
        _search(con, plan, moment, span, types, name)
        if plan.fit_moves:
            _scan(con, plan, moment, span, types, name)
    for table in ("candidates", "futures", "asked", "searched", "worse"):
        con.execute(f"DROP TABLE IF EXISTS {table}")
    for table in ("contributions", "capped_windows", "group_caps", "inactivity", "adjusted", "engagement"):
        con.execute(f"DROP TABLE IF EXISTS {ASKED.table(table)}")


def _candidates(con: Any, plan: Plan) -> None:
    """Create `candidates` (person, fit_moves): those with something to lose.

    A level above the last, a stage that can be left, or a date whose age a gate or criterion tests.
    """
    last = len(plan.model.engagement.levels) - 1
    dates = [attribute_column(name).sql(dialect=sql.DIALECT) for name in plan.aging_attributes]
    ages = " OR ".join(f"{column} IS NOT NULL" for column in dates) or "FALSE"
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE candidates AS
        SELECT s.person, {ages} AS fit_moves
        FROM standings s {"JOIN people p ON p.person = s.person" if dates else ""}
        WHERE NOT {not_scored(plan.model)} AND (s.level < {last} OR s.stage_rank > 0 OR {ages})
        """
    )


def _keep_futures(con: Any, plan: Plan, moment: Moment, machines: MachineTest, span: int) -> None:
    """Create `futures` (person, rule, rises, bucket, age, n): the candidates' events that count today, by their age."""
    risers = ", ".join(str(term.number) for term in plan.terms if term.rises) or "-1"
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE futures AS
        SELECT e.person, e.rule, e.rule IN ({risers}) AS rises, e.bucket,
               {sql.days_between("e.on_day", sql.day(moment.day))} AS age, SUM(e.n) AS n
        FROM ({events_sql(plan, moment, machines, span)}) e
        WHERE NOT e.set_aside AND e.person IN (SELECT person FROM candidates)
        GROUP BY e.person, e.rule, e.bucket, e.on_day
        """
    )


def _search(con: Any, plan: Plan, moment: Moment, span: int, types: Mapping[str, str], drop: str) -> None:
    """Find the day of those whose fit stands still.

    `searched` holds for each person the days known to be fine (up to `low`), how many to ask about next (`width`), and
    up to which day one may be worse (`high`).
    """
    today = sql.day(moment.day)
    con.execute(
        "CREATE OR REPLACE TEMP TABLE searched AS "
        f"SELECT person, 0 AS low, {HORIZON_DAYS} AS width, 0 AS high FROM candidates WHERE NOT fit_moves"
    )
    last = f"LEAST(low + width, {HORIZON_DAYS})"
    while _ask(con, today, f"SELECT person, {today} + low + 1 AS early, {today} + {last} AS day FROM searched"):
        _judge(con, plan, span, types, drop)
        con.execute(
            f"""
            INSERT INTO {drop}
            SELECT s.person, w.day FROM searched s JOIN worse w ON w.person = s.person WHERE w.early = w.day
            """
        )
        con.execute(
            f"""
            CREATE OR REPLACE TEMP TABLE searched AS
            SELECT s.person,
                   CASE WHEN w.person IS NULL THEN {last} ELSE low END AS low,
                   CAST(CASE WHEN w.person IS NOT NULL THEN (width + 1) // 2
                             WHEN {last} < high THEN (high - {last} + 1) // 2
                             ELSE width * 2 END AS INTEGER) AS width,
                   CASE WHEN w.person IS NOT NULL THEN {last} ELSE high END AS high
            FROM searched s LEFT JOIN worse w ON w.person = s.person
            WHERE CASE WHEN w.person IS NULL THEN {last} < {HORIZON_DAYS} ELSE w.early < w.day END
            """
        )


def _scan(con: Any, plan: Plan, moment: Moment, span: int, types: Mapping[str, str], drop: str) -> None:
    """Ask day after day, some days at a time, about those whose fit moves."""
    today = sql.day(moment.day)
    for start in range(1, HORIZON_DAYS + 1, SCAN_DAYS):
        stop = min(start + SCAN_DAYS, HORIZON_DAYS + 1)
        days = f"SELECT {today} + CAST(ahead AS INTEGER) AS day FROM range({start}, {stop}) r (ahead)"
        open_ones = f"candidates c WHERE c.fit_moves AND c.person NOT IN (SELECT person FROM {drop})"
        if not _ask(con, today, f"SELECT c.person, d.day AS early, d.day FROM ({days}) d, {open_ones}"):
            return
        _judge(con, plan, span, types, drop)
        con.execute(f"INSERT INTO {drop} SELECT person, MIN(day) FROM worse GROUP BY person")


def _ask(con: Any, today: str, pairs: str) -> bool:
    """Create `asked` (ask, person, early, day, soon, late) from a SELECT, numbered; whether there is anything to ask.

    `soon` and `late` are the days from `today` to `early` and `day`.
    """
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE asked AS
        SELECT ROW_NUMBER() OVER (ORDER BY person, day) AS ask, person, early, day,
               {sql.days_between(today, "early")} AS soon, {sql.days_between(today, "day")} AS late
        FROM ({pairs})
        """
    )
    return bool(con.execute("SELECT COUNT(*) FROM asked").fetchall()[0][0])


def _judge(con: Any, plan: Plan, span: int, types: Mapping[str, str], drop: str) -> None:
    """Create `worse` (person, early, day): what was asked and may be worse than today, for certain if one day.

    `drop` says what is to be worse: ``rating_until``, ``stage_until``, or either.
    """
    ahead = "CASE WHEN f.rises THEN k.soon ELSE k.late END"
    worth = plan.of_single("f.rule", "ra.micro")
    sums = f"""
        SELECT g.*, k.person, k.early, k.day
        FROM (SELECT k.ask, f.rule, f.bucket, SUM(f.n * ra.micro) AS micro, SUM(f.n) AS n,
                     CAST(0 AS DOUBLE) AS set_aside, MIN({worth}) AS lowest, MAX({worth}) AS highest,
                     CAST(NULL AS TIMESTAMP) AS last_at
              FROM futures f
              JOIN asked k ON k.person = f.person
              JOIN rule_ages ra ON ra.key = {age_key("f.rule", f"f.age + {ahead}", span)}
              GROUP BY k.ask, f.rule, f.bucket) g
        JOIN asked k ON k.ask = g.ask"""
    tally(con, plan, ASKED, sums)
    model = plan.model
    fit = """
        SELECT k.ask, k.person, k.early, k.day, s.gate, s.fit_score, s.grade
        FROM asked k JOIN standings s ON s.person = k.person"""
    if plan.fit_moves:
        people = "people p JOIN asked k ON k.person = p.person"
        outcomes = outcomes_sql(model, types, people=people, keys="k.ask, p.person, k.early, k.day", day="k.day")
        score = sql.whole_points(sql.clamped("micro"))
        fit = f"""
            SELECT ask, person, early, day, gate, fit_score, {grade_index(model, "fit_score", "is_known")} AS grade
            FROM (SELECT *, {score} AS fit_score FROM ({outcomes}))"""
    detained = f", {may_leave(model, 'f.day')} AS may_leave" if is_detained(model) else ""
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE worse AS
        SELECT q.person, q.early, q.day
        FROM (
            SELECT f.*, COALESCE(e.score, 0) AS engagement_score,
                   {level_index(model, "COALESCE(e.score, 0)")} AS level,
                   s.rating_rank AS rank_now, s.stage_rank{detained}
            FROM ({fit}) f
            JOIN standings s ON s.person = f.person
            LEFT JOIN engagement_asked e ON {ASKED.joined("e", "f")}
        ) q
        JOIN ratings rt ON rt.grade_place = COALESCE(q.grade, -1) AND rt.level_place = q.level
        WHERE NOT {not_scored(model)} AND ({_worse(model, drop)})
        """
    )


def _worse(model: Model, drop: str) -> str:
    leaves = exits_from(model, "q.stage_rank") + (" AND q.may_leave" if is_detained(model) else "")
    tests = {"rating_until": f"{rating_rank(model)} > q.rank_now", "stage_until": f"({leaves})"}
    return tests.get(drop) or " OR ".join(tests.values())
