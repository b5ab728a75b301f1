"""Pulls a connector's streams into the mirror, each batch with its cursor."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from connectors.base import Stream
from connectors.errors import ConnectorError, LimitReached
from scoring.facts import Table
from sync import revisit
from sync.mirror.load import load
from sync.mirror.store import cursors
from sync.progress import Step
from sync.report import Pulled

if TYPE_CHECKING:
    from collections.abc import Iterable

    from connectors.base import Batch, Connector
    from sync.session import Session

COMMIT_ROWS: Final = 20_000
"""Rows gathered before a commit: opening the mirror and looking for known ids costs much the same for few rows."""

COMMIT_S: Final = 30.0
"""Seconds after which rows are committed even if they are few, so that a slow stream loses little when it is killed."""


def pull(connector: Connector, session: Session, pulled: list[Pulled], not_castable: Counter[str]) -> None:
    """Pull every stream of a CRM; adds to `pulled` what came, however it ends, and to `not_castable` per attribute
    the values that were not of its type.

    A failing optional stream is told as skipped and the others go on. A failing required stream ends the pull with
    its error, so does a used-up quota; rows read until then are kept with their cursor.
    """
    with session.mirror.open() as connection:
        known = cursors(connection, connector.crm)
    for stream in connector.streams():
        rows: Counter[Table] = Counter()
        began = session.clock.monotonic()
        skipped = ""
        try:
            cursor = known.get(stream.name)
            _pull_stream(connector, stream, connector.pull(stream.name, cursor), cursor, session, rows, not_castable)
        except LimitReached:
            raise
        except ConnectorError as error:
            if not stream.optional:
                raise
            skipped = str(error)
        finally:
            pulled.append(_told(connector, stream, rows, session.clock.monotonic() - began, skipped))
    if revisit.is_due(known.get(revisit.STREAM), session.clock.now()):
        _revisit(connector, known.get(revisit.STREAM), session, pulled, not_castable)


def _told(connector: Connector, stream: Stream, rows: Counter[Table], seconds: float, skipped: str = "") -> Pulled:
    own = rows[stream.table]
    beside = rows.total() - own
    return Pulled(crm=connector.crm, stream=stream.name, rows=own, beside=beside, seconds=seconds, skipped=skipped)


def _revisit(
    connector: Connector, cursor: str | None, session: Session, pulled: list[Pulled], not_castable: Counter[str]
) -> None:
    """Today's share of the records again by id."""
    stream = Stream(revisit.STREAM, Table.RECORDS)
    rows: Counter[Table] = Counter()
    now, began = session.clock.now(), session.clock.monotonic()
    with session.mirror.open() as connection:
        share = revisit.share(connection, connector.crm, now)
    batches = revisit.batches(connector, share, cursor, now)
    try:
        _pull_stream(connector, stream, batches, cursor, session, rows, not_castable)
    finally:
        pulled.append(_told(connector, stream, rows, session.clock.monotonic() - began))


def _pull_stream(
    connector: Connector,
    stream: Stream,
    batches: Iterable[Batch],
    cursor: str | None,
    session: Session,
    rows: Counter[Table],
    not_castable: Counter[str],
) -> None:
    step = Step("pull", connector.crm, stream.name)
    pending: list[Batch] = []
    session.progress.start(step)
    try:
        began = session.clock.monotonic()
        for batch in batches:
            pending.append(batch)
            session.progress.advance(step, batch.rows.num_rows, batch.total)
            # Batches under one cursor belong together: a page of people, their counters, and whom they took in.
            moved, cursor = batch.cursor != cursor, batch.cursor
            late = session.clock.monotonic() - began >= COMMIT_S
            many = sum(item.rows.num_rows for item in pending) >= COMMIT_ROWS
            if moved and (many or late or session.stop.requested):
                _commit(connector, stream, pending, session, rows, not_castable)
                session.stop.check()
                began = session.clock.monotonic()
    except ConnectorError:
        _commit(connector, stream, pending, session, rows, not_castable)
        raise
    else:
        _commit(connector, stream, pending, session, rows, not_castable)
        session.stop.check()
    finally:
        session.progress.finish(step)


def _commit(
    connector: Connector,
    stream: Stream,
    pending: list[Batch],
    session: Session,
    rows: Counter[Table],
    not_castable: Counter[str],
) -> None:
    if not pending:
        return
    session.lease.renew()
    now = session.clock.now()
    with session.mirror.open() as connection:
        loaded = load(
            connection,
            crm=connector.crm,
            stream=stream.name,
            batches=pending,
            types=session.mirror.types,
            now=now,
            fence=session.lease.fence,
        )
    cursor = pending[-1].cursor
    pending.clear()
    rows.update(loaded.rows)
    not_castable.update(loaded.not_castable)
    session.note_calls(connector)
    session.journal.copy_cursor(
        crm=connector.crm, stream=stream.name, cursor=cursor, rows=loaded.rows[stream.table], stored_at=now
    )
