"""Removals: what the CRM deleted, merged, converted or erased."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from scoring.facts import COLUMNS, Table
from sync.mirror import normal, past
from sync.mirror.activities import activity_key
from sync.mirror.store import note_erased
from sync.mirror.tables import last_of, past_of

if TYPE_CHECKING:
    from datetime import datetime

    import duckdb


def store(connection: duckdb.DuckDBPyConnection, now: datetime) -> None:
    """Apply the removals of relation `batch`.

    People: a tombstone with the survivor's id, and the record is marked, so that identity can follow it. Accounts,
    deals, their lines and activities go; an activity is named by its own id or by that of the object it was read from.
    Of an erased person nothing stays but the tombstone.
    """
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE gone AS SELECT * EXCLUDE (arrival) FROM batch
        WHERE {last_of("crm, kind, record_id", "batch")}
    """)
    bury(connection, "gone", now)
    for table, key in (
        (Table.ACCOUNTS, "account_id"), (Table.DEALS, "deal_id"), (Table.LINE_ITEMS, "line_id"),
    ):  # fmt: skip
        kind = table.removesuffix("s")
        past.remove(connection, table, f"(crm, {key}) IN (SELECT crm, record_id FROM gone WHERE kind = '{kind}')", now)
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE undone AS
        SELECT {activity_key("crm", "record_id")} AS key FROM gone WHERE kind = 'activity'
    """)
    past.remove(connection, "facts", "activity IN (FROM undone) OR source IN (FROM undone)", now)
    connection.execute("DROP TABLE undone; DROP TABLE gone")


def bury(connection: duckdb.DuckDBPyConnection, relation: str, now: datetime) -> None:
    """Mark the person records of `relation` (columns of `Table.REMOVALS`) as removed.

    A record that lives on in another one leads there for good, also when nothing else is left of it.
    """
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE buried AS
        SELECT *, $now::TIMESTAMP AS known_from FROM (SELECT {", ".join(COLUMNS[Table.REMOVALS])} FROM {relation}) told
        WHERE kind IN ('contact', 'lead') AND NOT EXISTS (
            SELECT 1 FROM store.removals known
            WHERE known.crm = told.crm AND known.kind = told.kind AND known.record_id = told.record_id
                AND (known.removed = 'erased' OR (told.removed = 'erased' AND known.successor_id IS NOT NULL)))
        """,
        {"now": now.replace(tzinfo=None)},
    )
    connection.execute("""
        CREATE OR REPLACE TEMP TABLE known AS
        FROM store.removals WHERE (crm, kind, record_id) IN (SELECT crm, kind, record_id FROM buried)
    """)
    past.keep(connection, Table.REMOVALS, "buried", now)
    connection.execute("""
        DELETE FROM store.removals WHERE (crm, kind, record_id) IN (SELECT crm, kind, record_id FROM buried);
        INSERT INTO store.removals BY NAME SELECT * FROM buried;
    """)
    _mark(connection, now)
    _erase(connection)
    connection.execute("DROP TABLE buried; DROP TABLE known")


def _mark(connection: duckdb.DuckDBPyConnection, now: datetime) -> None:
    connection.execute(
        """
        CREATE OR REPLACE TEMP TABLE known AS
        SELECT records.* FROM store.records JOIN buried USING (crm, record_id)
        WHERE records.removed IS DISTINCT FROM buried.removed
        """
    )
    ended = {"now": now.replace(tzinfo=None)}
    connection.execute(f"INSERT INTO {past_of(Table.RECORDS)} BY NAME SELECT *, $now AS known_until FROM known", ended)
    connection.execute(
        """
        UPDATE store.records SET removed = buried.removed, known_from = $now
        FROM buried JOIN known USING (crm, record_id)
        WHERE records.crm = buried.crm AND records.record_id = buried.record_id
        """,
        ended,
    )


NOT_ERASED: Final = """(crm, record_id) NOT IN (
    SELECT crm, record_id FROM store.removals WHERE removed = 'erased' AND kind IN ('contact', 'lead'))"""
"""SQL: whether a record is of nobody who was erased; such ones never come back."""


def bring_back(connection: duckdb.DuckDBPyConnection, now: datetime) -> None:
    """Records in `incoming` that the CRM shows live again lose their tombstones."""
    if not connection.execute("SELECT 1 FROM store.removals LIMIT 1").fetchall():
        return
    is_back = "(crm, record_id) IN (SELECT crm, record_id FROM incoming WHERE removed IS NULL)"
    past.remove(connection, Table.REMOVALS, f"kind IN ('contact', 'lead') AND {is_back}", now)


def _erase(connection: duckdb.DuckDBPyConnection) -> None:
    """Remove all that is known of people who were erased, their address included.

    With a record go those that it took in, by merge or conversion: they are the same person.
    """
    if not connection.execute("SELECT count(*) FROM buried WHERE removed = 'erased'").fetchall()[0][0]:
        return
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE erased_records AS
        WITH RECURSIVE same AS (
            SELECT crm, record_id FROM buried WHERE removed = 'erased'
            UNION
            SELECT removals.crm, removals.record_id FROM store.removals
            JOIN same ON removals.crm = same.crm AND removals.successor_id = same.record_id
        )
        FROM same;
        CREATE OR REPLACE TEMP TABLE erased AS
        SELECT owner FROM store.owners
        WHERE (crm, record_id) IN (FROM erased_records)
            OR (crm, email) IN (
                SELECT crm, {normal.email("records.email")}
                FROM store.records JOIN erased_records USING (crm, record_id));
        DELETE FROM store.facts WHERE owner IN (SELECT owner FROM erased);
        DELETE FROM store.owners WHERE owner IN (SELECT owner FROM erased);
        DELETE FROM store.past_facts WHERE owner IN (SELECT owner FROM erased);
        DELETE FROM store.signatures WHERE signature NOT IN (SELECT signature FROM store.facts)
            AND signature NOT IN (SELECT signature FROM store.past_facts);
        DELETE FROM store.records WHERE (crm, record_id) IN (FROM erased_records);
        DELETE FROM store.past_records WHERE (crm, record_id) IN (FROM erased_records);
        DELETE FROM store.counters WHERE (crm, record_id) IN (FROM erased_records);
        DROP TABLE erased;
        DROP TABLE erased_records;
    """)
    note_erased(connection)
