"""What stands in the mirror's file.

All tables live in the schema ``store``; no table has a key constraint, since upserts are delete-and-insert (an index
would make loading three times slower and the file twice as large). Names with a dot are the columns of
`scoring.facts.columns_of`: ``attr.<name>`` here in the attribute's own type, ``observed.<name>`` as text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from scoring.facts import ATTRIBUTE_PREFIX, Table, columns_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from config.attributes import AttributeType

SCHEMA_VERSION: Final = 5
"""Raised when a table changes its shape; a mirror of an older version is emptied and pulled anew."""

_SQL_TYPES: Final = {
    "text": "VARCHAR",
    "texts": "VARCHAR[]",
    "time": "TIMESTAMP",
    "number": "DOUBLE",
    "integer": "BIGINT",
    "flag": "BOOLEAN",
}
_ATTRIBUTE_SQL_TYPES: Final[dict[AttributeType, str]] = {
    "text": "VARCHAR",
    "number": "DOUBLE",
    "boolean": "BOOLEAN",
    "date": "TIMESTAMP",
}

# Activities stand in star form. `activity` is half of the MD5 of "crm:activity_id"; two of 20 million ids share it
# with a chance of one in 100,000. `source` is the same of the object it was read from, null for most. `owner` and
# `signature` are small numbers from the two dictionaries.
_OWN_TABLES: Final = """
CREATE TABLE store.owners (owner INTEGER, key UBIGINT, crm VARCHAR, record_id VARCHAR, email VARCHAR);
CREATE TABLE store.signatures (signature INTEGER, key UBIGINT, type VARCHAR, url VARCHAR, asset VARCHAR,
    campaign VARCHAR, user_agent VARCHAR);
CREATE TABLE store.facts (activity UBIGINT, owner INTEGER, signature INTEGER, occurred_at TIMESTAMP, seen_at TIMESTAMP,
    count INTEGER, duration_s DOUBLE, since_send_s DOUBLE, flagged_machine BOOLEAN, source UBIGINT,
    known_from TIMESTAMP);
CREATE TABLE store.counters (crm VARCHAR, record_id VARCHAR, type VARCHAR, total BIGINT);
CREATE TABLE store.cursors (crm VARCHAR, stream VARCHAR, cursor VARCHAR, rows BIGINT, stored_at TIMESTAMP);
"""

COPIES: Final = (Table.RECORDS, Table.ACCOUNTS, Table.DEALS, Table.LINE_ITEMS, Table.REMOVALS)
"""The tables that stand as they came."""

KEPT: Final = (*COPIES, "facts")
"""The tables whose earlier versions are kept; see `sync.mirror.past`."""


def past_of(table: str) -> str:
    """The table that holds the earlier versions of a table's rows."""
    return f"store.past_{table}"


def typed_columns(table: Table, types: Mapping[str, AttributeType]) -> dict[str, str]:
    """Column name -> SQL type of `table` in the mirror, with a column per mapped attribute."""
    columns = {name: _SQL_TYPES[word] for name, word in columns_of(table, types).items()}
    return columns | {
        name: _ATTRIBUTE_SQL_TYPES[types[name.removeprefix(ATTRIBUTE_PREFIX)]]
        for name in columns
        if name.startswith(ATTRIBUTE_PREFIX)
    }


def declare(columns: Mapping[str, str]) -> str:
    """The columns as a CREATE TABLE wants them."""
    return ", ".join(f"{quoted(name)} {sql_type}" for name, sql_type in columns.items())


def quoted(name: str) -> str:
    """An identifier, safe in SQL."""
    return '"' + name.replace('"', '""') + '"'


def create_all(types: Mapping[str, AttributeType]) -> str:
    """SQL that makes an empty mirror."""
    copies = "".join(
        f"CREATE TABLE store.{table} ({declare(typed_columns(table, types))}, known_from TIMESTAMP);"
        for table in COPIES
    )
    versions = "".join(
        f"CREATE TABLE {past_of(table)} AS SELECT *, NULL::TIMESTAMP AS known_until FROM store.{table};"
        for table in KEPT
    )
    return (
        "DROP SCHEMA IF EXISTS store CASCADE; CREATE SCHEMA store;"
        "CREATE TABLE store.meta (key VARCHAR, value VARCHAR);" + copies + _OWN_TABLES + versions
    )


def last_of(key: str, relation: str) -> str:
    """SQL: whether a row of `relation` is the one that arrived last of those with the same `key` (its columns).

    Cheaper than to number the rows of each key: keys alone are grouped, whole rows are never sorted.
    """
    return f"arrival IN (SELECT max(arrival) FROM {relation} GROUP BY {key})"
