"""Windows of time and the cursor that remembers how far a stream has been read. Pure.

HubSpot counts in milliseconds since 1970, so these do too. Windows are half-open everywhere: a record on an edge
belongs to exactly one of two neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from connectors.errors import ConfigProblem

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_ms(at: datetime) -> int:
    """Whole milliseconds since 1970; what is finer is dropped, as HubSpot drops it."""
    return (at - EPOCH) // timedelta(milliseconds=1)


def from_ms(ms: int) -> datetime:
    """The instant, aware, UTC."""
    return EPOCH + timedelta(milliseconds=ms)


@dataclass(frozen=True, slots=True)
class Window:
    """The milliseconds from `start` up to, not including, `end`.

    One that is read in order of ids goes on behind the id `after`; `seen` objects were read up to there.
    """

    start: int
    end: int
    after: str | None = None
    seen: int = 0

    @property
    def splittable(self) -> bool:
        """Whether it is longer than the one millisecond that cannot be halved."""
        return self.end - self.start > 1

    def split(self, parts: int) -> list[Window]:
        """As many neighbouring windows, nearly as long as each other; fewer when there are not enough milliseconds."""
        return slices(self.start, self.end, max(1, -(-(self.end - self.start) // parts)))

    def holds(self, ms: int) -> bool:
        """Whether the millisecond lies in it."""
        return self.start <= ms < self.end


def slices(start: int, end: int, length: int) -> list[Window]:
    """Neighbouring windows of at most `length` that cover [start, end)."""
    return [Window(at, min(end, at + length)) for at in range(start, end, length)]


@dataclass(frozen=True, slots=True)
class Range:
    """The part of a list from page token `after` (its beginning without one) up to, not including, the id `end`."""

    after: str | None = None
    end: int | None = None


class Cursor(BaseModel):
    """How far a stream has been read. Kept as JSON text; nobody else understands it.

    `since`: whatever changed before is read (while `listing`, once the listing is through). `upto` is the end of the
    run that is under way. `ranges` of a listing and `windows` of an increment are what is still to be read of it; a run
    that has just begun names none. `after` is a page token of a list that is read from its beginning to its end,
    `part` the object type or form being read, where a stream has several.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    v: Literal[1] = 1
    since: int
    listing: bool = False
    upto: int | None = None
    ranges: tuple[Range, ...] = ()
    windows: tuple[Window, ...] = ()
    after: str | None = None
    part: str | None = None
    window_end: int | None = None  # as the first version wrote it, which read [since, upto) window by window

    @property
    def slices_left(self) -> int:
        """How many ranges or windows are still to be read to their end."""
        return len(self.ranges) + len(self.windows)

    def text(self) -> str:
        """As it is stored."""
        return self.model_dump_json(exclude_defaults=True)


def read_cursor(text: str) -> Cursor:
    """The cursor in stored text. Raises ConfigProblem when it is not one of ours."""
    try:
        return Cursor.model_validate_json(text)
    except ValidationError:
        raise ConfigProblem(
            "a stored cursor cannot be read; it was written by another version or damaged.",
            crm="hubspot",
            remedy="Remove the mirror file: the next run reads everything anew.",
        ) from None


def due(since: int, server_now: datetime, settle_s: int) -> Window:
    """What an incremental run reads: up to `settle_s` before the server's clock, when changes are surely searchable."""
    return Window(since, max(since, to_ms(server_now) - settle_s * 1000))
