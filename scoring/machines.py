"""Machines told apart from people: scanners that open and click everything, proxies that load every picture.

Verdicts are made anew at every run, from all that is known by then, as the section `machine` of the model says. Most
signs can be read off an event and its signature; only what needs other events beside it (many links at once, a click
without an open) is looked for, and only where it could decide.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from config.model import PRIVACY_PROXIES, SCANNERS
from scoring import sql
from scoring.events import age_key, duration_test, of_types
from scoring.facts import DONE_TO_THEM
from scoring.restart import is_afresh, restart_join

if TYPE_CHECKING:
    from collections.abc import Mapping

    from config.model import Model
    from config.model_machine import Machine
    from scoring.events import Moment
    from scoring.plan import Plan

OPEN_SLACK_S: Final = 60
"""An open is noted with the click, or somewhat later: within so many seconds it still belongs to the click."""

_BESIDE: Final = ("many_links", "no_open")
"""Signs that other events give."""


def mark_signatures(con: Any, plan: Plan) -> None:
    """Create `signature_marks` (signature, scanner, click, proxy, living) and, of the living, `living_signatures`.

    Living are those that are a sign of life; a proxy is one that loads pictures for people who may never read.
    """
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE signature_marks AS
        SELECT s.signature, {_scanner(plan.model)} AS scanner, s.type = 'email_click' AS click,
               {_proxy(plan.model)} AS proxy, NOT {of_types(sorted(DONE_TO_THEM))} AS living
        FROM signatures s
        """
    )
    con.execute(
        "CREATE OR REPLACE TEMP TABLE living_signatures AS "
        "SELECT signature, scanner, click, proxy FROM signature_marks WHERE living"
    )


def _scanner(model: Model) -> str:
    agents = [agent.lower() for agent in model.list_values(SCANNERS)]
    tests = " OR ".join(f"STRPOS(LOWER(s.user_agent), {sql.text(agent)}) > 0" for agent in agents)
    return f"COALESCE({tests}, FALSE)" if tests else "FALSE"


def _proxy(model: Model) -> str:
    agents = ", ".join(sql.text(agent.lower()) for agent in model.list_values(PRIVACY_PROXIES))
    return f"COALESCE(s.type = 'email_open' AND LOWER(s.user_agent) IN ({agents}), FALSE)"


def find_machines(con: Any, plan: Plan, moment: Moment) -> MachineTest:
    """Look for signs that other events give; creates `machine_clicks`, the clicks that such a sign makes a machine's.

    Its columns are person, occurred_at, signature, links (many at once) and unopened (the mail, by then).
    """
    rules = plan.model.machine
    test = MachineTest(rules)
    beside = [sign for sign in _BESIDE if sign in rules.signs]
    until = moment.knows("a")
    own = test.own_signs("ls")
    if not plan.asks_for_machines or not beside:
        return test
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE machine_suspects AS
        SELECT a.person, a.occurred_at, a.signature, s.campaign, MAX({own}) AS own_signs
        FROM activities a
        JOIN living_signatures ls ON ls.signature = a.signature
        JOIN signatures s ON s.signature = a.signature
        WHERE ls.click AND {until} AND {own} BETWEEN {rules.needed - len(beside)} AND {rules.needed - 1}
          AND ({own} >= {rules.needed - 1} OR a.person IN ({_busy(rules, until)}))
        GROUP BY a.person, a.occurred_at, a.signature, s.campaign
        """
    )
    nothing = "SELECT CAST(NULL AS BIGINT) AS person, CAST(NULL AS TIMESTAMP) AS {} WHERE FALSE"
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE machine_clicks AS
        WITH bursts AS ({_bursts(rules, until) if "many_links" in rules.signs else nothing.format("occurred_at")}),
        opens AS ({_opens(until)}),
        signed AS (
            SELECT q.person, q.occurred_at, q.signature, q.own_signs, b.person IS NOT NULL AS links,
                   {"no_open" in rules.signs} AND q.campaign IS NOT NULL
                   AND NOT COALESCE(o.first_at <= q.occurred_at + INTERVAL '{OPEN_SLACK_S}' SECOND, FALSE) AS unopened
            FROM machine_suspects q
            LEFT JOIN bursts b ON b.person = q.person AND b.occurred_at = q.occurred_at
            LEFT JOIN opens o ON o.person = q.person AND o.campaign = q.campaign
        )
        SELECT person, occurred_at, signature, links, unopened FROM signed
        WHERE own_signs + {_one("links")} + {_one("unopened")} >= {rules.needed}
        """
    )
    con.execute("DROP TABLE machine_suspects")
    return MachineTest(rules, bool(con.execute("SELECT COUNT(*) FROM machine_clicks").fetchall()[0][0]))


