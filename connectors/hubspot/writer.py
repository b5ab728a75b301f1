"""Batch updates: absolute values by record id, an outcome for every row, nothing inferred from the batch.

Success may hold errors inside, an answer may leave rows out without a word, and one bad value may refuse a hundred
rows; see `BEHAVIOR.md`, "Writing".
"""

from __future__ import annotations

import itertools
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import structlog

from connectors.base import CLEAR, Change, Outcome, Status
from connectors.errors import ConfigProblem, ConnectorBug, Unreachable
from connectors.hubspot import paths
from connectors.hubspot.errors import CRM, Problem, Refused, context, entries, parse
from connectors.hubspot.fields import encode, field_of, observed, property_of
from scoring.facts import OUTPUT_BY_NAME, Kind, Removed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from connectors.hubspot.client import Client

log = structlog.get_logger(__name__)

AT_ONCE = 100
NOT_FOUND = "OBJECT_NOT_FOUND"
NOT_OURS = frozenset({"PROPERTY_DOESNT_EXIST", "READ_ONLY_VALUE"})
"""Refusals of a property, not of a row: every row would meet them."""

ALL_OR_NOTHING = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.CONFLICT, HTTPStatus.REQUEST_ENTITY_TOO_LARGE})


def push(client: Client, changes: Iterable[Change]) -> Iterator[Outcome]:
    """Outcomes of all changes, batch by batch.

    When the portal cannot be reached any more, the rows of the batch under way that have no outcome yet end as unknown
    before Unreachable is raised; rows after it have no outcome and were not sent.
    """
    rows = iter(changes)
    while batch := list(itertools.islice(rows, AT_ONCE)):
        _refuse_nonsense(batch)
        without = {change.record_id: change for change in batch}
        try:
            for outcome in _update(client, batch):
                del without[outcome.record_id]
                yield outcome
        except Unreachable:
            for change in without.values():
                yield _outcome(change, Status.UNKNOWN, "NO_ANSWER", "no answer came.")
            raise


def _refuse_nonsense(batch: Sequence[Change]) -> None:
    if len({change.record_id for change in batch}) < len(batch):
        raise ConnectorBug("one record stands twice in a batch of changes.", crm=CRM)
    if any(change.kind != Kind.CONTACT for change in batch):
        raise ConnectorBug("HubSpot holds contacts only; a change is for another kind of record.", crm=CRM)


def _update(client: Client, batch: Sequence[Change]) -> Iterator[Outcome]:
    """One batch; halved for as long as HubSpot refuses it whole, until the bad rows stand alone."""
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
        yield from _update(client, batch[:middle])
        yield from _update(client, batch[middle:])
    else:
        yield from _settle(client, batch, answer)


def _trace(position: int) -> str:
    return f"row-{position}"


def _settle(client: Client, batch: Sequence[Change], answer: Any) -> Iterator[Outcome]:
    """Match the answer with what was sent: accepted by id, rejected by trace id or id, the rest looked up."""
    body = answer if isinstance(answer, dict) else {}
    accepted = {str(item.get("id")) for item in body.get("results") or [] if isinstance(item, dict)}
    by_trace = {_trace(position): change.record_id for position, change in enumerate(batch)}
    refused: dict[str, Problem] = {}
    homeless = False
    for entry in entries(body):
        problem = parse(entry)
        _stop_if_not_ours(problem)
        ids = {*context(entry, "ids"), *context(entry, "id")}
        ids |= {by_trace[trace] for trace in context(entry, "objectWriteTraceId") if trace in by_trace}
        if not ids and len(batch) == 1:
            ids = {batch[0].record_id}
        refused |= dict.fromkeys(ids, problem)
        homeless |= not ids
    for change in batch:
        if change.record_id in refused:
            yield _rejected(change, refused[change.record_id])
        elif change.record_id in accepted:
            yield _outcome(change, Status.ACCEPTED)
        elif homeless:  # an error that names no row may be this one's: alone it must be
            yield from _update(client, [change])
        else:
            yield _look_up(client, change)


def _look_up(client: Client, change: Change) -> Outcome:
    """A row that the answer leaves out: merged away, gone, or there after all."""
    wanted = [property_of(name) for name in change.values]
    try:
        found = client.get(paths.one("contacts", change.record_id), label="contact by id", properties=",".join(wanted))
    except Refused as refusal:
        if refusal.status != HTTPStatus.NOT_FOUND:
            raise
        return _gone(change, Removed.DELETED)
    survivor = str(found.get("id"))
    if survivor != change.record_id:
        return _gone(change, Removed.MERGED, survivor)
    held = found.get("properties") or {}
    written = all(
        observed([held.get(property_of(name))], OUTPUT_BY_NAME[name])[0] == (None if value is CLEAR else str(value))
        for name, value in change.values.items()
    )
    if written:
        return _outcome(change, Status.ACCEPTED)
    return _outcome(
        change, Status.UNKNOWN, "UNACCOUNTED", "the answer says nothing of this row; it holds other values."
    )


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


def _stop_if_not_ours(problem: Problem) -> None:
    if NOT_OURS.isdisjoint(problem.codes):
        return
    names = ", ".join(problem.properties) or "a property"
    raise ConfigProblem(
        f"{names} cannot be written ({', '.join(problem.codes)}).",
        crm=CRM,
        remedy="Run `leadgrade provision`, then `leadgrade check`.",
        request_id=problem.request_id,
    )
