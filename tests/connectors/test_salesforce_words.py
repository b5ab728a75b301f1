"""What Salesforce's answers, headers, cells and values mean: the pure parts."""

from __future__ import annotations

import itertools
import socket
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import orjson
import pyarrow as pa
import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.clock import FakeClock
from connectors.door import Again, Good, Renew, Request, Response
from connectors.errors import AuthStop, ConfigProblem, ConnectorBug, ConnectorError, LimitReached, SplitBatch
from connectors.salesforce import bulk, client, network, soql, values, windows
from connectors.salesforce.activities import member_type
from connectors.salesforce.composite import AGAIN, Part, body, calls, told
from connectors.salesforce.errors import (
    BulkRefused,
    LocatorExpired,
    NotThere,
    Problem,
    RowFate,
    TooManyPeople,
    fate_of,
    judge,
    mask,
    parse_bulk_error,
    words_for,
)
from connectors.salesforce.fields import WRITTEN, clash, metadata
from connectors.salesforce.limits import ApiUsage, Quota, parse_limit_info
from connectors.salesforce.windows import Position, Window
from sandbox.salesforce.soql.syntax import parse
from scoring.facts import OUTPUT_BY_NAME

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
QUERY = Request("GET", "/services/data/v67.0/query")
JOB = Request("POST", "/services/data/v67.0/jobs/query")


def answer(status: int, body: object = None, kind: str = "application/json", raw: bytes | None = None) -> Response:
    content = raw if raw is not None else b"" if body is None else orjson.dumps(body)
    return Response(status, {"content-type": kind}, content)


def coded(status: int, code: str, message: str = "") -> Response:
    return answer(status, [{"errorCode": code, "message": message}])


