"""The scopes that Leadgrade asks for, what each is for, and where HubSpot grants it.

`check` names those that are missing, and the page of permissions is made of the same table.
"""

from __future__ import annotations

from typing import Final

from connectors.base import Permission

WHERE: Final = "Development > Keys > Service keys > your key > Scopes"
"""Where a service key's scopes are chosen; an older private app has them under Development > Legacy apps."""

GRANT: Final = (
    f"Add it in HubSpot under {WHERE} (of an older private app: Development > Legacy apps > your app > Auth)."
)

READ_CONTACTS: Final = Permission(
    "crm.objects.contacts.read", "people, and what sales did with them: calls, e-mails, meetings, notes, tasks", WHERE
)
READ_CONTACT_PROPERTIES: Final = Permission(
    "crm.schemas.contacts.read", "which properties contacts have, and the lifecycle stages", WHERE
)
WRITE_CONTACTS: Final = Permission("crm.objects.contacts.write", "writing scores", WHERE, "writes.enabled")
CREATE_PROPERTIES: Final = Permission(
    "crm.schemas.contacts.write",
    "`leadgrade provision`, which creates the fields; it may be taken away again afterwards",
    WHERE,
)
READ_COMPANIES: Final = Permission("crm.objects.companies.read", "companies, and whom they employ", WHERE)
READ_COMPANY_PROPERTIES: Final = Permission(
    "crm.schemas.companies.read", "telling you of a mapped company property that does not exist", WHERE, needed=False
)
READ_DEALS: Final = Permission("crm.objects.deals.read", "deals, and who takes part in them", WHERE)
READ_LINE_ITEMS: Final = Permission("crm.objects.line_items.read", "the products of deals", WHERE, "hubspot.line_items")
READ_EMAIL_EVENTS: Final = Permission("content", "marketing e-mail events", WHERE, "hubspot.email_events")
READ_FORMS: Final = Permission("forms", "form submissions", WHERE, "hubspot.forms")
EVENT_OCCURRENCES: Final = Permission(
    "event occurrences", "page views one by one", "an Enterprise plan of HubSpot", "hubspot.web_events"
)
"""No scope of its own, but a part of some plans."""

SCOPES: Final = (
    READ_CONTACTS,
    READ_CONTACT_PROPERTIES,
    WRITE_CONTACTS,
    CREATE_PROPERTIES,
    READ_COMPANIES,
    READ_COMPANY_PROPERTIES,
    READ_DEALS,
    READ_LINE_ITEMS,
    READ_EMAIL_EVENTS,
    READ_FORMS,
    EVENT_OCCURRENCES,
)
