"""Reading Salesforce: what its people and their activities come to."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from scoring.facts import Removed, Table
from tests.connectors.conftest import SERVER_TIME
from tests.connectors.facts_of import Facts

if TYPE_CHECKING:
    from tests.connectors.salesforce_rig import SalesforceRig

LEADS = ["records.lead"]
MAIL = "activities.email_messages"


# --- people ----------------------------------------------------------------------------------------------------


def test_a_converted_lead_points_to_its_contact_and_its_history_moves(sf: SalesforceRig) -> None:
    lead = sf.person(1)
    sf.log_activity(lead, 1)
    sf.settle()
    facts = Facts().pull(sf.connector())
    contact = sf.org.convert(lead, with_opportunity=True)
    sf.settle()
    facts.pull(sf.connector())
    row = facts.tables[Table.RECORDS]["salesforce", lead]
    assert (row["removed"], row["links"]) == (Removed.CONVERTED, [f"salesforce:{contact}"])
    assert facts.tables[Table.RECORDS]["salesforce", contact]["removed"] is None
    removal = facts.tables[Table.REMOVALS]["salesforce", "lead", lead]
    assert (removal["removed"], removal["successor_id"]) == (Removed.CONVERTED, contact)
    [call] = facts.tables[Table.ACTIVITIES].values()
    assert call["record_id"] == contact
    [deal] = facts.tables[Table.DEALS].values()
    assert deal["record_ids"] == [contact]


def test_a_role_given_later_brings_the_deal_again(sf: SalesforceRig) -> None:
    now = sf.clock.now()
    people = [sf.org.insert("Contact", {"LastName": str(n), "Email": f"{n}@example.com"}, created=now) for n in (1, 2)]
    deal = sf.org.insert(
        "Opportunity", {"Name": "x", "StageName": "Closed Won", "Amount": 10.5, "CloseDate": now}, created=now
    )
    sf.settle()
    facts = Facts().pull(sf.connector(), ["deals"])
    row = facts.tables[Table.DEALS]["salesforce", deal]
    assert (row["record_ids"], row["amount"], row["is_won"]) == ([], 10.5, True)
    assert row["closed_at"] == now.replace(tzinfo=None, hour=0)
    for person, primary in zip(people, (False, True), strict=True):
        role = {"OpportunityId": deal, "ContactId": person, "IsPrimary": primary}
        sf.org.insert("OpportunityContactRole", role, created=sf.clock.now())
    sf.settle()
    facts.pull(sf.connector(), ["deals"])
    assert facts.tables[Table.DEALS]["salesforce", deal]["record_ids"] == people[::-1]


def test_a_product_whose_name_may_not_be_read_goes_by_its_code(sf: SalesforceRig) -> None:
    sf.deal(sf.customer(1), "won", 5.0, {"Suite": 5.0})
    del sf.org.schema["Product2"]
    sf.settle()
    [line] = Facts().pull(sf.connector(), ["line_items"]).tables[Table.LINE_ITEMS].values()
    assert line["product"] == "SUI"


# --- activities ------------------------------------------------------------------------------------------------


def activity(sf: SalesforceRig, sobject: str, age: timedelta = timedelta(), **fields: Any) -> str:
    return sf.org.insert(sobject, fields, created=sf.clock.now() - age)


def kinds(facts: Facts) -> dict[str, str]:
    return {row["activity_id"]: row["type"] for row in facts.tables[Table.ACTIVITIES].values()}


def test_48_archived_tasks_are_read_and_deleted_and_open_ones_are_not(sf: SalesforceRig) -> None:
    lead = sf.person(1)
    old = timedelta(days=500)
    archived = activity(sf, "Task", old, WhoId=lead, Status="Completed", Subject="x", ActivityDate=sf.clock.now() - old)
    live = activity(sf, "Task", WhoId=lead, Status="Completed", TaskSubtype="Call", CallDurationInSeconds=90)
    activity(sf, "Task", WhoId=lead, Status="Not Started")
    activity(sf, "Task", Status="Completed")
    deleted = activity(sf, "Task", WhoId=lead, Status="Completed")
    sf.org.delete("Task", deleted)
    facts = Facts().pull(sf.connector())
    assert kinds(facts) == {archived: "task_done", live: "call"}
    assert facts.tables[Table.ACTIVITIES]["salesforce", live]["duration_s"] == 90
    assert ("salesforce", "activity", deleted) in facts.tables[Table.REMOVALS]
    sf.settle()
    sf.org.update("Task", live, {"Status": "In Progress"})
    facts.pull(sf.connector())
    assert ("salesforce", "activity", live) in facts.tables[Table.REMOVALS]


def test_a_mails_task_is_not_counted_beside_the_mail(sf: SalesforceRig) -> None:
    lead = sf.person(1)
    task = activity(sf, "Task", WhoId=lead, Status="Completed", TaskSubtype="Email")
    mail = activity(sf, "EmailMessage", ActivityId=task, Subject="Hello", MessageDate=sf.clock.now())
    related = {"EmailMessageId": mail, "RelationId": lead, "RelationType": "ToAddress", "RelationObjectType": "Lead"}
    activity(sf, "EmailMessageRelation", **related)
    assert kinds(Facts().pull(sf.connector())) == {mail: "email_sent"}
    del sf.org.schema["EmailMessage"]
    assert kinds(Facts().pull(sf.connector(), ["activities.tasks"])) == {task: "email_sent"}


def test_mails_tell_of_sending_opening_bouncing_and_replying(sf: SalesforceRig) -> None:
    lead, sent = sf.person(1), sf.clock.now()
    opened = sent + timedelta(seconds=90)
    out = activity(sf, "EmailMessage", MessageDate=sent, FirstOpenedDate=opened, Subject="Offer")
    reply = activity(sf, "EmailMessage", MessageDate=sent, Incoming=True, FromAddress="person1@example.com")
    bounced = activity(sf, "EmailMessage", MessageDate=sent, IsBounced=True, ToAddress="gone@example.com")
    shared = activity(
        sf, "EmailMessage", MessageDate=sent, FirstOpenedDate=opened, ToAddress="a@x.example; b@x.example"
    )
    related = {"EmailMessageId": out, "RelationId": lead, "RelationType": "ToAddress", "RelationObjectType": "Lead"}
    activity(sf, "EmailMessageRelation", **related)
    facts = Facts().pull(sf.connector(), [MAIL])
    assert kinds(facts) == {
        out: "email_sent", f"{out}/open": "email_open", reply: "email_reply",
        bounced: "email_sent", f"{bounced}/bounce": "email_bounce", shared: "email_sent",
    }  # fmt: skip
    rows = facts.tables[Table.ACTIVITIES]
    open_row = rows["salesforce", f"{out}/open"]
    assert (open_row["record_id"], open_row["email"], open_row["since_send_s"]) == (lead, None, 90.0)
    assert rows["salesforce", reply]["email"] == "person1@example.com"
    assert rows["salesforce", shared]["email"] == "a@x.example"
    sf.org.delete("EmailMessage", out)
    facts.pull(sf.connector(), ["removals"])
    assert ("salesforce", "activity", out) in facts.tables[Table.REMOVALS]
    assert open_row["source_id"] == out


def test_meetings_are_booked_and_held_and_copies_are_left_out(sf: SalesforceRig) -> None:
    lead = sf.person(1)
    start = sf.clock.now() + timedelta(days=3)
    meeting = activity(sf, "Event", WhoId=lead, StartDateTime=start, DurationInMinutes=30, Subject="Demo")
    activity(sf, "Event", WhoId=lead, StartDateTime=start, IsChild=True)
    facts = Facts().pull(sf.connector(), ["activities.events"])
    assert kinds(facts) == {f"{meeting}/booked": "meeting_booked", meeting: "meeting_held"}
    held = facts.tables[Table.ACTIVITIES]["salesforce", meeting]
    assert (held["occurred_at"], held["duration_s"]) == (start.replace(tzinfo=None), 1800.0)


def test_a_response_that_is_withdrawn_is_taken_back(sf: SalesforceRig) -> None:
    lead = sf.person(1)
    campaign = activity(sf, "Campaign", Name="Guide", Type="Content")
    member = activity(
        sf, "CampaignMember", CampaignId=campaign, LeadId=lead, Status="Responded", HasResponded=True,
        FirstRespondedDate=sf.clock.now() - timedelta(days=2),
    )  # fmt: skip
    facts = Facts().pull(sf.connector())
    [row] = facts.tables[Table.ACTIVITIES].values()
    assert (row["activity_id"], row["type"], row["campaign"], row["record_id"]) == (member, "download", "Guide", lead)
    assert row["occurred_at"] == (SERVER_TIME - timedelta(days=2)).replace(tzinfo=None, hour=0)
    sf.settle()
    sf.org.update("CampaignMember", member, {"Status": "Sent", "HasResponded": False})
    facts.pull(sf.connector())
    assert ("salesforce", "activity", member) in facts.tables[Table.REMOVALS]
