"""Pulls a connector's streams into the mirror, each batch with its cursor."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from connectors.errors import ConnectorError, LimitReached
from sync import revisit
from sync.mirror.load import load
from sync.mirror.store import cursors
from sync.progress import Step
from sync.report import Pulled

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from connectors.base import Batch, Connector
    from sync.session import Session

COMMIT_ROWS: Final = 20_000
"""Rows gathered before a commit: opening the mirror and looking for known ids costs much the same for few rows."""

COMMIT_S: Final = 30.0
"""Seconds after which rows are committed even if they are few, so that a slow stream loses little when it is killed."""


def pull(connector: Connector, session: Session, not_castable: Counter[str]) -> Iterator[Pulled]:
    """Pull every stream of a CRM; adds to `not_castable` per attribute the values that were not of its type.

    A failing optional stream is told as skipped and the others go on. A failing required stream ends the pull with
    its error, so does a used-up quota; rows read until then are kept with their cursor.
    """
    with session.mirror.open() as connection:
        known = cursors(connection, connector.crm)
    for stream in connector.streams():
        rows: Counter[str] = Counter()
        began = session.clock.monotonic()
        skipped = ""
        try:
            cursor = known.get(stream.name)
            batches = connector.pull(stream.name, cursor)
            _pull_stream(connector, stream.name, batches, cursor, session, rows, not_castable)
        except LimitReached:
            raise
        except ConnectorError as error:
            if not stream.optional:
                raise
            skipped = str(error)
        seconds = session.clock.monotonic() - began
        yield Pulled(crm=connector.crm, stream=stream.name, rows=rows.total(), seconds=seconds, skipped=skipped)
    if revisit.is_due(known.get(revisit.STREAM), session.clock.now()):
        yield from _revisit(connector, known.get(revisit.STREAM), session, not_castable)


def _revisit(
    connector: Connector, cursor: str | None, session: Session, not_castable: Counter[str]
) -> Iterator[Pulled]:
    """Today's share of the records again by id; told of where there was anything to read."""
    rows: Counter[str] = Counter()
    now, began = session.clock.now(), session.clock.monotonic()
    with session.mirror.open() as connection:
        share = revisit.share(connection, connector.crm, now)
    batches = revisit.batches(connector, share, cursor, now)
    _pull_stream(connector, revisit.STREAM, batches, cursor, session, rows, not_castable)
    if rows.total():
        seconds = session.clock.monotonic() - began
        yield Pulled(crm=connector.crm, stream=revisit.STREAM, rows=rows.total(), seconds=seconds)


def _pull_stream(
    connector: Connector,
    stream: str,
    batches: Iterable[Batch],
    cursor: str | None,
    session: Session,
    rows: Counter[str],
    not_castable: Counter[str],
) -> None:
    step = Step("pull", connector.crm, stream)
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
    stream: str,
    pending: list[Batch],
    session: Session,
    rows: Counter[str],
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
            stream=stream,
            batches=pending,
            types=session.mirror.types,
            now=now,
            fence=session.lease.fence,
        )
    cursor = pending[-1].cursor
    pending.clear()
    rows[stream] += loaded.rows
    not_castable.update(loaded.not_castable)
    session.note_calls(connector)
    session.journal.copy_cursor(crm=connector.crm, stream=stream, cursor=cursor, rows=loaded.rows, stored_at=now)
