"""The org's limits, the resources of a version, and custom fields through the tooling API."""

from __future__ import annotations

import re
from typing import Any, Final

from sandbox.salesforce.api import Answer, Call, route
from sandbox.salesforce.errors import ApiError
from sandbox.salesforce.schema import Field

_NAME: Final = re.compile(r"(?P<sobject>\w+)\.(?P<name>[A-Za-z](?:_?[A-Za-z0-9])*__c)")
_TYPES: Final = {  # metadata type -> describe type
    "Text": "string",
    "TextArea": "textarea",
    "LongTextArea": "textarea",
    "Number": "double",
    "Currency": "currency",
    "Percent": "percent",
    "Checkbox": "boolean",
    "Date": "date",
    "DateTime": "datetime",
    "Picklist": "picklist",
    "Email": "email",
    "Phone": "phone",
    "Url": "url",
}
_LENGTHS: Final = {"TextArea": 255, "Email": 80, "Phone": 40, "Url": 255, "Picklist": 255}
MOST_CUSTOM_FIELDS: Final = 500
"""Per object, Enterprise Edition."""


def limits(call: Call) -> Answer:
    """GET /limits."""
    return Answer(call.org.limits.as_json())


def resources(call: Call) -> Answer:
    """GET /services/data/vXX.X."""
    names = ("sobjects", "query", "queryAll", "limits", "composite", "tooling", "jobs")
    identity = f"https://login.salesforce.com/id/{call.org.org_id}/{call.user_id}"
    return Answer({name: f"{call.base}/{name}" for name in names} | {"identity": identity})


def create_custom_field(call: Call) -> Answer:
    """POST /tooling/sobjects/CustomField. The field is invisible until a permission set grants it."""
    org, body = call.org, call.json()
    if not (org.may("PermissionsCustomizeApplication") and org.may("PermissionsModifyMetadata")):
        raise ApiError(403, "INSUFFICIENT_ACCESS", "insufficient access rights on entity: CustomField")
    metadata = body.get("Metadata")
    named = _NAME.fullmatch(str(body.get("FullName", "")))
    if named is None or named["sobject"] not in org.schema or not isinstance(metadata, dict):
        raise _invalid("FullName and Metadata are needed, such as Lead.Score__c", "FullName")
    sobject, name = named["sobject"], named["name"]
    custom = [field for field in org.schema[sobject].fields.values() if field.custom]
    if org.schema[sobject].lower.get(name.lower()):
        message = f"There is already a field named {name.removesuffix('__c')} on {sobject}."
        raise ApiError(400, "DUPLICATE_DEVELOPER_NAME", message, ("DeveloperName",))
    if len(custom) >= MOST_CUSTOM_FIELDS:
        raise ApiError(400, "LIMIT_EXCEEDED", "You have reached the maximum number of custom fields on this object")
    made = _field(name, metadata)
    record_id = org.add_custom_field(sobject, made, metadata, by=call.user_id)
    return Answer({"id": record_id, "success": True, "errors": [], "warnings": [], "infos": []}, 201)


def _invalid(message: str, *fields: str) -> ApiError:
    return ApiError(400, "FIELD_INTEGRITY_EXCEPTION", message, fields)


def _field(name: str, metadata: dict[str, Any]) -> Field:
    kind = metadata.get("type")
    if kind not in _TYPES:
        raise _invalid(f"{name}: unknown type {kind}", "type")
    if not metadata.get("label"):
        raise ApiError(400, "REQUIRED_FIELD_MISSING", "Required fields are missing: [label]", ("label",))
    shape = {
        "Text": _text,
        "LongTextArea": _long_text,
        "Number": _number,
        "Currency": _number,
        "Percent": _number,
        "Picklist": _picklist,
        "Checkbox": _checkbox,
    }.get(kind, _plain)(metadata)
    shape.setdefault("nillable", not metadata.get("required"))
    return Field(name, _TYPES[kind], label=metadata["label"], custom=True, **shape)


def _text(metadata: dict[str, Any]) -> dict[str, Any]:
    length = metadata.get("length")
    if not isinstance(length, int) or not 1 <= length <= 255:
        raise _invalid("Length of a text field must be between 1 and 255", "length")
    return {"length": length}


def _long_text(metadata: dict[str, Any]) -> dict[str, Any]:
    length = metadata.get("length")
    if not isinstance(length, int) or not 256 <= length <= 131_072:
        raise _invalid("Length of a long text area must be between 256 and 131072", "length")
    if not metadata.get("visibleLines"):
        raise ApiError(400, "REQUIRED_FIELD_MISSING", "Required fields are missing: [visibleLines]", ("visibleLines",))
    return {"length": length}


def _number(metadata: dict[str, Any]) -> dict[str, Any]:
    precision, scale = metadata.get("precision"), metadata.get("scale")
    if not isinstance(precision, int) or not isinstance(scale, int) or not 0 <= scale <= precision <= 18:
        raise _invalid("Precision must be at most 18 and scale at most precision", "precision")
    return {"precision": precision, "scale": scale}


def _picklist(metadata: dict[str, Any]) -> dict[str, Any]:
    value_set = metadata.get("valueSet") or {}
    values = (value_set.get("valueSetDefinition") or {}).get("value")
    if not isinstance(values, list) or not values:
        raise _invalid("A picklist needs a valueSet", "valueSet")
    names = tuple(str(value.get("valueName") or value.get("fullName")) for value in values)
    return {"length": 255, "values": names, "restricted": bool(value_set.get("restricted"))}


def _checkbox(metadata: dict[str, Any]) -> dict[str, Any]:
    return {"default": str(metadata.get("defaultValue", "false")).lower() == "true", "nillable": False}


def _plain(metadata: dict[str, Any]) -> dict[str, Any]:
    if "length" in metadata:
        raise _invalid(f"Can not specify 'length' for a field of type {metadata['type']}", "length")
    return {"length": _LENGTHS.get(metadata["type"], 0)}


def get_custom_field(call: Call) -> Answer:
    """GET /tooling/sobjects/CustomField/{id}."""
    row = call.org.tables["CustomField"].get(call.parts["id"])
    if row is None:
        raise ApiError(404, "NOT_FOUND", "The requested resource does not exist")
    return Answer({name: row.get(name) for name in call.org.tooling["CustomField"].fields})


ROUTES = [
    route("GET", "/", resources),
    route("GET", "/limits", limits),
    route("POST", "/tooling/sobjects/CustomField", create_custom_field),
    route("GET", "/tooling/sobjects/CustomField/{id}", get_custom_field),
]
