"""What the journal knows of rows that a CRM refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, insert, select

from sync.journal.rows import by_id, forget
from sync.journal.tables import rejects

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Connection, Select


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that the CRM refused, and with which values."""

    kind: str
    record_id: str
    field: str
    code: str
    message: str
    values_hash: str


def note(connection: Connection, crm: str, rejected: Sequence[Reject], now: datetime) -> None:
    """Note refused rows: each gets a reject, or one more attempt on the one it has."""
    before = by_id(connection, rejects, crm, [row.record_id for row in rejected])
    forget(connection, rejects, crm, [row.record_id for row in rejected])
    if rejected:
        connection.execute(insert(rejects), [_row(crm, row, before.get(row.record_id), now) for row in rejected])


def newest_first(crm: str | None = None) -> Select[Any]:
    """Rejects as rows of `tables.rejects`, of one CRM or of all."""
    query = select(rejects).order_by(rejects.c.last_seen.desc(), rejects.c.record_id)
    return query.where(rejects.c.crm == crm) if crm else query


def counts(connection: Connection) -> Mapping[str, int]:
    """How many rejects stand per CRM."""
    query = select(rejects.c.crm, func.count()).group_by(rejects.c.crm)
    return {row[0]: row[1] for row in connection.execute(query)}


def _row(crm: str, row: Reject, known: Any, now: datetime) -> dict[str, Any]:
    return {
        "crm": crm,
        "record_id": row.record_id,
        "kind": row.kind,
        "field": row.field,
        "code": row.code,
        "message": row.message,
        "values_hash": row.values_hash,
        "first_seen": known.first_seen if known else now,
        "last_seen": now,
        "attempts": known.attempts + 1 if known else 1,
    }
