"""Bulk API 2.0 query jobs: asked, waited for, and read page by page from disk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import structlog

from connectors.errors import Unreachable
from connectors.salesforce import bulk
from connectors.salesforce.errors import CRM, judge_query_job

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from connectors.clock import Clock
    from connectors.salesforce.client import Client

log = structlog.get_logger(__name__)

PAGE_ROWS: Final = 50_000
"""Rows of one page of a result, which is a file on disk; also how far a job's cursor moves at a time."""

PAGE_TRIES: Final = 3
NO_MORE: Final = "null"  # the literal text that the last page's locator is


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a page of a query job's result: text columns, and the locator behind the page.

    `last` marks the last part of its page; `locator` is empty when the job has no more pages.
    """

    rows: pa.Table
    locator: str
    last: bool


def download(client: Client, soql: str, clock: Clock, *, all_rows: bool = False) -> Iterator[pa.Table]:
    """All rows of a query by a job of its own, as tables of some 5,000 rows of text; ends with the job's last page.

    Raises what the three steps do.
    """
    job = start(client, soql, all_rows=all_rows)
    finish(client, job, clock)
    for page in pages(client, job):
        yield page.rows


def start(client: Client, soql: str, *, all_rows: bool) -> str:
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


def finish(client: Client, job: str, clock: Clock) -> None:
    """Wait for a query job. Raises SplitBatch when it ran too long, or what `errors.judge_query_job` says."""
    state = bulk.wait(client, f"/jobs/query/{job}", clock)
    if state["state"] != "JobComplete":
        raise judge_query_job(job, str(state["state"]), str(state.get("errorMessage") or ""))


def pages(client: Client, job: str, locator: str = "") -> Iterator[Page]:
    """The result of a finished query job from `locator` on, in parts; a page without rows is one part without rows.

    A page is on disk, whole and counted, before its first row is given; only a few megabytes of it are in memory.
    Raises NotThere when the job is gone, LocatorExpired when it does not know the locator.
    """
    with bulk.scratch() as folder:
        path = folder / "page.csv"
        while True:
            count, following = _fetch(client, job, locator, path)
            seen = 0
            for part in bulk.read_csv(path):
                seen += part.num_rows
                yield Page(part, following, last=seen == count)
            if not count:
                yield Page(pa.table({}), following, last=True)
            if not following:
                return
            locator = following


def _fetch(client: Client, job: str, locator: str, path: Path) -> tuple[int, str]:
    """One page to disk: its number of rows, and the locator of the next page (empty when there is none)."""
    more = {"locator": locator} if locator else {}
    for _ in range(PAGE_TRIES):
        label = "/jobs/query/<job>/results"
        bulk.fetch_csv(client, f"/jobs/query/{job}/results", path, label=label, maxRecords=PAGE_ROWS, **more)
        rows = bulk.count_rows(path)
        expected = client.headers.get("sforce-numberofrecords")
        if expected is None or int(expected) == rows:
            following = client.headers.get("sforce-locator", NO_MORE)
            return rows, "" if following == NO_MORE else following
        log.warning("page of a Bulk result is not whole", crm=CRM, job=job)
    raise Unreachable(f"a page of Bulk query {job} never arrived whole.", crm=CRM, remedy="Run again.")
