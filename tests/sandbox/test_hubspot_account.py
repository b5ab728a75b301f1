"""Tokens, scopes, limits, account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests
from conftest import NOW
from hubspot_kit import HubSpot

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Sandbox


@pytest.fixture
def server(sandbox: Callable[..., Sandbox]) -> HubSpot:
    running = sandbox()
    return HubSpot(running.portal, running.shared, running.hubspot_url)


CONTACTS = "/crm/v3/objects/contacts"
FORM = {
    "grant_type": "refresh_token",
    "client_id": "sandbox-client",
    "client_secret": "sandbox-secret",
    "refresh_token": "sandbox-refresh",
}


def refresh(server: HubSpot, path: str = "/oauth/v1/token", **changes: str) -> requests.Response:
    return requests.post(server.url + path, data=FORM | changes, timeout=10)


def test_account_details(server: HubSpot) -> None:
    body = server.get("/account-info/v3/details").json()
    assert body["portalId"] == 12345678
    assert (body["accountType"], body["uiDomain"], body["utcOffset"]) == ("STANDARD", "app.hubspot.com", "-05:00")
    assert server.get("/account-info/2026-09/details").json() == body


@pytest.mark.parametrize("token", [None, "wrong", ""])
def test_bad_tokens(server: HubSpot, token: str | None) -> None:
    answer = server.call("GET", CONTACTS, token=token)
    assert answer.status_code == 401
    assert answer.json()["category"] == "INVALID_AUTHENTICATION"
    assert "correlationId" in answer.json()


@pytest.mark.parametrize(
    ("scope", "method", "path", "body"),
    [
        ("crm.objects.contacts.read", "GET", CONTACTS, None),
        ("crm.objects.contacts.read", "POST", f"{CONTACTS}/search", {}),
        ("crm.objects.contacts.read", "GET", "/crm/v3/objects/notes", None),
        ("crm.objects.contacts.write", "POST", f"{CONTACTS}/batch/update", {"inputs": [{"id": "1"}]}),
        ("crm.objects.companies.read", "GET", "/crm/v3/objects/companies", None),
        ("crm.objects.companies.read", "POST", "/crm/v4/associations/contacts/companies/batch/read", {"inputs": []}),
        ("crm.objects.deals.read", "GET", "/crm/v3/objects/deals", None),
        ("crm.schemas.contacts.read", "GET", "/crm/v3/properties/contacts", None),
        ("crm.schemas.contacts.write", "POST", "/crm/v3/properties/contacts", {}),
        ("crm.objects.owners.read", "GET", "/crm/v3/owners", None),
        ("forms", "GET", "/marketing/v3/forms", None),
        ("forms", "GET", "/form-integrations/v1/submissions/forms/f-1", None),
        ("content", "GET", "/email/public/v1/events", None),
        ("communication_preferences.read", "GET", "/communication-preferences/v3/status/email/a@x.example", None),
        ("communication_preferences.read", "GET", "/communication-preferences/2026-09/statuses/a@x.example", None),
    ],
)
def test_each_call_needs_its_scope(server: HubSpot, scope: str, method: str, path: str, body: Any) -> None:
    assert server.call(method, path, json=body).status_code not in {401, 403}
    server.portal.scopes.discard(scope)
    answer = server.call(method, path, json=body)
    assert answer.status_code == 403
    refusal = answer.json()
    assert refusal["category"] == "MISSING_SCOPES"
    context = refusal["context"] if "context" in refusal else refusal["errors"][0]["context"]
    assert context == {"requiredGranularScopes": [scope]}


def test_scopes_stand_in_two_places(server: HubSpot) -> None:
    server.portal.scopes.clear()
    assert "errors" in server.get(CONTACTS).json()
    assert "context" in server.get("/crm/v3/properties/contacts").json()
    assert server.get("/account-info/v3/details").status_code == 200


@pytest.mark.parametrize("path", ["/oauth/v1/token", "/oauth/2026-03/token"])
def test_refreshed_tokens_last_half_an_hour(server: HubSpot, path: str) -> None:
    body = refresh(server, path).json()
    assert (body["token_type"], body["expires_in"], body["refresh_token"]) == ("bearer", 1800, "sandbox-refresh")
    token = body["access_token"]
    assert server.call("GET", CONTACTS, token=token).status_code == 200
    info = server.call("GET", f"/oauth/v1/access-tokens/{token}").json()
    assert (info["hub_id"], info["expires_in"]) == (12345678, 1800)
    server.shared.clock.advance(1800)
    late = server.call("GET", CONTACTS, token=token)
    assert (late.status_code, late.json()["category"]) == (401, "EXPIRED_AUTHENTICATION")
    assert server.call("GET", f"/oauth/v1/access-tokens/{token}").status_code == 404
    assert refresh(server).json()["access_token"] != token


@pytest.mark.parametrize(
    ("changes", "word", "error"),
    [
        ({"refresh_token": "old"}, "BAD_REFRESH_TOKEN", "invalid_grant"),
        ({"client_id": "other"}, "BAD_CLIENT_ID", "invalid_client"),
        ({"client_secret": "other"}, "BAD_CLIENT_SECRET", "invalid_client"),
        ({"grant_type": "password"}, "BAD_GRANT_TYPE", "unsupported_grant_type"),
    ],
)
def test_refused_refreshes(server: HubSpot, changes: dict[str, str], word: str, error: str) -> None:
    answer = refresh(server, **changes)
    assert answer.status_code == 400
    assert (answer.json()["status"], answer.json()["error"]) == (word, error)


def test_no_limits_and_no_headers_when_off(server: HubSpot) -> None:
    assert server.shared.limits is False
    server.portal.limits.per_10_s = 1
    for _ in range(3):
        answer = server.get(CONTACTS)
        assert answer.status_code == 200
        assert not [name for name in answer.headers if "ratelimit" in name.lower()]


def test_burst_limit(server: HubSpot) -> None:
    server.shared.limits = True
    server.portal.limits.per_10_s = 3
    answers = [server.get(CONTACTS) for _ in range(4)]
    assert [one.status_code for one in answers] == [200, 200, 200, 429]
    assert [one.headers["X-HubSpot-RateLimit-Remaining"] for one in answers] == ["2", "1", "0", "0"]
    assert answers[0].headers["X-HubSpot-RateLimit-Max"] == "3"
    assert answers[0].headers["X-HubSpot-RateLimit-Interval-Milliseconds"] == "10000"
    assert answers[0].headers["X-HubSpot-RateLimit-Daily"] == "625000"
    body = answers[3].json()
    assert (body["errorType"], body["policyName"]) == ("RATE_LIMIT", "TEN_SECONDLY_ROLLING")
    assert "Retry-After" not in answers[3].headers
    server.shared.clock.advance(10)
    assert server.get(CONTACTS).status_code == 200


def test_search_has_a_limit_of_its_own_and_no_headers(server: HubSpot) -> None:
    server.shared.limits = True
    answers = [server.search() for _ in range(6)]
    assert [one.status_code for one in answers] == [200] * 5 + [429]
    assert not [name for one in answers for name in one.headers if "ratelimit" in name.lower()]
    body = answers[5].json()
    assert (body["policyName"], body["category"]) == ("SECONDLY", "RATE_LIMITS")
    assert "errorType" not in body
    assert server.get(CONTACTS).headers["X-HubSpot-RateLimit-Remaining"] == "189"
    assert server.search("deals").status_code == 429  # all objects together
    server.shared.clock.advance(1)
    assert server.search().status_code == 200


def test_daily_limit_ends_at_local_midnight(server: HubSpot) -> None:
    server.shared.limits = True
    server.portal.limits.per_day = 2
    assert server.get(CONTACTS).headers["X-HubSpot-RateLimit-Daily-Remaining"] == "1"
    server.get(CONTACTS)
    refused = server.get(CONTACTS)
    assert (refused.status_code, refused.json()["policyName"]) == (429, "DAILY")
    assert server.portal.limits.resets_at() == NOW.replace(day=16, hour=5)
    server.shared.clock.advance(16 * 3600)
    assert server.get(CONTACTS).status_code == 429
    server.shared.clock.advance(3600)
    assert server.get(CONTACTS).status_code == 200


def test_daily_usage(server: HubSpot) -> None:
    server.get(CONTACTS)
    (usage,) = server.get("/account-info/v3/api-usage/daily/private-apps").json()["results"]
    assert (usage["usageLimit"], usage["currentUsage"]) == (625_000, 2)
    assert usage["resetsAt"] == "2026-06-16T05:00:00.000Z"
    token = refresh(server).json()["access_token"]
    path = "/account-info/v3/api-usage/daily/private-apps"
    assert server.call("GET", path, token=token).json() == {"results": []}


def test_oauth_tokens_have_a_smaller_burst_and_show_no_daily_limit(server: HubSpot) -> None:
    server.shared.limits = True
    headers = server.call("GET", CONTACTS, token=refresh(server).json()["access_token"]).headers
    assert headers["X-HubSpot-RateLimit-Max"] == "110"
    assert "X-HubSpot-RateLimit-Daily" not in headers


def test_a_neighbour_spends_the_same_allowance(server: HubSpot) -> None:
    server.shared.limits = True
    server.shared.troubles.set("noisy_neighbour", calls=150)
    assert server.get(CONTACTS).headers["X-HubSpot-RateLimit-Remaining"] == "39"
    server.shared.troubles.set("noisy_neighbour", match="/search")
    assert server.search().status_code == 429
    usage = server.get("/account-info/v3/api-usage/daily/private-apps").json()["results"][0]
    assert usage["currentUsage"] == 150 + 5 + 2  # its calls count for the day


def test_a_neighbour_calls_at_a_pace_of_its_own(server: HubSpot) -> None:
    server.shared.limits = True
    server.get(CONTACTS)
    server.shared.troubles.set("noisy_neighbour", times=None, per_s=10)
    server.shared.clock.advance(4)
    assert server.get(CONTACTS).headers["X-HubSpot-RateLimit-Remaining"] == str(190 - 1 - 40 - 1)
    assert server.get(CONTACTS).headers["X-HubSpot-RateLimit-Remaining"] == str(190 - 1 - 40 - 2)
    server.shared.clock.advance(60)
    assert server.get(CONTACTS).status_code == 429
