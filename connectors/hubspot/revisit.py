"""Contacts read again by id, for what no list and no search tells of: erased, restored, moved to another company."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from connectors.crew import in_parallel
from connectors.hubspot import ahead, paths
from connectors.hubspot.errors import Refused
from connectors.hubspot.objects import read_by_id
from connectors.hubspot.rows import rows
from connectors.hubspot.streams import People
from connectors.hubspot.windows import Cursor
from scoring.facts import Kind, Removed, Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from connectors.base import Batch
    from connectors.hubspot.client import Client
    from connectors.hubspot.objects import Source
    from connectors.hubspot.rows import Rows
    from connectors.hubspot.streams import Reading


@dataclass(frozen=True, slots=True)
class Gone:
    """A contact that is not among the living: how it went, who took it in, when."""

    record_id: str
    how: Removed
    successor: str | None = None
    at: str | None = None


AT_ONCE = 500
"""Contacts of one batch: five calls."""


def revisit(reading: Reading, record_ids: Sequence[str]) -> Iterator[Batch]:
    """These contacts as they are now, and removals of those that are no more. The cursors only number the batches."""
    people = People(reading)

    def read(some: Sequence[str]) -> tuple[list[Rows], list[Gone]]:
        found = read_by_id(reading.client, people.source, some)
        values = people.source.values(found)
        return people.rows(values), _gone(reading.client, people.source, sorted(set(some) - set(values.ids)))

    some = (record_ids[start : start + AT_ONCE] for start in range(0, len(record_ids), AT_ONCE))
    for number, (found, gone) in enumerate(in_parallel(read, some, ahead.READERS)):
        here = Cursor(since=number)
        if gone:
            yield _removals(gone).under(here)
        yield from (one.under(here) for one in found)


def _gone(client: Client, source: Source, missing: Sequence[str]) -> list[Gone]:
    """What became of contacts that are not among the living: in the bin, merged or erased. One may be back by now."""
    binned = {str(item["id"]): item for item in read_by_id(client, source, missing, archived=True)}
    found = [Gone(record_id, Removed.DELETED, at=item.get("archivedAt")) for record_id, item in binned.items()]
    for record_id in missing:
        if record_id in binned:
            continue
        survivor = _survivor(client, record_id) or _survivor(client, record_id, archived="true")
        if survivor is None:
            found.append(Gone(record_id, Removed.ERASED))
        elif survivor != record_id:
            found.append(Gone(record_id, Removed.MERGED, survivor))
    return found


def _survivor(client: Client, record_id: str, **params: str) -> str | None:
    """The contact that goes by this id, among the living or, with `archived`, in the bin; only a single read follows
    merges. None when there is none.
    """
    try:
        return str(client.get(paths.one("contacts", record_id), label="contact by id", **params)["id"])
    except Refused as refusal:
        if refusal.status != HTTPStatus.NOT_FOUND:
            raise
        return None


def _removals(gone: Sequence[Gone]) -> Rows:
    columns: dict[str, list[Any]] = {
        "kind": [Kind.CONTACT.value] * len(gone),
        "record_id": [row.record_id for row in gone],
        "removed": [row.how.value for row in gone],
        "successor_id": [row.successor for row in gone],
        "removed_at": [row.at for row in gone],
    }
    return rows(Table.REMOVALS, columns, len(gone))
