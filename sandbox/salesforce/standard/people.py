"""Leads, contacts, and the accounts they belong to."""

from __future__ import annotations

from typing import Final

from sandbox.salesforce.schema import Field, Row, SObject, address, flag, kept, pick, ref, sobject, system_fields, text

INDUSTRIES: Final = (
    "Agriculture", "Apparel", "Banking", "Biotechnology", "Chemicals", "Communications", "Construction", "Consulting",
    "Education", "Electronics", "Energy", "Engineering", "Entertainment", "Environmental", "Finance",
    "Food & Beverage", "Government", "Healthcare", "Hospitality", "Insurance", "Machinery", "Manufacturing", "Media",
    "Not For Profit", "Recreation", "Retail", "Shipping", "Technology", "Telecommunications", "Transportation",
    "Utilities", "Other",
)  # fmt: skip
SOURCES: Final = ("Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Other")
LEAD_STATUSES: Final = (
    "Open - Not Contacted",
    "Working - Contacted",
    "Closed - Converted",
    "Closed - Not Converted",
)
CONVERTED_STATUS: Final = "Closed - Converted"


def full_name(row: Row) -> str | None:
    """First and last name, as far as they are there."""
    return " ".join(part for part in (row.get("FirstName"), row.get("LastName")) if part) or None


def _person() -> list[Field]:
    return [
        text("LastName", 80, nillable=False),
        text("FirstName", 40),
        pick("Salutation", "Mr.", "Ms.", "Mrs.", "Dr.", "Prof.", length=40),
        kept(text("Name", 121, computed=full_name)),
        text("Title", 128),
        Field("Phone", "phone", 40),
        Field("MobilePhone", "phone", 40),
        Field("Email", "email", 80),
        pick("LeadSource", *SOURCES),
        Field("Description", "textarea", 32000),
        flag("HasOptedOutOfEmail"),
        flag("DoNotCall"),
        text("EmailBouncedReason", 255),
        Field("EmailBouncedDate", "datetime"),
        kept(Field("LastActivityDate", "date")),
    ]


def _lead() -> list[Field]:
    return [
        *system_fields(),
        kept(ref("MasterRecordId", "Lead")),
        *_person(),
        text("Company", 255, nillable=False),
        *address("", "Address"),
        Field("Website", "url", 255),
        pick("Status", *LEAD_STATUSES, nillable=False),
        pick("Industry", *INDUSTRIES),
        pick("Rating", "Hot", "Warm", "Cold"),
        Field("AnnualRevenue", "currency", precision=18),
        Field("NumberOfEmployees", "int", precision=8),
        kept(flag("IsConverted")),
        kept(Field("ConvertedDate", "date")),
        kept(ref("ConvertedAccountId", "Account")),
        kept(ref("ConvertedContactId", "Contact")),
        kept(ref("ConvertedOpportunityId", "Opportunity")),
        flag("IsUnreadByOwner"),
    ]


def _lead_status() -> list[Field]:
    """The values of a lead's status, one row each."""
    return [
        kept(Field("Id", "id", 18, nillable=False)),
        kept(text("ApiName", 255)),
        kept(text("MasterLabel", 255)),
        kept(flag("IsConverted")),
        kept(flag("IsDefault")),
        kept(Field("SortOrder", "int", precision=9)),
        kept(Field("SystemModstamp", "datetime", nillable=False)),
    ]


def _contact() -> list[Field]:
    return [
        *system_fields(),
        kept(ref("MasterRecordId", "Contact")),
        ref("AccountId", "Account"),
        *_person(),
        *address("Mailing", "MailingAddress"),
        ref("ReportsToId", "Contact", relationship="ReportsTo"),
        text("Department", 80),
        Field("Birthdate", "date"),
        kept(flag("IsEmailBounced", computed=lambda row: row.get("EmailBouncedDate") is not None)),
    ]


def _account() -> list[Field]:
    return [
        *system_fields(),
        kept(ref("MasterRecordId", "Account")),
        text("Name", 255, nillable=False),
        pick("Type", "Prospect", "Customer - Direct", "Customer - Channel", "Technology Partner", "Other"),
        ref("ParentId", "Account", relationship="Parent"),
        *address("Billing", "BillingAddress"),
        Field("Phone", "phone", 40),
        Field("Website", "url", 255),
        pick("Industry", *INDUSTRIES),
        Field("AnnualRevenue", "currency", precision=18),
        Field("NumberOfEmployees", "int", precision=8),
        Field("Description", "textarea", 32000),
        kept(Field("LastActivityDate", "date")),
    ]


def objects() -> list[SObject]:
    """Leads with their statuses, contacts, accounts."""
    return [
        sobject("Lead", "Leads", _lead()),
        sobject("Contact", "Contacts", _contact()),
        sobject("Account", "Accounts", _account()),
        sobject("LeadStatus", "Lead Statuses", _lead_status(), setup=True, updateable=False),
    ]
