"""The account's daily calls: how many of them we may use, counted over all runs of a day."""

from __future__ import annotations

import collections
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from connectors.errors import LimitReached

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from connectors.clock import Clock

DAY: Final = timedelta(hours=24)
RESERVE: Final = 0.1
"""Part of the account's calls that is left to people and other apps, unless our share reaches into it."""

GRAIN_S: Final = 60
"""Calls are counted by the minute: a day of them fits in a few kilobytes."""


class DailyShare:
    """Stops early: at our share of the account's daily calls, or when the whole account is about to run out.

    `midnight` gives the beginning of the day that a time lies in; without it the day is the last 24 hours, rolling.
    Nothing is refused before `learn` was told the account's limit. Thread-safe.
    """

    def __init__(
        self,
        share: float,
        clock: Clock,
        *,
        crm: str,
        setting: str,
        midnight: Callable[[datetime], datetime] | None = None,
    ) -> None:
        self._share = share
        self._reserve = min(RESERVE, 1.0 - share)
        self._clock = clock
        self._crm = crm
        self._setting = setting
        self._midnight = midnight
        self._own: collections.deque[tuple[datetime, int]] = collections.deque()  # oldest first
        self._account: tuple[datetime, int, int] | None = None  # the server's last word: when, used, allowed
        self._lock = threading.Lock()

    def count_in(self, earlier: Iterable[tuple[datetime, int]]) -> None:
        """Calls that earlier runs made, with their times: they are part of the day's count too."""
        with self._lock:
            self._own = collections.deque(sorted([*self._own, *earlier]))

    def learn(self, used: int, limit: int) -> None:
        """What the server says of today: calls of all apps together, and how many there may be."""
        with self._lock:
            self._account = self._clock.now(), used, limit

    def spend(self) -> None:
        """Count one call of ours; raises LimitReached instead when it must not be made."""
        with self._lock:
            now = self._clock.now()
            began = self._midnight(now) if self._midnight else now - DAY
            while self._own and self._own[0][0] <= began:
                self._own.popleft()
            if self._account is not None:
                told_at, used, limit = self._account
                self._refuse_beyond(used if told_at > began else 0, limit, now)
            if self._own and (now - self._own[-1][0]).total_seconds() < GRAIN_S:
                at, calls = self._own.pop()
                self._own.append((at, calls + 1))
            else:
                self._own.append((now, 1))

    def resets_at(self, now: datetime) -> datetime:
        """When our share is whole again, or begins to be."""
        if self._midnight:
            return self._midnight(self._midnight(now) + 1.5 * DAY)
        return (self._own[0][0] if self._own else now) + DAY

    def _refuse_beyond(self, used: int, limit: int, now: datetime) -> None:
        own, allowed = sum(calls for _, calls in self._own), int(self._share * limit)
        if own >= allowed:
            raise LimitReached(
                f"our share of the account's daily calls is used up ({own} of {allowed}).",
                crm=self._crm,
                remedy=f"State is saved; run again later, or raise {self._setting}.",
                resets_at=self.resets_at(now),
            )
        if used >= limit - int(self._reserve * limit):
            # The account may recover at any time, and only a new answer could tell: let the next run ask.
            self._account = None
            raise LimitReached(
                f"{used} of the account's {limit} daily calls are used; the rest is left to others.",
                crm=self._crm,
                remedy="State is saved; run again later, or find out which app uses so many.",
                resets_at=self.resets_at(now) if self._midnight else now + DAY,
            )
