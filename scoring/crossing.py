"""Valid until: the first day on which the rating gets worse or the stage falls if nothing happens.

Exact to the day, up to HORIZON_DAYS ahead. The events that still count today are kept with their age (`futures`). Asked
about the days from `early` to `day`, the engine gives a score that none of them goes below: what falls with time taken
on the last of them, what rises (a penalty that fades) on the first. Where even that is not worse than today, the days
are skipped at once; where it may be, they are parted; a single day is exact. They are parted where the points would
cross the edge if they fell at an even rate, and after some such guesses in the middle. As fewer people are left,
several days about the guess are asked of each at once: a question more costs less than a turn more. So each person is
scored some four times, not HORIZON_DAYS times. Only where gates or criteria test the age of a date are the days asked
one by one.
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
FIRST_GUESS: Final = 30
"""The day asked about first: most who drop do so within a month."""
FEW: Final = 2_000
"""As many questions as are asked at once even where few people are left; else as many as there were people at first."""
STILL_OPEN: Final = f"NOT is_found AND low < {HORIZON_DAYS}"
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
    is worse (`edge`), the day to ask about next (`guess`), and whether `high` is the day (`is_found`).
    """
    today, model = sql.day(moment.day), plan.model
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE searched AS
        SELECT c.person, 0 AS low, {HORIZON_DAYS + 1} AS high, CAST(COALESCE(e.raw, 0) AS DOUBLE) AS upper,
               CAST(NULL AS DOUBLE) AS lower, {_edge(model, drop)} AS edge, {FIRST_GUESS} AS guess, FALSE AS is_found
        FROM candidates c JOIN standings s ON s.person = c.person LEFT JOIN engagement e ON e.person = c.person
        WHERE NOT c.fit_moves
        """
    )
    turn, room = 0, FEW
    while left := _count(con, f"searched WHERE {STILL_OPEN}"):
        turn, room = turn + 1, max(room, left)
        _ask(con, today, _questions(today, min(room // left, HORIZON_DAYS)))
        _narrow(con, plan, _judge(con, plan, span, types, drop), by_halves=turn > GUESSES)
    con.execute(f"INSERT INTO {drop} SELECT person, {today} + high FROM searched WHERE is_found")


def _questions(today: str, days: int) -> str:
    """SELECT of (person, early, day) of those in `searched` who are open: so many days about the guess, one by one.

    The first of them stands for all before it that are not known to be fine.
    """
    last = f"CASE WHEN high > {HORIZON_DAYS} THEN {HORIZON_DAYS} WHEN high <= low + 1 THEN high ELSE high - 1 END"
    begin = f"GREATEST(LEAST(guess - {(days - 1) // 2}, last - {days - 1}), low + 1)"
    return f"""
        SELECT person, {today} + CASE step WHEN 0 THEN low + 1 ELSE begin + step END AS early,
               {today} + begin + step AS day
        FROM (SELECT person, low, last, {begin} AS begin
              FROM (SELECT person, low, guess, {last} AS last FROM searched WHERE {STILL_OPEN})),
             {_numbers("step", range(days))}
        WHERE begin + step <= last"""


def _numbers(name: str, numbers: range) -> str:
    """SQL: a relation of whole numbers in one column."""
    return f"(VALUES {', '.join(f'({number})' for number in numbers)}) numbers ({name})"


def _narrow(con: Any, plan: Plan, judged: str, *, by_halves: bool) -> None:
    """Bring `searched` up to what is `judged`: of the days asked about, those before the first that may be worse."""
    # Where scores only fall, what is worse on the last of some days is so for certain.
    is_sure = "high <= low + 1" if plan.only_falls else "is_sure"
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE searched AS
        WITH answers AS (
            SELECT person, worse, MAX(CASE WHEN late = worse AND soon = worse THEN 1 ELSE 0 END) = 1 AS is_sure,
                   MAX(CASE WHEN late < worse THEN late END) AS fine,
                   MIN(CASE WHEN late < worse THEN raw END) AS upper, MAX(CASE WHEN late >= worse THEN raw END) AS lower
            FROM (SELECT *, COALESCE(MIN(CASE WHEN is_worse THEN late END) OVER (PARTITION BY person),
                                     {HORIZON_DAYS + 1}) AS worse
                  FROM ({judged}))
            GROUP BY person, worse
        ), narrowed AS (
            SELECT s.person, s.edge, COALESCE(a.fine, s.low) AS low, COALESCE(a.upper, s.upper) AS upper,
                   CASE WHEN a.worse <= {HORIZON_DAYS} THEN a.worse
                        WHEN a.fine >= s.high THEN {HORIZON_DAYS + 1} ELSE s.high END AS high,
                   CASE WHEN a.worse <= {HORIZON_DAYS} THEN a.lower ELSE s.lower END AS lower,
                   s.is_found OR COALESCE(a.is_sure, FALSE) AS is_sure
            FROM searched s LEFT JOIN answers a ON a.person = s.person
        )
        SELECT person, low, high, upper, lower, edge, {_guess(by_halves=by_halves)} AS guess,
               high <= {HORIZON_DAYS} AND {is_sure} AS is_found
        FROM narrowed
        """
    )


def _edge(model: Model, drop: str) -> str:
    """SQL: the micro-points of engagement at which people would drop, as a guess; over `standings` (``s``)."""
    scores = {"rating_until": level_kept(model, "s.level"), "stage_until": stage_kept(model, "s.stage_rank")}
    score = scores.get(drop) or f"GREATEST({', '.join(scores.values())})"
    return f"CAST(COALESCE({score}, 0) AS DOUBLE) * {MICRO} - {MICRO // 2}"


