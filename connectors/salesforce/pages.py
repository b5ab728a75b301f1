"""Where a person shows a lead or contact in Salesforce."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from config.settings import SalesforceSettings


def record_page(settings: SalesforceSettings, account_id: str, record_id: str) -> str | None:  # noqa: ARG001 - as in the other CRM
    """The address of a record's page. The shared login hosts lead to no organisation."""
    if not settings.login_url.endswith(".my.salesforce.com"):
        return None
    return f"{settings.login_url}/{record_id}"
