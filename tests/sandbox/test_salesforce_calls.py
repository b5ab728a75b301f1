"""What frames every call: versions, sessions, tokens, allowance and the edge's troubles."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest
import requests
from conftest import NOW

from sandbox.salesforce.ids import checksum, full_id, make_id, object_of
from sandbox.salesforce.troubles import TROUBLES

if TYPE_CHECKING:
    from salesforce_kit import Server


def grant(server: Server, **form: str) -> requests.Response:
    return requests.post(f"{server.url}/services/oauth2/token", data=form, timeout=30)


def test_ids_have_a_checksum_of_their_capitals() -> None:
    assert checksum("00D000000000001") == "EAA"
    assert checksum("aaaaaAAAAAaAaAa") == "A5K"
    assert full_id("00D000000000001") == "00D000000000001EAA"
    assert full_id("00D000000000001EAB") is None
    assert full_id("no id") is None
    made = [make_id("00Q", number) for number in range(3_000)]
    assert len(set(made)) == 3_000
    assert {len(each) for each in made} == {18}
    assert {object_of(each) for each in made} == {"Lead"}


def test_versions_need_no_session_and_do_not_count(server: Server) -> None:
    answer = requests.get(f"{server.url}/services/data", timeout=30)
    labels = {each["version"]: each["label"] for each in answer.json()}
    assert labels["68.0"] == "Winter '27"
    assert labels["67.0"] == "Summer '26"
    assert labels["65.0"] == "Winter '26"
    assert answer.json()[-1]["url"] == "/services/data/v68.0"
    assert "Sforce-Limit-Info" not in answer.headers
    assert server.org.limits.used == 0
    assert server.call("GET", "/limits", version="30.0").status_code == 410
    assert server.call("GET", "/limits", version="69.0").status_code == 404
    assert set(server.call("GET", "/").json()) >= {"sobjects", "query", "limits"}


def test_client_credentials_by_form_or_header_but_not_on_a_shared_host(server: Server) -> None:
    secrets = {"client_id": "sandbox-client", "client_secret": "sandbox-secret"}
    answer = grant(server, grant_type="client_credentials", **secrets)
    assert answer.json()["instance_url"] == server.url
    assert answer.json()["id"].endswith(f"/id/{server.org.org_id}/{server.org.integration_user_id}")
    token = answer.json()["access_token"]
    assert server.call("GET", "/limits", token=token).status_code == 200
    who = requests.get(answer.json()["id"], headers={"Authorization": f"Bearer {token}"}, timeout=30).json()
    assert (who["organization_id"], who["username"]) == (server.org.org_id, "integration@sandbox.example")
    assert requests.get(answer.json()["id"], timeout=30).status_code == 403
    address = f"{server.url}/services/oauth2/token"
    form = {"grant_type": "client_credentials"}
    shared = requests.post(address, data={**form, **secrets}, headers={"Host": "login.salesforce.com"}, timeout=30)
    assert (shared.status_code, shared.json()["error"]) == (400, "invalid_grant")
    for name, pair, error in (
        ("wrong secret", "sandbox-client:nope", "invalid_client"),
        ("unknown client", "nobody:sandbox-secret", "invalid_client_id"),
    ):
        header = {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}
        refused = requests.post(address, data=form, headers=header, timeout=30)
        assert (refused.status_code, refused.json()["error"]) == (400, error), name
    assert grant(server, grant_type="password").json()["error"] == "unsupported_grant_type"
    server.trouble("login_refused")
    assert grant(server, **form, **secrets).json()["error"] == "invalid_grant"


def test_refresh_tokens_rotate_and_a_second_use_ends_the_grant(server: Server) -> None:
    form = {"grant_type": "refresh_token", "client_id": "sandbox-client", "client_secret": "sandbox-secret"}
    first = grant(server, refresh_token="sandbox-refresh", **form).json()
    second = grant(server, refresh_token=first["refresh_token"], **form).json()
    assert second["refresh_token"] not in {first["refresh_token"], "sandbox-refresh"}
    reused = grant(server, refresh_token="sandbox-refresh", **form)
    assert (reused.status_code, reused.json()["error"]) == (400, "invalid_grant")
    assert grant(server, refresh_token=second["refresh_token"], **form).json()["error"] == "invalid_grant"
    assert server.call("GET", "/limits", token=second["access_token"]).status_code == 401  # everything is revoked
    other = grant(server, grant_type="client_credentials", client_id="sandbox-client", client_secret="sandbox-secret")
    assert server.call("GET", "/limits", token=other.json()["access_token"]).status_code == 200


def test_a_refresh_whose_answer_is_lost_has_used_the_token_up(server: Server) -> None:
    form = {"grant_type": "refresh_token", "client_id": "sandbox-client", "client_secret": "sandbox-secret"}
    server.trouble("cut", match="/oauth2/token")
    with pytest.raises(requests.ConnectionError):
        grant(server, refresh_token="sandbox-refresh", **form)
    assert grant(server, refresh_token="sandbox-refresh", **form).json()["error"] == "invalid_grant"
    server.org.refresh_tokens["kept"] = "sandbox-client"
    server.org.rotates_refresh_tokens = False
    answers = [grant(server, refresh_token="kept", **form).json() for _ in range(2)]
    assert all("refresh_token" not in one and one["access_token"] for one in answers)


def test_sessions_end_after_two_idle_hours_by_trouble_or_when_revoked(server: Server) -> None:
    def status(token: str) -> int:
        return server.call("GET", "/limits", token=token).status_code

    token = server.token()
    for _ in range(3):
        server.shared.clock.advance(7_000)
        assert status(token) == 200
    server.shared.clock.advance(7_201)
    assert status(token) == 401
    token = server.token()
    server.trouble("session_expired", skip=1)
    assert [status(token) for _ in range(3)] == [200, 401, 401]
    token = server.token()
    requests.post(f"{server.url}/services/oauth2/revoke", data={"token": token}, timeout=30)
    refused = server.call("GET", "/limits", token=token)
    assert refused.json() == [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}]


def test_a_session_that_ends_while_paging(server: Server) -> None:
    for number in range(250):
        server.org.insert("Lead", {"LastName": str(number), "Company": "Acme"}, created=NOW)
    token = server.token()
    small = {"Sforce-Query-Options": "batchSize=200"}
    following = server.query("SELECT Id FROM Lead", token=token, headers=small).json()["nextRecordsUrl"]
    server.trouble("session_expired", match="/query/")
    path = following.split("v67.0")[1]
    assert server.call("GET", path, token=token).status_code == 401
    assert server.call("GET", path).json()[0]["errorCode"] == "INVALID_QUERY_LOCATOR"


def test_the_days_allowance(server: Server) -> None:
    org = server.org
    org.limits.set_daily(1_000, used=990)
    token = server.token()
    answer = server.call("GET", "/limits", token=token)
    assert answer.headers["Sforce-Limit-Info"] == "api-usage=991/1000"
    assert answer.json()["DailyApiRequests"] == {"Max": 1_000, "Remaining": 9}
    server.trouble("noisy_neighbour", calls=3)
    assert server.call("GET", "/limits", token=token).headers["Sforce-Limit-Info"] == "api-usage=995/1000"
    org.limits.per_app_header = True
    server.trouble("noisy_neighbour", calls=3)
    longer = server.call("GET", "/limits", token=token).headers["Sforce-Limit-Info"]
    assert longer == "api-usage=999/1000; api-bursts=1/750; per-app-api-usage=250/250(appName=Leadgrade)"
    server.shared.limits = True
    server.trouble("noisy_neighbour")  # all that is left
    refused = server.call("GET", "/limits", token=token)
    assert (refused.status_code, refused.json()[0]["errorCode"]) == (403, "REQUEST_LIMIT_EXCEEDED")
    assert "Retry-After" not in refused.headers
    server.shared.clock.advance(86_401)
    assert server.call("GET", "/limits").status_code == 200


def test_the_limit_header_can_be_missing_or_nonsense(server: Server) -> None:
    server.trouble("limit_header")
    assert "Sforce-Limit-Info" not in server.call("GET", "/limits").headers
    server.trouble("limit_header", value="api-usage=?")
    assert server.call("GET", "/limits").headers["Sforce-Limit-Info"] == "api-usage=?"


EDGE: dict[str, tuple[dict[str, Any], int, str]] = {
    "server_unavailable": ({}, 503, "SERVER_UNAVAILABLE"),
    "concurrent_limit": ({}, 403, "ConcurrentRequests"),
    "daily_limit": ({}, 403, "TotalRequests"),
    "api_disabled": ({}, 403, "API_DISABLED_FOR_ORG"),
    "refuse": ({"code": "TXN_SECURITY_METERING_ERROR"}, 403, "TXN_SECURITY_METERING_ERROR"),
    "html_503": ({}, 503, "<html>"),
    "status": ({"code": 420}, 420, ""),
}


def test_troubles_of_any_call(server: Server) -> None:
    for name, (settings, status, text) in EDGE.items():
        server.trouble(name, **settings)
        answer = server.call("GET", "/limits")
        assert (answer.status_code, text in answer.text) == (status, True), name
        assert server.call("GET", "/limits").status_code == 200
    server.trouble("status", code=406)
    assert server.call("GET", "/limits").content == b""


def test_unknown_paths_and_methods(server: Server) -> None:
    missing = server.call("GET", "/nothing/here")
    assert (missing.status_code, missing.json()[0]["errorCode"]) == (404, "NOT_FOUND")
    wrong = server.call("DELETE", "/limits")
    assert (wrong.status_code, wrong.json()[0]["errorCode"]) == (405, "METHOD_NOT_ALLOWED")
    soql = "SELECT Id FROM Lead WHERE Name = '" + "x" * 17_000 + "'"
    assert server.query(soql).status_code == 414


def test_composite_batch_answers_each_call(server: Server) -> None:
    calls = [
        {"method": "GET", "url": "v67.0/sobjects/Lead/describe"},
        {"method": "GET", "url": "v67.0/query?q=SELECT+COUNT()+FROM+Lead"},
        {"method": "GET", "url": "v67.0/sobjects/Nothing/describe"},
    ]
    body = server.call("POST", "/composite/batch", json={"batchRequests": calls}).json()
    assert body["hasErrors"] is True
    assert [each["statusCode"] for each in body["results"]] == [200, 200, 404]
    assert body["results"][0]["result"]["name"] == "Lead"
    many = server.call("POST", "/composite/batch", json={"batchRequests": calls * 9})
    assert many.status_code == 400


def test_a_composite_call_counts_as_one_and_a_batch_as_many(server: Server) -> None:
    urls = ["/services/data/v67.0/query?q=SELECT+COUNT()+FROM+Lead", "/services/data/v67.0/sobjects/Nothing/describe"]
    parts = [{"method": "GET", "url": url, "referenceId": f"r{n}"} for n, url in enumerate(urls)]
    used = server.org.limits.used
    told = server.call("POST", "/composite", json={"compositeRequest": parts}).json()["compositeResponse"]
    assert [(one["referenceId"], one["httpStatusCode"]) for one in told] == [("r0", 200), ("r1", 404)]
    assert (told[0]["body"]["totalSize"], told[1]["body"][0]["errorCode"]) == (0, "NOT_FOUND")
    assert server.org.limits.used == used + 1
    batch = [{"method": "GET", "url": url.removeprefix("/services/data/")} for url in urls]
    assert server.call("POST", "/composite/batch", json={"batchRequests": batch}).status_code == 200
    assert server.org.limits.used == used + 3
    six = [parts[0] | {"referenceId": f"r{n}"} for n in range(6)]
    assert server.call("POST", "/composite", json={"compositeRequest": six[:5]}).status_code == 200
    assert server.call("POST", "/composite", json={"compositeRequest": six}).status_code == 400
    assert server.call("POST", "/composite", json={"compositeRequest": [parts[0], parts[0]]}).status_code == 400


def test_every_switch_is_explained_and_in_use() -> None:
    from pathlib import Path

    import sandbox.salesforce as package

    source = "\n".join(path.read_text() for path in Path(str(package.__file__)).parent.rglob("*.py"))
    assert all(source.count(f'"{name}"') > 1 for name in TROUBLES)
    assert all(sentence.endswith(".") for sentence in TROUBLES.values())
