"""The relations the engine reads, built in one connection once identity has said who is who.

Needs the temporary table ``identities(crm, record_id, person)`` of `sync.identity.resolve`. `build` makes, of all,

members(person, crm, kind, record_id, account_id, place)   live records; place 1 is the one whose values count first
owners_now(owner, person)                                   whose the activities are
deals(person, amount, currency, is_won, is_closed, created_at, closed_at, product, products)   see `_deals`
deal_signatures, deal_events                                see `scoring.deals`
everyones_activities(person, signature, occurred_at, seen_at)   of everybody
account_people(person, account)                             whose company is the same; see `_accounts`
deal_roles(person, role)                                    what part they play in deals, in lower case
last_stages(person, stage, since, held_until)
stage_entries(person, stage, entries)                       how often they entered a stage; empty unless asked
outages(type, first_day, last_day)                          days without a type that used to come daily
signatures(signature, type, url, asset, campaign, user_agent)

and `show` makes, of the people in a `Span`, what the engine reads:

people(person, email, email_domain, created_at, "attr.*")   one row per person with a live record; see `_people`
activities(person, signature, occurred_at, count, and of the other facts those that are asked for)
previous_stages(person, stage, since, held_until)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from config.model import preset_list
from scoring.deals import tell_deals
from scoring.facts import ATTRIBUTE_PREFIX, FURTHER_FACTS
from sync.mirror import normal
from sync.mirror.outages import note_outages
from sync.mirror.tables import quoted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    import duckdb

    from config.attributes import AttributeType

SPAN: Final = 300_000
"""The most people who are scored at a time."""

GRAIN: Final = 1_000
"""People whose activities are counted together, to tell spans apart."""

PERSON_BYTES: Final = 1_500
"""What the engine needs for a person, with room to spare: 50,000 who all did something and have a stage from before
need less than 60 MB. Of an activity see `scoring.engine.Prepared.activity_bytes`."""

_UNITS: Final = ("bytes", "KiB", "MiB", "GiB", "TiB")

StageRow = tuple[str, str, str, "datetime"]
"""crm, record id, stage and since when (naive UTC): what the journal knows of the stages we gave."""

HoldRow = tuple[str, str, str, "datetime", "datetime"]
"""crm, record id, stage that people set by hand, since and until when (naive UTC)."""

EntryRow = tuple[str, str, str, int]
"""crm, record id, stage and how often the record has entered it."""

_CHOSEN: Final = pa.schema([("person", pa.int64())])
_ENTRIES: Final = pa.schema(
    [("crm", pa.string()), ("record_id", pa.string()), ("stage", pa.string()), ("entries", pa.int64())]
)
_HOLDS: Final = pa.schema(
    [
        ("crm", pa.string()),
        ("record_id", pa.string()),
        ("stage", pa.string()),
        ("since", pa.timestamp("us")),
        ("held_until", pa.timestamp("us")),
    ]
)
_STAGES: Final = pa.schema(
    [
        ("crm", pa.string()),
        ("record_id", pa.string()),
        ("stage", pa.string()),
        ("since", pa.timestamp("us")),
    ]
)


@dataclass(frozen=True, slots=True)
class Span:
    """The people numbered from `first` to `last`, both included."""

    first: int
    last: int

    def holds(self, person: str) -> str:
        """SQL: whether the number in column `person` is one of them."""
        return f"{person} BETWEEN {self.first} AND {self.last}"


@dataclass(frozen=True, slots=True)
class Chosen:
    """Some people, by their numbers."""

    people: tuple[int, ...]

    def holds(self, person: str) -> str:
        """SQL: whether the number in column `person` is one of them; reads the table ``chosen`` that `show` makes."""
        return f"{person} IN (SELECT person FROM chosen)"


def build(
    connection: duckdb.DuckDBPyConnection,
    *,
    precedence: Sequence[str],
    stages: Iterable[Sequence[StageRow]] = (),
    stage_order: Sequence[str] = (),
    holds: Sequence[HoldRow] = (),
    entries: Iterable[Sequence[EntryRow]] = (),
) -> None:
    """Make the relations of everybody.

    `precedence` names CRMs, the one whose values count first; `stages` come in chunks. `stage_order` is that of the
    model's lifecycle: of stages given at the same time the later one counts. `holds` are stages that people
    set by hand; `entries`, in chunks, say how often records entered a stage.
    """
    _members(connection, precedence)
    _owners(connection)
    _deals(connection)
    _everyones_activities(connection)
    _accounts(connection)
    _given_stages(connection, stages)
    remember_stages(connection, holds, stage_order)
    _stage_entries(connection, entries)
    note_outages(connection)


def spans(connection: duckdb.DuckDBPyConnection, activity_bytes: int) -> list[Span]:
    """All people, in spans of as many as there is room for, at most `SPAN`; one span when there is nobody.

    What the engine holds of a span is what a run needs of memory, however many people there are; where some did much
    more than others, theirs are smaller. More spans than needed cost time, since each goes through all activities once
    to find its own. `activity_bytes` is what the engine holds of an activity. Needs `build`.
    """
    room, grain = memory_bytes(connection), min(GRAIN, SPAN)
    deeds = dict(
        connection.execute(f"""
            SELECT (person - 1) // {grain}, count(*) FROM store.facts JOIN owners_now USING (owner) GROUP BY ALL
        """).fetchall()
    )
    highest = last_person(connection)
    found, first, held = [], 1, 0
    for place in range(-(-highest // grain)):
        needed = grain * PERSON_BYTES + deeds.get(place, 0) * activity_bytes
        begin = place * grain + 1
        if begin > first and (held + needed > room or begin + grain - first > SPAN):
            found.append(Span(first, begin - 1))
            first, held = begin, 0
        held += needed
    return [*found, Span(first, max(highest, first))]


def last_person(connection: duckdb.DuckDBPyConnection) -> int:
    """The highest number that a person has; 1 when there is nobody. Needs `build`."""
    highest: int = connection.execute("SELECT coalesce(max(person), 1) FROM members").fetchall()[0][0]
    return highest


def memory_bytes(connection: duckdb.DuckDBPyConnection) -> float:
    """How much memory the connection may use."""
    amount, unit = connection.execute("SELECT current_setting('memory_limit')").fetchall()[0][0].split()
    return float(amount) * 1024.0 ** _UNITS.index(unit)


def oldest(connection: duckdb.DuckDBPyConnection) -> datetime | None:
    """When the oldest activity of all took place (naive, UTC); None when there is none."""
    found: datetime | None = connection.execute("""
        SELECT min(oldest) FROM (
            SELECT min(occurred_at) AS oldest FROM store.facts UNION ALL SELECT min(occurred_at) FROM deal_events)
    """).fetchall()[0][0]
    return found


def with_colleagues(connection: duckdb.DuckDBPyConnection, person: int) -> Chosen:
    """A person and everybody whose account is the same; needs `build`."""
    rows = connection.execute(
        """
        SELECT person FROM account_people
        WHERE account IN (SELECT account FROM account_people WHERE person = $person) UNION SELECT $person ORDER BY 1
        """,
        {"person": person},
    ).fetchall()
    return Chosen(tuple(found for (found,) in rows))


def show(
    connection: duckdb.DuckDBPyConnection,
    span: Span | Chosen,
    *,
    types: Mapping[str, AttributeType],
    facts: Collection[str] = FURTHER_FACTS,
) -> None:
    """Make the relations that the engine reads, for the people of `span`; needs `build`.

    `facts` are those of the FURTHER_FACTS that the engine will read (`scoring.engine.Prepared.facts`).
    """
    if isinstance(span, Chosen):  # a table: in the statements, thousands of numbers would be read over and over
        connection.execute("CREATE OR REPLACE TEMP TABLE chosen (person BIGINT)")
        insert(connection, "chosen", _CHOSEN, [(person,) for person in span.people])
    _people(connection, types, span)
    _activities(connection, span, facts)
    connection.execute(f"""
        CREATE OR REPLACE TEMP VIEW previous_stages AS FROM last_stages WHERE {span.holds("person")}
    """)


def _members(connection: duckdb.DuckDBPyConnection, precedence: Sequence[str]) -> None:
    """Live records by person. The order never heeds modification times: our own writes would turn it over."""
    rank = " ".join(f"WHEN '{crm}' THEN {number}" for number, crm in enumerate(precedence))
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE members AS
        SELECT person, crm, kind, record_id, account_id, row_number() OVER (
            PARTITION BY person ORDER BY CASE crm {rank} ELSE {len(precedence)} END, crm, kind, created_at, record_id
        )::INTEGER AS place
        FROM store.records JOIN identities USING (crm, record_id) WHERE removed IS NULL
    """)


