"""Keys in the order of their stamps: the index behind "what changed since" in both CRMs."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from _typeshed import SupportsRichComparison

Stamp = TypeVar("Stamp", bound="SupportsRichComparison")
Key = TypeVar("Key", bound="SupportsRichComparison")


class ByStamp(Generic[Stamp, Key]):
    """Keys by stamp, then by key. A stamp later than all others is added at once; others wait for the next reading.

    An entry whose key has moved on is skipped when read, and swept out when such entries are the majority.
    """

    def __init__(self) -> None:
        self._stamps: dict[Key, Stamp] = {}  # now in force
        self._entries: list[tuple[Stamp, Key]] = []  # in order; some are history
        self._late: list[tuple[Stamp, Key]] = []  # in none

    def put(self, key: Key, stamp: Stamp) -> None:
        """Give a key its stamp, in place of the one it had."""
        if self._stamps.get(key) == stamp:
            return
        self._stamps[key] = stamp
        entry = (stamp, key)
        if not self._entries or entry > self._entries[-1]:
            self._entries.append(entry)
        else:
            self._late.append(entry)
        if len(self._entries) + len(self._late) > 2 * len(self._stamps) + 100:
            self._settle()

    def drop(self, key: Key) -> None:
        """Forget a key, if it is there."""
        self._stamps.pop(key, None)

    def between(self, low: Stamp, high: Stamp) -> list[Key]:
        """Keys with low <= stamp < high, the oldest stamp first."""
        if self._late:
            self._settle()
        start = bisect_left(self._entries, low, key=lambda entry: entry[0])
        end = bisect_left(self._entries, high, key=lambda entry: entry[0])
        stamps = self._stamps
        return [key for stamp, key in self._entries[start:end] if stamps.get(key) == stamp]

    def _settle(self) -> None:
        merged = dict.fromkeys(sorted([*self._entries, *sorted(self._late)]))  # two runs, merged in one go
        self._entries = [(stamp, key) for stamp, key in merged if self._stamps.get(key) == stamp]
        self._late = []
