"""Bulk API 2.0 ingest jobs: rows uploaded from disk, and an account of what became of each.

A process may die after Salesforce made its job and before it heard the id: such a job stays open for a week, and empty.
So the wish for a job is told first, by a name of its own; from that, a later process finds what came of it.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import structlog

from connectors.salesforce import bulk, soql
from connectors.salesforce.errors import CRM
from connectors.salesforce.provision import running_user

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from connectors.clock import Clock
    from connectors.salesforce.client import Client

JOB_BYTES: Final = 90_000_000
"""The most that one job's CSV may have: the API takes 100 MB before it is packed for the way."""

JOBS: Final = "/jobs/ingest"
WISH: Final = "wish:"
UPDATE: Final = "update"

UNHEARD: Final = timedelta(minutes=10)
"""How long after the wish its job may have been made: a call is tried again for half of that at most."""

_LABEL: Final = f"{JOBS}/<job>"

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Ingested:
    """What became of the rows of one ingest job, by 15-character id. Ids in none of the three are unaccounted for."""

    done: set[str] = field(default_factory=set)
    failed: dict[str, str] = field(default_factory=dict)  # -> the sf__Error cell
    unprocessed: set[str] = field(default_factory=set)


def short(record_id: str) -> str:
    """The case-sensitive part of an id: 15 and 18 characters name the same record."""
    return record_id[:15]


def ingest(
    client: Client,
    sobject: str,
    header: Sequence[str],
    rows: Iterable[Sequence[str]],
    clock: Clock,
    on_job: Callable[[str], None] = lambda _: None,
) -> Ingested:
    """Update records by a job of its own and wait for its end; `rows` are cells as `header` names them, ``Id`` first.

    `on_job` hears the wish for a job before one is created, and its id before anything is uploaded. Whatever goes wrong
    before the job is closed, it is aborted, so that none is left open. Once closed it is left to run, and `collect` can
    take its results later. Raises what the calls raise.
    """
    with bulk.scratch() as folder:
        upload = folder / "upload.csv"
        write_csv(upload, header, rows)
        create = {"object": sobject, "operation": UPDATE, "contentType": "CSV", "columnDelimiter": "COMMA"}
        wish = f"{WISH}{sobject}:{soql.moment(client.server_now())}"
        on_job(wish)
        retries = client.usage().retries
        answer = client.call("POST", JOBS, json=create | {"lineEnding": "LF"})
        path = f"{JOBS}/{answer['id']}"
        on_job(str(answer["id"]))
        if client.usage().retries > retries:  # an answer that was lost on its way may have told of a job, too
            abort_unheard(client, wish, but=str(answer["id"]))
        try:
            csv_type = {"Content-Type": "text/csv"}
            client.call("PUT", f"{path}/batches", body_from=upload, headers=csv_type, label=f"{_LABEL}/batches")
            client.call("PATCH", path, json={"state": "UploadComplete"}, label=_LABEL)
        except BaseException:
            bulk.abort(client, path)
            raise
    bulk.wait(client, path, clock)
    return _account(client, path)


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """UTF-8 without a byte order mark, which would become part of the first header."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def collect(client: Client, job: str, clock: Clock) -> tuple[str, Ingested]:
    """The object and the rows of a job that another process began, once the job has ended.

    One that was never closed holds nothing that could be run, and is aborted; so is what came of a wish. Raises
    NotThere when the job is gone.
    """
    if job.startswith(WISH):
        return abort_unheard(client, job), Ingested()
    path = f"{JOBS}/{job}"
    begun = client.call("GET", path, label=_LABEL)
    if begun["state"] == "Open":
        bulk.abort(client, path)
        return str(begun["object"]), Ingested()
    bulk.wait(client, path, clock)
    return str(begun["object"]), _account(client, path)


def abort_unheard(client: Client, wish: str, *, but: str = "") -> str:
    """Abort the open jobs that came of a wish, all `but` one; the wish's object.

    They are known by who made them, for what, and when.
    """
    sobject, _, at = wish.removeprefix(WISH).partition(":")
    wished = datetime.fromisoformat(at)
    user = running_user(client)
    page = client.get(JOBS, jobType="V2Ingest")
    while True:
        for job in page["records"]:
            made = datetime.fromisoformat(job["createdDate"]) - wished
            ours = (job["createdById"], job["object"], job["operation"]) == (user, sobject, UPDATE)
            is_open = job["state"] == "Open" and job["id"] != but
            if ours and is_open and -bulk.SKEW <= made <= UNHEARD:
                log.info("job without rows given up", crm=CRM, job=job["id"])
                bulk.abort(client, f"{JOBS}/{job['id']}")
        if not page.get("nextRecordsUrl"):
            return sobject
        page = client.get(page["nextRecordsUrl"])


def _account(client: Client, path: str) -> Ingested:
    found = Ingested()
    with bulk.scratch() as folder:

        def results(name: str, *columns: str) -> Iterable[list[list[str | None]]]:
            file = folder / f"{name}.csv"
            bulk.fetch_csv(client, f"{path}/{name}/", file, label=f"{_LABEL}/{name}")
            for part in bulk.read_csv(file, columns):
                yield [part.column(each).to_pylist() for each in columns]

        for (ids,) in results("successfulResults", "sf__Id"):
            found.done.update(short(each) for each in ids if each)
        for ids, errors in results("failedResults", "Id", "sf__Error"):
            found.failed.update((short(each), error or "") for each, error in zip(ids, errors, strict=True) if each)
        for (ids,) in results("unprocessedrecords", "Id"):
            found.unprocessed.update(short(each) for each in ids if each)
    return found
