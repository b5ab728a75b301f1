"""The organisation's daily calls: what the answers say of them, and how many of them we may use.

Salesforce counts calls over a rolling 24 hours for the whole organisation, all apps together, and says so in the
header ``Sforce-Limit-Info`` of almost every answer.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from connectors.quota import DailyShare

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connectors.clock import Clock

log = structlog.get_logger(__name__)

# Other parts may stand before or behind, such as "; per-app-api-usage=17/250(appName=x)" or "; api-bursts=1/750".
_USAGE = re.compile(r"(?<![\w-])api-usage\s*=\s*(\d+)\s*/\s*(\d+)")


@dataclass(frozen=True, slots=True)
class ApiUsage:
    """Calls of the whole organisation in the last 24 hours, and how many there may be."""

    used: int
    limit: int


def parse_limit_info(header: str) -> ApiUsage | None:
    """What ``Sforce-Limit-Info`` says of the daily calls, in any of its forms; None when it does not."""
    found = _USAGE.search(header)
    return ApiUsage(int(found[1]), int(found[2])) if found else None


class Quota:
    """The organisation's calls as its answers tell of them, and our share of them."""

    def __init__(self, share: float, clock: Clock) -> None:
        self.ours = DailyShare(share, clock, crm="salesforce", setting="salesforce.daily_share")
        self._lock = threading.Lock()
        self.usage: ApiUsage | None = None
        self.unreadable = 0  # answers whose header said nothing that we understand

    def spend(self) -> None:
        """Count one call of ours; raises LimitReached instead when it must not be made."""
        self.ours.spend()

    def note(self, headers: Mapping[str, str]) -> None:
        """Learn from an answer's headers (names in lower case)."""
        header = headers.get("sforce-limit-info")
        if header is None:
            return
        usage = parse_limit_info(header)
        with self._lock:
            if usage is not None:
                self.usage = usage
                self.ours.learn(usage.used, usage.limit)
                return
            self.unreadable += 1
            first = self.unreadable == 1
        if first:
            log.warning("limit header not understood", crm="salesforce", hint="the daily share cannot be watched")
