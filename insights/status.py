"""What the journal knows: last runs, how far each stream is read, who runs now, rows that stand refused.

Only the journal is read, so this answers at once while a run goes on. No line holds a personal value.
"""

from __future__ import annotations

import contextlib
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from config.cron import next_time
from sync.agenda import KINDS
from sync.journal.book import Journal
from sync.lease import holder_of
from sync.report import Report

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from config.settings import Settings
    from connectors.clock import Clock
    from sync.journal.models import Rollback
    from sync.rejects import Which


@dataclass(frozen=True, slots=True)
class RunLine:
    """One run. Without an end it is under way, or its process was killed."""

    run_id: int
    kind: str
    started_at: datetime
    seconds: float | None
    exit_code: int | None
    accepted: int | None
    rejected: int | None
    unchanged: int | None
    model_version: str
    failure: str
    resets_at: datetime | None = None  # when it may go on, where a limit stopped it


@dataclass(frozen=True, slots=True)
class StreamLine:
    """How far one stream is read: rows in all, and how long ago its last batch was stored.

    `slices_left` are the ranges of ids, windows of time or jobs that are still to be read until it is read to its end;
    None when all of it is, from its beginning.
    """

    crm: str
    stream: str
    rows: int
    stored_at: datetime | None  # None while nothing of it is
    lag_s: float | None
    slices_left: int | None


@dataclass(frozen=True, slots=True)
class Status:
    """All of it."""

    runs: list[RunLine] = field(default_factory=list)
    rollback: Rollback | None = None  # the one that holds
    streams: list[StreamLine] = field(default_factory=list)
    running: str | None = None  # who holds the lease, in words
    lease_until: datetime | None = None  # until when, unless it is renewed
    jobs: Mapping[str, int] = field(default_factory=dict)  # jobs that a CRM has taken and whose end nobody has seen
    due: Mapping[str, datetime] = field(default_factory=dict)  # when a daemon runs each of its jobs next
    waits_until: datetime | None = None  # when the last run, which a limit stopped, may go on
    last_success_s: float | None = None  # age of the last sync, backfill or reconcile that ended with 0 or 1
    rejects: Mapping[str, int] = field(default_factory=dict)  # per CRM

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def status(settings: Settings, clock: Clock) -> Status:
    """Where things stand now. Raises StateUnusable when the journal is of a newer version."""
    now = clock.now()
    zone = settings.schedule.zone
    due: dict[str, datetime] = {kind: next_time(getattr(settings.schedule, kind), zone, now) for kind in KINDS}
    with opened_journal(settings) as journal:
        if journal is None:
            return Status(due=due)
        runs = journal.last_runs(10)
        holder = holder_of(journal)
        lines = [_run(row) for row in runs]
        waits_until = lines[0].resets_at if lines else None
        held = None if holder is None or holder[1] < now else holder
        success = journal.last_success()
        return Status(
            runs=lines,
            rollback=journal.rollback(),
            streams=[
                StreamLine(
                    crm=row["crm"],
                    stream=row["stream"],
                    rows=row["rows"],
                    stored_at=row["stored_at"],
                    lag_s=None if row["stored_at"] is None else (now - row["stored_at"]).total_seconds(),
                    slices_left=row["slices_left"],
                )
                for row in journal.cursors()
            ],
            running=None if held is None else str(held[0]),
            lease_until=None if held is None else held[1],
            jobs={crm: count for crm in settings.crms if (count := len(journal.jobs(crm)))},
            due=due,
            waits_until=waits_until if waits_until and waits_until > now else None,
            last_success_s=None if success is None else (now - success).total_seconds(),
            rejects=journal.counts(),
        )


def open_rejects(settings: Settings, which: Which | None = None) -> list[dict[str, Any]]:
    """Rows that stand refused, newest first: where, why, and how often."""
    with opened_journal(settings) as journal:
        if journal is None:
            return []
        return [
            {
                "crm": row["crm"],
                "kind": row["kind"],
                "record_id": row["record_id"],
                "reason": f"{row['code']}: {row['message']}" if row["message"] else row["code"],
                "field": row["field"],
                "attempts": row["attempts"],
                "first_seen": row["first_seen"],
                "last_seen": row["last_seen"],
            }
            for row in journal.rejects()
            if which is None or which.takes(row)
        ]


@contextlib.contextmanager
def opened_journal(settings: Settings) -> Iterator[Journal | None]:
    """The journal, or None while there is none: looking makes no file."""
    store = settings.store
    if store.journal_url is None and not (store.path / "journal.db").exists():
        yield None
        return
    journal = Journal.in_folder(store.path, store.journal_url)
    try:
        yield journal
    finally:
        journal.close()


def _run(row: Mapping[str, Any]) -> RunLine:
    report = Report.model_validate_json(row["report"]) if row["report"] else None

    def total(end: str) -> int | None:
        return None if report is None else sum(getattr(part, end) for part in report.written)

    return RunLine(
        run_id=row["run_id"],
        kind=row["kind"],
        started_at=row["started_at"],
        seconds=None if row["ended_at"] is None else (row["ended_at"] - row["started_at"]).total_seconds(),
        exit_code=row["exit_code"],
        accepted=total("accepted"),
        rejected=total("rejected"),
        unchanged=total("unchanged"),
        model_version=row["model_version"],
        failure="" if report is None or report.failure is None else report.failure.message,
        resets_at=None if report is None or report.failure is None else report.failure.resets_at,
    )
