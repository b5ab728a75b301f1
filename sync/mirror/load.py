"""Batches and their cursors into the mirror, in one transaction. Every write is an upsert."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from connectors.errors import ConnectorBug
from scoring.facts import ATTRIBUTE_PREFIX, KEYS, OBSERVED_PREFIX, OUTPUT_FIELDS, Table
from sync.mirror import activities, counters, past, removals
from sync.mirror.forgotten import without_forgotten
from sync.mirror.store import transaction
from sync.mirror.tables import last_of, quoted, typed_columns

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    import duckdb

    from config.attributes import AttributeType
    from connectors.base import Batch, Stream


# A merge must be known before the counters that it moved from one record to another.
_ORDER: Final = (
    Table.ACCOUNTS, Table.RECORDS, Table.REMOVALS, Table.COUNTERS, Table.ACTIVITIES, Table.DEALS, Table.LINE_ITEMS,
)  # fmt: skip


@dataclass(slots=True)
class Part:
    """Consecutive batches of one stream."""

    crm: str
    stream: Stream
    batches: list[Batch] = field(default_factory=list)

    def add(self, batch: Batch) -> None:
        """One more. Raises `ConnectorBug` when it has rows without a key."""
        for column in KEYS[batch.table]:
            if missing := batch.rows.column(column).null_count:
                raise ConnectorBug(
                    f"{missing} rows of {self.stream.name} came without {column}.",
                    crm=self.crm,
                    remedy="Nothing of that batch was stored; report this as a bug of the connector.",
                )
        self.batches.append(batch)

    @property
    def cursor(self) -> str:
        """What is true of the stream once all of it is stored."""
        return self.batches[-1].cursor

    @property
    def slices_left(self) -> int:
        """How much of the stream is not read to its end then; at least 1 before the end of the stream."""
        return max(1, self.batches[-1].slices_left)

    def rows(self, table: Table | None = None) -> int:
        """How many rows there are, of one table or of all."""
        return sum(batch.rows.num_rows for batch in self.batches if table in {None, batch.table})

    @property
    def is_plain(self) -> bool:
        """Whether it brings nothing but activities."""
        return all(batch.table is Table.ACTIVITIES or not batch.rows.num_rows for batch in self.batches)


def load(
    connection: duckdb.DuckDBPyConnection,
    parts: Sequence[Part],
    *,
    types: Mapping[str, AttributeType],
    now: datetime,
    fence: int,
) -> Counter[str]:
    """Store parts of streams with their cursors, all or nothing; per attribute how many values were not of its type.

    `now` is aware UTC; `fence` is the lease's number. Raises `LeaseLost` when a later holder of the lease has written.
    """
    not_castable: Counter[str] = Counter()
    # A batch is rarely larger than what DuckDB gives a thread at a time: others would wait, at an eighth more CPU.
    connection.execute("SET threads = 1")
    with transaction(connection, fence):
        for batches in _in_turn(parts):
            for table, arrow in _joined(batches):
                rows = without_forgotten(connection, table, arrow)
                connection.register("batch", rows)
                try:
                    _store(connection, table, rows, types, not_castable, now)
                finally:
                    connection.unregister("batch")
        for part in parts:
            _move_cursor(connection, part, now)
    return not_castable


def _in_turn(parts: Iterable[Part]) -> Iterator[list[Batch]]:
    """Batches that may be stored as one: those of a stream, and of neighbours that bring nothing but activities.

    Other streams go one after the other, in the order in which they were read: one may take away what another brought.
    """
    turns = enumerate(parts)
    for _, group in itertools.groupby(turns, key=lambda turn: None if turn[1].is_plain else turn[0]):
        yield [batch for _, part in group for batch in part.batches]


def _joined(batches: Sequence[Batch]) -> list[tuple[Table, pa.Table]]:
    """The batches of each table as one, each row with its number of arrival (later rows win), in `_ORDER`."""
    joined = []
    for table in _ORDER:
        parts = [batch.rows for batch in batches if batch.table is table and batch.rows.num_rows]
        if parts:
            rows = pa.concat_tables(parts)
            joined.append((table, rows.append_column("arrival", pa.arange(0, rows.num_rows))))
    return joined


def _store(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    rows: pa.Table,
    types: Mapping[str, AttributeType],
    not_castable: Counter[str],
    now: datetime,
) -> None:
    """The `rows`, which are relation `batch` too."""
    _count_bad_counts(connection, table, not_castable)
    if table is Table.ACTIVITIES:
        activities.store(connection, now)
    elif table is Table.COUNTERS:
        counters.store(connection, now)
    elif table is Table.REMOVALS:
        removals.store(connection, now)
    else:
        _upsert(connection, table, rows, types, not_castable, now)


def _upsert(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    rows: pa.Table,
    types: Mapping[str, AttributeType],
    not_castable: Counter[str],
    now: datetime,
) -> None:
    """What has versions: delete by key, insert. Of several versions in a batch the last one counts.

    A version older than the stored one (a page that was late) is dropped, so is a record that was erased. The same
    version once more, after our own write to it, brings its facts, but not what our fields held before.
    """
    columns = typed_columns(table, types)
    given = {name: sql for name, sql in columns.items() if rows.column(name).null_count < rows.num_rows}
    key = ", ".join(KEYS[table])
    _count_bad_casts(connection, given, not_castable)
    casts = [
        f"{_cast(name, sql) if name in given else f'NULL::{sql}'} AS {quoted(name)}" for name, sql in columns.items()
    ]
    is_chosen = last_of(key, "batch") + (f" AND {removals.NOT_ERASED}" if table is Table.RECORDS else "")
    incoming = f"SELECT {', '.join(casts)}, {_literal(now)} AS known_from FROM batch WHERE {is_chosen}"
    met = f"FROM store.{table} SEMI JOIN batch USING ({key})"
    is_known = bool(connection.execute(f"SELECT 1 {met} LIMIT 1").fetchall())
    kind = "TABLE" if is_known else "VIEW"
    connection.execute(f"CREATE OR REPLACE TEMP {kind} incoming AS {incoming}")
    if is_known:
        connection.execute(f"CREATE OR REPLACE TEMP TABLE known AS {met}")
        _hold_against_known(connection, table)
    if table is Table.RECORDS:
        removals.bring_back(connection, now)
    if is_known:
        past.keep(connection, table, "incoming", now)
        connection.execute(f"DELETE FROM store.{table} WHERE ({key}) IN (SELECT {key} FROM incoming); DROP TABLE known")
    names = ", ".join(map(quoted, [*columns, "known_from"]))
    connection.execute(f"INSERT INTO store.{table} ({names}) SELECT {names} FROM incoming")
    connection.execute(f"DROP {kind} incoming")


def _literal(at: datetime) -> str:
    """SQL for an aware UTC time; the definition of a view takes no parameters."""
    return f"TIMESTAMP '{at.replace(tzinfo=None).isoformat(sep=' ')}'"


def _hold_against_known(connection: duckdb.DuckDBPyConnection, table: Table) -> None:
    key = _same_key("incoming", "known", KEYS[table])
    connection.execute(
        f"DELETE FROM incoming USING known WHERE {key} "
        "AND incoming.modified_at < date_trunc('millisecond', known.modified_at)"
    )
    if table is Table.RECORDS:
        kept = ["modified_at", "stage", *(quoted(OBSERVED_PREFIX + field.name) for field in OUTPUT_FIELDS)]
        connection.execute(
            f"UPDATE incoming SET {', '.join(f'{name} = known.{name}' for name in kept)} FROM known "
            f"WHERE {key} AND incoming.modified_at < known.modified_at"
        )


def _cast(name: str, sql_type: str) -> str:
    column = quoted(name)
    if not name.startswith(ATTRIBUTE_PREFIX) or sql_type == "VARCHAR":
        return column
    value = f"TRY_CAST({column} AS {sql_type})"
    if sql_type == "TIMESTAMP":  # through the zoned type, which heeds an offset; the session's zone is UTC
        value = f"TRY_CAST(TRY_CAST({column} AS TIMESTAMPTZ) AS TIMESTAMP)"
    # The texts nan, inf and infinity can be cast, and would pass every "at least".
    return value if sql_type == "BOOLEAN" else f"CASE WHEN isfinite({value}) THEN {value} END"


def _count_bad_casts(
    connection: duckdb.DuckDBPyConnection, columns: Mapping[str, str], not_castable: Counter[str]
) -> None:
    cast = [name for name, sql in columns.items() if name.startswith(ATTRIBUTE_PREFIX) and sql != "VARCHAR"]
    if not cast:
        return
    counts = ", ".join(f"count(*) FILTER (trim({quoted(n)}) <> '' AND {_cast(n, columns[n])} IS NULL)" for n in cast)
    for name, count in zip(cast, connection.execute(f"SELECT {counts} FROM batch").fetchall()[0], strict=True):
        if count:
            not_castable[name.removeprefix(ATTRIBUTE_PREFIX)] += count


def _count_bad_counts(connection: duckdb.DuckDBPyConnection, table: Table, not_castable: Counter[str]) -> None:
    """Count the rows whose number of events cannot be one, as values that are not of their type."""
    column = {Table.ACTIVITIES: "count", Table.COUNTERS: "total"}.get(table)
    if column is None:
        return
    found = connection.execute(f"SELECT count(*) FROM batch WHERE NOT {activities.is_count(column)}").fetchall()[0][0]
    if found:
        not_castable[f"{table}.{column}"] += found


def _same_key(left: str, right: str, key: Sequence[str]) -> str:
    return " AND ".join(f"{left}.{column} = {right}.{column}" for column in key)


def _move_cursor(connection: duckdb.DuckDBPyConnection, part: Part, now: datetime) -> None:
    here = [part.crm, part.stream.name]
    stored = connection.execute(
        "DELETE FROM store.cursors WHERE crm = ? AND stream = ? RETURNING rows", here
    ).fetchall()
    total = part.rows(part.stream.table) + sum(count for (count,) in stored)
    connection.execute(
        "INSERT INTO store.cursors VALUES (?, ?, ?, ?, ?)", [*here, part.cursor, total, now.replace(tzinfo=None)]
    )
