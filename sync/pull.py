"""Pulls a connector's streams into the mirror, each batch with its cursor.

Batches are gathered across streams and stored together: opening the mirror costs as much as storing some thousands of
rows, and most streams of a usual sync bring a few or none.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import structlog

from connectors.base import Stream
from connectors.errors import AuthStop, ConfigProblem, ConnectorError, LimitReached
from scoring.facts import Table
from sync import guards, reconcile, revisit
from sync.journal.cursors import Stored
from sync.mirror.load import Part, load
from sync.mirror.store import cursors
from sync.progress import Step
from sync.report import Pulled

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Mapping

    import duckdb

    from connectors.base import Batch, Connector
    from sync.session import Session

log = structlog.get_logger()

COMMIT_ROWS: Final = 40_000
"""Rows gathered before a commit: opening the mirror and looking for known ids costs much the same for few rows. It is
memory that bounds them: so many contacts of 36 properties take 40 MB."""

COMMIT_S: Final = 1.0
"""Seconds after which rows are committed even if they are few: no more than what was read in them is read once more
after a kill. At HubSpot's limit that is 19 calls, or 1,900 contacts; a commit of so few takes a tenth of a second."""

COMMITS_AT_MOST: Final = 0.1
"""Part of the time that may go into commits: where rows come fast or the machine is slow, they come less often."""

GOES_ON: Final = timedelta(minutes=15)
"""A run that follows one that was cut short asks no stream again that was stored to its end no longer ago than this."""

LATE_AT_MOST: Final = frozenset({Table.ACTIVITIES, Table.COUNTERS, Table.DEALS, Table.LINE_ITEMS})
"""Of these. They refer to people and companies, which are always read: what was written shows there, and a person
whose company or former self is not known yet would be scored as nobody ever was."""


def expect(connection: duckdb.DuckDBPyConnection, connectors: Mapping[str, Connector], session: Session) -> None:
    """Note which streams are to be read from their beginning, so that whoever looks sees what is still to come."""
    for crm, connector in connectors.items():
        if unread := _unread(connector, cursors(connection, crm)):
            session.journal.expect_streams(crm, unread, session.clock.now())


def _unread(connector: Connector, known: Mapping[str, str]) -> list[str]:
    return [stream.name for stream in connector.streams() if stream.name not in known]


def pull(
    connector: Connector,
    session: Session,
    pulled: list[Pulled],
    not_castable: Counter[str],
    *,
    goes_on: bool = False,
    may_lose: float | None = None,
) -> None:
    """Pull every stream of a CRM; adds to `pulled` what came, however it ends, and to `not_castable` per attribute
    the values that were not of its type. One that `goes_on` leaves out what runs right before it, all of them cut
    short, have just read into this mirror. With `may_lose`, all people are read anew and compared with the mirror;
    should a greater share than that be gone without a word, nothing of them is noted (`GuardTripped`).

    A failing optional stream is told as skipped and the others go on. A failing required stream ends the pull with
    its error, so does a used-up quota; rows read until then are kept with their cursor.
    """
    with session.mirror.open() as connection:
        known = cursors(connection, connector.crm)
    gathered = _Gathered(connector, session, not_castable)
    came = reconcile.Came()
    try:
        if may_lose is not None:
            # Before the streams: who is edited while everybody is read comes with those.
            _read_everybody(known, came, gathered, pulled)
        left_out = _just_read(connector, session, known) if goes_on else ()
        streams = [stream for stream in connector.streams() if stream.name not in left_out]
        _read_streams(streams, known, came if may_lose is not None else None, gathered, pulled)
        if revisit.is_due(known.get(revisit.STREAM), session.clock.now()):
            _revisit(known.get(revisit.STREAM), gathered, pulled)
        gathered.store()
        if may_lose is not None:
            _look_for_the_missing(came, gathered, pulled, may_lose)
    except ConnectorError:
        gathered.store()
        raise
    if _unread(connector, known):
        session.journal.expect_streams(connector.crm, (), session.clock.now())


def _just_read(connector: Connector, session: Session, known: Mapping[str, str]) -> list[str]:
    """Streams that need not be asked again (see `GOES_ON`), since the mirror has what was read."""
    now = session.clock.now()
    found = session.journal.read_by_cut_short(session.run_id, connector.crm, now - GOES_ON, now)
    may_be_late = [stream.name for stream in connector.streams() if stream.table in LATE_AT_MOST]
    names = [name for name in may_be_late if name in known and found.get(name) == known[name]]
    if names:
        log.info("just read before, not asked again", crm=connector.crm, streams=len(names))
    return names


def _read_streams(
    streams: Iterable[Stream],
    known: Mapping[str, str],
    came: reconcile.Came | None,
    gathered: _Gathered,
    pulled: list[Pulled],
) -> None:
    """What streams bring beyond their cursors; `came` is told of it."""
    for stream in streams:
        cursor = known.get(stream.name)
        batches = gathered.connector.pull(stream.name, cursor)
        try:
            _read(stream, batches if came is None else came.noting(batches), cursor, gathered, pulled)
        except LimitReached:
            raise
        except ConnectorError:
            if not stream.optional:
                raise


def _read_everybody(known: Mapping[str, str], came: reconcile.Came, gathered: _Gathered, pulled: list[Pulled]) -> None:
    """All people from the beginning, beside the cursors of the streams; those read for the first time come anyway."""
    connector = gathered.connector
    for stream in connector.streams():
        if stream.table is Table.RECORDS and stream.name in known:
            anew = Stream(reconcile.named(stream), stream.table)
            _read(anew, came.noting(connector.pull(stream.name, None)), None, gathered, pulled)


