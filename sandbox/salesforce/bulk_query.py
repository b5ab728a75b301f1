"""Bulk API 2.0 query jobs."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any, Final

from sandbox.salesforce.api import Answer, Call, route
from sandbox.salesforce.errors import ApiError, malformed_query
from sandbox.salesforce.jobs import ENDED, Job, csv_answer, delete_job, job_of, list_jobs, new_job, results_of
from sandbox.salesforce.soql.evaluate import plan, select
from sandbox.salesforce.soql.syntax import parse
from sandbox.salesforce.values import bulk_stamp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sandbox.salesforce.schema import Row
    from sandbox.salesforce.soql.evaluate import Column

KIND: Final = "query"
MOST_RECORDS: Final = 250_000
"""Rows of a result page where the caller names no number."""
_NEVER_IN_BULK: Final = frozenset({"taskwhorelation", "eventwhorelation"})


def create(call: Call) -> Answer:
    """POST /jobs/query. The statement is checked at once; the job runs later."""
    org, body = call.org, call.json()
    operation, text = body.get("operation"), body.get("query")
    if operation not in {"query", "queryAll"} or not isinstance(text, str):
        raise ApiError(400, "INVALIDJOB", "InvalidJob : operation must be query or queryAll, and query a statement")
    statement = parse(text)
    if statement.sobject.lower() in _NEVER_IN_BULK | {name.lower() for name in org.not_in_bulk}:
        raise ApiError(400, "INVALIDENTITY", f"Entity '{statement.sobject}' is not supported by the Bulk API.")
    if statement.count:
        raise ApiError(400, "API_ERROR", "Aggregate Relationships not supported in Bulk Query")
    if statement.offset:
        raise malformed_query("OFFSET is not supported in Bulk Query")
    made = plan(org, call.user_id, statement, org.schema)
    if any(column.field.type in {"address", "location"} for column in made.columns):
        raise ApiError(
            400, "API_ERROR", "FUNCTIONALITY_NOT_ENABLED: Selecting compound data not supported in Bulk Query"
        )
    job = new_job(call, KIND, body)
    job.sobject, job.state, job.query = made.spec.name, "UploadComplete", made
    if (failure := call.trouble("job_failed")) is not None:
        job.outcome, job.retries = str(failure.get("state", "Failed")), 15
        job.error = str(failure.get("message", "QUERY_TIMEOUT: Your query request was running for too long."))
        return Answer(job.as_json(whole=False))
    with org.lock:
        job.rows = select(org, made, include_all=operation == "queryAll")
    return Answer(job.as_json(whole=False))


def poll(call: Call) -> Answer:
    """GET /jobs/query/{id}."""
    job = job_of(call, KIND)
    job.poll()
    return Answer(job.as_json())


def abort(call: Call) -> Answer:
    """PATCH /jobs/query/{id} with state Aborted."""
    job = job_of(call, KIND)
    if call.json().get("state") != "Aborted" or job.state in ENDED:
        raise ApiError(400, "INVALIDJOBSTATE", f"A job that is {job.state} can only be aborted while it runs")
    job.state, job.rows = "Aborted", []
    return Answer(job.as_json(whole=False))


def results(call: Call) -> Answer:
    """GET /jobs/query/{id}/results?maxRecords&locator. The last page's locator is the text ``null``."""
    job = results_of(call, KIND)
    if job.state != "JobComplete":
        raise ApiError(400, "INVALIDJOBSTATE", f"A job that is {job.state} has no results")
    start = _start(call.params.get("locator"))
    most = call.params.get("maxRecords", str(MOST_RECORDS))
    if not most.isdigit() or int(most) < 1 or start > len(job.rows):
        raise ApiError(400, "INVALID_QUERY_LOCATOR", "invalid maxRecords or locator")
    rows = job.rows[start : start + int(most)]
    end = start + len(rows)
    locator = "null" if end >= len(job.rows) else base64.b64encode(str(end).encode()).decode().rstrip("=")
    with_offset = call.trouble("times_with_offset") is not None
    decimals = call.trouble("whole_as_decimals") is not None
    headers = {"Sforce-NumberOfRecords": str(len(rows)), "Sforce-Locator": locator}
    header = [".".join(column.path) for column in job.query.columns]
    return csv_answer(call, job, header, _cells(job, rows, with_offset=with_offset, decimals=decimals), **headers)


def _start(locator: str | None) -> int:
    if locator is None:
        return 0
    try:
        return int(base64.b64decode(locator + "=" * (-len(locator) % 4), validate=True))
    except (binascii.Error, ValueError):
        raise ApiError(400, "INVALID_QUERY_LOCATOR", f"invalid query locator: {locator}") from None


def _cells(job: Job, rows: list[Row], *, with_offset: bool, decimals: bool) -> Iterator[list[Any]]:
    """The rows' cells: everything is text, nothing is empty, numbers with a fraction keep it."""
    names = [column.path[-1] for column in job.query.columns]
    special = [
        (place, write)
        for place, column in enumerate(job.query.columns)
        if (write := _writer(column, with_offset=with_offset, decimals=decimals)) is not None
    ]
    for row in rows:
        cells = [row.get(name) for name in names]
        for place, write in special:
            cells[place] = write(row)
        yield cells


def _writer(column: Column, *, with_offset: bool, decimals: bool) -> Callable[[Row], Any] | None:
    """How a column is written when its kept value cannot be taken as it is."""
    get = column.get
    if column.field.type == "boolean":
        return lambda row: "true" if get(row) else "false"
    if column.field.type == "datetime" and not with_offset:
        return lambda row: bulk_stamp(value) if (value := get(row)) else ""
    if column.field.type == "int" and decimals:
        return lambda row: "" if (value := get(row)) is None else f"{value}.0"
    return get if len(column.path) > 1 or column.field.computed is not None else None


ROUTES = [
    route("GET", "/jobs/query", lambda call: list_jobs(call, KIND)),
    route("POST", "/jobs/query", create),
    route("GET", "/jobs/query/{id}", poll),
    route("PATCH", "/jobs/query/{id}", abort),
    route("DELETE", "/jobs/query/{id}", lambda call: delete_job(call, KIND)),
    route("GET", "/jobs/query/{id}/results", results),
]
