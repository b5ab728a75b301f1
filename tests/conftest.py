"""What every test may use: a clean environment and CRMs to talk to."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sandbox.core import Shared
    from sandbox.hubspot.portal import Portal
    from sandbox.salesforce.org import Org

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
"""The time in tests."""


@dataclass(frozen=True, slots=True)
class Sandbox:
    """Both CRMs, listening on loopback, and their insides."""

    portal: Portal
    org: Org
    shared: Shared
    hubspot_url: str
    salesforce_url: str


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings of the person who runs the tests do not leak into them."""
    for name in os.environ:
        if name.startswith("LEADGRADE_"):
            monkeypatch.delenv(name)


@pytest.fixture
def logging_restored() -> Iterator[None]:
    """What the command line sets up of logging is undone after the test."""
    import logging

    import structlog

    from cli import logs

    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    root.handlers, root.level = handlers, level
    logs._secrets.clear()


@pytest.fixture
def sandbox() -> Iterator[Callable[..., Sandbox]]:
    """A factory of running sandboxes: `sandbox(people=200, seed=7, now=NOW, limits=False)`.

    Their clock stands still at `now` until `shared.clock.advance` moves it. They are stopped after the test.
    """
    from sandbox.core import SandboxClock, Shared
    from sandbox.hubspot.portal import Portal
    from sandbox.population import populate
    from sandbox.salesforce.org import Org
    from sandbox.server import running

    with contextlib.ExitStack() as stack:

        def start(*, people: int = 0, seed: int = 7, now: datetime = NOW, limits: bool = False) -> Sandbox:
            shared = Shared(clock=SandboxClock(frozen=now), limits=limits)
            portal, org = Portal(shared), Org(shared)
            if people:
                populate(portal, org, people=people, seed=seed, now=now)
            urls = stack.enter_context(running(portal, org, shared))
            return Sandbox(portal, org, shared, urls.hubspot, urls.salesforce)

        yield start
