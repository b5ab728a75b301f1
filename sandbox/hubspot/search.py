"""Search (section 2.3 of the rules): 200 a page, 10,000 in all, live records only, as last indexed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from sandbox.hubspot.calls import Reply
from sandbox.hubspot.errors import bad_request
from sandbox.hubspot.filters import Searcher, read_groups
from sandbox.hubspot.objects import View, kind_of
from sandbox.hubspot.troubles import cursor, same_place, thin_page

if TYPE_CHECKING:
    from sandbox.hubspot.calls import Ask
    from sandbox.hubspot.portal import Portal

MOST_A_PAGE: Final = 200
MOST_RESULTS: Final = 10_000
LONGEST_BODY: Final = 3000  # characters
RESULTS_KEPT: Final = 8


def search(portal: Portal, ask: Ask) -> Reply:
    """POST objects/{type}/search."""
    kind = kind_of(ask)
    body = ask.json()
    if ask.size > LONGEST_BODY:
        raise bad_request(f"The request is too long: {ask.size} characters; a search may have {LONGEST_BODY}.")
    limit, start = _whole(body, "limit", 10), _whole(body, "after", 0)
    start = start if cursor(portal, ask.path, str(start or "")) else 0
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
    found = _found(searcher, body)
    page = [searcher.index.shown[number] for number in found[start : start + limit]]
    following = start + len(page)
    after = str(following)
    thin = thin_page(portal, ask.path, len(page))
    if thin is not None and thin < len(page):
        following = start + thin
        after = str(following) if thin else same_place(str(body.get("after") or "0"))
        page = page[:thin]
    if not body.get("sorts") or order.get("shuffle"):
        portal.shared.random.shuffle(page)
    names = [name for name in body.get("properties") or [] if isinstance(name, str)]
    view = View(portal, kind, names, ask)
    answer: dict[str, Any] = {"total": len(found), "results": [view.show(record) for record in page]}
    if following < len(found):
        answer["paging"] = {"next": {"after": after}}  # a number as text, and no link (A)
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


def _found(searcher: Searcher, body: dict[str, Any]) -> list[int]:
    """The ids of everything that the search finds, in its order."""
    groups, query, sort = read_groups(body), str(body.get("query") or ""), _sort(body)
    asked = (orjson.dumps([groups, query, sort]), searcher.text_ids, searcher.past_window)
    kept = searcher.index.results
    if asked not in kept:
        found = _arranged(searcher, searcher.matches(groups, query), sort)
        if any(one.name.startswith("associations.") for group in groups for one in group):
            return found  # links change without a change of the record
        if len(kept) >= RESULTS_KEPT:
            kept.clear()
        kept[asked] = found
    return kept[asked]


def _arranged(searcher: Searcher, found: list[int], sort: tuple[str, bool] | None) -> list[int]:
    """Ids that are in order of number, sorted as asked: empty values last.

    Without a sort pages follow creation, but rows within a page do not (A, C).
    """
    shown = searcher.index.shown
    if sort is None:
        return sorted(found, key=lambda number: shown[number].created)
    name, downwards = sort
    searcher.known(name)
    if name == "hs_object_id" and not searcher.text_ids:
        return found[::-1] if downwards else found
    key = searcher.key(name)
    values = {number: key(shown[number]) for number in found}
    full = [number for number in found if values[number] is not None]
    full.sort(key=values.__getitem__, reverse=downwards)  # type: ignore[arg-type]  # one type per property
    return [*full, *(number for number in found if values[number] is None)]
