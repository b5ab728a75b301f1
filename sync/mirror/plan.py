"""Desired against observed, in the mirror: the table ``store.plan``.

One row per record that is to be written: crm, tag (1..n within the CRM, in the order of sending), kind, record_id,
account_id, crossing (rating or a stage changes), why (the fields that call for the write), stage_since (since when the
person has the desired stage; null when it is new), values_hash (of the values and of the record's version in the
CRM), quiet (the stage is given without handing the person over), held (why the row is not to be sent, else null), and
per output field of the model ``desired.<name>`` and ``write.<name>`` (whether it differs). Of the CRM's own stage:
crm_stage (null where it stays), crm_stage_seen, crm_stage_back (as in `sync.mirror.stage_moves`).

Which differences call for a write is said in `sync.changes`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from connectors.base import CRM_STAGE
from scoring.facts import OBSERVED_PREFIX, OutputField
from sync.mirror import views
from sync.mirror.store import transaction
from sync.mirror.tables import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date, datetime

    import duckdb

NotedStage = tuple[str, str | None, "datetime | None"]
"""record id, stage, since when its person has it (naive UTC; None: from now on)."""

RefusedRow = tuple[str, str, str]
"""crm, record id, hash of the values that were refused."""

DESIRED: Final = "desired."
WRITE: Final = "write."
"""What the plan's columns of an output field begin with."""

REFUSED_BEFORE: Final = "refused before"
OUTSIDE: Final = "outside the share"
"""Why rows are held back."""

SQL_TYPES: Final = {"integer": "BIGINT", "text": "VARCHAR", "date": "DATE"}
PART: Final = 100_000
"""People who are planned for, and rows that are put in order, at a time: so memory does not grow with them."""

PERSON_BYTES: Final = 1_700
"""Where memory allows so much for each, more people are planned for at a time: every time goes through all records."""

_REFUSED: Final = pa.schema([("crm", pa.string()), ("record_id", pa.string()), ("values_hash", pa.string())])


@dataclass(frozen=True, slots=True)
class Planned:
    """Counts of one CRM: live records of scored people, and how many of them are to be written."""

    crm: str
    records: int
    planned: int
    held: Mapping[str, int]  # of the planned, those that are not to be sent, by reason
    crossing: int = 0  # of those that are to be sent, the ones that cross a rating or a stage; they have the first tags

    @property
    def to_send(self) -> int:
        """Rows that are to be sent; they have the first tags."""
        return self.planned - sum(self.held.values())

    @property
    def unchanged(self) -> int:
        """Records that hold what they should hold."""
        return self.records - self.planned


def differs(field: OutputField) -> str:
    """SQL: the record does not hold the desired value (as the field's type sees it)."""
    observed, desired = quoted(OBSERVED_PREFIX + field.name), quoted(DESIRED + field.name)
    raw = _trimmed(observed)
    other = f"({_typed(raw, field)} IS DISTINCT FROM {desired} OR ({desired} IS NULL AND {raw} IS NOT NULL))"
    # Most records hold the very text, which is found out sooner than what a text means.
    return f"({observed} IS DISTINCT FROM {desired}::VARCHAR AND {other})"


def moved(field: OutputField, least: int) -> str:
    """SQL: a number was set, cleared, or moved by at least `least`."""
    raw = _trimmed(quoted(OBSERVED_PREFIX + field.name))
    distance = f"abs({_typed(raw, field)} - {quoted(DESIRED + field.name)})"
    return f"({differs(field)} AND coalesce({distance} >= {least}, true))"


def healed(field: OutputField) -> str:
    """SQL: the field is empty and should not be."""
    raw = _trimmed(quoted(OBSERVED_PREFIX + field.name))
    return f"({raw} IS NULL AND {quoted(DESIRED + field.name)} IS NOT NULL)"


