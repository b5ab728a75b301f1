"""The rows of one object, with the indexes that keep queries and lifecycle fast."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.ordered import ByStamp
from sandbox.salesforce.schema import Row
from sandbox.salesforce.values import STAMP_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterable

_PARENTS = frozenset({
    "AccountId", "ActivityId", "CampaignId", "ContactId", "EmailMessageId", "EventId", "LeadId", "OpportunityId",
    "ParentId", "PermissionSetId", "RelationId", "TaskId", "WhatId", "WhoId",
})  # fmt: skip


class Table(dict[str, Row]):
    """Rows by id. Change them through `put` so that the indexes follow."""

    def __init__(self, fields: Iterable[str]) -> None:
        super().__init__()
        self._children: dict[str, dict[str, list[str]]] = {name: {} for name in fields if name in _PARENTS}
        self._stamps: ByStamp[str, str] = ByStamp()  # by SystemModstamp's whole seconds
        self.version = 0  # grows with every change
        self.pending: dict[str, tuple[str, Row | None]] = {}

    def put(self, row: Row, previous: Row | None = None) -> None:
        """Store a row in place of `previous`."""
        record_id = row["Id"]
        for name, index in self._children.items():
            parent = row.get(name)
            before = previous.get(name) if previous else None
            if parent != before:
                if before:
                    index[before].remove(record_id)
                if parent:
                    index.setdefault(parent, []).append(record_id)
        self[record_id] = row
        self._stamps.put(record_id, row["SystemModstamp"][:STAMP_SECONDS])
        self.version += 1

    def drop(self, record_id: str) -> None:
        """Forget a row."""
        row = self.pop(record_id)
        for name, index in self._children.items():
            if row.get(name):
                index[row[name]].remove(record_id)
        self._stamps.drop(record_id)
        self.version += 1

    def children(self, field: str, parent_id: str) -> list[Row]:
        """The rows whose reference `field` points to `parent_id`, deleted ones included."""
        return [self[record_id] for record_id in self._children[field].get(parent_id, ())]

    def child_ids(self, field: str, parents: Iterable[str]) -> list[str] | None:
        """Ids of the rows that point to any of `parents`; None where the field has no index."""
        index = self._children.get(field)
        return None if index is None else [child for parent in parents for child in index.get(parent, ())]

    def stamped_between(self, low: str, high: str) -> list[str]:
        """Ids with low <= SystemModstamp < high (texts of whole seconds), oldest first."""
        return self._stamps.between(low, high)

    def hold_back(self, record_id: str, until: str, previous: Row | None) -> None:
        """Show `previous` (or nothing) to queries until `until`: the change is not committed yet."""
        if record_id in self.pending:
            previous = self.pending[record_id][1]
        self.pending[record_id] = (until, previous)

    def visible(self, record_id: str, now: str) -> Row | None:
        """The row as a query sees it at `now`."""
        if self.pending and record_id in self.pending:
            until, previous = self.pending[record_id]
            if now < until:
                return previous
            del self.pending[record_id]
        return self.get(record_id)
