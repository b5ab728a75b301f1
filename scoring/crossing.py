"""Valid until: the first day on which the rating gets worse or the stage falls if nothing happens.

Exact to the day, up to HORIZON_DAYS ahead. The events that still count today are kept with their age (`futures`). Asked
about the days from `early` to `day`, the engine gives a score that none of them goes below: what falls with time taken
on the last of them, what rises (a penalty that fades) on the first. Where even that is not worse than today, the days
are skipped at once; where it may be, they are parted; a single day is exact. They are parted where the points would
cross the edge if they fell at an even rate, and after some such guesses in the middle. So each person is scored some
five times, not HORIZON_DAYS times. Only where gates or criteria test the age of a date are the days asked one by one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from config.model_values import MICRO
from scoring import sql
from scoring.engagement import Tally, events_sql, tally
from scoring.events import HORIZON_DAYS, age_key
from scoring.fit import attribute_column, outcomes_sql
from scoring.stages import (
    exits_from,
    grade_index,
    is_detained,
    level_index,
    level_kept,
    may_leave,
    not_scored,
    rating_rank,
    stage_kept,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from config.model import Model
    from scoring.events import Moment
    from scoring.machines import MachineTest
    from scoring.plan import Plan

DROPS: Final = ("rating_until", "stage_until")
ASKED: Final = Tally("_asked", ("ask",), day="{alias}.day", early="{alias}.early", tells=False)
GUESSES: Final = 8
"""How often a guess parts the days of a person, before halving does."""
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
    for table in ("candidates", "futures", "asked", "searched"):
        con.execute(f"DROP TABLE IF EXISTS {table}")
    for table in ("group_sums", "inactivity", "adjusted", "engagement"):
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
    """Create `futures` (person, rule, bucket, age, n): the candidates' events that count today, with their age."""
    age = sql.days_between("e.on_day", sql.day(moment.day))
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE futures AS
        SELECT e.person, e.rule, e.bucket, CAST({age} AS INTEGER) AS age, e.n
        FROM ({events_sql(plan, moment, machines, span)}) e
        WHERE NOT e.set_aside AND e.person IN (SELECT person FROM candidates)
        """
    )


def _search(con: Any, plan: Plan, moment: Moment, span: int, types: Mapping[str, str], drop: str) -> None:
    """Find the day of those whose fit stands still.

    `searched` holds for each person the days known to be fine (up to `low`), the first known that may be worse
    (`high`; beyond the horizon while there is none), the micro-points on both (`upper`, `lower`), those below which it
    is worse (`edge`), up to which day to ask next (`upto`), the number of the question (`turn`), and whether `high` is
    the day (`is_found`).
    """
    today, model = sql.day(moment.day), plan.model
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE searched AS
        SELECT c.person, 0 AS low, {HORIZON_DAYS + 1} AS high, CAST(COALESCE(e.raw, 0) AS DOUBLE) AS upper,
               CAST(NULL AS DOUBLE) AS lower, {_edge(model, drop)} AS edge, {HORIZON_DAYS} AS upto, 1 AS turn,
               FALSE AS is_found
        FROM candidates c JOIN standings s ON s.person = c.person LEFT JOIN engagement e ON e.person = c.person
        WHERE NOT c.fit_moves
        """
    )
    # Where scores only fall, what is worse on the last of some days is so for certain.
    is_sure = "high <= low + 1" if plan.only_falls else "is_worse AND upto = low_before + 1"
    still = f"SELECT * FROM searched WHERE NOT is_found AND low < {HORIZON_DAYS}"
    while _ask(con, today, f"SELECT person, {today} + low + 1 AS early, {today} + upto AS day FROM ({still})"):
        con.execute(
            f"""
            CREATE OR REPLACE TEMP TABLE searched AS
            WITH judged AS ({_judge(con, plan, span, types, drop)}),
            narrowed AS (
                SELECT s.person, s.edge, s.turn + 1 AS turn, s.upto, s.low AS low_before, j.is_worse,
                       CASE WHEN j.is_worse THEN s.low ELSE s.upto END AS low,
                       CASE WHEN j.is_worse THEN s.upto
                            WHEN s.upto < s.high THEN s.high ELSE {HORIZON_DAYS + 1} END AS high,
                       CASE WHEN j.is_worse THEN s.upper ELSE j.raw END AS upper,
                       CASE WHEN j.is_worse THEN j.raw ELSE s.lower END AS lower
                FROM searched s JOIN judged j ON j.person = s.person
            )
            SELECT person, low, high, upper, lower, edge, {_upto()} AS upto, turn,
                   high <= {HORIZON_DAYS} AND {is_sure} AS is_found
            FROM narrowed
            UNION ALL
            SELECT s.* FROM searched s LEFT JOIN asked k ON k.person = s.person WHERE k.person IS NULL
            """
        )
    con.execute(f"INSERT INTO {drop} SELECT person, {today} + high FROM searched WHERE is_found")


