"""Accounts: one score for all people of a company, and which buying roles it has.

A person's role is told while they are scored (`tell_roles`); the roll-up follows over everybody's `scores`
(`roll_up`). People are counted, not records, and each belongs to one account, so nobody counts twice. Those whom a gate
stops do not count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from config.attributes import COMPUTED
from config.model_values import MICRO, micro
from config.vocabulary import DISQUALIFIED
from scoring import sql
from scoring.combined import axis_value
from scoring.conditions import Scope
from scoring.events import put
from scoring.fit import attribute_column
from scoring.ledger import NEVER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from config.model import Model
    from config.model_special import Account, RollUp
    from scoring.events import Moment


def begin(con: Any) -> None:
    """Create `account_terms` empty: the ledger may be read before the roll-up."""
    con.execute(
        "CREATE OR REPLACE TEMP TABLE account_terms "
        "(account VARCHAR, rule VARCHAR, kind VARCHAR, micro BIGINT, occurrences BIGINT)"
    )


def tell_roles(con: Any, model: Model, account: Account, moment: Moment, types: Mapping[str, str]) -> None:
    """Create `buying_roles` (person, role): the place of each person's role in the model.

    The first role that they have in a deal (`deal_roles`), else the first whose condition holds.
    """
    names = [(place, name.strip().lower()) for place, role in enumerate(account.roles) for name in role.deal_roles]
    columns = {
        "place": pa.array([place for place, _ in names], pa.int32()),
        "role": pa.array([name for _, name in names], pa.string()),
    }
    put(con, "role_names", pa.table(columns))
    scope = Scope(model, {**types, **COMPUTED}, attribute_column, sql.day(moment.day))
    cases = " ".join(
        f"WHEN {scope.sql(role.when)} THEN {place}" for place, role in enumerate(account.roles) if role.when is not None
    )
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE buying_roles AS
        SELECT p.person, COALESCE(d.place, {f"CASE {cases} END" if cases else "NULL"}) AS role
        FROM people p
        LEFT JOIN (SELECT r.person, MIN(n.place) AS place FROM deal_roles r JOIN role_names n ON n.role = r.role
                   GROUP BY r.person) d ON d.person = p.person
        """
    )


def columns(account: Account) -> dict[str, str]:
    """The columns of `scores` that are known of each person alone, from `buying_roles` as ``br``."""
    names = [role.name for role in account.roles]
    return {"buying_role": sql.labels("br.role", names)}


JOIN: Final = "LEFT JOIN buying_roles br ON br.person = s.person"


def lines() -> list[str]:
    """The lines of the ledger: each person has those of their account."""
    terms = "account_terms t JOIN account_people ap ON ap.account = t.account"
    return [f"SELECT ap.person, 'account', t.rule, t.kind, t.micro, t.occurrences, {NEVER} FROM {terms}"]


