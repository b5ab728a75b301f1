"""What a run was asked to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sync.report import RunKind


@dataclass(frozen=True, slots=True)
class Order:
    """The kind of run, and how far it may go. `limit` is the most records that are sent to each CRM."""

    kind: RunKind
    writes: bool
    dry_run: bool = False
    approve: bool = False
    limit: int | None = None