@pytest.mark.parametrize(
    ("request_", "response", "verdict"),
    [
        (QUERY, answer(200, {"done": True}), Good),
        (QUERY, answer(200, raw=b'{"done": tr'), Again),
        (QUERY, answer(200, raw=b"<html>maintenance</html>", kind="text/html"), Again),
        (QUERY, answer(302), ConfigProblem),
        (QUERY, answer(406), Again),
        (QUERY, answer(420), Again),
        (QUERY, answer(429), Again),
        (QUERY, answer(503, raw=b"<html>busy</html>", kind="text/html"), Again),
        (QUERY, answer(524), Again),
        (QUERY, coded(500, "UNKNOWN_EXCEPTION"), Again),
        (QUERY, coded(503, "SERVER_UNAVAILABLE"), Again),
        (QUERY, coded(401, "INVALID_SESSION_ID"), Renew),
        (QUERY, answer(401, {"error": "gone"}), Renew),
        (QUERY, answer(401), Renew),
        (QUERY, coded(401, "INVALID_SESSION_ID", "This session is not valid for use with the REST API"), AuthStop),
        (QUERY, coded(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."), LimitReached),
        (QUERY, coded(403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests (Concurrent API Requests) ..."), Again),
        (QUERY, coded(403, "API_DISABLED_FOR_ORG"), AuthStop),
        (QUERY, coded(403, "FUNCTIONALITY_NOT_ENABLED"), AuthStop),
        (QUERY, coded(403, "TXN_SECURITY_METERING_ERROR"), AuthStop),
        (QUERY, answer(403), AuthStop),
        (QUERY, coded(400, "QUERY_TIMEOUT"), SplitBatch),
        (QUERY, coded(400, "REQUEST_RUNNING_TOO_LONG"), SplitBatch),
        (QUERY, coded(400, "INVALID_QUERY_LOCATOR"), LocatorExpired),
        (QUERY, coded(400, "OPERATION_TOO_LARGE", "exceeded 100000 distinct who/what's"), TooManyPeople),
        (QUERY, coded(400, "INVALID_QUERY", "Implementation restriction: ..."), AuthStop),
        (QUERY, coded(400, "INVALID_TYPE"), AuthStop),
        (QUERY, coded(400, "MALFORMED_QUERY"), ConnectorBug),
        (QUERY, coded(404, "NOT_FOUND"), NotThere),
        (QUERY, answer(410), ConfigProblem),
        (JOB, coded(400, "LIMIT_EXCEEDED"), LimitReached),
        (JOB, coded(400, "API_ERROR"), LimitReached),
        (JOB, coded(400, "INVALIDENTITY"), BulkRefused),
        (JOB, coded(400, "API_ERROR", "Selecting compound data not supported in Bulk Query"), BulkRefused),
        (JOB, coded(409, "INVALIDVERSION"), ConnectorBug),
    ],
)  # fmt: skip
def test_every_answer_has_its_reaction(request_: Request, response: Response, verdict: type) -> None:
    assert isinstance(judge(request_, response), verdict)


@pytest.mark.parametrize(
    ("response", "exit_code"),
    [
        (coded(400, "INVALID_QUERY_LOCATOR"), 5),
        (coded(400, "INVALID_REPLICATION_DATE"), 5),
        (coded(400, "INVALIDENTITY"), 2),
        (coded(404, "NOT_FOUND"), 2),
        (answer(404), 2),
    ],
)
def test_what_should_never_leave_a_stream_says_what_to_do_when_it_does(response: Response, exit_code: int) -> None:
    verdict = judge(JOB, response)
    assert isinstance(verdict, ConnectorError)
    assert verdict.exit_code == exit_code
    assert verdict.remedy


def test_parts_of_a_call_are_grouped_as_it_takes_them_and_answered_one_by_one() -> None:
    query, describe = Part("/query", {"q": "SELECT COUNT() FROM Lead"}), Part("/sobjects/Lead/describe")
    assert [len(group) for group in calls([describe] * 26)] == [25, 1]
    assert [len(group) for group in calls([query] * 6 + [describe])] == [5, 2]
    assert list(calls([])) == []
    sent = body("/services/data/v67.0", [query])["compositeRequest"]
    assert sent[0]["url"] == "/services/data/v67.0/query?q=SELECT+COUNT%28%29+FROM+Lead"
    results = [
        {"httpStatusCode": 200, "body": {"totalSize": 3}},
        {"httpStatusCode": 404, "body": [{"errorCode": "NOT_FOUND", "message": ""}]},
        {"httpStatusCode": 503, "body": None},
        {"httpStatusCode": 401, "body": [{"errorCode": "INVALID_SESSION_ID", "message": ""}]},
    ]
    good, missing, *passing = told({"compositeResponse": results}, [query, describe, query, query])
    assert good == {"totalSize": 3}
    assert isinstance(missing, NotThere)
    assert passing == [AGAIN, AGAIN]
    for whole in ({"compositeResponse": results}, {}, None):
        with pytest.raises(ConnectorBug):
            told(whole, [query])


def test_a_hidden_field_is_named_and_so_is_the_permission() -> None:
    text = "\nTitle,Budget__c FROM Lead\n      ^\nERROR at Row:1:Column:8\nNo such column 'Budget__c' on entity 'Lead'."
    verdict = judge(QUERY, coded(400, "INVALID_FIELD", text))
    assert "Lead.Budget__c" in str(verdict)
    assert "field-level security" in str(verdict)


@pytest.mark.parametrize(
    ("problem", "fate"),
    [
        (Problem("UNABLE_TO_LOCK_ROW", ""), RowFate.LOCKED),
        (Problem("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "Rollup: UNABLE_TO_LOCK_ROW, ..."), RowFate.LOCKED),
        (Problem("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "LimitException: Too many SOQL queries"), RowFate.SPLIT),
        (Problem("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "Account needs a region"), RowFate.REFUSED),
        (Problem("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead"), RowFate.CONVERTED),
        (Problem("ENTITY_IS_DELETED", ""), RowFate.GONE),
        (Problem("ENTITY_IS_LOCKED", ""), RowFate.LATER),
        (Problem("FIELD_CUSTOM_VALIDATION_EXCEPTION", "No"), RowFate.REFUSED),
    ],
)  # fmt: skip
def test_60_a_rows_fate_is_searched_in_code_and_message(problem: Problem, fate: RowFate) -> None:
    assert fate_of(problem) is fate


def test_bulk_errors_come_apart_and_name_their_field() -> None:
    text = "FIELD_CUSTOM_VALIDATION_EXCEPTION:Stage: not now:Leadgrade_Stage__c --"
    assert parse_bulk_error(text) == Problem(
        "FIELD_CUSTOM_VALIDATION_EXCEPTION", "Stage: not now", "Leadgrade_Stage__c"
    )
    assert parse_bulk_error("ENTITY_IS_DELETED:entity is deleted:--").field == ""
    assert parse_bulk_error("ODD").code == "ODD"


def test_messages_hold_no_address_or_number_and_server_texts_only_of_rules() -> None:
    assert mask("Ask ann@example.com or +49 30 123456-78\nplease") == "Ask <e-mail> or <number> please"
    assert len(mask("x" * 1000)) == 255
    assert "Smith" not in words_for(Problem("DUPLICATES_DETECTED", "Smith exists"))
    assert "Smith" not in words_for(Problem("A_CODE_OF_2031", "Smith"))
    assert words_for(Problem("FIELD_CUSTOM_VALIDATION_EXCEPTION", "Frozen by law")) == "Frozen by law"


@pytest.mark.parametrize(
    ("header", "usage"),
    [
        ("api-usage=10018/100000", ApiUsage(10018, 100000)),
        ("api-usage=18/5000; api-bursts=1/750", ApiUsage(18, 5000)),
        ("api-usage=25/5000; per-app-api-usage=17/250(appName=sample-app)", ApiUsage(25, 5000)),
        ("per-app-api-usage=17/250(appName=sample-app); api-usage=25/5000", ApiUsage(25, 5000)),
        ("per-app-api-usage=17/250(appName=sample-app)", None),
        ("nonsense", None),
        ("", None),
    ],
)
def test_42_limit_headers_in_every_form(header: str, usage: ApiUsage | None) -> None:
    assert parse_limit_info(header) == usage


def test_our_share_of_the_day_ends_early_and_says_when_it_goes_on() -> None:
    clock = FakeClock(NOW)
    quota = Quota(0.25, clock)
    for _ in range(25):
        quota.spend()
        quota.note({"sforce-limit-info": "api-usage=30/100"})
        clock.advance(60)
    with pytest.raises(LimitReached) as stop:
        quota.spend()
    assert stop.value.resets_at == NOW + timedelta(days=1)
    clock.advance(timedelta(days=1).total_seconds())
    quota.spend()


def test_other_apps_may_not_be_starved_and_a_header_nobody_understands_is_counted() -> None:
    quota = Quota(0.25, FakeClock(NOW))
    quota.spend()
    quota.note({"sforce-limit-info": "api-usage=90/100"})
    with pytest.raises(LimitReached, match="left to others"):
        quota.spend()
    quota.note({"sforce-limit-info": "gibberish"})
    quota.note({})
    assert quota.unreadable == 1


@given(
    edges=st.lists(st.integers(0, 10_000), min_size=2, max_size=6, unique=True).map(sorted),
    stamps=st.lists(st.integers(0, 10_000), max_size=30),
)
def test_30_adjoining_and_halved_windows_hold_each_stamp_exactly_once(edges: list[int], stamps: list[int]) -> None:
    times = [NOW + timedelta(seconds=edge) for edge in edges]
    parts = [Window(a, b) for a, b in itertools.pairwise(times)]
    split = [half for part in parts for half in (part.halves() or (part,))]
    for stamp in stamps:
        when = NOW + timedelta(seconds=stamp)
        holders = [part for part in split if part.start <= when < part.end]
        assert len(holders) == (times[0] <= when < times[-1])


def test_a_second_is_not_halved() -> None:
    assert Window(NOW, NOW + timedelta(seconds=1)).halves() is None


@given(st.integers(0, 4_000_000_000), st.text(max_size=5), st.text(max_size=5))
def test_cursors_survive_the_round_trip(until: int, job: str, locator: str) -> None:
    when = datetime.fromtimestamp(until, UTC)
    positions = {
        "Lead": Position(when),
        "Task": Position(None, "750x" + job, locator, when, "m", when),
        "New": Position(),
    }
    assert windows.load(windows.dump(positions), "s") == positions


@pytest.mark.parametrize("text", ["", "null", "{}", '{"v9":{}}', '{"v1":{"Lead":{"until":"yesterday"}}}', "[]"])
def test_a_cursor_that_is_not_ours_is_refused_with_a_remedy(text: str) -> None:
    with pytest.raises(ConfigProblem, match="pulls everything anew"):
        windows.load(text, "records.lead")


def test_32_a_cursor_never_moves_into_the_second_of_the_pulls_beginning() -> None:
    window = windows.next_window(Position(), NOW + timedelta(milliseconds=300), 600)
    assert window.end == NOW + timedelta(seconds=1)
    assert windows.reached(window.end, NOW + timedelta(milliseconds=300)) == NOW
    late = windows.next_window(Position(NOW), NOW + timedelta(hours=1), 600)
    assert late.start == NOW - timedelta(seconds=600)


@settings(deadline=None)  # the first one imports simple-salesforce
@given(st.text(max_size=40))
def test_quoted_values_parse_as_one_value(value: str) -> None:
    text = soql.select(["Id"], "Lead", [f"Name = {soql.quoted(value)}"])
    condition = parse(text).where
    assert condition is not None
    assert condition.values[0].value == value


def test_id_lists_stay_below_what_a_clause_may_hold() -> None:
    texts = list(soql.by_ids(["Id"], "EmailMessageRelation", ["x" * 18] * 400, field="EmailMessageId"))
    assert len(texts) == 3
    assert all(len(text.partition(" WHERE ")[2]) < 4000 for text in texts)


def test_44_a_page_of_nasty_cells_keeps_every_one(tmp_path: Path) -> None:
    page = tmp_path / "page.csv"
    big = "x" * 400_000
    rows = ['"1","Null","NA","5.0"', f'"2","{big}","a\nb, ""c""",""', '"3","日本\u2028語","nan\0","1.0E7"']
    page.write_bytes(("\n".join(['"Id","Name","Note","Count"', *rows]) + "\n").encode())
    bulk.drop_nul(page)
    assert [row for part in bulk.read_csv(page) for row in part.to_pylist()] == [
        {"Id": "1", "Name": "Null", "Note": "NA", "Count": "5.0"},
        {"Id": "2", "Name": big, "Note": 'a\nb, "c"', "Count": None},
        {"Id": "3", "Name": "日本\u2028語", "Note": "nan", "Count": "1.0E7"},
    ]


def test_53_a_large_result_is_read_without_holding_it(tmp_path: Path) -> None:
    page = tmp_path / "page.csv"
    line = '"00Q000000000000AAA","' + "x" * 990 + '"\n'
    page.write_bytes(('"Id","Name"\n' + line * 30_000).encode())
    before = pa.total_allocated_bytes()
    rows = 0
    for part in bulk.read_csv(page):
        rows += part.num_rows
        assert pa.total_allocated_bytes() - before < page.stat().st_size / 2
    assert rows == 30_000 == bulk.count_rows(page)


@pytest.mark.parametrize("content", [b"", b'"Id","Name"\n'])
def test_a_page_without_rows_has_none(tmp_path: Path, content: bytes) -> None:
    page = tmp_path / "page.csv"
    page.write_bytes(content)
    assert list(bulk.read_csv(page)) == []


def chunked(*texts: str | None) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(texts, pa.string())])


def test_46_values_are_read_in_every_form_and_odd_ones_become_null() -> None:
    noon = datetime(2026, 1, 2, 12)  # noqa: DTZ001 - columns are naive UTC
    forms = chunked("2026-01-02T12:00:00.000+0000", "2026-01-02T12:00:00.000Z", "2026-01-02T13:00:00+01:00", None)
    assert values.times(forms).to_pylist() == [noon, noon, noon, None]
    assert values.times(chunked("2026-01-02")).to_pylist() == [noon.replace(hour=0)]
    assert values.times(chunked("2026-01-02T12:00:00Z", "0000-99-99")).to_pylist() == [noon, None]
    assert values.numbers(chunked("5.0", "1.0E7", None)).to_pylist() == [5.0, 1e7, None]
    assert values.numbers(chunked("5", "many", "inf")).to_pylist() == [5.0, None, None]
    assert values.numbers(chunked("5", "NaN")).to_pylist() == [5.0, None]
    assert values.canonical(chunked("0.0", "1.0E7", "100", "2.50", "x"), "double").to_pylist() == [
        "0", "10000000", "100", "2.5", None,
    ]  # fmt: skip
    assert values.canonical(forms, "datetime").to_pylist() == ["2026-01-02T12:00:00Z"] * 3 + [None]
    assert values.canonical(chunked("TRUE", "false"), "boolean").to_pylist() == ["true", "false"]
    addresses = chunked("https://www.Acme.com/x", "acme.de:80", "http://", None)
    assert values.hosts(addresses).to_pylist() == ["acme.com", "acme.de", None, None]


@pytest.mark.parametrize(
    ("campaign", "status", "responded", "kind"),
    [
        ("Webinar", "Attended", True, "webinar_attended"),
        ("Webinar", "No Show", True, "event_registered"),
        ("Webinar", "Registered", False, "event_registered"),
        ("Webinar", "Invited", False, None),
        ("Trade Show", "Visited Booth", True, "event_attended"),
        ("Content", "Responded", True, "download"),
        ("Email", "Sent", False, None),
        ("Other", "Responded", True, "custom:campaign_response"),
    ],
)
def test_a_campaign_members_status_tells_an_activity(
    campaign: str, status: str, responded: bool, kind: str | None
) -> None:
    assert member_type(campaign, status, responded=responded) == kind


def test_written_fields_have_names_and_shapes_that_salesforce_takes() -> None:
    assert WRITTEN["fit_score"] == "Leadgrade_Fit_Score__c"
    assert metadata(OUTPUT_BY_NAME["reasons"])["length"] == 255
    assert clash("fit_score", {"type": "double", "length": 0}) == ""
    assert "string" in clash("fit_score", {"type": "string", "length": 10})
    assert "10" in clash("reasons", {"type": "string", "length": 10})
    assert "formula" in clash("rating", {"type": "string", "length": 255, "calculated": True})


def test_a_call_to_a_name_without_an_address_was_never_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with client.make_session(None) as session, pytest.raises(requests.ConnectionError) as caught:
        session.get("https://acme.my.salesforce.com/services/data")
    assert not network.was_sent(caught.value)
    assert network.reason(caught.value) == "no connection"
