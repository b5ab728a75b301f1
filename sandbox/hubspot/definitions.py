"""The shape of a property's definition, and the definitions a new portal has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sandbox.hubspot.catalogue import FAMILIES
from sandbox.hubspot.records import ENGAGEMENTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_KINDS: Final = {  # our word -> (type, fieldType)
    "text": ("string", "text"),
    "area": ("string", "textarea"),
    "html": ("string", "html"),
    "phone": ("phone_number", "phonenumber"),
    "number": ("number", "number"),
    "id": ("number", "number"),  # ids are typed as numbers (B)
    "date": ("date", "date"),
    "datetime": ("datetime", "date"),  # seventy of eighty datetime properties have fieldType date (B)
    "bool": ("bool", "booleancheckbox"),
    "select": ("enumeration", "select"),
    "radio": ("enumeration", "radio"),
    "checkbox": ("enumeration", "checkbox"),
    "score": ("number", "calculation_score"),
    "equation": ("number", "calculation_equation"),
    "rollup": ("number", "calculation_rollup"),
    "flag": ("bool", "calculation_equation"),
}
_CALCULATED: Final = frozenset({"score", "equation", "rollup", "flag"})
YES_NO: Final = {"true": "True", "false": "False"}

Definition = dict[str, Any]


DEFAULT_NAMES: Final = {  # what a read gives when no properties are asked for (A)
    "contacts": ("createdate", "email", "firstname", "hs_object_id", "lastmodifieddate", "lastname"),
    "companies": ("createdate", "domain", "hs_lastmodifieddate", "hs_object_id", "name"),
    "deals": (
        "amount", "closedate", "createdate", "dealname", "dealstage", "hs_lastmodifieddate", "hs_object_id", "pipeline",
    ),
    "line_items": (
        "amount", "createdate", "hs_lastmodifieddate", "hs_object_id", "hs_product_id", "name", "price", "quantity",
    ),
} | dict.fromkeys(ENGAGEMENTS, ("hs_createdate", "hs_lastmodifieddate", "hs_object_id"))  # fmt: skip


def options_of(options: Mapping[str, str]) -> list[dict[str, Any]]:
    """The options of an enumeration, in the order of the mapping value -> label."""
    return [
        {"label": label, "value": value, "displayOrder": order, "hidden": False, "description": ""}
        for order, (value, label) in enumerate(options.items())
    ]


def definition(
    name: str,
    *,
    type: str,  # noqa: A002 - HubSpot's word
    fieldType: str,  # noqa: N803 - HubSpot's word
    groupName: str,  # noqa: N803 - HubSpot's word
    label: str = "",
    description: str = "",
    options: Iterable[Mapping[str, Any]] = (),
    read_only: bool = False,
    calculated: bool = False,
    external_options: bool = False,
    hubspot_defined: bool = False,
    unique: bool = False,
    at: str = "2019-08-06T02:41:52.114Z",
) -> Definition:
    """A property as the properties API shows it."""
    return {
        "name": name,
        "label": label or _label(name),
        "description": description,
        "groupName": groupName,
        "type": type,
        "fieldType": fieldType,
        "options": [dict(option) for option in options],
        "displayOrder": -1,
        "calculated": calculated,
        "externalOptions": external_options,
        "hasUniqueValue": unique,
        "hidden": False,
        "hubspotDefined": hubspot_defined,
        "formField": not read_only and not calculated,
        "archived": False,
        "createdAt": at,
        "updatedAt": at,
        "modificationMetadata": {
            "archivable": not hubspot_defined,
            "readOnlyDefinition": hubspot_defined,
            "readOnlyOptions": hubspot_defined,
            "readOnlyValue": read_only or calculated,
        },
    }


def built_in(kind: str) -> dict[str, Definition]:
    """The definitions a new portal has for one object type, by name."""
    found: dict[str, Definition] = {}
    for family in FAMILIES[kind]:
        data_type, field_type = _KINDS[family.kind]
        options = family.options if data_type != "bool" else YES_NO
        for name in family.names.split():
            found[name] = definition(
                name,
                type=data_type,
                fieldType=field_type,
                groupName=family.group,
                options=options_of(options or {}),
                read_only=family.read_only,
                calculated=family.kind in _CALCULATED,
                external_options=family.external_options,
                hubspot_defined=True,
                unique=name == "hs_object_id",
            )
    return found


def _label(name: str) -> str:
    words = name.removeprefix("hs_").replace("_", " ")
    return words[:1].upper() + words[1:]
