"""What the mirror held before: versions of rows that later ones took the place of.

A row says since when it has stood as it stands (`known_from`; null for activities, of which `seen_at` says it, until
they change). Before it is changed or removed, it goes to ``store.past_<table>``, with the time of that as
`known_until`. Only what can move a score makes a version: our own fields, owners and times of modification change
without a trace. A row that comes for the first time, or comes again as it was, leaves none either.

`as_of` shows all of it as it stood at a time, under the names that the store has today.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

from scoring.facts import KEYS, OBSERVED_PREFIX, Table
from sync.mirror.tables import KEPT, past_of, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    import duckdb

_MOVES_NO_SCORE: Final = {"modified_at", "owner_id", "stage", "removed_at", "known_from"}
"""Columns of the copies that neither rules nor identity read; a deal's stage is told by what is open and won."""

_THEN: Final = "then"
"""The catalog in which the store stands as it was."""


def keep(connection: duckdb.DuckDBPyConnection, table: Table, incoming: str, now: datetime) -> None:
    """Keep the versions in relation ``known`` of `table` that rows of `incoming` are about to replace.

    `incoming` has `known_from`, which becomes that of the known version where nothing that moves a score is different.
    """
    key = " AND ".join(f"{incoming}.{column} = known.{column}" for column in KEYS[table])
    same = " AND ".join(
        f"{incoming}.{quoted(name)} IS NOT DISTINCT FROM known.{quoted(name)}"
        for name in columns_of(connection, table)
        if name not in _MOVES_NO_SCORE and not name.startswith(OBSERVED_PREFIX)
    )
    connection.execute(f"UPDATE {incoming} SET known_from = known.known_from FROM known WHERE {key} AND {same}")
    connection.execute(
        f"INSERT INTO {past_of(table)} BY NAME SELECT known.*, $now AS known_until FROM known JOIN {incoming} ON {key} "
        f"WHERE {incoming}.known_from > known.known_from",
        {"now": now.replace(tzinfo=None)},
    )


def remove(connection: duckdb.DuckDBPyConnection, table: str, condition: str, now: datetime) -> None:
    """Remove the rows of a table of the store that fulfil `condition`, and keep them as versions that ended."""
    connection.execute(
        f"INSERT INTO {past_of(table)} BY NAME SELECT *, $now AS known_until FROM store.{table} WHERE {condition}",
        {"now": now.replace(tzinfo=None)},
    )
    connection.execute(f"DELETE FROM store.{table} WHERE {condition}")


def trim(connection: duckdb.DuckDBPyConnection, before: datetime) -> int:
    """Forget the versions that ended before an aware UTC time; how many there were."""
    forgotten = 0
    for table in KEPT:
        ended = connection.execute(
            f"DELETE FROM {past_of(table)} WHERE known_until < $before RETURNING 1",
            {"before": before.replace(tzinfo=None)},
        )
        forgotten += len(ended.fetchall())
    return forgotten


@contextlib.contextmanager
def as_of(connection: duckdb.DuckDBPyConnection, then: datetime) -> Iterator[None]:
    """Within the block ``store`` is what was known at an aware UTC time. For reading only.

    What a CRM showed of our fields by then is not kept and reads as empty: the journal knows what we gave.
    """
    moment = f"TIMESTAMP '{then.replace(tzinfo=None).isoformat(sep=' ')}'"
    ((today,),) = connection.execute("SELECT current_catalog()").fetchall()
    connection.execute(f"ATTACH ':memory:' AS {quoted(_THEN)}; CREATE SCHEMA {quoted(_THEN)}.store")
    try:
        for (table,) in connection.execute(
            "SELECT table_name FROM duckdb_tables() WHERE database_name = $today AND schema_name = 'store'",
            {"today": today},
        ).fetchall():
            rows = _then(connection, table, f"{quoted(today)}.store", moment)
            connection.execute(f"CREATE VIEW {quoted(_THEN)}.store.{quoted(table)} AS {rows}")
        connection.execute(f"USE {quoted(_THEN)}")
        yield
    finally:
        connection.execute(f"USE {quoted(today)}")
        connection.execute(f"DETACH {quoted(_THEN)}")


def _then(connection: duckdb.DuckDBPyConnection, table: str, store: str, moment: str) -> str:
    """SELECT of the rows of a table of the store as they stood at `moment`, a SQL TIMESTAMP."""
    if table == "cursors":
        return f"SELECT * REPLACE (least(stored_at, {moment}) AS stored_at) FROM {store}.cursors"
    if table not in KEPT:
        return f"FROM {store}.{quoted(table)}"
    columns = ", ".join(
        f"NULL AS {quoted(name)}" if name.startswith(OBSERVED_PREFIX) else quoted(name)
        for name in columns_of(connection, table)
    )
    since = "coalesce(known_from, seen_at)" if table == "facts" else "known_from"
    known = f"coalesce({since} <= {moment}, true)"
    return (
        f"SELECT {columns} FROM {store}.{table} WHERE {known} UNION ALL "
        f"SELECT {columns} FROM {store}.past_{table} WHERE {known} AND known_until > {moment}"
    )


def columns_of(connection: duckdb.DuckDBPyConnection, table: str) -> list[str]:
    """The columns of a table of the store."""
    return [name for name, *_ in connection.execute(f"DESCRIBE store.{table}").fetchall()]
