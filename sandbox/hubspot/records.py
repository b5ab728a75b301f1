"""Records of one object type: what is stored, what the list walks and what search shows."""

from __future__ import annotations

import bisect
import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sandbox.hubspot import times
from sandbox.ordered import ByStamp

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

MODIFIED: Final = {"contacts": "lastmodifieddate"}
"""The property with the modified time where it is not `hs_lastmodifieddate`; contacts answer to both."""

ENGAGEMENTS: Final = ("calls", "emails", "meetings", "notes", "tasks", "communications")
OBJECT_TYPES: Final = ("contacts", "companies", "deals", "line_items", *ENGAGEMENTS)
TYPE_IDS: Final = {
    "contacts": "0-1", "companies": "0-2", "deals": "0-3", "line_items": "0-8", "notes": "0-46", "meetings": "0-47",
    "calls": "0-48", "emails": "0-49", "tasks": "0-27", "communications": "0-18",
}  # fmt: skip
SINGULAR: Final = {
    "contacts": "contact", "companies": "company", "deals": "deal", "line_items": "line_item", "notes": "note",
    "meetings": "meeting", "calls": "call", "emails": "email", "tasks": "task", "communications": "communication",
}  # fmt: skip
_HIGHEST: Final = 2**63
_WINDOWS_KEPT: Final = 8
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


class SortedIds:
    """Record ids in order of number. New ids are nearly always the highest, so adding is cheap."""

    def __init__(self) -> None:
        self._ids: list[int] = []

    def add(self, number: int) -> None:
        """Put an id in its place; an id that is there stays once."""
        if not self._ids or number > self._ids[-1]:
            self._ids.append(number)
            return
        place = bisect.bisect_left(self._ids, number)
        if self._ids[place] != number:
            self._ids.insert(place, number)

    def discard(self, number: int) -> None:
        """Take an id out, if it is there."""
        place = bisect.bisect_left(self._ids, number)
        if place < len(self._ids) and self._ids[place] == number:
            del self._ids[place]

    def page(self, first: int, limit: int) -> tuple[list[str], str | None]:
        """At most `limit` ids from `first` on, and the id after them (None at the end)."""
        start = bisect.bisect_left(self._ids, first)
        end = start + limit
        following = str(self._ids[end]) if end < len(self._ids) else None
        return [str(number) for number in self._ids[start:end]], following

    def between(self, low: int, high: int) -> list[int]:
        """The ids from `low` to `high`, both included."""
        return self._ids[bisect.bisect_left(self._ids, low) : bisect.bisect_right(self._ids, high)]

    def __contains__(self, number: int) -> bool:
        return bool(self.between(number, number))

    def __len__(self) -> int:
        return len(self._ids)


class SearchIndex:
    """What search shows: live records as they were when last indexed, by id and by modified time.

    `results` is for searches to keep what they found, so that the pages of one search are not each worked out anew; a
    change of any record empties it.
    """

    def __init__(self) -> None:
        self.shown: dict[int, Record] = {}
        self.results: dict[object, list[int]] = {}
        self._ids = SortedIds()
        self._modified: ByStamp[int, int] = ByStamp()  # by milliseconds
        self._windows: dict[tuple[int, int], list[int]] = {}

    def put(self, record: Record) -> None:
        """Show this state of the record from now on."""
        number = int(record.id)
        self.shown[number] = record
        self._ids.add(number)
        self._modified.put(number, times.to_ms(record.updated))
        self._forget()

    def drop(self, record_id: str) -> None:
        """Show the record no more."""
        number = int(record_id)
        if self.shown.pop(number, None) is not None:
            self._ids.discard(number)
            self._modified.drop(number)
            self._forget()

    def ids(self) -> list[int]:
        """All ids, in order."""
        return self._ids.between(0, _HIGHEST)

    def modified(self, low: int, high: int) -> list[int]:
        """Ids of the records modified from `low` to `high` milliseconds, both included, in order of the ids.

        Kept until the next change, since a window is walked page by page.
        """
        if (low, high) not in self._windows:
            if len(self._windows) >= _WINDOWS_KEPT:
                self._windows.clear()
            self._windows[low, high] = sorted(self._modified.between(low, high + 1))
        return self._windows[low, high]

    def _forget(self) -> None:
        if self._windows:
            self._windows.clear()
        if self.results:
            self.results.clear()


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
            (self.live, self.archived)[record.archived].add(int(record.id))
            (self.archived, self.live)[record.archived].discard(int(record.id))
        if record.archived:
            self._index.drop(record.id)
        elif visible_at is None:
            self._index.put(record)
        else:
            heapq.heappush(self._unindexed, (visible_at, record.id))

    def remove(self, record_id: str) -> None:
        """Forget a record altogether."""
        self.records.pop(record_id, None)
        self.live.discard(int(record_id))
        self.archived.discard(int(record_id))
        self._index.drop(record_id)

    def index(self, now: datetime) -> SearchIndex:
        """What search shows at `now`."""
        while self._unindexed and self._unindexed[0][0] <= now:
            record = self.records.get(heapq.heappop(self._unindexed)[1])
            if record is not None and not record.archived:
                self._index.put(record)
        return self._index
