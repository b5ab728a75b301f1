"""Rows of the journal by record id, in parts that every database takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import delete, select

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import Connection, Table

T = TypeVar("T")


def by_id(connection: Connection, table: Table, crm: str, record_ids: Sequence[str]) -> dict[str, Any]:
    """Record id -> row, of those that are there."""
    found: dict[str, Any] = {}
    for ids in parts(record_ids):
        query = select(table).where((table.c.crm == crm) & table.c.record_id.in_(ids))
        found |= {row.record_id: row for row in connection.execute(query)}
    return found


def forget(connection: Connection, table: Table, crm: str, record_ids: Sequence[str]) -> None:
    """Delete the rows of these records."""
    for ids in parts(record_ids):
        connection.execute(delete(table).where((table.c.crm == crm) & table.c.record_id.in_(ids)))


def parts(values: Sequence[T], size: int = 500) -> Iterable[Sequence[T]]:
    """Parts that fit every database's limit of parameters in one statement."""
    return (values[start : start + size] for start in range(0, len(values), size))
