"""What the journal knows of stages: the ones we gave, the edges that were crossed, and those that people hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import exists, func, insert, select

from sync.journal import tables
from sync.journal.rows import by_id, forget

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Connection


@dataclass(frozen=True, slots=True)
class Given:
    """The stage that a record was given, None when our fields were cleared; and since when its person has it.

    Without `since` the stage is new to the person. `crm_stage` is what the CRM's own stage was set to, where it was.
    `quiet`: it is no news, and nobody is told of it.
    """

    record_id: str
    stage: str | None
    since: datetime | None = None
    crm_stage: str | None = None
    quiet: bool = False


def note_given(
    connection: Connection, crm: str, given: Sequence[Given], now: datetime, *, run_id: int, order: Sequence[str]
) -> None:
    """Note stages as given, and each that a record crossed into as an edge.

    A stage keeps the time since when its person has it, unless it is new to them. An edge is noted when the journal's
    stage of the record changes, so once, however often the outcome comes. `order` is that of the model's lifecycle.
    """
    known = by_id(connection, tables.stages, crm, [row.record_id for row in given])
    moved = [row for row in given if not row.since or _stage_of(known, row.record_id) != row.stage]
    if not moved:
        return
    held = by_id(connection, tables.holds, crm, [row.record_id for row in moved])
    edges = [edge for row in moved if (edge := _edge(row, _stage_of(known, row.record_id), held, order))]
    if edges:
        common = {"run_id": run_id, "crm": crm, "at": now}
        quiet = {row.record_id for row in moved if row.quiet}
        connection.execute(
            insert(tables.crossings),
            [edge | common | {"told_at": now if edge["record_id"] in quiet else None} for edge in edges],
        )
    forget(connection, tables.stages, crm, [row.record_id for row in moved])
    kept = [_row(row, known.get(row.record_id), crm, now) for row in moved if row.stage]
    if kept:
        connection.execute(insert(tables.stages), kept)


def _row(row: Given, known: Any, crm: str, now: datetime) -> dict[str, Any]:
    before = None if known is None else known.stage if known.stage != row.stage else known.stage_before
    return {
        "crm": crm,
        "record_id": row.record_id,
        "stage": row.stage,
        "since": row.since or now,
        "stage_before": before,
        "quiet": row.quiet,
    }


def _edge(row: Given, before: str | None, held: Mapping[str, Any], order: Sequence[str]) -> dict[str, Any] | None:
    """The edge from the stage before, None where there is none: the same stage, or the first one of all."""
    places = {stage: place for place, stage in enumerate(order)}
    begins = before is None and places.get(row.stage or "", 0) == 0
    if row.stage is None or row.stage == before or begins:
        return None
    hold = held.get(row.record_id)
    return {
        "record_id": row.record_id,
        "from_stage": before,
        "to_stage": row.stage,
        "direction": "up" if places.get(row.stage, 0) > places.get(before or "", -1) else "down",
        "by_hand": hold is not None and hold.stage == row.stage,
    }


def note_holds(
    connection: Connection, crm: str, held: Sequence[tuple[str, str]], now: datetime, until: datetime
) -> None:
    """Note stages, by record id, that people have set by hand, and until when they are left alone."""
    forget(connection, tables.holds, crm, [record_id for record_id, _ in held])
    rows = [
        {"crm": crm, "record_id": record_id, "stage": stage, "since": now, "until": until} for record_id, stage in held
    ]
    if rows:
        connection.execute(insert(tables.holds), rows)


def note_in_crm(connection: Connection, crm: str, values: Sequence[tuple[str, str]], now: datetime) -> None:
    """Note values of the CRM's own stage, by record id, as given by us."""
    forget(connection, tables.crm_stages, crm, [record_id for record_id, _ in values])
    if values:
        rows = [{"crm": crm, "record_id": record_id, "value": value, "given_at": now} for record_id, value in values]
        connection.execute(insert(tables.crm_stages), rows)


def holds(connection: Connection, now: datetime) -> Iterator[tuple[str, str, str, datetime, datetime]]:
    """(crm, record id, stage, since, until; times naive UTC) of the holds that stand at `now`."""
    here = tables.holds.c
    for row in connection.execute(select(tables.holds).where(here.until > now, here.since <= now)):
        yield row.crm, row.record_id, row.stage, row.since.replace(tzinfo=None), row.until.replace(tzinfo=None)


def given_before(connection: Connection, then: datetime) -> Iterator[Sequence[tuple[str, str, str, datetime]]]:
    """(crm, record id, stage, since as naive UTC) as records had been given them before `then`, in chunks.

    Told by the edges: the last one before `then`, or where the first one afterwards came from. A stage that was given
    without an edge, the first of the order, is taken to have been there all along.
    """
    edges, now = tables.crossings.c, tables.stages.c
    past, coming = edges.at < then, edges.at >= then
    firsts = func.min(edges.crossing_id).filter(coming).label("coming")
    per_record = (
        select(edges.crm, edges.record_id, func.max(edges.crossing_id).filter(past).label("past"), firsts)
        .group_by(edges.crm, edges.record_id)
        .subquery()
    )
    before, after = tables.crossings.alias(), tables.crossings.alias()
    query = (
        select(
            per_record.c.crm,
            per_record.c.record_id,
            func.coalesce(before.c.to_stage, after.c.from_stage),
            func.coalesce(before.c.at, then),
        )
        .outerjoin_from(per_record, before, before.c.crossing_id == per_record.c.past)
        .outerjoin(after, after.c.crossing_id == per_record.c.coming)
    )
    for chunk in connection.execute(query).partitions():
        yield [(crm, id_, stage, _naive(since)) for crm, id_, stage, since in chunk if stage is not None]
    never_crossed = ~exists().where(edges.crm == now.crm, edges.record_id == now.record_id)
    still = select(now.crm, now.record_id, now.stage, now.since).where(now.since < then, never_crossed)
    for chunk in connection.execute(still).partitions():
        yield [(crm, record_id, stage, _naive(since)) for crm, record_id, stage, since in chunk]


def _naive(moment: datetime) -> datetime:
    return moment.replace(tzinfo=None)


def entries(
    connection: Connection, to_stages: Sequence[str], until: datetime
) -> Iterator[Sequence[tuple[str, str, str, int]]]:
    """(crm, record id, stage, how often the record went up into it by then) of these stages, in chunks."""
    edge = tables.crossings.c
    key = (edge.crm, edge.record_id, edge.to_stage)
    query = select(*key, func.count()).where(edge.direction == "up", edge.to_stage.in_(to_stages), edge.at <= until)
    for chunk in connection.execute(query.group_by(*key)).partitions():
        yield [(crm, record_id, stage, times) for crm, record_id, stage, times in chunk]


def _stage_of(stages: Mapping[str, Any], record_id: str) -> str | None:
    row = stages.get(record_id)
    return None if row is None else str(row.stage)
