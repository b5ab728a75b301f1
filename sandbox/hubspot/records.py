"""Records of one object type: what is stored, what the list walks and what search shows."""

from __future__ import annotations

import bisect
import heapq
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from sandbox.hubspot import times

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

MODIFIED: Final = {"contacts": "lastmodifieddate"}
"""The property with the modified time where it is not `hs_lastmodifieddate`; contacts answer to both."""

ENGAGEMENTS: Final = ("calls", "emails", "meetings", "notes", "tasks", "communications")
OBJECT_TYPES: Final = ("contacts", "companies", "deals", *ENGAGEMENTS)
TYPE_IDS: Final = {
    "contacts": "0-1", "companies": "0-2", "deals": "0-3", "notes": "0-46", "meetings": "0-47", "calls": "0-48",
    "emails": "0-49", "tasks": "0-27", "communications": "0-18",
}  # fmt: skip
SINGULAR: Final = {
    "contacts": "contact", "companies": "company", "deals": "deal", "notes": "note", "meetings": "meeting",
    "calls": "call", "emails": "email", "tasks": "task", "communications": "communication",
}  # fmt: skip
_BY_NAME: Final = (
    {name: name for name in OBJECT_TYPES}
    | {short: name for name, short in SINGULAR.items()}
    | {number: name for name, number in TYPE_IDS.items()}
)


def object_type(name: str) -> str | None:
    """The type's plural name for any of its names (contacts, contact, 0-1); None when there is no such type."""
    return _BY_NAME.get(name.lower())


def modified_name(kind: str) -> str:
    """The property that carries the modified time of records of this type."""
    return MODIFIED.get(kind, "hs_lastmodifieddate")


def created_name(kind: str) -> str:
    """The property that carries the creation time of records of this type."""
    return "hs_createdate" if kind in ENGAGEMENTS else "createdate"


@dataclass(frozen=True, slots=True)
class Record:
    """One state of one record; a change makes another. Empty properties are absent, values are text."""

    id: str
    properties: Mapping[str, str]
    created: datetime
    updated: datetime
    archived: bool = False
    archived_at: datetime | None = None


def derived(kind: str, record: Record) -> dict[str, str]:
    """The properties that HubSpot keeps itself and that every answer carries, asked for or not (B)."""
    return {
        "hs_object_id": record.id,
        created_name(kind): times.to_iso(record.created),
        modified_name(kind): times.to_iso(record.updated),
    }


def value_of(kind: str, record: Record, name: str) -> str | None:
    """A property's text, kept or derived; None when empty."""
    if name == "hs_object_id":
        return record.id
    if name in {"hs_lastmodifieddate", modified_name(kind)}:
        return times.to_iso(record.updated)
    if name == created_name(kind):
        return times.to_iso(record.created)
    return record.properties.get(name)


class SortedIds:
    """Record ids in order of number. New ids are nearly always the highest, so adding is cheap."""

    def __init__(self) -> None:
        self._ids: list[int] = []

    def add(self, record_id: str) -> None:
        """Put an id in its place; an id that is there stays once."""
        number = int(record_id)
        if not self._ids or number > self._ids[-1]:
            self._ids.append(number)
            return
        place = bisect.bisect_left(self._ids, number)
        if self._ids[place] != number:
            self._ids.insert(place, number)

    def discard(self, record_id: str) -> None:
        """Take an id out, if it is there."""
        number = int(record_id)
        place = bisect.bisect_left(self._ids, number)
        if place < len(self._ids) and self._ids[place] == number:
            del self._ids[place]

    def page(self, first: int, limit: int) -> tuple[list[str], str | None]:
        """At most `limit` ids from `first` on, and the id after them (None at the end)."""
        start = bisect.bisect_left(self._ids, first)
        end = start + limit
        following = str(self._ids[end]) if end < len(self._ids) else None
        return [str(number) for number in self._ids[start:end]], following

    def between(self, low: int, high: int | None) -> list[str]:
        """The ids from `low` to `high`, both included."""
        end = len(self._ids) if high is None else bisect.bisect_right(self._ids, high)
        return [str(number) for number in self._ids[bisect.bisect_left(self._ids, low) : end]]

    def __len__(self) -> int:
        return len(self._ids)


