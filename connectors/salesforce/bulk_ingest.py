"""Bulk API 2.0 ingest jobs: rows uploaded from disk, and an account of what became of each."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from connectors.salesforce import bulk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from connectors.clock import Clock
    from connectors.salesforce.client import Client

JOB_BYTES: Final = 90_000_000
"""The most that one job's CSV may have: the API takes 100 MB before it is packed for the way."""

_LABEL: Final = "/jobs/ingest/<job>"


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

    `on_job` hears the job's id before anything is uploaded. Whatever goes wrong before the job is closed, it is
    aborted, so that none is left open. Once closed it is left to run, and `collect` can take its results later.
    Raises what the calls raise.
    """
    with bulk.scratch() as folder:
        upload = folder / "upload.csv"
        write_csv(upload, header, rows)
        create = {"object": sobject, "operation": "update", "contentType": "CSV", "columnDelimiter": "COMMA"}
        answer = client.call("POST", "/jobs/ingest", json=create | {"lineEnding": "LF"})
        path = f"/jobs/ingest/{answer['id']}"
        on_job(str(answer["id"]))
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

    One that was never closed holds nothing that could be run, and is aborted. Raises NotThere when the job is gone.
    """
    path = f"/jobs/ingest/{job}"
    begun = client.call("GET", path, label=_LABEL)
    if begun["state"] == "Open":
        bulk.abort(client, path)
        return str(begun["object"]), Ingested()
    bulk.wait(client, path, clock)
    return str(begun["object"]), _account(client, path)


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
