"""The standard objects of an Enterprise org with Enhanced Email, as far as lead scoring meets them."""

from __future__ import annotations

from typing import Final

from sandbox.salesforce.ids import object_of
from sandbox.salesforce.schema import (
    Field,
    Row,
    SObject,
    address,
    flag,
    kept,
    pick,
    ref,
    sobject,
    system_fields,
    text,
)

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
STAGES: Final = (
    "Prospecting", "Qualification", "Needs Analysis", "Value Proposition", "Id. Decision Makers",
    "Perception Analysis", "Proposal/Price Quote", "Negotiation/Review", "Closed Won", "Closed Lost",
)  # fmt: skip


def _full_name(row: Row) -> str | None:
    return " ".join(part for part in (row.get("FirstName"), row.get("LastName")) if part) or None


def _is_person(relation: Row) -> bool:
    return object_of(relation["RelationId"]) in {"Contact", "Lead"}


def _member(row: Row) -> str | None:
    return row.get("ContactId") or row.get("LeadId")


def _person() -> list[Field]:
    return [
        text("LastName", 80, nillable=False),
        text("FirstName", 40),
        pick("Salutation", "Mr.", "Ms.", "Mrs.", "Dr.", "Prof.", length=40),
        kept(text("Name", 121, computed=_full_name)),
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


def _activity() -> list[Field]:
    return [
        *system_fields(),
        ref("WhoId", "Contact", "Lead"),
        ref("WhatId", "Account", "Opportunity", "Campaign"),
        kept(ref("AccountId", "Account")),
        Field("Subject", "combobox", 255, values=("Call", "Email", "Send Letter", "Other")),
        Field("Description", "textarea", 32000),
        kept(flag("IsArchived")),  # by age: see org.Org.is_archived
        flag("IsReminderSet"),
    ]


def _task() -> list[Field]:
    return [
        *_activity(),
        Field("ActivityDate", "date"),
        pick(
            "Status", "Not Started", "In Progress", "Completed", "Waiting on someone else", "Deferred", nillable=False
        ),
        pick("Priority", "High", "Normal", "Low", nillable=False),
        kept(flag("IsClosed", computed=lambda row: row.get("Status") == "Completed")),
        kept(flag("IsHighPriority", computed=lambda row: row.get("Priority") == "High")),
        pick("TaskSubtype", "Task", "Email", "Call", "ListEmail", "Cadence", restricted=True),
        pick("CallType", "Internal", "Inbound", "Outbound", restricted=True, length=40),
        Field("CallDurationInSeconds", "int", precision=8),
        text("CallDisposition", 255),
        kept(Field("CompletedDateTime", "datetime")),
    ]


def _event() -> list[Field]:
    return [
        *_activity(),
        text("Location", 255),
        flag("IsAllDayEvent"),
        Field("ActivityDateTime", "datetime"),
        Field("ActivityDate", "date"),
        Field("DurationInMinutes", "int", precision=8),
        Field("StartDateTime", "datetime"),
        Field("EndDateTime", "datetime"),
        pick("ShowAs", "Busy", "OutOfOffice", "Free", length=40),
        kept(flag("IsChild")),
        kept(flag("IsGroupEvent")),
        pick("EventSubtype", "Event", restricted=True),
    ]


def _campaign() -> list[Field]:
    return [
        *system_fields(),
        text("Name", 80, nillable=False),
        ref("ParentId", "Campaign", relationship="Parent"),
        pick("Type", "Conference", "Webinar", "Trade Show", "Email", "Advertisement", "Content", "Other", length=40),
        pick("Status", "Planned", "In Progress", "Completed", "Aborted", length=40),
        Field("StartDate", "date"),
        Field("EndDate", "date"),
        flag("IsActive"),
        Field("Description", "textarea", 32000),
    ]


def _campaign_member() -> list[Field]:
    return [
        *system_fields(owner=False),
        ref("CampaignId", "Campaign", nillable=False),
        ref("LeadId", "Lead"),
        ref("ContactId", "Contact"),
        kept(Field("LeadOrContactId", "reference", 18, refers_to=("Contact", "Lead"), computed=_member)),
        pick("Status", "Sent", "Responded", "Registered", "Attended", length=40),
        kept(flag("HasResponded")),
        kept(Field("FirstRespondedDate", "date")),
    ]


def _email_message() -> list[Field]:
    return [
        *system_fields(owner=False),
        ref("ActivityId", "Task"),
        ref("ParentId", "Case", relationship="Parent"),
        ref("RelatedToId", "Account", "Opportunity", "Campaign", relationship="RelatedTo"),
        text("Subject", 3000),
        text("FromName", 1000),
        Field("FromAddress", "email", 1000),
        Field("ToAddress", "textarea", 4000),
        Field("TextBody", "textarea", 32000),
        flag("Incoming"),
        pick(
            "Status", "0", "1", "2", "3", "4", "5", restricted=True, length=40
        ),  # New Read Replied Sent Forwarded Draft
        Field("MessageDate", "datetime"),
        flag("IsTracked"),
        flag("IsBounced"),
        kept(Field("FirstOpenedDate", "datetime")),
        kept(Field("LastOpenedDate", "datetime")),
    ]


def _email_message_relation() -> list[Field]:
    system = [field for field in system_fields(owner=False) if not field.name.startswith("LastModified")]
    return [
        *system,
        ref("EmailMessageId", "EmailMessage", nillable=False),
        ref("RelationId", "Contact", "Lead", "User"),
        pick("RelationType", "ToAddress", "CcAddress", "BccAddress", "FromAddress", "OtherAddress", restricted=True),
        text("RelationObjectType", 40),
        text("RelationAddress", 1000),
    ]


def _user() -> list[Field]:
    system = [field for field in system_fields(owner=False) if field.name != "IsDeleted"]
    return [
        *system,
        text("Username", 80, nillable=False),
        text("LastName", 80, nillable=False),
        text("FirstName", 40),
        kept(text("Name", 121, computed=_full_name)),
        Field("Email", "email", 128, nillable=False),
        flag("IsActive"),
        pick("UserType", "Standard", "AutomatedProcess", length=40),
        text("TimeZoneSidKey", 40),
    ]


def _organization() -> list[Field]:
    system = [field for field in system_fields(owner=False) if field.name != "IsDeleted"]
    return [
        *system,
        text("Name", 80, nillable=False),
        pick("OrganizationType", "Enterprise Edition", "Unlimited Edition", "Developer Edition", length=40),
        text("InstanceName", 5),
        kept(flag("IsSandbox")),
        pick("DefaultLocaleSidKey", "en_US", length=40),
        pick("TimeZoneSidKey", "UTC", length=40),
    ]


SYSTEM_PERMISSIONS = (
    "PermissionsCustomizeApplication", "PermissionsModifyMetadata", "PermissionsViewSetup",
    "PermissionsManageProfilesPermissionsets", "PermissionsAssignPermissionSets",
)  # fmt: skip


def _user_permission_access() -> list[Field]:
    """What the session's own user may do: one row, which everybody may read."""
    return [
        *(field for field in system_fields(owner=False) if field.name == "Id"),
        *(flag(name) for name in SYSTEM_PERMISSIONS),
    ]


def _permission_set() -> list[Field]:
    system = [field for field in system_fields(owner=False) if field.name != "IsDeleted"]
    return [
        *system,
        text("Name", 80, nillable=False),
        text("Label", 80, nillable=False),
        text("Description", 255),
        kept(flag("IsOwnedByProfile")),
        flag("PermissionsModifyAllData"),
        flag("PermissionsViewAllData"),
        flag("PermissionsApiEnabled"),
    ]


def _permission_set_assignment() -> list[Field]:
    return [
        kept(Field("Id", "id", 18, nillable=False)),
        ref("PermissionSetId", "PermissionSet", nillable=False),
        ref("AssigneeId", "User", nillable=False),
        kept(Field("SystemModstamp", "datetime", nillable=False)),
    ]


def _field_permissions() -> list[Field]:
    return [
        kept(Field("Id", "id", 18, nillable=False)),
        ref("ParentId", "PermissionSet", relationship="Parent", nillable=False),
        pick("SobjectType", length=40, nillable=False),
        pick("Field", nillable=False),
        flag("PermissionsRead"),
        flag("PermissionsEdit"),
        kept(Field("SystemModstamp", "datetime", nillable=False)),
    ]


def _object_permissions() -> list[Field]:
    return [
        kept(Field("Id", "id", 18, nillable=False)),
        ref("ParentId", "PermissionSet", relationship="Parent", nillable=False),
        pick("SobjectType", length=40, nillable=False),
        flag("PermissionsRead"),
        flag("PermissionsEdit"),
        flag("PermissionsViewAllRecords"),
        kept(Field("SystemModstamp", "datetime", nillable=False)),
    ]


def _custom_field() -> list[Field]:
    """Tooling's view of a custom field."""
    return [
        kept(Field("Id", "id", 18, nillable=False)),
        text("DeveloperName", 40),
        text("TableEnumOrId", 40),
        text("NamespacePrefix", 15),
        text("FullName", 255),
        Field("Metadata", "complexvalue"),
        *[field for field in system_fields(owner=False) if field.name not in {"Id", "IsDeleted"}],
    ]


def standard_objects() -> dict[str, SObject]:
    """A fresh set of all objects; custom fields are added to it later."""
    objects = [
        sobject("Lead", "Leads", _lead()),
        sobject("Contact", "Contacts", _contact()),
        sobject("Account", "Accounts", _account()),
        sobject("Opportunity", "Opportunities", _opportunity()),
        sobject("OpportunityContactRole", "Opportunity Contact Roles", _opportunity_contact_role()),
        sobject("Product2", "Products", _product()),
        sobject("OpportunityLineItem", "Opportunity Products", _opportunity_line_item()),
        sobject("Task", "Tasks", _task()),
        sobject("Event", "Events", _event()),
        sobject("Campaign", "Campaigns", _campaign()),
        sobject("CampaignMember", "Campaign Members", _campaign_member()),
        sobject("EmailMessage", "Email Messages", _email_message()),
        sobject("EmailMessageRelation", "Email Message Relations", _email_message_relation()),
        sobject("LeadStatus", "Lead Statuses", _lead_status(), setup=True, updateable=False),
        sobject("User", "Users", _user(), setup=True),
        sobject("Organization", "Organizations", _organization(), setup=True, updateable=False),
        sobject("PermissionSet", "Permission Sets", _permission_set(), setup=True),
        sobject("PermissionSetAssignment", "Permission Set Assignments", _permission_set_assignment(), setup=True),
        sobject("FieldPermissions", "Field Permissions", _field_permissions(), setup=True),
        sobject("ObjectPermissions", "Object Permissions", _object_permissions(), setup=True),
        sobject(
            "UserPermissionAccess", "User Permission Access", _user_permission_access(), setup=True, updateable=False
        ),
    ]
    return {each.name: each for each in objects}


def tooling_objects() -> dict[str, SObject]:
    """What the tooling API serves."""
    return {"CustomField": sobject("CustomField", "Custom Fields", _custom_field(), setup=True)}


def relation_objects() -> dict[str, SObject]:
    """The objects that exist only while Shared Activities is on; the Who ones can be queried and nothing else."""
    relations = {}
    for activity in ("Task", "Event"):
        fields = [
            *system_fields(owner=False),
            ref(f"{activity}Id", activity, nillable=False),
            ref("RelationId", "Contact", "Lead", "Account", "Opportunity", "Campaign"),
            kept(flag("IsWhat", computed=lambda row: not _is_person(row))),
        ]
        relations[f"{activity}Relation"] = sobject(f"{activity}Relation", f"{activity} Relations", fields)
        who = sobject(f"{activity}WhoRelation", f"{activity} Who Relations", fields, updateable=False)
        who.holds = _is_person
        relations[who.name] = who
    for relation in relations.values():
        relation.forgets = True
    return relations
