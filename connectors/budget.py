"""How many calls may be made: a sliding window that all threads share, and that others may be using as well."""

from __future__ import annotations

import collections
import heapq
import itertools
import math
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from connectors.clock import Clock

LONGER: Final = 0.03
"""Part of the window by which a place stays taken longer than the server says: calls do not all take the same time to
get there, and one that overtakes another would be one too many."""

SHORTEST_WAIT_S: Final = 0.001
"""Below this a wait is lost in a clock's rounding, and whoever waits would ask again at the same instant."""

EASE: Final = 0.75
"""What is left of the allowance after the server said stop: somebody else is using it too."""

RECOVER: Final = 0.05
"""Part of the allowance that comes back with each window that passes without a stop."""


class PauseTooLong(Exception):
    """The server's wish for a pause goes beyond what the caller is ready to wait."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"a pause of {seconds:.0f} s")
        self.seconds = seconds


class Budget:
    """At most `limit` calls per sliding window of `window_s` seconds, first come, first served. Thread-safe.

    The limit is the most we ever take. Less is taken when the server tells of a lower one, when it counts calls that
    are not ours, and for a while after it said stop.
    """

    def __init__(self, limit: int, window_s: float, clock: Clock) -> None:
        self._limit = limit
        self._window = window_s
        self._clock = clock
        self._free_at = [-math.inf] * limit  # a heap: when each of the window's places is free again
        self._not_before = -math.inf
        self._next_step = -math.inf  # no easing and no recovering before
        self._tickets = itertools.count()
        self._queue: collections.deque[int] = collections.deque()
        self._lock = threading.Lock()

    @property
    def size(self) -> int:
        """Calls per window at present."""
        return len(self._free_at)

    def acquire(self, patience_s: float = math.inf) -> float:
        """Wait for a place in the window and take it; seconds waited.

        Raises PauseTooLong at once when the server asked for more than `patience_s`.
        """
        waited = 0.0
        with self._lock:
            ticket = next(self._tickets)
            self._queue.append(ticket)
        try:
            while (wait := self._take(ticket, patience_s)) > 0:
                self._clock.sleep(wait)
                waited += wait
        except BaseException:
            with self._lock:
                self._queue.remove(ticket)
            raise
        return waited

    def _take(self, ticket: int, patience_s: float) -> float:
        """Take a place when it is this ticket's turn and one is free: 0; else the seconds until it may be so."""
        with self._lock:
            now = self._clock.monotonic()
            if self._not_before - now > patience_s:
                raise PauseTooLong(self._not_before - now)
            self._recover(now)
            ahead = self._queue.index(ticket)
            rounds, place = divmod(ahead, self.size)
            # The n smallest of a heap stand in its first n levels; an allowance may be large, a queue is not.
            turn = heapq.nsmallest(place + 1, self._free_at[: 2 ** (place + 1) - 1])[-1] + rounds * self._window
            wait = max(turn, self._not_before) - now
            if ahead or wait > 0:
                return max(SHORTEST_WAIT_S, wait)
            self._queue.popleft()
            heapq.heapreplace(self._free_at, now + self._window * (1 + LONGER))
            return 0.0

    def pause(self, seconds: float) -> None:
        """Nobody calls for so long, and then fewer: the server, or another app on the same allowance, says stop."""
        with self._lock:
            now = self._clock.monotonic()
            self._not_before = max(self._not_before, now + seconds)
            if now >= self._next_step:  # calls under way at the same time are told to stop as well, and count once
                self._shrink(max(1, int(self.size * EASE)))
            self._next_step = self._not_before + self._window

    def learn(self, *, limit: int | None = None, remaining: int | None = None) -> None:
        """What an answer says: the window's limit, and how much of it is left by the server's own count.

        Our count holds all that the server has counted of us and what is still on its way. So when the server knows
        of less than is left by our count, the difference is taken by somebody else; and when both counts add up to the
        limit, nobody else is there.
        """
        with self._lock:
            if limit is not None and 0 < limit < self._limit:
                self._limit = limit
                self._shrink(limit)
            if remaining is None:
                return
            now = self._clock.monotonic()
            left = sum(moment <= now for moment in self._free_at)
            if limit is not None and remaining + self.size - left >= limit:
                self._grow(self._limit, now)
                return
            for _ in range(left - max(0, remaining)):
                heapq.heapreplace(self._free_at, now + self._window)

    def _shrink(self, size: int) -> None:
        while self.size > size:
            heapq.heappop(self._free_at)

    def _grow(self, size: int, now: float) -> None:
        while self.size < size:
            heapq.heappush(self._free_at, now)

    def _recover(self, now: float) -> None:
        if self.size < self._limit and now >= self._next_step:
            self._grow(min(self._limit, self.size + math.ceil(self._limit * RECOVER)), now)
            self._next_step = now + self._window
