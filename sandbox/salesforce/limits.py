"""The org's allowance of calls: a rolling day, shared with every other app of the org."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.core import Window
from sandbox.salesforce.errors import ApiError

if TYPE_CHECKING:
    from sandbox.core import Shared

DAY_S = 86_400.0
BURST = 750
ROWS_A_BATCH = 10_000


class Limits:
    """Counts calls; refuses them beyond the daily allowance while `shared.limits` is on."""

    def __init__(self, shared: Shared, daily: int = 100_000) -> None:
        self._shared = shared
        self._window = Window(daily, DAY_S, shared.clock)
        self.daily = daily
        self._query_jobs = Window(10_000, DAY_S, shared.clock)
        self._batches = Window(15_000, DAY_S, shared.clock)  # of at most `ROWS_A_BATCH` rows
        self.per_app_header = False  # whether Sforce-Limit-Info carries the longer form

    def set_daily(self, daily: int, used: int = 0) -> None:
        """Give the org another allowance, of which `used` calls are gone."""
        self.daily = daily
        self._window = Window(daily, DAY_S, self._shared.clock)
        for _ in range(used):
            self._window.take()

    @property
    def used(self) -> int:
        """Calls of the last 24 hours."""
        return self.daily - self._window.remaining()

    def spend(self, others: int = 0) -> None:
        """Count one call, after `others` of other apps; raises ApiError when the day's calls are used up."""
        self._window.take(others)
        if not self._window.take() and self._shared.limits:
            raise ApiError(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")

    def spend_query_job(self) -> None:
        """Count one bulk query job; raises ApiError beyond the day's jobs."""
        if not self._query_jobs.take() and self._shared.limits:
            raise ApiError(400, "LIMIT_EXCEEDED", "Max bulk v2 query jobs per rolling 24 hours exceeded")

    def spend_batches(self, rows: int) -> None:
        """Count the batches into which the server cuts an ingest job of so many rows."""
        self._batches.take(-(-rows // ROWS_A_BATCH))

    def refuse_without_batches(self) -> None:
        """Raise ApiError when no batch is left for the day."""
        if not self._batches.remaining() and self._shared.limits:
            raise ApiError(400, "LIMIT_EXCEEDED", "Max batches per rolling 24 hours exceeded")

    def header(self) -> str:
        """The value of Sforce-Limit-Info."""
        text = f"api-usage={self.used}/{self.daily}"
        if self.per_app_header:
            text += f"; api-bursts=1/{BURST}; per-app-api-usage={min(self.used, 250)}/250(appName=Leadgrade)"
        return text

    def as_json(self) -> dict[str, Any]:
        """The limits resource."""
        entries = {
            "DailyApiRequests": (self.daily, self._window.remaining()),
            "DailyBulkApiBatches": (self._batches.limit, self._batches.remaining()),
            "DailyBulkV2QueryJobs": (self._query_jobs.limit, self._query_jobs.remaining()),
            "DailyBulkV2QueryFileStorageMB": (976_562, 976_562),
            "DailyAsyncApexExecutions": (250_000, 250_000),
            "DataStorageMB": (10_240, 9_000),
            "FileStorageMB": (10_240, 9_900),
        }
        return {name: {"Max": most, "Remaining": left} for name, (most, left) in entries.items()}
