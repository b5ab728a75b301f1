"""Reading the parts of a stream side by side, in an order that does not depend on which call was the fastest.

A stream is cut into places: ranges of ids, windows of time. Some threads read ahead, each its own place; the results
are handed out in turn, place by place, in chunks. With each chunk goes what is then left of the whole stream: stored
together with the chunk's rows, it is the truth about what has been read, wherever the run is killed.
"""

from __future__ import annotations

import collections
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from connectors.crew import Crew
from connectors.hubspot.client import WORKERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Future

    from connectors.clock import Clock

P = TypeVar("P")

READERS = WORKERS
"""Threads that read; one of them, and calls follow each other in one order."""

AHEAD = 12
"""Chunks read or being read that nobody has taken yet. Those that wait keep the calls going while rows are stored."""

CHUNK = 1_000
"""Objects handed out at a time with what is read along with them: as many as one call for associations takes."""

BARE_CHUNK = 200
"""Objects handed out at a time where nothing is read along with them: what is read ahead is read again after a kill.
Where pages come faster than any portal gives them, as many as came in `CHUNK_S`, up to `CHUNK`: to make rows of many at
a time costs a third less."""

CHUNK_S = 0.1

Objects = list[dict[str, Any]]


class Kept(Protocol):
    """What is kept of pages of objects: the objects themselves in a list, or their `objects.Values`."""

    def __len__(self) -> int:
        """How many objects it has."""
        ...

    def __iadd__(self, more: Any, /) -> Any:
        """Add what was made of another page."""
        ...


class Read(Protocol[P]):
    """Reads a place in small pages; each comes with what is left of the place once the page is stored.

    The last page of a place may leave other places, into which it was split: `hungry` tells whether they are welcome.
    """

    def __call__(self, place: P, hungry: Callable[[], bool], /) -> Iterator[tuple[Objects, Sequence[P]]]:
        """Pages of the place."""
        ...


def _itself(kept: Any) -> Any:
    return kept


@dataclass(frozen=True, slots=True)
class Chunk(Generic[P]):
    """What was made of objects of one place, how many they were, and what is left of the whole stream once it is
    stored.
    """

    made: Any
    count: int
    left: list[P]


@dataclass(slots=True)
class _Part(Generic[P]):
    pages: Iterator[tuple[Objects, Sequence[P]]]
    left: Sequence[P]
    result: Future[tuple[Any, int, Sequence[P], bool]] | None = None


def overlapped(
    clock: Clock,
    places: Sequence[P],
    read: Read[P],
    keep: Callable[[Objects], Kept] = list,
    make: Callable[[Any], Any] = _itself,
    *,
    more: bool = False,
) -> Iterator[Chunk[P]]:
    """Read all `places`. `keep` says what goes into a chunk of each page, `make` what a chunk becomes; with `more`, it
    reads more along with the objects. Both are called in the thread that read the page, when it has just been parsed
    and is still in the cache of that thread's processor.

    Raises what `read` and `make` raise, in its turn: what stands before it in the order is handed out first.
    """
    waiting = collections.deque(places)
    parts: collections.deque[_Part[P]] = collections.deque()
    over = threading.Event()

    def hungry() -> bool:
        return len(parts) + len(waiting) < AHEAD

    def go_on(part: _Part[P]) -> None:
        part.result = crew.submit(lambda: _chunk(part, keep, make, CHUNK if more else BARE_CHUNK, clock, over))
        parts.append(part)

    with Crew(READERS, "hubspot-read", at_first=1) as crew:
        try:
            while parts or waiting:
                while waiting and len(parts) < AHEAD:
                    place = waiting.popleft()
                    go_on(_Part(read(place, hungry), [place]))
                first = parts.popleft()
                assert first.result is not None
                crew.first_of({first.result})
                made, count, first.left, done = first.result.result()
                if done:
                    waiting.extend(first.left)
                else:
                    go_on(first)
                yield Chunk(made, count, [*(place for part in parts for place in part.left), *waiting])
        finally:
            over.set()
            for part in parts:
                if part.result is not None:
                    part.result.cancel()


def _chunk(
    part: _Part[P],
    keep: Callable[[Objects], Kept],
    make: Callable[[Any], Any],
    least: int,
    clock: Clock,
    over: threading.Event,
) -> tuple[Any, int, Sequence[P], bool]:
    """What was made of objects, how many they were, what is left of the part, and whether it was read to its end."""
    kept = keep([])
    left = part.left
    until = clock.monotonic() + CHUNK_S
    for page, left in part.pages:
        kept += keep(page)
        is_full = len(kept) >= CHUNK or (len(kept) >= least and clock.monotonic() >= until)
        if left and (is_full or over.is_set()):
            return make(kept), len(kept), left, False
    return make(kept), len(kept), left, True
