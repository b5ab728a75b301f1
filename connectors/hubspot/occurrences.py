"""Event occurrences: page views and custom events one by one, where the plan has them (Enterprise).

They can be had of one contact at a time only, which is why they are read of those alone whose last visit is new.
"""

from __future__ import annotations

import functools
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from connectors.crew import in_parallel
from connectors.hubspot import ahead, paths
from connectors.hubspot.objects import Source
from connectors.hubspot.paging import follow
from connectors.hubspot.rows import rows
from connectors.hubspot.streams import pages
from connectors.hubspot.windows import Cursor, Window, due, from_ms
from scoring.facts import Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connectors.base import Batch
    from connectors.hubspot.client import Client
    from connectors.hubspot.streams import Reading

DAY_MS: Final = 86_400_000
HISTORY_MS: Final = 180 * DAY_MS
"""How far a first load goes back: a call per contact is dear, and an older visit moves few scores."""

AGAIN_MS: Final = 30 * DAY_MS
"""How far back each later read of a contact goes. Whoever comes while a run reads is not found where the run looks for
them; the next run finds them, and must see what came before."""

PAGE: Final = 100
LAST_VISIT: Final = "hs_analytics_last_timestamp"

TYPES: Final = {"e_visited_page": "page_view", "e_document_viewed": "custom:document_viewed"}
"""What is not here and no custom event is told by another stream: forms, meetings, e-mail."""

CUSTOM: Final = "pe"
"""Custom events are called ``pe<portal>_<name>``."""


def web_events(reading: Reading, cursor: str | None) -> Iterator[Batch]:
    """Occurrences of the contacts who visited since `cursor`, in the window of this run and somewhat before it."""
    if cursor is None:
        now = due(0, reading.client.server_now(), reading.settings.settle_s).end
        cursor = Cursor(since=max(1, now - HISTORY_MS)).text()
    source = Source("contacts", LAST_VISIT, (LAST_VISIT,))
    place = reading.start(cursor)
    for page in pages(reading, source, place, attrgetter("ids")):
        until = page.cursor.upto or page.cursor.since
        window = Window(min(place.since, until - AGAIN_MS), until)
        found: list[dict[str, Any]] = []
        for events in in_parallel(functools.partial(_of, reading.client, window), page.made, ahead.READERS):
            found += events
        yield _batch(reading, found, page.cursor)


def _of(client: Client, window: Window, contact: str) -> list[dict[str, Any]]:
    def ask(after: str | None) -> Any:
        return client.get(
            paths.OCCURRENCES,
            objectType="contact",
            objectId=contact,
            occurredAfter=from_ms(window.start).isoformat(),
            occurredBefore=from_ms(window.end).isoformat(),
            limit=PAGE,
            after=after,
        )

    return [event for events, _ in follow("event occurrences", ask) for event in events]


def _type(event: dict[str, Any]) -> str | None:
    name = str(event.get("eventType") or "")
    portal, _, own = name.partition("_")
    if own and portal.startswith(CUSTOM) and portal[len(CUSTOM) :].isdigit():
        return f"custom:{own}"
    return TYPES.get(name)


def _batch(reading: Reading, events: list[dict[str, Any]], cursor: Cursor) -> Batch:
    kept = [(event, kind) for event in events if (kind := _type(event)) and event.get("objectId")]
    columns: dict[str, list[Any]] = {
        "activity_id": [f"event-{event['id']}" for event, _ in kept],
        "record_id": [str(event["objectId"]) for event, _ in kept],
        "type": [kind for _, kind in kept],
        "occurred_at": [event.get("occurredAt") for event, _ in kept],
        "seen_at": [reading.client.server_now().isoformat()] * len(kept),
        "count": [1] * len(kept),
        "url": [(event.get("properties") or {}).get("hs_url") or None for event, _ in kept],
    }
    return rows(Table.ACTIVITIES, columns, len(kept)).under(cursor)
