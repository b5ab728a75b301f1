"""What every part of a run needs at hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from connectors.base import Connector
    from connectors.clock import Clock
    from sync.journal.book import Journal
    from sync.lease import Lease
    from sync.mirror.store import Mirror
    from sync.progress import Progress
    from sync.stop import Stop


@dataclass(frozen=True, slots=True)
class Session:
    """The two stores, the lease that lets us use them, the time, the wish to stop, and who watches."""

    mirror: Mirror
    journal: Journal
    lease: Lease
    clock: Clock
    stop: Stop
    progress: Progress
    run_id: int = 0  # known once the run is noted
    stage_order: tuple[str, ...] = ()  # of the model's lifecycle

    def checkpoint(self) -> None:
        """Between two pieces of work: raises `Stopped` when a signal asked for the end, `LeaseLost`."""
        self.stop.check()
        self.lease.renew()

    def note_calls(self, connector: Connector) -> None:
        """Beside what was just stored: calls made so far, which a killed run must not take with it."""
        self.journal.note_calls(self.run_id, connector.crm, connector.usage().calls, self.clock.now())
