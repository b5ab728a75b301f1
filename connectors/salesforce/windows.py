"""Windows of change time, and the cursor that says how far a stream has been read.

SystemModstamp is the one stamp that every change moves. Windows are half-open, so that a stamp on an edge belongs to
exactly one of them; reads overlap, because a change gets its stamp before it can be seen.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

import orjson

from connectors.errors import ConfigProblem
from connectors.salesforce import soql

STAMP: Final = "SystemModstamp"
BEGINNING: Final = datetime(1999, 1, 1, tzinfo=UTC)
"""No Salesforce record is older than Salesforce."""

_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Window:
    """Changes stamped from `start` (inclusive) to `end` (exclusive), whole seconds."""

    start: datetime
    end: datetime

    def conditions(self) -> list[str]:
        """The window in SOQL."""
        return [f"{STAMP} >= {soql.moment(self.start)}", f"{STAMP} < {soql.moment(self.end)}"]

    def halves(self) -> tuple[Window, Window] | None:
        """Older and newer half, without a gap; None when a second cannot be halved."""
        seconds = int((self.end - self.start).total_seconds()) // 2
        if seconds < 1:
            return None
        middle = self.start + timedelta(seconds=seconds)
        return Window(self.start, middle), Window(middle, self.end)


@dataclass(frozen=True, slots=True)
class Position:
    """How far one object has been read: all changes stamped before `until`, as far as they could be seen.

    A Bulk job's result pages are stable while the job lives, so that `job`, `locator` (of the next page) and `end`
    (of the job's window) let another process go on in the middle of a window. `mark` stands for what was
    read of each row: when something else is read, the rows of before must be read again. `refreshed` is when
    all rows were last begun anew, kept for objects with formula fields.
    """

    until: datetime | None = None
    job: str = ""
    locator: str = ""
    end: datetime | None = None
    mark: str = ""
    refreshed: datetime | None = None

    def advanced(self, until: datetime) -> Position:
        """The position once everything before `until` is read; it never goes back."""
        return Position(max(until, self.until or until), mark=self.mark, refreshed=self.refreshed)

    def inside(self, job: str, locator: str, end: datetime) -> Position:
        """The position in the middle of a Bulk job's results."""
        return replace(self, job=job, locator=locator, end=end)


def next_window(position: Position, now: datetime, look_back_s: int) -> Window:
    """What to read next: from a little before the last end, through the second in which the pull began.

    `now` is the server's time at that moment. The second itself is not over yet: it is read, but see `reached`.
    """
    end = now.replace(microsecond=0) + timedelta(seconds=1)
    if position.until is None:
        return Window(BEGINNING, end)
    return Window(min(position.until - timedelta(seconds=look_back_s), end - timedelta(seconds=1)), end)


def reached(end: datetime, now: datetime) -> datetime:
    """How far a cursor may move once everything before `end` is read: never into the second of the pull's beginning."""
    return min(end, now.replace(microsecond=0))


def dump(positions: dict[str, Position]) -> str:
    """The cursor text of a stream: the position of each object it reads."""
    parts = {}
    for name, position in positions.items():
        part = {"until": soql.moment(position.until) if position.until else None, "mark": position.mark}
        if position.refreshed:
            part["refreshed"] = soql.moment(position.refreshed)
        if position.job:
            part |= {"job": position.job, "locator": position.locator, "end": soql.moment(position.end or BEGINNING)}
        parts[name] = part
    return orjson.dumps({f"v{_VERSION}": parts}).decode()


def load(cursor: str | None, stream: str) -> dict[str, Position]:
    """The positions in a cursor text; none for a first read. Raises ConfigProblem for a text that is not ours."""
    if cursor is None:
        return {}
    try:
        document = orjson.loads(cursor)
        parts = document[f"v{_VERSION}"]
        return {name: _position(part) for name, part in parts.items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ConfigProblem(
            f"the cursor of stream {stream} cannot be read.",
            crm="salesforce",
            remedy="Remove the mirror file; the next run pulls everything anew.",
        ) from None


def _position(part: dict[str, str | None]) -> Position:
    def time(name: str) -> datetime | None:
        text = part.get(name)
        return datetime.fromisoformat(text) if text else None

    def text(name: str) -> str:
        return part.get(name) or ""

    return Position(time("until"), text("job"), text("locator"), time("end"), text("mark"), time("refreshed"))