@dataclass(slots=True)
class SearchIndex:
    """What search shows: live records as they were when last indexed, by id and by modified time.

    `_modified` is sorted and append-mostly; an entry whose record has moved on is skipped when read and swept out
    when such entries are the majority.
    """

    shown: dict[str, Record] = field(default_factory=dict)
    ids: SortedIds = field(default_factory=SortedIds)
    _modified: list[tuple[int, int]] = field(default_factory=list)  # (milliseconds, id)

    def put(self, record: Record) -> None:
        """Show this state of the record from now on."""
        before = self.shown.get(record.id)
        self.shown[record.id] = record
        self.ids.add(record.id)
        if before is not None and before.updated == record.updated:
            return
        entry = (times.to_ms(record.updated), int(record.id))
        if not self._modified or entry > self._modified[-1]:
            self._modified.append(entry)
        else:
            place = bisect.bisect_left(self._modified, entry)
            if self._modified[place] != entry:
                self._modified.insert(place, entry)
        if len(self._modified) > 2 * len(self.shown) + 100:
            self._modified = [entry for entry in self._modified if self._is_current(entry)]

    def drop(self, record_id: str) -> None:
        """Show the record no more."""
        if self.shown.pop(record_id, None) is not None:
            self.ids.discard(record_id)

    def modified_between(self, low: int, high: int | None) -> Iterator[Record]:
        """Records modified from `low` to `high` milliseconds, both included, oldest change first."""
        start = bisect.bisect_left(self._modified, (low, -1))
        for place in range(start, len(self._modified)):
            entry = self._modified[place]
            if high is not None and entry[0] > high:
                return
            if self._is_current(entry):
                yield self.shown[str(entry[1])]

    def _is_current(self, entry: tuple[int, int]) -> bool:
        record = self.shown.get(str(entry[1]))
        return record is not None and times.to_ms(record.updated) == entry[0]


class Store:
    """All records of one type."""

    def __init__(self, kind: str, first_id: int) -> None:
        self.kind = kind
        self.records: dict[str, Record] = {}
        self.merged: dict[str, str] = {}  # id that is gone -> survivor
        self.live = SortedIds()
        self.archived = SortedIds()
        self._index = SearchIndex()
        self._unindexed: list[tuple[datetime, str]] = []  # a heap: when search will notice -> id
        self._next_id = first_id

    def new_id(self) -> str:
        """The next free id. Types count independently, so that a contact and a company can share a number."""
        self._next_id += 1
        return str(self._next_id - 1)

    def resolve(self, record_id: str) -> str:
        """The id under which a merged record lives on; any other id as it is."""
        return self.merged.get(record_id, record_id)

    def put(self, record: Record, *, visible_at: datetime | None = None) -> None:
        """Store a state of a record; search shows it from `visible_at`, or at once."""
        before = self.records.get(record.id)
        self.records[record.id] = record
        if before is None or before.archived != record.archived:
            (self.live, self.archived)[record.archived].add(record.id)
            (self.archived, self.live)[record.archived].discard(record.id)
        if record.archived:
            self._index.drop(record.id)
        elif visible_at is None:
            self._index.put(record)
        else:
            heapq.heappush(self._unindexed, (visible_at, record.id))

    def remove(self, record_id: str) -> None:
        """Forget a record altogether."""
        self.records.pop(record_id, None)
        self.live.discard(record_id)
        self.archived.discard(record_id)
        self._index.drop(record_id)

    def index(self, now: datetime) -> SearchIndex:
        """What search shows at `now`."""
        while self._unindexed and self._unindexed[0][0] <= now:
            record = self.records.get(heapq.heappop(self._unindexed)[1])
            if record is not None and not record.archived:
                self._index.put(record)
        return self._index

    def get_many(self, record_ids: Iterable[str]) -> Sequence[Record]:
        """The records with these ids that exist."""
        return [record for record_id in record_ids if (record := self.records.get(record_id)) is not None]
