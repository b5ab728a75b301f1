"""Both CRMs' sandboxes, running on loopback under a clock that stands still until it is moved."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sandbox.core import SandboxClock, Shared
from sandbox.hubspot.portal import Portal
from sandbox.population import populate
from sandbox.salesforce.org import Org
from sandbox.server import running

if TYPE_CHECKING:
    from collections.abc import Iterator

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


@contextlib.contextmanager
def started(*, people: int = 0, seed: int = 7, now: datetime = NOW, limits: bool = False) -> Iterator[Sandbox]:
    """Both CRMs with so many people; their clock stands still at `now` until `shared.clock.advance` moves it."""
    shared = Shared(clock=SandboxClock(frozen=now), limits=limits)
    portal, org = Portal(shared), Org(shared)
    if people:
        populate(portal, org, people=people, seed=seed, now=now)
    with running(portal, org, shared) as urls:
        yield Sandbox(portal, org, shared, urls.hubspot, urls.salesforce)
