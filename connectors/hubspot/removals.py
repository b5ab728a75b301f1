"""What is gone: the archived lists. Neither search nor the modified time tells of a deletion.

Merges come with the surviving contact (`streams.records`). A contact erased under privacy law leaves no trace in any
list; a write to it says that it is gone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connectors.errors import AuthStop
from connectors.hubspot.engagement import ENGAGEMENTS, undone
from connectors.hubspot.fields import instant_us
from connectors.hubspot.listing import list_pages
from connectors.hubspot.objects import Source
from connectors.hubspot.rows import rows
from connectors.hubspot.streams import MODIFIED
from connectors.hubspot.windows import Cursor, Window, due, read_cursor
from scoring.facts import Kind, Removed, Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connectors.base import Batch
    from connectors.hubspot.streams import Reading

NEEDED = {"companies": Kind.ACCOUNT, "contacts": Kind.CONTACT, "deals": Kind.DEAL}
"""What must be readable. Line items and engagement objects are walked as well, where they are read and the scopes allow
it."""

EVERY_MS = 3_600_000
"""How often the lists are walked: they cost a call each, and one more per hundred objects in the bin."""

KINDS = NEEDED | {"line_items": Kind.LINE_ITEM}


def removals(reading: Reading, cursor: str | None) -> Iterator[Batch]:
    """Records archived since `cursor`, each told once; the first time all that are still in the recycle bin.

    The lists have no order in time, so they are walked whole, once an hour, for what was archived in the window.
    """
    place = read_cursor(cursor) if cursor is not None else Cursor(since=0)
    window = due(place.since, reading.client.server_now(), reading.settings.settle_s)
    if place.upto is not None:
        window = Window(place.since, place.upto)
    elif window.end - window.start < EVERY_MS:
        return
    lines = ["line_items"] if reading.settings.line_items else []
    wanted = sorted([*NEEDED, *lines, *(ENGAGEMENTS if reading.settings.engagements else ())])
    for object_type in wanted:
        if place.part is not None and object_type < place.part:
            continue
        after = place.after if object_type == place.part else None
        yield from _archived(reading, object_type, after, window)
    yield rows(Table.REMOVALS, {}, 0).under(Cursor(since=window.end))


def _archived(reading: Reading, object_type: str, after: str | None, window: Window) -> Iterator[Batch]:
    source = Source(object_type, MODIFIED, ())
    try:
        for objects, following in list_pages(reading.client, source, after, archived=True):
            gone = [item for item in objects if _archived_in(item, window)]
            here = Cursor(since=window.start, upto=window.end, part=object_type, after=following)
            if not gone and following is not None:
                continue
            if object_type in KINDS:
                yield rows(Table.REMOVALS, _columns(gone, KINDS[object_type]), len(gone)).under(here)
            else:
                yield undone(object_type, [str(item["id"]) for item in gone]).under(here)
    except AuthStop:
        if object_type in NEEDED:
            raise


def _archived_in(item: dict[str, Any], window: Window) -> bool:
    at = instant_us(item.get("archivedAt") or item.get("updatedAt"))
    return at is not None and window.holds(at // 1000)


def _columns(gone: list[dict[str, Any]], kind: Kind) -> dict[str, list[Any]]:
    return {
        "kind": [kind.value] * len(gone),
        "record_id": [str(item["id"]) for item in gone],
        "removed": [Removed.DELETED.value] * len(gone),
        "removed_at": [item.get("archivedAt") or item.get("updatedAt") for item in gone],
    }
