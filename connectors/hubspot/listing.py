"""The plain list of a type of object: no cap, no filter, in order of id. The way of a first load.

A page token is the id of the record that comes next, so a long list is cut into ranges of ids that are read side by
side. Ids are not evenly spread (old portals have small numbers and huge ones): a range that turns out to be long is
split while others have run out. Whether every portal takes an id of our making as a token is unproven, and so is the
order of ids of different lengths: a refusal, a page out of order or fewer records than search counts make the list be
read once more, from its beginning to its end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import structlog

from connectors.hubspot import paths
from connectors.hubspot.ahead import AHEAD, CHUNK, overlapped
from connectors.hubspot.errors import CRM, Refused
from connectors.hubspot.objects import Objects, Page, Source, Values, read_by_id
from connectors.hubspot.paging import follow
from connectors.hubspot.windows import Cursor, Range

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from connectors.hubspot.client import Client

log = structlog.get_logger(__name__)

T = TypeVar("T")

LIST_PAGE = 100

LONGEST_QUERY = 5_000
"""Characters of property names in an address; 5,116 worked on a live portal, some edges refuse 15,000."""

WORTH_SPLITTING = 2 * CHUNK
"""Objects that a range should hold to be cut: each cut costs about half a page."""


class _OutOfOrderError(Exception):
    """The list is not in order of its ids' numbers."""


def listed(client: Client, source: Source, cursor: Cursor, make: Callable[[Values], T]) -> Iterator[Page[T]]:
    """Every live object from where `cursor` stands, by id; see `overlapped` for `make`."""
    fresh = not cursor.ranges and cursor.after is None
    if not fresh:
        ranges, total, highest = cursor.ranges or (Range(cursor.after),), None, None
    else:
        ranges, total, highest = _cut(client, source)
    seen = 0
    try:
        for page in _walk(client, source, cursor, ranges, make, total):
            seen += page.count
            yield page
    except (_OutOfOrderError, Refused):
        if ranges == (Range(),):
            raise
        log.warning("list is read in one piece", crm=CRM, object_type=source.object_type, why="ranges are refused")
    else:
        if highest is None or seen >= _count(client, source, highest):
            return
        log.warning("list is read in one piece", crm=CRM, object_type=source.object_type, why="ranges lack records")
    yield from _walk(client, source, cursor, (Range(),), make, total)


def _walk(
    client: Client,
    source: Source,
    cursor: Cursor,
    ranges: Sequence[Range],
    make: Callable[[Values], T],
    total: int | None,
) -> Iterator[Page[T]]:
    def read(place: Range, hungry: Callable[[], bool]) -> Iterator[tuple[Objects, Sequence[Range]]]:
        return _range(client, source, place, hungry)

    for chunk in overlapped(client.clock, ranges, read, source.values, make, more=source.linked):
        here = Cursor(since=cursor.since, listing=bool(chunk.left), ranges=tuple(sorted(chunk.left, key=_start)))
        yield Page(chunk.made, chunk.count, here, total)


def _start(place: Range) -> int:
    return int(place.after) if place.after and place.after.isdigit() else 0


def _cut(client: Client, source: Source) -> tuple[tuple[Range, ...], int | None, int | None]:
    """The ranges of a list that is read for the first time, how many objects it has, and the highest id."""
    found = _by_highest_id(client, source)
    total = int(found.get("total") or 0)
    ids = [int(item["id"]) for item in found.get("results") or [] if str(item["id"]).isdigit()]
    if total < WORTH_SPLITTING or not ids:
        return (Range(),), total or None, None
    lowest = next((int(item["id"]) for item in _first_page(client, source) if str(item["id"]).isdigit()), 0)
    highest = ids[0]
    width = (highest - lowest) // AHEAD + 1
    edges = range(lowest + width, highest, width)
    starts = [None, *map(str, edges), str(highest + 1)]
    ends = [*edges, highest + 1, None]
    return tuple(map(Range, starts, ends)), total, highest


def _by_highest_id(client: Client, source: Source, upto: int | None = None) -> dict[str, Any]:
    filters = [] if upto is None else [{"propertyName": "hs_object_id", "operator": "LTE", "value": str(upto)}]
    body = {
        "filterGroups": [{"filters": filters}] if filters else [],
        "sorts": [{"propertyName": "hs_object_id", "direction": "DESCENDING"}],
        "properties": ["hs_object_id"],
        "limit": 1,
    }
    found: dict[str, Any] = client.search(source.object_type, body)
    return found


def _count(client: Client, source: Source, highest: int) -> int:
    return int(_by_highest_id(client, source, highest).get("total") or 0)


def _first_page(client: Client, source: Source) -> Objects:
    body = client.get(paths.objects(source.object_type), limit=1)
    found: Objects = body.get("results") or []
    return found


def _range(
    client: Client, source: Source, place: Range, hungry: Callable[[], bool]
) -> Iterator[tuple[Objects, Sequence[Range]]]:
    """Pages of one range, which is split when others are wanted and its last page makes one think that it is long."""
    start, end = place.after, place.end
    last = int(start) - 1 if start and start.isdigit() else -1
    for objects, following in list_pages(client, source, start):
        if end is None:
            yield objects, [] if following is None else [Range(following)]
            continue
        first = last
        for item in objects:
            number = int(item["id"])
            if number <= last:
                raise _OutOfOrderError
            last = number
        if following is None or int(following) >= end or last >= end:
            yield [item for item in objects if int(item["id"]) < end], []
            return
        token = int(following)
        if objects and hungry() and (end - token) * len(objects) // (last - first) > WORTH_SPLITTING:
            middle = (token + end) // 2
            yield objects, [Range(following, middle), Range(str(middle), end)]
            return
        yield objects, [Range(following, end)]


def list_pages(
    client: Client, source: Source, after: str | None, *, archived: bool = False
) -> Iterator[tuple[Objects, str | None]]:
    """Pages of the list and the token of the page after each."""
    by_id = source.longer_than(LONGEST_QUERY)

    def ask(token: str | None) -> Any:
        return client.get(
            paths.objects(source.object_type),
            limit=LIST_PAGE,
            after=token,
            properties=None if by_id or not source.properties else ",".join(source.properties),
            archived="true" if archived else None,
        )

    for objects, following in follow(source.object_type, ask, after=after):
        if by_id:
            yield read_by_id(client, source, [item["id"] for item in objects], archived=archived), following
        else:
            yield objects, following