def _busy(rules: Machine, until: str) -> str:
    """SELECT of everybody who may have clicked many links at once: without that, two signs beside are out of reach.

    Clicks at once fall into two slots of time at most, and half of them into one.
    """
    slot = f"DATE_DIFF('second', TIMESTAMP '1970-01-01', a.occurred_at) // {2 * rules.at_once + 1}"
    return f"""
        SELECT a.person FROM activities a JOIN living_signatures ls ON ls.signature = a.signature
        WHERE ls.click AND {until} GROUP BY a.person, {slot} HAVING COUNT(*) >= {(rules.links + 1) // 2}"""


def _bursts(rules: Machine, until: str) -> str:
    """SELECT of (person, occurred_at): when suspects clicked so many different links at once.

    Links of e-mails only, since a machine follows what it finds in a mail.
    """
    slot = f"DATE_DIFF('second', TIMESTAMP '1970-01-01', {{}}) // {rules.at_once + 1}"
    return f"""
        SELECT person, occurred_at
        FROM (SELECT DISTINCT q.person, q.occurred_at, c.url
              FROM (SELECT DISTINCT person, occurred_at, {slot.format("occurred_at")} + shift AS slot
                    FROM machine_suspects, (VALUES (-1), (0), (1)) v (shift)) q
              JOIN (SELECT a.person, a.occurred_at, {slot.format("a.occurred_at")} AS slot, s.url
                    FROM activities a JOIN signatures s ON s.signature = a.signature
                    WHERE s.type = 'email_click' AND {until}) c ON c.person = q.person AND c.slot = q.slot
              WHERE c.occurred_at BETWEEN q.occurred_at - INTERVAL '{rules.at_once}' SECOND
                                      AND q.occurred_at + INTERVAL '{rules.at_once}' SECOND)
        GROUP BY person, occurred_at
        HAVING COUNT(url) >= {rules.links}"""


def _opens(until: str) -> str:
    """SELECT of (person, campaign, first_at): when suspects first opened an e-mail."""
    return f"""
        SELECT a.person, s.campaign, MIN(a.occurred_at) AS first_at
        FROM activities a JOIN signatures s ON s.signature = a.signature
        WHERE s.type = 'email_open' AND s.campaign IS NOT NULL AND {until}
          AND a.person IN (SELECT person FROM machine_suspects)
        GROUP BY a.person, s.campaign"""


