"""The streams of CRM objects: contacts as records, companies as accounts, deals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog

from connectors.errors import AuthStop
from connectors.hubspot import counters
from connectors.hubspot.errors import CRM
from connectors.hubspot.fields import Mapped, canonical, mapped, observed, property_of, salesforce_link
from connectors.hubspot.links import read_links
from connectors.hubspot.listing import listed
from connectors.hubspot.objects import Source
from connectors.hubspot.rows import batch
from connectors.hubspot.searching import changed
from connectors.hubspot.windows import Cursor, due, read_cursor
from scoring.facts import ATTRIBUTE_PREFIX, OBSERVED_PREFIX, OUTPUT_FIELDS, Kind, Removed, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from config.attributes import AttributeType
    from config.settings import AttributeSetting, HubSpotSettings
    from connectors.base import Batch
    from connectors.hubspot.client import Client
    from connectors.hubspot.objects import Page, Values

log = structlog.get_logger(__name__)

CONTACT = (
    "email", "createdate", "lastmodifieddate", "lifecyclestage", "hubspot_owner_id", "associatedcompanyid",
    "hs_merged_object_ids", "salesforceleadid", "salesforcecontactid",
)  # fmt: skip
"""Properties that fill the fixed columns of a record."""

COMPANY = ("domain",)

DEAL = (
    "amount", "deal_currency_code", "dealstage", "hs_is_closed", "hs_is_closed_won", "createdate", "closedate",
    "hs_salesforceopportunityid",
)  # fmt: skip

LINE_ITEM = ("name", "hs_sku", "amount")

MODIFIED = "hs_lastmodifieddate"
"""When an object changed, of all types but contacts."""

CLOSED_STAGES = {"closedwon": True, "closedlost": False}
"""Stages of the standard pipeline, for portals whose deals lack `hs_is_closed`; whether the stage means won."""

SALESFORCE_IDS = ("salesforceleadid", "salesforcecontactid")


@dataclass(frozen=True, slots=True)
class Reading:
    """What every stream needs: the portal, the settings, and where attributes live."""

    client: Client
    settings: HubSpotSettings
    types: Mapping[str, AttributeType]
    mapping: Mapping[str, AttributeSetting]

    def start(self, cursor: str | None) -> Cursor:
        """Where to go on; without a cursor a full listing, after which increments begin at the server's time now."""
        if cursor is not None:
            return read_cursor(cursor)
        begun = due(0, self.client.server_now(), self.settings.settle_s).end
        return Cursor(since=begun, listing=True)


def pages(
    reading: Reading, source: Source, cursor: str | None, extra: Callable[[Values], Any] | None = None
) -> Iterator[Page]:
    """Objects of one type since `cursor`, with what `extra` reads along with each page of them."""
    place = reading.start(cursor)
    if place.listing:
        return listed(reading.client, source, place, extra)
    if place.upto is not None:  # a run under way keeps its own end
        return changed(reading.client, source, place, place.upto, extra)
    upto = due(place.since, reading.client.server_now(), reading.settings.settle_s).end
    overlap = reading.settings.look_back_s * 1000
    return changed(reading.client, source, Cursor(since=max(0, place.since - overlap)), upto, extra)


