"""What both kinds of Bulk 2.0 job share: their life, their answers and their CSV."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from sandbox.salesforce.api import Answer, Call
from sandbox.salesforce.errors import ApiError, not_found
from sandbox.salesforce.values import stamp

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

KEPT_FOR: Final = timedelta(days=7)
DELIMITERS: Final = {"BACKQUOTE": "`", "CARET": "^", "COMMA": ",", "PIPE": "|", "SEMICOLON": ";", "TAB": "\t"}
LINE_ENDINGS: Final = {"LF": "\n", "CRLF": "\r\n"}
ENDED: Final = frozenset({"JobComplete", "Failed", "Aborted"})
_CHUNK: Final = 2_000


@dataclass(slots=True)
class Job:
    """One job. `outcome` is where it will end; the polls left decide when that shows."""

    id: str
    kind: str  # query or ingest
    operation: str
    sobject: str
    created: datetime
    created_by: str
    version: str
    delimiter: str = "COMMA"
    line_ending: str = "LF"
    state: str = "Open"
    outcome: str = "JobComplete"
    polls_left: int = 1
    error: str = ""
    retries: int = 0
    assignment_rule: str | None = None
    upload: bytes | None = None
    header: list[str] = field(default_factory=list)
    succeeded: list[list[str]] = field(default_factory=list)  # sf__Id, sf__Created, then the uploaded cells
    failed: list[list[str]] = field(default_factory=list)  # sf__Id, sf__Error, then the uploaded cells
    unprocessed: list[list[str]] = field(default_factory=list)
    query: Any = None  # soql.evaluate.Plan
    rows: list[Any] = field(default_factory=list)

    def poll(self) -> None:
        """One look at the job, which moves it on."""
        if self.state == "UploadComplete":
            self.state = "InProgress"
        elif self.state == "InProgress":
            self.polls_left -= 1
            if self.polls_left <= 0:
                self.state = self.outcome

    def as_json(self, *, whole: bool = True) -> dict[str, Any]:
        """The job's information."""
        told: dict[str, Any] = {
            "id": self.id,
            "operation": self.operation,
            "object": self.sobject,
            "createdById": self.created_by,
            "createdDate": stamp(self.created),
            "systemModstamp": stamp(self.created),
            "state": self.state,
            "concurrencyMode": "Parallel",
            "contentType": "CSV",
            "apiVersion": float(self.version),
            "lineEnding": self.line_ending,
            "columnDelimiter": self.delimiter,
        }
        if self.kind == "ingest" and self.state == "Open":
            told["contentUrl"] = f"services/data/v{self.version}/jobs/ingest/{self.id}/batches"
        if whole:
            ended = self.state in ENDED
            processed = len(self.rows) if self.kind == "query" else len(self.succeeded) + len(self.failed)
            told |= {
                "jobType": "V2Query" if self.kind == "query" else "V2Ingest",
                "numberRecordsProcessed": processed if ended else 0,
                "retries": self.retries,
                "totalProcessingTime": processed if ended else 0,
            }
            if self.kind == "ingest":
                told |= {
                    "numberRecordsFailed": len(self.failed) if ended else 0,
                    "apiActiveProcessingTime": processed if ended else 0,
                    "apexProcessingTime": 0,
                }
            else:
                told["isPkChunkingSupported"] = True
            if self.state == "Failed":
                told["errorMessage"] = self.error
        return told


def new_job(call: Call, kind: str, body: dict[str, Any]) -> Job:
    """A job as the create call asks for it, stored; raises LIMIT_EXCEEDED and INVALIDJOB."""
    if call.trouble("bulk_refused") is not None:
        raise ApiError(400, "LIMIT_EXCEEDED", "Max bulk v2 jobs per rolling 24 hours exceeded")
    delimiter, line_ending = body.get("columnDelimiter", "COMMA"), body.get("lineEnding", "LF")
    if delimiter not in DELIMITERS or line_ending not in LINE_ENDINGS or body.get("contentType", "CSV") != "CSV":
        raise ApiError(400, "INVALIDJOB", "InvalidJob : Unknown columnDelimiter, lineEnding or contentType")
    org = call.org
    if kind == "query":
        org.limits.spend_query_job()
    else:
        org.limits.refuse_without_batches()
    slow = call.trouble("job_slow")
    job = Job(
        id=f"750{org.random.getrandbits(60):015x}",
        kind=kind,
        operation=str(body.get("operation")),
        sobject=str(body.get("object", "")),
        created=org.now(),
        created_by=call.user_id,
        version=call.version,
        delimiter=delimiter,
        line_ending=line_ending,
        polls_left=org.random.randint(0, 1) + (int(slow.get("polls", 10)) if slow is not None else 0),
        assignment_rule=body.get("assignmentRuleId"),
    )
    org.jobs[job.id] = job
    return job


def job_of(call: Call, kind: str) -> Job:
    """The job a path names; raises NOT_FOUND, also once the job is older than 7 days."""
    job: Job | None = call.org.jobs.get(call.parts["id"])
    if job is None or job.kind != kind or call.org.now() - job.created > KEPT_FOR:
        raise not_found()
    return job


def results_of(call: Call, kind: str) -> Job:
    """The job whose results are asked for; raises 409 for another API version, 400 while it runs."""
    job = job_of(call, kind)
    if call.trouble("results_expired") is not None:
        raise not_found()
    if job.version != call.version:
        raise ApiError(409, "INVALIDVERSION", f"The job was created with API version {job.version}")
    if job.state not in ENDED:
        raise ApiError(400, "INVALIDJOBSTATE", f"Results are not available while the job is {job.state}")
    return job


def list_jobs(call: Call, kind: str) -> Answer:
    """All jobs of a kind."""
    records = [job.as_json(whole=False) for job in call.org.jobs.values() if job.kind == kind]
    return Answer({"done": True, "records": records, "nextRecordsUrl": None})


def delete_job(call: Call, kind: str) -> Answer:
    """Forget an ended (or never closed) job."""
    job = job_of(call, kind)
    if job.state in {"UploadComplete", "InProgress"}:
        raise ApiError(400, "INVALIDJOBSTATE", f"A job that is {job.state} cannot be deleted")
    del call.org.jobs[job.id]
    return Answer(status=204)


def csv_answer(call: Call, job: Job, header: Sequence[str], rows: Iterable[Sequence[Any]], **headers: str) -> Answer:
    """CSV, streamed; every cell quoted."""
    media = "text/csv" if call.trouble("no_charset") is not None else "text/csv; charset=UTF-8"
    return Answer(headers=headers, chunks=_stream(job, header, rows), media_type=media)


def _stream(job: Job, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[bytes]:
    buffer = io.StringIO()
    out = csv.writer(
        buffer, delimiter=DELIMITERS[job.delimiter], lineterminator=LINE_ENDINGS[job.line_ending], quoting=csv.QUOTE_ALL
    )
    out.writerow(header)
    for number, row in enumerate(rows, 1):
        out.writerow(row)
        if number % _CHUNK == 0:
            yield buffer.getvalue().encode()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue().encode()
