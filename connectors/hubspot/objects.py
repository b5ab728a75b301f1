"""Objects of one type: the whole list in id order, or what changed in a window of time.

The list has no cap and no filter; search has filters, a cap of 10,000 results and an index that lags. Both come here
as pages of raw objects with the cursor that is true once the page is stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog

from connectors.hubspot import paths
from connectors.hubspot.errors import CRM
from connectors.hubspot.fields import instant_us
from connectors.hubspot.paging import IDLE_PAGES, follow, next_token
from connectors.hubspot.windows import Cursor, Window

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from connectors.hubspot.client import Client

log = structlog.get_logger(__name__)

LIST_PAGE = 100
SEARCH_PAGE = 200
CAP = 10_000
"""A search gives no more results than this; a window that holds as many is not trusted."""

LONGEST_QUERY = 5_000
"""Characters of property names in an address; 5,116 worked on a live portal, some edges refuse 15,000."""

LONGEST_SEARCH = 2_000
"""Characters of property names in a search, whose whole body may have 3,000."""

READ_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Source:
    """A type of object, the properties wanted of it and the property that says when it last changed."""

    object_type: str
    modified: str
    properties: tuple[str, ...]

    def longer_than(self, characters: int) -> bool:
        """Whether the names are too long for a call that takes so many characters; then they are read by id."""
        return sum(len(name) + 3 for name in self.properties) > characters


@dataclass(frozen=True, slots=True)
class Page:
    """Raw objects, and the cursor that is true once they are stored."""

    objects: list[dict[str, Any]]
    cursor: Cursor
    total: int | None = None


def listed(client: Client, source: Source, cursor: Cursor) -> Iterator[Page]:
    """Every live object, by id, from `cursor.after` on."""
    for objects, after in list_pages(client, source, cursor.after):
        yield Page(objects, Cursor(since=cursor.since, listing=after is not None, after=after))


def list_pages(
    client: Client, source: Source, after: str | None, *, archived: bool = False
) -> Iterator[tuple[list[dict[str, Any]], str | None]]:
    """Pages of the list and the token of the page after each."""
    by_id = source.longer_than(LONGEST_QUERY)

    def ask(token: str | None) -> Any:
        return client.get(
            paths.objects(source.object_type),
            limit=LIST_PAGE,
            after=token,
            properties=None if by_id else ",".join(source.properties),
            archived="true" if archived else None,
        )

    for objects, following in follow(source.object_type, ask, after=after):
        if by_id:
            yield read_by_id(client, source, [item["id"] for item in objects], archived=archived), following
        else:
            yield objects, following


def read_by_id(client: Client, source: Source, ids: Sequence[str], *, archived: bool = False) -> list[dict[str, Any]]:
    """Objects by id, any number of properties; ids that are gone or merged away are absent."""
    path = paths.objects(source.object_type, "batch/read") + ("?archived=true" if archived else "")
    found: list[dict[str, Any]] = []
    for start in range(0, len(ids), READ_AT_ONCE):
        inputs = [{"id": record_id} for record_id in ids[start : start + READ_AT_ONCE]]
        body = client.post(path, {"properties": list(source.properties), "inputs": inputs})
        found += body.get("results") or []
    return found


def changed(client: Client, source: Source, cursor: Cursor, upto: int) -> Iterator[Page]:
    """Objects modified from `cursor.since` up to, not including, `upto` (both ms), in windows below the cap.

    A cursor from the middle of such a run goes on with that run's own end. The cursor moves when a window is done,
    never inside it: a window that turns out to be short of the server's count is read again.
    """
    upto = upto if cursor.upto is None else cursor.upto
    window = Window(cursor.since, upto if cursor.window_end is None else cursor.window_end)
    while window.start < window.end:
        first = _search(client, source, window)
        while window.splittable and _total(first) >= CAP:
            window = window.first_half()
            first = _search(client, source, window)
        here = Cursor(since=window.start, upto=upto, window_end=window.end)
        for objects in _whole_window(client, source, window, first):
            yield Page(objects, here, _total(first))
        window = window.following(upto)
        yield Page([], Cursor(since=window.start, upto=upto, window_end=window.end))
    yield Page([], Cursor(since=max(cursor.since, upto)))


def _whole_window(
    client: Client, source: Source, window: Window, first: dict[str, Any]
) -> Iterator[list[dict[str, Any]]]:
    """All objects of a window, each once; read in up to three ways until the server's count is met."""
    seen: set[str] = set()

    def fresh(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
        new = [item for item in results if item["id"] not in seen]
        seen.update(item["id"] for item in new)
        inside = _inside(new, source, window)
        if source.longer_than(LONGEST_SEARCH):
            return read_by_id(client, source, [item["id"] for item in inside])
        return inside

    for results in _by_id(client, source, window, first):
        yield fresh(results)
    # Rows may have left the window while it was read (changed again); what counts is what is there now.
    if len(seen) >= _total(first) or len(seen) >= (total := _total(_search(client, source, window, limit=1))):
        return
    by = "offset" if total < CAP else "list"
    log.info("window is read again", crm=CRM, object_type=source.object_type, by=by)
    if by == "offset":
        for results in _by_offset(client, source, window):
            yield fresh(results)
        if len(seen) >= total:
            return
    for objects, _ in list_pages(client, source, None):
        yield fresh([item for item in objects if window.holds(modified_ms(item, source) or window.start - 1)])


def _by_id(client: Client, source: Source, window: Window, first: dict[str, Any]) -> Iterator[list[dict[str, Any]]]:
    """Each page asks for ids greater than the last one given, so no page is ever beyond the cap."""
    body, last, empty = first, None, 0
    while True:
        results = body.get("results") or []
        token = next_token(body)
        yield results
        if token is None:
            return
        empty = 0 if results else empty + 1
        following = _last_id(results) if results else last
        if empty > IDLE_PAGES or (results and following == last):
            return  # no progress this way; the caller counts
        last = following
        body = _search(client, source, window, last, offset=None if results else token)


def _by_offset(client: Client, source: Source, window: Window) -> Iterator[list[dict[str, Any]]]:
    token = None
    while True:
        body = _search(client, source, window, offset=token)
        yield body.get("results") or []
        following = next_token(body)
        if following is None or following == token or not following.isdigit() or int(following) + SEARCH_PAGE > CAP:
            return
        token = following


def _search(
    client: Client,
    source: Source,
    window: Window,
    after: str | None = None,
    *,
    offset: str | None = None,
    limit: int = SEARCH_PAGE,
) -> dict[str, Any]:
    filters = [
        {"propertyName": source.modified, "operator": "GTE", "value": str(window.start)},
        {"propertyName": source.modified, "operator": "LT", "value": str(window.end)},
    ]
    if after is not None:
        # The id exactly as given: whether ids sort as numbers or as text is the server's affair.
        filters.append({"propertyName": "hs_object_id", "operator": "GT", "value": after})
    body: dict[str, Any] = {
        "filterGroups": [{"filters": filters}],
        "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
        "properties": [source.modified] if source.longer_than(LONGEST_SEARCH) else list(source.properties),
        "limit": limit,
    }
    if offset is not None:
        body["after"] = offset
    found: dict[str, Any] = client.search(source.object_type, body)
    return found


def _total(body: dict[str, Any]) -> int:
    return int(body.get("total") or 0)


def _last_id(results: Sequence[dict[str, Any]]) -> str:
    """The id to go on after. A page in order ends with it; one that came shuffled has its greatest number."""
    ids = [str(item["id"]) for item in results]
    in_order = ids == sorted(ids) or not all(map(str.isdigit, ids))
    return ids[-1] if in_order else max(ids, key=int)


def modified_ms(item: dict[str, Any], source: Source) -> int | None:
    """When an object last changed, in whole ms."""
    us = instant_us((item.get("properties") or {}).get(source.modified) or item.get("updatedAt"))
    return None if us is None else us // 1000


def _inside(objects: list[dict[str, Any]], source: Source, window: Window) -> list[dict[str, Any]]:
    """Without rows that the search gave from outside the window; those from after it come with their own run."""
    return [item for item in objects if (ms := modified_ms(item, source)) is None or window.holds(ms)]
