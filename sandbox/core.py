"""What both servers share: the clock, the journal of calls, the trouble switches, the limits."""

from __future__ import annotations

import collections
import random
import re
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class CutConnection(BaseException):
    """Raised by a handler to drop the connection without an answer, whatever it has already done.

    Not an `Exception`, because the web framework answers every one of those with a status 500.
    """


class SandboxClock:
    """The sandbox's own time: real time plus an offset, or frozen at an instant."""

    def __init__(self, frozen: datetime | None = None) -> None:
        self._frozen = frozen
        self._offset = timedelta()

    def now(self) -> datetime:
        """The present, aware, UTC."""
        base = self._frozen or datetime.now(UTC)  # noqa: TID251 - a server has its own clock
        return base + self._offset

    def advance(self, seconds: float) -> None:
        """Move time on (or back)."""
        self._offset += timedelta(seconds=seconds)


@dataclass(frozen=True, slots=True)
class Call:
    """One call as it arrived, and how it was answered."""

    at: datetime
    crm: str
    method: str
    path: str
    query: str
    headers: Mapping[str, str]  # names in lower case
    body: bytes
    status: int  # 0: the connection ended before a status line

    @property
    def is_write(self) -> bool:
        """Whether the call may change a person's record (searches, reads and logins are POSTs too, yet no writes)."""
        reads = ("/search", "/batch/read", "/oauth", "/services/oauth2", "/jobs/query")
        if self.path.endswith("/composite"):
            return any(method != b"GET" for method in re.findall(rb'"method"\s*:\s*"(\w+)"', self.body))
        return self.method in {"POST", "PUT", "PATCH", "DELETE"} and not any(part in self.path for part in reads)


class CallJournal:
    """Every call, in order of arrival; the oldest fall out beyond `keep` calls or `keep_bytes` of bodies."""

    def __init__(self, keep: int = 100_000, keep_bytes: int = 256 * 1024 * 1024) -> None:
        self._calls: collections.deque[Call] = collections.deque()
        self._keep = keep
        self._keep_bytes = keep_bytes
        self._bytes = 0
        self.counts: collections.Counter[str] = collections.Counter()  # "hubspot 429" -> n

    def add(self, call: Call) -> None:
        """Remember a call."""
        self._calls.append(call)
        self._bytes += len(call.body)
        while len(self._calls) > self._keep or (self._bytes > self._keep_bytes and len(self._calls) > 1):
            self._bytes -= len(self._calls.popleft().body)
        self.counts[f"{call.crm} {call.status}"] += 1

    def __iter__(self) -> Iterator[Call]:
        return iter(list(self._calls))

    def __len__(self) -> int:
        return len(self._calls)

    def writes(self, crm: str | None = None) -> list[Call]:
        """The calls that may have changed something."""
        return [call for call in self if call.is_write and crm in {None, call.crm}]

    def clear(self) -> None:
        """Forget all calls."""
        self._calls.clear()
        self._bytes = 0
        self.counts.clear()


@dataclass(slots=True)
class Trouble:
    """A switch that is on: for the next `times` fitting calls (None: until turned off).

    `match` narrows it to paths that contain the text; `skip` lets so many fitting calls pass first; of those that
    follow it meets each `every`-th, or, by `chance` (0 to 1), some. `settings` are the switch's own, such as
    ``seconds`` or ``ids``.
    """

    name: str
    times: int | None = 1
    match: str = ""
    skip: int = 0
    every: int = 1
    chance: float = 1.0
    passed: int = 0  # fitting calls since it was last met
    settings: dict[str, Any] = field(default_factory=dict)


class Troubles:
    """The switches that are on. Handlers ask `take(name, path)`. What is left to chance follows from `seed`."""

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)
        self._on: list[Trouble] = []
        self._lock = threading.Lock()

    def set(
        self,
        name: str,
        *,
        times: int | None = 1,
        match: str = "",
        skip: int = 0,
        every: int = 1,
        chance: float = 1.0,
        **settings: Any,
    ) -> None:
        """Turn a switch on."""
        with self._lock:
            self._on.append(Trouble(name, times, match, skip, every, chance, settings=settings))

    def take(self, name: str, path: str = "") -> dict[str, Any] | None:
        """The switch's settings when it is on and fits (counting it down), else None."""
        with self._lock:
            for trouble in self._on:
                if trouble.name != name or trouble.match not in path:
                    continue
                if not self._is_met(trouble):
                    return None
                if trouble.times is not None:
                    trouble.times -= 1
                    if trouble.times <= 0:
                        self._on.remove(trouble)
                return trouble.settings
        return None

    def _is_met(self, trouble: Trouble) -> bool:
        if trouble.skip > 0:
            trouble.skip -= 1
            return False
        trouble.passed += 1
        if trouble.passed < trouble.every or (trouble.chance < 1 and self._random.random() >= trouble.chance):
            return False
        trouble.passed = 0
        return True

    def clear(self, name: str | None = None) -> None:
        """Turn one switch, or all, off."""
        with self._lock:
            self._on = [] if name is None else [trouble for trouble in self._on if trouble.name != name]

    def names(self) -> list[str]:
        """The switches that are on."""
        with self._lock:
            return [trouble.name for trouble in self._on]


class Window:
    """At most `limit` calls per sliding window; `take` says whether one more fits."""

    def __init__(self, limit: int, seconds: float, clock: SandboxClock) -> None:
        self.limit = limit
        self.seconds = seconds
        self._clock = clock
        self._calls: collections.deque[datetime] = collections.deque()

    def take(self, calls: int = 1) -> bool:
        """Count one call, or so many as fit of several; False when the window is full."""
        self._expire()
        fitting = max(0, min(calls, self.limit - len(self._calls)))
        self._calls.extend([self._clock.now()] * fitting)
        return fitting > 0

    def remaining(self) -> int:
        """Calls left in the window."""
        self._expire()
        return self.limit - len(self._calls)

    def _expire(self) -> None:
        oldest = self._clock.now() - timedelta(seconds=self.seconds)
        while self._calls and self._calls[0] <= oldest:
            self._calls.popleft()


@dataclass(slots=True)
class Shared:
    """What a server is given: time, chance, the journal, the switches and whether limits bind."""

    clock: SandboxClock = field(default_factory=SandboxClock)
    random: random.Random = field(default_factory=lambda: random.Random(0))
    journal: CallJournal = field(default_factory=CallJournal)
    troubles: Troubles = field(default_factory=Troubles)
    limits: bool = True
    latency_s: float = 0.0
    commit_delay_s: float = 0.0  # how long a change may stay invisible to searches and queries
