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

P = TypeVar("P")

READERS = WORKERS
"""Threads that read; one of them, and calls follow each other in one order."""

AHEAD = 12
"""Chunks read or being read that nobody has taken yet. Those that wait keep the calls going while rows are stored."""

CHUNK = 1_000
"""Objects handed out at a time with what is read along with them: as many as one call for associations takes."""

BARE_CHUNK = 200
"""Objects handed out at a time where nothing is read along with them: what is read ahead is read again after a kill."""

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


@dataclass(frozen=True, slots=True)
class Chunk(Generic[P]):
    """Objects of one place, what came with them, and what is left of the whole stream once they are stored."""

    objects: Any
    extra: Any
    left: list[P]


@dataclass(slots=True)
class _Part(Generic[P]):
    pages: Iterator[tuple[Objects, Sequence[P]]]
    left: Sequence[P]
    result: Future[tuple[Any, Any, Sequence[P], bool]] | None = None


def overlapped(
    places: Sequence[P],
    read: Read[P],
    extra: Callable[[Any], Any] | None = None,
    keep: Callable[[Objects], Kept] = list,
) -> Iterator[Chunk[P]]:
    """Read all `places`. `keep` says what goes into a chunk of each page, at the time when the page has just been
    parsed and is still in the processor's cache; `extra` is called with each chunk's objects. Both are called in the
    thread that read the page.

    Raises what `read` and `extra` raise, in its turn: what stands before it in the order is handed out first.
    """
    waiting = collections.deque(places)
    parts: collections.deque[_Part[P]] = collections.deque()
    over = threading.Event()

    def hungry() -> bool:
        return len(parts) + len(waiting) < AHEAD

    def go_on(part: _Part[P]) -> None:
        part.result = crew.submit(lambda: _chunk(part, extra, keep, over))
        parts.append(part)

    with Crew(READERS, "hubspot-read") as crew:
        try:
            while parts or waiting:
                while waiting and len(parts) < AHEAD:
                    place = waiting.popleft()
                    go_on(_Part(read(place, hungry), [place]))
                first = parts.popleft()
                assert first.result is not None
                objects, more, first.left, done = first.result.result()
                if done:
                    waiting.extend(first.left)
                else:
                    go_on(first)
                yield Chunk(objects, more, [*(place for part in parts for place in part.left), *waiting])
        finally:
            over.set()
            for part in parts:
                if part.result is not None:
                    part.result.cancel()


def _chunk(
    part: _Part[P], extra: Callable[[Any], Any] | None, keep: Callable[[Objects], Kept], over: threading.Event
) -> tuple[Any, Any, Sequence[P], bool]:
    """Objects, what came with them, what is left of the part, and whether it has been read to its end."""
    objects = keep([])
    left = part.left
    size = BARE_CHUNK if extra is None else CHUNK
    beside = extra or _nothing
    for page, left in part.pages:
        objects += keep(page)
        if left and (len(objects) >= size or over.is_set()):
            return objects, beside(objects), left, False
    return objects, beside(objects), left, True


def _nothing(_: Any) -> None:
    return None