def _edge(model: Model, drop: str) -> str:
    """SQL: the micro-points of engagement at which people would drop, as a guess; over `standings` (``s``)."""
    scores = {"rating_until": level_kept(model, "s.level"), "stage_until": stage_kept(model, "s.stage_rank")}
    score = scores.get(drop) or f"GREATEST({', '.join(scores.values())})"
    return f"CAST(COALESCE({score}, 0) AS DOUBLE) * {MICRO} - {MICRO // 2}"


def _upto() -> str:
    """SQL: up to which day to ask next, over `narrowed`.

    Without a day that may be worse, twice as many as before. Else to where the points would cross the edge if they
    fell by the same share each day, or by the same number where they end below nought.
    """
    share = (
        f"CASE WHEN turn > {GUESSES} OR upper <= edge OR lower >= edge THEN 0.5 "
        "WHEN lower > 0 THEN LN(upper / edge) / LN(upper / lower) ELSE (upper - edge) / (upper - lower) END"
    )
    guess = f"CAST(FLOOR((high - low) * CAST({share} AS DOUBLE)) AS INTEGER)"
    return (
        f"CASE WHEN high > {HORIZON_DAYS} THEN LEAST(low + 2 * (upto - low_before), {HORIZON_DAYS}) "
        f"WHEN high <= low + 1 THEN high ELSE low + LEAST(GREATEST({guess}, 1), high - low - 1) END"
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
        judged = _judge(con, plan, span, types, drop)
        con.execute(f"INSERT INTO {drop} SELECT person, MIN(day) FROM ({judged}) WHERE is_worse GROUP BY person")


def _ask(con: Any, today: str, pairs: str) -> bool:
    """Create `asked` (ask, person, early, day, soon, late) from a SELECT; whether there is anything to ask.

    `ask` is a number for person and day; `soon` and `late` are the days from `today` to `early` and `day`.
    """
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE asked AS
        SELECT CAST(person AS BIGINT) * {HORIZON_DAYS + 1} + late AS ask, person, early, day, soon, late
        FROM (SELECT person, early, day, CAST({sql.days_between(today, "early")} AS INTEGER) AS soon,
                     CAST({sql.days_between(today, "day")} AS INTEGER) AS late
              FROM ({pairs}))
        """
    )
    return bool(con.execute("SELECT COUNT(*) FROM asked").fetchall()[0][0])


def _judge(con: Any, plan: Plan, span: int, types: Mapping[str, str], drop: str) -> str:
    """Tally what was asked; a SELECT of (person, early, day, raw, is_worse).

    `is_worse` says that it may be worse than today, for certain if it is about one day; `raw` are the micro-points.
    `drop` says what is to be worse: ``rating_until``, ``stage_until``, or either.
    """
    risers = ", ".join(str(term.number) for term in plan.terms if term.rises)
    ahead = f"CASE WHEN f.rule IN ({risers}) THEN k.soon ELSE k.late END" if risers else "k.late"
    worth = plan.of_single("f.rule", "ra.micro")
    bucket = ", f.bucket" if plan.limits.has_windows else ""
    sums = f"""
        SELECT k.ask, f.rule{bucket or ", 0 AS bucket"}, SUM(f.n * ra.micro) AS micro, SUM(f.n) AS n,
               CAST(0 AS DOUBLE) AS set_aside, MIN({worth}) AS lowest, MAX({worth}) AS highest,
               CAST(NULL AS TIMESTAMP) AS last_at
        FROM futures f
        JOIN asked k ON k.person = f.person
        JOIN rule_ages ra ON ra.key = {age_key("f.rule", f"(f.age + {ahead})", span)}
        GROUP BY k.ask, f.rule{bucket}"""
    if plan.days_matter:
        sums = f"SELECT g.*, k.person, k.early, k.day FROM ({sums}) g JOIN asked k ON k.ask = g.ask"
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
    return f"""
        SELECT q.person, q.early, q.day, q.raw, NOT {not_scored(model)} AND ({_worse(model, drop)}) AS is_worse
        FROM (
            SELECT f.*, COALESCE(e.score, 0) AS engagement_score, CAST(COALESCE(e.raw, 0) AS DOUBLE) AS raw,
                   {level_index(model, "COALESCE(e.score, 0)")} AS level,
                   s.rating_rank AS rank_now, s.stage_rank{detained}
            FROM ({fit}) f
            JOIN standings s ON s.person = f.person
            LEFT JOIN engagement_asked e ON {ASKED.joined("e", "f")}
        ) q
        JOIN ratings rt ON rt.grade_place = COALESCE(q.grade, -1) AND rt.level_place = q.level"""


def _worse(model: Model, drop: str) -> str:
    leaves = exits_from(model, "q.stage_rank") + (" AND q.may_leave" if is_detained(model) else "")
    tests = {"rating_until": f"{rating_rank(model)} > q.rank_now", "stage_until": f"({leaves})"}
    return tests.get(drop) or " OR ".join(tests.values())
