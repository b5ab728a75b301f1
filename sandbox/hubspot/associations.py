"""Links between records, and associations v4 (section 3.1 of the rules)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sandbox.hubspot.calls import Reply
from sandbox.hubspot.errors import bad_request, not_found
from sandbox.hubspot.records import SINGULAR, object_type
from sandbox.hubspot.troubles import cursor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandbox.hubspot.calls import Ask
    from sandbox.hubspot.portal import Portal

MOST_INPUTS: Final = 1000  # since February 2025 (A)
PAGE: Final = 500  # links of one record in one answer
TYPE_NUMBERS: Final = {  # (from, to) -> type id of the plain link (A)
    ("contacts", "companies"): 279, ("companies", "contacts"): 280,
    ("contacts", "deals"): 4, ("deals", "contacts"): 3,
    ("deals", "companies"): 341, ("companies", "deals"): 342,
    ("deals", "line_items"): 19, ("line_items", "deals"): 20,
    ("notes", "contacts"): 202, ("contacts", "notes"): 201,
    ("emails", "contacts"): 198, ("contacts", "emails"): 197,
    ("tasks", "contacts"): 204, ("contacts", "tasks"): 203,
    ("calls", "contacts"): 194, ("contacts", "calls"): 193,
    ("meetings", "contacts"): 200, ("contacts", "meetings"): 199,
    ("communications", "contacts"): 81, ("contacts", "communications"): 82,
    ("notes", "companies"): 190, ("emails", "companies"): 186, ("tasks", "companies"): 192,
    ("calls", "companies"): 182, ("meetings", "companies"): 188, ("communications", "companies"): 87,
    ("notes", "deals"): 214, ("emails", "deals"): 210, ("tasks", "deals"): 216,
    ("calls", "deals"): 206, ("meetings", "deals"): 212, ("communications", "deals"): 85,
}  # fmt: skip
PRIMARY_NUMBERS: Final = {
    ("contacts", "companies"): 1, ("companies", "contacts"): 2, ("deals", "companies"): 5, ("companies", "deals"): 6,
}  # fmt: skip
_HAVE_PRIMARY: Final = frozenset({("contacts", "companies"), ("deals", "companies")})


class Associations:
    """Who is linked with whom. Each link stands in it twice, once from either side."""

    def __init__(self) -> None:
        self._links: dict[tuple[str, str], dict[str, dict[str, bool]]] = {}  # (from, to) -> id -> id -> primary

    def of(self, kind: str, record_id: str, other: str) -> Mapping[str, bool]:
        """The ids of the other type linked with a record -> whether the link is the primary one."""
        return self._links.get((kind, other), {}).get(record_id, {})

    def link(self, kind: str, record_id: str, other: str, other_id: str, *, primary: bool) -> None:
        """Link two records."""
        if (other, kind) in _HAVE_PRIMARY:
            kind, record_id, other, other_id = other, other_id, kind, record_id
        links = self._from(kind, record_id, other)
        if (kind, other) in _HAVE_PRIMARY:
            primary = primary or not any(held for to_id, held in links.items() if to_id != other_id)
            for to_id in [to_id for to_id, held in links.items() if held and primary]:
                links[to_id] = self._from(other, to_id, kind)[record_id] = False
        links[other_id] = self._from(other, other_id, kind)[record_id] = primary

    def drop(self, kind: str, record_id: str) -> None:
        """Take all links of a record away."""
        for (source, target), links in self._links.items():
            if source == kind:
                for to_id in links.pop(record_id, {}):
                    self._links[target, source].get(to_id, {}).pop(record_id, None)

    def move(self, kind: str, record_id: str, survivor_id: str) -> None:
        """Give a merged record's links to its survivor, whose primary ones stay primary."""
        held = [
            (target, to_id, primary)
            for (source, target), links in self._links.items()
            if source == kind
            for to_id, primary in links.get(record_id, {}).items()
        ]
        self.drop(kind, record_id)
        for target, to_id, primary in held:
            if to_id not in self.of(kind, survivor_id, target):
                taken = any(self.of(kind, survivor_id, target).values())
                self.link(kind, survivor_id, target, to_id, primary=primary and not taken)

    def _from(self, kind: str, record_id: str, other: str) -> dict[str, bool]:
        return self._links.setdefault((kind, other), {}).setdefault(record_id, {})


