"""Which CRMs there are. A vendor's folder, and the client it drags in, is imported only when that CRM is in use."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

from config.attributes import attribute_types

if TYPE_CHECKING:
    from config.settings import Settings
    from connectors.base import Connector
    from connectors.clock import Clock

CONNECTORS: Final = {
    "hubspot": ("connectors.hubspot.connector", "HubSpot"),
    "salesforce": ("connectors.salesforce.connector", "Salesforce"),
}
"""Name of the CRM (and of its section in the settings) -> module and class of its connector."""


def connect(settings: Settings, clock: Clock) -> dict[str, Connector]:
    """A connector for each CRM in use, by name. Nothing is called yet; `close` each one at the end."""
    types = attribute_types(settings)
    connectors: dict[str, Connector] = {}
    for crm in settings.crms:
        module, name = CONNECTORS[crm]
        make = getattr(import_module(module), name)
        connectors[crm] = make(getattr(settings, crm), types=types, mapping=settings.attributes, clock=clock)
    return connectors
