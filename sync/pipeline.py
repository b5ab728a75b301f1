"""One run from end to end: pull, identity, score, plan, guards, apply."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from config.model import Model

    from config.settings import Settings
    from connectors.base import Connector
    from connectors.clock import Clock
    from sync.progress import Progress
    from sync.report import Report, RunKind
    from sync.stop import Stop


def run(
    kind: RunKind,
    *,
    settings: Settings,
    model: Model,
    connectors: Mapping[str, Connector],
    clock: Clock,
    progress: Progress | None = None,
    stop: Stop | None = None,
    dry_run: bool = False,
    approve: bool = False,
    limit: int | None = None,
) -> Report:
    """Run once and give the end-of-run record, which is also in the journal.

    ``sync`` pulls what changed; ``backfill`` pulls everything (or goes on where an interrupted one stopped);
    ``rescore`` pulls nothing; ``plan`` pulls what changed and writes nothing. With `dry_run` no write call is
    made. `approve` lets a change pass that is larger than ``writes.guard.max_share``. `limit` sends at most so many
    records per CRM.

    Once the lease is held, everything that ends a run on purpose (errors with an ``exit_code``, a tripped guard, a
    signal) is told by ``report.failure`` and ``report.exit_code``, with the counts so far. Raised: `Busy` when another
    process runs, `StateUnusable` when journal or mirror are of a newer version, and bugs.
    """
    raise NotImplementedError
