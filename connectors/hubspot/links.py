"""Associations: which records belong to which."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connectors.errors import ConnectorBug
from connectors.hubspot import paths
from connectors.hubspot.errors import CRM, context, entries

if TYPE_CHECKING:
    from collections.abc import Sequence

    from connectors.hubspot.client import Client

AT_ONCE = 1000
ABSENT = {"crm.associations.NO_ASSOCIATIONS_FOUND": "fromObjectId", "crm.associations.INVALID_IDENTIFIER": "id"}
"""Errors that say "there are no links" (the record may be gone), and where their context names the record."""


def read_links(client: Client, from_type: str, to_type: str, ids: Sequence[str]) -> dict[str, list[str]]:
    """Ids of linked records for every id asked, the primary one first; an empty list where there are none.

    Ids that the answer mentions nowhere are asked for once more; raises ConnectorBug when they stay unmentioned,
    because "no answer" must never be stored as "no links".
    """
    found: dict[str, list[str]] = {}
    for start in range(0, len(ids), AT_ONCE):
        chunk = list(dict.fromkeys(ids[start : start + AT_ONCE]))
        answered = _ask(client, from_type, to_type, chunk)
        missing = [record_id for record_id in chunk if record_id not in answered]
        if missing:
            answered |= _ask(client, from_type, to_type, missing)
        if any(record_id not in answered for record_id in missing):
            raise ConnectorBug(f"associations of {from_type} to {to_type} were not answered in full.", crm=CRM)
        found |= answered
    return found


def _ask(client: Client, from_type: str, to_type: str, ids: Sequence[str]) -> dict[str, list[str]]:
    links: dict[str, dict[str, bool]] = {}  # id -> linked id -> primary
    asked: set[tuple[str, str | None]] = set()
    inputs: list[tuple[str, str | None]] = [(record_id, None) for record_id in ids]
    while inputs:
        if not asked.isdisjoint(inputs):
            raise ConnectorBug(f"associations of {from_type} to {to_type}: a page token came twice.", crm=CRM)
        asked.update(inputs)
        body = client.post(
            paths.associations(from_type, to_type),
            {"inputs": [{"id": record_id, **({"after": after} if after else {})} for record_id, after in inputs]},
        )
        inputs = []
        for result in body.get("results") or []:
            record_id = str(result["from"]["id"])
            linked = links.setdefault(record_id, {})
            for link in result.get("to") or []:
                other = str(link["toObjectId"])
                linked[other] = linked.get(other, False) or _primary(link)
            after = ((result.get("paging") or {}).get("next") or {}).get("after")
            if after:
                inputs.append((record_id, str(after)))
        for entry in entries(body):
            for record_id in context(entry, ABSENT.get(str(entry.get("subCategory")), "")):
                links.setdefault(record_id, {})
    return {record_id: sorted(linked, key=lambda other: not linked[other]) for record_id, linked in links.items()}


def _primary(link: dict[str, Any]) -> bool:
    return any(kind.get("label") == "Primary" for kind in link.get("associationTypes") or [])
