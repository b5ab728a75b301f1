"""Salesforce's sandbox on its own, for the tests of its wire."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from salesforce_kit import Server

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Sandbox


@pytest.fixture
def server(sandbox: Callable[..., Sandbox]) -> Server:
    running = sandbox()
    return Server(running.org, running.shared, running.salesforce_url)
