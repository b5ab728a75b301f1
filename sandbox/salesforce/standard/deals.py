"""Opportunities: who takes part in them, and what is sold."""

from __future__ import annotations

from typing import Final

from sandbox.salesforce.schema import Field, SObject, flag, kept, pick, ref, sobject, system_fields, text
from sandbox.salesforce.standard.people import SOURCES

STAGES: Final = (
    "Prospecting", "Qualification", "Needs Analysis", "Value Proposition", "Id. Decision Makers",
    "Perception Analysis", "Proposal/Price Quote", "Negotiation/Review", "Closed Won", "Closed Lost",
)  # fmt: skip


def _opportunity() -> list[Field]:
    return [
        *system_fields(),
        ref("AccountId", "Account"),
        text("Name", 120, nillable=False),
        Field("Description", "textarea", 32000),
        pick("StageName", *STAGES, nillable=False),
        Field("Amount", "currency", precision=18, scale=2),
        Field("Probability", "percent", precision=3),
        Field("CloseDate", "date", nillable=False),
        pick("Type", "Existing Customer - Upgrade", "Existing Customer - Downgrade", "New Customer"),
        text("NextStep", 255),
        pick("LeadSource", *SOURCES),
        kept(flag("IsClosed", computed=lambda row: str(row.get("StageName")).startswith("Closed"))),
        kept(flag("IsWon", computed=lambda row: row.get("StageName") == "Closed Won")),
        ref("CampaignId", "Campaign"),
        kept(ref("ContactId", "Contact")),
        kept(Field("LastActivityDate", "date")),
    ]


def _opportunity_contact_role() -> list[Field]:
    return [
        *system_fields(owner=False),
        ref("OpportunityId", "Opportunity", nillable=False),
        ref("ContactId", "Contact", nillable=False),
        pick("Role", "Business User", "Decision Maker", "Economic Buyer", "Evaluator", "Influencer", "Other"),
        flag("IsPrimary"),
    ]


def _product() -> list[Field]:
    return [
        *system_fields(owner=False),
        text("Name", 255, nillable=False),
        text("ProductCode", 255),
        text("Family", 255),
        flag("IsActive"),
    ]


def _opportunity_line_item() -> list[Field]:
    return [
        *system_fields(owner=False),
        ref("OpportunityId", "Opportunity", nillable=False),
        ref("Product2Id", "Product2", relationship="Product2"),
        kept(text("ProductCode", 255)),
        Field("Quantity", "double", precision=12, scale=2, nillable=False),
        Field("UnitPrice", "currency", precision=18, scale=2),
        Field("TotalPrice", "currency", precision=18, scale=2),
        text("Description", 255),
    ]


def objects() -> list[SObject]:
    """Opportunities, their contact roles and products."""
    return [
        sobject("Opportunity", "Opportunities", _opportunity()),
        sobject("OpportunityContactRole", "Opportunity Contact Roles", _opportunity_contact_role()),
        sobject("Product2", "Products", _product()),
        sobject("OpportunityLineItem", "Opportunity Products", _opportunity_line_item()),
    ]
