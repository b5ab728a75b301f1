"""`Journal`: what a run notes down, and what the next run, `status` and `rejects` ask."""

from __future__ import annotations

import contextlib
import copy
from typing import TYPE_CHECKING, Any, Final

import orjson
from sqlalchemy import URL, select
from sqlalchemy.exc import DatabaseError

from sync import folder as state_folder
from sync.errors import StateUnusable, SyncError
from sync.journal import cursors, erasures, jobs, migrations, models, rejects, runs, stages, tables
from sync.journal.database import engine_for, name_of, sweep
from sync.journal.rows import forget
from sync.lease import pass_fence, wait_for_turn

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from sqlalchemy import Connection, Engine, Result, Select

    from sync.journal.cursors import Stored
    from sync.journal.erasures import Person, Tombstones
    from sync.journal.models import Rollback
    from sync.journal.rejects import Reject
    from sync.journal.stages import Given
    from sync.report import Report

_CHUNK: Final = 10_000
_REPORTS: Final = 20


class Journal:
    """The book at a SQLAlchemy URL; made and brought up to date on first use.

    Raises `StateUnusable` when it cannot be opened, is no journal, or is of a newer version; and like every method
    `JournalAway` when the database does not answer, `JournalBusy` when somebody else keeps it locked.
    """

    def __init__(self, url: str | URL) -> None:
        self.engine: Engine = engine_for(url)
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

        What it notes is refused (`LeaseLost`) once there is a later holder, but for how its own run ended and how many
        calls that made.
        """
        held = copy.copy(self)
        held.fence = fence
        return held

    @contextlib.contextmanager
    def noting(self) -> Iterator[Connection]:
        """A transaction that notes something: one at a time, and none of a holder whose lease went to another."""
        with self.engine.begin() as connection:
            if self.fence is None:
                wait_for_turn(connection)
            else:
                pass_fence(connection, self.fence)
            yield connection

    def reading(self) -> contextlib.AbstractContextManager[Connection]:
        """A connection that sees the last commit and keeps nobody waiting."""
        return self.engine.execution_options(reading=True).connect()

    # --- runs

    def begin_run(self, *, kind: str, started_at: datetime, holder: str, model_version: str, model: str) -> int:
        """Note that a run began, with which model (version, and its file); the run's number."""
        with self.noting() as connection:
            return runs.begin(
                connection, kind=kind, started_at=started_at, holder=holder, model_version=model_version, model=model
            )

    def end_run(self, report: Report, ended_at: datetime) -> None:
        """Note how it ended."""
        with self.engine.begin() as connection:
            runs.end(connection, report, ended_at)

    def last_runs(self, count: int = 10) -> list[Mapping[str, Any]]:
        """The last runs, newest first, as rows of `tables.runs`."""
        with self.reading() as connection:
            return runs.last(connection, count)

    def reports(self) -> Iterator[tuple[datetime, dict[str, Any]]]:
        """Start and record of the runs that have one, newest first; the record as JSON's plain data."""
        for row in self._rows(runs.with_report(), _REPORTS):
            yield row["started_at"], orjson.loads(row["report"])

    def accounts(self) -> dict[str, str]:
        """CRM -> account of the last run that told."""
        told: dict[str, str] = next((report["accounts"] for _, report in self.reports() if report.get("accounts")), {})
        return told

    def last_success(self) -> datetime | None:
        """When a run that reads and writes last ended with 0 or 1; None when none ever did."""
        with self.reading() as connection:
            return runs.last_success(connection)

    def first_run(self) -> datetime | None:
        """When the first run began that is still known."""
        with self.reading() as connection:
            return runs.first(connection)

    def note_calls(self, run_id: int, crm: str, calls: int, now: datetime) -> None:
        """Note how many calls a run has made to a CRM so far."""
        with self.engine.begin() as connection:
            runs.note_calls(connection, run_id, crm, calls, now)

    def calls_since(self, crm: str, since: datetime) -> list[tuple[datetime, int]]:
        """Calls of the runs that made some after `since`, each with the time of its last note."""
        with self.reading() as connection:
            return runs.calls_since(connection, crm, since)

    # --- models

    def model_since(self, version: str) -> datetime | None:
        """When this version of the model was first used; None when there was no other before it."""
        with self.reading() as connection:
            return models.since(connection, version)

    def began_at(self) -> datetime | None:
        """When the first run of all began: runs are let go after a time, versions of the model are kept."""
        with self.reading() as connection:
            return models.first_used(connection)

    def models(self) -> list[Mapping[str, Any]]:
        """Versions of the model that runs have used, newest first: version, first_used_at, last_used_at, runs."""
        with self.reading() as connection:
            return models.used(connection)

    def model_file(self, version: str) -> str:
        """The file of a version that was used."""
        with self.reading() as connection:
            return models.file_of(connection, version)

    def rollback(self) -> Rollback | None:
        """The rollback that holds."""
        with self.reading() as connection:
            return models.standing(connection)

    def begin_rollback(self, to_version: str, from_version: str, now: datetime) -> None:
        """From now on runs use another version than the file's."""
        with self.noting() as connection:
            models.begin(connection, to_version, from_version, now)

    def end_rollback(self, now: datetime) -> None:
        """From now on runs use the file's version."""
        with self.noting() as connection:
            models.end(connection, now)

    # --- streams

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

    def read_by_cut_short(self, run_id: int, crm: str, since: datetime, now: datetime) -> dict[str, str]:
        """Streams that the runs right before this one, all of them cut short, read to their end, with their cursors;
        what was stored before `since` does not count. The runs may have had another mirror.
        """
        with self.reading() as connection:
            began = runs.cut_short_since(connection, run_id)
            return cursors.ended_between(connection, crm, max(began, since), now) if began else {}

    def forget_cursors(self) -> None:
        """Streams are read anew."""
        with self.noting() as connection:
            cursors.forget_all(connection)

    def cursors(self) -> list[Mapping[str, Any]]:
        """Where the streams stand, as rows of `tables.cursors`; `stored_at` is None while nothing was read of one."""
        with self.reading() as connection:
            return cursors.read(connection)

    # --- outcomes and jobs

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
            forget(connection, tables.rejects, crm, [*(row.record_id for row in accepted), *gone])
            rejects.note(connection, crm, rejected, now)
            stages.note_given(connection, crm, accepted, now, run_id=run_id, order=order)
            for table in (tables.stages, tables.holds, tables.crm_stages):
                forget(connection, table, crm, gone)
            own = [(row.record_id, row.crm_stage) for row in accepted if row.crm_stage]
            stages.note_in_crm(connection, crm, own, now)

    def rejects(self, crm: str | None = None) -> Iterator[Mapping[str, Any]]:
        """Rows that stand refused, newest first, as rows of `tables.rejects`."""
        yield from self._rows(rejects.newest_first(crm))

    def refused(self) -> Iterator[Sequence[tuple[str, str, str]]]:
        """(crm, record id, values hash) of all rejects, in chunks."""
        columns = tables.rejects.c
        yield from self._chunks(columns.crm, columns.record_id, columns.values_hash)

    def counts(self) -> Mapping[str, int]:
        """How many rejects stand per CRM."""
        with self.reading() as connection:
            return rejects.counts(connection)

    def forget_rejects(self, crm: str, record_ids: Sequence[str]) -> None:
        """Forget rejects of records, which are sent again then, if there is anything to be written to them."""
        with self.noting() as connection:
            forget(connection, tables.rejects, crm, record_ids)

    def retry(self, takes: Callable[[Mapping[str, Any]], bool]) -> int:
        """Forget the rejects that `takes` says yes to; how many there were.

        Chosen and forgotten in one transaction, so that it needs no lease and may be asked for while a run goes on:
        what that is refused afterwards stays.
        """
        with self.noting() as connection:
            rows = map(dict, connection.execute(rejects.newest_first()).mappings())
            chosen = [row for row in rows if takes(row)]
            for crm in {row["crm"] for row in chosen}:
                forget(connection, tables.rejects, crm, [row["record_id"] for row in chosen if row["crm"] == crm])
            return len(chosen)

    def begin_job(self, crm: str, job: str, rows: Sequence[Sequence[str]], now: datetime) -> None:
        """Note a job that is about to be sent: kind, record id and values hash of each of its rows."""
        with self.noting() as connection:
            jobs.begin(connection, crm, job, rows, now)

    def end_jobs(self, crm: str, ended: Sequence[str]) -> None:
        """Forget jobs whose results are noted."""
        with self.noting() as connection:
            jobs.end(connection, crm, ended)

    def jobs(self, crm: str) -> list[tuple[str, list[list[str]]]]:
        """Jobs whose end nobody saw, oldest first, with their rows as in `begin_job`."""
        with self.reading() as connection:
            return jobs.unended(connection, crm)

    # --- stages

    def stages(self, *, before: datetime | None = None) -> Iterator[Sequence[tuple[str, str, str, datetime]]]:
        """(crm, record id, stage, since as naive UTC) of all records we gave a stage, in chunks; as it was `before`."""
        if before is not None:
            with self.reading() as connection:
                yield from stages.given_before(connection.execution_options(yield_per=_CHUNK), before)
            return
        columns = tables.stages.c
        for chunk in self._chunks(columns.crm, columns.record_id, columns.stage, columns.since):
            yield [(crm, record_id, stage, since.replace(tzinfo=None)) for crm, record_id, stage, since in chunk]

    def stages_before(self) -> Iterator[Sequence[tuple[str, str, str]]]:
        """(crm, record id, the stage before the one that we gave last, or None), in chunks."""
        columns = tables.stages.c
        yield from self._chunks(columns.crm, columns.record_id, columns.stage_before)

    def quiet_stages(self) -> Iterator[Sequence[tuple[str, str, str]]]:
        """(crm, record id, stage) of the records that were given it without handing anybody over, in chunks."""
        columns = tables.stages.c
        yield from self._chunks(columns.crm, columns.record_id, columns.stage, where=columns.quiet.is_(True))

    def note_holds(self, crm: str, held: Sequence[tuple[str, str]], now: datetime, until: datetime) -> None:
        """Note stages, by record id, that people set by hand, as left alone until then."""
        with self.noting() as connection:
            stages.note_holds(connection, crm, held, now, until)

    def holds(self, now: datetime) -> list[tuple[str, str, str, datetime, datetime]]:
        """(crm, record id, stage, since, until; times naive UTC) of the holds that have not run out at `now`."""
        with self.reading() as connection:
            return list(stages.holds(connection, now))

    def crossings(self, *, run_id: int | None = None) -> Iterator[Mapping[str, Any]]:
        """The edges that records crossed, of one run or all, oldest first, as rows of `tables.crossings`."""
        query = select(tables.crossings).order_by(tables.crossings.c.crossing_id)
        yield from self._rows(query if run_id is None else query.where(tables.crossings.c.run_id == run_id))

    def entries(self, to_stages: Sequence[str], until: datetime) -> Iterator[Sequence[tuple[str, str, str, int]]]:
        """(crm, record id, stage, how often the record went up into it by then) of these stages, in chunks."""
        with self.reading() as connection:
            yield from stages.entries(connection.execution_options(yield_per=_CHUNK), to_stages, until)

    def note_crm_stages(self, crm: str, held: Sequence[tuple[str, str]], now: datetime) -> None:
        """Note values of the CRM's own stage, by record id, as given by us."""
        with self.noting() as connection:
            stages.note_in_crm(connection, crm, held, now)

    def crm_stages(self) -> Iterator[Sequence[tuple[str, str, str]]]:
        """(crm, record id, value) of all records whose own stage in the CRM we set, in chunks."""
        columns = tables.crm_stages.c
        yield from self._chunks(columns.crm, columns.record_id, columns.value)

    # --- people who are erased

    def tombstones(self) -> Tombstones:
        """Whom nothing may be kept of any more."""
        with self.reading() as connection:
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
        with self.reading() as connection:
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
        with self.reading() as connection, _some(connection, query, at_a_time) as result:
            for row in result.mappings():
                yield dict(row)

    def _chunks(self, *columns: Any, where: Any = None) -> Iterator[Any]:
        query = select(*columns) if where is None else select(*columns).where(where)
        with self.reading() as connection, _some(connection, query, _CHUNK) as result:
            yield from result.partitions()


def _some(connection: Connection, query: Select[Any], at_a_time: int) -> Result[Any]:
    return connection.execution_options(yield_per=at_a_time).execute(query)
