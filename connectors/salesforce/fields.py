"""Which field of which object holds what: attributes that rules use, and the fields that Leadgrade writes.

Everything travels as text until it is a fact: REST's JSON is brought to the same text columns that a Bulk job's CSV
has, and both are turned into facts in one way.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from connectors.base import CRM_STAGE
from connectors.errors import AuthStop, ConfigProblem
from scoring.facts import OUTPUT_BY_NAME, OUTPUT_FIELDS, OutputField

if TYPE_CHECKING:
    from collections.abc import Mapping

    from config.settings import AttributeSetting

CRM: Final = "salesforce"

DEFAULTS: Final[dict[str, dict[str, str]]] = {
    "first_name": {"Lead": "FirstName", "Contact": "FirstName"},
    "last_name": {"Lead": "LastName", "Contact": "LastName"},
    "job_title": {"Lead": "Title", "Contact": "Title"},
    "department": {"Contact": "Department"},
    "phone": {"Lead": "Phone", "Contact": "Phone"},
    "city": {"Lead": "City", "Contact": "MailingCity"},
    "state": {"Lead": "State", "Contact": "MailingState"},
    "country": {"Lead": "Country", "Contact": "MailingCountry"},
    "lead_source": {"Lead": "LeadSource", "Contact": "LeadSource"},
    "owner": {"Lead": "OwnerId", "Contact": "OwnerId"},
    "unsubscribed": {"Lead": "HasOptedOutOfEmail", "Contact": "HasOptedOutOfEmail"},
    "company.name": {"Lead": "Company", "Account": "Name"},
    "company.domain": {"Lead": "Website", "Account": "Website"},
    "company.industry": {"Lead": "Industry", "Account": "Industry"},
    "company.employee_count": {"Lead": "NumberOfEmployees", "Account": "NumberOfEmployees"},
    "company.annual_revenue": {"Lead": "AnnualRevenue", "Account": "AnnualRevenue"},
    "company.country": {"Lead": "Country", "Account": "BillingCountry"},
}
"""Where Salesforce keeps the built-in attributes, by object. Seniority and the objection to profiling have no
standard field on Lead or Contact; an organisation's own can be mapped."""

COMPOUND_TYPES: Final = frozenset({"address", "location"})

_NAME_PART = re.compile(r"[^_]+")


def api_name(output: str) -> str:
    """The custom field that output field `output` is written to: ``fit_score`` -> ``Leadgrade_Fit_Score__c``."""
    return f"Leadgrade_{_NAME_PART.sub(lambda part: part[0].capitalize(), output)}__c"


WRITTEN: Final[dict[str, str]] = {field.name: api_name(field.name) for field in OUTPUT_FIELDS}
LEAD_STATUS: Final = "Status"
WRITABLE: Final[dict[str, str]] = WRITTEN | {CRM_STAGE: LEAD_STATUS}
"""All that a change may hold: our own fields, and the status of a lead."""

OUTPUT_OF: Final[dict[str, str]] = {name: output for output, name in WRITABLE.items()}


def metadata(field: OutputField) -> dict[str, Any]:
    """The custom field's definition for the Tooling API.

    Choices are kept as text too: a restricted picklist made by API belongs to no record type, and would refuse its own
    values on records that have one.
    """
    common: dict[str, Any] = {
        "label": f"Leadgrade {field.label}",
        "description": field.description,
        "inlineHelpText": field.description,
        "required": False,
    }
    if field.type == "integer":
        return common | {"type": "Number", "precision": 18, "scale": 0}
    if field.type == "date":
        return common | {"type": "Date"}
    return common | {"type": "Text", "length": field.length}


DESCRIBED_AS: Final = {
    "integer": frozenset({"double", "int"}),
    "date": frozenset({"date"}),
    "text": frozenset({"string"}),
}
"""Describe types that fit an output field's type."""


def clash(output: str, described: Mapping[str, Any]) -> str:
    """Why the existing field cannot take the output field's values; empty when it can."""
    field = OUTPUT_BY_NAME[output]
    if described.get("calculated"):
        return "it is a formula"
    if described["type"] not in DESCRIBED_AS[field.type]:
        return f"it is of type {described['type']}, not {metadata(field)['type']}"
    if field.type == "text" and described["length"] < field.length:
        return f"it holds {described['length']} characters, not {field.length}"
    return ""


@dataclass(frozen=True, slots=True)
class Mapped:
    """One attribute on one object. `configured` tells the user's own mapping from a built-in default."""

    attribute: str
    field: str
    configured: bool


def mapped(sobject: str, mapping: Mapping[str, AttributeSetting], attributes: Mapping[str, str]) -> list[Mapped]:
    """The attributes that `sobject` holds, in the order of `attributes`."""
    found = []
    for attribute in attributes:
        setting = mapping.get(attribute)
        if setting is not None and setting.salesforce is not None:
            field = _configured(attribute, sobject, setting.salesforce)
            configured = True
        else:
            field = DEFAULTS.get(attribute, {}).get(sobject)
            configured = False
        if field:
            found.append(Mapped(attribute, field, configured))
    return found


def _configured(attribute: str, sobject: str, target: str | Mapping[Any, str]) -> str | None:
    if not isinstance(target, str):
        return target.get(sobject)
    at_home = sobject == "Account" if attribute.startswith("company.") else sobject in {"Lead", "Contact"}
    return target if at_home else None


def visible(sobject: str, wanted: list[Mapped], fields: Mapping[str, Any]) -> list[Mapped]:
    """Those of `wanted` that the running user can read.

    Raises ConfigProblem for a configured field that describe does not show or that is compound. A default that is
    hidden is left out: it is unknown of everybody (`check` warns).
    """
    seen = []
    for item in wanted:
        described = fields.get(item.field)
        if described is None and item.configured:
            raise hidden(sobject, item.field, f"attribute {item.attribute}")
        if described is not None and described["type"] in COMPOUND_TYPES:
            raise ConfigProblem(
                f"attribute {item.attribute}: {sobject}.{item.field} is a compound field.",
                crm=CRM,
                remedy="Map one of its parts, such as MailingCity.",
            )
        if described is not None:
            seen.append(item)
    return seen


def hidden(sobject: str, field: str, purpose: str) -> ConfigProblem:
    """A field that does not exist or is hidden: Salesforce does not tell one from the other."""
    return ConfigProblem(
        f"{purpose}: {sobject}.{field} does not exist or may not be read.",
        crm=CRM,
        remedy=f"Correct the name, or grant 'Read' on {sobject}.{field} (field-level security) in a permission set.",
    )


def need_object(sobject: str, description: Mapping[str, Any] | None) -> dict[str, Any]:
    """The fields of `sobject`. Raises AuthStop when the running user does not see the object."""
    if description is None or not description.get("queryable", True):
        raise AuthStop(
            f"object {sobject} does not exist or may not be read.",
            crm=CRM,
            remedy=f"Grant 'Read' and 'View All' on {sobject} to the running user in a permission set.",
        )
    fields: dict[str, Any] = description["fields"]
    return fields
