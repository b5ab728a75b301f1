"""Where HubSpot keeps attributes, what our own properties are called, and how values read as text."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from connectors.base import CRM_STAGE, Clear
from connectors.hubspot.windows import EPOCH
from scoring.facts import OUTPUT_BY_NAME, OUTPUT_FIELDS, OutputField

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from config.attributes import AttributeType
    from config.settings import AttributeSetting

DEFAULTS: Final[dict[str, str]] = {
    "first_name": "firstname",
    "last_name": "lastname",
    "job_title": "jobtitle",
    "department": "job_function",
    "seniority": "seniority",
    "phone": "phone",
    "city": "city",
    "state": "state",
    "country": "country",
    "lead_source": "hs_analytics_source",
    "owner": "hubspot_owner_id",
    "unsubscribed": "hs_email_optout",
    "company.name": "name",
    "company.domain": "domain",
    "company.industry": "industry",
    "company.employee_count": "numberofemployees",
    "company.annual_revenue": "annualrevenue",
    "company.country": "country",
}
"""Attribute -> property of the contact, or of the company for ``company.`` ones. HubSpot has no standard property for
an objection to profiling; map one of your own."""

GROUP: Final = "leadgrade"
GROUP_LABEL: Final = "Lead scoring"
PREFIX: Final = "leadgrade_"
LIFECYCLE_STAGE: Final = "lifecyclestage"

_PLAIN: Final = {str, type(None)}

_CAPITALS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


@dataclass(frozen=True, slots=True)
class Mapped:
    """An attribute and the property that holds it."""

    attribute: str
    property: str
    type: AttributeType


def mapped(
    types: Mapping[str, AttributeType], mapping: Mapping[str, AttributeSetting], *, company: bool
) -> list[Mapped]:
    """The attributes that HubSpot can fill, of the company or of the contact."""
    found = []
    for name, type_ in types.items():
        own = mapping[name].hubspot if name in mapping else None
        where = own or DEFAULTS.get(name)
        if where and name.startswith("company.") == company:
            found.append(Mapped(name, where, type_))
    return found


def property_of(field: str) -> str:
    """The property that an output field, or the CRM's own stage, is written to."""
    return LIFECYCLE_STAGE if field == CRM_STAGE else PREFIX + field


def field_of(property_name: str) -> str:
    """The output field of a property that we write, or the property's own name when we do not."""
    if property_name == LIFECYCLE_STAGE:
        return CRM_STAGE
    name = property_name.removeprefix(PREFIX)
    return name if name in OUTPUT_BY_NAME else property_name


def definition(field: OutputField) -> dict[str, Any]:
    """The property as HubSpot wants it described when it is created."""
    type_, field_type = {"integer": ("number", "number"), "date": ("date", "date")}.get(field.type, ("string", "text"))
    described: dict[str, Any] = {
        "name": property_of(field.name),
        "label": field.label,
        "description": field.description,
        "groupName": GROUP,
        "type": type_,
        "fieldType": field_type,
    }
    if field.choices:
        described |= {"type": "enumeration", "fieldType": "select", "options": options(field)}
    return described


def options(field: OutputField) -> list[dict[str, Any]]:
    """The choices of a field, in order."""
    return [
        {"label": choice.capitalize(), "value": choice, "displayOrder": order, "hidden": False}
        for order, choice in enumerate(field.choices)
    ]


WRITTEN: Final = tuple(property_of(field.name) for field in OUTPUT_FIELDS)


def encode(value: str | int | Clear) -> str:
    """A value as it travels: always text, empty to clear."""
    return "" if isinstance(value, Clear) else str(value)


def canonical(values: Sequence[Any], type_: str) -> list[str | None]:
    """Values (text that is not empty, number, boolean or null) -> canonical text.

    What does not fit its type stays as it came: the mirror's cast makes it null and counts it.
    """
    if type_ == "boolean":  # most of such columns are mostly null, which is seen at a glance
        return [None if value is None else _boolean(value) for value in values]
    if type_ == "date":
        return [None if value is None else _date(value) for value in values]
    if set(map(type, values)) <= _PLAIN:  # the usual case, at a fifth of the cost
        return list(values)
    return [_text(value) for value in values]


def observed(values: Sequence[Any], field: OutputField) -> list[str | None]:
    """What our own property holds, worded as we would write it (75, not 75.0; a day, not milliseconds)."""
    if field.type == "integer":
        return [None if value is None else _integer(value) for value in values]
    if field.type == "date":
        return [None if value is None or not (day := _date(value)) else day[:10] for value in values]
    return canonical(values, "text")


def salesforce_link(value: Any) -> str | None:
    """The link to a Salesforce record from what a contact holds as its id; null when that is no id.

    HubSpot's integration stores 15 characters, Salesforce answers with 18: each of the last three tells which of five
    are capitals.
    """
    text = str(value or "").strip()
    if len(text) not in {15, 18} or not (text.isascii() and text.isalnum()):
        return None
    fives = (text[start : start + 5] for start in range(0, 15, 5))
    check = "".join(_CAPITALS[sum(letter.isupper() << place for place, letter in enumerate(five))] for five in fives)
    return f"salesforce:{text[:15]}{text[15:] or check}"


def instant_us(value: Any) -> int | None:
    """Microseconds since 1970 of a time in either of HubSpot's formats; null when it is neither."""
    from datetime import UTC, datetime

    if value is None or not value:
        return None
    if isinstance(value, str) and "-" in value[1:]:
        try:
            at = datetime.fromisoformat(value)
        except ValueError:
            return None
        return ((at if at.tzinfo else at.replace(tzinfo=UTC)) - EPOCH) // timedelta(microseconds=1)
    try:
        return int(float(value)) * 1000  # milliseconds, sometimes with decimals
    except (TypeError, ValueError, OverflowError):
        return None


def _text(value: Any) -> str | None:
    if value is None:
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)


def _boolean(value: Any) -> str | None:
    text = _text(value)
    return text.strip().lower() or None if text else None


def _integer(value: Any) -> str | None:
    text = _text(value)
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        return text
    return str(int(number)) if number.is_integer() else text


def _date(value: Any) -> str | None:
    text = _text(value)
    if not text or "-" in text[1:]:
        return text or None
    us = instant_us(text)
    return text if us is None else (EPOCH + timedelta(microseconds=us)).isoformat().replace("+00:00", "Z")
