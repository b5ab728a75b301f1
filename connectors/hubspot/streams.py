"""The streams of CRM objects: contacts as records, companies as accounts, deals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import structlog

from connectors.errors import AuthStop
from connectors.hubspot import counters
from connectors.hubspot.errors import CRM
from connectors.hubspot.fields import Mapped, canonical, mapped, observed, property_of, salesforce_link
from connectors.hubspot.links import read_links
from connectors.hubspot.listing import listed
from connectors.hubspot.objects import Source
from connectors.hubspot.rows import rows
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
    from connectors.hubspot.rows import Rows

log = structlog.get_logger(__name__)

T = TypeVar("T")

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


def pages(reading: Reading, source: Source, place: Cursor, make: Callable[[Values], T]) -> Iterator[Page[T]]:
    """What `make` makes of the objects of one type since `place`."""
    if place.listing:
        return listed(reading.client, source, place, make)
    if place.upto is not None:  # a run under way keeps its own end
        return changed(reading.client, source, place, place.upto, make)
    upto = due(place.since, reading.client.server_now(), reading.settings.settle_s).end
    overlap = reading.settings.look_back_s * 1000
    return changed(reading.client, source, Cursor(since=max(0, place.since - overlap)), upto, make)


def batches(
    reading: Reading, source: Source, cursor: str | None, make: Callable[[Values], list[Rows]]
) -> Iterator[Batch]:
    """Batches of a stream since `cursor`. Of what `make` makes of some objects the last rows are the stream's own;
    those before them stand under the cursor of what came before.
    """
    before = reading.start(cursor)
    for page in pages(reading, source, before, make):
        *beside, own = page.made
        yield from (one.under(before) for one in beside)
        yield own.under(page.cursor, page.total)
        before = page.cursor


class People:
    """How contacts are read: the properties wanted of them, and the rows that they become."""

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

    def rows(self, values: Values) -> list[Rows]:
        """The counters and merges of contacts, where there are any, and last the contacts."""
        count = counters.columns(self._counted, values, self._reading.client.server_now().isoformat())
        beside = [(Table.COUNTERS, count), (Table.REMOVALS, _merged(values))]
        columns = _record_columns(values, self._attributes)
        return [
            *(rows(table, found, number) for table, found in beside if (number := len(found["record_id"]))),
            rows(Table.RECORDS, columns, len(values), self._reading.types),
        ]


def records(reading: Reading, cursor: str | None) -> Iterator[Batch]:
    """Contacts, with their counters and merges."""
    people = People(reading)
    yield from batches(reading, people.source, cursor, people.rows)


def accounts(reading: Reading, cursor: str | None) -> Iterator[Batch]:
    """Companies."""
    attributes = mapped(reading.types, reading.mapping, company=True)
    names = [*COMPANY, *(item.property for item in attributes)]
    source = source_of(reading, "companies", MODIFIED, names)

    def make(values: Values) -> list[Rows]:
        columns: dict[str, list[Any]] = {
            "account_id": values.ids,
            "domain": values.of("domain"),
            "modified_at": values.modified(),
            **_attribute_columns(values, attributes),
        }
        return [rows(Table.ACCOUNTS, columns, len(values), reading.types)]

    yield from batches(reading, source, cursor, make)


def deals(reading: Reading, cursor: str | None) -> Iterator[Batch]:
    """Deals with the contacts and the company that take part in them."""
    source = standard("deals", DEAL)

    def make(values: Values) -> list[Rows]:
        people = read_links(reading.client, "deals", "contacts", values.ids)
        companies = read_links(reading.client, "deals", "companies", values.ids)
        stages = canonical(values.of("dealstage"), "text")
        closed = canonical(values.of("hs_is_closed"), "boolean")
        won = canonical(values.of("hs_is_closed_won"), "boolean")
        columns: dict[str, list[Any]] = {
            "deal_id": values.ids,
            "account_id": [next(iter(companies[deal]), None) for deal in values.ids],
            "record_ids": [people[deal] for deal in values.ids],
            "amount": [_number(value) for value in values.of("amount")],
            "currency": values.of("deal_currency_code"),
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
        return [rows(Table.DEALS, columns, len(values))]

    return batches(reading, source, cursor, make)


def line_items(reading: Reading, cursor: str | None) -> Iterator[Batch]:
    """What deals are about. A line belongs to one deal, or to a quote and then to none."""
    source = standard("line_items", LINE_ITEM)

    def make(values: Values) -> list[Rows]:
        parents = read_links(reading.client, "line_items", "deals", values.ids)
        columns: dict[str, list[Any]] = {
            "line_id": values.ids,
            "deal_id": [next(iter(parents[line]), None) for line in values.ids],
            "product": [
                name or code
                for name, code in zip(
                    canonical(values.of("name"), "text"), canonical(values.of("hs_sku"), "text"), strict=True
                )
            ],
            "amount": [_number(value) for value in values.of("amount")],
            "modified_at": values.modified(),
        }
        return [rows(Table.LINE_ITEMS, columns, len(values))]

    return batches(reading, source, cursor, make)


def standard(object_type: str, names: Iterable[str]) -> Source:
    """Linked objects by properties that HubSpot itself defines: nobody maps others, so no definitions are asked for.

    One that a portal has not comes back as nothing.
    """
    return Source(object_type, MODIFIED, (*names, MODIFIED), linked=True)


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
    salesforce = [given for name in SALESFORCE_IDS if (given := values.given(name))]
    return {
        "kind": [Kind.CONTACT.value] * len(values),
        "record_id": values.ids,
        "email": values.of("email"),
        "account_id": values.of("associatedcompanyid"),
        "owner_id": values.of("hubspot_owner_id"),
        "stage": values.of("lifecyclestage"),
        "created_at": values.created(),
        "modified_at": values.modified(),
        "links": [
            [link for value in ids if value and (link := salesforce_link(value))]
            for ids in zip(*salesforce, strict=True)
        ]
        or [[]] * len(values),
        **_attribute_columns(values, attributes),
        **{
            OBSERVED_PREFIX + field.name: observed(given, field)
            for name, field in _OBSERVED
            if (given := values.given(name))
        },
    }


_OBSERVED = [(property_of(field.name), field) for field in OUTPUT_FIELDS]


def _attribute_columns(values: Values, attributes: list[Mapped]) -> dict[str, list[Any]]:
    return {
        ATTRIBUTE_PREFIX + item.attribute: canonical(given, item.type) if item.type in {"boolean", "date"} else given
        for item in attributes
        if (given := values.given(item.property))
    }


def _merged(values: Values) -> dict[str, list[Any]]:
    """A removal for every id that a contact has swallowed. Its own id may be among them when it kept one."""
    rows = [
        (loser, survivor, modified)
        for survivor, losers, modified in zip(
            values.ids, values.given("hs_merged_object_ids") or (), values.of("lastmodifieddate"), strict=False
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
