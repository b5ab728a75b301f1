"""Account Engagement's visitor activities."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import requests
from conftest import NOW

if TYPE_CHECKING:
    from salesforce_kit import Server

PATH = "/api/v5/objects/visitor-activities"
UNIT = "0Uv000000000001CAA"
FIELDS = "id,type,createdAt,prospect.salesforceId"


def ask(
    server: Server, path: str = PATH, *, token: str | None = None, unit: str | None = UNIT, **params: Any
) -> requests.Response:
    headers = {"Authorization": f"Bearer {token or server.token()}"}
    headers |= {} if unit is None else {"Pardot-Business-Unit-Id": unit}
    return requests.get(server.url + path, headers=headers, params={"fields": FIELDS} | params, timeout=30)


def ids(answer: requests.Response) -> list[int]:
    return [row["id"] for row in answer.json()["values"]]


@pytest.fixture
def visited(server: Server) -> Server:
    """A lead who opened, clicked and visited, an hour after the other, ending now; a stranger who visited."""
    person = server.org.insert("Lead", {"LastName": "Ann", "Company": "Acme", "Email": "ann@x.example"}, created=NOW)
    for hours, kind in ((3, 11), (2, 1), (1, 20)):
        server.org.engagement.add(kind, NOW - timedelta(hours=hours), person, details="Pricing")
    server.org.engagement.add(20, NOW, None)
    return server


def test_activities_name_the_person_and_tell_time_in_the_users_zone(visited: Server) -> None:
    (person,) = visited.org.tables["Lead"]
    first, *_, last = ask(visited).json()["values"]
    assert first == {
        "id": 1, "type": 11, "createdAt": "2026-06-15T02:00:00-07:00", "prospect": {"salesforceId": person},
    }  # fmt: skip
    assert last["prospect"] == {"salesforceId": None}
    one = ask(visited, f"{PATH}/1", fields="typeName,details,prospect.email").json()
    assert one == {"typeName": "Open", "details": "Pricing", "prospect": {"email": "ann@x.example"}}
    assert ask(visited, f"{PATH}/99").json()["code"] == 109


def test_a_prospect_follows_its_lead_into_the_contact(visited: Server) -> None:
    (person,) = visited.org.tables["Lead"]
    contact = visited.org.convert(person)
    assert ask(visited).json()["values"][0]["prospect"] == {"salesforceId": contact}


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({"idGreaterThan": 2}, [3, 4]),
        ({"idLessThanOrEqualTo": 2}, [1, 2]),
        ({"type": 20}, [3, 4]),
        ({"createdAtAfter": "2026-06-15T10:00:00+00:00"}, [3, 4]),
        ({"createdAtAfterOrEqualTo": "2026-06-15T03:00:00-07:00", "type": 1}, [2]),
        ({"createdAtBefore": "2026-06-15T03:00:00"}, [1]),  # without an offset: the user's zone
        ({"orderBy": "createdAt DESC", "limit": 2}, [4, 3]),
        ({"prospectIdGreaterThan": 1}, [1, 2, 3]),  # a visitor whom nobody knows has no prospect
    ],
)
def test_filters_and_order(visited: Server, params: dict[str, Any], found: list[int]) -> None:
    assert ids(ask(visited, **params)) == found


def test_pages_follow_a_token_that_ends_after_four_hours(visited: Server) -> None:
    page = ask(visited, limit=2, idGreaterThan=1)
    token = page.json()["nextPageToken"]
    assert ids(page) == [2, 3]
    last = ask(visited, nextPageToken=token)
    assert (ids(last), last.json()["nextPageToken"], last.json()["nextPageUrl"]) == ([4], None, None)
    headers = {"Authorization": f"Bearer {visited.token()}", "Pardot-Business-Unit-Id": "0Uv000000000001CAA"}
    assert requests.get(page.json()["nextPageUrl"], headers=headers, timeout=30).json() == last.json()
    assert ask(visited, nextPageToken=token, limit=2).json()["code"] == 5
    assert ask(visited, nextPageToken="?").json()["code"] == 211
    visited.shared.clock.advance(4 * 3600 + 1)
    assert ask(visited, nextPageToken=token).json()["code"] == 210


def test_what_an_unknown_visitor_did_is_told_again_once_somebody_knows_who_it_was(visited: Server) -> None:
    (person,) = visited.org.tables["Lead"]
    later = NOW + timedelta(seconds=5)
    visited.org.engagement.recognise(4, person, later)
    visited.shared.clock.advance(60)
    answer = ask(visited, updatedAtAfter=NOW.isoformat())
    assert [(row["id"], row["prospect"]) for row in answer.json()["values"]] == [(4, {"salesforceId": person})]
    visited.shared.commit_delay_s = 100
    assert ids(ask(visited)) == [1, 2, 3]


def test_usage_is_told_to_who_asks_and_abilities_are_asked_for(visited: Server) -> None:
    headers = {"Authorization": f"Bearer {visited.token()}", "Pardot-Business-Unit-Id": UNIT}
    asked = headers | {"X-Return-Api-Usage": "1"}
    params = {"fields": FIELDS}
    assert "x-api-usage" not in requests.get(visited.url + PATH, headers=headers, params=params, timeout=30).headers
    told = requests.get(visited.url + PATH, headers=asked, params=params, timeout=30).headers["x-api-usage"]
    assert told == "2/25000"
    visited.org.engagement.may_view = False
    assert (ask(visited).status_code, ask(visited).json()["code"]) == (403, 46)


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"fields": ""}, 13),
        ({"fields": "id,secret"}, 224),
        ({"limit": 1001}, 23),
        ({"orderBy": "details"}, 19),
        ({"createdAtAfter": "yesterday"}, 7),
        ({"idGreaterThan": "x"}, 16),
        ({"page": 2}, 5),
    ],
)
def test_questions_that_are_refused(visited: Server, params: dict[str, Any], code: int) -> None:
    answer = ask(visited, **params)
    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_sessions_units_and_limits(visited: Server) -> None:
    assert ask(visited, "/api/v5/objects/prospects").json()["code"] == 198
    assert ask(visited, unit=None).json()["code"] == 181
    assert ask(visited, unit="0Uv000000000009CAA").json()["code"] == 201
    bad = ask(visited, token="nonsense")
    assert (bad.status_code, bad.json()["code"]) == (401, 184)
    token = visited.token()
    visited.trouble("session_expired", match="visitor-activities", skip=1)
    assert [ask(visited, token=token).status_code for _ in range(3)] == [200, 401, 401]
    visited.trouble("concurrent_limit")
    assert ask(visited).json()["code"] == 66
    visited.shared.limits = True
    visited.org.engagement.daily = 1
    assert ask(visited).json()["code"] == 122
    visited.shared.clock.advance(86_401)
    assert ask(visited).status_code == 200
