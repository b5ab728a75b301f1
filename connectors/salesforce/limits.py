"""The organisation's daily calls: what the answers say of them, and how many of them we may use.

Salesforce counts calls over a rolling 24 hours for the whole organisation, all apps together, and says so in the
header ``Sforce-Limit-Info`` of almost every answer.
"""

from __future__ import annotations

import collections
import re
import threading
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import structlog

from connectors.errors import LimitReached

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from connectors.clock import Clock

log = structlog.get_logger(__name__)

DAY: Final = timedelta(hours=24)
RESERVE: Final = 0.1
"""Part of the organisation's calls that is left to people and other apps, unless our share reaches into it."""

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
    """Stops early: at our share of the daily calls, or when the whole organisation is about to run out."""

    def __init__(self, share: float, clock: Clock) -> None:
        self._share = share
        self._reserve = min(RESERVE, 1.0 - share)
        self._clock = clock
        self._own: collections.deque[datetime] = collections.deque()
        self._lock = threading.Lock()
        self.usage: ApiUsage | None = None
        self.unreadable = 0  # answers whose header said nothing that we understand

    def spend(self) -> None:
        """Count one call of ours; raises LimitReached instead when it must not be made."""
        with self._lock:
            now = self._clock.now()
            while self._own and self._own[0] <= now - DAY:
                self._own.popleft()
            if self.usage is not None:
                self._refuse_beyond(self.usage, now)
            self._own.append(now)

    def _refuse_beyond(self, usage: ApiUsage, now: datetime) -> None:
        allowed = int(self._share * usage.limit)
        if len(self._own) >= allowed:
            oldest = self._own[0] if self._own else now
            raise LimitReached(
                f"our share of the organisation's daily calls is used up ({len(self._own)} of {allowed}).",
                crm="salesforce",
                remedy="State is saved; run again later, or raise salesforce.daily_share.",
                resets_at=oldest + DAY,
            )
        if usage.used >= usage.limit - int(self._reserve * usage.limit):
            # The organisation may recover at any time, and only a new answer could tell: let the next run ask.
            self.usage = None
            raise LimitReached(
                f"the organisation has used {usage.used} of its {usage.limit} daily calls; the rest is left to others.",
                crm="salesforce",
                remedy="State is saved; run again later, or find out which app uses so many.",
                resets_at=now + DAY,
            )

    def note(self, headers: Mapping[str, str]) -> None:
        """Learn from an answer's headers (names in lower case)."""
        header = headers.get("sforce-limit-info")
        if header is None:
            return
        usage = parse_limit_info(header)
        with self._lock:
            if usage is not None:
                self.usage = usage
                return
            self.unreadable += 1
            first = self.unreadable == 1
        if first:
            log.warning("limit header not understood", crm="salesforce", hint="the daily share cannot be watched")
