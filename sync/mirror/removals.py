"""Removals: what the CRM deleted, merged, converted or erased."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sync.mirror import normal
from sync.mirror.activities import activity_key
from sync.mirror.tables import last_of

if TYPE_CHECKING:
    import duckdb


def store(connection: duckdb.DuckDBPyConnection) -> None:
    """Apply the removals of relation `batch`.

    People: a tombstone with the survivor's id, and the record is marked, so that identity can follow it. Accounts,
    deals, their lines and activities go; an activity is named by its own id or by that of the object it was read from.
    Of an erased person nothing stays but the tombstone.
    """
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE gone AS SELECT * EXCLUDE (arrival) FROM batch
        WHERE {last_of("crm, kind, record_id", "batch")}
    """)
    bury(connection, "gone")
    connection.execute(f"""
        DELETE FROM store.accounts WHERE (crm, account_id) IN (SELECT crm, record_id FROM gone WHERE kind = 'account');
        DELETE FROM store.deals WHERE (crm, deal_id) IN (SELECT crm, record_id FROM gone WHERE kind = 'deal');
        DELETE FROM store.line_items WHERE (crm, line_id) IN (SELECT crm, record_id FROM gone WHERE kind = 'line_item');
        CREATE OR REPLACE TEMP TABLE undone AS
            SELECT {activity_key("crm", "record_id")} AS key FROM gone WHERE kind = 'activity';
        DELETE FROM store.facts WHERE activity IN (FROM undone) OR source IN (FROM undone);
        DROP TABLE undone;
        DROP TABLE gone;
    """)


def bury(connection: duckdb.DuckDBPyConnection, relation: str) -> None:
    """Mark the person records of `relation` (columns of `Table.REMOVALS`) as removed.

    A record that lives on in another one leads there for good, also when nothing else is left of it.
    """
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE buried AS
        SELECT * FROM {relation} told WHERE kind IN ('contact', 'lead') AND NOT EXISTS (
            SELECT 1 FROM store.removals known
            WHERE known.crm = told.crm AND known.kind = told.kind AND known.record_id = told.record_id
                AND (known.removed = 'erased' OR (told.removed = 'erased' AND known.successor_id IS NOT NULL)));
        DELETE FROM store.removals WHERE (crm, kind, record_id) IN (SELECT crm, kind, record_id FROM buried);
        INSERT INTO store.removals BY NAME SELECT * FROM buried;
        UPDATE store.records SET removed = buried.removed FROM buried
            WHERE records.crm = buried.crm AND records.record_id = buried.record_id;
    """)
    _erase(connection)
    connection.execute("DROP TABLE buried")


def keep_erased_out(connection: duckdb.DuckDBPyConnection) -> None:
    """Drop erased people from `incoming`; a record that the CRM shows live again loses its tombstone otherwise."""
    connection.execute("""
        DELETE FROM incoming WHERE (crm, record_id) IN (
            SELECT crm, record_id FROM store.removals WHERE removed = 'erased' AND kind IN ('contact', 'lead'));
        DELETE FROM store.removals WHERE kind IN ('contact', 'lead') AND (crm, record_id) IN (
            SELECT crm, record_id FROM incoming WHERE removed IS NULL);
    """)


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
        DELETE FROM store.records WHERE (crm, record_id) IN (FROM erased_records);
        DELETE FROM store.counters WHERE (crm, record_id) IN (FROM erased_records);
        DROP TABLE erased;
        DROP TABLE erased_records;
    """)