class People:
    """How contacts are read: the properties wanted of them, and the batches that they become."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._attributes = mapped(reading.types, reading.mapping, company=False)
        self._counted = counters.chosen(reading.settings)
        self.source = source_of(
            reading,
            "contacts",
            "lastmodifieddate",
            [
                *CONTACT,
                *(item.property for item in self._attributes),
                *(property_of(field.name) for field in OUTPUT_FIELDS),
                *(name for counter in self._counted for name in counter.properties),
            ],
        )

    def batches(self, values: Values, before: Cursor, cursor: Cursor, total: int | None = None) -> Iterator[Batch]:
        """Contacts under `cursor`; before them their counters and merges, still under the cursor `before`."""
        count = counters.columns(self._counted, values.ids, values.of, self._reading.client.server_now().isoformat())
        if count["record_id"]:
            yield batch(Table.COUNTERS, count, len(count["record_id"]), before)
        merged = _merged(values)
        if merged["record_id"]:
            yield batch(Table.REMOVALS, merged, len(merged["record_id"]), before)
        columns = _record_columns(values, self._attributes)
        types = self._reading.types
        yield batch(Table.RECORDS, columns, len(values), cursor, attributes=types, total=total)


def records(reading: Reading, cursor: str | None) -> Iterator[Batch]:
    """Contacts, with their counters and merges."""
    people = People(reading)
    before = reading.start(cursor)
    for page in pages(reading, people.source, before.text()):
        yield from people.batches(page.objects, before, page.cursor, page.total)
        before = page.cursor


def accounts(reading: Reading, cursor: str | None) -> Iterator[Batch]:
    """Companies."""
    attributes = mapped(reading.types, reading.mapping, company=True)
    names = [*COMPANY, *(item.property for item in attributes)]
    source = source_of(reading, "companies", MODIFIED, names)
    for page in pages(reading, source, cursor):
        values = page.objects
        columns: dict[str, list[Any]] = {
            "account_id": values.ids,
            "domain": canonical(values.of("domain"), "text"),
            "modified_at": values.modified(),
            **_attribute_columns(values, attributes),
        }
        yield batch(Table.ACCOUNTS, columns, len(values), page.cursor, attributes=reading.types, total=page.total)


def deals(reading: Reading, cursor: str | None) -> Iterator[Batch]:
    """Deals with the contacts and the company that take part in them."""
    source = standard("deals", DEAL)

    def linked(objects: Values) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
        people = read_links(reading.client, "deals", "contacts", objects.ids)
        return people, read_links(reading.client, "deals", "companies", objects.ids)

    for page in pages(reading, source, cursor, linked):
        values = page.objects
        people, companies = page.extra
        stages = canonical(values.of("dealstage"), "text")
        closed = canonical(values.of("hs_is_closed"), "boolean")
        won = canonical(values.of("hs_is_closed_won"), "boolean")
        columns: dict[str, list[Any]] = {
            "deal_id": values.ids,
            "account_id": [next(iter(companies[deal]), None) for deal in values.ids],
            "record_ids": [people[deal] for deal in values.ids],
            "amount": [_number(value) for value in values.of("amount")],
            "currency": canonical(values.of("deal_currency_code"), "text"),
            "stage": stages,
            "is_closed": [
                is_closed == "true" if is_closed else stage in CLOSED_STAGES
                for is_closed, stage in zip(closed, stages, strict=True)
            ],
            "is_won": [
                is_won == "true" if is_won else CLOSED_STAGES.get(stage or "", False)
                for is_won, stage in zip(won, stages, strict=True)
            ],
            "created_at": values.created(),
            "links": [
                [link] if value and (link := salesforce_link(value)) else []
                for value in values.of("hs_salesforceopportunityid")
            ],
            "modified_at": values.modified(),
        }
        columns["closed_at"] = [
            at if is_closed else None  # of an open deal it is a hope
            for at, is_closed in zip(values.of("closedate"), columns["is_closed"], strict=True)
        ]
        yield batch(Table.DEALS, columns, len(values), page.cursor, total=page.total)


def line_items(reading: Reading, cursor: str | None) -> Iterator[Batch]:
    """What deals are about. A line belongs to one deal, or to a quote and then to none."""
    source = standard("line_items", LINE_ITEM)

    def linked(objects: Values) -> dict[str, list[str]]:
        return read_links(reading.client, "line_items", "deals", objects.ids)

    for page in pages(reading, source, cursor, linked):
        values = page.objects
        columns: dict[str, list[Any]] = {
            "line_id": values.ids,
            "deal_id": [next(iter(page.extra[line]), None) for line in values.ids],
            "product": [
                name or code
                for name, code in zip(
                    canonical(values.of("name"), "text"), canonical(values.of("hs_sku"), "text"), strict=True
                )
            ],
            "amount": [_number(value) for value in values.of("amount")],
            "modified_at": values.modified(),
        }
        yield batch(Table.LINE_ITEMS, columns, len(values), page.cursor, total=page.total)


def standard(object_type: str, names: Iterable[str]) -> Source:
    """Objects by properties that HubSpot itself defines: nobody maps others of them, so no definitions are asked for.

    One that a portal has not comes back as nothing.
    """
    return Source(object_type, MODIFIED, (*names, MODIFIED))


def source_of(reading: Reading, object_type: str, modified: str, names: Iterable[str]) -> Source:
    """What the portal has of the properties wanted: definitions are read anew for every pull.

    A mapped property that is not there (any more) is told: its attribute will be unknown. Without the scope for
    definitions all are asked for; those that do not exist come back as nothing.
    """
    wanted = tuple(dict.fromkeys([*names, modified]))
    try:
        known = reading.client.properties(object_type)
    except AuthStop:
        return Source(object_type, modified, wanted)
    for attribute, setting in reading.mapping.items():
        if setting.hubspot in wanted and setting.hubspot not in known:
            log.warning("a mapped property is not there", crm=CRM, attribute=attribute, property=setting.hubspot)
    return Source(object_type, modified, tuple(name for name in wanted if name in known))


def _record_columns(values: Values, attributes: list[Mapped]) -> dict[str, list[Any]]:
    return {
        "kind": [Kind.CONTACT.value] * len(values.ids),
        "record_id": values.ids,
        "email": canonical(values.of("email"), "text"),
        "account_id": canonical(values.of("associatedcompanyid"), "text"),
        "owner_id": canonical(values.of("hubspot_owner_id"), "text"),
        "stage": canonical(values.of("lifecyclestage"), "text"),
        "created_at": values.created(),
        "modified_at": values.modified(),
        "links": [
            [link for value in pair if value and (link := salesforce_link(value))]
            for pair in zip(*(values.of(name) for name in SALESFORCE_IDS), strict=True)
        ],
        **_attribute_columns(values, attributes),
        **{
            OBSERVED_PREFIX + field.name: observed(values.of(name), field)
            for field in OUTPUT_FIELDS
            if values.has(name := property_of(field.name))
        },
    }


def _attribute_columns(values: Values, attributes: list[Mapped]) -> dict[str, list[Any]]:
    return {
        ATTRIBUTE_PREFIX + item.attribute: canonical(values.of(item.property), item.type)
        for item in attributes
        if values.has(item.property)
    }


def _merged(values: Values) -> dict[str, list[Any]]:
    """A removal for every id that a contact has swallowed. Its own id may be among them when it kept one."""
    rows = [
        (loser, survivor, modified)
        for survivor, losers, modified in zip(
            values.ids, values.of("hs_merged_object_ids"), values.of("lastmodifieddate"), strict=True
        )
        for loser in str(losers or "").split(";")
        if loser and loser != survivor
    ]
    losers, survivors, at = (list(column) for column in zip(*rows, strict=True)) if rows else ([], [], [])
    return {
        "kind": [Kind.CONTACT.value] * len(rows),
        "record_id": losers,
        "removed": [Removed.MERGED.value] * len(rows),
        "successor_id": survivors,
        "removed_at": at,
    }


def _number(value: Any) -> float | None:
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError):
        return None
