"""Reads what changed of one object, window by window, by REST or by Bulk API 2.0 as the number of rows asks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import structlog

from connectors.errors import AuthStop, ConnectorError, SplitBatch, Unreachable
from connectors.salesforce import bulk_query, soql
from connectors.salesforce.errors import CRM, VIEW_ALL, BulkRefused, LocatorExpired, NotThere, TooManyPeople
from connectors.salesforce.values import text_table
from connectors.salesforce.windows import STAMP, Position, Window, next_window, reached

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime, timedelta

    import pyarrow as pa

    from connectors.clock import Clock
    from connectors.salesforce.client import Client

log = structlog.get_logger(__name__)

RESTARTS: Final = 5
"""How often a slice is read again after its cursor was lost without getting any further."""

_JOB_GONE: Final = (NotThere, LocatorExpired)
"""A job's result is kept for seven days, and may be gone earlier."""


@dataclass(frozen=True, slots=True)
class Query:
    """What to read of one object. `all_rows` includes deleted rows and archived activities.

    `name` tells several queries of one object apart in a cursor. `mark` stands for what is made of the fields: when it
    changes, everything is read anew; so it is after every `refresh`, because formula fields change without a stamp.
    """

    sobject: str
    fields: tuple[str, ...]
    conditions: tuple[str, ...] = ()
    all_rows: bool = False
    name: str = ""
    mark: str = ""
    refresh: timedelta | None = None

    @property
    def key(self) -> str:
        """Under which the query's position is kept."""
        return self.name or self.sobject

    def select(self, window: Window, *, ordered: bool = False) -> str:
        """The rows of `window`; ordered by stamp for a walk that may have to be taken up in the middle."""
        order = [STAMP, "Id"] if ordered else []
        return soql.select(self.fields, self.sobject, [*window.conditions(), *self.conditions], order_by=order)

    def count(self, window: Window) -> str:
        """How many rows `window` has."""
        return soql.count(self.sobject, [*window.conditions(), *self.conditions])


@dataclass(frozen=True, slots=True)
class Slice:
    """Rows as text columns, and the position that is true once they are stored. `total` is the pull's, so far;
    `windows_left` those that are not read to their end.
    """

    rows: pa.Table
    position: Position
    total: int
    windows_left: int = 1


