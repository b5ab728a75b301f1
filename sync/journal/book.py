"""`Journal`: what a run notes down, and what the next run, `status` and `rejects` ask."""

from __future__ import annotations

import contextlib
import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson
from sqlalchemy import URL, delete, func, insert, select, update
from sqlalchemy.exc import DatabaseError

from sync import folder as state_folder
from sync.errors import StateUnusable, SyncError
from sync.journal import cursors, erasures, migrations, models, stages, tables
from sync.journal.database import engine_for, name_of, sweep
from sync.journal.rows import by_id, forget
from sync.lease import pass_fence

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from sqlalchemy import Connection, Engine, Result, Select

    from sync.journal.cursors import Stored
    from sync.journal.erasures import Person, Tombstones
    from sync.journal.models import Rollback
    from sync.journal.stages import Given
    from sync.report import Report

_CHUNK: Final = 10_000
_REPORTS: Final = 20


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that the CRM refused, and with which values."""

    kind: str
    record_id: str
    field: str
    code: str
    message: str
    values_hash: str


class Journal:
    """The book at a SQLAlchemy URL; made and brought up to date on first use.

    Raises `StateUnusable` when it cannot be opened, is no journal, or is of a newer version; and like every method
    `JournalAway` when the database does not answer, `JournalBusy` when somebody else keeps it locked.
    """

    def __init__(self, url: str | URL) -> None:
        self.engine: Engine = engine_for(url)
        self._reading = self.engine.execution_options(reading=True)
        self.fence: int | None = None  # of the lease's holder whose notes these are
        try:
            migrations.migrate(self.engine)
        except DatabaseError as error:
            self.close()
            raise StateUnusable(
                f"The journal {name_of(self.engine)} cannot be used: {str(error.orig).splitlines()[0]}.",
                remedy="Check store.path and store.journal_url.",
            ) from error
        except SyncError:
            self.close()
            raise

    @classmethod
    def in_folder(cls, folder: Path, url: str | None = None) -> Journal:
        """The journal at `url`, or by default in a SQLite file in `folder`."""
        if url:
            return cls(url)
        state_folder.ensure(folder)
        return cls(URL.create("sqlite", database=str(folder / "journal.db")))

    def close(self) -> None:
        """Give back connections."""
        self.engine.dispose()

    def under(self, fence: int) -> Journal:
        """The same book in the hands of the lease's holder with this `fence`.

        What it notes of records, streams and jobs is refused (`LeaseLost`) once there is a later holder.
        """
        held = copy.copy(self)
        held.fence = fence
        return held

    @contextlib.contextmanager
    def noting(self) -> Iterator[Connection]:
        """A transaction that a holder of an older fence cannot commit."""
        with self.engine.begin() as connection:
            if self.fence is not None:
                pass_fence(connection, self.fence)
            yield connection

    def begin_run(self, *, kind: str, started_at: datetime, holder: str, model_version: str, model: str) -> int:
        """Note that a run began, with which model (version, and its file); the run's number."""
        with self.engine.begin() as connection:
            models.note(connection, model_version, model, started_at)
            started = insert(tables.runs).values(
                kind=kind, started_at=started_at, holder=holder, model_version=model_version
            )
            return int(connection.execute(started.returning(tables.runs.c.run_id)).scalar_one())

    def model_since(self, version: str) -> datetime | None:
        """When this version of the model was first used; None when there was no other before it."""
        used = tables.model_versions.c
        with self._reading.connect() as connection:
            since = connection.execute(select(used.first_used_at).where(used.version == version)).scalar()
            earlier = connection.execute(select(func.min(used.first_used_at))).scalar()
        return since if since is not None and earlier is not None and earlier < since else None

    def models(self) -> list[Mapping[str, Any]]:
        """Versions of the model that runs have used, newest first: version, first_used_at, last_used_at, runs."""
        with self._reading.connect() as connection:
            return models.used(connection)

    def model_file(self, version: str) -> str:
        """The file of a version that was used."""
        with self._reading.connect() as connection:
            return models.file_of(connection, version)

    def rollback(self) -> Rollback | None:
        """The rollback that holds."""
        with self._reading.connect() as connection:
            return models.standing(connection)

    def begin_rollback(self, to_version: str, from_version: str, now: datetime) -> None:
        """From now on runs use another version than the file's."""
        with self.engine.begin() as connection:
            models.begin(connection, to_version, from_version, now)

    def end_rollback(self, now: datetime) -> None:
        """From now on runs use the file's version."""
        with self.engine.begin() as connection:
            models.end(connection, now)

    def end_run(self, report: Report, ended_at: datetime) -> None:
        """Note how it ended."""
        with self.engine.begin() as connection:
            connection.execute(
                update(tables.runs)
                .where(tables.runs.c.run_id == report.run_id)
                .values(ended_at=ended_at, exit_code=report.exit_code, report=report.model_dump_json())
            )

    def last_runs(self, count: int = 10) -> list[Mapping[str, Any]]:
        """The last runs, newest first, as rows of `tables.runs`."""
        with self._reading.connect() as connection:
            query = select(tables.runs).order_by(tables.runs.c.run_id.desc()).limit(count)
            return [dict(row) for row in connection.execute(query).mappings()]

    def reports(self) -> Iterator[tuple[datetime, dict[str, Any]]]:
        """Start and record of the runs that have one, newest first; the record as JSON's plain data."""
        query = select(tables.runs.c.started_at, tables.runs.c.report).where(tables.runs.c.report.is_not(None))
        for row in self._rows(query.order_by(tables.runs.c.run_id.desc()), _REPORTS):
            yield row["started_at"], orjson.loads(row["report"])

    def accounts(self) -> dict[str, str]:
        """CRM -> account of the last run that told."""
        told: dict[str, str] = next((report["accounts"] for _, report in self.reports() if report.get("accounts")), {})
        return told

    def last_success(self) -> datetime | None:
        """When a run that reads and writes last ended with 0 or 1; None when none ever did."""
        runs = tables.runs.c
        good = runs.exit_code.in_((0, 1)) & runs.kind.in_(("sync", "backfill", "reconcile"))
        query = select(runs.ended_at, runs.report).where(good).order_by(runs.run_id.desc()).limit(_CHUNK)
        with self._reading.connect() as connection:
            for ended_at, report in connection.execution_options(yield_per=10).execute(query):
                if not orjson.loads(report)["dry_run"]:
                    return ended_at  # type: ignore[no-any-return] # a column of times
        return None

    def first_run(self) -> datetime | None:
        """When a run first began."""
        with self._reading.connect() as connection:
            return connection.execute(select(func.min(tables.runs.c.started_at))).scalar()

    def note_calls(self, run_id: int, crm: str, calls: int, now: datetime) -> None:
        """Note how many calls a run has made to a CRM so far."""
        here = (tables.calls.c.run_id == run_id) & (tables.calls.c.crm == crm)
        with self.engine.begin() as connection:
            connection.execute(delete(tables.calls).where(here))
            connection.execute(insert(tables.calls).values(run_id=run_id, crm=crm, calls=calls, noted_at=now))

    def calls_since(self, crm: str, since: datetime) -> list[tuple[datetime, int]]:
        """Calls of the runs that made some after `since`, each with the time of its last note."""
        noted = tables.calls.c
        query = select(noted.noted_at, noted.calls).where((noted.crm == crm) & (noted.noted_at > since))
        with self._reading.connect() as connection:
            return [(at, calls) for at, calls in connection.execute(query)]

    def expect_streams(self, crm: str, streams: Sequence[str], now: datetime) -> None:
        """Note streams that are about to be read from their beginning, instead of those expected before."""
        with self.noting() as connection:
            cursors.expect(connection, crm, streams, now)

    def copy_cursors(
        self, crm: str, stored: Iterable[Stored], stored_at: datetime, *, ended: Iterable[str] = ()
    ) -> None:
        """Note what was stored of streams, and which of them have been read to their end."""
        with self.noting() as connection:
            cursors.note(connection, crm, stored, ended, stored_at)

    def forget_cursors(self) -> None:
        """Streams are read anew."""
        with self.noting() as connection:
            connection.execute(delete(tables.cursors))

    def cursors(self) -> list[Mapping[str, Any]]:
        """Where the streams stand, as rows of `tables.cursors`; `stored_at` is None while nothing was read of one."""
        with self._reading.connect() as connection:
            return cursors.read(connection)

    def note_outcomes(
        self,
        crm: str,
        *,
        accepted: Sequence[Given],
        rejected: Sequence[Reject],
        gone: Sequence[str],
        now: datetime,
        run_id: int = 0,
        order: Sequence[str] = (),
    ) -> None:
        """Note a chunk of outcomes of a run, all or nothing. `order` is that of the model's stages.

        Accepted records lose their reject and keep the time since when they have their stage, unless it is new to
        their person; rejected ones get a reject or one more attempt on it; records that are gone lose both.
        """
        with self.noting() as connection:
            before = by_id(connection, tables.rejects, crm, [row.record_id for row in rejected])
            settled = [row.record_id for row in accepted] + [row.record_id for row in rejected] + list(gone)
            forget(connection, tables.rejects, crm, settled)
            if rejected:
                connection.execute(insert(tables.rejects), [_reject(crm, row, before, now) for row in rejected])
            stages.note_given(connection, crm, accepted, now, run_id=run_id, order=order)
            for table in (tables.stages, tables.holds):
                forget(connection, table, crm, gone)
            forget(connection, tables.crm_stages, crm, gone)
            _give(connection, crm, [(row.record_id, row.crm_stage) for row in accepted if row.crm_stage], now)

    def note_holds(self, crm: str, held: Sequence[tuple[str, str]], now: datetime, until: datetime) -> None:
        """Note stages, by record id, that people set by hand, as left alone until then."""
        with self.noting() as connection:
            stages.note_holds(connection, crm, held, now, until)

    def holds(self, now: datetime) -> list[tuple[str, str, str, datetime, datetime]]:
        """(crm, record id, stage, since, until; times naive UTC) of the holds that have not run out at `now`."""
        with self._reading.connect() as connection:
            return list(stages.holds(connection, now))

    def quiet_stages(self) -> Iterator[Sequence[tuple[str, str, str]]]:
        """(crm, record id, stage) of the records that were given it without handing anybody over, in chunks."""
        columns = tables.stages.c
        yield from self._chunks(columns.crm, columns.record_id, columns.stage, where=columns.quiet.is_(True))

    def began_at(self) -> datetime | None:
        """When the first run of all began: runs are let go after a time, versions of the model are kept."""
        with self._reading.connect() as connection:
            return connection.execute(select(func.min(tables.model_versions.c.first_used_at))).scalar()

    def stages_before(self) -> Iterator[Sequence[tuple[str, str, str]]]:
        """(crm, record id, the stage before the one that we gave last, or None), in chunks."""
        columns = tables.stages.c
        yield from self._chunks(columns.crm, columns.record_id, columns.stage_before)

    def crossings(self, *, run_id: int | None = None) -> Iterator[Mapping[str, Any]]:
        """The edges that records crossed, of one run or all, oldest first, as rows of `tables.crossings`."""
        query = select(tables.crossings).order_by(tables.crossings.c.crossing_id)
        if run_id is not None:
            query = query.where(tables.crossings.c.run_id == run_id)
        yield from self._rows(query)

    def entries(self, to_stages: Sequence[str], until: datetime) -> Iterator[Sequence[tuple[str, str, str, int]]]:
        """(crm, record id, stage, how often the record went up into it by then) of these stages, in chunks."""
        with self._reading.connect() as connection:
            yield from stages.entries(connection.execution_options(yield_per=_CHUNK), to_stages, until)

    def note_crm_stages(self, crm: str, held: Sequence[tuple[str, str]], now: datetime) -> None:
        """Note values of the CRM's own stage, by record id, as given by us."""
        with self.noting() as connection:
            _give(connection, crm, held, now)

    def crm_stages(self) -> Iterator[Sequence[tuple[str, str, str]]]:
        """(crm, record id, value) of all records whose own stage in the CRM we set, in chunks."""
        columns = tables.crm_stages.c
        yield from self._chunks(columns.crm, columns.record_id, columns.value)

    def forget_rejects(self, crm: str, record_ids: Sequence[str]) -> None:
        """Forget rejects of records that nothing is to be written to any more."""
        with self.noting() as connection:
            forget(connection, tables.rejects, crm, record_ids)

    def begin_job(self, crm: str, job: str, rows: Sequence[Sequence[str]], now: datetime) -> None:
        """Note a job that is about to be sent: kind, record id and values hash of each of its rows."""
        with self.noting() as connection:
            values = {"crm": crm, "job": job, "begun_at": now, "rows": orjson.dumps(rows).decode()}
            connection.execute(insert(tables.jobs).values(values))

    def end_jobs(self, crm: str, jobs: Sequence[str]) -> None:
        """Forget jobs whose results are noted."""
        with self.noting() as connection:
            connection.execute(delete(tables.jobs).where((tables.jobs.c.crm == crm) & tables.jobs.c.job.in_(jobs)))

    def jobs(self, crm: str) -> list[tuple[str, list[list[str]]]]:
        """Jobs whose end nobody saw, oldest first, with their rows as in `begin_job`."""
        query = select(tables.jobs).where(tables.jobs.c.crm == crm).order_by(tables.jobs.c.begun_at)
        with self._reading.connect() as connection:
            return [(row.job, orjson.loads(row.rows)) for row in connection.execute(query)]

    def rejects(self, crm: str | None = None) -> Iterator[Mapping[str, Any]]:
        """Rows that stand refused, newest first, as rows of `tables.rejects`."""
        query = select(tables.rejects).order_by(tables.rejects.c.last_seen.desc(), tables.rejects.c.record_id)
        if crm:
            query = query.where(tables.rejects.c.crm == crm)
        yield from self._rows(query)

    def refused(self) -> Iterator[Sequence[tuple[str, str, str]]]:
        """(crm, record id, values hash) of all rejects, in chunks."""
        columns = tables.rejects.c
        yield from self._chunks(columns.crm, columns.record_id, columns.values_hash)

    def stages(self, *, before: datetime | None = None) -> Iterator[Sequence[tuple[str, str, str, datetime]]]:
        """(crm, record id, stage, since as naive UTC) of all records we gave a stage, in chunks; as it was `before`."""
        if before is not None:
            with self._reading.connect() as connection:
                yield from stages.given_before(connection.execution_options(yield_per=_CHUNK), before)
            return
        columns = tables.stages.c
        for chunk in self._chunks(columns.crm, columns.record_id, columns.stage, columns.since):
            yield [(crm, record_id, stage, since.replace(tzinfo=None)) for crm, record_id, stage, since in chunk]

    def counts(self) -> Mapping[str, int]:
        """How many rejects stand per CRM."""
        with self._reading.connect() as connection:
            query = select(tables.rejects.c.crm, func.count()).group_by(tables.rejects.c.crm)
            return {row[0]: row[1] for row in connection.execute(query)}

    def tombstones(self) -> Tombstones:
        """Whom nothing may be kept of any more."""
        with self._reading.connect() as connection:
            return erasures.tombstones(connection)

    def erase(self, person: Person, now: datetime, *, tombstones: bool = True) -> Counter[str]:
        """Forget all that names these records, reports included; rows per table. With tombstones, nothing comes back.

        All or nothing, and repeatable.
        """
        with self.noting() as connection:
            if tombstones:
                erasures.bury(connection, person, now)
            return erasures.erase(connection, person)

    def count(self, person: Person) -> Counter[str]:
        """How many rows `erase` would remove, per table."""
        with self._reading.connect() as connection:
            return erasures.count(connection, person)

    def lift(self, address: str) -> int:
        """Take back the tombstones of the person with this address; how many there were."""
        with self.noting() as connection:
            return erasures.lift(connection, address)

    def sweep(self) -> None:
        """Leave no trace of what was erased: not in free pages, nor in copies of earlier versions."""
        for copy_of_earlier in migrations.copies(self.engine):
            copy_of_earlier.unlink(missing_ok=True)
        sweep(self.engine)

    def _rows(self, query: Select[Any], at_a_time: int = _CHUNK) -> Iterator[Mapping[str, Any]]:
        """Rows of a query, so many in memory; who asks for no more leaves nothing open."""
        with self._reading.connect() as connection, _some(connection, query, at_a_time) as result:
            for row in result.mappings():
                yield dict(row)

    def _chunks(self, *columns: Any, where: Any = None) -> Iterator[Any]:
        query = select(*columns) if where is None else select(*columns).where(where)
        with self._reading.connect() as connection, _some(connection, query, _CHUNK) as result:
            yield from result.partitions()


def _some(connection: Connection, query: Select[Any], at_a_time: int) -> Result[Any]:
    return connection.execution_options(yield_per=at_a_time).execute(query)


def _give(connection: Connection, crm: str, values: Sequence[tuple[str, str]], now: datetime) -> None:
    forget(connection, tables.crm_stages, crm, [record_id for record_id, _ in values])
    if values:
        rows = [{"crm": crm, "record_id": record_id, "value": value, "given_at": now} for record_id, value in values]
        connection.execute(insert(tables.crm_stages), rows)


def _reject(crm: str, row: Reject, before: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    known = before.get(row.record_id)
    return {
        "crm": crm,
        "record_id": row.record_id,
        "kind": row.kind,
        "field": row.field,
        "code": row.code,
        "message": row.message,
        "values_hash": row.values_hash,
        "first_seen": known.first_seen if known else now,
        "last_seen": now,
        "attempts": known.attempts + 1 if known else 1,
    }
