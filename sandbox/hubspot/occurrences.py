"""Event occurrences over HTTP (section 3.6 of the rules): per contact, and only where the plan has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sandbox.hubspot import times
from sandbox.hubspot.calls import Reply
from sandbox.hubspot.engagement import cursor_of, read_cursor
from sandbox.hubspot.errors import ApiError, bad_request
from sandbox.hubspot.marketing import Timeline, event_id
from sandbox.hubspot.records import object_type

if TYPE_CHECKING:
    from sandbox.hubspot.calls import Ask
    from sandbox.hubspot.marketing import Occurrence
    from sandbox.hubspot.portal import Portal

EVENT_TYPES: Final = ("e_visited_page", "e_submitted_form", "e_document_viewed", "e_meeting_booked")
MOST: Final = 100  # (D)


def types(portal: Portal, _ask: Ask) -> Reply:
    """GET events/event-types: all there are, also those that the portal never gets (A)."""
    own = {event.type for timeline in portal.marketing.occurrences.values() for event in timeline.items}
    return Reply({"eventTypes": sorted({*EVENT_TYPES, *own})})


def occurrences(portal: Portal, ask: Ask) -> Reply:
    """GET events: one contact's events, newest first unless `sort` says otherwise (D)."""
    if not portal.enterprise:
        raise ApiError(403, {"message": "This account's subscription does not include event occurrences."})  # (D)
    kind, limit = object_type(ask.query.get("objectType", "")), ask.limit(default=20, most=MOST)
    if kind is None:
        raise bad_request("objectType is required with objectId or objectProperty")
    if kind != "contacts":
        return Reply({"results": []})  # the sandbox's companies and deals have no events of their own
    timeline = portal.marketing.occurrences.get(_contact_id(portal, ask), Timeline())
    first, last = _bound(ask, "occurredAfter", 0), _bound(ask, "occurredBefore", 2**62)
    sort, wanted = ask.query.get("sort", "-occurredAt"), ask.query.get("eventType")
    if sort not in {"occurredAt", "-occurredAt"}:
        raise bad_request(f"Invalid sort {sort}: only occurredAt and -occurredAt are known.")
    found = [
        event
        for event in timeline.newest_first((last, 0))
        if event.occurred_ms >= first and wanted in {None, event.type}
    ]
    if sort == "occurredAt":
        found.reverse()
    start = 0
    if (after := ask.query.get("after")) is not None:
        key = read_cursor(after)
        start = next((place + 1 for place, event in enumerate(found) if event.key == key), len(found))
    page = found[start : start + limit]
    body: dict[str, Any] = {"results": [_shown(event) for event in page]}
    if start + limit < len(found):
        cursor = cursor_of(page[-1].key)
        body["paging"] = {"next": {"after": cursor, "link": f"{ask.url}?after={cursor}"}}
    return Reply(body)


def _contact_id(portal: Portal, ask: Ask) -> str:
    address = ask.query.get("objectProperty.email")
    if address is not None:
        contact = portal.find_by_email(address)
        return "" if contact is None else contact.id
    if "objectId" not in ask.query:
        raise bad_request("objectId or objectProperty is required")
    return str(ask.integer("objectId", 0))


def _bound(ask: Ask, name: str, default: int) -> int:
    text = ask.query.get(name)
    if text is None:
        return default
    try:
        return times.to_ms(times.parse(text))
    except ValueError:
        raise bad_request(f"Invalid value for {name}: {text} is not a time.") from None


def _shown(event: Occurrence) -> dict[str, Any]:
    return {
        "id": event_id(event.number),
        "objectType": "CONTACT",
        "objectId": event.contact_id,
        "eventType": event.type,
        "occurredAt": times.to_iso(times.from_ms(event.occurred_ms)),
        "properties": dict(event.properties),
    }
