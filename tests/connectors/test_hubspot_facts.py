"""What HubSpot's objects, events and counters become as facts."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest

from connectors.errors import AuthStop
from connectors.hubspot import marketing
from scoring.facts import Table, is_activity_type
from tests.connectors.facts_of import Facts

if TYPE_CHECKING:
    from tests.connectors.hubspot_rig import HubSpotRig


def activities(hub: HubSpotRig, stream: str, facts: Facts | None = None) -> list[dict[str, Any]]:
    rows = (facts or Facts()).pull(hub.connector(), [f"activities.{stream}"]).tables[Table.ACTIVITIES].values()
    assert all(is_activity_type(row["type"]) for row in rows)
    return sorted(rows, key=lambda row: (row["occurred_at"], row["type"]))


def naive(at: datetime) -> datetime:
    return at.replace(tzinfo=None)


def test_a_contact_with_company_owner_stage_and_salesforce_ids(hub: HubSpotRig) -> None:
    company = hub.portal.create(
        "companies", {"name": "Acme", "domain": "acme.example", "numberofemployees": "300"}, created=hub.clock.now()
    )
    contact = hub.portal.create(
        "contacts",
        {
            "email": "ann@acme.example",
            "lifecyclestage": "lead",
            "hs_email_optout": "true",
            "salesforceleadid": "00Q000000000001AAA",
            "salesforcecontactid": "003000000000001AAA",
        },
        created=hub.clock.now(),
    )
    hub.portal.associate("contacts", contact, "companies", company, primary=True)
    hub.settle()
    facts = Facts().pull(hub.connector(), ["accounts", "records"])
    row = facts.records()[contact]
    assert row["account_id"] == company
    assert row["stage"] == "lead"
    assert row["links"] == ["salesforce:00Q000000000001AAA", "salesforce:003000000000001AAA"]
    assert row["attr.unsubscribed"] == "true"
    assert row["attr.company.name"] is None
    [account] = facts.tables[Table.ACCOUNTS].values()
    assert (account["account_id"], account["domain"]) == (company, "acme.example")
    assert (account["attr.company.name"], account["attr.company.employee_count"]) == ("Acme", "300")


@pytest.mark.parametrize(
    ("held", "link"),
    [
        ("00Q5g00000BAz9Z", "00Q5g00000BAz9ZEAT"),
        ("00Q5g00000BAz9ZEAT", "00Q5g00000BAz9ZEAT"),
        ("not known", None),
        ("00Q5g00000", None),
    ],
)
def test_links_to_salesforce_have_the_long_form_of_its_ids(hub: HubSpotRig, held: str, link: str | None) -> None:
    """Text that is no id links nobody: two contacts with the same remark are not one person."""
    contact = hub.portal.create("contacts", {"salesforcecontactid": held}, created=hub.clock.now())
    hub.settle()
    row = Facts().pull(hub.connector(), ["records"]).records()[contact]
    assert row["links"] == ([] if link is None else [f"salesforce:{link}"])


def test_deals_with_people_company_amount_and_end(hub: HubSpotRig) -> None:
    now = hub.clock.now()
    company = hub.portal.create("companies", {"name": "Acme"}, created=now)
    people = [hub.person(number) for number in range(3)]
    won = hub.portal.create(
        "deals",
        {"dealname": "One", "amount": "1200.50", "dealstage": "closedwon", "closedate": "2026-06-01T00:00:00Z"},
        created=now,
    )
    alone = hub.portal.create("deals", {"dealname": "Two", "dealstage": "appointmentscheduled"}, created=now)
    lost = hub.portal.create("deals", {"dealname": "Three", "dealstage": "closedlost"}, created=now)
    for person in people[:2]:
        hub.portal.associate("deals", won, "contacts", person)
    hub.portal.associate("deals", won, "companies", company, primary=True)
    hub.settle()
    deals = {row["deal_id"]: row for row in Facts().pull(hub.connector(), ["deals"]).tables[Table.DEALS].values()}
    assert sorted(deals[won]["record_ids"]) == sorted(people[:2])
    assert (deals[won]["account_id"], deals[won]["amount"]) == (company, 1200.5)
    assert [(deals[deal]["is_closed"], deals[deal]["is_won"]) for deal in (won, alone, lost)] == [
        (True, True), (False, False), (True, False),
    ]  # fmt: skip
    assert deals[won]["closed_at"] == datetime(2026, 6, 1)  # noqa: DTZ001 - as the column holds it
    assert deals[alone]["record_ids"] == []


def test_a_deal_names_its_twin_in_salesforce(hub: HubSpotRig) -> None:
    for held in ("006000000000001", "", "none yet"):
        hub.portal.create("deals", {"hs_salesforceopportunityid": held}, created=hub.clock.now())
    hub.settle()
    rows = Facts().pull(hub.connector(), ["deals"]).tables[Table.DEALS].values()
    assert [row["links"] for row in rows] == [["salesforce:006000000000001AAA"], [], []]


def test_a_line_without_a_name_goes_by_its_code_and_one_of_a_quote_belongs_to_no_deal(hub: HubSpotRig) -> None:
    hub.portal.create("line_items", {"hs_sku": "LG-1", "amount": "x"}, created=hub.clock.now())
    hub.settle()
    [row] = Facts().pull(hub.connector(), ["line_items"]).tables[Table.LINE_ITEMS].values()
    assert (row["product"], row["deal_id"], row["amount"]) == ("LG-1", None, None)


def test_22_line_items_without_their_scope_are_skipped_by_name_and_nothing_else_is(hub: HubSpotRig) -> None:
    hub.portal.scopes.discard("crm.objects.line_items.read")
    connector = hub.connector()
    [finding] = [one for one in connector.check() if one.subject == "crm.objects.line_items.read"]
    assert finding.level == "fail"
    assert "Service keys" in finding.remedy
    assert "hubspot.line_items" in finding.remedy
    with pytest.raises(AuthStop, match=r"crm\.objects\.line_items\.read"):
        list(connector.pull("line_items", None))
    list(connector.pull("removals", None))
    assert [stream.optional for stream in connector.streams() if stream.name == "line_items"] == [True]
    off = hub.connector(line_items=False)
    assert "line_items" not in [stream.name for stream in off.streams()]
    assert [one for one in off.check() if one.subject == "crm.objects.line_items.read"] == []


def test_20_a_record_with_more_links_than_a_page_shows_them_all(hub: HubSpotRig) -> None:
    deal = hub.portal.create("deals", {"dealname": "Big"}, created=hub.clock.now())
    people = [hub.person(number) for number in range(1200)]
    for person in people:
        hub.portal.associate("deals", deal, "contacts", person)
    hub.settle()
    [row] = Facts().pull(hub.connector(), ["deals"]).tables[Table.DEALS].values()
    assert sorted(row["record_ids"]) == sorted(people)


@pytest.mark.parametrize(
    ("kind", "properties", "expected"),
    [
        ("calls", {"hs_call_status": "COMPLETED", "hs_call_duration": "90000"}, ["call"]),
        ("calls", {"hs_call_status": "NO_ANSWER"}, []),
        ("emails", {"hs_email_direction": "EMAIL", "hs_email_status": "SENT"}, ["email_sent"]),
        ("emails", {"hs_email_direction": "INCOMING_EMAIL"}, ["email_reply"]),
        ("emails", {"hs_email_direction": "EMAIL", "hs_email_status": "BOUNCED"}, ["email_bounce"]),
        ("emails", {"hs_email_direction": "EMAIL", "hs_email_status": "SCHEDULED"}, []),
        ("meetings", {"hs_meeting_outcome": "SCHEDULED"}, ["meeting_booked"]),
        ("meetings", {"hs_meeting_outcome": "COMPLETED"}, ["meeting_booked", "meeting_held"]),
        ("meetings", {"hs_meeting_outcome": "CANCELED"}, []),
        ("notes", {"hs_note_body": "private words"}, ["custom:note"]),
        ("tasks", {"hs_task_status": "COMPLETED"}, ["task_done"]),
        ("tasks", {"hs_task_status": "NOT_STARTED"}, []),
        ("communications", {"hs_communication_channel_type": "WHATS_APP"}, ["custom:whats_app"]),
    ],
)
def test_engagement_objects_read_as_deeds(
    hub: HubSpotRig, kind: str, properties: dict[str, str], expected: list[str]
) -> None:
    one, two = hub.person(1), hub.person(2)
    at = hub.clock.now()
    deed = hub.portal.create(kind, {"hs_timestamp": at.isoformat(), **properties}, created=at)
    for person in (one, two):
        hub.portal.associate(kind, deed, "contacts", person)
    hub.portal.create(kind, {"hs_timestamp": at.isoformat(), **properties}, created=at)  # linked to nobody
    hub.settle()
    rows = activities(hub, kind)
    assert sorted((row["record_id"], row["type"]) for row in rows) == sorted(
        (person, name) for person in (one, two) for name in expected
    )
    assert len({row["activity_id"] for row in rows}) == len(rows)
    assert all(row["occurred_at"] == naive(at) for row in rows)
    assert "private words" not in repr(rows)
    if "hs_call_duration" in properties:
        assert {row["duration_s"] for row in rows} == {90.0}


def test_email_events_by_address_with_the_signs_of_a_machine(hub: HubSpotRig) -> None:
    now = hub.clock.now()
    sent = now - timedelta(days=40)
    event = hub.portal.email_event
    for name, seconds in (("SENT", 0), ("DELIVERED", 2), ("BOUNCE", 3), ("SPAMREPORT", 4), ("UNSUBSCRIBED", 5),
                          ("DROPPED", 6), ("UNBOUNCE", 7)):  # fmt: skip
        event("Ann@Example.com", name, sent + timedelta(seconds=seconds), campaign_id=7)
    event("ann@example.com", "OPEN", sent + timedelta(seconds=8), campaign_id=7, sent_at=sent, user_agent="Bot/1",
          filtered=True)  # fmt: skip
    event("ann@example.com", "CLICK", sent + timedelta(seconds=90), campaign_id=7, sent_at=sent,
          url="https://acme.example/pricing?x=1")  # fmt: skip
    rows = activities(hub, "email_events")
    assert [row["type"] for row in rows] == [
        "email_sent", "email_delivered", "email_bounce", "spam_complaint", "unsubscribe", "email_open", "email_click",
    ]  # fmt: skip
    assert {row["email"] for row in rows} == {"ann@example.com"}
    assert {row["record_id"] for row in rows} == {None}
    assert {row["campaign"] for row in rows} == {"7"}
    opened, clicked = rows[-2:]
    assert (opened["since_send_s"], opened["user_agent"], opened["flagged_machine"]) == (8.0, "Bot/1", True)
    assert (clicked["since_send_s"], clicked["url"]) == (90.0, "https://acme.example/pricing?x=1")
    assert clicked["flagged_machine"] is False


@pytest.mark.parametrize("rows", [None, 0, 3])
def test_email_events_over_many_pages_and_slices_each_once(hub: HubSpotRig, rows: int | None) -> None:
    now = hub.clock.now()
    for number in range(2500):
        hub.portal.email_event("a@example.com", "OPEN", now - timedelta(hours=number), campaign_id=1)
    if rows is not None:
        hub.troubles.set("empty_page", times=3, match="/email/", rows=rows)
    hub.settle()
    facts = Facts()
    assert len(activities(hub, "email_events", facts)) == 2500
    assert facts.rows_in == 2500
    hub.portal.email_event("a@example.com", "CLICK", hub.clock.now(), campaign_id=1)
    hub.settle()
    hub.journal.clear()
    assert len(activities(hub, "email_events", facts)) == 2501
    assert sum("/email/" in call.path for call in hub.journal) == 1


def test_a_slice_that_does_not_fit_on_a_page_is_cut_and_a_full_minute_is_read_page_by_page(hub: HubSpotRig) -> None:
    busy = hub.clock.now() - timedelta(days=3)
    for number in range(2200):
        hub.portal.email_event("a@example.com", "OPEN", busy + timedelta(milliseconds=number), campaign_id=1)
        hub.portal.email_event("a@example.com", "SENT", busy - timedelta(minutes=number), campaign_id=1)
    hub.settle()
    facts = Facts()
    assert len(activities(hub, "email_events", facts)) == 4400
    assert facts.rows_in == 4400
    calls = [parse_qs(call.query) for call in hub.journal if "/email/" in call.path]
    assert {len(query.get("offset", [])) for query in calls} == {0, 1}
    lengths = [int(query["endTimestamp"][0]) - int(query["startTimestamp"][0]) for query in calls if "offset" in query]
    assert lengths, "the full minute is read on"
    assert max(lengths) < marketing.SHORTEST_MS


@pytest.mark.parametrize("stream", ["email_events", "forms"])
def test_91_parts_read_side_by_side_are_read_on_from_any_batch(hub: HubSpotRig, stream: str) -> None:
    forms = [f"g-{number:02}" for number in range(15)]
    for form in forms:
        hub.portal.form(form, "Request a demo")
    for number in range(300):
        at = hub.clock.now() - timedelta(days=2 * number)
        hub.portal.email_event("a@example.com", "OPEN", at, campaign_id=1)
        hub.portal.submission(forms[number % 15], f"f{number}@example.com", at, "https://acme.example/demo")
    hub.settle()
    name = f"activities.{stream}"
    whole = list(hub.connector().pull(name, None))
    known = {row["activity_id"] for part in whole for row in part.rows.to_pylist()}
    assert len(known) == 300
    stored: set[str] = set()
    for part in whole:
        stored |= {row["activity_id"] for row in part.rows.to_pylist()}
        rest = {row["activity_id"] for more in hub.connector().pull(name, part.cursor) for row in more.rows.to_pylist()}
        assert stored | rest == known
    assert len(rest) < 10, "the end of the last window, once more"


def test_form_submissions_by_address_newest_first_up_to_the_last_run(hub: HubSpotRig) -> None:
    now = hub.clock.now()
    hub.portal.form("g-demo", "Request a demo")
    hub.portal.form("g-blog", "Comments", form_type="blog_comment")
    for number in range(120):
        at = now - timedelta(days=number)
        hub.portal.submission("g-demo", f"f{number}@example.com", at, "https://acme.example/demo")
    hub.settle()
    facts = Facts()
    rows = activities(hub, "forms", facts)
    assert len(rows) == 120
    assert {(row["type"], row["asset"], row["url"]) for row in rows} == {
        ("form_submission", "Request a demo", "https://acme.example/demo")
    }
    assert rows[-1]["email"] == "f0@example.com"
    assert not any("example.com" in row["activity_id"] for row in rows)
    hub.portal.submission("g-demo", "new@example.com", hub.clock.now(), "https://acme.example/demo")
    hub.settle()
    hub.journal.clear()
    assert len(activities(hub, "forms", facts)) == 121
    assert sum(call.path.endswith("/g-demo") for call in hub.journal) == 1


def visit(hub: HubSpotRig, contact: str, at: datetime, **properties: str) -> None:
    hub.portal.event(contact, "e_visited_page", at, {"hs_url": "https://acme.example/pricing", **properties})
    hub.portal.update("contacts", contact, {"hs_analytics_last_timestamp": at.isoformat()})


def test_page_views_one_by_one_of_those_who_came_since(hub: HubSpotRig) -> None:
    hub.portal.enterprise = True
    now = hub.clock.now()
    ann, bob, _ = (hub.person(number) for number in range(3))
    visit(hub, ann, now - timedelta(days=170))
    for hours in range(250):
        visit(hub, bob, now - timedelta(hours=250 - hours))
    hub.portal.event(bob, "pe12345678_trial_started", now - timedelta(hours=2), {})
    hub.portal.event(bob, "e_submitted_form", now - timedelta(hours=2), {})
    hub.settle()
    facts = Facts()

    def read() -> list[tuple[str, str]]:
        facts.pull(hub.connector(web_events=True), ["activities.web_events"])
        return sorted((row["record_id"], row["type"]) for row in facts.tables[Table.ACTIVITIES].values())

    assert read() == sorted([(ann, "page_view"), *[(bob, "page_view")] * 250, (bob, "custom:trial_started")])
    urls = {row["url"] for row in facts.tables[Table.ACTIVITIES].values() if row["type"] == "page_view"}
    assert urls == {"https://acme.example/pricing"}
    hub.journal.clear()
    hub.settle()
    assert len(read()) == 252
    assert [call for call in hub.journal if "/events/" in call.path] == [], "nobody came"
    visit(hub, ann, hub.clock.now())
    hub.settle()
    assert len(read()) == 253
    assert len([call for call in hub.journal if "/events/" in call.path]) == 1


def test_a_visit_while_a_run_reads_costs_none_of_the_visits_before(hub: HubSpotRig) -> None:
    hub.portal.enterprise = True
    ann = hub.person(1)
    hub.settle()
    facts = Facts().pull(hub.connector(web_events=True), ["activities.web_events"])
    visit(hub, ann, hub.clock.now())
    hub.settle()
    visit(hub, ann, hub.clock.now())  # moves the last visit beyond the window of the run
    for _ in range(2):
        facts.pull(hub.connector(web_events=True), ["activities.web_events"])
        hub.settle()
    assert len(facts.tables[Table.ACTIVITIES]) == 2


def test_22_a_plan_without_event_occurrences_is_told(hub: HubSpotRig) -> None:
    connector = hub.connector(web_events=True)
    hub.portal.create("contacts", {"hs_analytics_last_timestamp": hub.clock.now().isoformat()}, created=hub.clock.now())
    hub.settle()
    with pytest.raises(AuthStop):
        list(connector.pull("activities.web_events", None))
    connector.provision(dry_run=False)
    [failed] = [finding for finding in connector.check() if finding.level == "fail"]
    assert "hubspot.web_events" in failed.remedy


@pytest.mark.parametrize("style", ["null", "empty", "absent"])
def test_26_a_record_with_nothing_in_it_costs_no_other_record_anything(hub: HubSpotRig, style: str) -> None:
    """The first contact and the first call of the page hold nothing but their ids."""
    now = hub.clock.now()
    bare = hub.portal.create("contacts", {}, created=now)
    hub.portal.associate("calls", hub.portal.create("calls", {}, created=now), "contacts", bare)
    person = hub.person(1)
    hub.log_activity(person, 1)
    hub.settle()
    if style != "null":
        hub.troubles.set("blanks", times=None, style=style)
    facts = Facts().pull(hub.connector(), ["records", "activities.calls"])
    assert {row["record_id"]: row["email"] for row in facts.records().values()} == {
        bare: None,
        person: "person1@example.com",
    }
    assert [row["record_id"] for row in facts.tables[Table.ACTIVITIES].values()] == [person]


COUNTED = {
    "hs_analytics_num_page_views": "12", "hs_analytics_first_timestamp": "2026-01-01T00:00:00Z",
    "hs_analytics_last_timestamp": "2026-05-01T00:00:00Z",
    "hs_analytics_num_visits": "4", "hs_analytics_last_visit_timestamp": "2026-04-30T00:00:00Z",
    "hs_email_open": "3", "hs_email_first_open_date": "2026-02-01T00:00:00Z",
    "hs_email_last_open_date": "2026-03-01T00:00:00Z",
    "hs_email_click": "0",
    "hs_email_replied": "1", "hs_email_first_reply_date": "2026-02-02T00:00:00Z",
    "hs_email_optout": "true",
    "num_conversion_events": "2", "first_conversion_date": "2026-02-01T00:00:00Z",
}  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "types"),
    [
        ({}, {"page_view", "visit"}),
        ({"web_events": True}, set()),
        ({"email_events": False}, {"page_view", "visit", "email_open", "unsubscribe"}),
        (
            {"email_events": False, "engagements": False},
            {"page_view", "visit", "email_open", "email_reply", "unsubscribe"},
        ),
        ({"forms": False}, {"page_view", "visit", "form_submission"}),
    ],
)
def test_counters_come_only_where_no_event_stream_tells_the_same(
    hub: HubSpotRig, settings: dict[str, bool], types: set[str]
) -> None:
    contact = hub.portal.create("contacts", {"email": "a@example.com", **COUNTED}, created=hub.clock.now())
    connector = hub.connector(**settings)
    rows = {row["type"]: row for row in Facts().pull(connector, ["records"]).tables[Table.COUNTERS].values()}
    assert set(rows) == types
    if "page_view" in rows:
        views = rows["page_view"]
        assert (views["record_id"], views["total"]) == (contact, 12)
        assert (views["first_at"].month, views["last_at"].month) == (1, 5)
        visits = rows["visit"]
        assert (visits["total"], visits["first_at"], visits["last_at"].month) == (4, visits["last_at"], 4)
    if "unsubscribe" in rows:
        assert (rows["unsubscribe"]["total"], rows["unsubscribe"]["last_at"]) == (1, naive(hub.clock.now()))
    if "form_submission" in rows:
        assert rows["form_submission"]["last_at"] == rows["form_submission"]["first_at"]
    streams = {stream.name for stream in connector.streams()}
    assert ("activities.email_events" in streams) == settings.get("email_events", True)
    assert ("activities.forms" in streams) == settings.get("forms", True)
    assert ("activities.calls" in streams) == settings.get("engagements", True)


def test_counters_travel_before_the_cursor_that_vouches_for_them(hub: HubSpotRig) -> None:
    for number in range(450):
        hub.portal.create("contacts", {"email": f"{number}@example.com", **COUNTED}, created=hub.clock.now())
    batches = list(hub.connector().pull("records", None))
    told = [number for number, batch in enumerate(batches) if batch.table is Table.COUNTERS]
    assert len(told) > 2
    for number in told:
        assert batches[number + 1].table is Table.RECORDS
        assert number == 0 or batches[number].cursor == batches[number - 1].cursor
    for killed_after in range(1, len(batches) + 1):
        facts = Facts()
        for batch in batches[:killed_after]:
            facts.store("records", batch)
        facts.pull(hub.connector(), ["records"])
        assert len(facts.tables[Table.COUNTERS]) == 2 * len(facts.records()) == 900