def _guess(*, by_halves: bool) -> str:
    """SQL: the first day that will be worse, as a guess, over `narrowed`.

    Without a day that may be worse, three times as far as is known. Else where the points would cross the edge if
    they fell by the same share each day, or by the same number where they end below nought.
    """
    share = (
        "CASE WHEN upper <= edge OR lower >= edge THEN 0.5 "
        "WHEN lower > 0 THEN LN(upper / edge) / LN(upper / lower) ELSE (upper - edge) / (upper - lower) END"
    )
    ahead = f"1 + CAST(FLOOR((high - low) * CAST({'0.5' if by_halves else share} AS DOUBLE)) AS INTEGER)"
    return f"CASE WHEN high > {HORIZON_DAYS} THEN 3 * low ELSE low + {ahead} END"


def _scan(con: Any, plan: Plan, moment: Moment, span: int, types: Mapping[str, str], drop: str) -> None:
    """Ask day after day, some days at a time, about those whose fit moves."""
    today = sql.day(moment.day)
    for start in range(1, HORIZON_DAYS + 1, SCAN_DAYS):
        ahead = _numbers("ahead", range(start, min(start + SCAN_DAYS, HORIZON_DAYS + 1)))
        days = f"SELECT {today} + ahead AS day FROM {ahead}"
        open_ones = f"candidates c WHERE c.fit_moves AND c.person NOT IN (SELECT person FROM {drop})"
        if not _count(con, open_ones):
            return
        _ask(con, today, f"SELECT c.person, d.day AS early, d.day FROM ({days}) d, {open_ones}")
        judged = _judge(con, plan, span, types, drop)
        con.execute(f"INSERT INTO {drop} SELECT person, MIN(day) FROM ({judged}) WHERE is_worse GROUP BY person")


def _count(con: Any, rows: str) -> int:
    found: int = con.execute(f"SELECT COUNT(*) FROM {rows}").fetchall()[0][0]
    return found


def _ask(con: Any, today: str, pairs: str) -> None:
    """Create `asked` (ask, person, early, day, soon, late) from a SELECT of (person, early, day).

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


def _judge(con: Any, plan: Plan, span: int, types: Mapping[str, str], drop: str) -> str:
    """Tally what was asked; a SELECT of (person, day, soon, late, raw, is_worse).

    `is_worse` says that it may be worse than today, for certain if it is about one day; `raw` are the micro-points.
    `drop` says what is to be worse: ``rating_until``, ``stage_until``, or either.
    """
    risers = ", ".join(str(term.number) for term in plan.terms if term.rises)
    ahead = f"CASE WHEN f.rule IN ({risers}) THEN k.soon ELSE k.late END" if risers else "k.late"
    bucket = ", f.bucket" if plan.limits.has_windows else ""
    sums = f"""
        SELECT k.ask, f.rule{bucket or ", 0 AS bucket"}, SUM(f.n * ra.micro) AS micro, SUM(f.n) AS n,
               CAST(0 AS DOUBLE) AS set_aside, {plan.extremes("f.rule", "ra.micro")},
               CAST(NULL AS TIMESTAMP) AS last_at
        FROM futures f
        JOIN asked k ON k.person = f.person
        JOIN rule_ages ra ON ra.key = {age_key("f.rule", f"(f.age + {ahead})", span)}
        GROUP BY k.ask, f.rule{bucket}"""
    if plan.days_matter:
        sums = f"SELECT g.*, k.person, k.early, k.day FROM ({sums}) g JOIN asked k ON k.ask = g.ask"
    tally(con, plan, ASKED, sums)
    model = plan.model
    standing = ", ".join(["s.rating_rank AS rank_now", "s.stage_rank", *_leaving(model)])
    fit = f"""
        SELECT k.ask, k.person, k.day, k.soon, k.late, s.gate, s.fit_score, s.grade, {standing}
        FROM asked k JOIN standings s ON s.person = k.person"""
    if plan.fit_moves:
        people, keys = "people p JOIN asked k ON k.person = p.person", "k.ask, p.person, k.day, k.soon, k.late"
        score = sql.whole_points(sql.clamped("micro"))
        fit = f"""
            SELECT k.*, {grade_index(model, "k.fit_score", "k.is_known")} AS grade, {standing}
            FROM (SELECT *, {score} AS fit_score
                  FROM ({outcomes_sql(model, types, people=people, keys=keys, day="k.day")})) k
            JOIN standings s ON s.person = k.person"""
    return f"""
        SELECT q.person, q.day, q.soon, q.late, q.raw, NOT {not_scored(model)} AND ({_worse(model, drop)}) AS is_worse
        FROM (
            SELECT f.*, COALESCE(e.score, 0) AS engagement_score, CAST(COALESCE(e.raw, 0) AS DOUBLE) AS raw,
                   {level_index(model, "COALESCE(e.score, 0)")} AS level
            FROM ({fit}) f LEFT JOIN engagement_asked e ON {ASKED.joined("e", "f")}
        ) q
        JOIN ratings rt ON rt.grade_place = COALESCE(q.grade, -1) AND rt.level_place = q.level"""


def _leaving(model: Model) -> list[str]:
    """SQL: the column `may_leave` of the people asked about (``k``, standing as ``s``), where some may not."""
    return [f"{may_leave(model, 'k.day')} AS may_leave"] if is_detained(model) else []


def _worse(model: Model, drop: str) -> str:
    leaves = exits_from(model, "q.stage_rank") + (" AND q.may_leave" if is_detained(model) else "")
    tests = {"rating_until": f"{rating_rank(model)} > q.rank_now", "stage_until": f"({leaves})"}
    return tests.get(drop) or " OR ".join(tests.values())