def passed(field: OutputField, today: date) -> str:
    """SQL: the record holds a day before `today`, and not the desired one."""
    raw = _trimmed(quoted(OBSERVED_PREFIX + field.name))
    return f"({differs(field)} AND coalesce({_typed(raw, field)} < DATE '{today}', false))"


def make(
    connection: duckdb.DuckDBPyConnection,
    *,
    triggers: Mapping[OutputField, str],
    abandoned: Sequence[OutputField] = (),
    refused: Iterable[Sequence[RefusedRow]],
    fence: int,
) -> list[Planned]:
    """Make ``store.plan`` from ``scores``, ``members``, ``last_stages``, ``stage_moves`` and
    ``not_handed_over``; counts per CRM.

    Raises `LeaseLost`. Not in one transaction: a plan that was left half made is made anew before anything is sent.
    Rows of people in ``outsiders`` (`sync.mirror.rollout`) are held back. `triggers` gives per output field the
    condition under which it calls for a write; those `abandoned` have no column in ``scores`` and are to be empty.
    `refused` comes in chunks.
    """
    load_refused(connection, refused)
    desired = ", ".join(
        f"{_nothing(field) if field in abandoned else _desired(field)} AS {quoted(DESIRED + field.name)}"
        for field in triggers
    )
    observed = ", ".join(quoted(OBSERVED_PREFIX + field.name) for field in triggers)
    writes = ", ".join(f"{differs(field)} AS {quoted(WRITE + field.name)}" for field in triggers)
    calls = {field.name: condition for field, condition in triggers.items()} | {CRM_STAGE: f"{CRM_STAGE} IS NOT NULL"}
    why = ", ".join(f"CASE WHEN {condition} THEN '{name}' END" for name, condition in calls.items())
    texts = ", ".join(f"coalesce({quoted(DESIRED + field.name)}::VARCHAR, '\x1f')" for field in triggers)
    with transaction(connection, fence):
        connection.execute("DROP TABLE IF EXISTS store.drafts")
    part = max(PART, int(views.memory_bytes(connection)) // PERSON_BYTES)
    for place, first in enumerate(range(1, views.last_person(connection) + 1, part)):
        span = views.Span(first, first + part - 1)
        # A table of its own: joined at once, the plan would take the wide rows for few, and hold them once per join.
        connection.execute(f"""
            CREATE OR REPLACE TEMP TABLE targets AS
            SELECT crm, record_id, kind, account_id, person, last_stages.stage AS last_stage, since AS last_since,
                wanted AS crm_stage, seen AS crm_stage_seen, backward AS crm_stage_back,
                coalesce(is_new, false) AS quiet
            FROM (FROM members WHERE {span.holds("person")}) members
            LEFT JOIN (FROM last_stages WHERE {span.holds("person")}) last_stages USING (person)
            LEFT JOIN stage_moves USING (crm, record_id)
            LEFT JOIN not_handed_over USING (crm, record_id)
        """)
        connection.execute(f"""
            {"INSERT INTO store.drafts" if place else "CREATE TABLE store.drafts AS"}
            WITH compared AS (
                SELECT crm, kind, record_id, targets.account_id, person, modified_at, {desired}, {observed},
                    CASE WHEN scores.stage = last_stage THEN last_since END AS stage_since,
                    crm_stage, crm_stage_seen, crm_stage_back, quiet
                FROM targets
                JOIN store.records USING (crm, record_id, kind)
                JOIN (FROM scores WHERE {span.holds("person")}) scores USING (person)
            ), reasoned AS (
                SELECT * EXCLUDE ({observed}, modified_at), {writes}, concat_ws(', ', {why}) AS why,
                    md5(concat_ws('\x1e', modified_at, {texts}, crm_stage)) AS values_hash
                FROM compared WHERE {" OR ".join(calls.values())}
            )
            SELECT crm, "write.rating" OR "write.stage" OR crm_stage IS NOT NULL AS crossing,
                CASE WHEN outsiders.person IS NOT NULL THEN '{OUTSIDE}'
                    WHEN refusals.record_id IS NOT NULL THEN '{REFUSED_BEFORE}' END AS held, reasoned.* EXCLUDE (crm)
            FROM reasoned LEFT JOIN refusals USING (crm, record_id, values_hash) LEFT JOIN outsiders USING (person)
        """)
    connection.execute("DROP TABLE targets")
    put_in_order(connection)
    return counts(connection, "members JOIN scores USING (person)")


def counts(connection: duckdb.DuckDBPyConnection, records: str) -> list[Planned]:
    """What ``store.plan`` has, per CRM in which there is a record in the relation `records`."""
    held: dict[str, dict[str, int]] = {}
    for crm, why, rows in connection.execute(
        "SELECT crm, held, count(*) FROM store.plan WHERE held IS NOT NULL GROUP BY ALL ORDER BY ALL"
    ).fetchall():
        held.setdefault(crm, {})[why] = rows
    found = connection.execute(f"""
        SELECT crm, records, coalesce(planned, 0), coalesce(crossings, 0)
        FROM (SELECT crm, count(*) AS records FROM {records} GROUP BY crm)
        LEFT JOIN (
            SELECT crm, count(*) AS planned, count(*) FILTER (crossing AND held IS NULL) AS crossings
            FROM store.plan GROUP BY crm
        ) USING (crm)
        ORDER BY crm
    """).fetchall()
    return [Planned(crm, records, planned, held.get(crm, {}), crossings) for crm, records, planned, crossings in found]


def still_held(connection: duckdb.DuckDBPyConnection, fields: Sequence[OutputField]) -> list[OutputField]:
    """Those of `fields` that some record in a CRM holds a value of."""
    if not fields:
        return []
    counts = ", ".join(f"count(nullif(trim({quoted(OBSERVED_PREFIX + field.name)}), ''))" for field in fields)
    held = connection.execute(f"SELECT {counts} FROM store.records WHERE removed IS NULL").fetchall()[0]
    return [field for field, records in zip(fields, held, strict=True) if records]


def names_planned(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """The names of the output fields that ``store.plan`` has columns of."""
    return names(column for column, *_ in connection.execute("DESCRIBE store.plan").fetchall())


def names(columns: Iterable[str]) -> list[str]:
    """The names of the output fields among the columns of a row of the plan."""
    return [column.removeprefix(WRITE) for column in columns if column.startswith(WRITE)]


def put_in_order(connection: duckdb.DuckDBPyConnection) -> None:
    """Make ``store.plan`` of ``store.drafts``, rows in the order of their tags: of each CRM those to be sent first, of
    these the ones that cross a rating or a stage, and records of one account together.

    Only the keys are sorted together; whole rows are fetched some at a time, since all of them may be too many for
    memory.
    """
    connection.execute("""
        CREATE OR REPLACE TEMP TABLE places AS
        SELECT rowid AS draft, crm FROM store.drafts
        ORDER BY crm, held IS NOT NULL, crossing DESC, account_id, record_id;
        CREATE OR REPLACE TABLE store.plan AS SELECT 0::BIGINT AS tag, * FROM store.drafts LIMIT 0;
    """)
    total = connection.execute("SELECT count(*) FROM places").fetchall()[0][0]
    for first in range(0, total, PART):
        connection.execute(f"""
            INSERT INTO store.plan
            SELECT place - start + 1, drafts.*
            FROM store.drafts JOIN (
                SELECT draft, places.rowid AS place, start
                FROM places JOIN (SELECT crm, min(rowid) AS start FROM places GROUP BY crm) USING (crm)
                WHERE places.rowid BETWEEN {first} AND {first + PART - 1}
            ) ON drafts.rowid = draft
            ORDER BY place
        """)
    connection.execute("DROP TABLE places; DROP TABLE store.drafts")


def unnoted(connection: duckdb.DuckDBPyConnection) -> dict[str, list[NotedStage]]:
    """Per CRM the stages of records that hold what they should, though the journal knows otherwise.

    The journal knows another stage of the record: a write took effect and its answer was lost. Or it knows another
    stage of the person, from a record that was merged or converted, and no live record is left to be written.
    Needs `sync.mirror.views` and the engine's ``scores``.
    """
    found: dict[str, list[NotedStage]] = {}
    for crm, *noted in connection.execute("""
        WITH standing AS (
            SELECT crm, record_id, person, scores.stage,
                nullif(trim("observed.stage"), '') IS NOT DISTINCT FROM scores.stage AS held,
                CASE WHEN scores.stage = last_stages.stage THEN last_stages.since END AS since,
                scores.stage IS DISTINCT FROM last_stages.stage AS moves
            FROM members JOIN store.records USING (crm, record_id) JOIN scores USING (person)
            LEFT JOIN last_stages USING (person)
        )
        SELECT crm, record_id, standing.stage, standing.since FROM standing JOIN given_stages USING (crm, record_id)
        WHERE held AND (given_stages.stage IS DISTINCT FROM standing.stage
            OR (moves AND person NOT IN (SELECT person FROM standing WHERE NOT held)))
    """).fetchall():
        found.setdefault(crm, []).append((noted[0], noted[1], noted[2]))
    return found


def settled(connection: duckdb.DuckDBPyConnection, refused: Iterable[Sequence[RefusedRow]]) -> dict[str, list[str]]:
    """Per CRM the records of `refused` that are not in the plan; `refused` comes in chunks."""
    load_refused(connection, refused)
    return dict(
        connection.execute("""
            SELECT crm, list(record_id ORDER BY record_id) FROM refusals ANTI JOIN store.plan USING (crm, record_id)
            GROUP BY crm ORDER BY crm
        """).fetchall()
    )


def read(connection: duckdb.DuckDBPyConnection, crm: str, first: int, last: int) -> list[dict[str, Any]]:
    """Rows of the plan with tags `first` to `last`, in the order of sending, as column name -> value."""
    relation = connection.sql(
        f"SELECT * EXCLUDE (crm) FROM store.plan WHERE crm = '{crm}' AND tag BETWEEN {first} AND {last} ORDER BY tag"
    )
    rows: list[dict[str, Any]] = relation.to_arrow_table().to_pylist()
    return rows


def load_refused(connection: duckdb.DuckDBPyConnection, refused: Iterable[Sequence[RefusedRow]]) -> None:
    """Make the table ``refusals`` of rows that come in chunks."""
    connection.execute("CREATE OR REPLACE TEMP TABLE refusals (crm VARCHAR, record_id VARCHAR, values_hash VARCHAR)")
    for chunk in refused:
        views.insert(connection, "refusals", _REFUSED, chunk)


def _desired(field: OutputField) -> str:
    column = f"scores.{field.name}"
    return {
        "integer": f"{column}::BIGINT",
        "text": _trimmed(column),
        "date": f"{column}::DATE",
    }[field.type]


def _trimmed(text: str) -> str:
    """SQL: a text without spaces around it, null when nothing is left.

    `trim` reads letter by letter; whether there is anything to trim is told by the first and the last.
    """
    return f"CASE WHEN {text} < '!' OR suffix({text}, ' ') THEN nullif(trim({text}), '') ELSE {text} END"


def _nothing(field: OutputField) -> str:
    return f"CAST(NULL AS {SQL_TYPES[field.type]})"


def _typed(raw: str, field: OutputField) -> str:
    """SQL: an observed text as the field's type; null when it is none."""
    return {
        "integer": f"TRY_CAST({raw} AS DOUBLE)",
        "text": raw,
        "date": f"TRY_CAST(TRY_CAST({raw} AS TIMESTAMPTZ) AS DATE)",
    }[field.type]
