"""Everybody read anew and compared with the mirror: for removals that no stream tells of, and formula fields.

Formulas change without a trace on their record; people may be gone, or hidden from us, without any stream telling.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from connectors.base import Batch
from scoring.facts import Removed, Table, arrow_schema

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    import duckdb

    from connectors.base import Stream

MISSING: Final = "reconciled.missing"
LOST: Final = "reconciled.lost"


def named(stream: Stream) -> str:
    """The name under which everybody of `stream` is read anew; the stream's own cursor stays as it is."""
    return f"reconciled.{stream.name}"


@dataclass(slots=True)
class Came:
    """Ids of the people that came, a column a batch."""

    _ids: list[pa.ChunkedArray] = field(default_factory=list)

    def noting(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """The batches as they are; the people in them are noted."""
        for batch in batches:
            if batch.table in {Table.RECORDS, Table.REMOVALS}:
                self._ids.append(batch.rows.column("record_id"))
            yield batch

    def as_table(self) -> pa.Table:
        """One column, ``record_id``."""
        chunks = [chunk for column in self._ids for chunk in column.chunks]
        return pa.table({"record_id": pa.chunked_array(chunks, pa.string())})


def missing(connection: duckdb.DuckDBPyConnection, crm: str, came: Came) -> list[tuple[str, str]]:
    """Kind and id of the living people of a CRM in the mirror who did not come."""
    connection.register("came", came.as_table())
    try:
        return connection.execute(
            """
            SELECT kind, record_id FROM store.records ANTI JOIN came USING (record_id)
            WHERE crm = ? AND removed IS NULL ORDER BY record_id
            """,
            [crm],
        ).fetchall()
    finally:
        connection.unregister("came")


def living(connection: duckdb.DuckDBPyConnection, crm: str) -> int:
    """How many living people of a CRM the mirror holds."""
    [(count,)] = connection.execute(
        "SELECT count(*) FROM store.records WHERE crm = ? AND removed IS NULL", [crm]
    ).fetchall()
    return int(count)


def removals(crm: str, lost: Sequence[tuple[str, str]], now: datetime) -> Iterator[Batch]:
    """These people as deleted, found out `now`."""
    rows = [
        {"crm": crm, "kind": kind, "record_id": record_id, "removed": Removed.DELETED.value, "removed_at": now}
        for kind, record_id in lost
    ]
    schema = arrow_schema(Table.REMOVALS)
    columns = {name: [row.get(name) for row in rows] for name in schema.names}
    yield Batch(Table.REMOVALS, pa.table(columns, schema=schema), now.date().isoformat())
