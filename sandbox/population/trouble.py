"""Rows that each CRM refuses, so that a demonstration shows what becomes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from sandbox.hubspot.portal import Portal
    from sandbox.salesforce.org import Org

_TERRITORY: Final = "Liechtenstein"
_REFUSED_LEADS: Final = 5
_REFUSED_CONTACTS: Final = 2


def demo_troubles(portal: Portal, org: Org) -> None:
    """Make Salesforce refuse five leads and HubSpot two contacts, each for a reason of everyday life.

    Salesforce gets a validation rule: leads of one territory need a postal code, which a handful of old ones lack.
    HubSpot gets two contacts that an administrator has closed to integrations.
    """
    leads = [row["Id"] for row in org.tables["Lead"].values() if not row["IsDeleted"] and not row.get("IsConverted")]
    for lead_id in leads[:_REFUSED_LEADS]:
        org.update("Lead", lead_id, {"Country": _TERRITORY, "PostalCode": None})
    org.validation_rules.append(_territory_needs_postal_code)
    contacts = [record.id for record in portal.objects["contacts"].values() if not record.archived]
    for contact_id in contacts[:_REFUSED_CONTACTS]:
        portal.refuse("contacts", contact_id)


def _territory_needs_postal_code(sobject: str, row: dict[str, Any]) -> str | None:
    if sobject == "Lead" and row.get("Country") == _TERRITORY and not row.get("PostalCode"):
        return f"Leads in {_TERRITORY} need a postal code before they can be saved."
    return None
