"""Has both CRMs make the fields that we write. Whoever writes to a CRM holds the lease, so this does too."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from connectors.registry import confirm_account
from scoring.facts import fields_of
from sync import lease
from sync.stores import open_journal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from config.model import Model
    from config.settings import Settings
    from connectors.base import Connector, Provisioned
    from connectors.clock import Clock


def provision(
    settings: Settings,
    model: Model,
    connectors: Mapping[str, Connector],
    clock: Clock,
    *,
    dry_run: bool = False,
) -> dict[str, list[Provisioned]]:
    """What of the fields that the model writes is there, and what was made, per CRM. Repeatable.

    A dry run only says what would be made, and needs no lease. Raises `Busy` while a run is under way, `LeaseLost`,
    ConfigProblem when an account is another than the pinned one or a field is not ours; all accounts are confirmed
    before anything is made in one of them.
    """
    with contextlib.nullcontext() if dry_run else _as_holder(settings, connectors, clock):
        for connector in connectors.values():
            confirm_account(settings, connector.identify())
        fields = fields_of(model)
        return {crm: connector.provision(fields, dry_run=dry_run) for crm, connector in connectors.items()}


@contextlib.contextmanager
def _as_holder(settings: Settings, connectors: Mapping[str, Connector], clock: Clock) -> Iterator[None]:
    with (
        contextlib.closing(open_journal(settings)) as journal,
        lease.held(journal, clock) as held,
        lease.before_each_call(held, connectors),
    ):
        yield
