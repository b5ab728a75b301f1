"""How far each stream is read, for `status`, the metrics and who goes on with a run that was cut short: a copy, since
the true cursors are in the mirror.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, select, update

from sync.journal.tables import cursors

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Connection

_UNREAD = ""
"""The cursor of a stream of which nothing has been read yet."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What was stored of a stream: new rows, their cursor, and how many of its slices are still to be read."""

    stream: str
    cursor: str
    rows: int
    slices_left: int = 0


def expect(connection: Connection, crm: str, streams: Sequence[str], now: datetime) -> None:
    """Note streams that are about to be read from their beginning; others that were expected are expected no more."""
    of_crm = cursors.c.crm == crm
    connection.execute(delete(cursors).where(of_crm & (cursors.c.cursor == _UNREAD)))
    known = set(connection.execute(select(cursors.c.stream).where(of_crm)).scalars())
    connection.execute(update(cursors).where(of_crm & cursors.c.stream.in_(streams)).values(slices_left=None))
    common = {"crm": crm, "cursor": _UNREAD, "rows": 0, "stored_at": now}
    if new := [common | {"stream": stream} for stream in streams if stream not in known]:
        connection.execute(insert(cursors), new)


def note(connection: Connection, crm: str, stored: Iterable[Stored], ended: Iterable[str], stored_at: datetime) -> None:
    """Note what was stored of streams, and which of them have been read to their end."""
    for one in stored:
        here = (cursors.c.crm == crm) & (cursors.c.stream == one.stream)
        before = connection.execute(select(cursors.c.rows).where(here)).scalar() or 0
        values = {"cursor": one.cursor, "rows": before + one.rows, "stored_at": stored_at}
        connection.execute(delete(cursors).where(here))
        row = values | {"crm": crm, "stream": one.stream, "slices_left": one.slices_left}
        connection.execute(insert(cursors).values(row))
    through = (cursors.c.crm == crm) & cursors.c.stream.in_([*ended]) & (cursors.c.cursor != _UNREAD)
    connection.execute(update(cursors).where(through).values(slices_left=0))


def ended_between(connection: Connection, crm: str, since: datetime, until: datetime) -> dict[str, str]:
    """Streams that were read to their end in this time, both ends included, and their cursors."""
    ended = (cursors.c.crm == crm) & (cursors.c.slices_left == 0) & cursors.c.stored_at.between(since, until)
    query = select(cursors.c.stream, cursors.c.cursor).where(ended)
    return {row.stream: row.cursor for row in connection.execute(query)}


def forget_all(connection: Connection) -> None:
    """Streams are read anew."""
    connection.execute(delete(cursors))


def read(connection: Connection) -> list[Mapping[str, Any]]:
    """The rows of `tables.cursors`, those of streams of which nothing has been read yet with `stored_at` None."""
    query = select(cursors).order_by(cursors.c.crm, cursors.c.stream)
    rows = [dict(row) for row in connection.execute(query).mappings()]
    return [row | {"stored_at": None} if row["cursor"] == _UNREAD else row for row in rows]
