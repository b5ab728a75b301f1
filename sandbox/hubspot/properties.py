"""Property definitions and groups over HTTP (section 3.2 of the rules)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from sandbox.hubspot import definitions
from sandbox.hubspot.calls import Reply
from sandbox.hubspot.errors import ApiError, bad_request, conflict, not_found
from sandbox.hubspot.objects import MOST_INPUTS, batch_reply, kind_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandbox.hubspot.calls import Ask
    from sandbox.hubspot.definitions import Definition
    from sandbox.hubspot.portal import Portal

FIELD_TYPES: Final = {  # type -> field types it may be created with (A)
    "bool": {"booleancheckbox", "calculation_equation"},
    "date": {"date"},
    "datetime": {"date", "calculation_equation"},
    "enumeration": {"booleancheckbox", "checkbox", "radio", "select", "calculation_equation"},
    "number": {"number", "calculation_equation"},
    "phone_number": {"phonenumber"},
    "string": {"file", "html", "phonenumber", "text", "textarea", "calculation_equation"},
}
MOST_CUSTOM: Final = 1000  # per object type (A)
MOST_UNIQUE: Final = 10
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,99}")
_REQUIRED: Final = ("name", "label", "groupName", "type", "fieldType")
_CHANGEABLE: Final = ("label", "description", "groupName", "fieldType", "displayOrder", "hidden", "formField")


def list_all(portal: Portal, ask: Ask) -> Reply:
    """GET properties/{type}."""
    archived = ask.flag("archived")
    known = portal.properties[kind_of(ask)].values()
    return Reply({"results": [_shown(one) for one in known if one["archived"] == archived]})


def get_one(portal: Portal, ask: Ask) -> Reply:
    """GET properties/{type}/{name}."""
    return Reply(_shown(_find(portal, ask)))


def create_one(portal: Portal, ask: Ask) -> Reply:
    """POST properties/{type}: the group must exist; a name that is taken is a conflict."""
    kind = kind_of(ask)
    given = ask.json()
    _check(portal, kind, given)
    if given["name"] in portal.properties[kind]:
        raise conflict(f"A property named '{given['name']}' already exists.", category="OBJECT_ALREADY_EXISTS")
    return Reply(_shown(_create(portal, kind, given)), 201)


def batch_create(portal: Portal, ask: Ask) -> Reply:
    """POST properties/{type}/batch/create: what exists already is an entry of a 207 (B)."""
    kind = kind_of(ask)
    inputs = ask.inputs(MOST_INPUTS)
    for one in inputs:
        _check(portal, kind, one)
    results, errors = [], []
    for one in inputs:
        if one["name"] in portal.properties[kind]:
            errors.append(
                {
                    "status": "error",
                    "category": "OBJECT_ALREADY_EXISTS",
                    "subCategory": "Properties.PROPERTY_WITH_NAME_EXISTS",
                    "message": f"A property named '{one['name']}' already exists.",
                    "context": {"name": [one["name"]]},
                }
            )
        else:
            results.append(_shown(_create(portal, kind, one)))
    return batch_reply(portal, results, errors, good=201)


def batch_read(portal: Portal, ask: Ask) -> Reply:
    """POST properties/{type}/batch/read: by name."""
    kind = kind_of(ask)
    names = [str(one.get("name")) for one in ask.inputs(MOST_INPUTS)]
    known = portal.properties[kind]
    missing = [name for name in names if name not in known]
    errors = [
        {"status": "error", "category": "OBJECT_NOT_FOUND", "message": "No such property", "context": {"name": [name]}}
        for name in missing
    ]
    return batch_reply(portal, [_shown(known[name]) for name in names if name in known], errors)


def update_one(portal: Portal, ask: Ask) -> Reply:
    """PATCH properties/{type}/{name}: the name and the type never change."""
    found = _find(portal, ask)
    given = ask.json()
    if found["modificationMetadata"]["readOnlyDefinition"] and not found["externalOptions"]:
        raise bad_request(f"{found['name']} is defined by HubSpot and cannot be changed.")
    found |= {name: given[name] for name in _CHANGEABLE if name in given}
    if "options" in given:
        found["options"] = [_option(option, order) for order, option in enumerate(given["options"])]
    found["updatedAt"] = portal.now_iso()
    return Reply(_shown(found))


def archive_one(portal: Portal, ask: Ask) -> Reply:
    """DELETE properties/{type}/{name}."""
    found = _find(portal, ask)
    if not found["modificationMetadata"]["archivable"]:
        raise bad_request(f"{found['name']} is defined by HubSpot and cannot be archived.")
    found["archived"] = True
    return Reply(None, 204)


def list_groups(portal: Portal, ask: Ask) -> Reply:
    """GET properties/{type}/groups."""
    return Reply({"results": [_group(name, label) for name, label in portal.groups[kind_of(ask)].items()]})


def get_group(portal: Portal, ask: Ask) -> Reply:
    """GET properties/{type}/groups/{name}."""
    groups, name = portal.groups[kind_of(ask)], ask.params["name"]
    if name not in groups:
        raise not_found(f"The property group {name} does not exist.", category="OBJECT_NOT_FOUND")
    return Reply(_group(name, groups[name]))


def create_group(portal: Portal, ask: Ask) -> Reply:
    """POST properties/{type}/groups."""
    groups, given = portal.groups[kind_of(ask)], ask.json()
    _require(given, ("name", "label"))
    if given["name"] in groups:
        raise conflict(f"A property group named '{given['name']}' already exists.", category="OBJECT_ALREADY_EXISTS")
    groups[given["name"]] = given["label"]
    return Reply(_group(given["name"], given["label"]), 201)


def _find(portal: Portal, ask: Ask) -> Definition:
    name = ask.params["name"]
    found = portal.properties[kind_of(ask)].get(name)
    if found is None or found["archived"] != ask.flag("archived"):
        raise not_found(f"Property {name} does not exist.", category="OBJECT_NOT_FOUND")
    return found


def _shown(one: Definition) -> Definition:
    return {name: value for name, value in one.items() if name != "archived"} | {"archived": one["archived"]}


def _require(given: Mapping[str, Any], names: tuple[str, ...]) -> None:
    absent = [name for name in names if not given.get(name)]
    if absent:
        raise bad_request(
            f"Some required fields were not set: [{', '.join(absent)}]", context={"missingFields": absent}
        )


def _check(portal: Portal, kind: str, given: Mapping[str, Any]) -> None:
    _require(given, _REQUIRED)
    name, data_type, field_type = given["name"], given["type"], given["fieldType"]
    if not _NAME.fullmatch(name):
        raise bad_request(f"Invalid property name {name}: lower case letters, digits and underscores, a letter first.")
    if data_type not in FIELD_TYPES:
        raise bad_request(f"Invalid property type {data_type}.")
    if field_type not in FIELD_TYPES[data_type]:
        raise bad_request(f"Invalid fieldType {field_type} for a property of type {data_type}.")
    if given["groupName"] not in portal.groups[kind]:
        raise bad_request(f"Property group {given['groupName']} does not exist.")
    values = {option.get("value") for option in given.get("options") or []}
    if data_type == "bool" and values != {"true", "false"}:
        raise bad_request("A property of type bool needs the options true and false.")
    own = [one for one in portal.properties[kind].values() if not one["hubspotDefined"]]
    if len(own) >= MOST_CUSTOM:
        raise bad_request(
            f"The limit of {MOST_CUSTOM} custom properties is reached.", category="PROPERTY_LIMIT_REACHED"
        )
    if given.get("hasUniqueValue") and sum(one["hasUniqueValue"] for one in own) >= MOST_UNIQUE:
        raise bad_request(f"The limit of {MOST_UNIQUE} properties with unique values is reached.")


def _create(portal: Portal, kind: str, given: Mapping[str, Any]) -> Definition:
    made = definitions.definition(
        given["name"],
        label=given["label"],
        type=given["type"],
        fieldType=given["fieldType"],
        groupName=given["groupName"],
        description=given.get("description", ""),
        options=[_option(option, order) for order, option in enumerate(given.get("options") or [])],
        unique=bool(given.get("hasUniqueValue")),
        calculated=given["fieldType"] == "calculation_equation",
        at=portal.now_iso(),
    )
    portal.properties[kind][given["name"]] = made
    return made


def _option(given: Mapping[str, Any], order: int) -> dict[str, Any]:
    if not given.get("label") or given.get("value") is None:
        raise ApiError(400, {"message": "An option needs a label and a value.", "category": "VALIDATION_ERROR"})
    return {"displayOrder": order, "hidden": False, "description": ""} | dict(given)


def _group(name: str, label: str) -> dict[str, Any]:
    return {"name": name, "label": label, "displayOrder": -1, "archived": False}
