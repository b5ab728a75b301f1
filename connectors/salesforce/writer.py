"""Writes the result fields: collections of 200 for a few rows, Bulk ingest for many, and an outcome for each row."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import structlog

from connectors.base import Outcome, Status, no_job
from connectors.errors import ConfigProblem, ConnectorBug, OutcomeUnknown, SplitBatch, Unreachable
from connectors.salesforce import bulk_ingest, soql
from connectors.salesforce.bulk_ingest import short
from connectors.salesforce.cells import Target, bulk_cell, rest_value
from connectors.salesforce.errors import (
    CRM,
    BulkRefused,
    NotThere,
    Problem,
    RowFate,
    fate_of,
    parse_bulk_error,
    problems_in,
    words_for,
)
from connectors.salesforce.fields import OUTPUT_OF, WRITABLE, need_object
from connectors.salesforce.stages import moved_by_others
from scoring.facts import Removed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from connectors.base import Change, OnJob
    from connectors.clock import Clock
    from connectors.salesforce.bulk_ingest import Ingested
    from connectors.salesforce.client import Client

log = structlog.get_logger(__name__)

SOBJECTS: Final = {"lead": "Lead", "contact": "Contact"}
COLLECTION_ROWS: Final = 200
"""The most that one collections call takes."""

LOCK_WAITS_S: Final = (1.0, 3.0, 9.0)
"""Before each new try of rows that were locked; Salesforce itself waits 10 s for a lock."""

INGEST_ROUNDS: Final = 3
"""How often rows that a job left unprocessed are sent again."""

PART_ROWS: Final = 100_000
"""Changes in memory at a time, some 80 MB of them."""

NOT_YET: Final = "Salesforce had no time for the row; the next run sends it again."
UNPROCESSED: Final = Problem("UNPROCESSED", NOT_YET)


class Writer:
    """Updates by record id, never creates. One object at a time, so that no two jobs fight over an account."""

    def __init__(self, client: Client, clock: Clock, *, bulk_above: int) -> None:
        self._client = client
        self._clock = clock
        self._bulk_above = bulk_above
        self._on_job: OnJob = no_job
        self._size = COLLECTION_ROWS  # shrinks for the rest of the run when the organisation's triggers give up

    def push(self, changes: Iterable[Change], on_job: OnJob = no_job) -> Iterator[Outcome]:
        """Exactly one outcome per change, in any order.

        Raises ConfigProblem, before anything is sent, when a field that is to be written does not exist or may not
        be edited. When Salesforce can no longer be reached, the rows in flight end as unknown first.
        """
        self._on_job = on_job
        waiting = iter(changes)
        while part := sorted(itertools.islice(waiting, PART_ROWS), key=_order):
            _refuse_repeats(part)
            for kind, rows in itertools.groupby(part, key=lambda row: row.kind):
                yield from self._push(SOBJECTS[kind], list(rows))
            part.clear()  # else two parts are in memory while the next one is gathered

    def _push(self, sobject: str, rows: list[Change]) -> Iterator[Outcome]:
        targets = self._targets(sobject, {name for row in rows for name in row.values})
        good = []
        for row in rows:
            if problem := _unfit(row, targets):
                yield _rejected(row, problem)
            elif not row.values:
                yield _outcome(row, Status.SKIPPED, code="NOTHING_TO_WRITE")
            else:
                good.append(row)
        changed = moved_by_others(self._client, sobject, good)
        for row in (row for row in good if short(row.record_id) in changed):
            yield _outcome(row, Status.SKIPPED, code="STAGE_CHANGED", message="Somebody changed the status meanwhile.")
        yield from self._send(sobject, [row for row in good if short(row.record_id) not in changed])

    def collect(self, job: str, rows: Sequence[Change]) -> Iterator[Outcome]:
        """An outcome for each row of a job that another process began; nothing is sent again."""
        try:
            sobject, found = bulk_ingest.collect(self._client, job, self._clock)
        except NotThere:
            yield from _job_gone(rows)
            return
        left: list[Change] = []
        yield from self._account(sobject, rows, found, left, left)
        for row in left:
            yield _later(row, UNPROCESSED)

    def _targets(self, sobject: str, outputs: Iterable[str]) -> dict[str, Target]:
        fields = need_object(sobject, self._client.describe(sobject))
        for name in sorted(WRITABLE[output] for output in outputs):
            if name not in fields:
                raise ConfigProblem(
                    f"{sobject}.{name} does not exist or may not be read.",
                    crm=CRM,
                    remedy="Run `leadgrade provision`.",
                )
            if not fields[name]["updateable"]:
                raise ConfigProblem(
                    f"{sobject}.{name} may not be edited by the running user.",
                    crm=CRM,
                    remedy="Run `leadgrade provision`, or grant 'Edit' on it in a permission set.",
                )
        return {output: Target.described(fields[WRITABLE[output]]) for output in outputs}

    def _send(self, sobject: str, rows: list[Change]) -> Iterator[Outcome]:
        """Rows of one object; those that were locked are tried again by themselves at the end."""
        locked: list[Change] = []
        send = self._by_bulk if len(rows) > self._bulk_above else self._by_collections
        yield from send(sobject, rows, locked)
        for wait_s in LOCK_WAITS_S:
            if not locked:
                return
            self._clock.sleep(wait_s)
            again, locked = locked, []
            yield from self._by_collections(sobject, again, locked)
        for row in locked:
            yield _later(row, Problem("UNABLE_TO_LOCK_ROW", ""))

    # --- collections

    def _by_collections(self, sobject: str, rows: Sequence[Change], locked: list[Change]) -> Iterator[Outcome]:
        waiting = list(reversed(rows))
        while waiting:
            batch = [waiting.pop() for _ in range(min(self._size, len(waiting)))]
            try:
                answers = self._update(sobject, batch)
            except SplitBatch:
                if len(batch) == 1:
                    yield _later(batch[0], Problem("REQUEST_RUNNING_TOO_LONG", ""))
                else:
                    self._shrink(len(batch))
                    waiting.extend(reversed(batch))
                continue
            except (Unreachable, OutcomeUnknown):
                for row in batch:
                    yield _outcome(row, Status.UNKNOWN, code="NO_ANSWER", message="Sent, and no answer came.")
                raise
            yield from self._settle(sobject, batch, answers, locked, waiting)

    def _update(self, sobject: str, batch: Sequence[Change]) -> list[Any]:
        """One collections call; its answers are in the order of the rows."""
        records = [
            {"attributes": {"type": sobject}, "id": row.record_id}
            | {WRITABLE[output]: rest_value(value) for output, value in row.values.items()}
            for row in batch
        ]
        answer = self._client.call("PATCH", "/composite/sobjects", json={"allOrNone": False, "records": records})
        return answer if isinstance(answer, list) else []

    def _settle(
        self, sobject: str, batch: Sequence[Change], answers: Sequence[Any], locked: list[Change], waiting: list[Change]
    ) -> Iterator[Outcome]:
        """Outcomes of a batch; rows to be tried again go to `locked` or, for a smaller batch, back to `waiting`."""
        refused: list[tuple[Change, Problem]] = []
        crowded: list[Change] = []
        for row, answer in itertools.zip_longest(batch, answers[: len(batch)]):
            if isinstance(answer, dict) and answer.get("success"):
                yield _outcome(row, Status.ACCEPTED)
                continue
            problems = problems_in(answer.get("errors")) if isinstance(answer, dict) else []
            if not problems:
                yield _outcome(
                    row, Status.UNKNOWN, code="NOT_IN_ANSWER", message="The answer does not speak of the row."
                )
            elif fate_of(problems[0]) is RowFate.SPLIT and len(batch) > 1:
                crowded.append(row)
            else:
                refused.append((row, problems[0]))
        if crowded:
            self._shrink(len(batch))
            waiting.extend(reversed(crowded))
        yield from self._refused(sobject, refused, locked)

    def _shrink(self, size: int) -> None:
        self._size = max(1, size // 2)
        log.info("collections made smaller", crm=CRM, rows=self._size)

    # --- bulk

    def _by_bulk(self, sobject: str, rows: Sequence[Change], locked: list[Change]) -> Iterator[Outcome]:
        remaining = list(rows)
        for _ in range(INGEST_ROUNDS):
            unprocessed: list[Change] = []
            for part in _jobs(remaining):
                yield from self._job(sobject, part, locked, unprocessed)
            remaining = unprocessed
            if not remaining:
                return
        for row in remaining:
            yield _later(row, UNPROCESSED)

    def _job(
        self, sobject: str, rows: Sequence[Change], locked: list[Change], unprocessed: list[Change]
    ) -> Iterator[Outcome]:
        outputs = _outputs(rows)
        header = ["Id", *(WRITABLE[output] for output in outputs)]
        lines = (_line(row, outputs) for row in rows)

        def on_job(job: str) -> None:
            self._on_job(job, () if job.startswith(bulk_ingest.WISH) else rows)

        try:
            found = bulk_ingest.ingest(self._client, sobject, header, lines, self._clock, on_job)
        except BulkRefused:
            log.info("not writable in bulk", crm=CRM, sobject=sobject)
            yield from self._by_collections(sobject, rows, locked)
            return
        except (Unreachable, OutcomeUnknown):
            for row in rows:
                yield _outcome(row, Status.UNKNOWN, code="NO_ANSWER", message="The Bulk job's end was not seen.")
            raise
        except NotThere:
            yield from _job_gone(rows)
            return
        yield from self._account(sobject, rows, found, locked, unprocessed)

    def _account(
        self, sobject: str, rows: Iterable[Change], found: Ingested, locked: list[Change], unprocessed: list[Change]
    ) -> Iterator[Outcome]:
        """Outcomes of a job's rows; rows to be tried again go to `locked` or `unprocessed`."""
        refused: list[tuple[Change, Problem]] = []
        for row in rows:
            key = short(row.record_id)
            if key in found.failed:
                refused.append((row, parse_bulk_error(found.failed[key])))
            elif key in found.done:
                yield _outcome(row, Status.ACCEPTED)
            elif key in found.unprocessed:
                unprocessed.append(row)
            else:
                yield _outcome(row, Status.UNKNOWN, code="NOT_IN_ANSWER", message="The job does not speak of the row.")
        yield from self._refused(sobject, refused, locked)

    # --- rows that were not taken

    def _refused(
        self, sobject: str, refused: Sequence[tuple[Change, Problem]], locked: list[Change]
    ) -> Iterator[Outcome]:
        gone: list[tuple[Change, Problem]] = []
        for row, problem in refused:
            match fate_of(problem):
                case RowFate.LOCKED:
                    locked.append(row)
                case RowFate.LATER | RowFate.SPLIT:
                    yield _later(row, problem)
                case RowFate.GONE | RowFate.CONVERTED:
                    gone.append((row, problem))
                case RowFate.REFUSED:
                    yield _rejected(row, problem)
        where = self._successors(sobject, [row.record_id for row, _ in gone])
        for row, problem in gone:
            removed, successor = where.get(short(row.record_id), (None, None))
            if removed is None and fate_of(problem) is RowFate.CONVERTED:
                removed = Removed.CONVERTED
            elif removed is None and "ENTITY_IS_DELETED" in problem.code:
                removed = Removed.DELETED
            yield replace(_rejected(row, problem), gone=removed, successor_id=successor)

    def _successors(self, sobject: str, ids: Sequence[str]) -> dict[str, tuple[Removed | None, str | None]]:
        """What became of records, and where each lives on. Records that nothing is known of are absent."""
        fields = ["Id", "IsDeleted", "MasterRecordId"]
        if sobject == "Lead":
            fields += ["IsConverted", "ConvertedContactId"]
        found: dict[str, tuple[Removed | None, str | None]] = {}
        for text in soql.by_ids(fields, sobject, ids):
            for record in self._client.rows(text, all_rows=True):
                found[short(record["Id"])] = _what_became(record)
        return found


