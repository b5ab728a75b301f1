"""Batch updates: absolute values by record id, an outcome for every row, nothing inferred from the batch.

Success may hold errors inside, an answer may leave rows out without a word, and one bad value may refuse a hundred
rows; see `BEHAVIOR.md`, "Writing".
"""

from __future__ import annotations

import itertools
import threading
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import structlog

from connectors.base import CLEAR, CRM_STAGE, Change, Outcome, Status
from connectors.crew import in_parallel
from connectors.errors import ConfigProblem, ConnectorBug, ConnectorError, Unreachable
from connectors.hubspot import paths
from connectors.hubspot.client import WORKERS
from connectors.hubspot.errors import CRM, Problem, Refused, context, entries, parse
from connectors.hubspot.fields import LIFECYCLE_STAGE, encode, field_of, observed, property_of
from connectors.hubspot.stages import moved_by_others, must_be_cleared
from scoring.facts import OUTPUT_BY_NAME, Kind, Removed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from connectors.hubspot.client import Client

log = structlog.get_logger(__name__)

AT_ONCE = 100
NOT_FOUND = "OBJECT_NOT_FOUND"
NOT_OURS = frozenset({"PROPERTY_DOESNT_EXIST", "READ_ONLY_VALUE"})
"""Refusals of a property, not of a row: every row would meet them."""

ALL_OR_NOTHING = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.CONFLICT, HTTPStatus.REQUEST_ENTITY_TOO_LARGE})


def push(client: Client, changes: Iterable[Change]) -> Iterator[Outcome]:
    """Outcomes of all changes, as their batches end; several batches are under way at a time.

    After an error nothing more is drawn from `changes`, and what was drawn has its outcome before the error is raised:
    rows whose answer was lost end as unknown, rows that were refused unread or not sent at all as skipped.
    """
    halted = threading.Event()
    failure: ConnectorError | None = None

    def batches() -> Iterator[list[Change]]:
        rows = iter(changes)
        while not halted.is_set() and (batch := list(itertools.islice(rows, AT_ONCE))):
            _refuse_nonsense(batch)
            yield batch

    def send(batch: list[Change]) -> tuple[list[Outcome], ConnectorError | None]:
        ended: dict[str, Outcome] = {}
        if halted.is_set():
            return _left(batch, ended, None), None
        try:
            for outcome in _write(client, batch):
                ended[outcome.record_id] = outcome
        except ConnectorError as error:
            halted.set()
            return [*ended.values(), *_left(batch, ended, error)], error
        return list(ended.values()), None

    for outcomes, error in in_parallel(send, batches(), WORKERS):
        failure = failure or error
        yield from outcomes
    if failure:
        raise failure


def _left(batch: Sequence[Change], ended: Mapping[str, Outcome], error: ConnectorError | None) -> list[Outcome]:
    """How the rows of a batch end that an error, or the end of the push, left without an outcome."""
    rest = [change for change in batch if change.record_id not in ended]
    if isinstance(error, Unreachable):
        return [_outcome(change, Status.UNKNOWN, "NO_ANSWER", "no answer came.") for change in rest]
    return [_outcome(change, Status.SKIPPED, "NOT_SENT", "writing stopped before.") for change in rest]


def _refuse_nonsense(batch: Sequence[Change]) -> None:
    if len({change.record_id for change in batch}) < len(batch):
        raise ConnectorBug("one record stands twice in a batch of changes.", crm=CRM)
    if any(change.kind != Kind.CONTACT for change in batch):
        raise ConnectorBug("HubSpot holds contacts only; a change is for another kind of record.", crm=CRM)