class Reader:
    """Reads queries of one organisation. `now` is the server's time when the pull began: nothing later is read."""

    def __init__(self, client: Client, clock: Clock, now: datetime, *, bulk_above: int, look_back_s: int) -> None:
        self._client = client
        self._clock = clock
        self._now = now
        self._bulk_above = bulk_above
        self._look_back_s = look_back_s
        self._counted: dict[tuple[str, Window], int | ConnectorError] = {}

    def count(self, positions: Iterable[tuple[Query, Position]]) -> None:
        """Count what changed of several queries since their positions, in as few calls as it takes; `changed` then
        need not ask for each.
        """
        begun = [(query, self._begun(query, position)) for query, position in positions]
        asked = [(query, self._next(position)) for query, position in begun if not position.job]
        found = self._client.counts([(query.count(window), query.all_rows) for query, window in asked])
        self._counted |= {(query.key, window): rows for (query, window), rows in zip(asked, found, strict=True)}

    def _rows(self, query: Query, window: Window) -> int:
        """How many rows `window` has. Raises what the count met."""
        rows = self._counted.pop((query.key, window), None)
        if rows is None:
            [rows] = self._client.counts([(query.count(window), query.all_rows)])
        if isinstance(rows, ConnectorError):
            raise rows
        return rows

    def _begun(self, query: Query, position: Position) -> Position:
        """Where reading goes on; at the beginning when other fields are wanted, or it is time for formula fields."""
        if position.mark != query.mark:
            position = Position(mark=query.mark)
        if query.refresh and (position.refreshed is None or position.refreshed + query.refresh <= self._now):
            position = Position(mark=query.mark, refreshed=self._now)
        return position

    def _next(self, position: Position) -> Window:
        return next_window(position, self._now, self._look_back_s)

    def changed(self, query: Query, position: Position) -> Iterator[Slice]:
        """Everything that changed since `position`; the last slice, maybe empty, carries the end of the pull.

        A window whose query runs too long, or meets too many people, is halved, and both halves are read. Raises
        Unreachable when a single second is still too long, AuthStop when it still has too many.
        """
        total = 0
        begun = self._begun(query, position)
        if begun != position and (position.until or position.job):
            why = "other fields than before" if begun.mark != position.mark else "formula fields"
            log.info("all rows are read anew", crm=CRM, sobject=query.sobject, why=why)
        position = begun
        if position.job and position.end:
            for piece in self._resumed(query, position, position.end):
                position = piece.position
                yield piece
        waiting = [self._next(position)]
        while waiting:
            window = waiting.pop()
            try:
                rows = self._rows(query, window)
                total += rows
                for piece in self._window(query, window, rows, position):
                    position = piece.position
                    is_inside = position.until is None or position.until < reached(window.end, self._now)
                    yield Slice(piece.rows, position, total, len(waiting) + is_inside)
            except SplitBatch as error:
                halves = window.halves()
                if halves is None:
                    raise _stop(query, error) from None
                log.info("window halved", crm=CRM, sobject=query.sobject, start=soql.moment(window.start))
                waiting.extend(reversed(halves))

    def _window(self, query: Query, window: Window, rows: int, position: Position) -> Iterator[Slice]:
        if rows > self._bulk_above:
            try:
                job = bulk_query.start(self._client, query.select(window), all_rows=query.all_rows)
            except BulkRefused:
                log.info("not readable in bulk", crm=CRM, sobject=query.sobject)
            else:
                bulk_query.finish(self._client, job, self._clock)
                try:
                    yield from self._job(query, job, "", reached(window.end, self._now), position)
                except _JOB_GONE:
                    raise Unreachable(
                        f"the result of the Bulk query of {query.sobject} is gone before all of it was read.",
                        crm=CRM,
                        remedy="Run again: its window is read anew.",
                    ) from None
                return
        if rows:
            yield from self._walk(query, window, position)
        else:
            yield Slice(text_table([], query.fields), position.advanced(reached(window.end, self._now)), 0)

    def _job(self, query: Query, job: str, locator: str, end: datetime, position: Position) -> Iterator[Slice]:
        here = position.inside(job, locator, end)
        for page in bulk_query.pages(self._client, job, locator):
            if page.last:
                here = position.inside(job, page.locator, end) if page.locator else position.advanced(end)
            rows = page.rows if page.rows.num_rows else text_table([], query.fields)
            yield Slice(rows, here, 0)

    def _resumed(self, query: Query, position: Position, end: datetime) -> Iterator[Slice]:
        """The rest of a job that another process began; nothing when it is gone, and the window is read anew."""
        start = Position(position.until, mark=position.mark, refreshed=position.refreshed)
        try:
            yield from self._job(query, position.job, position.locator, end, start)
        except _JOB_GONE:
            log.info("Bulk job is gone, its window is read anew", crm=CRM, sobject=query.sobject)
            yield Slice(text_table([], query.fields), start, 0)

    def _walk(self, query: Query, window: Window, position: Position) -> Iterator[Slice]:
        """The window by REST, in order of change, so that each page moves the position on."""
        restarts = 0
        seen = window.start
        while True:
            start = seen
            try:
                walk = query.select(Window(start, window.end), ordered=True)
                for records, _ in self._client.query_pages(walk, all_rows=query.all_rows):
                    rows = text_table(records, query.fields)
                    if records:
                        seen = _whole_second(str(records[-1][STAMP]))
                        position = position.advanced(reached(seen, self._now))
                    yield Slice(rows, position, 0)
            except LocatorExpired:
                restarts = restarts + 1 if seen == start else 0
                if restarts > RESTARTS:
                    raise Unreachable(
                        f"the query of {query.sobject} loses its cursor at every try.",
                        crm=CRM,
                        remedy="Run again later.",
                    ) from None
            else:
                yield Slice(text_table([], query.fields), position.advanced(reached(window.end, self._now)), 0)
                return


def _whole_second(stamp: str) -> datetime:
    from datetime import UTC, datetime

    return datetime.fromisoformat(stamp).astimezone(UTC).replace(microsecond=0)


def _stop(query: Query, error: SplitBatch) -> ConnectorError:
    """What becomes of a query that asks for too much and cannot be halved any more."""
    if isinstance(error, TooManyPeople):
        return AuthStop(error.message, crm=CRM, remedy=VIEW_ALL)
    return Unreachable(
        f"the changes of {query.sobject} within one second take Salesforce too long to find.",
        crm=CRM,
        remedy="Give the running user 'View All' on the object, or ask Salesforce for a custom index.",
    )
