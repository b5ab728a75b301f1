"""Subscription statuses and event occurrences."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from conftest import NOW
from hubspot_kit import HubSpot, walk

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Sandbox

EVENTS = "/events/v3/events"
STATUSES = "/communication-preferences/v4/statuses"


@pytest.fixture
def server(sandbox: Callable[..., Sandbox]) -> HubSpot:
    running = sandbox()
    return HubSpot(running.portal, running.shared, running.hubspot_url)


@pytest.fixture
def choosy(server: HubSpot) -> HubSpot:
    """Two types of subscription; one person left the first."""
    server.portal.subscription(11, "Newsletter")
    server.portal.subscription(12, "Product news")
    server.contact(0)
    server.portal.opt("Person0@example.com", 11, subscribed=False, at=NOW - timedelta(days=1))
    server.portal.opt("person0@example.com", 12, subscribed=True)
    return server


def test_statuses_of_one_address(choosy: HubSpot) -> None:
    first, second = choosy.get(f"{STATUSES}/person0%40example.com", channel="EMAIL").json()["results"]
    assert (first["subscriptionId"], first["status"]) == (11, "UNSUBSCRIBED")
    assert (first["subscriberIdString"], first["timestamp"]) == ("person0@example.com", "2026-06-14T12:00:00.000Z")
    assert (second["subscriptionName"], second["status"]) == ("Product news", "SUBSCRIBED")
    unknown = choosy.get(f"{STATUSES}/nobody@example.com", channel="EMAIL").json()["results"]
    assert {one["status"] for one in unknown} == {"NOT_SPECIFIED"}
    assert choosy.get(f"{STATUSES}/person0@example.com").status_code == 400


def test_statuses_in_the_old_words(choosy: HubSpot) -> None:
    body = choosy.get("/communication-preferences/v3/status/email/person0@example.com").json()
    assert body["recipient"] == "person0@example.com"
    assert {one["id"]: one["status"] for one in body["subscriptionStatuses"]} == {
        "11": "NOT_SUBSCRIBED",
        "12": "SUBSCRIBED",
    }
    old = choosy.get("/communication-preferences/v3/definitions").json()["subscriptionDefinitions"]
    assert old == choosy.get("/communication-preferences/v4/definitions").json()["results"]
    assert [one["name"] for one in old] == ["Newsletter", "Product news"]


def test_batches_of_statuses_need_the_enterprise_plan(choosy: HubSpot) -> None:
    path, body = f"{STATUSES}/batch/read?channel=EMAIL", {"inputs": ["person0@example.com", "nobody@example.com"]}
    assert choosy.post(path, body).status_code == 403
    choosy.portal.enterprise = True
    rows = choosy.post(path, body).json()["results"]
    assert [[one["status"] for one in row["statuses"]] for row in rows] == [
        ["UNSUBSCRIBED", "SUBSCRIBED"],
        ["NOT_SPECIFIED", "NOT_SPECIFIED"],
    ]
    assert choosy.post(path, {"inputs": [{"id": "x"}]}).status_code == 400
    assert choosy.post(path, {"inputs": []}).status_code == 400


def test_a_choice_shows_on_the_contact_and_touches_it(choosy: HubSpot) -> None:
    choosy.shared.clock.advance(60)
    choosy.portal.opt("person0@example.com", 12, subscribed=False)
    row = choosy.get("/crm/v3/objects/contacts/501", properties="hs_email_optout_11,hs_email_optout_12").json()
    assert {row["properties"][f"hs_email_optout_{number}"] for number in (11, 12)} == {"true"}
    assert row["updatedAt"] == "2026-06-15T12:01:00.000Z"
    with pytest.raises(KeyError):
        choosy.portal.opt("person0@example.com", 99, subscribed=True)


def visit(server: HubSpot, contact: str, minutes_ago: int, type: str = "e_visited_page") -> None:  # noqa: A002
    server.portal.event(contact, type, NOW - timedelta(minutes=minutes_ago), {"hs_url": f"/page/{minutes_ago}"})


def test_events_are_read_per_contact_and_only_with_the_enterprise_plan(server: HubSpot) -> None:
    made, other = server.contacts(2)
    for minutes in (30, 10, 20):
        visit(server, made, minutes)
    visit(server, made, 5, "e_submitted_form")
    visit(server, other, 1)
    of_one = {"objectType": "contact", "objectId": made}
    assert server.get(EVENTS, **of_one).status_code == 403
    server.portal.enterprise = True
    rows = server.get(EVENTS, **of_one).json()["results"]
    assert [row["occurredAt"][11:16] for row in rows] == ["11:55", "11:50", "11:40", "11:30"]
    assert (rows[1]["objectType"], rows[1]["objectId"]) == ("CONTACT", made)
    assert (rows[1]["eventType"], rows[1]["properties"]) == ("e_visited_page", {"hs_url": "/page/10"})
    assert (
        server.get(EVENTS, objectType="contact", **{"objectProperty.email": "person0@example.com"}).json()["results"]
        == rows
    )
    pages = walk(server, EVENTS, **of_one, limit=1, eventType="e_visited_page", sort="occurredAt")
    assert [row["properties"]["hs_url"] for row in pages] == ["/page/30", "/page/20", "/page/10"]
    window = {"occurredAfter": "2026-06-15T11:35:00Z", "occurredBefore": "2026-06-15T11:50:00Z"}
    assert [row["properties"]["hs_url"] for row in server.get(EVENTS, **of_one, **window).json()["results"]] == [
        "/page/20"
    ]


@pytest.mark.parametrize(
    "query",
    [
        {"objectId": "501"},
        {"objectType": "contact"},
        {"objectType": "contact", "objectId": "x"},
        {"objectType": "contact", "objectId": "501", "occurredAfter": "yesterday"},
        {"objectType": "contact", "objectId": "501", "sort": "id"},
        {"objectType": "contact", "objectId": "501", "limit": "1000"},
    ],
)
def test_questions_about_events_that_are_refused(server: HubSpot, query: dict[str, str]) -> None:
    server.portal.enterprise = True
    assert server.get(EVENTS, **query).status_code == 400


def test_events_follow_a_merge_and_end_with_an_erasure(server: HubSpot) -> None:
    server.portal.enterprise = True
    kept, gone = server.contacts(2)
    visit(server, kept, 3)
    visit(server, gone, 4)
    server.portal.merge(kept, gone)
    rows = server.get(EVENTS, objectType="contact", objectId=kept).json()["results"]
    assert [row["objectId"] for row in rows] == [kept, kept]
    server.portal.gdpr_delete(kept)
    assert server.get(EVENTS, objectType="contact", objectId=kept).json() == {"results": []}
    types = server.get(f"{EVENTS}/event-types").json()["eventTypes"]
    assert "e_visited_page" in types
