"""The page of permissions, from the tables that `leadgrade check` goes by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.hubspot import permissions as hubspot
from connectors.salesforce import permissions as salesforce
from docs.generator.markdown import code, page, table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from connectors.base import Permission

INTRODUCTION = """\
The least that Leadgrade works with. `leadgrade check` looks for each of them, names those that are missing and says
where they are granted. A missing one that is **needed** ends `check` with exit code 3; without one that is not,
something is left out and `check` warns.
"""

FIELDS = """\
Beside these, field-level security has to open to the integration user:

- **Read** on each field that the [attributes](attributes.md) of your model are read from, and on the standard fields
  that come with a stream (such as `Lead.Email`, `Opportunity.Amount`). They are granted under *Setup > Permission
  Sets > the integration user's set > Object Settings > the object > Field Permissions*.
- **Read and Edit** on the [fields that Leadgrade writes](fields.md). `leadgrade provision` grants these by the
  permission set *Leadgrade*.
"""

PROVISIONING = """\
`leadgrade provision` needs more, once, and again when your model writes new fields. Run it with an administrator's
sign-in rather than giving these to the integration user:
"""


def permissions() -> str:
    """Every scope of HubSpot and every right of Salesforce."""
    return page(
        "Permissions",
        INTRODUCTION,
        "## HubSpot",
        _table("scope", hubspot.SCOPES),
        "## Salesforce",
        _table("right", salesforce.PERMISSIONS),
        FIELDS,
        PROVISIONING,
        _table("right", salesforce.PROVISIONING.values()),
    )


def _table(head: str, rights: Iterable[Permission]) -> str:
    rows = [
        (right.name, right.purpose, "yes" if right.needed else "no", code(right.setting), right.where)
        for right in rights
    ]
    return table((head, "for", "needed", "unless switched off by", "granted under"), rows)
