"""The conformance suite runs over every CRM that has a rig."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib import import_module
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.connectors.hubspot_rig import HubSpotRig
    from tests.connectors.rig import Rig
    from tests.connectors.salesforce_rig import SalesforceRig

SERVER_TIME = datetime(2026, 6, 15, 12, tzinfo=UTC)


@pytest.fixture(params=["hubspot", "salesforce"])
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    module = import_module(f"tests.connectors.{request.param}_rig")
    with module.rig(SERVER_TIME) as made:
        yield made


@pytest.fixture
def hub() -> Iterator[HubSpotRig]:
    from tests.connectors.hubspot_rig import rig as hubspot_rig

    with hubspot_rig(SERVER_TIME) as made:
        yield made


@pytest.fixture
def sf() -> Iterator[SalesforceRig]:
    from tests.connectors.salesforce_rig import rig as salesforce_rig

    with salesforce_rig(SERVER_TIME) as made:
        yield made