def _look_for_the_missing(came: reconcile.Came, gathered: _Gathered, pulled: list[Pulled], may_lose: float) -> None:
    """What became of the people in the mirror who did not come; whoever the CRM knows nothing of counts as deleted."""
    session, connector = gathered.session, gathered.connector
    gathered.store()
    with session.mirror.open() as connection:
        missing = reconcile.missing(connection, connector.crm, came)
    now = session.clock.now()
    batches = came.noting(connector.revisit([record_id for _, record_id in missing]))
    _read(Stream(reconcile.MISSING, Table.RECORDS), batches, None, gathered, pulled)
    gathered.store()
    with session.mirror.open() as connection:
        lost = reconcile.missing(connection, connector.crm, came)
        living = reconcile.living(connection, connector.crm)
    guards.lost_people(connector.crm, len(lost), living, may_lose=may_lose)
    _read(Stream(reconcile.LOST, Table.REMOVALS), reconcile.removals(connector.crm, lost, now), None, gathered, pulled)
    gathered.store()


def _revisit(cursor: str | None, gathered: _Gathered, pulled: list[Pulled]) -> None:
    """Today's share of the records again by id; without a cursor they have just been read for the first time, and
    their round begins tomorrow.
    """
    session, connector = gathered.session, gathered.connector
    now = session.clock.now()
    share: list[str] = []
    if cursor is not None:
        gathered.store()
        with session.mirror.open() as connection:
            share = revisit.share(connection, connector.crm, now)
    batches = revisit.batches(connector, share, cursor or "", now)
    _read(Stream(revisit.STREAM, Table.RECORDS), batches, cursor, gathered, pulled)


def _read(
    stream: Stream, batches: Iterable[Batch], cursor: str | None, gathered: _Gathered, pulled: list[Pulled]
) -> None:
    """Gather a stream's batches, and tell what came of it, also when it ends with an error."""
    session, crm = gathered.session, gathered.connector.crm
    step = Step("pull", crm, stream.name)
    own = beside = 0
    skipped = ""
    denied = False
    began = session.clock.monotonic()
    session.progress.start(step)
    try:
        for batch in batches:
            count = batch.rows.num_rows
            own, beside = (own + count, beside) if batch.table is stream.table else (own, beside + count)
            gathered.add(stream, batch)
            session.progress.advance(step, count, batch.total)
            # What comes beside a stream's own rows belongs with those that follow it: people's counters, and whom they
            # took in. Own rows under a cursor that has not moved yet may be stored: they would be read once more.
            whole, cursor = batch.table is stream.table or batch.cursor != cursor, batch.cursor
            if whole and (gathered.is_due() or session.stop.requested):
                gathered.store()
                session.stop.check()
        gathered.end(stream)
        if session.stop.requested:
            gathered.store()
            session.stop.check()
    except ConnectorError as error:
        skipped = str(error) if stream.optional and not isinstance(error, LimitReached) else ""
        denied = isinstance(error, AuthStop | ConfigProblem)
        raise
    finally:
        session.progress.finish(step)
        seconds = session.clock.monotonic() - began
        pulled.append(
            Pulled(
                crm=crm, stream=stream.name, rows=own, beside=beside, seconds=seconds, skipped=skipped, denied=denied
            )
        )


@dataclass(slots=True)
class _Gathered:
    """Batches of one CRM that were read and are not stored yet, in the order in which they came."""

    connector: Connector
    session: Session
    not_castable: Counter[str]
    _parts: list[Part] = field(default_factory=list)
    _ended: set[str] = field(default_factory=set)  # streams that were read to their end since the last commit
    _rows: int = 0
    _since: float = 0.0
    _took_s: float = 0.0  # the last commit

    def add(self, stream: Stream, batch: Batch) -> None:
        """One more; consecutive ones of a stream belong together. Raises `ConnectorBug` for rows without a key."""
        if not self._parts:
            self._since = self.session.clock.monotonic()
        going_on = self._parts and self._parts[-1].stream is stream
        part = self._parts[-1] if going_on else Part(self.connector.crm, stream)
        part.add(batch)
        if not going_on:
            self._parts.append(part)
        self._rows += batch.rows.num_rows

    def end(self, stream: Stream) -> None:
        """The stream has been read to its end."""
        self._ended.add(stream.name)

    def is_due(self) -> bool:
        """Whether it is time to store them: they are many, or have waited long."""
        patience_s = max(COMMIT_S, self._took_s / COMMITS_AT_MOST)
        return self._rows >= COMMIT_ROWS or self.session.clock.monotonic() - self._since >= patience_s

    def store(self) -> None:
        """Rows and cursors, all or nothing."""
        if not self._parts and not self._ended:
            return
        session = self.session
        session.lease.renew()
        now, began = session.clock.now(), session.clock.monotonic()
        if self._parts:
            with session.mirror.open() as connection:
                found = load(connection, self._parts, types=session.mirror.types, now=now, fence=session.lease.fence)
            self.not_castable.update(found)
            self._took_s = session.clock.monotonic() - began
        session.note_calls(self.connector)
        stored = [
            Stored(part.stream.name, part.cursor, part.rows(part.stream.table), part.slices_left)
            for part in self._parts
        ]
        ended = frozenset(self._ended)
        self._parts.clear()
        self._ended.clear()
        self._rows = 0
        session.journal.copy_cursors(self.connector.crm, stored, now, ended=ended)
