"""The streams: which objects each one reads, and how their rows become facts."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import structlog

from connectors.base import Batch, Stream
from connectors.errors import ConfigProblem
from connectors.salesforce import activities, purged, removals, shapes, shared, soql
from connectors.salesforce.fields import CRM, WRITTEN, Mapped, hidden, mapped, need_object, visible
from connectors.salesforce.reader import Query, Reader
from connectors.salesforce.values import flags, ids, text_table
from connectors.salesforce.visitor_activities import STREAM as VISITORS
from connectors.salesforce.visitor_activities import visitor_activities
from connectors.salesforce.windows import STAMP, Position, dump, load
from scoring.facts import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    import pyarrow as pa

    from config.settings import AttributeSetting, SalesforceSettings
    from connectors.clock import Clock
    from connectors.salesforce.client import Client

STREAMS: Final = (
    Stream("accounts", Table.ACCOUNTS),
    Stream("records.lead", Table.RECORDS),
    Stream("records.contact", Table.RECORDS),
    Stream("deals", Table.DEALS, optional=True),
    Stream("line_items", Table.LINE_ITEMS, optional=True),
    Stream("activities.tasks", Table.ACTIVITIES),
    Stream("activities.events", Table.ACTIVITIES),
    Stream("activities.campaign_members", Table.ACTIVITIES, optional=True),
    Stream("activities.email_messages", Table.ACTIVITIES, optional=True),
    Stream("removals", Table.REMOVALS),
)

LEAD_FIELDS: Final = (
    "Id", "Email", "OwnerId", "Status", "CreatedDate", "SystemModstamp", "IsConverted", "ConvertedContactId",
)  # fmt: skip
CONTACT_FIELDS: Final = ("Id", "Email", "AccountId", "OwnerId", "CreatedDate", "SystemModstamp")
ACCOUNT_FIELDS: Final = ("Id", "Website", "SystemModstamp")
DEAL_FIELDS: Final = (
    "Id", "AccountId", "Amount", "CurrencyIsoCode", "StageName", "IsClosed", "IsWon", "CreatedDate", "CloseDate",
    "SystemModstamp",
)  # fmt: skip
LINE_FIELDS: Final = ("Id", "OpportunityId", "Product2Id", "ProductCode", "TotalPrice", "SystemModstamp")
_MAY_BE_ABSENT: Final = {
    "deals": "Opportunity",
    "line_items": "OpportunityLineItem",
    "activities.campaign_members": "CampaignMember",
    "activities.email_messages": "EmailMessage",
}
"""What each optional stream reads. An object that was never there is no failure; one that was read before and is now
hidden is."""

DESCRIBED: Final = (
    "Account", "Lead", "Contact", "Opportunity", "OpportunityLineItem", "Product2", "Task", "TaskRelation", "Event",
    "EventRelation", "CampaignMember", "EmailMessage", "EmailMessageRelation",
)  # fmt: skip
"""Objects that the streams look at before they read."""

SOMETIMES: Final = frozenset({"CurrencyIsoCode"})
"""Fields that only some organisations have (several currencies)."""

log = structlog.get_logger(__name__)

LIVE: Final = "IsDeleted = false"
OF_SOMEBODY: Final = "WhoId != null"


@dataclass(frozen=True, slots=True)
class Context:
    """What every stream needs: the way to Salesforce, what to read, and the server's time when the pull began."""

    client: Client
    settings: SalesforceSettings
    types: Mapping[str, str]
    mapping: Mapping[str, AttributeSetting]
    clock: Clock
    now: datetime

    def reader(self) -> Reader:
        """A reader up to `now`."""
        return Reader(
            self.client,
            self.clock,
            self.now,
            bulk_above=self.settings.bulk_above,
            look_back_s=self.settings.look_back_s,
        )

    def fields(self, sobject: str) -> dict[str, Any]:
        """The object's fields, or AuthStop."""
        return need_object(sobject, self.client.describe(sobject))


def offered(settings: SalesforceSettings) -> tuple[Stream, ...]:
    """The streams there are under these settings, in the order in which they are best pulled."""
    if settings.account_engagement is None:
        return STREAMS
    return (*STREAMS[:-1], Stream(VISITORS, Table.ACTIVITIES, optional=True), STREAMS[-1])


