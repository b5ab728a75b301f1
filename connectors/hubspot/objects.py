"""Objects of one type: what is wanted of them, and reading them by id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from connectors.hubspot import paths
from connectors.hubspot.fields import instant_us

if TYPE_CHECKING:
    from collections.abc import Sequence

    from connectors.hubspot.client import Client
    from connectors.hubspot.windows import Cursor

READ_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Source:
    """A type of object, the properties wanted of it and the property that says when it last changed."""

    object_type: str
    modified: str
    properties: tuple[str, ...]

    def longer_than(self, characters: int) -> bool:
        """Whether the names are too long for a call that takes so many characters; then they are read by id."""
        return sum(len(name) + 3 for name in self.properties) > characters


@dataclass(frozen=True, slots=True)
class Page:
    """Raw objects and what was read along with them, and the cursor that is true once all of it is stored."""

    objects: list[dict[str, Any]]
    cursor: Cursor
    total: int | None = None
    extra: Any = None


def read_by_id(client: Client, source: Source, ids: Sequence[str], *, archived: bool = False) -> list[dict[str, Any]]:
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
