"""Alerts that wait in the journal until a channel took them: none is lost with the process, and none stops a run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import orjson
from sqlalchemy import Connection, delete, func, insert, select, update

from sync.journal import tables
from sync.journal.rows import parts

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
    with journal.reading() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def tell(
    journal: Journal, now: datetime, events: Iterable[Event], channels: Sequence[str], *, edges: Sequence[int]
) -> bool:
    """Store events, and mark the edges with these numbers as told, all or nothing.

    False, and nothing is stored, when another daemon has told of one of them meanwhile.
    """
    with journal.noting() as connection:
        news = [_edges.told_at.is_(None) & _edges.crossing_id.in_(some) for some in parts(edges)]
        count = select(func.count()).select_from(tables.crossings)
        if sum(connection.execute(count.where(some)).scalar_one() for some in news) < len(edges):
            return False
        for some in news:
            connection.execute(update(tables.crossings).where(some).values(told_at=now))
        for event in events:
            put(connection, event, channels)
        return True


def due(journal: Journal, now: datetime, channels: Sequence[str]) -> list[Message]:
    """What is to be sent now, oldest first."""
    names = ("message_id", "event_id", "channel", "event", "created_at", "body", "attempts")
    query = select(*(_box[name] for name in names)).where((_box.next_at <= now) & _box.channel.in_(channels))
    with journal.reading() as connection:
        return [Message(**row) for row in connection.execute(query.order_by(_box.message_id)).mappings()]


def claim(journal: Journal, message: Message, now: datetime) -> bool:
    """Begin an attempt to deliver; False when another daemon has begun one since the message was read.

    It counts as one that failed until `delivered` says otherwise: who dies or sleeps in the midst of it keeps nobody
    from trying again, and does not overwrite what came of that.
    """
    values = {"next_at": _again(message, now), "attempts": message.attempts + 1}
    return _update(journal, message, message.attempts, values)


def delivered(journal: Journal, message: Message, now: datetime) -> None:
    """A channel took what was claimed."""
    _update(journal, message, message.attempts + 1, {"next_at": None, "delivered_at": now})


def put_off(journal: Journal, message: Message, now: datetime, wait: timedelta | None = None) -> datetime | None:
    """A channel did not take what was claimed: when it is tried again, None when it is given up.

    A channel may ask for a longer `wait`.
    """
    asked = now + min(wait or FIRST_WAIT, LONGEST_WAIT)
    again = None if now - message.created_at > GIVE_UP else max(_again(message, now), asked)
    _update(journal, message, message.attempts + 1, {"next_at": again})
    return again


def waiting(connection: Connection) -> dict[str, int]:
    """How many alerts wait, per channel."""
    query = select(_box.channel, func.count()).where(_box.next_at.is_not(None)).group_by(_box.channel)
    return {row[0]: row[1] for row in connection.execute(query)}


def tidy(journal: Journal, now: datetime) -> None:
    """Forget what was delivered long ago, and what waits for a channel that is gone."""
    with journal.noting() as connection:
        connection.execute(delete(tables.outbox).where(_box.created_at < now - KEPT))


def _again(message: Message, now: datetime) -> datetime:
    """When a message is tried again that is not taken now."""
    doubled: timedelta = FIRST_WAIT * 2 ** min(message.attempts, 10)
    return now + min(doubled, LONGEST_WAIT)


def _update(journal: Journal, message: Message, attempts: int, values: Mapping[str, Any]) -> bool:
    """Change a message that has had so many attempts; False when it has had more."""
    here = (_box.message_id == message.message_id) & (_box.attempts == attempts)
    with journal.noting() as connection:
        return connection.execute(update(tables.outbox).where(here).values(values)).rowcount > 0