def types_of(kind: str, other: str, *, primary: bool) -> list[dict[str, Any]]:
    """The types of one link; a primary link is also a plain one."""
    plain = {"category": "HUBSPOT_DEFINED", "typeId": TYPE_NUMBERS.get((kind, other), 0), "label": None}
    if not primary or (kind, other) not in PRIMARY_NUMBERS:
        return [plain]
    return [{"category": "HUBSPOT_DEFINED", "typeId": PRIMARY_NUMBERS[kind, other], "label": "Primary"}, plain]


def batch_read(portal: Portal, ask: Ask) -> Reply:
    """POST associations/{from}/{to}/batch/read: links of many records.

    Answers come in no order, `toObjectId` is a number, and a record without links makes the answer a 207 (B).
    """
    kind, other = _pair(ask.params["from"], ask.params["to"])
    results: list[dict[str, Any]] = []
    errors: list[dict[str, Any]] = []
    for one in ask.inputs(MOST_INPUTS):
        record_id = str(one.get("id", ""))
        if not record_id.isdigit():
            errors.append(_invalid(record_id))
            continue
        page = _page(portal, kind, record_id, other, cursor(portal, ask.path, one.get("after")) or "0")
        results.append(page) if page["to"] else errors.append(_none_found(record_id, kind, other))
    portal.shared.random.shuffle(results)
    now = portal.now_iso()
    body: dict[str, Any] = {"status": "COMPLETE", "results": results, "startedAt": now, "completedAt": now}
    if errors:
        body |= {"numErrors": len(errors), "errors": errors}
    return Reply(body, 207 if errors else 200)


def list_for_one(portal: Portal, ask: Ask) -> Reply:
    """GET objects/{type}/{id}/associations/{to}: links of one record."""
    kind, other = _pair(ask.params["type"], ask.params["to"])
    record = portal.find(kind, ask.params["id"])
    if record is None:
        raise not_found()
    limit = ask.limit(default=PAGE, most=PAGE)
    page = _page(portal, kind, record.id, other, cursor(portal, ask.path, ask.query.get("after")) or "0", limit)
    return Reply({"results": page["to"]} | ({"paging": page["paging"]} if "paging" in page else {}))


def _page(portal: Portal, kind: str, record_id: str, other: str, after: str, limit: int = PAGE) -> dict[str, Any]:
    if not after.isdigit():
        raise bad_request(f"Invalid paging cursor: {after}")
    links = portal.associations.of(kind, record_id, other)
    records = portal.objects[other]
    # By number, so that the primary one is anywhere, and the cursor holds whatever is added meanwhile.
    ids = sorted(int(to_id) for to_id in links if not records[to_id].archived)
    ids = [number for number in ids if number >= int(after)]
    page: dict[str, Any] = {
        "from": {"id": record_id},
        "to": [
            {"toObjectId": number, "associationTypes": types_of(kind, other, primary=links[str(number)])}
            for number in ids[:limit]
        ],
    }
    if len(ids) > limit:
        page["paging"] = {"next": {"after": str(ids[limit]), "link": f"?after={ids[limit]}"}}
    return page


def _pair(source: str, target: str) -> tuple[str, str]:
    kinds = tuple(object_type(name) for name in (source, target))
    for name, kind in zip((source, target), kinds, strict=True):
        if kind is None:
            raise bad_request(f"Unable to infer object type from: {name}", category=None)
    kind, other = kinds
    assert kind is not None
    assert other is not None
    if "companies" not in kinds and "contacts" not in kinds and "deals" not in kinds:
        raise not_found(f"{kind} cannot be associated with {other}")  # an unsupported pair (C)
    return kind, other


def _none_found(record_id: str, kind: str, other: str) -> dict[str, Any]:
    return {
        "status": "error",
        "category": "OBJECT_NOT_FOUND",
        "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND",
        "message": f"No {SINGULAR[other]} is associated with {SINGULAR[kind]} {record_id}.",
        "context": {
            "fromObjectId": [record_id],
            "fromObjectType": [SINGULAR[kind]],
            "toObjectType": [SINGULAR[other]],
        },
    }


def _invalid(record_id: str) -> dict[str, Any]:
    return {
        "status": "error",
        "category": "VALIDATION_ERROR",
        "subCategory": "crm.associations.INVALID_IDENTIFIER",
        "message": f"{record_id} is not a valid object id",
        "context": {"id": [record_id]},
    }
