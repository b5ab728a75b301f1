"""How many calls are let through (section 5 of the rules: A)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sandbox.core import Window
from sandbox.hubspot.errors import rate_limited

if TYPE_CHECKING:
    from datetime import datetime

    from sandbox.core import Shared
    from sandbox.hubspot.portal import Token


class Limits:
    """Calls per ten seconds and app, searches per second and account, calls per day and account.

    The figures are those of a Professional portal and may be changed at any time; `shared.limits` says whether they
    bind. The day ends at midnight of the account's time zone.
    """

    def __init__(self, shared: Shared, utc_offset: timedelta) -> None:
        self.per_10_s = 190  # private app; 250 with the add-on
        self.oauth_per_10_s = 110  # public app
        self.searches_per_s = 5
        self.per_day = 625_000
        self.used_today = 0
        self._shared = shared
        self._offset = utc_offset
        self._day = self._local_day()
        self._last_call = shared.clock.now()
        self._windows: dict[str, Window] = {}

    def spend(self, token: Token, *, search: bool, path: str) -> dict[str, str]:
        """Count one call; the headers that tell what is left. Raises a 429 when it is too much.

        Searches have a budget of their own and no headers.
        """
        self._turn_day()
        if not self._shared.limits:
            self.used_today += 1
            return {}
        window = self._search_window() if search else self._app_window(token)
        self._let_neighbour_call(window, path)
        if self.used_today >= self.per_day:
            raise rate_limited("DAILY", headers={} if search else self._headers(token, window))
        if not window.take():
            raise rate_limited(
                "SECONDLY" if search else "TEN_SECONDLY_ROLLING",
                as_category=search,
                headers={} if search else self._headers(token, window),
            )
        self.used_today += 1
        return {} if search else self._headers(token, window)

    def _let_neighbour_call(self, window: Window, path: str) -> None:
        now, before = self._shared.clock.now(), self._last_call
        self._last_call = now
        neighbour = self._shared.troubles.take("noisy_neighbour", path)
        if neighbour is None:
            return
        calls = int(neighbour.get("calls", window.remaining()))
        if "per_s" in neighbour:
            calls = round((now - before).total_seconds() * float(neighbour["per_s"]))
        window.take(calls)
        self.used_today += calls

    def resets_at(self) -> datetime:
        """When the day's count starts anew: the next local midnight."""
        now = self._shared.clock.now()
        local = now + self._offset
        return now + (local.replace(hour=0, minute=0, second=0, microsecond=0) - local) + timedelta(days=1)

    def _turn_day(self) -> None:
        if (today := self._local_day()) != self._day:
            self._day, self.used_today = today, 0

    def _local_day(self) -> int:
        return (self._shared.clock.now() + self._offset).toordinal()

    def _app_window(self, token: Token) -> Window:
        return self._window(token.app, self.oauth_per_10_s if token.oauth else self.per_10_s, 10)

    def _search_window(self) -> Window:
        return self._window("search", self.searches_per_s, 1)

    def _window(self, name: str, limit: int, seconds: float) -> Window:
        window = self._windows.setdefault(name, Window(limit, seconds, self._shared.clock))
        window.limit = limit
        return window

    def _headers(self, token: Token, window: Window) -> dict[str, str]:
        headers = {
            "X-HubSpot-RateLimit-Max": str(window.limit),
            "X-HubSpot-RateLimit-Remaining": str(max(0, window.remaining())),
            "X-HubSpot-RateLimit-Interval-Milliseconds": "10000",
        }
        if not token.oauth:
            headers["X-HubSpot-RateLimit-Daily"] = str(self.per_day)
            headers["X-HubSpot-RateLimit-Daily-Remaining"] = str(max(0, self.per_day - self.used_today))
        return headers
