"""Alerts that wait in the journal until a channel took them: none is lost with the process, and none stops a run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import orjson
from sqlalchemy import Connection, delete, func, insert, select, update

from sync.journal import tables

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from sync.alerts.events import Event
    from sync.journal.book import Journal

FIRST_WAIT: Final = timedelta(minutes=1)
LONGEST_WAIT: Final = timedelta(hours=1)
GIVE_UP: Final = timedelta(days=3)
"""An alert that nobody took for so long is told in the log instead."""

KEPT: Final = timedelta(days=30)
"""How long a delivered alert is remembered."""

_box: Final = tables.outbox.c
_edges: Final = tables.crossings.c


@dataclass(frozen=True, slots=True)
class Message:
    """One alert on one channel."""

    message_id: int
    event_id: str
    channel: str
    event: str
    created_at: datetime
    body: str
    attempts: int


@dataclass(frozen=True, slots=True)
class Told:
    """An event of the past."""

    event: str
    at: datetime
    data: Mapping[str, Any]


def put(connection: Connection, event: Event, channels: Sequence[str]) -> None:
    """Have an event delivered on each channel; one that is known already is not told twice."""
    known = set(connection.execute(select(_box.channel).where(_box.event_id == event.event_id)).scalars())
    rows = [
        {
            "event_id": event.event_id, "channel": channel, "subject": event.subject, "event": event.event,
            "created_at": event.at, "body": event.body().decode(), "attempts": 0, "next_at": event.at,
        }
        for channel in channels if channel not in known
    ]  # fmt: skip
    if rows:
        connection.execute(insert(tables.outbox), rows)


def last(connection: Connection, subject: str) -> Told | None:
    """The event that was told last of a subject."""
    query = select(_box.event, _box.created_at, _box.body).where(_box.subject == subject)
    row = connection.execute(query.order_by(_box.message_id.desc()).limit(1)).first()
    return None if row is None else Told(row.event, row.created_at, orjson.loads(row.body)["data"])


def untold(journal: Journal) -> list[dict[str, Any]]:
    """The edges that nobody was told of, oldest first, as rows of `tables.crossings`."""
    query = select(tables.crossings).where(_edges.told_at.is_(None)).order_by(_edges.crossing_id)
    with journal.engine.begin() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def tell(journal: Journal, now: datetime, events: Iterable[Event], channels: Sequence[str], *, upto: int) -> None:
    """Store events, and mark the edges up to number `upto` as told, all or nothing."""
    with journal.engine.begin() as connection:
        for event in events:
            put(connection, event, channels)
        news = _edges.told_at.is_(None) & (_edges.crossing_id <= upto)
        connection.execute(update(tables.crossings).where(news).values(told_at=now))


def due(journal: Journal, now: datetime, channels: Sequence[str]) -> list[Message]:
    """What is to be sent now, oldest first."""
    names = ("message_id", "event_id", "channel", "event", "created_at", "body", "attempts")
    query = select(*(_box[name] for name in names)).where((_box.next_at <= now) & _box.channel.in_(channels))
    with journal.engine.begin() as connection:
        return [Message(**row) for row in connection.execute(query.order_by(_box.message_id)).mappings()]


def delivered(journal: Journal, message: Message, now: datetime) -> None:
    """A channel took it."""
    _update(journal, message, {"next_at": None, "delivered_at": now, "attempts": message.attempts + 1})


def put_off(journal: Journal, message: Message, now: datetime, wait: timedelta | None = None) -> datetime | None:
    """A channel did not take it: when it is tried again (a channel may ask for `wait`), None when it is given up."""
    backoff = min(FIRST_WAIT * 2 ** min(message.attempts, 10), LONGEST_WAIT)
    again = None if now - message.created_at > GIVE_UP else now + max(backoff, min(wait or backoff, LONGEST_WAIT))
    _update(journal, message, {"next_at": again, "attempts": message.attempts + 1})
    return again


def waiting(connection: Connection) -> dict[str, int]:
    """How many alerts wait, per channel."""
    query = select(_box.channel, func.count()).where(_box.next_at.is_not(None)).group_by(_box.channel)
    return {row[0]: row[1] for row in connection.execute(query)}


def tidy(journal: Journal, now: datetime) -> None:
    """Forget what was delivered long ago, and what waits for a channel that is gone."""
    with journal.engine.begin() as connection:
        connection.execute(delete(tables.outbox).where(_box.created_at < now - KEPT))


def _update(journal: Journal, message: Message, values: Mapping[str, Any]) -> None:
    with journal.engine.begin() as connection:
        connection.execute(update(tables.outbox).where(_box.message_id == message.message_id).values(values))
