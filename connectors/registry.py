"""Which CRMs there are. A vendor's folder, and the client it drags in, is imported only when that CRM is in use."""

from __future__ import annotations

import contextlib
from importlib import import_module
from typing import TYPE_CHECKING, Final

from config.attributes import attribute_types
from connectors.errors import ConfigProblem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from config.settings import Settings
    from connectors.base import Connector, Identity
    from connectors.clock import Clock

CONNECTORS: Final = {
    "hubspot": ("connectors.hubspot.connector", "HubSpot"),
    "salesforce": ("connectors.salesforce.connector", "Salesforce"),
}
"""Name of the CRM (and of its section in the settings) -> module and class of its connector."""


def connect(settings: Settings, clock: Clock) -> dict[str, Connector]:
    """A connector for each CRM in use, by name. Nothing is called yet."""
    types = attribute_types(settings)
    connectors: dict[str, Connector] = {}
    for crm in settings.crms:
        module, name = CONNECTORS[crm]
        make = getattr(import_module(module), name)
        connectors[crm] = make(getattr(settings, crm), types=types, mapping=settings.attributes, clock=clock)
    return connectors


@contextlib.contextmanager
def connected(settings: Settings, clock: Clock) -> Iterator[dict[str, Connector]]:
    """`connect` for the length of a block."""
    connectors = connect(settings, clock)
    try:
        yield connectors
    finally:
        for connector in connectors.values():
            connector.close()


def pinned(settings: Settings, crm: str) -> tuple[str, str | None]:
    """The settings key that pins the account of `crm`, and its value when it is set."""
    key, value = {
        "hubspot": ("hubspot.portal_id", settings.hubspot and settings.hubspot.portal_id),
        "salesforce": ("salesforce.org_id", settings.salesforce and settings.salesforce.org_id),
    }[crm]
    return key, None if value is None else str(value)


def record_page(settings: Settings, crm: str, account_id: str, record_id: str) -> str | None:
    """The address at which people see a record; None where nobody knows."""
    section = getattr(settings, crm)
    if section is None:
        return None
    address: str | None = import_module(f"connectors.{crm}.pages").record_page(section, account_id, record_id)
    return address


def confirm_account(settings: Settings, identity: Identity) -> None:
    """Raise ConfigProblem when the credentials open another account than the pinned one.

    Organisation ids are compared by their first 15 characters: the other three of the long form only check them.
    """
    key, expected = pinned(settings, identity.crm)
    if expected is not None and expected[:15] != identity.account_id[:15]:
        raise ConfigProblem(
            f"the credentials open account {identity.account_id}, but {key} is pinned to {expected}.",
            crm=identity.crm,
            remedy=f"Nothing was read or written. Use the credentials of {expected}, or mend {key} in the settings.",
        )