def roll_up(con: Any, account: Account) -> None:
    """Fill `account_terms` and add account_score, role_coverage and missing_roles to `scores`, which is everybody's."""
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE account_members AS
        SELECT ap.account, s.person, {axis_value(account.of, "s")} AS points, s.buying_role
        FROM scores s JOIN account_people ap ON ap.person = s.person
        WHERE s.model_version IS NOT NULL AND s.rating <> {sql.text(DISQUALIFIED)}
        """
    )
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE account_terms AS
        WITH ranked AS (
            SELECT account, points, {_weight(account)} AS weight, buying_role,
                   ROW_NUMBER() OVER (PARTITION BY account ORDER BY points DESC, person) AS place,
                   COUNT(*) OVER (PARTITION BY account) AS people
            FROM account_members WHERE points IS NOT NULL
        )
        SELECT account, rule, 'points' AS kind, CAST(micro AS BIGINT) AS micro,
               CAST(occurrences AS BIGINT) AS occurrences
        FROM ({_terms(account)}) WHERE micro IS NOT NULL
        """
    )
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE account_scores AS
        SELECT *, {sql.whole_points(sql.clamped("raw"))} AS score
        FROM (SELECT account, CAST(SUM(micro) AS BIGINT) AS raw FROM account_terms GROUP BY account)
        """
    )
    top = 100 * MICRO
    con.execute(
        f"""
        INSERT INTO account_terms
        SELECT account, 'ceiling', 'ceiling', {top} - raw, 0 FROM account_scores WHERE raw > {top}
        UNION ALL
        SELECT account, 'rounding', 'rounding', score * {MICRO} - raw, 0 FROM account_scores
        WHERE raw <= {top} AND score * {MICRO} <> raw
        """
    )
    con.execute("DELETE FROM account_terms WHERE micro = 0")
    _add_columns(con, account)
    for table in ("account_members", "account_scores"):
        con.execute(f"DROP TABLE {table}")


def _terms(account: Account) -> str:
    """SELECT of (account, rule, micro, occurrences) from `ranked`; what is summed is whole points."""
    way: RollUp = account.roll_up
    if way.mode == "max":
        return _term("Best person", f"MAX(points) * {MICRO}", "1")
    if way.mode == "sum":
        return _term("Sum of people", f"SUM(points) * {MICRO}")
    if way.mode == "top":
        return _term(f"Mean of the best {way.top}", _mean("SUM(points)", "COUNT(*)"), where=f"place <= {way.top}")
    if way.mode == "trimmed":
        best = "place <= people - people // 4"
        return _term("Mean without the lowest quarter", _mean("SUM(points)", "COUNT(*)"), where=best)
    if way.mode == "champion":
        share = micro(way.champion)
        best = f"SUM(points * CASE WHEN people = 1 THEN {MICRO} ELSE {share} END)"
        others = f"(2 * SUM(points) * {MICRO - share} + COUNT(*)) // (2 * COUNT(*))"
        first = _term("Best person", best, "1", "place = 1")
        return f"{first} UNION ALL {_term('Mean of the others', others, where='place > 1')}"
    if way.mode == "roles":
        weights = "(SELECT account AS of_account, SUM(weight) AS total FROM ranked GROUP BY account)"
        part = _mean("SUM(points * weight)", "NULLIF(MAX(total), 0)")
        return (
            f"SELECT account, COALESCE(buying_role, 'Others') AS rule, {part} AS micro, COUNT(*) AS occurrences "
            f"FROM ranked JOIN {weights} ON of_account = account GROUP BY account, COALESCE(buying_role, 'Others')"
        )
    return _term("Mean of people", _mean("SUM(points)", "COUNT(*)"))


def _term(rule: str, value: str, occurrences: str = "COUNT(*)", where: str = "TRUE") -> str:
    return (
        f"SELECT account, {sql.text(rule)} AS rule, {value} AS micro, {occurrences} AS occurrences "
        f"FROM ranked WHERE {where} GROUP BY account"
    )


def _mean(total: str, count: str) -> str:
    """Micro-points of a quotient, halves upward."""
    return f"(2 * {total} * {MICRO} + {count}) // (2 * {count})"


def _weight(account: Account) -> str:
    cases = " ".join(f"WHEN {sql.text(role.name)} THEN {role.weight}" for role in account.roles)
    return f"CASE buying_role {cases} ELSE {account.others} END" if cases else str(account.others)


def _add_columns(con: Any, account: Account) -> None:
    needed = [role.name for role in account.roles if role.needed]
    has = [f"MAX(CASE WHEN buying_role = {sql.text(name)} THEN 1 ELSE 0 END)" for name in needed]
    covered = f"CAST((200 * ({' + '.join(has)}) + {len(needed)}) // {2 * len(needed)} AS INTEGER)" if needed else "NULL"
    lacks = " || ".join(
        f"CASE WHEN {test} = 1 THEN '' ELSE {sql.text(', ' + name)} END" for test, name in zip(has, needed, strict=True)
    )
    missing = f"NULLIF(SUBSTR({lacks}, 3), '')" if needed else "CAST(NULL AS VARCHAR)"
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE scores AS
        SELECT s.*, CASE WHEN s.model_version IS NOT NULL THEN a.score END AS account_score,
               CASE WHEN s.model_version IS NOT NULL THEN r.covered END AS role_coverage,
               CASE WHEN s.model_version IS NOT NULL THEN r.missing END AS missing_roles
        FROM scores s
        LEFT JOIN account_people ap ON ap.person = s.person
        LEFT JOIN account_scores a ON a.account = ap.account
        LEFT JOIN (SELECT account, CAST({covered} AS INTEGER) AS covered, {missing} AS missing
                   FROM account_members GROUP BY account) r ON r.account = ap.account
        """
    )
