"""Writes the result fields: collections of 200 for a few rows, Bulk ingest for many, and an outcome for each row."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any, Final

import structlog

from connectors.base import CLEAR, Change, Outcome, Status
from connectors.errors import ConfigProblem, OutcomeUnknown, SplitBatch, Unreachable
from connectors.salesforce import bulk, soql
from connectors.salesforce.errors import CRM, Problem, RowFate, fate_of, parse_bulk_error, problems_in, words_for
from connectors.salesforce.fields import OUTPUT_OF, WRITTEN, need_object
from connectors.salesforce.values import NUMBER_TYPES
from scoring.facts import Removed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from connectors.clock import Clock
    from connectors.salesforce.client import Client

log = structlog.get_logger(__name__)

SOBJECTS: Final = {"lead": "Lead", "contact": "Contact"}
COLLECTION_ROWS: Final = 200
"""The most that one collections call takes."""

LOCK_WAITS_S: Final = (1.0, 3.0, 9.0)
"""Before each new try of rows that were locked; Salesforce itself waits 10 s for a lock."""

INGEST_ROUNDS: Final = 3
"""How often rows that a job left unprocessed are sent again."""

NOT_YET: Final = "Salesforce had no time for the row; the next run sends it again."


@dataclass(frozen=True, slots=True)
class Row:
    """One change on its way: the change, and what Salesforce is to be told of it (text, number, or None to clear)."""

    change: Change
    cells: Mapping[str, str | int | None]

    @property
    def key(self) -> str:
        """The record, whichever form its id has."""
        return bulk.short(self.change.record_id)


class Writer:
    """Updates by record id, never creates. One object at a time, so that no two jobs fight over an account."""

    def __init__(
        self, client: Client, clock: Clock, *, bulk_above: int, on_job: Callable[[str], None] = lambda _: None
    ) -> None:
        self._client = client
        self._clock = clock
        self._bulk_above = bulk_above
        self._on_job = on_job
        self._size = COLLECTION_ROWS  # shrinks for the rest of the run when the organisation's triggers give up

    def push(self, changes: Iterable[Change]) -> Iterator[Outcome]:
        """Exactly one outcome per change, in any order.

        Raises ConfigProblem, before anything is sent, when a field that is to be written does not exist or may not
        be edited. When Salesforce can no longer be reached, the rows in flight end as unknown first.
        """
        for kind, group in itertools.groupby(sorted(changes, key=_order), key=lambda change: change.kind):
            rows = list(group)
            fields = self._writable(SOBJECTS[kind], {name for change in rows for name in change.values})
            good = []
            for change in rows:
                row = Row(change, {WRITTEN[name]: _cell(value) for name, value in change.values.items()})
                problem = _unfit(row, fields)
                if problem:
                    yield _rejected(row, problem)
                elif not row.cells:
                    yield _outcome(row, Status.SKIPPED, code="NOTHING_TO_WRITE")
                else:
                    good.append(row)
            yield from self._send(SOBJECTS[kind], good)

    def _writable(self, sobject: str, outputs: Iterable[str]) -> dict[str, Any]:
        fields = need_object(sobject, self._client.describe(sobject))
        for output in sorted(outputs):
            name = WRITTEN[output]
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
        return fields

    def _send(self, sobject: str, rows: list[Row]) -> Iterator[Outcome]:
        """Rows of one object; those that were locked are tried again by themselves at the end."""
        locked: list[Row] = []
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

    def _by_collections(self, sobject: str, rows: Sequence[Row], locked: list[Row]) -> Iterator[Outcome]:
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

    def _update(self, sobject: str, batch: Sequence[Row]) -> list[Any]:
        """One collections call; its answers are in the order of the rows."""
        records = [{"attributes": {"type": sobject}, "id": row.change.record_id, **row.cells} for row in batch]
        answer = self._client.call("PATCH", "/composite/sobjects", json={"allOrNone": False, "records": records})
        return answer if isinstance(answer, list) else []

    def _settle(
        self, sobject: str, batch: Sequence[Row], answers: Sequence[Any], locked: list[Row], waiting: list[Row]
    ) -> Iterator[Outcome]:
        """Outcomes of a batch; rows to be tried again go to `locked` or, for a smaller batch, back to `waiting`."""
        refused: list[tuple[Row, Problem]] = []
        crowded: list[Row] = []
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

    def _by_bulk(self, sobject: str, rows: Sequence[Row], locked: list[Row]) -> Iterator[Outcome]:
        remaining = list(rows)
        for _ in range(INGEST_ROUNDS):
            unprocessed: list[Row] = []
            for header, cells, part in _jobs(remaining):
                yield from self._job(sobject, bulk.csv_body(header, cells), part, locked, unprocessed)
            remaining = unprocessed
            if not remaining:
                return
        for row in remaining:
            yield _later(row, Problem("UNPROCESSED", NOT_YET))

    def _job(
        self, sobject: str, body: bytes, rows: Sequence[Row], locked: list[Row], unprocessed: list[Row]
    ) -> Iterator[Outcome]:
        try:
            found = bulk.ingest(self._client, sobject, body, self._clock, self._on_job)
        except (Unreachable, OutcomeUnknown):
            for row in rows:
                yield _outcome(row, Status.UNKNOWN, code="NO_ANSWER", message="The Bulk job's end was not seen.")
            raise
        refused: list[tuple[Row, Problem]] = []
        for row in rows:
            if row.key in found.failed:
                refused.append((row, parse_bulk_error(found.failed[row.key])))
            elif row.key in found.done:
                yield _outcome(row, Status.ACCEPTED)
            elif row.key in found.unprocessed:
                unprocessed.append(row)
            else:
                yield _outcome(row, Status.UNKNOWN, code="NOT_IN_ANSWER", message="The job does not speak of the row.")
        yield from self._refused(sobject, refused, locked)

    # --- rows that were not taken

    def _refused(self, sobject: str, refused: Sequence[tuple[Row, Problem]], locked: list[Row]) -> Iterator[Outcome]:
        gone: list[tuple[Row, Problem]] = []
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
        where = self._successors(sobject, [row.change.record_id for row, _ in gone])
        for row, problem in gone:
            removed, successor = where.get(row.key, (None, None))
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
                found[bulk.short(record["Id"])] = _what_became(record)
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


def _cell(value: object) -> str | int | None:
    if value is CLEAR or value == "":
        return None
    return value if isinstance(value, int) else str(value)


def _unfit(row: Row, fields: Mapping[str, Any]) -> Problem | None:
    """Why the field would refuse the value, as far as its description tells; values are never cut to fit."""
    for name, value in row.cells.items():
        described = fields[name]
        if not _of_type(value, described["type"]):
            return Problem("INVALID_TYPE_ON_FIELD_IN_RECORD", "", name)
        if isinstance(value, str) and 0 < described.get("length", 0) < len(value):
            return Problem("STRING_TOO_LONG", "", name)
        if value is not None and described.get("restrictedPicklist"):
            choices = {choice["value"] for choice in described["picklistValues"] if choice.get("active", True)}
            if str(value) not in choices:
                return Problem("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "", name)
    return None


def _of_type(value: str | int | None, described_type: str) -> bool:
    """Whether the value can stand in the field: one that cannot would have the whole call refused."""
    if value is None:
        return True
    if described_type in NUMBER_TYPES:
        return isinstance(value, int)
    try:
        return described_type != "date" or bool(date.fromisoformat(str(value)))
    except ValueError:
        return False


def _jobs(rows: Sequence[Row]) -> Iterator[tuple[list[str], list[list[str]], list[Row]]]:
    """Rows cut into jobs below `bulk.JOB_BYTES`, all with the same columns: header, cells, rows."""
    columns = [name for name in WRITTEN.values() if any(name in row.cells for row in rows)]
    header = ["Id", *columns]
    cells: list[list[str]] = []
    part: list[Row] = []
    size = 0
    for row in rows:
        line = [row.change.record_id, *(_bulk_cell(row.cells, name) for name in columns)]
        length = sum(len(cell.encode()) + 3 for cell in line)
        if part and size + length > bulk.JOB_BYTES:
            yield header, cells, part
            cells, part, size = [], [], 0
        cells.append(line)
        part.append(row)
        size += length
    if part:
        yield header, cells, part


def _bulk_cell(cells: Mapping[str, str | int | None], name: str) -> str:
    if name not in cells:
        return bulk.EMPTY_CELL
    value = cells[name]
    return bulk.CLEARED_CELL if value is None else str(value)


def _outcome(row: Row, status: Status, *, code: str = "", message: str = "", field: str = "") -> Outcome:
    change = row.change
    return Outcome(change.kind, change.record_id, status, code, message, field, tag=change.tag)


def _rejected(row: Row, problem: Problem) -> Outcome:
    field = OUTPUT_OF.get(problem.field, problem.field)
    return _outcome(row, Status.REJECTED, code=problem.code, message=words_for(problem), field=field)


def _later(row: Row, problem: Problem) -> Outcome:
    """Nothing is wrong with the row: it counts as skipped, so that the next run plans it again."""
    message = NOT_YET if problem.code != "UNABLE_TO_LOCK_ROW" else words_for(problem)
    return _outcome(row, Status.SKIPPED, code=problem.code, message=message)
