"""Bulk API 2.0: query jobs read page by page to disk, and ingest jobs with an account of every row."""

from __future__ import annotations

import csv
import io
import mmap
import os
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import structlog
from pyarrow import csv as arrow_csv

from connectors.errors import ConnectorBug, ConnectorError, SplitBatch, Unreachable
from connectors.salesforce.errors import CRM

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from connectors.clock import Clock
    from connectors.salesforce.client import Client

log = structlog.get_logger(__name__)

PAGE_ROWS: Final = 50_000
BATCH_ROWS: Final = 10_000
BLOCK_BYTES: Final = 8 << 20
"""More than the largest record (400,000 characters): the parser must see a row whole."""

JOB_BYTES: Final = 20 << 20
"""One ingest job's CSV. The API takes 100 MB; this much is held in memory, some 50,000 of our rows."""

FIRST_POLL_S: Final = 1.0
LONGEST_POLL_S: Final = 30.0
PATIENCE_S: Final = 6 * 3600.0
"""A job that is not done by then is given up for this run."""

PAGE_TRIES: Final = 3
NO_MORE: Final = "null"  # the literal text that the last page's locator is
EMPTY_CELL: Final = ""  # leaves a field alone
CLEARED_CELL: Final = "#N/A"

_DONE: Final = frozenset({"JobComplete", "Failed", "Aborted"})


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a query job's result: text columns, and the locator behind the page it belongs to.

    `last` marks the last part of its page; `locator` is empty when the job has no more pages.
    """

    rows: pa.Table
    locator: str
    last: bool


def start_query(client: Client, soql: str, *, all_rows: bool) -> str:
    """Create a query job; its id. Raises BulkRefused when the object cannot be read this way."""
    body = {
        "operation": "queryAll" if all_rows else "query",
        "query": soql,
        "contentType": "CSV",
        "columnDelimiter": "COMMA",
        "lineEnding": "LF",
    }
    job = client.call("POST", "/jobs/query", json=body)
    return str(job["id"])


def wait(client: Client, path: str, clock: Clock) -> dict[str, Any]:
    """The job's last state, once it is done in whatever way. Raises Unreachable when patience ends."""
    deadline = clock.monotonic() + PATIENCE_S
    pause = FIRST_POLL_S
    while True:
        job: dict[str, Any] = client.call("GET", path, label="/jobs/<job>")
        if job["state"] in _DONE:
            return job
        if clock.monotonic() + pause > deadline:
            raise Unreachable(
                f"Bulk job {job['id']} is still {job['state']} after {PATIENCE_S / 3600:.0f} hours.",
                crm=CRM,
                remedy="Look at Setup > Bulk Data Load Jobs; run again later.",
            )
        clock.sleep(pause)
        pause = min(pause * 1.5, LONGEST_POLL_S)


def finish_query(client: Client, job: str, clock: Clock) -> None:
    """Wait for a query job. Raises SplitBatch when it ran too long, ConnectorBug when it failed otherwise."""
    state = wait(client, f"/jobs/query/{job}", clock)
    if state["state"] == "JobComplete":
        return
    reason = str(state.get("errorMessage") or "no reason given")
    if "QUERY_TIMEOUT" in reason or "running for too long" in reason:
        raise SplitBatch(f"Bulk query {job} ran too long.", crm=CRM)
    raise ConnectorBug(f"Bulk query {job} ended as {state['state']} ({reason.partition(':')[0]}).", crm=CRM)


def result_pages(client: Client, job: str, locator: str = "") -> Iterator[Page]:
    """The result of a finished query job from `locator` on, in parts of at most 10,000 rows.

    A page is on disk, whole and counted, before its first row is given; one page is held in memory at a
    time. Raises NotThere when the job is gone.
    """
    with scratch() as folder:
        while True:
            rows, following = _download(client, job, locator, folder / "page.csv")
            starts = range(0, max(rows.num_rows, 1), BATCH_ROWS)
            for start in starts:
                yield Page(rows.slice(start, BATCH_ROWS), following, last=start == starts[-1])
            if not following:
                return
            locator = following


def _download(client: Client, job: str, locator: str, path: Path) -> tuple[pa.Table, str]:
    params: dict[str, Any] = {"maxRecords": PAGE_ROWS} | ({"locator": locator} if locator else {})
    for _ in range(PAGE_TRIES):
        client.call(
            "GET",
            f"/jobs/query/{job}/results",
            params=params,
            headers={"Accept": "text/csv"},
            stream_to=path,
            label="/jobs/query/<job>/results",
        )
        rows = read_csv(path)
        expected = client.headers.get("sforce-numberofrecords")
        if expected is None or int(expected) == rows.num_rows:
            following = client.headers.get("sforce-locator", NO_MORE)
            return rows, "" if following == NO_MORE else following
        log.warning("page of a Bulk result is not whole", crm=CRM, job=job)
    raise Unreachable(f"a page of Bulk query {job} never arrived whole.", crm=CRM, remedy="Run again.")


