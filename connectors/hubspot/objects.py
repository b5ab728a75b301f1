"""Objects of one type: what is wanted of them, and reading them by id."""

from __future__ import annotations

from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from connectors.hubspot import paths
from connectors.hubspot.fields import instant_us

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from connectors.hubspot.client import Client
    from connectors.hubspot.windows import Cursor

READ_AT_ONCE = 100

Objects = list[dict[str, Any]]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Source:
    """A type of object, the property that says when it last changed, and the properties wanted of it; whether links of
    each object are read along with it.
    """

    object_type: str
    modified: str
    properties: tuple[str, ...]
    linked: bool = False

    def longer_than(self, characters: int) -> bool:
        """Whether the names are too long for a call that takes so many characters; then they are read by id."""
        return sum(len(name) + 3 for name in self.properties) > characters

    def values(self, objects: Objects) -> Values:
        """What is wanted of the objects, as columns."""
        return Values(self, objects)


class Values:
    """Objects of a source, column by column: ids, the properties wanted, and the times that stand beside them.

    A page is taken apart as soon as it is parsed and put into columns row by row: going through a thousand objects
    once per property took five times as long, and kept a hash table of each in memory.
    """

    def __init__(self, source: Source, objects: Objects) -> None:
        rows = [item.get("properties") or {} for item in objects]
        try:  # the usual case, in which every object has every key
            values = list(map(itemgetter("hs_object_id", *source.properties), rows))
        except KeyError:
            values = [tuple(map(row.get, ("hs_object_id", *source.properties))) for row in rows]
        columns = list(map(list, zip(*values, strict=True)))[1:] if values else [[] for _ in source.properties]
        self._source = source
        self._columns: dict[str, list[Any]] = dict(zip(source.properties, columns, strict=True))
        self._created: list[Any] = [item.get("createdAt") for item in objects]
        self._updated: list[Any] = [item.get("updatedAt") for item in objects]
        self.ids = [str(item["id"]) for item in objects]

    def __len__(self) -> int:
        return len(self.ids)

    def __iadd__(self, more: Values) -> Self:
        for name, column in more._columns.items():
            self._columns[name].extend(column)
        self._created += more._created
        self._updated += more._updated
        self.ids += more.ids
        return self

    def given(self, name: str) -> list[Any] | None:
        """One property of all objects, empty ones null; None where none of them has anything in it."""
        found = self._columns.get(name)
        if found is None or found.count(None) == len(found):
            return None
        if "" not in found:
            return found
        filled = [None if value == "" else value for value in found]
        return None if filled.count(None) == len(filled) else filled

    def of(self, name: str) -> list[Any]:
        """One property of all objects; absent and empty are null."""
        return self.given(name) or [None] * len(self)

    def rows(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Object by object: its id and properties."""
        for row in zip(self.ids, *map(self.of, self._columns), strict=True):
            yield row[0], dict(zip(self._columns, row[1:], strict=True))

    def created(self) -> list[Any]:
        """When each object was made."""
        return _or_beside(self.given("createdate"), self._created)

    def modified(self) -> list[Any]:
        """When each object last changed."""
        return _or_beside(self.given(self._source.modified), self._updated)


def _or_beside(values: list[Any] | None, beside: list[Any]) -> list[Any]:
    if values is None or None not in values:
        return beside if values is None else values
    return [one or other for one, other in zip(values, beside, strict=True)]


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """What was made of some objects, how many they were, and the cursor that is true once all of it is stored."""

    made: T
    count: int
    cursor: Cursor
    total: int | None = None


def read_by_id(client: Client, source: Source, ids: Sequence[str], *, archived: bool = False) -> Objects:
    """Objects by id in the order asked, any number of properties; ids that are gone or merged away are absent."""
    path = paths.objects(source.object_type, "batch/read") + ("?archived=true" if archived else "")
    found: dict[str, dict[str, Any]] = {}
    for start in range(0, len(ids), READ_AT_ONCE):
        inputs = [{"id": record_id} for record_id in ids[start : start + READ_AT_ONCE]]
        body = client.post(path, {"properties": list(source.properties), "inputs": inputs})
        found |= {str(item["id"]): item for item in body.get("results") or []}
    return [found[record_id] for record_id in ids if record_id in found]


def modified_ms(item: dict[str, Any], source: Source) -> int | None:
    """When an object last changed, in whole ms."""
    us = instant_us((item.get("properties") or {}).get(source.modified) or item.get("updatedAt"))
    return None if us is None else us // 1000