def pull(context: Context, stream: str, cursor: str | None) -> Iterator[Batch]:
    """Batches of `stream` since `cursor`."""
    if stream == VISITORS and context.client.engagement is not None:
        look_back = timedelta(seconds=context.settings.look_back_s)
        yield from visitor_activities(context.client.engagement, cursor, context.now, look_back)
        return
    positions = load(cursor, stream)
    context.client.describe_together(DESCRIBED)
    if stream == "removals":
        yield from _removals(context, positions)
        return
    source = _SOURCES.get(stream)
    needed = _MAY_BE_ABSENT.get(stream)
    if cursor is None and needed and context.client.describe(needed) is None:
        log.info("the organisation has no such object", crm=CRM, sobject=needed)  # `check` says what that costs
        return
    if source is None:
        names = ", ".join(each.name for each in offered(context.settings))
        raise ConfigProblem(f"there is no stream {stream}.", crm=CRM, remedy=f"There are: {names}.")
    yield from source(context, positions)


def _standard(fields: Mapping[str, Any], sobject: str, wanted: tuple[str, ...]) -> list[str]:
    """The fields that a stream cannot do without; ConfigProblem names the first that is hidden."""
    for name in wanted:
        if name not in fields and name not in SOMETIMES:
            raise hidden(sobject, name, f"reading {sobject}")
    return [name for name in wanted if name in fields]


def _batches(
    reader: Reader,
    table: Table,
    query: Query,
    positions: dict[str, Position],
    shape: Callable[[pa.Table], pa.Table],
    *,
    counted: bool = True,
) -> Iterator[Batch]:
    """One object read to its end, each slice a batch.

    A row may become several facts or none, so that the total is what has come of the rows so far and the rows to come.
    """
    read = made = 0
    for piece in reader.changed(query, positions.get(query.key, Position())):
        positions[query.key] = piece.position
        facts = shape(piece.rows)
        read += piece.rows.num_rows
        made += facts.num_rows
        total = made + max(0, piece.total - read) if counted else None
        yield Batch(table, facts, dump(positions), total, piece.windows_left)


def _attribute_query(
    context: Context, sobject: str, standard: tuple[str, ...], *, with_observed: bool
) -> tuple[Query, list[Mapped], dict[str, Any]]:
    fields = context.fields(sobject)
    wanted = visible(sobject, mapped(sobject, context.mapping, context.types), fields)
    names = _standard(fields, sobject, standard) + [item.field for item in wanted]
    if with_observed:
        names += [name for name in WRITTEN.values() if name in fields]
    # A field mapped or opened later must reach the rows that have not changed since.
    mark = f"{zlib.crc32(repr([(item.attribute, item.field) for item in wanted]).encode()):08x}"
    has_formula = any(fields[item.field].get("calculated") for item in wanted)
    refresh = timedelta(hours=context.settings.formula_refresh_h) if has_formula else None
    return Query(sobject, tuple(dict.fromkeys(names)), mark=mark, refresh=refresh), wanted, fields


def _people(sobject: str, kind: str, standard: tuple[str, ...]) -> Callable[..., Iterator[Batch]]:
    def read(context: Context, positions: dict[str, Position]) -> Iterator[Batch]:
        query, wanted, fields = _attribute_query(context, sobject, standard, with_observed=True)

        def shape(raw: pa.Table) -> pa.Table:
            return shapes.people(raw, kind, wanted, fields, context.types)

        yield from _batches(context.reader(), Table.RECORDS, query, positions, shape)

    return read


def _accounts(context: Context, positions: dict[str, Position]) -> Iterator[Batch]:
    query, wanted, fields = _attribute_query(context, "Account", ACCOUNT_FIELDS, with_observed=False)

    def shape(raw: pa.Table) -> pa.Table:
        return shapes.accounts(raw, wanted, fields, context.types)

    yield from _batches(context.reader(), Table.ACCOUNTS, query, positions, shape)


def _deals(context: Context, positions: dict[str, Position]) -> Iterator[Batch]:
    """Opportunities that changed, then those of which only a contact role changed."""
    names = tuple(_standard(context.fields("Opportunity"), "Opportunity", DEAL_FIELDS))
    query = Query("Opportunity", names)
    roles = Query("OpportunityContactRole", ("Id", "OpportunityId", "SystemModstamp"), all_rows=True)
    positions.setdefault(roles.key, Position(context.now))  # a first read gets all roles with their opportunities

    def shape(raw: pa.Table) -> pa.Table:
        return shapes.deals(raw, _roles(context, ids(raw["Id"].to_pylist())))

    def touched(raw: pa.Table) -> pa.Table:
        deals = ids(raw["OpportunityId"].to_pylist())
        found = [row for text in soql.by_ids(names, "Opportunity", deals) for row in context.client.rows(text)]
        return shape(text_table(found, names))

    reader = context.reader()
    reader.count([(each, positions.get(each.key, Position())) for each in (query, roles)])
    yield from _batches(reader, Table.DEALS, query, positions, shape)
    yield from _batches(reader, Table.DEALS, roles, positions, touched, counted=False)


