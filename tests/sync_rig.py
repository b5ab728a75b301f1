"""A CRM in memory that keeps the connector's promises, and short ways to write facts down."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from config.attributes import attribute_types
from config.settings import AttributeSetting, Settings
from connectors.base import (
    CLEAR,
    CRM_STAGE,
    Batch,
    CrmStages,
    Identity,
    Outcome,
    Provisioned,
    Status,
    Stream,
    Usage,
    no_job,
)
from connectors.clock import FakeClock
from scoring.facts import KEYS, OUTPUT_FIELDS, Table, arrow_schema
from sync.mirror.load import Part, load
from sync.mirror.store import Mirror

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    import duckdb

    from connectors.base import Change, Finding, OnJob
    from scoring.facts import OutputField

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
SETTINGS = Settings(
    attributes={
        "seats": AttributeSetting(type="number", hubspot="seats"),
        "trial_ends": AttributeSetting(type="date", hubspot="trial_ends"),
    },
)
TYPES = attribute_types(SETTINGS)


EACH_DATABASE = pytest.mark.parametrize("journal_url", ["sqlite", "postgresql"], indirect=True)
"""For tests of `journal_url` that are to run on every database that a journal may be kept in."""

TABLES = {
    "accounts": Table.ACCOUNTS,
    "records": Table.RECORDS,
    "activities.web": Table.ACTIVITIES,
    "removals": Table.REMOVALS,
}
"""The streams of a CRM in memory, in the order in which they are read."""

SCORE_TYPES = {"integer": "INTEGER", "text": "VARCHAR", "date": "DATE"}


def ago(days: float = 0, *, now: datetime = NOW) -> datetime:
    """Naive UTC, so many days before `now`."""
    return (now - timedelta(days=days)).replace(tzinfo=None)


def batch(table: Table, rows: Iterable[dict[str, Any]], cursor: str = "c", total: int | None = None) -> Batch:
    """A batch from rows that name only the columns that matter."""
    schema = arrow_schema(table, TYPES)
    rows = list(rows)
    for row in rows:
        assert set(row) <= set(schema.names), set(row) - set(schema.names)
    columns = {field.name: pa.array([row.get(field.name) for row in rows], field.type) for field in schema}
    return Batch(table, pa.table(columns, schema=schema), cursor, total)


def record(crm: str, record_id: str, *, kind: str = "contact", **values: Any) -> dict[str, Any]:
    """A row of records; `attr` and `observed` are mappings without prefixes."""
    attributes = {f"attr.{name}": value for name, value in values.pop("attr", {}).items()}
    observed = {f"observed.{name}": value for name, value in values.pop("observed", {}).items()}
    base = {"crm": crm, "kind": kind, "record_id": record_id, "created_at": ago(100), "modified_at": ago(10)}
    return base | values | attributes | observed


def activity(crm: str, activity_id: str, record_id: str | None = None, **values: Any) -> dict[str, Any]:
    """A row of activities: a page view yesterday unless said otherwise."""
    base = {"type": "page_view", "occurred_at": ago(1), "seen_at": ago(0), "count": 1}
    return {"crm": crm, "activity_id": activity_id, "record_id": record_id} | base | values


def mirror_at(path: Path, **changes: Any) -> Mirror:
    """A mirror with the attributes above."""
    given = {"types": TYPES, "mapping": "", "memory_limit_mb": 256, "clock": FakeClock(NOW), "lock_wait_s": 2.0}
    return Mirror(path, **(given | changes))


def store(
    connection: duckdb.DuckDBPyConnection,
    *batches: Batch,
    stream: str = "records",
    fence: int = 1,
    crm: str = "hubspot",
) -> Counter[str]:
    """Load batches as one commit; how many values were not of their type, per attribute."""
    part = Part(crm, Stream(stream, batches[0].table))
    for item in batches:
        part.add(item)
    return load(connection, [part], types=TYPES, now=NOW, fence=fence)


def fake_scores(connection: duckdb.DuckDBPyConnection, desired: dict[str, dict[str, Any]]) -> None:
    """The engine's table, with values by record id of the person."""
    columns = ", ".join(f"{field.name} {SCORE_TYPES[field.type]}" for field in OUTPUT_FIELDS)
    connection.execute(f"CREATE TEMP TABLE scores (person BIGINT, {columns}, rating_rank INTEGER)")
    names = [field.name for field in OUTPUT_FIELDS]
    for person, record_id in connection.execute("SELECT person, record_id FROM members WHERE place = 1").fetchall():
        row = [person, *(desired[record_id].get(name) for name in names), 0]
        connection.execute(f"INSERT INTO scores VALUES ({', '.join('?' * len(row))})", row)


