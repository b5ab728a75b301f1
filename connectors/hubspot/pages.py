"""Where a person shows a contact in HubSpot."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from config.settings import HubSpotSettings

CONTACT = "0-1"
"""HubSpot's number for the type contact."""


def record_page(settings: HubSpotSettings, account_id: str, record_id: str) -> str | None:
    """The address of a contact's page; HubSpot leads on to the portal's own region."""
    if settings.base_url != "https://api.hubapi.com":  # a sandbox's
        return None
    return f"https://app.hubspot.com/contacts/{account_id}/record/{CONTACT}/{record_id}"
