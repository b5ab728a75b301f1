"""The wire around both servers: journal, troubles, cut connections, clock, and the control API."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
import requests
from conftest import NOW

from sandbox.core import Call, CallJournal, Shared, Troubles
from sandbox.hubspot.portal import Portal
from sandbox.salesforce.org import Org
from sandbox.server import running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CONTACTS = "/crm/v3/objects/contacts"
TOKEN = {"Authorization": "Bearer pat-sandbox-leadgrade"}


@pytest.fixture
def box(sandbox: Callable[..., Any]) -> Any:
    return sandbox(people=20)


@pytest.fixture
def http() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.headers.update(TOKEN)
        yield session


def first_contact(box: Any) -> str:
    return next(iter(box.portal.objects["contacts"]))


def rename(box: Any, http: requests.Session) -> requests.Response:
    url = f"{box.hubspot_url}{CONTACTS}/{first_contact(box)}"
    return http.patch(url, json={"properties": {"firstname": "Renamed"}}, timeout=10)


def is_renamed(box: Any) -> bool:
    return box.portal.objects["contacts"][first_contact(box)].properties.get("firstname") == "Renamed"


def test_the_journal_keeps_every_call_with_headers_body_and_status(box: Any, http: requests.Session) -> None:
    http.get(f"{box.hubspot_url}{CONTACTS}?limit=2", timeout=10)
    rename(box, http)
    http.get(f"{box.salesforce_url}/services/data", timeout=10)
    http.get(f"{box.hubspot_url}/no/such/path", timeout=10)

    calls = list(box.shared.journal)
    assert [(call.crm, call.method, call.status) for call in calls] == [
        ("hubspot", "GET", 200),
        ("hubspot", "PATCH", 200),
        ("salesforce", "GET", 200),
        ("hubspot", "GET", 404),
    ]
    assert calls[0].query == "limit=2"
    assert calls[0].headers["authorization"] == TOKEN["Authorization"]
    assert b"Renamed" in calls[1].body
    assert [call.method for call in box.shared.journal.writes()] == ["PATCH"]


def test_the_journal_forgets_its_oldest_calls_beyond_its_size() -> None:
    journal = CallJournal(keep=3, keep_bytes=100)
    for number, size in enumerate((10, 10, 10, 10, 85, 300)):
        journal.add(Call(NOW, "hubspot", "POST", f"/{number}", "", {}, b"x" * size, 200))
        assert [call.path for call in journal] == [
            ["/0"], ["/0", "/1"], ["/0", "/1", "/2"], ["/1", "/2", "/3"], ["/3", "/4"], ["/5"],
        ][number]  # fmt: skip
    assert journal.counts["hubspot 200"] == 6


def test_the_journal_can_be_read_narrowed_and_forgotten_over_http(box: Any, http: requests.Session) -> None:
    http.get(f"{box.salesforce_url}/services/data", timeout=10)
    rename(box, http)
    control = f"{box.salesforce_url}/_sandbox"

    assert [call["crm"] for call in http.get(f"{control}/journal", timeout=10).json()] == ["salesforce", "hubspot"]
    assert [call["path"] for call in http.get(f"{control}/journal?crm=salesforce", timeout=10).json()] == [
        "/services/data"
    ]
    writes = http.get(f"{control}/journal?writes=true", timeout=10).json()
    assert [(call["method"], call["status"]) for call in writes] == [("PATCH", 200)]
    assert len(http.get(f"{control}/journal?limit=1", timeout=10).json()) == 1
    http.delete(f"{control}/journal", timeout=10)
    assert len(box.shared.journal) == 0
    assert http.get(f"{control}/journal?limit=many", timeout=10).status_code == 400


def test_the_summary_counts_records_calls_and_troubles(box: Any, http: requests.Session) -> None:
    rename(box, http)
    box.shared.troubles.set("cut", times=3)
    summary = http.get(f"{box.hubspot_url}/_sandbox/summary", timeout=10).json()
    assert summary["records"]["hubspot"]["contacts"] == len(box.portal.objects["contacts"])
    assert summary["records"]["salesforce"]["Lead"] == len(box.org.tables["Lead"])
    assert summary["calls"] == {"hubspot 200": 1}
    assert summary["writes"] == 1
    assert summary["troubles"] == ["cut"]


def test_an_html_page_comes_instead_of_the_answer_with_or_without_the_effect(box: Any, http: requests.Session) -> None:
    box.shared.troubles.set("html_502", match=CONTACTS)
    answer = rename(box, http)
    assert (answer.status_code, answer.headers["content-type"]) == (502, "text/html")
    assert not is_renamed(box)

    box.shared.troubles.set("html_502", applied=True, status=504)
    assert rename(box, http).status_code == 504
    assert is_renamed(box)
    assert rename(box, http).status_code == 200  # the switch was on for one call


def test_a_connection_is_closed_before_the_call_has_any_effect(box: Any, http: requests.Session) -> None:
    box.shared.troubles.set("no_answer")
    with pytest.raises(requests.ConnectionError):
        rename(box, http)
    assert not is_renamed(box)
    assert [call.status for call in box.shared.journal] == [0]
    assert rename(box, http).status_code == 200


def test_a_connection_is_cut_after_the_effect_before_any_answer(box: Any, http: requests.Session) -> None:
    box.shared.troubles.set("cut", match=CONTACTS)
    with pytest.raises(requests.ConnectionError):
        rename(box, http)
    assert is_renamed(box)


def test_a_connection_is_cut_in_the_middle_of_the_body(box: Any, http: requests.Session) -> None:
    box.shared.troubles.set("cut", after=40)
    with http.get(f"{box.hubspot_url}{CONTACTS}", timeout=10, stream=True) as answer:
        assert answer.status_code == 200
        promised = int(answer.headers["content-length"])
        received: list[bytes] = []
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            received.extend(answer.iter_content(10))
    assert 0 < len(b"".join(received)) <= 40 < promised


def test_a_handler_that_cuts_the_connection_gives_no_answer(box: Any, http: requests.Session) -> None:
    box.shared.troubles.set("drop_after_write", match=CONTACTS)  # raised inside HubSpot's own handlers
    with pytest.raises(requests.ConnectionError):
        rename(box, http)
    assert is_renamed(box)
    assert rename(box, http).status_code == 200


def test_a_hanging_call_is_given_up_by_the_client(box: Any, http: requests.Session) -> None:
    box.shared.troubles.set("hang", applied=True)
    with pytest.raises(requests.ReadTimeout):
        http.patch(
            f"{box.hubspot_url}{CONTACTS}/{first_contact(box)}",
            json={"properties": {"firstname": "Renamed"}},
            timeout=0.3,
        )
    assert is_renamed(box)


def test_a_hanging_call_does_not_keep_the_sandbox_from_stopping() -> None:
    shared = Shared()
    shared.troubles.set("hang")
    with running(Portal(shared), Org(shared), shared) as urls:
        address = urlsplit(urls.hubspot)
        with socket.create_connection((str(address.hostname), address.port or 0), 10) as line:
            line.sendall(b"GET /crm/v3/objects/contacts HTTP/1.1\r\nHost: sandbox\r\n\r\n")
            while shared.troubles.names():  # until the server has taken the call
                requests.get(f"{urls.hubspot}/_sandbox/summary", timeout=10)
            line.setblocking(False)
            with pytest.raises(BlockingIOError):
                line.recv(1)
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{urls.hubspot}/_sandbox/summary", timeout=10)


def test_a_taken_port_is_an_error_at_once() -> None:
    shared = Shared()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match="in use"), running(Portal(shared), Org(shared), shared, ports=(0, port)):
            pass


def test_the_sandbox_runs_in_a_process_of_its_own_and_ends_on_a_signal() -> None:
    command = [sys.executable, "-m", "sandbox", "--ports", "0", "0", "--people", "30", "--no-limits", "--troubles"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        urls = json.loads(process.stdout.readline())
        summary = requests.get(f"{urls['salesforce']}/_sandbox/summary", timeout=10).json()
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 128 + signal.SIGTERM
    assert summary["records"]["salesforce"]["Lead"] > 0
    assert summary["limits"] is False


def test_the_sandbox_can_be_filled_with_bare_records_for_measuring() -> None:
    command = [sys.executable, "-m", "sandbox", "--ports", "0", "0", "--contacts", "250", "--leads", "30"]
    with subprocess.Popen([*command, "--latency", "0.05"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        urls = json.loads(process.stdout.readline())
        summary = requests.get(f"{urls['hubspot']}/_sandbox/summary", timeout=10).json()
        page = requests.get(
            f"{urls['hubspot']}{CONTACTS}", params={"limit": 100, "after": 700}, headers=TOKEN, timeout=10
        )
        process.terminate()
    assert summary["records"]["hubspot"]["contacts"] == 250
    assert summary["records"]["salesforce"]["Lead"] == 30
    assert [one["id"] for one in page.json()["results"]] == [str(number) for number in range(700, 751)]
    assert page.elapsed >= timedelta(seconds=0.05)


def test_a_dripping_answer_arrives_whole(box: Any, http: requests.Session) -> None:
    plain = http.get(f"{box.hubspot_url}{CONTACTS}?limit=3", timeout=10).content
    box.shared.troubles.set("drip", bytes=200, seconds=0.001)
    assert http.get(f"{box.hubspot_url}{CONTACTS}?limit=3", timeout=10).content == plain


def test_the_date_header_follows_the_sandbox_clock_and_its_skew(box: Any, http: requests.Session) -> None:
    now = box.shared.clock.now()
    url = f"{box.hubspot_url}{CONTACTS}?limit=1"
    answer = http.get(url, timeout=10)
    assert parsedate_to_datetime(answer.headers["date"]) == now
    http.post(f"{box.hubspot_url}/_sandbox/clock", json={"advance_s": 3600}, timeout=10)
    assert parsedate_to_datetime(http.get(url, timeout=10).headers["date"]) == now + timedelta(hours=1)
    box.shared.troubles.set("date_skew", seconds=-90)
    assert parsedate_to_datetime(http.get(url, timeout=10).headers["date"]) == now + timedelta(hours=1, seconds=-90)


def test_troubles_are_turned_on_and_off_over_http(box: Any, http: requests.Session) -> None:
    troubles = f"{box.salesforce_url}/_sandbox/troubles"
    listed = http.get(troubles, timeout=10).json()
    assert {"cut", "hang"} <= set(listed["transport"])
    http.post(troubles, json={"name": "html_502", "times": None, "match": CONTACTS, "status": 503}, timeout=10)
    assert [rename(box, http).status_code for _ in range(2)] == [503, 503]
    assert http.delete(f"{troubles}?name=html_502", timeout=10).json() == {"on": []}
    assert rename(box, http).status_code == 200
    unknown = http.post(troubles, json={"name": "earthquake"}, timeout=10)
    assert unknown.status_code == 400
    assert "html_502" in unknown.json()["error"]


def test_a_trouble_may_come_back_every_so_many_calls() -> None:
    troubles = Troubles()
    troubles.set("cut", times=None, every=3, match="/a", after=7)
    met = [troubles.take("cut", "/a") is not None for _ in range(7)]
    assert met == [False, False, True, False, False, True, False]
    assert troubles.take("cut", "/b") is None
    troubles.clear()
    troubles.set("cut", times=2, skip=1, every=2)
    assert [troubles.take("cut") is not None for _ in range(7)] == [False, False, True, False, True, False, False]


def test_a_trouble_may_come_by_chance_and_the_same_each_time() -> None:
    def met(seed: int) -> list[bool]:
        troubles = Troubles(seed)
        troubles.set("cut", times=None, chance=0.2)
        return [troubles.take("cut") is not None for _ in range(500)]

    assert met(1) == met(1) != met(2)
    assert 60 < sum(met(1)) < 140


def test_people_can_be_played_over_http(box: Any, http: requests.Session) -> None:
    events = f"{box.hubspot_url}/_sandbox/events"
    contact, lead = first_contact(box), next(iter(box.org.tables["Lead"]))
    assert http.post(
        events, json={"kind": "edit", "type": "contacts", "id": contact, "fields": {"jobtitle": "CEO"}}, timeout=10
    ).ok
    assert http.post(
        events, json={"kind": "edit", "type": "Lead", "id": lead, "fields": {"Title": "CFO"}}, timeout=10
    ).ok
    assert box.portal.objects["contacts"][contact].properties["jobtitle"] == "CEO"
    assert box.org.tables["Lead"][lead]["Title"] == "CFO"
    assert http.post(events, json={"kind": "delete", "type": "Lead", "id": lead}, timeout=10).ok
    assert box.org.tables["Lead"][lead]["IsDeleted"]


def test_records_are_merged_and_converted_over_http(box: Any, http: requests.Session) -> None:
    events = f"{box.hubspot_url}/_sandbox/events"
    kept, gone, *_ = (each.id for each in box.portal.objects["contacts"].values() if not each.archived)
    merge = {"kind": "merge", "type": "contacts", "id": kept, "other": gone, "new_id": True}
    assert http.post(events, json=merge, timeout=10).ok
    survivor = box.portal.stores["contacts"].resolve(gone)
    assert survivor == box.portal.stores["contacts"].resolve(kept) != kept
    first, second, third, *_ = (
        row["Id"] for row in box.org.tables["Lead"].values() if not row["IsDeleted"] and not row.get("IsConverted")
    )
    assert http.post(events, json={"kind": "merge", "type": "Lead", "id": first, "other": second}, timeout=10).ok
    assert box.org.tables["Lead"][second]["MasterRecordId"] == first
    convert = {"kind": "convert", "id": third, "with_opportunity": True}
    assert http.post(events, json=convert, timeout=10).ok
    assert box.org.tables["Lead"][third]["ConvertedOpportunityId"] in box.org.tables["Opportunity"]
    again = http.post(events, json=convert, timeout=10)
    assert (again.status_code, "unconverted" in again.json()["error"]) == (400, True)


def test_a_form_filled_over_http_is_among_the_submissions(box: Any, http: requests.Session) -> None:
    form = http.get(f"{box.hubspot_url}/marketing/v3/forms", timeout=10).json()["results"][0]["id"]
    filled = {"kind": "form_submission", "email": "new@leads.example", "form": form}
    assert http.post(f"{box.hubspot_url}/_sandbox/events", json=filled, timeout=10).status_code == 201
    newest = http.get(f"{box.hubspot_url}/form-integrations/v1/submissions/forms/{form}", timeout=10).json()["results"][
        0
    ]
    assert newest["submittedAt"] == box.shared.clock.now().timestamp() * 1000


@pytest.mark.parametrize(
    ("event", "hint"),
    [
        ({"kind": "storm"}, "form_submission"),
        ({"kind": "edit", "type": "contacts"}, "id"),
        ({"kind": "delete", "type": "contacts", "id": "0"}, "0"),
        ([1], "object"),
    ],
)
def test_an_event_that_makes_no_sense_is_refused_with_a_hint(
    box: Any, http: requests.Session, event: Any, hint: str
) -> None:
    answer = http.post(f"{box.hubspot_url}/_sandbox/events", json=event, timeout=10)
    assert answer.status_code == 400
    assert hint in answer.json()["error"]


def test_the_control_api_is_not_in_the_journal_and_knows_no_trouble(box: Any, http: requests.Session) -> None:
    box.shared.troubles.set("no_answer")
    assert http.get(f"{box.hubspot_url}/_sandbox/summary", timeout=10).ok
    assert len(box.shared.journal) == 0
    assert box.shared.troubles.names() == ["no_answer"]
