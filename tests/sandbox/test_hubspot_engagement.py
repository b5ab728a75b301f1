"""Marketing e-mail events, forms and engagement objects."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from conftest import NOW
from hubspot_kit import HubSpot, ids, ms, walk

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Sandbox


@pytest.fixture
def server(sandbox: Callable[..., Sandbox]) -> HubSpot:
    running = sandbox()
    return HubSpot(running.portal, running.shared, running.hubspot_url)


EVENTS = "/email/public/v1/events"
SUBMISSIONS = "/form-integrations/v1/submissions/forms"


def events(server: HubSpot, **params: Any) -> list[dict[str, Any]]:
    """All e-mail events, page by page."""
    found: list[dict[str, Any]] = []
    offset: dict[str, str] = {}
    while True:
        body = server.get(EVENTS, **params, **offset).json()
        found += body["events"]
        if not body["hasMore"]:
            return found
        offset = {"offset": body["offset"]}


def test_an_event(server: HubSpot) -> None:
    sent = NOW - timedelta(hours=2)
    made = server.portal.email_event(
        "Ada@Example.com", "CLICK", NOW, campaign_id=42, url="https://x.example/a", sent_at=sent, user_agent="UA",
        filtered=True,
    )  # fmt: skip
    (event,) = server.get(EVENTS).json()["events"]
    assert event["id"] == made
    assert (event["type"], event["recipient"], event["created"]) == ("CLICK", "ada@example.com", int(ms(NOW)))
    assert (event["emailCampaignId"], event["url"], event["userAgent"]) == (42, "https://x.example/a", "UA")
    assert event["sentBy"]["created"] == int(ms(sent))
    assert event["filteredEvent"] is True


def test_pages_newest_first_and_stable_while_events_arrive(server: HubSpot) -> None:
    moments = [NOW - timedelta(minutes=number % 7, seconds=number) for number in range(25)]
    made = [server.portal.email_event("a@x.example", "OPEN", moment, campaign_id=1) for moment in moments]
    first = server.get(EVENTS).json()
    assert (len(first["events"]), first["hasMore"]) == (10, True)
    server.portal.email_event("a@x.example", "OPEN", NOW, campaign_id=1)
    second = server.get(EVENTS, offset=first["offset"], limit=1000).json()
    assert second["hasMore"] is False
    seen = first["events"] + second["events"]
    assert {one["id"] for one in seen} == set(made)
    assert len(seen) == 25
    assert [one["created"] for one in seen] == sorted((one["created"] for one in seen), reverse=True)


def test_bounds_are_inclusive(server: HubSpot) -> None:
    moments = [NOW + timedelta(milliseconds=number) for number in range(4)]
    made = [server.portal.email_event("a@x.example", "OPEN", moment, campaign_id=1) for moment in moments]
    found = events(server, startTimestamp=ms(moments[1]), endTimestamp=ms(moments[2]))
    assert {one["id"] for one in found} == set(made[1:3])


def test_narrowing(server: HubSpot) -> None:
    add = server.portal.email_event
    opened = add("a@x.example", "OPEN", NOW, campaign_id=1)
    clicked = add("a@x.example", "CLICK", NOW, campaign_id=2)
    machine = add("b@x.example", "CLICK", NOW, campaign_id=2, filtered=True)
    assert {one["id"] for one in events(server, eventType="CLICK")} == {clicked, machine}
    assert {one["id"] for one in events(server, recipient="A@x.example", limit=1)} == {opened, clicked}
    assert {one["id"] for one in events(server, campaignId=1)} == {opened}
    assert {one["id"] for one in events(server, excludeFilteredEvents="true")} == {opened, clicked}


def test_a_start_of_zero_breaks_the_server(server: HubSpot) -> None:
    assert server.get(EVENTS, startTimestamp=0).status_code == 500
    assert server.get(EVENTS, startTimestamp=1).status_code == 200
    assert server.get(EVENTS, limit=1001).status_code == 400
    assert server.get(EVENTS, offset="rubbish").status_code == 400


def test_an_event_without_type_is_an_unbounce(server: HubSpot) -> None:
    server.portal.email_event("a@x.example", "UNBOUNCE", NOW, campaign_id=1)
    server.portal.email_event("a@x.example", "UNSUBSCRIBED", NOW, campaign_id=1)
    second, first = server.get(EVENTS).json()["events"]
    assert "type" not in first
    assert (second["type"], second["portalSubscriptionStatus"]) == ("STATUSCHANGE", "UNSUBSCRIBED")
    with pytest.raises(ValueError, match="no e-mail event type"):
        server.portal.email_event("a@x.example", "OPENED", NOW, campaign_id=1)


def test_submissions_newest_first_fifty_a_page(server: HubSpot) -> None:
    server.portal.form("f-1", "Demo request")
    for number in range(120):
        moment = NOW - timedelta(minutes=(number * 7) % 120)
        server.portal.submission("f-1", f"p{number}@x.example", moment, "https://x.example/demo", {"budget": "10"})
    rows = walk(server, f"{SUBMISSIONS}/f-1", limit=50)
    assert len(rows) == 120
    assert [row["submittedAt"] for row in rows] == sorted((row["submittedAt"] for row in rows), reverse=True)
    assert {value["name"] for value in rows[0]["values"]} == {"email", "budget"}
    assert rows[0]["pageUrl"] == "https://x.example/demo"
    assert server.get(f"{SUBMISSIONS}/f-1", limit=51).status_code == 400
    assert server.get(f"{SUBMISSIONS}/f-2").status_code == 404


def test_forms(server: HubSpot) -> None:
    for number in range(45):
        server.portal.form(f"f-{number}", f"Form {number}")
    server.portal.form("c-1", "Comments", form_type="blog_comment")
    rows = walk(server, "/marketing/v3/forms")
    assert [row["name"] for row in rows][:2] == ["Form 0", "Form 1"]
    assert len(rows) == 46
    assert server.get("/marketing/v3/forms/f-7").json()["name"] == "Form 7"
    refused = server.get(f"{SUBMISSIONS}/c-1")
    assert (refused.status_code, refused.json()["category"]) == (400, "FORM_TYPE_NOT_ALLOWED")


def test_engagement_objects_go_through_the_objects_api(server: HubSpot) -> None:
    contact = server.contact()
    made = server.portal.create(
        "meetings",
        {"hs_timestamp": NOW, "hs_meeting_outcome": "COMPLETED", "hs_meeting_title": "Demo"},
        created=NOW - timedelta(days=1),
    )
    server.portal.associate("meetings", made, "contacts", contact)
    found = server.search("meetings", properties=["hs_timestamp", "hs_meeting_outcome"], sorts=["hs_lastmodifieddate"])
    assert ids(found) == [made]
    properties = found.json()["results"][0]["properties"]
    assert properties["hs_timestamp"] == "2026-06-15T12:00:00.000Z"
    assert properties["hs_createdate"] == "2026-06-14T12:00:00.000Z"
    assert ids(server.get("/crm/v3/objects/0-47")) == [made]


def test_content_of_sales_mail_needs_its_own_scope(server: HubSpot) -> None:
    mail = {"hs_email_subject": "Hello", "hs_email_text": "Dear Ada"}
    made = server.portal.create("emails", mail, created=NOW)
    path = f"/crm/v3/objects/emails/{made}"
    assert server.get(path, properties="hs_email_text").json()["properties"]["hs_email_text"] == "Dear Ada"
    server.portal.scopes.discard("sales-email-read")
    shown = server.get(path, properties="hs_email_text,hs_email_subject").json()["properties"]
    assert (shown["hs_email_text"], shown["hs_email_subject"]) == (None, "Hello")
