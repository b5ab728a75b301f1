"""The account's allowances: what the answers say of them, and how much of the day's we may use.

HubSpot counts 10-second windows per app and days per account, from midnight to midnight of the account's time zone.
Answers to a public app (OAuth) and to searches say nothing of the day.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from connectors.quota import DailyShare

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from connectors.budget import Budget
    from connectors.clock import Clock


def heed(headers: Mapping[str, str], window: Budget) -> None:
    """Tell the budget of the general calls what an answer says of it (names in lower case)."""
    window.learn(
        limit=_number(headers, "x-hubspot-ratelimit-max"), remaining=_number(headers, "x-hubspot-ratelimit-remaining")
    )


class Day:
    """Calls of the account's day. `left` is None where HubSpot does not tell.

    `utc_offset` is the account's, None until it has said who it is; the day is UTC's until then.
    """

    def __init__(self, share: float, clock: Clock) -> None:
        self.ours = DailyShare(share, clock, crm="hubspot", setting="hubspot.daily_share", midnight=self._midnight)
        self.utc_offset: timedelta | None = None
        self.left: int | None = None

    def note(self, headers: Mapping[str, str]) -> None:
        """Learn from an answer's headers (names in lower case)."""
        limit = _number(headers, "x-hubspot-ratelimit-daily")
        left = _number(headers, "x-hubspot-ratelimit-daily-remaining")
        if limit and left is not None:
            self.left = left
            self.ours.learn(limit - left, limit)

    def ends(self, now: datetime) -> datetime | None:
        """When the next day begins; None while nobody knows the account's time zone."""
        return None if self.utc_offset is None else self.ours.resets_at(now)

    def _midnight(self, now: datetime) -> datetime:
        offset = self.utc_offset or timedelta()
        return (now + offset).replace(hour=0, minute=0, second=0, microsecond=0) - offset


def _number(headers: Mapping[str, str], name: str) -> int | None:
    value = headers.get(name, "")
    return int(value) if value.isdigit() else None