class MemoryCrm:
    """A CRM with people, companies and activities; every change gets a number, and cursors are such numbers.

    `refuse` answers with a reason for a record it does not want to be written; `skip` names records it does not get
    to; `lose` those whose outcome never becomes known although they are written; `gone` maps record ids to (why,
    successor). `broken` maps streams to the error they raise, after `broken_after` batches.
    """

    page = 3

    def __init__(self, crm: str, account_id: str = "1") -> None:
        self.crm = crm
        self.account_id = account_id
        self.records: dict[str, dict[str, Any]] = {}
        self.rows: dict[str, list[tuple[int, dict[str, Any]]]] = {stream: [] for stream in TABLES}
        self.version = 0
        self.written: list[Change] = []
        self.pulled: list[tuple[str, str | None]] = []
        self.revisited: list[list[str]] = []
        self.refuse: Callable[[Change], str | None] = lambda change: None
        self.lose: set[str] = set()
        self.skip: set[str] = set()
        self.gone: dict[str, tuple[str, str | None]] = {}
        self.broken: dict[str, Exception] = {}
        self.broken_after = 0
        self.push_error: tuple[int, Exception] | None = None
        self.optional = {"activities.web"}
        self.on_push: Callable[[Change], object] = lambda change: None
        self.batch_size = 2
        self.own_stages: tuple[str, ...] = ()
        self.ask: Callable[[], object] = lambda: None

    def put(self, record_id: str, **values: Any) -> None:
        """Make or change a record; every version is newer than the one before."""
        row = self.records.get(record_id) or record(self.crm, record_id)
        self.records[record_id] = row = {**row, **record(self.crm, record_id, **({"kind": row["kind"]} | values))}
        self._note("records", row)

    def put_company(self, account_id: str, **attributes: Any) -> None:
        """Make or change a company."""
        row = {f"attr.company.{name}": value for name, value in attributes.items()}
        self._note("accounts", {"crm": self.crm, "account_id": account_id, "modified_at": ago(10), **row})

    def do(self, activity_id: str, record_id: str | None, **values: Any) -> None:
        """Somebody does something."""
        self._note("activities.web", activity(self.crm, activity_id, record_id, **values))

    def remove(self, record_id: str, removed: str = "deleted", successor_id: str | None = None) -> None:
        """Delete, merge or convert a record."""
        row = self.records.pop(record_id)
        self.rows["records"] = [item for item in self.rows["records"] if item[1]["record_id"] != record_id]
        self._note(
            "removals",
            {"crm": self.crm, "kind": row["kind"], "record_id": record_id, "removed": removed,
             "successor_id": successor_id, "removed_at": ago(0)},
        )  # fmt: skip

    def observed(self, record_id: str) -> dict[str, str]:
        """What Leadgrade's fields show on a record."""
        return {
            name.removeprefix("observed."): value
            for name, value in self.records[record_id].items()
            if name.startswith("observed.") and value is not None
        }

    def _note(self, stream: str, row: dict[str, Any]) -> None:
        self.version += 1
        if stream == "records":
            row["modified_at"] = ago(10) + timedelta(milliseconds=self.version)
        key = KEYS[TABLES[stream]][-1]
        self.rows[stream] = [item for item in self.rows[stream] if item[1][key] != row[key]]
        self.rows[stream].append((self.version, row))

    def count_in(self, earlier: Iterable[tuple[datetime, int]]) -> None:
        self.earlier = list(earlier)

    def ask_before_calls(self, ask: Callable[[], object] | None) -> None:
        self.ask = ask or (lambda: None)

    def identify(self) -> Identity:
        return Identity(self.crm, self.account_id, "Test", is_sandbox=True)

    def check(self) -> list[Finding]:
        return []

    def provision(self, fields: Sequence[OutputField], *, dry_run: bool) -> list[Provisioned]:
        self.ask()
        return [Provisioned(field.name, "would create" if dry_run else "created") for field in fields]

    def crm_stages(self) -> CrmStages:
        return CrmStages("contact", f"{self.crm}.stage", self.own_stages, never=("converted",))

    def streams(self) -> list[Stream]:
        return [Stream(name, table, optional=name in self.optional) for name, table in TABLES.items()]

    def pull(self, stream: str, cursor: str | None) -> Iterator[Batch]:
        self.ask()
        self.pulled.append((stream, cursor))
        table = next(item.table for item in self.streams() if item.name == stream)
        since = json.loads(cursor) if cursor else 0
        rows = [item for item in self.rows[stream] if item[0] > since]
        for number, start in enumerate(range(0, len(rows), self.page)):
            if stream in self.broken and number >= self.broken_after:
                raise self.broken[stream]
            page, left = rows[start : start + self.page], -(-len(rows) // self.page) - number - 1
            made = batch(table, [row for _, row in page], json.dumps(page[-1][0]), total=len(rows))
            yield replace(made, slices_left=left)
        if stream in self.broken:
            raise self.broken[stream]

    def revisit(self, record_ids: Sequence[str]) -> Iterator[Batch]:
        self.revisited.append(list(record_ids))
        for record_id in record_ids:
            row, gone = self.records.get(record_id), self.gone.get(record_id)
            if gone:
                removal = {"crm": self.crm, "kind": "contact", "record_id": record_id, "removed": gone[0]}
                yield batch(Table.REMOVALS, [removal | {"successor_id": gone[1]}], record_id)
            elif row:
                yield batch(Table.RECORDS, [row], record_id)

    def push(self, changes: Iterable[Change], on_job: OnJob = no_job) -> Iterator[Outcome]:
        waiting: list[Change] = []
        for change in changes:
            waiting.append(change)
            if len(waiting) == self.batch_size:
                yield from self._send(waiting)
                waiting = []
        yield from self._send(waiting)

    def collect(self, job: str, rows: Sequence[Change]) -> Iterator[Outcome]:
        raise AssertionError(f"{job} was never begun")

    def _send(self, changes: list[Change]) -> Iterator[Outcome]:
        self.ask()
        if self.push_error and len(self.written) >= self.push_error[0]:
            raise self.push_error[1]
        outcomes = []
        for change in changes:
            self.on_push(change)
            outcomes.append(self._write(change))
        yield from reversed(outcomes)

    def _write(self, change: Change) -> Outcome:
        def ended(status: Status, **more: Any) -> Outcome:
            return Outcome(change.kind, change.record_id, status, tag=change.tag, **more)

        if change.record_id in self.gone:
            why, successor = self.gone[change.record_id]
            return ended(Status.REJECTED, code="NOT_FOUND", gone=why, successor_id=successor)
        if change.record_id in self.skip:
            return ended(Status.SKIPPED, code="LOCKED")
        if reason := self.refuse(change):
            return ended(Status.REJECTED, code="VALIDATION", message=reason, field="rating")
        self.written.append(change)
        values = {
            "stage" if name == CRM_STAGE else f"observed.{name}": None if value is CLEAR else str(value)
            for name, value in change.values.items()
        }
        self.records[change.record_id] = row = self.records[change.record_id] | values
        self._note("records", row)
        if change.record_id in self.lose:
            return ended(Status.UNKNOWN, code="NO_ANSWER")
        return ended(Status.ACCEPTED)

    def usage(self) -> Usage:
        return Usage(calls=len(self.written))

    def close(self) -> None:
        return
