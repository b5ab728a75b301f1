"""Derived activities: a visit, a chain of pages in one visit, the re-opening of an e-mail.

They are made from the activities that the CRMs tell of and stand beside these in `all_activities`, so that counts,
caps, decay and all else apply to them as to any other. What rules ask of them is decided once per derived activity;
those that answer alike share a signature of their own, numbered below zero.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlglot import exp

from config.model_condition_checks import ACTIVITY_ATTRIBUTES, VISIT_FACTS
from config.vocabulary import CHAIN, CLICKS, REOPEN, VISIT
from scoring import sql
from scoring.conditions import Scope
from scoring.events import fact_column, lasting, of_types, signature_test

if TYPE_CHECKING:
    from collections.abc import Collection

    from scoring.events import Moment
    from scoring.machines import MachineTest
    from scoring.plan import Plan, Term


def derive_activities(con: Any, plan: Plan, moment: Moment, machines: MachineTest) -> None:
    """Add the derived activities that rules ask for to `all_activities`, and their marks to `signature_marks`.

    Creates `derived_signatures` (signature, type, outcome): `outcome` has a 1 for each rule of the type that the
    activity answers, by the order of the rules; of a chain it is the number of its rule. Needs `all_activities`.
    """
    parts = [_chain(plan, term) for term in plan.chains]
    if plan.asks_for(VISIT):
        _tell_visits(
            con, {name for term in plan.terms_of(VISIT) if term.rule.when for name in term.rule.when.attributes()}
        )
        parts.append(_answers(plan, VISIT, "visits"))
    if plan.asks_for(REOPEN):
        _tell_reopens(con, moment, machines)
        parts.append(_answers(plan, REOPEN, "reopens"))
    con.execute(f"CREATE OR REPLACE TEMP TABLE derived AS {' UNION ALL '.join(parts)}")
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE derived_signatures AS
        SELECT CAST(-ROW_NUMBER() OVER (ORDER BY type, outcome) AS INTEGER) AS signature, type, outcome
        FROM (SELECT DISTINCT type, outcome FROM derived)
        """
    )
    con.execute("INSERT INTO signature_marks SELECT signature, FALSE, FALSE, FALSE, FALSE FROM derived_signatures")
    con.execute(
        """
        INSERT INTO all_activities
        SELECT d.person, k.signature, d.occurred_at, CAST(NULL AS TIMESTAMP), d.count, d.duration_s,
               CAST(NULL AS DOUBLE), CAST(NULL AS BOOLEAN), d.visit
        FROM derived d JOIN derived_signatures k ON k.type = d.type AND k.outcome = d.outcome
        """
    )


def derived_matches(plan: Plan) -> list[str]:
    """SELECTs of (signature, rule): which rules the derived signatures match."""
    matches = [
        f"SELECT signature, {term.number} AS rule FROM derived_signatures "
        f"WHERE type = '{kind}' AND SUBSTR(outcome, {place}, 1) = '1'"
        for kind in (VISIT, REOPEN)
        for place, term in enumerate(plan.terms_of(kind), 1)
    ]
    return matches + [
        f"SELECT signature, {term.number} AS rule FROM derived_signatures "
        f"WHERE type = '{CHAIN}' AND outcome = '{term.number}'"
        for term in plan.chains
    ]


