"""Reading records: list, one, batch (section 2.1 and 2.2 of the rules)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from sandbox.hubspot.calls import Reply
from sandbox.hubspot.definitions import DEFAULT_NAMES
from sandbox.hubspot.errors import bad_request, not_found
from sandbox.hubspot.records import SINGULAR, TYPE_IDS, created_name, modified_name, object_type
from sandbox.hubspot.times import to_iso
from sandbox.hubspot.troubles import cursor, same_place, thin_page

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sandbox.hubspot.calls import Ask
    from sandbox.hubspot.portal import Portal
    from sandbox.hubspot.records import Record

MOST_INPUTS: Final = 100
MOST_LISTED: Final = 100
HELD_ELSEWHERE: Final = frozenset({"tickets", "products", "quotes"})
"""Types that HubSpot has and the sandbox does not hold: nothing is associated with them."""
_CONTENT: Final = frozenset({"hs_email_text", "hs_email_html", "hs_email_headers"})  # needs sales-email-read


def kind_of(ask: Ask) -> str:
    """The object type of the path. Raises a 400, without a category (B)."""
    kind = object_type(ask.params["type"])
    if kind is None:
        raise bad_request(f"Unable to infer object type from: {ask.params['type']}", category=None)
    return kind


class View:
    """Which properties a call shows of each record, and how it shows them.

    Unknown names are left out silently; known but empty properties are null (B).
    """

    def __init__(self, portal: Portal, kind: str, asked: Iterable[str], ask: Ask) -> None:
        self._url = f"https://app.hubspot.com/contacts/{portal.portal_id}/record/{TYPE_IDS[kind]}/"
        names = [name for name in (list(asked) or DEFAULT_NAMES[kind]) if name in portal.properties[kind]]
        hidden = _CONTENT if ask.token is not None and "sales-email-read" not in ask.token.scopes else frozenset()
        self._created, self._modified = created_name(kind), modified_name(kind)
        self._twin = "hs_lastmodifieddate" in names  # contacts have it beside lastmodifieddate, equally filled (B)
        kept_by_hubspot = {"hs_object_id", "hs_lastmodifieddate", self._created, self._modified}
        self._stored = [name for name in names if name not in kept_by_hubspot and name not in hidden]
        self._blank = dict.fromkeys(name for name in names if name in hidden)
        restless = portal.shared.troubles.take("restless", ask.path)
        self._restless = restless["property"] if restless is not None and restless["property"] in names else None
        self._random = portal.shared.random
        blanks = portal.shared.troubles.take("blanks", ask.path)
        self._blanks = None if blanks is None else blanks.get("style", "empty")

    def show(self, record: Record) -> dict[str, Any]:
        """The record as an answer holds it: id and times come unasked, too (B)."""
        held = record.properties
        created, updated = to_iso(record.created), to_iso(record.updated)
        properties: dict[str, str | None] = {name: held.get(name) for name in self._stored}
        properties |= self._blank
        if self._blanks == "empty":
            properties = {name: text or "" for name, text in properties.items()}
        elif self._blanks == "absent":
            properties = {name: text for name, text in properties.items() if text}
        properties["hs_object_id"] = record.id
        properties[self._created] = created
        properties[self._modified] = updated
        if self._twin:
            properties["hs_lastmodifieddate"] = updated
        if self._restless is not None:
            properties[self._restless] = str(self._random.randrange(10**9))
        body = {
            "id": record.id,
            "properties": properties,
            "createdAt": created,
            "updatedAt": updated,
            "archived": record.archived,
            "url": self._url + record.id,
        }
        if record.archived_at is not None:
            body["archivedAt"] = to_iso(record.archived_at)
        return body


def list_page(portal: Portal, ask: Ask) -> Reply:
    """GET objects/{type}: by id, 10 a page unless said otherwise; `after` is the id of the next record (A)."""
    kind = kind_of(ask)
    _refuse_history(ask.words("propertiesWithHistory"))
    limit = ask.limit(default=10, most=MOST_LISTED)
    store = portal.stores[kind]
    after = ask.integer("after", 0) if cursor(portal, ask.path, ask.query.get("after")) else 0
    listed = store.archived if ask.flag("archived") else store.live
    if after and after not in listed and portal.shared.troubles.take("strict_after", ask.path) is not None:
        raise bad_request(f"Invalid paging cursor: {after}")
    ids, following = listed.page(after, limit)
    thin = thin_page(portal, ask.path, len(ids))
    if thin is not None and thin < len(ids):
        following = ids[thin] if thin else same_place(ask.query.get("after") or ids[0])
        ids = ids[:thin]
    view = View(portal, kind, ask.words("properties"), ask)
    results = [view.show(store.records[record_id]) for record_id in ids]
    _add_associations(portal, kind, results, ask.words("associations"))
    body: dict[str, Any] = {"results": results}
    if following is not None:
        kept = [(name, value) for name, value in ask.query.multi_items() if name != "after"]
        link = f"{ask.url}?{urlencode([*kept, ('after', following)])}"  # with what was asked for (C)
        body["paging"] = {"next": {"after": following, "link": link}}
    return Reply(body)


def get_one(portal: Portal, ask: Ask) -> Reply:
    """GET objects/{type}/{id}: a merged id gives the survivor, under the survivor's own id (A)."""
    kind = kind_of(ask)
    _refuse_history(ask.words("propertiesWithHistory"))
    record = locate(portal, kind, ask.params["id"], ask.query.get("idProperty"))
    if record is None or record.archived != ask.flag("archived"):
        raise not_found()
    shown = View(portal, kind, ask.words("properties"), ask).show(record)
    _add_associations(portal, kind, [shown], ask.words("associations"))
    return Reply(shown)