def _write(client: Client, batch: Sequence[Change]) -> Iterator[Outcome]:
    """One batch. Lifecycle stages are looked at before they are moved, and cleared first where they go back."""
    moving = [change for change in batch if change.move]
    held = _read(client, moving, [LIFECYCLE_STAGE]) if moving else {}
    going, back = [], []
    for change in batch:
        there = held.get(change.record_id)
        if moved_by_others(change, there):
            yield _outcome(change, Status.SKIPPED, "STAGE_CHANGED", "somebody moved the lifecycle stage meanwhile.")
        elif must_be_cleared(change, there):
            back.append(change)
        else:
            going.append(change)
    if back:
        by_id = {change.record_id: change for change in back}
        for outcome in _update(client, [replace(change, values={CRM_STAGE: CLEAR}, move=None) for change in back]):
            if outcome.status is Status.ACCEPTED:
                going.append(by_id[outcome.record_id])
            else:
                yield outcome
    if going:
        yield from _update(client, going)


def _update(client: Client, batch: Sequence[Change], *, last: bool = False) -> Iterator[Outcome]:
    """One batch; halved for as long as HubSpot refuses it whole, until the bad rows stand alone.

    `last` says that its rows were sent before, so that what the answer leaves out again is left unknown.
    """
    body = {
        "inputs": [
            {
                "id": change.record_id,
                "properties": {property_of(name): encode(value) for name, value in change.values.items()},
                # With a trace id on every input, bad rows are named instead of refusing the batch.
                "objectWriteTraceId": _trace(position),
            }
            for position, change in enumerate(batch)
        ]
    }
    try:
        answer = client.post(paths.objects("contacts", "batch/update"), body)
    except Refused as refusal:
        if refusal.status not in ALL_OR_NOTHING:
            raise
        _stop_if_not_ours(refusal.problem)
        if len(batch) == 1:
            yield _rejected(batch[0], refusal.problem)
            return
        middle = len(batch) // 2
        log.info("batch is halved", crm=CRM, rows=len(batch), codes=refusal.problem.codes)
        yield from _update(client, batch[:middle], last=last)
        yield from _update(client, batch[middle:], last=last)
    else:
        yield from _settle(client, batch, answer, last=last)


def _trace(position: int) -> str:
    return f"row-{position}"


def _settle(client: Client, batch: Sequence[Change], answer: Any, *, last: bool) -> Iterator[Outcome]:
    """Match the answer with what was sent: accepted by id, rejected by trace id or id, the rest looked up."""
    body = answer if isinstance(answer, dict) else {}
    accepted = _by_id(body)
    refused, nameless = _refusals(batch, body)
    silent = {}
    for change in batch:
        problem = refused.get(change.record_id)
        properties = accepted.get(change.record_id)
        if problem is None and properties is not None and (not change.move or LIFECYCLE_STAGE in properties):
            yield _taken(change, properties)
        elif problem is None:
            silent[change.record_id] = change
        elif not _not_ours(problem):
            yield _rejected(change, problem)
    rows = list(silent.values())
    try:
        # An error that names no row may be any of theirs, and alone it must be.
        for outcome in _one_by_one(client, rows) if nameless else _look_up(client, rows, last=last):
            del silent[outcome.record_id]
            yield outcome
    except ConnectorError:
        for change in silent.values():
            yield _unaccounted(change)
        raise
    for problem in refused.values():
        _stop_if_not_ours(problem)


def _taken(change: Change, properties: Mapping[str, Any]) -> Outcome:
    """A row that was taken. That a stage stayed where it was is told by nothing but the stage in the answer."""
    if change.move and properties[LIFECYCLE_STAGE] != change.values[CRM_STAGE]:
        stayed = _outcome(change, Status.REJECTED, "STAGE_STAYED", "HubSpot left the lifecycle stage where it was.")
        return replace(stayed, field=CRM_STAGE)
    return _outcome(change, Status.ACCEPTED)


def _refusals(batch: Sequence[Change], body: dict[str, Any]) -> tuple[dict[str, Problem], bool]:
    """What an answer says against rows, by record id, and whether it holds errors that name none."""
    by_trace = {_trace(position): change.record_id for position, change in enumerate(batch)}
    refused: dict[str, Problem] = {}
    nameless = False
    for entry in entries(body):
        ids = {*context(entry, "ids"), *context(entry, "id")}
        ids |= {by_trace[trace] for trace in context(entry, "objectWriteTraceId") if trace in by_trace}
        if not ids and len(batch) == 1:
            ids = {batch[0].record_id}
        refused |= dict.fromkeys(ids, parse(entry))
        nameless |= not ids
    return refused, nameless


