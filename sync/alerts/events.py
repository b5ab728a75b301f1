"""What alerts tell, as plain data. No event holds a personal value: people are named by their records' ids."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import orjson

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sync.daemon import Ended

VERSION: Final = 1
"""Of the shape of events; raised when a field changes its meaning or goes."""

FAILED: Final = "runs.failed"
STALE: Final = "runs.stale"
RECOVERED: Final = "runs.recovered"
STUCK: Final = "run.stuck"
MOVING: Final = "run.moving"
CROSSED: Final = "people.crossed"

EVENTS: Final = {
    FAILED: "A run ended with an error that somebody must mend: exit code 2, 3, 4 or 70.",
    STALE: "No run has succeeded for `alerts.stale_after_min` minutes.",
    RECOVERED: "A run succeeded again, after either of these.",
    STUCK: "A run has made no progress for `health.stuck_after_min` minutes.",
    MOVING: "It moves again, or is over.",
    CROSSED: "People rose to a stage.",
}
"""Event -> when it is sent."""

MENDED_BY_PEOPLE: Final = frozenset({2, 3, 4, 70})
"""Exit codes that no waiting ends. Limits and CRMs that cannot be reached are told of when runs stay away too long."""


@dataclass(frozen=True, slots=True)
class Event:
    """One piece of news. `subject` is what it goes on about; `text` is a line for people, `data` for programs."""

    event_id: str  # unique, and the same at every attempt
    subject: str  # runs, movement or crossings
    event: str  # a key of EVENTS
    at: datetime
    text: str
    data: dict[str, Any] = field(default_factory=dict)

    def body(self) -> bytes:
        """As JSON, the same bytes on every channel and at every attempt."""
        body = {"version": VERSION, "id": self.event_id, "event": self.event, "at": self.at, "text": self.text}
        return orjson.dumps(body | {"data": self.data})


def failed(ended: Ended) -> Event:
    """A run ended with an error that somebody must mend."""
    data = {"kind": ended.kind, "exit_code": ended.exit_code, "run_id": ended.report.run_id if ended.report else None}
    return _runs(FAILED, ended.at, f"Leadgrade: {ended.kind} ended with {ended.exit_code}. {ended.why}", data)


def stale(now: datetime, last: datetime | None) -> Event:
    """No run has succeeded since `last`."""
    since = "ever" if last is None else f"since {last:%Y-%m-%d %H:%M} UTC"
    return _runs(STALE, now, f"Leadgrade: no run has succeeded {since}.", {"last_success": last})


def recovered(now: datetime) -> Event:
    """A run succeeded again."""
    return _runs(RECOVERED, now, "Leadgrade: runs succeed again.", {})


def stuck(now: datetime, kind: str, still_s: float) -> Event:
    """A run makes no progress."""
    text = f"Leadgrade: the {kind} under way has made no progress for {still_s / 60:.0f} minutes."
    return Event(_id(STUCK, now), "movement", STUCK, now, text, {"kind": kind, "still_s": round(still_s)})


def moving(now: datetime) -> Event:
    """It does again."""
    return Event(_id(MOVING, now), "movement", MOVING, now, "Leadgrade: runs make progress again.")


def crossed(now: datetime, people: Sequence[dict[str, Any]], *, first: int, last: int) -> Event:
    """People rose to a stage; `first` and `last` are the numbers of their edges."""
    stages = ", ".join(sorted({str(each["to_stage"]) for each in people}))
    text = f"Leadgrade: {len(people)} records rose to {stages}."
    return Event(f"crossings-{first}-{last}", "crossings", CROSSED, now, text, {"people": list(people)})


def _runs(event: str, at: datetime, text: str, data: dict[str, Any]) -> Event:
    return Event(_id(event, at), "runs", event, at, text, data)


def _id(event: str, at: datetime) -> str:
    return f"{event}-{at:%Y%m%dT%H%M%S}"
