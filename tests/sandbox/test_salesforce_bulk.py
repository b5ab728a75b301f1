"""Bulk API 2.0: the life of jobs, their CSV, and what goes wrong with them."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

from conftest import NOW

if TYPE_CHECKING:
    from collections.abc import Iterator

    import requests
    from salesforce_kit import Server


def lead(server: Server, name: str = "Ann", **fields: Any) -> str:
    return server.org.insert("Lead", {"LastName": name, "Company": "Acme", **fields}, created=NOW)


def rows_of(answer: requests.Response) -> list[dict[str, str]]:
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.content.decode(), newline="")))


def query_job(server: Server, soql: str, operation: str = "query") -> str:
    made = server.call("POST", "/jobs/query", json={"operation": operation, "query": soql})
    assert (made.status_code, made.json()["state"]) == (200, "UploadComplete"), made.text
    assert made.json()["apiVersion"] == 67.0
    return f"/jobs/query/{made.json()['id']}"


def wait(server: Server, path: str) -> list[str]:
    """The states seen until the job ends."""
    states = []
    while not states or states[-1] in {"UploadComplete", "InProgress"}:
        states.append(server.call("GET", path).json()["state"])
        assert len(states) < 50
    return states


def ingest_job(server: Server, body: str | Iterator[bytes], operation: str = "update", **more: Any) -> str:
    made = server.call("POST", "/jobs/ingest", json={"object": "Lead", "operation": operation, **more})
    assert made.json()["state"] == "Open"
    path = f"/jobs/ingest/{made.json()['id']}"
    assert made.json()["contentUrl"] == f"services/data/v67.0{path}/batches"
    data = body.encode() if isinstance(body, str) else body
    put = server.call("PUT", f"{path}/batches", data=data, headers={"Content-Type": "text/csv"})
    assert (put.status_code, put.content) == (201, b"")
    closed = server.call("PATCH", path, json={"state": "UploadComplete"})
    assert closed.json()["state"] == "UploadComplete"
    return path


def test_query_job_polls_pages_and_ends_with_the_text_null(server: Server) -> None:
    made = {lead(server, str(number)) for number in range(5)}
    path = query_job(server, "SELECT Id, Company FROM Lead")
    early = server.call("GET", f"{path}/results")
    assert (early.status_code, early.json()[0]["errorCode"]) == (400, "INVALIDJOBSTATE")
    states = wait(server, path)
    assert states[0] == "InProgress"
    assert states[-1] == "JobComplete"
    first = server.call("GET", f"{path}/results", params={"maxRecords": 3})
    assert first.headers["Sforce-NumberOfRecords"] == "3"
    locator = first.headers["Sforce-Locator"]
    again = server.call("GET", f"{path}/results", params={"maxRecords": 3})
    assert again.content == first.content
    last = server.call("GET", f"{path}/results", params={"maxRecords": 3, "locator": locator})
    assert (last.headers["Sforce-Locator"], last.headers["Sforce-NumberOfRecords"]) == ("null", "2")
    assert {row["Id"] for row in rows_of(first) + rows_of(last)} == made
    other_version = server.call("GET", f"{path}/results", version="66.0")
    assert other_version.status_code == 409
    assert server.call("GET", path).json()["numberRecordsProcessed"] == 5
    assert server.call("DELETE", path).status_code == 204
    assert server.call("GET", path).status_code == 404


def test_header_only_results_and_expiry_after_seven_days(server: Server) -> None:
    path = query_job(server, "SELECT Id, Account.Name FROM Contact")
    wait(server, path)
    answer = server.call("GET", f"{path}/results")
    assert answer.text == '"Id","Account.Name"\n'
    assert (answer.headers["Sforce-Locator"], answer.headers["Sforce-NumberOfRecords"]) == ("null", "0")
    server.trouble("results_expired")
    assert server.call("GET", f"{path}/results").status_code == 404
    assert server.call("GET", f"{path}/results").status_code == 200
    server.shared.clock.advance(7 * 86_400 + 1)
    assert server.call("GET", f"{path}/results").status_code == 404


REFUSED = {
    "SELECT Id, Address FROM Lead": "API_ERROR",
    "SELECT COUNT() FROM Lead": "API_ERROR",
    "SELECT Id FROM TaskWhoRelation": "INVALIDENTITY",
    "SELECT Id FROM Lead OFFSET 3": "MALFORMED_QUERY",
    "SELECT Id, (SELECT Id FROM Tasks) FROM Lead": "MALFORMED_QUERY",
    "SELECT Nothing FROM Lead": "INVALID_FIELD",
}


def test_query_jobs_refuse_what_bulk_cannot_read(server: Server) -> None:
    def refusal(soql: str) -> str:
        answer = server.call("POST", "/jobs/query", json={"operation": "query", "query": soql})
        assert answer.status_code == 400
        return str(answer.json()[0]["errorCode"])

    assert {soql: refusal(soql) for soql in REFUSED} == REFUSED
    assert server.query("SELECT Id, Address FROM Lead").status_code == 200  # REST reads it
    server.trouble("bulk_refused")
    assert refusal("SELECT Id FROM Lead") == "LIMIT_EXCEEDED"


def test_nasty_cells_survive(server: Server) -> None:
    server.org.define("Lead", "Score__c", "double", precision=3)
    nasty = 'NA "quoted", two\r\nlines\u2028and a nul \x00 end'
    lead(server, "Null", FirstName="Na", Title=nasty, Score__c=7, HasOptedOutOfEmail=True)
    path = query_job(server, "SELECT LastName, FirstName, Title, Score__c, Email, HasOptedOutOfEmail FROM Lead")
    wait(server, path)
    answer = server.call("GET", f"{path}/results")
    assert answer.headers["Content-Type"] == "text/csv; charset=UTF-8"
    assert rows_of(answer) == [{
        "LastName": "Null", "FirstName": "Na", "Title": nasty, "Score__c": "7.0", "Email": "",
        "HasOptedOutOfEmail": "true",
    }]  # fmt: skip
    server.trouble("no_charset")
    bare = server.call("GET", f"{path}/results")
    assert (bare.headers["Content-Type"], bare.content) == ("text/csv", answer.content)


def test_whole_numbers_may_come_as_decimals(server: Server) -> None:
    lead(server, "Ann", NumberOfEmployees=50, AnnualRevenue=None)
    path = query_job(server, "SELECT LastName, NumberOfEmployees, AnnualRevenue FROM Lead")
    wait(server, path)
    server.trouble("whole_as_decimals")
    texts = [rows_of(server.call("GET", f"{path}/results"))[0]["NumberOfEmployees"] for _ in range(2)]
    assert texts == ["50.0", "50"]


def test_an_object_may_be_kept_out_of_bulk(server: Server) -> None:
    lead(server)
    server.org.not_in_bulk.add("Lead")
    body = {"operation": "query", "query": "SELECT Id FROM lead"}
    assert server.call("POST", "/jobs/query", json=body).json()[0]["errorCode"] == "INVALIDENTITY"
    ingest = server.call("POST", "/jobs/ingest", json={"object": "Lead", "operation": "update"})
    assert ingest.json()[0]["errorCode"] == "INVALIDENTITY"
    assert server.query(body["query"]).json()["totalSize"] == 1


def test_query_all_jobs_show_what_is_deleted_or_archived(server: Server) -> None:
    gone = lead(server)
    server.org.delete("Lead", gone)
    path = query_job(server, "SELECT Id, IsDeleted, SystemModstamp FROM Lead", "queryAll")
    wait(server, path)
    server.trouble("times_with_offset")
    (row,) = rows_of(server.call("GET", f"{path}/results"))
    assert row == {"Id": gone, "IsDeleted": "true", "SystemModstamp": "2026-06-15T12:00:00.000+0000"}


def test_jobs_can_be_slow_fail_and_be_aborted(server: Server) -> None:
    server.trouble("job_slow", polls=5)
    path = query_job(server, "SELECT Id FROM Lead")
    assert server.call("GET", path).json()["state"] == "InProgress"
    assert server.call("DELETE", path).status_code == 400
    assert server.call("PATCH", path, json={"state": "Aborted"}).json()["state"] == "Aborted"
    assert server.call("GET", f"{path}/results").status_code == 400
    server.trouble("job_failed")
    path = query_job(server, "SELECT Id FROM Lead")
    assert wait(server, path)[-1] == "Failed"
    assert server.call("GET", path).json()["errorMessage"].startswith("QUERY_TIMEOUT")
    server.trouble("session_expired", match=path)
    refused = server.call("GET", path)
    assert (refused.status_code, refused.json()[0]["errorCode"]) == (401, "INVALID_SESSION_ID")
    assert {job["state"] for job in server.call("GET", "/jobs/query").json()["records"]} == {"Aborted", "Failed"}


def test_jobs_may_be_aborted_by_somebody_else(server: Server) -> None:
    people = [lead(server) for _ in range(3)]
    server.trouble("job_failed", state="Aborted", done=1)
    path = ingest_job(server, "Id,Title\n" + "".join(f"{person},CTO\n" for person in people))
    assert wait(server, path)[-1] == "Aborted"
    assert len(rows_of(server.call("GET", f"{path}/successfulResults"))) == 1
    assert len(rows_of(server.call("GET", f"{path}/unprocessedrecords"))) == 2
    server.trouble("job_failed", state="Aborted")
    path = query_job(server, "SELECT Id FROM Lead")
    assert wait(server, path)[-1] == "Aborted"
    assert server.call("GET", f"{path}/results").status_code == 400


def test_an_empty_cell_leaves_and_a_mark_clears(server: Server) -> None:
    kept, cleared = lead(server, Title="CTO"), lead(server, Title="CTO")
    path = ingest_job(server, f"Id,Title,Rating\n{kept},,Hot\n{cleared},#N/A,\n")
    assert wait(server, path)[-1] == "JobComplete"
    rows = server.org.tables["Lead"]
    assert (rows[kept]["Title"], rows[kept]["Rating"]) == ("CTO", "Hot")
    assert (rows[cleared]["Title"], rows[cleared].get("Rating")) == (None, None)
    assert rows[kept]["OwnerId"] == server.org.admin_id  # no assignment rule was named


def test_results_name_every_row_in_another_order(server: Server) -> None:
    people = [lead(server) for _ in range(40)]
    server.org.delete("Lead", people[3])
    lines = [f'{person},"Title ""{number}"", with\nnewline"' for number, person in enumerate(people)]
    path = ingest_job(server, "Id,Title\n" + "\n".join(lines))
    wait(server, path)
    info = server.call("GET", path).json()
    assert (info["numberRecordsProcessed"], info["numberRecordsFailed"]) == (40, 1)
    good = rows_of(server.call("GET", f"{path}/successfulResults"))
    assert {row["sf__Id"] for row in good} == set(people) - {people[3]}
    assert [row["Id"] for row in good] != [person for person in people if person != people[3]]
    assert good[0]["Title"].endswith("with\nnewline")
    (bad,) = rows_of(server.call("GET", f"{path}/failedResults"))
    assert (bad["sf__Error"], bad["Id"]) == ("ENTITY_IS_DELETED:entity is deleted:--", people[3])


def test_a_failed_job_has_three_result_sets(server: Server) -> None:
    people = [lead(server) for _ in range(10)]
    titles = ["x" * 200, *["CTO"] * 9]
    server.trouble("job_failed", done=4)
    body = "Id,Title\n" + "".join(f"{person},{title}\n" for person, title in zip(people, titles, strict=True))
    path = ingest_job(server, body)
    assert wait(server, path)[-1] == "Failed"
    counts = {
        name: len(rows_of(server.call("GET", f"{path}/{name}")))
        for name in ("successfulResults", "failedResults", "unprocessedrecords", "unprocessedRecords")
    }
    assert counts == {"successfulResults": 3, "failedResults": 1, "unprocessedrecords": 6, "unprocessedRecords": 6}
    assert server.org.tables["Lead"][people[9]].get("Title") is None


def test_jobs_and_batches_have_an_allowance_of_their_own(server: Server) -> None:
    def left() -> tuple[int, int]:
        limits = server.call("GET", "/limits").json()
        return limits["DailyBulkV2QueryJobs"]["Remaining"], limits["DailyBulkApiBatches"]["Remaining"]

    server.shared.limits = True
    person = lead(server)
    query_job(server, "SELECT Id FROM Lead")
    ingest_job(server, f"Id,Title\n{person},CTO\n")
    assert left() == (9_999, 14_999)
    server.org.limits.spend_batches(14_999 * 10_000)
    body = {"object": "Lead", "operation": "update"}
    assert server.call("POST", "/jobs/ingest", json=body).json()[0]["errorCode"] == "LIMIT_EXCEEDED"
    for _ in range(left()[0]):
        server.org.limits.spend_query_job()
    soql = {"operation": "query", "query": "SELECT Id FROM Lead"}
    assert server.call("POST", "/jobs/query", json=soql).json()[0]["errorCode"] == "LIMIT_EXCEEDED"
    server.shared.clock.advance(86_401)
    assert left() == (10_000, 15_000)
    assert server.call("POST", "/jobs/query", json=soql).status_code == 200


def test_uploads_may_come_in_chunks_and_only_once(server: Server) -> None:
    person = lead(server)
    pieces = iter([b"Id,Ti", b"tle\n" + person.encode(), b",CTO\n"])
    path = ingest_job(server, pieces)
    calls = [call for call in server.shared.journal if call.method == "PUT"]
    assert calls[0].headers["transfer-encoding"] == "chunked"
    wait(server, path)
    assert server.org.tables["Lead"][person]["Title"] == "CTO"
    made = server.call("POST", "/jobs/ingest", json={"object": "Lead", "operation": "update"}).json()
    batches = f"/jobs/ingest/{made['id']}/batches"
    csv_type = {"Content-Type": "text/csv; charset=UTF-8"}
    assert server.call("PUT", batches, data=b"Id\n", headers=csv_type).status_code == 201
    again = server.call("PUT", batches, data=b"Id\n", headers=csv_type)
    assert again.json()[0]["errorCode"] == "CLIENT_INPUT_ERROR"
    assert server.call("PUT", batches, data=b"Id\n").status_code == 415
    aborted = server.call("PATCH", f"/jobs/ingest/{made['id']}", json={"state": "Aborted"})
    assert aborted.json()["state"] == "Aborted"


FILES = {
    "\ufeffId,Title\n": "InvalidBatch : Field name not found",
    "Id,Nonsense\n": "InvalidBatch : Field name not found : Nonsense",
    "Id,Title\r\n": "ClientInputError : LineEnding is invalid",
    "Id,Title\na,b,c\n": "ClientInputError : The number of columns",
    "": "ClientInputError : The data is empty",
}


def test_files_that_cannot_be_used_fail_the_job(server: Server) -> None:
    for body, message in FILES.items():
        path = ingest_job(server, body)
        assert wait(server, path)[-1] == "Failed"
        assert server.call("GET", path).json()["errorMessage"].startswith(message)


def test_bulk_inserts_deletes_and_row_locks(server: Server) -> None:
    path = ingest_job(server, "LastName,Company\nAnn,Acme\n,Acme\n", "insert")
    wait(server, path)
    (made,) = rows_of(server.call("GET", f"{path}/successfulResults"))
    assert made["sf__Created"] == "true"
    (failed,) = rows_of(server.call("GET", f"{path}/failedResults"))
    assert failed["sf__Error"].startswith("REQUIRED_FIELD_MISSING:")
    server.trouble("row_lock", ids=[made["sf__Id"]])
    path = ingest_job(server, f"Id,Title\n{made['sf__Id']},CTO\n")
    wait(server, path)
    (locked,) = rows_of(server.call("GET", f"{path}/failedResults"))
    assert locked["sf__Error"].startswith("UNABLE_TO_LOCK_ROW:unable to obtain exclusive access")
    wait(server, ingest_job(server, f"Id\n{made['sf__Id']}\n", "delete"))
    assert server.org.tables["Lead"][made["sf__Id"]]["IsDeleted"] is True
    refused = server.call("POST", "/jobs/ingest", json={"object": "Nothing", "operation": "update"})
    assert refused.json()[0]["errorCode"] == "INVALIDENTITY"