def _roles(context: Context, deals: list[str]) -> dict[str, dict[str, list[str]]]:
    """By opportunity the contacts that take part with their roles, the primary one first."""
    found: dict[str, list[tuple[str, str]]] = {}
    fields = ("OpportunityId", "ContactId", "Role", "IsPrimary")
    for text in soql.by_ids(fields, "OpportunityContactRole", deals, field="OpportunityId"):
        for row in context.client.rows(text):
            contacts = found.setdefault(row["OpportunityId"], [])
            contacts.insert(0 if row["IsPrimary"] else len(contacts), (row["ContactId"], row["Role"] or ""))
    return {
        deal: {contact: [role for other, role in contacts if other == contact and role] for contact, _ in contacts}
        for deal, contacts in found.items()
    }


def _line_items(context: Context, positions: dict[str, Position]) -> Iterator[Batch]:
    """What opportunities are about; a product whose name may not be read goes by its code."""
    _standard(context.fields("OpportunityLineItem"), "OpportunityLineItem", LINE_FIELDS)
    products = _Others(context.client, "Product2", "Name")
    have_names = context.client.describe("Product2") is not None

    def shape(raw: pa.Table) -> pa.Table:
        return shapes.line_items(raw, products.of(raw["Product2Id"]) if have_names else {})

    yield from _batches(context.reader(), Table.LINE_ITEMS, Query("OpportunityLineItem", LINE_FIELDS), positions, shape)


# --- activities ------------------------------------------------------------------------------------------------

# Deleted rows are the removals' business; archived ones are shown to queryAll alone.
TASKS: Final = Query("Task", activities.TASK_FIELDS, (LIVE, OF_SOMEBODY), all_rows=True)
EVENTS: Final = Query("Event", activities.EVENT_FIELDS, (LIVE, OF_SOMEBODY, "IsChild = false"), all_rows=True)
MEMBERS: Final = Query("CampaignMember", activities.MEMBER_FIELDS)
EMAILS: Final = Query("EmailMessage", activities.EMAIL_FIELDS)


def shape_of(context: Context, query: Query) -> Callable[[pa.Table], pa.Table]:
    """How rows of an activity query become activities."""
    if query.sobject == "Task":
        apart = context.client.describe("EmailMessage") is not None
        mailings = apart or context.client.engagement is not None
        return lambda raw: activities.tasks(raw, context.now, emails_apart=apart, mailings_apart=mailings)
    if query.sobject == "Event":
        return lambda raw: activities.events(raw, context.now)
    if query.sobject == "CampaignMember":
        campaigns = _Others(context.client, "Campaign", "Name", "Type")
        return lambda raw: activities.members(raw, context.now, campaigns.of(raw["CampaignId"]))
    return lambda raw: activities.emails(raw, context.now, _parties(context.client, raw))


def _parties(client: Client, raw: pa.Table) -> dict[str, list[str]]:
    """Leads and contacts by e-mail message; none where the relations may not be read."""
    if client.describe("EmailMessageRelation") is None:
        return {}
    messages = ids(raw["Id"].to_pylist())
    incoming = dict(zip(raw["Id"].to_pylist(), flags(raw["Incoming"]).to_pylist(), strict=True))
    fields = ("EmailMessageId", "RelationId", "RelationType", "RelationObjectType")
    texts = soql.by_ids(fields, "EmailMessageRelation", messages, field="EmailMessageId")
    return activities.parties((row for text in texts for row in client.rows(text)), incoming)


class _Others:
    """Fields of records that rows refer to, asked for once each."""

    def __init__(self, client: Client, sobject: str, *fields: str) -> None:
        self._client = client
        self._sobject = sobject
        self._fields = ("Id", *fields)
        self._known: dict[str, dict[str, Any]] = {}

    def of(self, references: pa.ChunkedArray) -> dict[str, dict[str, Any]]:
        """The records known so far, by id: those that `references` name, and earlier ones."""
        new = [each for each in ids(references.to_pylist()) if each not in self._known]
        for text in soql.by_ids(self._fields, self._sobject, new):
            self._known |= {row["Id"]: row for row in self._client.rows(text, all_rows=True)}
        return self._known