def read_csv(path: Path) -> pa.Table:
    """The rows of a result file as text; an empty cell is null, and nothing else is (``NA`` and ``Null`` are names)."""
    without_nul(path)
    header = _header(path)
    if not header:
        return pa.table({})
    try:
        return arrow_csv.read_csv(
            path,
            read_options=arrow_csv.ReadOptions(block_size=BLOCK_BYTES, use_threads=False, encoding="utf8"),
            parse_options=arrow_csv.ParseOptions(newlines_in_values=True),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(header, pa.string()),
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
            ),
        )
    except pa.ArrowInvalid as error:
        kind = str(error).partition(":")[0]
        raise ConnectorBug(f"a Bulk result is not the CSV it should be ({kind}).", crm=CRM) from None


def _header(path: Path) -> list[str]:
    with path.open(encoding="utf-8", newline="") as file:
        return next(csv.reader(file), [])


def without_nul(path: Path) -> None:
    """Take NUL bytes out of a file; they occur in texts and end a value early elsewhere."""
    if path.stat().st_size == 0:
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
        if view.find(b"\0") < 0:
            return
    clean = path.with_suffix(".clean")
    with path.open("rb") as source, clean.open("wb") as target:
        while chunk := source.read(1 << 20):
            target.write(chunk.replace(b"\0", b""))
    clean.replace(path)


@contextmanager
def scratch() -> Iterator[Path]:
    """A private directory for result files, gone afterwards."""
    with TemporaryDirectory(prefix="leadgrade-") as name:
        os.chmod(name, 0o700)  # noqa: PTH101 - said once more where it matters: results hold personal data
        yield Path(name)


# --- ingest ----------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Ingested:
    """What became of the rows of one ingest job, by 15-character id. Ids in none of the three are unaccounted for."""

    done: set[str] = field(default_factory=set)
    failed: dict[str, str] = field(default_factory=dict)  # -> the sf__Error cell
    unprocessed: set[str] = field(default_factory=set)


def short(record_id: str) -> str:
    """The case-sensitive part of an id: 15 and 18 characters name the same record."""
    return record_id[:15]


def csv_body(header: Sequence[str], rows: Sequence[Sequence[str]]) -> bytes:
    """UTF-8 without a byte order mark, which would become part of the first header."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue().encode()


def ingest(
    client: Client, sobject: str, body: bytes, clock: Clock, on_job: Callable[[str], None] = lambda _: None
) -> Ingested:
    """Update the records in `body`; `on_job` hears the job's id before anything is uploaded.

    Whatever goes wrong before the job is closed, it is aborted, so that none is left open. Once closed it is left
    to run. Raises what the calls raise.
    """
    create = {"object": sobject, "operation": "update", "contentType": "CSV", "columnDelimiter": "COMMA"}
    answer: Mapping[str, Any] = client.call(
        "POST", "/jobs/ingest", json=create | {"lineEnding": "LF"}, label="/jobs/ingest"
    )
    job = str(answer["id"])
    path = f"/jobs/ingest/{job}"
    on_job(job)
    try:
        client.call(
            "PUT",
            f"{path}/batches",
            body=body,
            headers={"Content-Type": "text/csv"},
            label="/jobs/ingest/<job>/batches",
        )
        client.call("PATCH", path, json={"state": "UploadComplete"}, label="/jobs/ingest/<job>")
    except BaseException:
        abort(client, path)
        raise
    wait(client, path, clock)
    return _account(client, path)


def abort(client: Client, path: str) -> None:
    """Give a job up. That this fails must not hide why it was given up."""
    try:
        client.call("PATCH", path, json={"state": "Aborted"}, label="/jobs/<job>")
    except ConnectorError as error:
        log.warning("Bulk job could not be aborted", crm=CRM, error=type(error).__name__)


def _account(client: Client, path: str) -> Ingested:
    found = Ingested()
    with scratch() as folder:
        for row in _result_rows(client, f"{path}/successfulResults/", folder):
            found.done.add(short(row.get("sf__Id") or row.get("Id") or ""))
        for row in _result_rows(client, f"{path}/failedResults/", folder):
            found.failed[short(row.get("Id") or row.get("sf__Id") or "")] = row.get("sf__Error") or ""
        for row in _result_rows(client, f"{path}/unprocessedrecords/", folder):
            found.unprocessed.add(short(row.get("Id") or ""))
    return found


def _result_rows(client: Client, path: str, folder: Path) -> Iterator[dict[str, str]]:
    file = folder / "result.csv"
    name = path.rstrip("/").rpartition("/")[2]
    client.call("GET", path, headers={"Accept": "text/csv"}, stream_to=file, label=f"/jobs/ingest/<job>/{name}")
    yield from read_csv(file).to_pylist()
