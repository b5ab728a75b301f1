"""What the journal knows of runs: how each began and ended, its record, and the calls it made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson
from sqlalchemy import delete, func, insert, select, update

from sync.journal import models
from sync.journal.tables import calls, runs

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy import Connection, Select

    from sync.report import Report

_CUT_SHORT: Final = 5
"""The exit code of a run that a limit ended, or the want of an answer."""

_SIGNAL: Final = 128
"""The least exit code of a run that a signal ended."""

_LOOKED_AT: Final = 10_000
"""Runs among which the last good one is looked for: two months of one every ten minutes."""


def begin(
    connection: Connection, *, kind: str, started_at: datetime, holder: str, model_version: str, model: str
) -> int:
    """Note that a run began, with which model (version, and its file); the run's number."""
    models.note(connection, model_version, model, started_at)
    started = insert(runs).values(kind=kind, started_at=started_at, holder=holder, model_version=model_version)
    return int(connection.execute(started.returning(runs.c.run_id)).scalar_one())


def end(connection: Connection, report: Report, ended_at: datetime) -> None:
    """Note how it ended."""
    values = {"ended_at": ended_at, "exit_code": report.exit_code, "report": report.model_dump_json()}
    connection.execute(update(runs).where(runs.c.run_id == report.run_id).values(values))


def last(connection: Connection, count: int) -> list[Mapping[str, Any]]:
    """The last runs, newest first, as rows of `tables.runs`."""
    query = select(runs).order_by(runs.c.run_id.desc()).limit(count)
    return [dict(row) for row in connection.execute(query).mappings()]


def with_report() -> Select[Any]:
    """Start and record of the runs that have one, newest first."""
    query = select(runs.c.started_at, runs.c.report).where(runs.c.report.is_not(None))
    return query.order_by(runs.c.run_id.desc())


def last_success(connection: Connection) -> datetime | None:
    """When a run that reads and writes last ended with 0 or 1; None when none ever did."""
    good = runs.c.exit_code.in_((0, 1)) & runs.c.kind.in_(("sync", "backfill", "reconcile"))
    query = select(runs.c.ended_at, runs.c.report).where(good).order_by(runs.c.run_id.desc()).limit(_LOOKED_AT)
    with connection.execution_options(yield_per=10).execute(query) as result:
        return next((ended_at for ended_at, report in result if not orjson.loads(report)["dry_run"]), None)


def last_end(connection: Connection) -> datetime | None:
    """When a run last ended, on whatever machine."""
    return connection.execute(select(func.max(runs.c.ended_at))).scalar()


def cut_short_since(connection: Connection, run_id: int) -> datetime | None:
    """When the first of the runs began that were all cut short, one after the other, right before this one: killed,
    stopped by a signal, by a limit, or for want of an answer. None when the one before it came to its end.
    """
    codes = runs.c.exit_code
    ended = codes.is_not(None) & (codes != _CUT_SHORT) & (codes < _SIGNAL)
    last_whole = select(func.coalesce(func.max(runs.c.run_id), 0)).where(ended & (runs.c.run_id < run_id))
    between = (runs.c.run_id > last_whole.scalar_subquery()) & (runs.c.run_id < run_id)
    return connection.execute(select(func.min(runs.c.started_at)).where(between)).scalar()


def first(connection: Connection) -> datetime | None:
    """When the first run began that is still known."""
    return connection.execute(select(func.min(runs.c.started_at))).scalar()


def note_calls(connection: Connection, run_id: int, crm: str, count: int, now: datetime) -> None:
    """Note how many calls a run has made to a CRM so far."""
    connection.execute(delete(calls).where((calls.c.run_id == run_id) & (calls.c.crm == crm)))
    connection.execute(insert(calls).values(run_id=run_id, crm=crm, calls=count, noted_at=now))


def calls_since(connection: Connection, crm: str, since: datetime) -> list[tuple[datetime, int]]:
    """Calls of the runs that made some after `since`, each with the time of its last note."""
    query = select(calls.c.noted_at, calls.c.calls).where((calls.c.crm == crm) & (calls.c.noted_at > since))
    return [(at, count) for at, count in connection.execute(query)]
