"""Bulk API 2.0 ingest jobs: insert, update, delete and hard delete by CSV."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any, Final

from sandbox.salesforce.api import Answer, Call, route
from sandbox.salesforce.errors import ApiError, RowError
from sandbox.salesforce.jobs import (
    DELIMITERS,
    ENDED,
    LINE_ENDINGS,
    Job,
    csv_answer,
    delete_job,
    job_of,
    list_jobs,
    new_job,
    results_of,
)
from sandbox.salesforce.writes import Writer

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.salesforce.schema import Row

KIND: Final = "ingest"
OPERATIONS: Final = frozenset({"insert", "update", "delete", "hardDelete"})
LARGEST_UPLOAD: Final = 150 * 1024 * 1024
LONGEST_CELL: Final = 32_000
CLEAR: Final = "#N/A"
TRIGGER_CHUNK: Final = 200
"""Rows that one run of the org's triggers sees; a duplicate id is noticed within it."""


def create(call: Call) -> Answer:
    """POST /jobs/ingest."""
    body = call.json()
    names = {
        name.lower(): name
        for name, spec in call.org.schema.items()
        if spec.updateable and name not in call.org.not_in_bulk
    }
    sobject = names.get(str(body.get("object")).lower())
    if sobject is None:
        raise ApiError(400, "INVALIDENTITY", f"InvalidEntity : Unable to find object: {body.get('object')}")
    if body.get("operation") not in OPERATIONS:
        raise ApiError(400, "FEATURENOTENABLED", f"FeatureNotEnabled : operation {body.get('operation')} is off")
    return Answer(new_job(call, KIND, body | {"object": sobject}).as_json(whole=False))


def upload(call: Call) -> Answer:
    """PUT /jobs/ingest/{id}/batches: once per job; 201 and no body."""
    job = job_of(call, KIND)
    if not call.headers.get("content-type", "").startswith("text/csv"):
        raise ApiError(415, "UNSUPPORTED_MEDIA_TYPE", "Content-Type must be text/csv")
    if job.state != "Open":
        raise ApiError(400, "INVALIDJOBSTATE", f"Data cannot be added to a job that is {job.state}")
    if job.upload is not None:
        raise ApiError(
            400,
            "CLIENT_INPUT_ERROR",
            f"Found multiple contents for job: <{job.id}>, please 'Close' / 'Abort' / 'Delete' the current Job then "
            "create a new Job and make sure you only do 'PUT' once on a given Job.",
        )
    if len(call.body) > LARGEST_UPLOAD:
        raise ApiError(413, "REQUEST_TOO_LARGE", "Content size exceeds 150 MB")
    job.upload = call.body
    return Answer(status=201)


def change_state(call: Call) -> Answer:
    """PATCH /jobs/ingest/{id}: UploadComplete starts the job, Aborted ends it."""
    job, wanted = job_of(call, KIND), call.json().get("state")
    if wanted == "Aborted" and job.state not in ENDED:
        job.state = "Aborted"
    elif wanted == "UploadComplete" and job.state == "Open":
        job.state = "UploadComplete"
        with call.org.lock:
            _run(call, job)
    else:
        raise ApiError(400, "INVALIDJOBSTATE", f"Job state changed to an invalid state: from {job.state} to {wanted}")
    return Answer(job.as_json(whole=False))


def poll(call: Call) -> Answer:
    """GET /jobs/ingest/{id}."""
    job = job_of(call, KIND)
    job.poll()
    return Answer(job.as_json())


class _FileRefused(Exception):
    """The file as a whole cannot be used."""


def _run(call: Call, job: Job) -> None:
    """The work behind the job. It is done when the job is closed; polls only find out."""
    try:
        rows = _read(call, job)
    except _FileRefused as refusal:
        job.outcome, job.error = "Failed", str(refusal)
        return
    call.org.limits.spend_batches(len(rows))
    failure = call.trouble("job_failed")
    if failure is not None:
        done = int(failure.get("done", 0))
        rows, job.unprocessed = rows[:done], rows[done:]
        job.retries = 20
        job.outcome = str(failure.get("state", "Failed"))
        job.error = "InternalServerError : Retried more than 20 times"
    saver = _writer(call, job, len(rows))
    save = {"update": _update, "insert": _insert, "delete": _delete, "hardDelete": _hard_delete}[job.operation]
    for number, cells in enumerate(rows):
        if number % TRIGGER_CHUNK == 0:
            saver.seen.clear()
        given = dict(zip(job.header, cells, strict=True))
        result = save(saver, job, given)
        if isinstance(result, RowError):
            record_id = next((value for name, value in given.items() if name.lower() == "id"), "")
            job.failed.append([record_id, result.as_cell(), *cells])
        else:
            job.succeeded.append([result, str(job.operation == "insert").lower(), *cells])
    call.org.random.shuffle(job.succeeded)
    call.org.random.shuffle(job.failed)
    job.upload = None