def _people(connection: duckdb.DuckDBPyConnection, types: Mapping[str, AttributeType], span: Span | Chosen) -> None:
    """Per person the first known value of each attribute; a company's from its account before the record itself.

    Of a boolean a true counts wherever it stands: a box that nobody ticked in one CRM must not hide an objection that
    stands in the other. Most people have one record, and theirs need no grouping.
    """
    columns, firsts, names = "", "", ""
    for attribute, kind in types.items():
        name = quoted(ATTRIBUTE_PREFIX + attribute)
        is_flag = kind == "boolean"
        either = f"{'greatest' if is_flag else 'coalesce'}(accounts.{name}, records.{name})"
        columns += f", {either if attribute.startswith('company.') else f'records.{name}'} AS {name}"
        firsts += f", {f'bool_or({name})' if is_flag else f'arg_min({name}, place)'} AS {name}"
        names += f", {name}"
    connection.execute(f"""
        CREATE OR REPLACE TEMP VIEW profiles AS
        SELECT person, place, {normal.email("records.email")} AS email, records.created_at {columns}
        FROM members JOIN store.records USING (crm, record_id)
        LEFT JOIN store.accounts ON accounts.crm = members.crm AND accounts.account_id = members.account_id
        WHERE {span.holds("person")}
    """)
    connection.execute(f"""
        CREATE OR REPLACE TEMP VIEW people AS
        WITH several AS (SELECT DISTINCT person FROM members WHERE place > 1 AND {span.holds("person")}),
        one_row AS (
            SELECT person, email, created_at {names} FROM profiles WHERE person NOT IN (FROM several)
            UNION ALL
            SELECT person, arg_min(email, place), min(created_at) {firsts} FROM profiles
            WHERE person IN (FROM several) GROUP BY person
        )
        SELECT person, email, regexp_extract(email, '@(.*)$', 1) AS email_domain, created_at {names} FROM one_row
    """)


