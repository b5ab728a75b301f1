"""Raw text columns into facts. Pure functions: a raw table in, rows of the vocabulary out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from connectors.salesforce.fields import CRM, WRITTEN, Mapped
from connectors.salesforce.values import canonical, column, constant, flags, hosts, numbers, table_of, times
from connectors.salesforce.windows import STAMP
from scoring.facts import ATTRIBUTE_PREFIX, OBSERVED_PREFIX, OUTPUT_BY_NAME, Removed, Table, arrow_schema

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

DOMAIN: Final = "company.domain"


def attributes(raw: pa.Table, wanted: Sequence[Mapped], described: Mapping[str, Any]) -> dict[str, Any]:
    """The ``attr.`` columns."""
    columns = {}
    for item in wanted:
        values = canonical(column(raw, item.field), described[item.field]["type"])
        is_address = item.attribute == DOMAIN and described[item.field]["type"] == "url"
        columns[ATTRIBUTE_PREFIX + item.attribute] = hosts(values) if is_address else values
    return columns


def observed(raw: pa.Table) -> dict[str, Any]:
    """The ``observed.`` columns: what the fields that we write hold now, numbers without decimals."""
    columns = {}
    for output, name in WRITTEN.items():
        kind = "int" if OUTPUT_BY_NAME[output].type == "integer" else "string"
        columns[OBSERVED_PREFIX + output] = canonical(column(raw, name), kind)
    return columns


def people(
    raw: pa.Table, kind: str, wanted: Sequence[Mapped], described: Mapping[str, Any], types: Iterable[str]
) -> pa.Table:
    """Leads or contacts as records. A converted lead is removed and linked to the contact it became."""
    rows = raw.num_rows
    converted = pc.fill_null(flags(column(raw, "IsConverted")), False)
    contact = pc.if_else(converted, column(raw, "ConvertedContactId"), None)
    columns = {
        "crm": constant(CRM, rows),
        "kind": constant(kind, rows),
        "record_id": column(raw, "Id"),
        "email": column(raw, "Email"),
        "account_id": column(raw, "AccountId"),
        "owner_id": column(raw, "OwnerId"),
        "stage": column(raw, "Status"),
        "created_at": times(column(raw, "CreatedDate")),
        "modified_at": times(column(raw, STAMP)),
        "removed": pc.if_else(converted, Removed.CONVERTED.value, None),
        "links": _links(contact),
    }
    columns |= attributes(raw, wanted, described) | observed(raw)
    return table_of(arrow_schema(Table.RECORDS, types), columns, rows)


def _links(contact: pa.ChunkedArray) -> pa.Array:
    """For each row a list of the one contact it became, or an empty one."""
    there = pc.cumulative_sum(pc.cast(pc.is_valid(contact), pa.int32())).combine_chunks()
    offsets = pa.concat_arrays([pa.array([0], pa.int32()), there])
    names = pc.binary_join_element_wise(f"{CRM}:", contact.drop_null(), "")
    return pa.ListArray.from_arrays(offsets, names.combine_chunks())


def accounts(raw: pa.Table, wanted: Sequence[Mapped], described: Mapping[str, Any], types: Iterable[str]) -> pa.Table:
    """Accounts."""
    columns = {
        "crm": constant(CRM, raw.num_rows),
        "account_id": column(raw, "Id"),
        "domain": hosts(column(raw, "Website")),
        "modified_at": times(column(raw, STAMP)),
    }
    columns |= attributes(raw, wanted, described)
    return table_of(arrow_schema(Table.ACCOUNTS, types), columns, raw.num_rows)


def deals(raw: pa.Table, contacts: Mapping[str, Mapping[str, Sequence[str]]]) -> pa.Table:
    """Opportunities; `contacts` are those who take part in each, with their roles.

    The close date of an open one is only a hope.
    """
    closed = flags(column(raw, "IsClosed"))
    taking_part = [contacts.get(deal, {}) for deal in column(raw, "Id").to_pylist()]
    columns = {
        "crm": constant(CRM, raw.num_rows),
        "deal_id": column(raw, "Id"),
        "account_id": column(raw, "AccountId"),
        "record_ids": pa.array([list(some) for some in taking_part], pa.list_(pa.string())),
        "roles": pa.array(
            [[";".join(roles) for roles in some.values()] for some in taking_part], pa.list_(pa.string())
        ),
        "amount": numbers(column(raw, "Amount")),
        "currency": column(raw, "CurrencyIsoCode"),
        "stage": column(raw, "StageName"),
        "is_closed": closed,
        "is_won": flags(column(raw, "IsWon")),
        "created_at": times(column(raw, "CreatedDate")),
        "closed_at": pc.if_else(closed, times(column(raw, "CloseDate")), None),
        "modified_at": times(column(raw, STAMP)),
    }
    return table_of(arrow_schema(Table.DEALS), columns, raw.num_rows)


def line_items(raw: pa.Table, products: Mapping[str, Mapping[str, Any]]) -> pa.Table:
    """Opportunity products; `products` are the names of what is sold, by id."""
    names = [products.get(product, {}).get("Name") for product in column(raw, "Product2Id").to_pylist()]
    columns = {
        "crm": constant(CRM, raw.num_rows),
        "line_id": column(raw, "Id"),
        "deal_id": column(raw, "OpportunityId"),
        "product": pc.coalesce(pa.array(names, pa.string()), column(raw, "ProductCode")),
        "amount": numbers(column(raw, "TotalPrice")),
        "modified_at": times(column(raw, STAMP)),
    }
    return table_of(arrow_schema(Table.LINE_ITEMS), columns, raw.num_rows)


@dataclass(frozen=True, slots=True)
class Removal:
    """One removed thing."""

    kind: str
    record_id: str
    removed: Removed
    successor_id: str | None = None
    removed_at: str | None = None  # as Salesforce writes it


def removals(found: Sequence[Removal]) -> pa.Table:
    """Removals."""
    rows = len(found)

    def texts(values: Iterable[str | None]) -> pa.ChunkedArray:
        return pa.chunked_array([pa.array(list(values), pa.string())])

    columns = {
        "crm": constant(CRM, rows),
        "kind": texts(item.kind for item in found),
        "record_id": texts(item.record_id for item in found),
        "removed": texts(item.removed.value for item in found),
        "successor_id": texts(item.successor_id for item in found),
        "removed_at": times(texts(item.removed_at for item in found)),
    }
    return table_of(arrow_schema(Table.REMOVALS), columns, rows)


def activity_table(columns: dict[str, Any], seen_at: datetime) -> pa.Table:
    """Activities from the columns at hand; rows of no type, of no time or of nobody are none and are left out."""
    rows = len(columns["type"])
    seen = pa.scalar(seen_at.replace(tzinfo=None), pa.timestamp("us"))
    columns = {"crm": constant(CRM, rows), "seen_at": pa.repeat(seen, rows), "count": pa.repeat(1, rows)} | columns
    table = table_of(arrow_schema(Table.ACTIVITIES), columns, rows)
    of_somebody = pc.or_(pc.is_valid(table["record_id"]), pc.is_valid(table["email"]))
    known = pc.and_(pc.is_valid(table["type"]), pc.is_valid(table["occurred_at"]))
    return table.filter(pc.and_(known, of_somebody))