def _one_by_one(client: Client, rows: Sequence[Change]) -> Iterator[Outcome]:
    for change in rows:
        yield from _update(client, [change])


def _look_up(client: Client, silent: Sequence[Change], *, last: bool) -> Iterator[Outcome]:
    """Rows that an answer leaves out: written after all, merged away, gone, or not written and sent once more."""
    if not silent:
        return
    held = _read(client, silent, {property_of(name) for change in silent for name in change.values})
    missing = []
    for change in silent:
        if change.record_id not in held:
            yield _whereabouts(client, change)
        elif _holds(held[change.record_id], change):
            yield _outcome(change, Status.ACCEPTED)
        elif last:
            yield _unaccounted(change)
        else:
            missing.append(change)
    if missing:
        yield from _update(client, missing, last=True)


def _read(client: Client, rows: Sequence[Change], names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The properties that the contacts hold now, by id, without those that HubSpot does not give under their id."""
    body = {"properties": sorted(names), "inputs": [{"id": change.record_id} for change in rows]}
    return _by_id(client.post(paths.objects("contacts", "batch/read"), body))


def _by_id(body: Any) -> dict[str, dict[str, Any]]:
    results = body.get("results") if isinstance(body, dict) else None
    return {str(item.get("id")): item.get("properties") or {} for item in results or [] if isinstance(item, dict)}


def _holds(properties: Mapping[str, Any], change: Change) -> bool:
    """Whether a contact holds what the change asks for."""
    return all(
        _held(properties.get(property_of(name)), name) == (None if value is CLEAR else str(value))
        for name, value in change.values.items()
    )


def _held(value: Any, name: str) -> str | None:
    held = None if value == "" else value
    return held if name == CRM_STAGE else observed([held], OUTPUT_BY_NAME[name])[0]


def _whereabouts(client: Client, change: Change) -> Outcome:
    """What became of a contact that is not found under its id: only a single read follows merges."""
    try:
        found = client.get(paths.one("contacts", change.record_id), label="contact by id")
    except Refused as refusal:
        if refusal.status != HTTPStatus.NOT_FOUND:
            raise
        return _gone(change, Removed.DELETED)
    survivor = str(found.get("id"))
    return _unaccounted(change) if survivor == change.record_id else _gone(change, Removed.MERGED, survivor)


def _unaccounted(change: Change) -> Outcome:
    return _outcome(change, Status.UNKNOWN, "UNACCOUNTED", "the answer says nothing of this row.")


def _rejected(change: Change, problem: Problem) -> Outcome:
    if NOT_FOUND in {problem.category, *problem.codes}:
        return _gone(change, Removed.DELETED)
    return Outcome(
        change.kind,
        change.record_id,
        Status.REJECTED,
        code=next(iter(problem.codes), problem.category),
        message=problem.message,
        field=field_of(problem.properties[0]) if problem.properties else "",
        tag=change.tag,
    )


def _gone(change: Change, how: Removed, successor: str | None = None) -> Outcome:
    where = "lives on in another contact." if successor else "is not there any more."
    return Outcome(
        change.kind,
        change.record_id,
        Status.REJECTED,
        code=NOT_FOUND if how is Removed.DELETED else "MERGED",
        message=f"the contact {where}",
        gone=how.value,
        successor_id=successor,
        tag=change.tag,
    )


def _outcome(change: Change, status: Status, code: str = "", message: str = "") -> Outcome:
    return Outcome(change.kind, change.record_id, status, code=code, message=message, tag=change.tag)


def _not_ours(problem: Problem) -> bool:
    return not NOT_OURS.isdisjoint(problem.codes)


def _stop_if_not_ours(problem: Problem) -> None:
    if _not_ours(problem):
        names = ", ".join(problem.properties) or "a property"
        raise ConfigProblem(
            f"{names} cannot be written ({', '.join(problem.codes)}).",
            crm=CRM,
            remedy="Run `leadgrade provision`, then `leadgrade check`.",
            request_id=problem.request_id,
        )
