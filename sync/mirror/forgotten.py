"""People who were erased: nothing of them stays in the mirror, and nothing comes back with a pull.

The mirror has a copy of the journal's tombstones, ``store.tombstones`` (digest), and their salt: rows are compared by
the digests of their addresses and record ids, on their way in as well as in place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pyarrow as pa

from scoring.facts import Kind, Table
from sync.mirror import normal
from sync.mirror.store import meta, note_erased, set_meta, transaction

if TYPE_CHECKING:
    import duckdb

    from sync.journal.erasures import Tombstones

_MARK: Final = "tombstones"
_SALT: Final = "tombstones_salt"


def heed(connection: duckdb.DuckDBPyConnection, tombstones: Tombstones, fence: int) -> bool:
    """Take over the journal's tombstones, and erase whom new ones name; whether there were any. Raises `LeaseLost`."""
    if meta(connection, _MARK) == tombstones.mark or (not tombstones.digests and not _has_any(connection)):
        return False
    with transaction(connection, fence):
        connection.register("digests", pa.table({"digest": pa.array(tombstones.digests, pa.string())}))
        connection.execute("CREATE OR REPLACE TABLE store.tombstones AS FROM digests")
        connection.unregister("digests")
        set_meta(connection, _SALT, tombstones.salt)
        _erase(connection)
        set_meta(connection, _MARK, tombstones.mark)
    return True


def without_forgotten(connection: duckdb.DuckDBPyConnection, table: Table, rows: pa.Table) -> pa.Table:
    """The rows of a batch that may be stored."""
    if not _has_any(connection) or table not in {*_IDS, Table.DEALS}:
        return rows
    connection.register("coming", rows)
    try:
        if table is Table.DEALS:
            connection.execute("SET VARIABLE forgotten = (SELECT list(digest) FROM store.tombstones)")
            digest = f"sha256('{meta(connection, _SALT)}' || {_id('id')})"
            known = f"coalesce(list_contains(getvariable('forgotten'), {digest}), false)"
            kept = f"list_filter(record_ids, lambda id: NOT {known})"
            return connection.sql(f"SELECT * REPLACE ({kept} AS record_ids) FROM coming").to_arrow_table()
        return connection.sql(f"FROM coming WHERE {_IDS[table]} OR NOT ({_named(connection, table)})").to_arrow_table()
    finally:
        connection.unregister("coming")


_IDS: Final = {
    Table.RECORDS: "false",
    Table.ACTIVITIES: "false",
    Table.COUNTERS: "false",
    Table.REMOVALS: f"kind NOT IN ('{Kind.CONTACT}', '{Kind.LEAD}')",
}
"""Tables whose rows are of one person each, and SQL that tells which of them are not."""


def _named(connection: duckdb.DuckDBPyConnection, table: Table) -> str:
    by_id = _is_meant(connection, _id("record_id"))
    if table not in {Table.RECORDS, Table.ACTIVITIES}:
        return by_id
    return f"{by_id} OR {_is_meant(connection, _mail('email'))}"


def _id(column: str) -> str:
    return f"'id ' || crm || ':' || {column}"


def _mail(column: str) -> str:
    return f"'mail ' || {normal.email(column)}"


def _is_meant(connection: duckdb.DuckDBPyConnection, word: str) -> str:
    """SQL: whether a word's digest is among the tombstones; false where it is null."""
    return f"coalesce(sha256('{meta(connection, _SALT)}' || {word}) IN (FROM store.tombstones), false)"


def _has_any(connection: duckdb.DuckDBPyConnection) -> bool:
    return meta(connection, _SALT) is not None


def _erase(connection: duckdb.DuckDBPyConnection) -> None:
    """Remove all whom the tombstones name, from whatever table names a record."""
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE meant AS
        SELECT crm, record_id FROM store.records WHERE {_named(connection, Table.RECORDS)}
        UNION SELECT crm, record_id FROM store.removals
            WHERE NOT ({_IDS[Table.REMOVALS]}) AND {_named(connection, Table.REMOVALS)}
        UNION SELECT crm, record_id FROM store.owners WHERE {_is_meant(connection, _id("record_id"))};
        CREATE OR REPLACE TEMP TABLE silent AS
        SELECT owner FROM store.owners
        WHERE (crm, record_id) IN (FROM meant) OR {_is_meant(connection, _mail("email"))};
        DELETE FROM store.facts WHERE owner IN (FROM silent);
        DELETE FROM store.past_facts WHERE owner IN (FROM silent);
        DELETE FROM store.past_records WHERE {_named(connection, Table.RECORDS)};
        DELETE FROM store.owners WHERE owner IN (FROM silent);
        DELETE FROM store.signatures WHERE signature NOT IN (SELECT signature FROM store.facts)
            AND signature NOT IN (SELECT signature FROM store.past_facts);
        SET VARIABLE meant = (SELECT list(crm || ':' || record_id) FROM meant);
    """)
    for deals in ("deals", "past_deals"):
        connection.execute(f"""
            UPDATE store.{deals} SET record_ids =
                list_filter(record_ids, lambda id: NOT list_contains(getvariable('meant'), crm || ':' || id))
            WHERE EXISTS (FROM meant WHERE meant.crm = {deals}.crm AND list_contains(record_ids, meant.record_id))
        """)
    for table in of_records(connection):
        people = f"NOT ({_IDS[Table.REMOVALS]}) AND " if table.endswith(Table.REMOVALS) else ""
        connection.execute(f"DELETE FROM store.{table} WHERE {people} (crm, record_id) IN (FROM meant)")
    connection.execute("DROP TABLE meant; DROP TABLE silent")
    note_erased(connection)


def of_records(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """The tables that name a person's record in each row, the dictionary of owners aside."""
    found = connection.execute("""
        SELECT table_name FROM duckdb_columns() WHERE schema_name = 'store' AND table_name <> 'owners'
            AND column_name IN ('crm', 'record_id')
        GROUP BY table_name HAVING count(*) = 2 ORDER BY table_name
    """).fetchall()
    return [name for (name,) in found]