def _tell_visits(con: Any, asked: Collection[str]) -> None:
    """Create `visits`: a row for each visit with a page, with those of the facts that are `asked` for.

    What is counted once each is grouped first: a COUNT(DISTINCT) holds all groups in memory.
    """
    columns, joins = "", ""
    if not {"url", "campaign"}.isdisjoint(asked):
        columns += ", l.url, l.campaign"
        joins += " JOIN landings l ON l.person = t.person AND l.visit = t.visit"
    if "different_pages" in asked:
        columns += ", COALESCE(d.different_pages, 0) AS different_pages"
        joins += " LEFT JOIN different d ON d.person = t.person AND d.visit = t.visit"
    if "visit_number" in asked:
        columns += ", ROW_NUMBER() OVER (PARTITION BY t.person ORDER BY t.visit) AS visit_number"
    if "days_since_last" in asked:
        before = "LAG(CAST(t.began AS DATE)) OVER (PARTITION BY t.person ORDER BY t.visit)"
        columns += f", {sql.days_between(before, 'CAST(t.began AS DATE)')} AS days_since_last"
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE visits AS
        WITH deeds AS (
            SELECT a.person, a.visit, a.occurred_at, a.count, vs.page, s.type, s.url, s.campaign
            FROM all_activities a
            JOIN visit_signatures vs ON vs.signature = a.signature
            JOIN signatures s ON s.signature = a.signature
            WHERE a.visit IS NOT NULL
        ), told AS (
            SELECT person, visit, MIN(occurred_at) AS began, MAX(occurred_at) AS ended,
                   SUM(CASE WHEN page THEN count ELSE 0 END) AS pages,
                   SUM(CASE WHEN type = 'form_submission' THEN count ELSE 0 END) AS forms,
                   SUM(CASE WHEN page OR {_is_click("type")} THEN 0 ELSE count END) AS others,
                   MIN(CASE WHEN page AND url IS NOT NULL THEN occurred_at END) AS landed_at,
                   MIN(CASE WHEN campaign IS NOT NULL THEN occurred_at END) AS called_at
            FROM deeds GROUP BY person, visit
        ), different AS (
            SELECT person, visit, COUNT(*) AS different_pages
            FROM (SELECT DISTINCT person, visit, url FROM deeds WHERE page AND url IS NOT NULL)
            GROUP BY person, visit
        ), landings AS (
            SELECT t.person, t.visit, MIN(CASE WHEN d.page AND d.occurred_at = t.landed_at THEN d.url END) AS url,
                   MIN(CASE WHEN d.occurred_at = t.called_at THEN d.campaign END) AS campaign
            FROM told t JOIN deeds d ON d.person = t.person AND d.visit = t.visit
            GROUP BY t.person, t.visit
        )
        SELECT t.person, t.visit, t.began AS occurred_at, 1 AS count,
               {sql.seconds_between("t.began", "t.ended")} AS duration_s,
               t.pages, t.forms, t.pages = 1 AND t.others = 0 AS bounce{columns}
        FROM told t{joins}
        WHERE t.pages > 0
        """
    )


def _tell_reopens(con: Any, moment: Moment, machines: MachineTest) -> None:
    """Create `reopens`: opens of an e-mail by the same person after the first; those of machines are none.

    The same e-mail is one of the same campaign with the same subject; an open without a campaign says too little.
    """
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE reopens AS
        WITH opens AS (
            SELECT a.person, s.campaign, s.asset, a.occurred_at, SUM(a.count) AS times
            FROM activities a
            JOIN signatures s ON s.signature = a.signature
            JOIN signature_marks k ON k.signature = a.signature
            {machines.join}
            WHERE s.type = 'email_open' AND s.campaign IS NOT NULL AND {moment.knows("a")}
              AND NOT {machines.verdict("k")}
            GROUP BY a.person, s.campaign, s.asset, a.occurred_at
        ), placed AS (
            SELECT *, MIN(occurred_at) OVER (PARTITION BY person, campaign, asset) AS first_at FROM opens
        )
        SELECT person, CAST(NULL AS BIGINT) AS visit, occurred_at, campaign, asset, CAST(NULL AS DOUBLE) AS duration_s,
               times - CASE WHEN occurred_at = first_at THEN 1 ELSE 0 END AS count
        FROM placed
        WHERE times > 1 OR occurred_at > first_at
        """
    )


_KNOWN: Final = {VISIT: {"url", "campaign", *VISIT_FACTS}, REOPEN: {"campaign", "asset"}}
"""What there is to know of each; `duration` is decided event by event."""


def _answers(plan: Plan, kind: str, table: str) -> str:
    """SELECT of derived activities from `table`, with the outcome of every rule that is about them."""
    known = _KNOWN[kind]
    scope = Scope(
        plan.model,
        ACTIVITY_ATTRIBUTES,
        lambda name: exp.column(name, table="v") if name in known else fact_column(name, table=None),
        "CURRENT_DATE",
    )
    tests = [f"CASE WHEN TRUE{signature_test(term, scope)} THEN '1' ELSE '0' END" for term in plan.terms_of(kind)]
    columns = "v.person, v.visit, v.occurred_at, CAST(v.count AS INTEGER) AS count, v.duration_s"
    outcome = " || ".join(tests) if tests else "''"
    return f"SELECT '{kind}' AS type, {outcome} AS outcome, {columns} FROM {table} v"


def _chain(plan: Plan, term: Term) -> str:
    """SELECT of the visits in which enough different pages (or else assets) answer the rule."""
    scope = Scope(plan.model, ACTIVITY_ATTRIBUTES, lambda name: fact_column(name, table="s"), "CURRENT_DATE")
    lasts = lasting(plan, term)
    return f"""
        SELECT '{CHAIN}' AS type, '{term.number}' AS outcome, person, visit, MIN(first_at) AS occurred_at,
               1 AS count, CAST(NULL AS DOUBLE) AS duration_s
        FROM (SELECT a.person, a.visit, COALESCE(s.url, s.asset) AS page, MIN(a.occurred_at) AS first_at
              FROM all_activities a JOIN signatures s ON s.signature = a.signature
              WHERE a.visit IS NOT NULL AND {of_types(term.rule.activity)}{signature_test(term, scope)}
                {f"AND {lasts}" if lasts else ""}
              GROUP BY a.person, a.visit, COALESCE(s.url, s.asset))
        GROUP BY person, visit
        HAVING COUNT(page) >= {term.rule.chain}"""


def _is_click(kind: str) -> str:
    return f"{kind} IN ({', '.join(map(sql.text, sorted(CLICKS)))})"
