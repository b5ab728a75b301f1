"""Visits: which deeds of a person on the web belong together.

A visit is a run of such deeds with no pause longer than the model's gap; midnight, UTC, ends it, so that a day that is
over never changes. Deeds of machines belong to none. Nor do those that say nothing of where (neither page nor asset
nor campaign): the CRM's counters make such ones, and their times are made up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from config.vocabulary import PAGES
from scoring import sql
from scoring.events import of_types

if TYPE_CHECKING:
    from scoring.events import Moment
    from scoring.machines import MachineTest
    from scoring.plan import Plan


def number_visits(con: Any, plan: Plan, moment: Moment, machines: MachineTest) -> None:
    """Create `all_activities`: those known at `moment`, each with the number of its visit and its time on the page.

    Columns as in `activities`, and `visit` (BIGINT): a person's visits numbered in order of time from 1 on, null for
    activities that belong to none; (person, visit) names a visit. Numbers are good for one run only, since a late
    activity may join two visits. `duration_s` of the sight of a page is the time, in whole seconds, to the person's
    next deed in the visit; null for the last. Needs `signature_marks`.
    """
    known = moment.knows("a")
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE visit_signatures AS
        SELECT s.signature, {of_types(sorted(PAGES))} AS page, k.scanner, k.click, k.proxy
        FROM signatures s JOIN signature_marks k ON k.signature = s.signature
        WHERE {of_types(plan.model.visits.of)} AND COALESCE(s.url, s.asset, s.campaign) IS NOT NULL
        """
    )
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE visit_instants AS
        WITH deeds AS (
            SELECT DISTINCT a.person, a.occurred_at
            FROM activities a
            JOIN visit_signatures vs ON vs.signature = a.signature
            {machines.join}
            WHERE {known} AND NOT {machines.verdict("vs")}
        ), follow AS (
            SELECT person, occurred_at, LAG(occurred_at) OVER (PARTITION BY person ORDER BY occurred_at) AS before
            FROM deeds
        ), numbered AS (
            SELECT person, occurred_at, SUM(CASE WHEN {_goes_on("before", "occurred_at", plan)} THEN 0 ELSE 1 END)
                       OVER (PARTITION BY person ORDER BY occurred_at) AS visit
            FROM follow
        )
        SELECT person, occurred_at, CAST(visit AS BIGINT) AS visit,
               LEAD(occurred_at) OVER (PARTITION BY person, visit ORDER BY occurred_at) AS next_at
        FROM numbered
        """
    )
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE all_activities AS
        SELECT a.person, a.signature, a.occurred_at, a.seen_at, a.count,
               COALESCE(a.duration_s, CASE WHEN vs.page THEN {sql.seconds_between("a.occurred_at", "v.next_at")} END)
                   AS duration_s,
               a.since_send_s, a.flagged_machine, v.visit
        FROM activities a
        LEFT JOIN visit_signatures vs ON vs.signature = a.signature
        {machines.join}
        LEFT JOIN visit_instants v ON v.person = a.person AND v.occurred_at = a.occurred_at
             AND vs.signature IS NOT NULL AND NOT {machines.verdict("vs")}
        WHERE {known}
        """
    )


def copy_activities(con: Any, moment: Moment) -> None:
    """Create `all_activities` for a model that asks for no visits: `visit` is null."""
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE all_activities AS
        SELECT person, signature, occurred_at, seen_at, count, duration_s, since_send_s, flagged_machine,
               CAST(NULL AS BIGINT) AS visit
        FROM activities a WHERE {moment.knows("a")}
        """
    )


def _goes_on(before: str, instant: str, plan: Plan) -> str:
    """SQL: whether a deed belongs to the visit of the one before it."""
    same_day = f"CAST({before} AS DATE) = CAST({instant} AS DATE)"
    return f"({same_day} AND {sql.seconds_between(before, instant)} <= {plan.model.visits.gap})"
