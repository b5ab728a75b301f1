"""Rows that stand refused: choosing some, and having them sent once more."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sync.stores import open_journal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from config.settings import Settings


@dataclass(frozen=True, slots=True)
class Which:
    """Those that fit all that is given; nothing given, all."""

    crm: str | None = None
    code: str | None = None
    record_ids: tuple[str, ...] = ()

    def takes(self, row: Mapping[str, Any]) -> bool:
        """Whether a row of `tables.rejects` is one of them."""
        return (
            self.crm in {None, row["crm"]}
            and self.code in {None, row["code"]}
            and (not self.record_ids or row["record_id"] in self.record_ids)
        )


def retry(settings: Settings, which: Which) -> int:
    """Forget these refusals, so that the next run sends the rows again; how many there were."""
    with contextlib.closing(open_journal(settings)) as journal:
        return journal.retry(which.takes)
