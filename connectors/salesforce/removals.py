"""What is gone: deleted, merged and converted records, and activities that no longer are any.

Deleted rows are seen by queryAll while they are in the recycle bin; deletion moves their stamp. Those that are gone for
good are found by `purged`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from connectors.salesforce import activities
from connectors.salesforce.reader import Query
from connectors.salesforce.shapes import Removal, removals
from connectors.salesforce.values import column
from connectors.salesforce.windows import STAMP
from scoring.facts import Kind, Removed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import pyarrow as pa

    from connectors.salesforce.purged import Purged

    Shape = Callable[[pa.Table], pa.Table]


def _deleted(sobject: str, *fields: str) -> Query:
    return Query(sobject, ("Id", *fields, STAMP), ("IsDeleted = true",), all_rows=True, name=f"{sobject} deleted")


RECORDS: Final = (
    (Kind.LEAD, _deleted("Lead", "MasterRecordId")),
    (Kind.CONTACT, _deleted("Contact", "MasterRecordId")),
    (Kind.ACCOUNT, _deleted("Account", "MasterRecordId")),
    (Kind.DEAL, _deleted("Opportunity")),
    (Kind.LINE_ITEM, _deleted("OpportunityLineItem")),
)
CONVERTED: Final = Query(
    "Lead", ("Id", "ConvertedContactId", STAMP), ("IsConverted = true", "IsDeleted = false"), name="Lead converted"
)
ACTIVITIES: Final = tuple(_deleted(sobject) for sobject in activities.OBJECTS)

# Live rows that may have been an activity and are none any more: a task reopened, a response withdrawn.
UNDONE_TASKS: Final = Query(
    "Task", activities.TASK_FIELDS, ("IsClosed = false", "WhoId != null"), all_rows=True, name="Task open"
)
UNDONE_RESPONSES: Final = Query(
    "CampaignMember", activities.MEMBER_FIELDS, ("HasResponded = false",), name="CampaignMember silent"
)


def of_records(kind: Kind) -> Shape:
    """Rows of deleted records as removals; the loser of a merge names the winner."""

    def shape(raw: pa.Table) -> pa.Table:
        rows = _rows(raw, "Id", "MasterRecordId", STAMP)
        return removals(
            [
                Removal(kind.value, record_id, Removed.MERGED if master else Removed.DELETED, master, stamp)
                for record_id, master, stamp in rows
            ]
        )

    return shape


def of_conversions(raw: pa.Table) -> pa.Table:
    """Rows of converted leads as removals; the contact is where the person lives on."""
    rows = _rows(raw, "Id", "ConvertedContactId", STAMP)
    return removals(
        [Removal(Kind.LEAD.value, record_id, Removed.CONVERTED, contact, stamp) for record_id, contact, stamp in rows]
    )


def of_activities(raw: pa.Table) -> pa.Table:
    """Rows of deleted activity records as removals; the record's id stands for all that it was delivered as."""
    return removals(
        [
            Removal(Kind.ACTIVITY.value, record_id, Removed.DELETED, None, stamp)
            for record_id, stamp in _rows(raw, "Id", STAMP)
        ]
    )


def of_undone(as_activities: Shape) -> Shape:
    """Rows that `as_activities` makes nothing of, as removals of what they may have been before."""

    def shape(raw: pa.Table) -> pa.Table:
        still = set(as_activities(raw)["activity_id"].to_pylist())
        return removals(
            [
                Removal(Kind.ACTIVITY.value, record_id, Removed.DELETED, None, stamp)
                for record_id, stamp in _rows(raw, "Id", STAMP)
                if record_id not in still
            ]
        )

    return shape


LOGGED: Final = (
    *((kind, query.sobject) for kind, query in RECORDS),
    *((Kind.ACTIVITY, sobject) for sobject in activities.OBJECTS),
)
"""Objects whose log of deletions is read."""


def of_purged(kind: Kind, rows: Iterable[Purged]) -> pa.Table:
    """Rows that are gone for good as removals. A person who is nowhere any more is erased here, too."""
    word = Removed.ERASED if kind in {Kind.LEAD, Kind.CONTACT} else Removed.DELETED
    return removals([Removal(kind.value, row.record_id, word, None, row.deleted_at) for row in rows])


def _rows(raw: pa.Table, *names: str) -> zip[Any]:
    return zip(*(column(raw, name).to_pylist() for name in names), strict=True)