def _owners(connection: duckdb.DuckDBPyConnection) -> None:
    """Whose each activity is: by record (merged and converted ones count for the survivor), else by address."""
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE owners_now AS
        WITH by_record AS (
            SELECT owner, person FROM store.owners JOIN identities USING (crm, record_id)
        ), mailboxes AS (
            SELECT email, min(person) AS person FROM (
                SELECT {normal.email("email")} AS email, person
                FROM store.records JOIN identities USING (crm, record_id)
            ) WHERE email IN (SELECT email FROM store.owners) GROUP BY email HAVING min(person) = max(person)
        ), by_address AS (
            SELECT owner, person FROM store.owners JOIN mailboxes USING (email)
        )
        SELECT owner, person FROM (FROM by_record UNION ALL FROM by_address)
        WHERE person IN (SELECT person FROM members)
    """)


def _activities(connection: duckdb.DuckDBPyConnection, span: Span | Chosen, facts: Collection[str]) -> None:
    """A table, not a view: the engine goes through them several times, and a span's are few among all facts."""
    of_deals = {"seen_at": "occurred_at"}
    read = "".join(f", {name}" for name in FURTHER_FACTS if name in facts)
    told = "".join(f", {of_deals.get(name, 'NULL')}" for name in FURTHER_FACTS if name in facts)
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE activities AS
        SELECT person, signature, occurred_at, count{read}
        FROM store.facts JOIN (FROM owners_now WHERE {span.holds("person")}) USING (owner)
        UNION ALL
        SELECT person, signature, occurred_at, 1{told} FROM deal_events WHERE {span.holds("person")}
    """)


def _deals(connection: duckdb.DuckDBPyConnection) -> None:
    """Deals of the people who take part in them; a deal that names only an account says nothing of any one person.

    A deal that is the copy of one in the other CRM does not count a second time. `products` are those of its lines, the
    one that is worth most first; `product` is that one, null where no line says what was sold.
    """
    connection.execute("""
        CREATE OR REPLACE TEMP TABLE deals AS
        WITH copies AS (
            SELECT copy.crm, copy.deal_id
            FROM (SELECT crm, deal_id, unnest(links) AS link FROM store.deals) copy
            JOIN store.deals original ON original.crm || ':' || original.deal_id = copy.link
        ), parties AS (
            SELECT DISTINCT crm, deal_id, person
            FROM (SELECT crm, deal_id, unnest(record_ids) AS record_id FROM store.deals)
            JOIN identities USING (crm, record_id)
            WHERE person IN (SELECT person FROM members) AND (crm, deal_id) NOT IN (FROM copies)
        ), sold AS (
            SELECT crm, deal_id, list(product ORDER BY amount DESC NULLS LAST, product) AS products
            FROM (
                SELECT crm, deal_id, product, sum(amount) AS amount FROM store.line_items
                WHERE product IS NOT NULL GROUP BY ALL
            ) GROUP BY ALL
        )
        SELECT person, amount, currency, is_won, is_closed, created_at, closed_at, products[1] AS product,
            coalesce(products, []) AS products
        FROM parties JOIN store.deals USING (crm, deal_id) LEFT JOIN sold USING (crm, deal_id)
    """)
    connection.execute("""
        CREATE OR REPLACE TEMP VIEW deal_roles AS
        SELECT DISTINCT person, lower(trim(role)) AS role FROM (
            SELECT crm, record_id, unnest(string_split(role, ';')) AS role
            FROM (SELECT crm, unnest(record_ids) AS record_id, unnest(roles) AS role FROM store.deals)
        )
        JOIN identities USING (crm, record_id)
        WHERE trim(role) <> ''
    """)
    tell_deals(connection)


def _everyones_activities(connection: duckdb.DuckDBPyConnection) -> None:
    """Views, for what is asked of everybody at once: they cost nothing unless asked."""
    connection.execute("""
        CREATE OR REPLACE TEMP VIEW everyones_activities AS
        SELECT person, signature, occurred_at, seen_at FROM store.facts JOIN owners_now USING (owner)
        UNION ALL SELECT person, signature, occurred_at, occurred_at FROM deal_events
    """)
    connection.execute("""
        CREATE OR REPLACE TEMP VIEW signatures AS
        SELECT signature, type, url, asset, campaign, user_agent FROM store.signatures
        UNION ALL SELECT signature, type, NULL, asset, NULL, NULL FROM deal_signatures
    """)


def _accounts(connection: duckdb.DuckDBPyConnection) -> None:
    """Each person's one company: that of the record whose values count first, by its domain where it has one.

    So the accounts of two CRMs are one when they share a domain, unless it is one of free mail. Who has no account
    belongs to the one whose domain their e-mail address has.
    """
    shared = ", ".join(f"'{name}'" for name in preset_list("free_mail"))
    site = normal.domain("accounts.domain")
    connection.execute(f"""
        CREATE OR REPLACE TEMP VIEW account_people AS
        WITH sites AS (
            SELECT crm, account_id, domain FROM (SELECT crm, account_id, {site} AS domain FROM store.accounts)
            WHERE domain NOT IN ({shared})
        ), named AS (
            SELECT person, arg_min(coalesce(domain, crm || ':' || account_id), place) AS account
            FROM members LEFT JOIN sites USING (crm, account_id) WHERE account_id IS NOT NULL GROUP BY person
        ), mailed AS (
            SELECT person, arg_min(split_part(email, '@', 2), place) AS account
            FROM (SELECT person, place, {normal.email("records.email")} AS email
                  FROM members JOIN store.records USING (crm, record_id))
            WHERE email IS NOT NULL GROUP BY person
        )
        SELECT person, account FROM named
        UNION ALL
        SELECT person, account FROM mailed
        WHERE person NOT IN (SELECT person FROM named) AND account IN (SELECT domain FROM sites)
    """)


def _given_stages(connection: duckdb.DuckDBPyConnection, stages: Iterable[Sequence[StageRow]]) -> None:
    """What the journal knows; ``given_stages`` stays, for `sync.mirror.plan.unnoted` and `sync.mirror.holds`."""
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE given_stages (crm VARCHAR, record_id VARCHAR, stage VARCHAR, since TIMESTAMP)"
    )
    for chunk in stages:
        insert(connection, "given_stages", _STAGES, chunk)


def remember_stages(connection: duckdb.DuckDBPyConnection, holds: Sequence[HoldRow], order: Sequence[str]) -> None:
    """The stage a person is in: held by hand, else given last by the journal, else as the CRM shows it in our field.

    When two people turn out to be one, both stages may have been given at the same time: the one that is later in
    `order` stays, since it may be one that is never left downward.
    Merged and converted records speak for their person too: a lead's stage lives on in the contact it became.
    """
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE held_stages (crm VARCHAR, record_id VARCHAR, stage VARCHAR, since TIMESTAMP, "
        "held_until TIMESTAMP)"
    )
    insert(connection, "held_stages", _HOLDS, holds)
    connection.execute(
        """
        CREATE OR REPLACE TEMP TABLE last_stages AS
        SELECT person, stage, since, held_until::DATE AS held_until FROM (
            SELECT crm, record_id, stage, since, held_until FROM held_stages
            UNION ALL
            SELECT crm, record_id, stage, since, NULL FROM given_stages
            UNION ALL
            SELECT crm, record_id, nullif(trim("observed.stage"), ''), NULL, NULL FROM store.records
        )
        JOIN identities USING (crm, record_id) LEFT JOIN members USING (crm, record_id, person)
        WHERE stage IS NOT NULL AND person IN (SELECT person FROM members)
        QUALIFY row_number() OVER (PARTITION BY person ORDER BY held_until IS NULL, since DESC NULLS LAST,
            list_position($order::VARCHAR[], stage) DESC NULLS LAST, place NULLS LAST, stage) = 1
    """,
        {"order": list(order)},
    )


def _stage_entries(connection: duckdb.DuckDBPyConnection, entries: Iterable[Sequence[EntryRow]]) -> None:
    """Of a person's records that with most entries counts: each crossing is noted on all of them."""
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE entries_noted (crm VARCHAR, record_id VARCHAR, stage VARCHAR, entries BIGINT)"
    )
    for chunk in entries:
        insert(connection, "entries_noted", _ENTRIES, chunk)
    connection.execute("""
        CREATE OR REPLACE TEMP TABLE stage_entries AS
        SELECT person, stage, max(entries) AS entries FROM entries_noted JOIN identities USING (crm, record_id)
        GROUP BY person, stage
    """)


def insert(
    connection: duckdb.DuckDBPyConnection, table: str, schema: pa.Schema, rows: Sequence[Sequence[object]]
) -> None:
    """Add rows from Python to a table whose columns are those of `schema`."""
    if not rows:
        return
    columns = [pa.array(column, field.type) for column, field in zip(zip(*rows, strict=True), schema, strict=True)]
    connection.register("added", pa.table(columns, schema=schema))
    connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM added")
    connection.unregister("added")
