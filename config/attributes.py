"""The attributes that rules may use out of the box; each CRM's folder knows where that CRM keeps them.

A name that starts with ``company.`` belongs to the company or account; the rest to the person. The user's
``attributes:`` section adds to these or moves them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from config.settings import Settings

AttributeType = Literal["text", "number", "boolean", "date"]

BUILT_IN: Final[dict[str, AttributeType]] = {
    "first_name": "text",
    "last_name": "text",
    "job_title": "text",
    "department": "text",
    "seniority": "text",
    "phone": "text",
    "city": "text",
    "state": "text",
    "country": "text",
    "lead_source": "text",
    "owner": "text",
    "unsubscribed": "boolean",
    "profiling_objection": "boolean",
    "company.name": "text",
    "company.domain": "text",
    "company.industry": "text",
    "company.employee_count": "number",
    "company.annual_revenue": "number",
    "company.country": "text",
}

COMPUTED: Final[dict[str, AttributeType]] = {"email": "text", "email_domain": "text", "created_at": "date"}
"""Known of every person without a mapping; rules may use them, mappings may not redefine them."""


def attribute_types(settings: Settings) -> dict[str, AttributeType]:
    """Every mapped attribute and its type: the built-in ones and the user's, in a fixed order.

    Those of `COMPUTED` are not in it: they have no column of their own in a batch. A built-in attribute that is only
    moved to another field keeps its type.
    """
    return BUILT_IN | {
        name: BUILT_IN.get(name, "text") if "type" not in attribute.model_fields_set else attribute.type
        for name, attribute in settings.attributes.items()
    }
