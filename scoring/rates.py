"""Rates: how many of the e-mails that reached a person they opened (or clicked), and the points for it.

A rate is of e-mails, not of events: the same e-mail opened three times is one. It can rise and fall as time passes,
whenever an e-mail leaves the window.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from config.model_condition_checks import ACTIVITY_ATTRIBUTES
from config.model_values import micro
from scoring import sql
from scoring.conditions import Scope
from scoring.events import fact_column, of_types, put, signature_test
from scoring.limits import NO_CAP
from scoring.restart import is_afresh, restart_join

if TYPE_CHECKING:
    from scoring.engagement import Tally
    from scoring.events import Moment
    from scoring.machines import MachineTest
    from scoring.plan import Plan


def match_rates(con: Any, plan: Plan) -> None:
    """Create `rate_rules` (rule, points, percent, falls, over, among) and `rate_signatures`.

    `falls` says that the points are for a rate below the percentage. The signatures (signature, rule, hit, campaign,
    asset, scanner, click, proxy) are those of the deeds (`hit`) and of the mails that they are counted among.
    """
    rates = [(term, term.rule.rate) for term in plan.firsts if term.rule.rate is not None]
    columns = {
        "rule": pa.array([term.number for term, _ in rates], pa.int32()),
        "points": pa.array([float(micro(term.rule.points[0])) for term, _ in rates], pa.float64()),
        "percent": pa.array([rate.percent for _, rate in rates], pa.int64()),
        "falls": pa.array([rate.below is not None for _, rate in rates], pa.bool_()),
        "over": pa.array([rate.over for _, rate in rates], pa.int32()),
        "among": pa.array([rate.among for _, rate in rates], pa.int64()),
    }
    put(con, "rate_rules", pa.table(columns))
    scope = Scope(plan.model, ACTIVITY_ATTRIBUTES, lambda name: fact_column(name, table="s"), "CURRENT_DATE")
    matches = [
        f"SELECT s.signature, {term.number} AS rule, {hit} AS hit, s.campaign, s.asset FROM signatures s "
        f"WHERE {of_types(types)}{signature_test(term, scope)}"
        for term, rate in rates
        for hit, types in (("TRUE", term.rule.activity), ("FALSE", rate.of))
    ]
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE rate_signatures AS
        SELECT m.*, k.scanner, k.click, k.proxy
        FROM ({" UNION ALL ".join(matches)}) m JOIN signature_marks k ON k.signature = m.signature
        """
    )


def note_mails(con: Any, plan: Plan, moment: Moment, machines: MachineTest, suffix: str = "") -> None:
    """Create `rated_mails` (person, rule, hit, last_at, mails), as known at `moment`: a row for each e-mail and side.

    The same e-mail is one of the same campaign with the same subject; events without a campaign are as many e-mails as
    they count. What machines opened or clicked is left out.
    """
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE rated_mails{suffix} AS
        SELECT a.person, rs.rule, rs.hit, MAX(a.occurred_at) AS last_at,
               CASE WHEN rs.campaign IS NULL THEN SUM(a.count) ELSE 1 END AS mails
        FROM activities a JOIN rate_signatures rs ON rs.signature = a.signature {machines.join} {restart_join(plan)}
        WHERE {moment.knows("a")} AND NOT (rs.hit AND {machines.verdict("rs")}){is_afresh(plan, moment)}
        GROUP BY a.person, rs.rule, rs.hit, rs.campaign, rs.asset,
                 CASE WHEN rs.campaign IS NULL THEN a.occurred_at END
        """
    )


def rates_sql(at: Tally, lives: str) -> str:
    """SELECT of the rules on rates that give points, with the columns of `scoring.engagement`'s counted rules.

    Asked about several days, a gift counts when it is sure on each of them, a penalty when it is possible on one:
    e-mails only leave the window, so the most of them are in it on the first day, the fewest on the last.
    """
    keys = [key for key in at.keys if key != "person"]
    source = f"rated_mails{lives} r" + (" JOIN asked k ON k.person = r.person" if keys else "")
    columns = ", ".join(f"k.{key}" if key != "person" else "r.person" for key in at.keys)
    age = "CAST(r.last_at AS DATE)"
    soon, late = (f"{sql.days_between(age, day.format(alias='k'))} < t.over" for day in (at.early, at.day))
    sums = {
        "hits_soon": f"r.hit AND {soon}", "hits_late": f"r.hit AND {late}",
        "mails_soon": f"NOT r.hit AND {soon}", "mails_late": f"NOT r.hit AND {late}",
    }  # fmt: skip
    summed = ", ".join(f"SUM(CASE WHEN {test} THEN r.mails ELSE 0 END) AS {name}" for name, test in sums.items())
    surely_high, perhaps_high = _reached("late", "soon"), _reached("soon", "late")
    sure = f"mails_late >= among AND CASE WHEN falls THEN NOT {perhaps_high} ELSE {surely_high} END"
    perhaps = f"mails_soon >= among AND CASE WHEN falls THEN NOT {surely_high} ELSE {perhaps_high} END"
    return f"""
        SELECT {at.columns()}, rule, 0 AS bucket, CAST({NO_CAP} AS DOUBLE) AS cap, CAST(hits_late AS DOUBLE) AS n,
               CAST(0 AS DOUBLE) AS set_aside, last_at, points AS nominal, points AS decayed
        FROM (SELECT {columns}, r.rule, t.points, t.percent, t.falls, t.among, {summed},
                     MAX(CASE WHEN r.hit AND {late} THEN r.last_at END) AS last_at
              FROM {source} JOIN rate_rules t ON t.rule = r.rule
              GROUP BY {columns}, r.rule, t.points, t.percent, t.falls, t.among) q
        WHERE CASE WHEN points > 0 THEN {sure} ELSE {perhaps} END"""


def _reached(hits: str, mails: str) -> str:
    """SQL: whether the rate is the percentage or more, with deeds and mails counted on the `soon` or `late` day."""
    return f"(100 * hits_{hits} >= percent * mails_{mails})"
