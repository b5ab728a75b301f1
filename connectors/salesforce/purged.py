"""What is gone for good: hard-deleted rows, and rows thrown out of the recycle bin. No query shows them.

Salesforce's log of deletions (getDeleted) names what was deleted in the last 15 days, by whatever way. What it names
and queryAll still shows lies in the bin, or was taken out of it: that is told by `removals`. The rest is gone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import structlog

from connectors.errors import ConnectorError, SplitBatch
from connectors.salesforce import soql
from connectors.salesforce.composite import Part
from connectors.salesforce.errors import CRM, LogCut
from connectors.salesforce.windows import Position

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from connectors.salesforce.client import Client

KEPT: Final = timedelta(days=14)
"""How far back the log is asked; Salesforce gives no more than 15 days, and refuses a start before them."""

EVERY: Final = timedelta(hours=1)
"""How often an object's log is asked for what is new in it."""

WHOLE_EVERY: Final = timedelta(days=1)
"""How often all of it is asked for, since throwing a row out of the bin makes no new entry."""

SHORTEST: Final = timedelta(minutes=2)
"""Salesforce refuses a span of a minute or less, and ignores seconds."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Purged:
    """A row that is nowhere any more, and when it was deleted, as Salesforce writes it."""

    record_id: str
    deleted_at: str


def is_due(position: Position, now: datetime) -> bool:
    """Whether the log is to be asked again. `position` has in `refreshed` when all of it was."""
    return position.until is None or now - position.until >= EVERY


def purged(
    client: Client, positions: Mapping[str, Position], now: datetime, look_back_s: int
) -> Iterator[tuple[str, list[Purged], Position]]:
    """By object the rows that are gone for good since its position, and the position that is true once they are known.

    Rows may be told again. After a pause that is longer than the log, deletions before it stay unknown.
    """
    since = {sobject: _since(sobject, position, now, look_back_s) for sobject, position in positions.items()}
    answers = client.get_together([_part(sobject, start, now) for sobject, start in since.items()])
    for (sobject, start), answer in zip(since.items(), answers, strict=True):
        entries, covered = _entries(client, sobject, start, now, answer)
        position = positions[sobject]
        reached = Position(min(covered, now), refreshed=now if _whole(position, now) else position.refreshed)
        yield sobject, _gone(client, sobject, entries), reached


def _whole(position: Position, now: datetime) -> bool:
    return position.until is None or position.refreshed is None or now - position.refreshed >= WHOLE_EVERY


def _since(sobject: str, position: Position, now: datetime, look_back_s: int) -> datetime:
    oldest = now - KEPT
    if position.until is not None and position.until < oldest:
        log.warning("rows deleted for good before the log of deletions begins are not known", crm=CRM, sobject=sobject)
    if position.until is None or _whole(position, now):
        return oldest
    return max(oldest, position.until - timedelta(seconds=look_back_s))


def _gone(client: Client, sobject: str, entries: Mapping[str, str]) -> list[Purged]:
    shown = {
        row["Id"] for text in soql.by_ids(["Id"], sobject, sorted(entries)) for row in client.rows(text, all_rows=True)
    }
    return [Purged(record_id, at) for record_id, at in entries.items() if record_id not in shown]


def _part(sobject: str, start: datetime, end: datetime) -> Part:
    return Part(f"/sobjects/{sobject}/deleted/", {"start": _moment(start), "end": _moment(end)})


def _entries(
    client: Client, sobject: str, start: datetime, end: datetime, answer: Any = None
) -> tuple[dict[str, str], datetime]:
    """Ids in the log with the time of their deletion, and how far the log can be trusted; `answer` is what is known of
    them already, maybe an error.

    A span with too many entries is halved. Where the log was cut short, by an administrator or because it grew too
    long, what is left of it is found by coming nearer.
    """
    try:
        if answer is None:
            [answer] = client.get_together([_part(sobject, start, end)])
        if isinstance(answer, ConnectorError):
            raise answer
    except LogCut:
        log.warning("the log of deletions does not reach back", crm=CRM, sobject=sobject, start=_moment(start))
        half = (end - start) / 2
        return _entries(client, sobject, end - half, end) if half >= SHORTEST else ({}, end)
    except SplitBatch:
        half = (end - start) / 2
        if half < SHORTEST:
            raise
        older, _ = _entries(client, sobject, start, start + half)
        newer, covered = _entries(client, sobject, start + half, end)
        return older | newer, covered
    covered = datetime.fromisoformat(answer["latestDateCovered"]).astimezone(UTC)
    return dict(_pairs(answer)), covered


def _pairs(answer: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for entry in answer.get("deletedRecords") or []:
        yield str(entry["id"]), str(entry["deletedDate"])


def _moment(when: datetime) -> str:
    return when.astimezone(UTC).isoformat(timespec="seconds")
