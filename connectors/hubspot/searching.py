"""Search: what changed in a window of time. It has filters, a cap of 10,000 results and an index that lags."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import structlog

from connectors.hubspot.ahead import overlapped
from connectors.hubspot.errors import CRM
from connectors.hubspot.listing import list_pages
from connectors.hubspot.objects import Page, modified_ms, read_by_id
from connectors.hubspot.paging import IDLE_PAGES, next_token
from connectors.hubspot.windows import Cursor, Window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from connectors.hubspot.client import Client
    from connectors.hubspot.objects import Objects, Source, Values

log = structlog.get_logger(__name__)

T = TypeVar("T")

SEARCH_PAGE = 200
CAP = 10_000
"""A search gives no more results than this; a window that holds as many is not trusted."""

LONGEST_SEARCH = 2_000
"""Characters of property names in a search, whose whole body may have 3,000."""

MOST_PARTS = 8
"""Into how many windows one is split at a time: few calls are lost where changes are even, and where they are not."""


def changed(
    client: Client, source: Source, cursor: Cursor, upto: int, make: Callable[[Values], T]
) -> Iterator[Page[T]]:
    """Objects modified from `cursor.since` up to, not including, `upto` (both ms), in windows below the cap; see
    `overlapped` for `make`.

    A cursor from the middle of such a run goes on with the windows that it names, each where it stands. A window leaves
    the cursor when it is done, never before: one that turns out to be short of the server's count is read again.
    """
    whole = Window(cursor.since, upto)
    total: int | None = None

    def read(window: Window, _: Callable[[], bool]) -> Iterator[tuple[Objects, Sequence[Window]]]:
        nonlocal total
        first = _search(client, source, window, window.after)
        if window == whole:
            total = _total(first)
        if window.splittable and window.after is None and _total(first) >= CAP:
            yield [], window.split(min(MOST_PARTS, 2 * _total(first) // CAP))
            return
        for objects, left in _whole_window(client, source, window, first):
            yield objects, [left]
        yield [], []

    if whole.start >= whole.end:
        yield Page(make(source.values([])), 0, Cursor(since=cursor.since))
        return
    for chunk in overlapped(client.clock, cursor.windows or [whole], read, source.values, make, more=source.linked):
        here = Cursor(since=cursor.since, upto=upto, windows=tuple(sorted(chunk.left, key=lambda one: one.start)))
        yield Page(chunk.made, chunk.count, here if chunk.left else Cursor(since=upto), total)


def _whole_window(
    client: Client, source: Source, window: Window, first: dict[str, Any]
) -> Iterator[tuple[Objects, Window]]:
    """All objects of a window, each once, and what is left of it; read in up to three ways until the server's count is
    met.
    """
    seen: set[str] = set()

    def fresh(results: Objects) -> Objects:
        new = [item for item in results if item["id"] not in seen]
        seen.update(item["id"] for item in new)
        inside = _inside(new, source, window)
        if source.longer_than(LONGEST_SEARCH):
            return read_by_id(client, source, [item["id"] for item in inside])
        return inside

    for results, last in _by_id(client, source, window, first):
        objects = fresh(results)
        yield objects, replace(window, after=last, seen=window.seen + len(seen))
    # Rows may have left the window while it was read (changed again); what counts is what is there now.
    if window.after is None and len(seen) >= _total(first):
        return
    anew = Window(window.start, window.end)
    total = _total(_search(client, source, anew, limit=1))
    if window.seen + len(seen) >= total:
        return
    by = "offset" if total < CAP else "list"
    log.info("window is read again", crm=CRM, object_type=source.object_type, by=by)
    if by == "offset":
        for results in _by_offset(client, source, window):
            yield fresh(results), anew
        if len(seen) >= total:
            return
    for objects, _ in list_pages(client, source, None):
        yield fresh([item for item in objects if window.holds(modified_ms(item, source) or window.start - 1)]), anew


def _by_id(
    client: Client, source: Source, window: Window, first: dict[str, Any]
) -> Iterator[tuple[Objects, str | None]]:
    """Each page asks for ids greater than the last one given, so no page is ever beyond the cap; with that last one."""
    body, last, empty = first, window.after, 0
    while True:
        results = body.get("results") or []
        token = next_token(body)
        following = _last_id(results) if results else last
        yield results, following
        if token is None:
            return
        empty = 0 if results else empty + 1
        if empty > IDLE_PAGES or (results and following == last):
            return  # no progress this way; the caller counts
        last = following
        body = _search(client, source, window, last, offset=None if results else token)


def _by_offset(client: Client, source: Source, window: Window) -> Iterator[Objects]:
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
    limit: int | None = None,
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
        "limit": limit or SEARCH_PAGE,
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


def _inside(objects: Objects, source: Source, window: Window) -> Objects:
    """Without rows that the search gave from outside the window; those from after it come with their own run."""
    return [item for item in objects if (ms := modified_ms(item, source)) is None or window.holds(ms)]
