"""Search (section 2.3 of the rules): 200 a page, 10,000 in all, live records only, as last indexed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sandbox.hubspot import times
from sandbox.hubspot.calls import Reply
from sandbox.hubspot.errors import bad_request
from sandbox.hubspot.filters import Searcher, read_groups
from sandbox.hubspot.objects import View, kind_of
from sandbox.hubspot.troubles import same_place, thin_page

if TYPE_CHECKING:
    from sandbox.hubspot.calls import Ask
    from sandbox.hubspot.portal import Portal
    from sandbox.hubspot.records import Record

MOST_A_PAGE: Final = 200
MOST_RESULTS: Final = 10_000
LONGEST_BODY: Final = 3000  # characters


def search(portal: Portal, ask: Ask) -> Reply:
    """POST objects/{type}/search."""
    kind = kind_of(ask)
    body = ask.json()
    if ask.size > LONGEST_BODY:
        raise bad_request(f"The request is too long: {ask.size} characters; a search may have {LONGEST_BODY}.")
    limit, start = _whole(body, "limit", 10), _whole(body, "after", 0)
    if not 1 <= limit <= MOST_A_PAGE:
        raise bad_request(f"Invalid limit {limit}: it must be between 1 and {MOST_A_PAGE}.")
    if start + limit > MOST_RESULTS:
        raise bad_request(f"There was a problem with the request: paging ends at {MOST_RESULTS} results.")  # (D)
    take = portal.shared.troubles.take
    order = take("search_order", ask.path) or {}
    searcher = Searcher(
        portal,
        kind,
        portal.stores[kind].index(portal.shared.clock.now()),
        text_ids=order.get("ids") == "text",
        past_window=take("search_past_window", ask.path) is not None,
    )
    found = searcher.matches(read_groups(body), str(body.get("query") or ""))
    sort = _sort(body)
    _arrange(searcher, found, sort)
    page = found[start : start + limit]
    following = start + len(page)
    cursor = str(following)
    thin = thin_page(portal, ask.path, len(page))
    if thin is not None and thin < len(page):
        following = start + thin
        cursor = str(following) if thin else same_place(str(body.get("after") or "0"))
        page = page[:thin]
    if sort is None or order.get("shuffle"):
        portal.shared.random.shuffle(page)
    names = [name for name in body.get("properties") or [] if isinstance(name, str)]
    view = View(portal, kind, names, ask)
    answer: dict[str, Any] = {"total": len(found), "results": [view.show(record) for record in page]}
    if following < len(found):
        answer["paging"] = {"next": {"after": cursor}}  # a number as text, and no link (A)
    return Reply(answer)


def _whole(body: dict[str, Any], name: str, default: int) -> int:
    value = body.get(name)
    if value is None or value == "":
        return default
    if isinstance(value, bool) or not str(value).isdigit():
        raise bad_request(f"Invalid input JSON: Cannot deserialize value of type `int` for {name}")
    return int(value)


def _sort(body: dict[str, Any]) -> tuple[str, bool] | None:
    """The property to sort by and whether downwards; given as an object, or as a name with a minus before it."""
    sorts = body.get("sorts") or []
    if not isinstance(sorts, list) or len(sorts) > 1:
        raise bad_request("Only one sort is allowed.")
    if not sorts:
        return None
    first = sorts[0]
    if isinstance(first, str):
        return first.removeprefix("-"), first.startswith("-")
    return first.get("propertyName", ""), first.get("direction", "ASCENDING") == "DESCENDING"


def _arrange(searcher: Searcher, found: list[Record], sort: tuple[str, bool] | None) -> None:
    """Sort in place: empty values last. Without a sort pages follow creation, but rows within a page do not (A, C)."""
    if sort is None:
        found.sort(key=lambda record: (times.to_ms(record.created), int(record.id)))
        return
    name, downwards = sort
    searcher.known(name)
    key = searcher.key(name)
    found.sort(key=lambda record: int(record.id))
    if name == "hs_object_id" and not downwards and not searcher.text_ids:
        return
    keyed = [(key(record), record) for record in found]
    full = [pair for pair in keyed if pair[0] is not None]
    full.sort(key=lambda pair: pair[0], reverse=downwards)  # type: ignore[arg-type,return-value]  # one type per property
    found[:] = [record for _, record in full] + [record for value, record in keyed if value is None]