def _writer(call: Call, job: Job, rows: int) -> Writer:
    apex = call.trouble("apex_limits")
    over = apex is not None and min(rows, TRIGGER_CHUNK) > int(apex.get("over", 0))
    return Writer(
        call.org,
        call.user_id,
        auto_assign=job.assignment_rule is not None,
        lock=call.trouble("row_lock"),
        over_limits=over,
    )


def _read(call: Call, job: Job) -> list[list[str]]:
    """The uploaded rows, the header apart; raises _FileRefused."""
    ending = LINE_ENDINGS[job.line_ending]
    try:
        text = (job.upload or b"").decode()
    except UnicodeDecodeError:
        raise _FileRefused("ClientInputError : The data is not UTF-8") from None
    first_line, _, _ = text.partition("\n")
    if first_line.endswith("\r") != (ending == "\r\n") and "\n" in text:
        message = f"LineEnding is invalid on user data. Current LineEnding setting is {job.line_ending}"
        raise _FileRefused(f"ClientInputError : {message}")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=DELIMITERS[job.delimiter])
    try:
        rows = [row for row in reader if row]
    except csv.Error:
        raise _FileRefused("ClientInputError : The data is not CSV") from None
    if not rows:
        raise _FileRefused("ClientInputError : The data is empty")
    job.header, rows = rows[0], rows[1:]
    if any(len(row) != len(job.header) for row in rows):
        raise _FileRefused("ClientInputError : The number of columns differs from the header's")
    readable = {field.name.lower() for field in call.org.access.readable(call.user_id, job.sobject)}
    for name in job.header:
        if name.lower() not in readable:
            raise _FileRefused(f"InvalidBatch : Field name not found : {name}")
    return rows


def _fields(given: dict[str, str]) -> tuple[str, dict[str, Any]]:
    """The id, and the fields to set: an empty cell leaves the field alone, ``#N/A`` clears it."""
    record_id = next((value for name, value in given.items() if name.lower() == "id"), "")
    fields = {
        name: None if value == CLEAR else value for name, value in given.items() if value and name.lower() != "id"
    }
    return record_id, fields


def _too_long(fields: dict[str, Any]) -> RowError | None:
    long = tuple(name for name, value in fields.items() if value and len(value) > LONGEST_CELL)
    return RowError("STRING_TOO_LONG", f"cells cannot be longer than {LONGEST_CELL} characters", long) if long else None


def _update(saver: Writer, job: Job, given: dict[str, str]) -> str | RowError:
    record_id, fields = _fields(given)
    checked = _too_long(fields) or saver.check_update(job.sobject, record_id, fields)
    return checked if isinstance(checked, RowError) else saver.update(job.sobject, *checked)


def _insert(saver: Writer, job: Job, given: dict[str, str]) -> str | RowError:
    _record_id, fields = _fields(given)
    checked: Row | RowError = _too_long(fields) or saver.check_create(job.sobject, fields)
    return checked if isinstance(checked, RowError) else saver.create(job.sobject, checked)


def _delete(saver: Writer, job: Job, given: dict[str, str]) -> str | RowError:
    record_id, _cells = _fields(given)
    checked = saver.check_update(job.sobject, record_id, {})
    if isinstance(checked, RowError):
        return checked
    saver.org.delete(job.sobject, checked[0], by=saver.user_id)
    return checked[0]


def _hard_delete(saver: Writer, job: Job, given: dict[str, str]) -> str | RowError:
    """Past the recycle bin; the real one asks for a permission of its own."""
    deleted = _delete(saver, job, given)
    if isinstance(deleted, str):
        saver.org.purge(job.sobject, deleted)
    return deleted


def results(kind: str) -> Callable[[Call], Answer]:
    """GET /jobs/ingest/{id}/<kind>; what is sent is what was recorded, in no particular order."""

    def answer(call: Call) -> Answer:
        job = results_of(call, KIND)
        if kind == "unprocessed":
            return csv_answer(call, job, job.header, job.unprocessed)
        rows, extra = (job.succeeded, "sf__Created") if kind == "successful" else (job.failed, "sf__Error")
        return csv_answer(call, job, ["sf__Id", extra, *job.header], rows)

    return answer


ROUTES = [
    route("GET", "/jobs/ingest", lambda call: list_jobs(call, KIND)),
    route("POST", "/jobs/ingest", create),
    route("GET", "/jobs/ingest/{id}", poll),
    route("PATCH", "/jobs/ingest/{id}", change_state),
    route("DELETE", "/jobs/ingest/{id}", lambda call: delete_job(call, KIND)),
    route("PUT", "/jobs/ingest/{id}/batches", upload),
    route("GET", "/jobs/ingest/{id}/successfulResults", results("successful")),
    route("GET", "/jobs/ingest/{id}/failedResults", results("failed")),
    route("GET", "/jobs/ingest/{id}/unprocessedrecords", results("unprocessed")),
]
