"""Pulling as the mirror does: every batch an upsert by the table's key, every cursor kept with it."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from config.attributes import BUILT_IN
from scoring.facts import KEYS, Kind, Table, arrow_schema

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from connectors.base import Batch, Connector

Rows = dict[tuple[Any, ...], dict[str, Any]]


class Facts:
    """Tables by key, and the cursor of each stream."""

    def __init__(self) -> None:
        self.tables: dict[Table, Rows] = defaultdict(dict)
        self.cursors: dict[str, str] = {}
        self.rows_in = 0  # rows as they came, repeats included
        self.slices_left: list[int] = []  # as each batch told

    def store(self, stream: str, batch: Batch) -> None:
        """Upsert a batch, as one transaction with its cursor."""
        assert batch.rows.schema.equals(arrow_schema(batch.table, BUILT_IN)), batch.table
        assert isinstance(batch.cursor, str)
        self.rows_in += batch.rows.num_rows
        self.slices_left.append(batch.slices_left)
        self._undo(batch)
        for row in batch.rows.to_pylist():
            key = tuple(row[name] for name in KEYS[batch.table])
            assert all(part is not None for part in key), batch.table
            self.tables[batch.table][key] = row
        self.cursors[stream] = batch.cursor

    def _undo(self, batch: Batch) -> None:
        """Activities of one source come together; a removal names the activity or its source."""
        told = self.tables[Table.ACTIVITIES]
        if batch.table is Table.ACTIVITIES:
            sources = set(batch.rows["source_id"].to_pylist()) - {None}
        elif batch.table is Table.REMOVALS:
            gone = zip(batch.rows["kind"].to_pylist(), batch.rows["record_id"].to_pylist(), strict=True)
            sources = {record_id for kind, record_id in gone if kind == Kind.ACTIVITY}
        else:
            return
        for key in [key for key, row in told.items() if {row["source_id"], row["activity_id"]} & sources]:
            del told[key]

    def pull(self, connector: Connector, streams: Iterable[str] | None = None) -> Facts:
        """One run over the streams (all by default), each from its stored cursor. Itself."""
        for name in [stream.name for stream in connector.streams()] if streams is None else streams:
            for batch in connector.pull(name, self.cursors.get(name)):
                self.store(name, batch)
        return self

    def records(self) -> dict[str, dict[str, Any]]:
        """Records by id, without those that a removal names."""
        gone = {row["record_id"] for row in self.tables[Table.REMOVALS].values()}
        rows = self.tables[Table.RECORDS].values()
        return {row["record_id"]: row for row in rows if row["record_id"] not in gone}

    def column(self, name: str, table: Table = Table.RECORDS) -> dict[str, Any]:
        """One column by record id."""
        rows: Iterable[Mapping[str, Any]] = (
            self.records().values() if table is Table.RECORDS else self.tables[table].values()
        )
        return {row["record_id"]: row[name] for row in rows}

    def comparable(self) -> dict[str, Any]:
        """All tables without the time of reading: what two pulls of the same CRM must agree on."""
        return {
            table.value: {key: {name: value for name, value in row.items() if name != "seen_at"}
                          for key, row in rows.items()}
            for table, rows in self.tables.items() if rows
        }  # fmt: skip
