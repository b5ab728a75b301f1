"""The rights that the running user needs, what each is for, and the menu path that grants it.

`check` names those that are missing, and the page of permissions is made of the same tables.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from connectors.base import Permission

_SET: Final = "Setup > Permission Sets > the integration user's set"
SYSTEM: Final = f"{_SET} > System Permissions"


def object_settings(label: str) -> str:
    """Where the rights on an object, and on its fields, are granted."""
    return f"{_SET} > Object Settings > {label}"


LABELS: Final = {
    "Lead": "Leads",
    "Contact": "Contacts",
    "Account": "Accounts",
    "Opportunity": "Opportunities",
    "OpportunityContactRole": "Opportunities",
    "OpportunityLineItem": "Opportunity Product",
    "Product2": "Products",
    "Campaign": "Campaigns",
    "CampaignMember": "Campaign Members",
    "Task": "Tasks",
    "Event": "Events",
    "EmailMessage": "Email Messages",
}
"""What an object is called in a permission set."""


@dataclass(frozen=True, slots=True)
class Access:
    """A right to read, and the objects that are seen only with it."""

    right: Permission
    sobjects: tuple[str, ...]


API_ENABLED: Final = Permission("API Enabled", "every call", SYSTEM)
VIEW_SETUP: Final = Permission(
    "View Setup and Configuration", "seeing whether View All Records is granted", SYSTEM, needed=False
)


def _read(sobject: str, purpose: str, *with_it: str, needed: bool = True) -> Access:
    right = Permission(f"Read on {sobject}", purpose, object_settings(LABELS[sobject]), needed=needed)
    return Access(right, (sobject, *with_it))


READING: Final = (
    _read("Lead", "leads"),
    _read("Contact", "contacts"),
    _read("Account", "companies"),
    Access(Permission("Access Activities", "calls, meetings and tasks", SYSTEM), ("Task", "Event")),
    _read(
        "Opportunity",
        "deals, who takes part in them, and their products",
        "OpportunityContactRole",
        "OpportunityLineItem",
        needed=False,
    ),
    _read("Product2", "the names of products", needed=False),
    _read("Campaign", "responses to campaigns", "CampaignMember", needed=False),
    Access(Permission("Enhanced Email", "e-mails", "Setup > Enhanced Email > Enable", needed=False), ("EmailMessage",)),
)

EDITING: Final = tuple(
    Permission(f"Edit on {sobject}", "writing scores", object_settings(LABELS[sobject]), "writes.enabled")
    for sobject in ("Lead", "Contact")
)

VIEW_ALL_OF: Final = ("Lead", "Contact", "Account", "Opportunity", "Campaign")
SEEING_ALL: Final = tuple(
    Permission(
        f"View All Records on {sobject}",
        "records that others own; where sharing hides them, they would be missing without a word",
        object_settings(LABELS[sobject]),
        needed=False,
    )
    for sobject in VIEW_ALL_OF
)

ACCOUNT_ENGAGEMENT: Final = Permission(
    "Account Engagement",
    "visitor activities: the app's scope pardot_api, and a user role that may view visitors and prospects",
    "Setup > External Client App Manager > your app > OAuth Settings; Account Engagement Settings > User Management",
    "salesforce.account_engagement",
)

PERMISSIONS: Final = (
    API_ENABLED,
    *(access.right for access in READING),
    *EDITING,
    *SEEING_ALL,
    VIEW_SETUP,
    ACCOUNT_ENGAGEMENT,
)
"""All that the integration user is asked for, beside the rights on single fields."""

PROVISIONING: Final = {
    flag: Permission(name, f"`leadgrade provision`: {purpose}", SYSTEM)
    for flag, name, purpose in (
        ("PermissionsCustomizeApplication", "Customize Application", "creating the score fields"),
        (
            "PermissionsModifyMetadata",
            "Modify Metadata Through Metadata API Functions",
            "creating the score fields",
        ),
        ("PermissionsViewSetup", "View Setup and Configuration", "seeing which of them exist"),
        (
            "PermissionsManageProfilesPermissionsets",
            "Manage Profiles and Permission Sets",
            "making the permission set Leadgrade",
        ),
        ("PermissionsAssignPermissionSets", "Assign Permission Sets", "giving it to the running user"),
    )
}
"""What `leadgrade provision` needs, by the field of UserPermissionAccess that tells of it: an administrator's rights,
not the integration user's. To read that object no right is needed (Object Reference for the Salesforce Platform)."""

ADMINISTRATOR: Final = "Run `leadgrade provision` once with an administrator's sign-in"


def field_right(sobject: str, field: str, right: str) -> str:
    """What to do about a field that may not be read or edited."""
    place = object_settings(LABELS.get(sobject, sobject))
    return f"tick '{right} Access' for {sobject}.{field} in the permission set: {place} > Field Permissions"