def _activities(query: Query) -> Callable[..., Iterator[Batch]]:
    def read(context: Context, positions: dict[str, Position]) -> Iterator[Batch]:
        _standard(context.fields(query.sobject), query.sobject, query.fields)
        yield from _batches(context.reader(), Table.ACTIVITIES, query, positions, shape_of(context, query))

    return read


def _shareable(plain: Query) -> Callable[..., Iterator[Batch]]:
    """Tasks or events that changed, for every one of their people, then those of which only a relation changed."""

    def read(context: Context, positions: dict[str, Position]) -> Iterator[Batch]:
        fields, sobject = context.fields(plain.sobject), plain.sobject
        _standard(fields, sobject, plain.fields)
        counted = (shared.WHO_COUNT,) if shared.WHO_COUNT in fields else ()
        query = replace(plain, fields=plain.fields + counted)
        as_activities = shape_of(context, query)

        def shape(raw: pa.Table) -> pa.Table:
            return as_activities(shared.widened(raw, shared.others(context.client, sobject, raw)))

        def touched(raw: pa.Table) -> pa.Table:
            texts = soql.by_ids(
                query.fields, sobject, ids(raw[f"{sobject}Id"].to_pylist()), conditions=query.conditions
            )
            found = [row for text in texts for row in context.client.rows(text, all_rows=True)]
            return shape(text_table(found, query.fields))

        links = None
        if relation := shared.relation_of(context.client, sobject):
            links = Query(relation, ("Id", f"{sobject}Id", STAMP), all_rows=True)
            positions.setdefault(links.key, Position(context.now))  # a first read gets them with their activities
        reader = context.reader()
        reader.count([(each, positions.get(each.key, Position())) for each in (query, links) if each])
        yield from _batches(reader, Table.ACTIVITIES, query, positions, shape)
        if links:
            yield from _batches(reader, Table.ACTIVITIES, links, positions, touched, counted=False)

    return read


_SOURCES: Final[dict[str, Callable[..., Iterator[Batch]]]] = {
    "records.lead": _people("Lead", "lead", LEAD_FIELDS),
    "records.contact": _people("Contact", "contact", CONTACT_FIELDS),
    "accounts": _accounts,
    "deals": _deals,
    "line_items": _line_items,
    "activities.tasks": _shareable(TASKS),
    "activities.events": _shareable(EVENTS),
    "activities.campaign_members": _activities(MEMBERS),
    "activities.email_messages": _activities(EMAILS),
}


# --- removals --------------------------------------------------------------------------------------------------


def _removals(context: Context, positions: dict[str, Position]) -> Iterator[Batch]:
    """Deleted, merged and converted records, and activities that are activities no more."""
    shapes_of: list[tuple[Query, Callable[[pa.Table], pa.Table]]] = [
        *((query, removals.of_records(kind)) for kind, query in removals.RECORDS),
        (removals.CONVERTED, removals.of_conversions),
        *((query, removals.of_activities) for query in removals.ACTIVITIES),
    ]
    for query in (removals.UNDONE_TASKS, removals.UNDONE_RESPONSES):
        positions.setdefault(query.key, Position(context.now))  # what was never delivered need not be taken back
        shapes_of.append((query, removals.of_undone(shape_of(context, query))))
    # An object that is not there loses nothing.
    there = [each for each in shapes_of if context.client.describe(each[0].sobject) is not None]
    reader = context.reader()
    reader.count([(query, positions.get(query.key, Position())) for query, _ in there])
    for query, shape in there:
        yield from _batches(reader, Table.REMOVALS, query, positions, shape, counted=False)
    yield from _purged(context, positions)


def _purged(context: Context, positions: dict[str, Position]) -> Iterator[Batch]:
    """What is gone for good, object by object."""
    kinds = {sobject: kind for kind, sobject in removals.LOGGED if _has_a_log(context, sobject)}
    known = {sobject: positions.get(f"{sobject} purged", Position()) for sobject in kinds}
    due = {sobject: position for sobject, position in known.items() if purged.is_due(position, context.now)}
    for sobject, rows, position in purged.purged(context.client, due, context.now, context.settings.look_back_s):
        positions[f"{sobject} purged"] = position
        yield Batch(Table.REMOVALS, removals.of_purged(kinds[sobject], rows), dump(positions))


def _has_a_log(context: Context, sobject: str) -> bool:
    description = context.client.describe(sobject)
    return description is not None and bool(description.get("replicateable", True))