@dataclass(frozen=True)
class MachineTest:
    """SQL that tells events of machines: the verdict, and the join that it needs.

    `verdict` and `why` speak of the activity ``a`` and of its signature's marks under `alias`.
    """

    rules: Machine
    has_clicks: bool = False

    @property
    def join(self) -> str:
        """Joins the signs that other events give to the activity ``a``, where there are any."""
        if not self.has_clicks:
            return ""
        return (
            "LEFT JOIN machine_clicks mc "
            "ON mc.person = a.person AND mc.occurred_at = a.occurred_at AND mc.signature = a.signature"
        )

    def own_signs(self, alias: str) -> str:
        """How many signs an event shows by itself."""
        return f"({' + '.join(map(_one, self._own(alias).values())) or '0'})"

    def verdict(self, alias: str) -> str:
        """True for an event of a machine."""
        signs = {**self._own(alias), **self._beside()}
        enough = f"{' + '.join(map(_one, signs.values()))} >= {self.rules.needed}"
        if len(signs) < self.rules.needed:
            enough = "FALSE"
        return f"({' OR '.join([*self._alone(alias).values(), enough])})"

    def why(self, alias: str) -> str:
        """Of an event of a machine, what told so: ``crm_flag``, ``privacy_open``, or its signs, joined by ``+``.

        Signs that other events give are named only where its own were not enough.
        """
        alone = " ".join(f"WHEN {test} THEN '{name}'" for name, test in self._alone(alias).items())
        own, beside = _words(self._own(alias)), _words(self._beside())
        enough = f"WHEN {self.own_signs(alias)} >= {self.rules.needed} THEN SUBSTR({own}, 2)"
        return f"CASE {alone} {enough} ELSE SUBSTR({own} || {beside}, 2) END"

    def _alone(self, alias: str) -> dict[str, str]:
        """What is enough alone."""
        tests = {}
        if self.rules.crm_flag == "decides":
            tests["crm_flag"] = "COALESCE(a.flagged_machine, FALSE)"
        if self.rules.privacy_opens == "machine":
            tests["privacy_open"] = f"{alias}.proxy"
        return tests

    def _own(self, alias: str) -> dict[str, str]:
        tests = {}
        if self.rules.crm_flag == "sign":
            tests["crm_flag"] = "COALESCE(a.flagged_machine, FALSE)"
        if "fast" in self.rules.signs:
            tests["fast"] = f"COALESCE(a.since_send_s <= {sql.number(self.rules.fast)}, FALSE)"
        if "user_agent" in self.rules.signs:
            tests["user_agent"] = f"{alias}.scanner"
        return tests

    def _beside(self) -> dict[str, str]:
        if not self.has_clicks:
            return {}
        columns = {"many_links": "mc.links", "no_open": "mc.unopened"}
        return {sign: f"COALESCE({columns[sign]}, FALSE)" for sign in _BESIDE if sign in self.rules.signs}


def _words(signs: Mapping[str, str]) -> str:
    return " || ".join(f"CASE WHEN {test} THEN '+{name}' ELSE '' END" for name, test in signs.items()) or "''"


def _one(test: str) -> str:
    return f"CASE WHEN {test} THEN 1 ELSE 0 END"


def aside_lines(
    plan: Plan,
    moment: Moment,
    machines: MachineTest,
    span: int,
    suffix: str = "",
    *,
    axis: str = "'engagement'",
    terms: str = "rule_terms",
) -> list[str]:
    """SELECTs of the ledger's lines about events set aside: how many of each rule, and why.

    `suffix` is that of the tally's tables; `axis` is SQL over `terms` as ``t``.
    """
    day, never = sql.day(moment.day), "CAST(NULL AS TIMESTAMP)"
    plain = f"""
        SELECT a.person, MIN({axis}), t.name, 'machine: ' || {machines.why("rs")}, 0, SUM(a.count), {never}
        FROM contributions{suffix} c
        JOIN {terms} t ON t.part_of = c.rule AND NOT t.repeats
        JOIN {plan.activities} a ON a.person = c.person
        JOIN rule_signatures rs ON rs.signature = a.signature AND rs.rule = t.rule
        JOIN rule_ages ra ON ra.key = {age_key("rs.rule", moment.age("a.occurred_at"), span)}
        {machines.join} {restart_join(plan)}
        WHERE c.set_aside > 0 AND rs.spares AND {moment.knows("a")}{is_afresh(plan, moment)}
          AND {machines.verdict("rs")}{duration_test(plan)}
        GROUP BY a.person, t.part_of, t.name, {machines.why("rs")}"""
    shaped = f"""
        SELECT e.person, MIN({axis}), t.name, 'machine: ' || e.why, 0, SUM(e.n), {never}
        FROM shaped_events{suffix} e
        JOIN {terms} t ON t.rule = e.rule AND NOT t.repeats
        JOIN rule_ages ra ON ra.key = {age_key("e.rule", sql.days_between("e.on_day", day), span)}
        WHERE e.set_aside
        GROUP BY e.person, t.part_of, t.name, e.why"""
    return [*([plain] if plan.spares else []), *([shaped] if plan.shaped else [])]
