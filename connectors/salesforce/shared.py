"""Shared Activities: a task or event of several people, of whom the record itself names only the primary one.

The others stand in TaskRelation and EventRelation, which exist only where the organisation has use for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

from connectors.salesforce import soql
from connectors.salesforce.values import column

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from connectors.salesforce.client import Client

WHO_COUNT: Final = "WhoCount"
"""How many leads and contacts a task or event has; a field that exists only with Shared Activities."""

OTHER: Final = "other person's activity id"
"""Column of `widened`: the id of the copy that another person than the primary one gets; null for the row itself."""

_PERSON_PREFIXES: Final = ("003", "00Q")  # ids of contacts and leads; relations name users and accounts too
_NOT_COMING: Final = frozenset({"Declined", "Uninvited"})


def relation_of(client: Client, sobject: str) -> str | None:
    """The object that holds the other people of a Task or Event; None where there is none."""
    name = f"{sobject}Relation"
    return name if client.describe(name) is not None else None


def others(client: Client, sobject: str, raw: pa.Table) -> dict[str, list[str]]:
    """Leads and contacts of each row beside its primary one, in no order; rows that have none are absent.

    Costs a call per 180 rows that may have any: all rows, unless the record itself counts its people.
    """
    relation = relation_of(client, sobject)
    if relation is None:
        return {}
    counts = column(raw, WHO_COUNT).to_pylist()
    primary = dict(zip(column(raw, "Id").to_pylist(), column(raw, "WhoId").to_pylist(), strict=True))
    asked = [record_id for record_id, count in zip(primary, counts, strict=True) if count is None or float(count) > 1]
    owner = f"{sobject}Id"
    fields = [owner, "RelationId"]
    described = client.describe(relation)
    if described and "Status" in described["fields"]:
        fields.append("Status")
    found: dict[str, list[str]] = {}
    for text in soql.by_ids(fields, relation, asked, field=owner):
        for row in client.rows(text):
            person, record_id = row["RelationId"] or "", row[owner]
            known = found.setdefault(record_id, [])
            is_other = person.startswith(_PERSON_PREFIXES) and person not in {primary[record_id], *known}
            if is_other and row.get("Status") not in _NOT_COMING:
                known.append(person)
    return found


def widened(raw: pa.Table, people: Mapping[str, Sequence[str]]) -> pa.Table:
    """`raw` with a copy of each row for every other person of it, who is its WhoId there."""
    more = [
        (place, person) for place, record_id in enumerate(raw["Id"].to_pylist()) for person in people.get(record_id, ())
    ]
    own = raw.append_column(OTHER, pa.nulls(raw.num_rows, pa.string()))
    if not more:
        return own
    copies = raw.take(pa.array([place for place, _ in more], pa.int64()))
    persons = pa.array([person for _, person in more], pa.string())
    copies = copies.set_column(copies.column_names.index("WhoId"), "WhoId", persons)
    ids = pc.binary_join_element_wise(copies["Id"], persons, "/")
    return pa.concat_tables([own, copies.append_column(OTHER, ids)])