def batch_read(portal: Portal, ask: Ask) -> Reply:
    """POST objects/{type}/batch/read: in no order; unknown ids make it a 207, merged ones are just not there (B)."""
    kind = kind_of(ask)
    inputs = ask.inputs(MOST_INPUTS)
    body = ask.json()
    _refuse_history(_names(body.get("propertiesWithHistory")))
    store, archived = portal.stores[kind], ask.flag("archived")
    records: dict[str, Record] = {}
    missing: list[str] = []
    for one in inputs:
        asked = str(one.get("id", ""))
        if asked in store.merged:
            continue
        record = locate(portal, kind, asked, body.get("idProperty"))
        if record is None or record.archived != archived:
            missing.append(asked)
        else:
            records[record.id] = record
    view = View(portal, kind, _names(body.get("properties")), ask)
    results = [view.show(record) for record in records.values()]
    return batch_reply(portal, results, [missing_ids(kind, missing)] if missing else [])


def batch_reply(portal: Portal, results: list[dict[str, Any]], errors: list[dict[str, Any]], good: int = 200) -> Reply:
    """The answer to a batch call: results in no order, 207 once there are errors."""
    portal.shared.random.shuffle(results)
    now = portal.now_iso()
    body: dict[str, Any] = {"status": "COMPLETE", "results": results, "startedAt": now, "completedAt": now}
    if errors:
        body |= {"numErrors": len(errors), "errors": errors}
    return Reply(body, 207 if errors else good)


def missing_ids(kind: str, ids: list[str]) -> dict[str, Any]:
    """The one entry of a 207 that names all ids that are not there (B)."""
    return {
        "status": "error",
        "category": "OBJECT_NOT_FOUND",
        "message": f"Could not get some {SINGULAR[kind].upper()} objects, they may be deleted or not exist.",
        "context": {"ids": ids},
    }


def locate(portal: Portal, kind: str, text: str, id_property: str | None) -> Record | None:
    """The record with this id, or with this value in a unique property. Raises a 400 for a property that is not."""
    if not id_property or id_property == "hs_object_id":
        return portal.find(kind, text)
    if id_property == "email" and kind == "contacts":
        return portal.find_by_email(text)
    definition = portal.properties[kind].get(id_property)
    if definition is None or not definition["hasUniqueValue"]:
        raise bad_request(f"{id_property} is not a unique property of {kind}.")
    return next(
        (record for record in portal.objects[kind].values() if record.properties.get(id_property) == text), None
    )


def _names(given: object) -> list[str]:
    return [name for name in given if isinstance(name, str)] if isinstance(given, list) else []


def _refuse_history(names: list[str]) -> None:
    """Unlike HubSpot the sandbox keeps no history of values; an answer without it would be a lie."""
    if names:
        raise bad_request("propertiesWithHistory is not available in this account.")


def _add_associations(portal: Portal, kind: str, results: list[dict[str, Any]], names: list[str]) -> None:
    for name in names:
        other = object_type(name)
        if other is None and name not in HELD_ELSEWHERE:
            raise bad_request(f"Unable to infer object type from: {name}", category=None)
        if other is None:
            continue
        label = f"{SINGULAR[kind]}_to_{SINGULAR[other]}"
        for shown in results:
            ids = portal.associations.of(kind, shown["id"], other)
            if ids:
                linked = [{"id": to_id, "type": label} for to_id in ids]
                shown.setdefault("associations", {})[other] = {"results": linked}