def _what_became(record: Mapping[str, Any]) -> tuple[Removed | None, str | None]:
    if record.get("IsConverted"):
        return Removed.CONVERTED, record.get("ConvertedContactId")
    if record.get("MasterRecordId"):
        return Removed.MERGED, record["MasterRecordId"]
    return (Removed.DELETED, None) if record["IsDeleted"] else (None, None)


def _order(change: Change) -> tuple[str, str, str]:
    """One object at a time, and the records of one account together: they share its lock."""
    return change.kind, change.account_id or "", change.record_id


def _refuse_repeats(part: Sequence[Change]) -> None:
    """Two values for one record cannot both come true, and a job's results would not tell them apart."""
    repeated = len(part) - len({short(row.record_id) for row in part})
    if repeated:
        raise ConnectorBug(f"{repeated} records stand twice in what is to be written.", crm=CRM)


def _unfit(row: Change, targets: Mapping[str, Target]) -> Problem | None:
    """Why a field would refuse its value."""
    for output, value in row.values.items():
        if code := targets[output].refusal(value):
            return Problem(code, "", targets[output].name)
    return None


def _outputs(rows: Sequence[Change]) -> list[str]:
    """The columns of a job: every output that any of its rows has a value for."""
    there = {output for row in rows for output in row.values}
    return [output for output in WRITABLE if output in there]


