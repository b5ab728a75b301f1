"""The HubSpot server's trouble switches."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import requests
from conftest import NOW
from hubspot_kit import HubSpot, ids, walk

from sandbox.hubspot.troubles import TROUBLES

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Sandbox


@pytest.fixture
def server(sandbox: Callable[..., Sandbox]) -> HubSpot:
    running = sandbox()
    return HubSpot(running.portal, running.shared, running.hubspot_url)


CONTACTS = "/crm/v3/objects/contacts"


def jobs(server: HubSpot) -> list[str | None]:
    return [record.properties.get("jobtitle") for record in server.portal.objects["contacts"].values()]


def promote(server: HubSpot, made: list[str]) -> requests.Response:
    return server.update(*({"id": one, "properties": {"jobtitle": "CTO"}} for one in made))


def test_every_switch_is_documented(server: HubSpot) -> None:
    listed = server.get("/_sandbox/troubles").text
    assert {"rate_429", "drop_after_write", "lose_row"} <= set(TROUBLES)
    assert [name for name in TROUBLES if f'"{name}"' not in listed] == []


def test_rate_429(server: HubSpot) -> None:
    server.shared.troubles.set("rate_429")
    plain = server.get(CONTACTS)
    assert (plain.status_code, plain.json()["policyName"]) == (429, "TEN_SECONDLY_ROLLING")
    assert "Retry-After" not in plain.headers
    server.shared.troubles.set("rate_429", match="/search", retry_after=7, as_category=True)
    assert server.get(CONTACTS).status_code == 200
    search = server.search()
    assert (search.json()["policyName"], search.json()["category"]) == ("SECONDLY", "RATE_LIMITS")
    assert search.headers["Retry-After"] == "7"
    assert server.search().status_code == 200


def test_daily_429(server: HubSpot) -> None:
    server.shared.troubles.set("daily_429")
    assert server.get(CONTACTS).json()["policyName"] == "DAILY"


@pytest.mark.parametrize("path", [CONTACTS, "/account-info/v3/details", "/marketing/v3/forms", "/crm/v3/owners"])
def test_expire_token_after_some_calls(server: HubSpot, path: str) -> None:
    form = {
        "grant_type": "refresh_token", "client_id": "sandbox-client", "client_secret": "sandbox-secret",
        "refresh_token": "sandbox-refresh",
    }  # fmt: skip
    token = requests.post(f"{server.url}/oauth/v1/token", data=form, timeout=10).json()["access_token"]
    server.shared.troubles.set("expire_token", skip=2)
    codes = [server.call("GET", path, token=token).status_code for _ in range(4)]
    assert codes == [200, 200, 401, 401]
    fresh = requests.post(f"{server.url}/oauth/v1/token", data=form, timeout=10).json()["access_token"]
    assert server.call("GET", path, token=fresh).status_code == 200


@pytest.mark.parametrize("status", [502, 503, 524])
def test_html_error(server: HubSpot, status: int) -> None:
    made = server.contacts(1)
    server.shared.troubles.set("html_error", status=status)
    answer = promote(server, made)
    assert answer.status_code == status
    assert answer.headers["Content-Type"].startswith("text/html")
    assert jobs(server) == [None]
    server.shared.troubles.set("html_error", status=status, applied=True)
    assert promote(server, made).status_code == status
    assert jobs(server) == ["CTO"]


def test_migration_477(server: HubSpot) -> None:
    server.shared.troubles.set("migration_477", retry_after=120)
    answer = server.get(CONTACTS)
    assert (answer.status_code, answer.headers["Retry-After"]) == (477, "120")
    assert server.get(CONTACTS).status_code == 200


def test_drop_after_write(server: HubSpot) -> None:
    made = server.contacts(2)
    server.shared.troubles.set("drop_after_write", match="/batch/update")
    with pytest.raises(requests.ConnectionError):
        promote(server, made)
    assert jobs(server) == ["CTO", "CTO"]
    assert promote(server, made).status_code == 200


def test_empty_success(server: HubSpot) -> None:
    made = server.contacts(2)
    server.shared.troubles.set("empty_success", match="/batch/update")
    answer = promote(server, made)
    assert answer.status_code == 200
    assert (answer.json()["results"], answer.json()["errors"]) == ([], [])
    assert jobs(server) == [None, None]


def test_lose_row(server: HubSpot) -> None:
    made = server.contacts(3)
    server.shared.troubles.set("lose_row", id=made[1])
    answer = promote(server, made)
    assert answer.status_code == 200
    assert set(ids(answer)) == {made[0], made[2]}
    assert jobs(server) == ["CTO"] * 3
    server.shared.troubles.set("lose_row")
    assert len(ids(server.get(CONTACTS))) == 2


def test_odd_json(server: HubSpot) -> None:
    server.contacts(1)
    server.shared.troubles.set("odd_json")
    answer = server.get(CONTACTS)
    assert answer.status_code == 200
    with pytest.raises(requests.exceptions.JSONDecodeError):
        answer.json()
    assert len(ids(server.get(CONTACTS))) == 1


@pytest.mark.parametrize("rows", [0, 2])
@pytest.mark.parametrize("skip", [0, 1])
def test_thin_pages_still_lead_on(server: HubSpot, rows: int, skip: int) -> None:
    made = server.contacts(12)
    server.shared.troubles.set("empty_page", rows=rows, skip=skip)
    assert [row["id"] for row in walk(server, CONTACTS, limit=5)] == made
    server.shared.troubles.set("empty_page", rows=rows, skip=skip)
    seen: list[str] = []
    body: dict[str, Any] = {"limit": 5, "sorts": ["hs_object_id"]}
    sizes = []
    cursors = [None]
    while True:
        page = server.search(**body)
        seen += ids(page)
        sizes.append(len(ids(page)))
        following = page.json().get("paging")
        if following is None:
            break
        body["after"] = following["next"]["after"]
        cursors.append(body["after"])
    assert seen == made
    assert rows in sizes[:-1]
    assert len(set(cursors)) == len(cursors)


def test_thin_pages_of_events_and_submissions(server: HubSpot) -> None:
    server.portal.form("f-1", "Demo")
    for number in range(12):
        moment = NOW - timedelta(minutes=number)
        server.portal.submission("f-1", f"p{number}@x.example", moment, "https://x.example/")
        server.portal.email_event("a@x.example", "OPEN", moment, campaign_id=1)
    server.shared.troubles.set("empty_page", match="submissions", skip=1)
    assert len(walk(server, "/form-integrations/v1/submissions/forms/f-1", limit=5)) == 12
    server.shared.troubles.set("empty_page", rows=3, match="events")
    first = server.get("/email/public/v1/events", limit=5).json()
    assert (len(first["events"]), first["hasMore"]) == (3, True)
    rest = server.get("/email/public/v1/events", limit=100, offset=first["offset"]).json()
    assert len(rest["events"]) == 9


def test_same_millisecond(server: HubSpot) -> None:
    made = server.contacts(3)
    server.shared.troubles.set("same_millisecond", times=None)
    for one in made:
        server.portal.update("contacts", one, {"city": "Bonn"})
        server.shared.clock.advance(5)
    assert {record.updated for record in server.portal.objects["contacts"].values()} == {NOW}


def test_restless(server: HubSpot) -> None:
    made = server.contact(hubspotscore=5)
    server.shared.troubles.set("restless", times=None, property="hubspotscore")
    path = f"{CONTACTS}/{made}"
    seen = {server.get(path, properties="hubspotscore").json()["properties"]["hubspotscore"] for _ in range(3)}
    assert len(seen) == 3
    assert "hubspotscore" not in server.get(path, properties="city").json()["properties"]


def test_deprecated(server: HubSpot) -> None:
    server.shared.troubles.set("deprecated", on="2027-01-01")
    assert server.get(CONTACTS).headers["Sunset"] == "2027-01-01"


def test_shuffled_search(server: HubSpot) -> None:
    made = server.contacts(50)
    server.shared.troubles.set("search_order", shuffle=True)
    page = ids(server.search(sorts=["hs_object_id"], limit=200))
    assert page != made
    assert sorted(page, key=int) == made
    assert ids(server.search(sorts=["hs_object_id"], limit=200)) == made


@pytest.mark.parametrize(
    ("settings", "code", "text"), [({}, 423, "unavailable"), ({"status": 409, "message": "x"}, 409, "x")]
)
def test_any_status(server: HubSpot, settings: dict[str, Any], code: int, text: str) -> None:
    made = server.contacts(1)
    server.shared.troubles.set("refuse", **settings)
    answer = promote(server, made)
    assert (answer.status_code, text in answer.json()["message"], "category" in answer.json()) == (code, True, False)
    assert jobs(server) == [None]
    server.shared.troubles.set("refuse", category="MIGRATION_IN_PROGRESS")
    assert server.get(CONTACTS).json()["category"] == "MIGRATION_IN_PROGRESS"
    assert server.get(CONTACTS).status_code == 200


def test_a_row_of_associations_can_be_lost(server: HubSpot) -> None:
    made = server.contacts(2)
    company = server.portal.create("companies", {"name": "Acme"}, created=NOW)
    for one in made:
        server.portal.associate("contacts", one, "companies", company)
    server.shared.troubles.set("lose_row", id=made[0])
    path = "/crm/v4/associations/contacts/companies/batch/read"
    answer = server.post(path, {"inputs": [{"id": one} for one in made]})
    assert answer.status_code == 200
    assert [row["from"]["id"] for row in answer.json()["results"]] == [made[1]]


def test_paging_can_be_stuck(server: HubSpot) -> None:
    made = server.contacts(5)
    company = server.portal.create("companies", {"name": "Acme"}, created=NOW)
    for one in made:
        server.portal.associate("contacts", one, "companies", company)
    server.shared.troubles.set("stuck_cursor", times=None)
    pages = [server.get(CONTACTS, limit=2, after=after).json() for after in (made[0], made[2])]
    assert pages[0] == pages[1]
    assert pages[0]["paging"]["next"]["after"] == made[2]
    searches = [server.search(limit=2, sorts=["hs_object_id"], after=after).json() for after in (0, 2, 4)]
    assert [one["paging"]["next"]["after"] for one in searches] == ["2", "2", "2"]
    links = f"/crm/v4/objects/companies/{company}/associations/contacts"
    assert server.get(links, limit=2).json() == server.get(links, limit=2, after=made[2]).json()


def test_a_list_may_insist_on_ids_that_are_there(server: HubSpot) -> None:
    made = server.contacts(3)
    server.portal.archive("contacts", made[1])
    assert ids(server.get(CONTACTS, after=made[1])) == made[2:]
    server.shared.troubles.set("strict_after", times=None)
    assert server.get(CONTACTS, after=made[1]).status_code == 400
    assert ids(server.get(CONTACTS, after=made[2])) == made[2:]
    assert ids(server.get(CONTACTS)) == [made[0], made[2]]


@pytest.mark.parametrize(("style", "shown"), [("empty", {"city": ""}), ("absent", {})])
def test_properties_without_a_value(server: HubSpot, style: str, shown: dict[str, str]) -> None:
    made = server.contact(jobtitle="CTO")
    path = f"{CONTACTS}/{made}"
    server.shared.troubles.set("blanks", style=style)
    given = server.get(path, properties="city,jobtitle").json()["properties"]
    assert {name: text for name, text in given.items() if name in {"city", "jobtitle"}} == {"jobtitle": "CTO"} | shown
    assert server.get(path, properties="city").json()["properties"]["city"] is None


def test_a_partial_success_may_look_whole(server: HubSpot) -> None:
    made = server.contacts(1)
    server.shared.troubles.set("no_207")
    answer = promote(server, [*made, "999"])
    assert (answer.status_code, ids(answer), answer.json()["numErrors"]) == (200, made, 1)
    assert promote(server, [*made, "999"]).status_code == 207


def test_limits_may_be_kept_quiet(server: HubSpot) -> None:
    server.shared.limits = True
    server.shared.troubles.set("no_rate_headers")
    assert not [name for name in server.get(CONTACTS).headers if "RateLimit" in name]
    assert "X-HubSpot-RateLimit-Remaining" in server.get(CONTACTS).headers