def _line(row: Change, outputs: Sequence[str]) -> list[str]:
    return [row.record_id, *(bulk_cell(row, output) for output in outputs)]


def _jobs(rows: Sequence[Change]) -> Iterator[Sequence[Change]]:
    """Rows cut into jobs below `bulk_ingest.JOB_BYTES`."""
    outputs = _outputs(rows)
    start = size = 0
    for number, row in enumerate(rows):
        length = sum(len(cell.encode()) + 3 for cell in _line(row, outputs))
        if number > start and size + length > bulk_ingest.JOB_BYTES:
            yield rows[start:number]
            start, size = number, 0
        size += length
    if rows:
        yield rows[start:]


def _outcome(row: Change, status: Status, *, code: str = "", message: str = "", field: str = "") -> Outcome:
    return Outcome(row.kind, row.record_id, status, code, message, field, tag=row.tag)


def _rejected(row: Change, problem: Problem) -> Outcome:
    field = OUTPUT_OF.get(problem.field, problem.field)
    return _outcome(row, Status.REJECTED, code=problem.code, message=words_for(problem), field=field)


def _job_gone(rows: Iterable[Change]) -> Iterator[Outcome]:
    for row in rows:
        yield _outcome(row, Status.UNKNOWN, code="JOB_GONE", message="The job or its results are no longer kept.")


def _later(row: Change, problem: Problem) -> Outcome:
    """Nothing is wrong with the row: it counts as skipped, so that the next run plans it again."""
    message = NOT_YET if problem.code != "UNABLE_TO_LOCK_ROW" else words_for(problem)
    return _outcome(row, Status.SKIPPED, code=problem.code, message=message)
