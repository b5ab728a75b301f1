"""What in Salesforce tells of a person's doings, and which activity each of it is.

Every function takes a raw table and gives whole rows of activities. Ids are the record's own, with a suffix where one
record tells of several things, so that a re-read replaces what it said before.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from connectors.salesforce.shapes import activity_table
from connectors.salesforce.shared import OTHER
from connectors.salesforce.values import column, flags, numbers, times

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

TASK_FIELDS: Final = (
    "Id", "WhoId", "Subject", "IsClosed", "ActivityDate", "CompletedDateTime", "TaskSubtype", "CallType",
    "CallDurationInSeconds", "CreatedDate", "IsDeleted", "SystemModstamp",
)  # fmt: skip
EVENT_FIELDS: Final = (
    "Id", "WhoId", "Subject", "StartDateTime", "ActivityDate", "DurationInMinutes", "CreatedDate", "IsDeleted",
    "SystemModstamp",
)  # fmt: skip
MEMBER_FIELDS: Final = (
    "Id", "LeadId", "ContactId", "CampaignId", "Status", "HasResponded", "FirstRespondedDate", "CreatedDate",
    "IsDeleted", "SystemModstamp",
)  # fmt: skip
EMAIL_FIELDS: Final = (
    "Id", "Subject", "FromAddress", "ToAddress", "Incoming", "MessageDate", "IsBounced", "FirstOpenedDate",
    "CreatedDate", "IsDeleted", "SystemModstamp",
)  # fmt: skip

BOOKED: Final = "/booked"
OPENED: Final = "/open"
BOUNCED: Final = "/bounce"

OBJECTS: Final = ("Task", "Event", "CampaignMember", "EmailMessage")
"""What activities are read from. A record that tells of several things, or of several people, is their source."""


def _ids(raw: pa.Table) -> pa.ChunkedArray:
    return pc.coalesce(column(raw, OTHER), column(raw, "Id"))


def _suffixed(raw: pa.Table, suffix: str) -> pa.ChunkedArray:
    return pc.binary_join_element_wise(_ids(raw), suffix, "")


def tasks(raw: pa.Table, seen_at: datetime, *, emails_apart: bool, mailings_apart: bool) -> pa.Table:
    """Closed tasks: calls, sent e-mails and other work done, for each of their people (`shared.widened`).

    `emails_apart` says that e-mails are read as EmailMessage, each of which Salesforce also files as a task;
    `mailings_apart` says the same of mails to many, which Account Engagement may tell of, too.
    """
    subtype = pc.fill_null(column(raw, "TaskSubtype"), "")
    is_call = pc.or_(pc.equal(subtype, "Call"), pc.is_valid(column(raw, "CallType")))
    sent = {apart: pa.scalar(None if apart else "email_sent", pa.string()) for apart in (True, False)}
    is_mailing, is_email = pc.equal(subtype, "ListEmail"), pc.equal(subtype, "Email")
    done_type = pc.if_else(is_mailing, sent[mailings_apart], pc.if_else(is_email, sent[emails_apart], "task_done"))
    kind = pc.if_else(is_call, "call", done_type)
    is_done = pc.fill_null(flags(column(raw, "IsClosed")), False)
    columns = {
        "activity_id": _ids(raw),
        "source_id": column(raw, "Id"),
        "record_id": column(raw, "WhoId"),
        "type": pc.if_else(is_done, kind, None),
        "occurred_at": pc.coalesce(
            times(column(raw, "CompletedDateTime")),
            times(column(raw, "ActivityDate")),
            times(column(raw, "CreatedDate")),
        ),
        "asset": column(raw, "Subject"),
        "duration_s": numbers(column(raw, "CallDurationInSeconds")),
    }
    return activity_table(columns, seen_at)


def events(raw: pa.Table, seen_at: datetime) -> pa.Table:
    """Calendar events: booked when they were made, held when they begin, for each of their people.

    A meeting ahead is delivered with its future date, because nothing in Salesforce changes when its time comes.
    """
    shared = {"source_id": column(raw, "Id"), "record_id": column(raw, "WhoId"), "asset": column(raw, "Subject")}
    count = raw.num_rows
    booked = shared | {
        "activity_id": _suffixed(raw, BOOKED),
        "type": pa.repeat("meeting_booked", count),
        "occurred_at": times(column(raw, "CreatedDate")),
    }
    held = shared | {
        "activity_id": _ids(raw),
        "type": pa.repeat("meeting_held", count),
        "occurred_at": pc.coalesce(times(column(raw, "StartDateTime")), times(column(raw, "ActivityDate"))),
        "duration_s": pc.multiply(numbers(column(raw, "DurationInMinutes")), 60.0),
    }
    return pa.concat_tables([activity_table(booked, seen_at), activity_table(held, seen_at)])


_ABSENT = re.compile(r"no.?show|not attend|did not|cancel|declin", re.IGNORECASE)
_ATTENDED = re.compile(r"attend|visited|participated|checked.?in|watched", re.IGNORECASE)
_REGISTERED = re.compile(r"regist|rsvp|signed.?up|accepted", re.IGNORECASE)
_WEBINAR = re.compile(r"webinar|webcast|virtual", re.IGNORECASE)
_GATHERING = re.compile(r"event|conference|trade.?show|seminar|workshop|exhibit", re.IGNORECASE)
_RESPONSES: Final = (
    (re.compile(r"content|download|white.?paper|e-?book", re.IGNORECASE), "download"),
    (re.compile(r"web.?site|web.?form|form|landing", re.IGNORECASE), "form_submission"),
    (re.compile(r"advert|banner|paid|search|display", re.IGNORECASE), "ad_click"),
    (re.compile(r"e-?mail|newsletter", re.IGNORECASE), "email_click"),
    (re.compile(r"social", re.IGNORECASE), "social_like"),
)
OTHER_RESPONSE: Final = "custom:campaign_response"


def member_type(campaign_type: str, status: str, *, responded: bool) -> str | None:
    """The activity that a campaign member's status tells of; None when it tells of none (sent, invited).

    Both words are picklists that organisations change at will, hence by what they contain.
    """
    absent = _ABSENT.search(status) is not None
    if _WEBINAR.search(campaign_type) or _GATHERING.search(campaign_type):
        if _ATTENDED.search(status) and not absent:
            return "webinar_attended" if _WEBINAR.search(campaign_type) else "event_attended"
        return "event_registered" if responded or _REGISTERED.search(status) else None
    if not responded:
        return None
    return next((name for words, name in _RESPONSES if words.search(campaign_type)), OTHER_RESPONSE)


def members(raw: pa.Table, seen_at: datetime, campaigns: Mapping[str, Mapping[str, Any]]) -> pa.Table:
    """Responses to campaigns; `campaigns` are name and type by id."""
    campaign_ids = column(raw, "CampaignId").to_pylist()
    of = [campaigns.get(campaign_id, {}) for campaign_id in campaign_ids]
    statuses = column(raw, "Status").to_pylist()
    responded = column(raw, "HasResponded").to_pylist()
    types = [
        member_type(campaign.get("Type") or "", status or "", responded=answered == "true")
        for campaign, status, answered in zip(of, statuses, responded, strict=True)
    ]
    names = pa.array([campaign.get("Name") for campaign in of], pa.string())
    columns = {
        "activity_id": column(raw, "Id"),
        "record_id": pc.coalesce(column(raw, "ContactId"), column(raw, "LeadId")),
        "type": pa.array(types, pa.string()),
        "occurred_at": pc.coalesce(times(column(raw, "FirstRespondedDate")), times(column(raw, "CreatedDate"))),
        "asset": names,
        "campaign": names,
    }
    return activity_table(columns, seen_at)


def emails(raw: pa.Table, seen_at: datetime, people: Mapping[str, Sequence[str]]) -> pa.Table:
    """E-mail messages: replies that came in; mails that went out, their first opening and their bouncing.

    `people` are the leads and contacts by message: the sender of one that came in, the recipients of one that went
    out. Without any, the address tells whose it is. Of several recipients the first gets the mail, and openings and
    bounces are left out: nobody knows whose they were.
    """
    incoming = pc.fill_null(flags(column(raw, "Incoming")), False)
    recipients = column(raw, "ToAddress")
    address = pc.if_else(incoming, column(raw, "FromAddress"), pc.replace_substring_regex(recipients, r"[;,].*$", ""))
    known = [people.get(message, ()) for message in column(raw, "Id").to_pylist()]
    record_ids = pa.chunked_array([pa.array([found[0] if found else None for found in known], pa.string())])
    alone = pc.and_(
        pa.chunked_array([pa.array([len(found) <= 1 for found in known], pa.bool_())]),
        pc.invert(pc.fill_null(pc.match_substring_regex(recipients, "[;,]"), False)),
    )
    to_one = pc.and_(pc.invert(incoming), alone)
    when = pc.coalesce(times(column(raw, "MessageDate")), times(column(raw, "CreatedDate")))
    opened = times(column(raw, "FirstOpenedDate"))
    bounced = pc.fill_null(flags(column(raw, "IsBounced")), False)
    shared = {
        "source_id": column(raw, "Id"),
        "record_id": record_ids,
        "email": pc.if_else(pc.is_valid(record_ids), None, pc.utf8_trim_whitespace(address)),
        "asset": column(raw, "Subject"),
    }
    message = shared | {
        "activity_id": column(raw, "Id"),
        "type": pc.if_else(incoming, "email_reply", "email_sent"),
        "occurred_at": when,
    }
    opening = shared | {
        "activity_id": _suffixed(raw, OPENED),
        "type": pc.if_else(pc.and_(to_one, pc.is_valid(opened)), "email_open", None),
        "occurred_at": opened,
        "since_send_s": pc.divide(pc.cast(pc.milliseconds_between(when, opened), pa.float64()), 1000.0),
    }
    bounce = shared | {
        "activity_id": _suffixed(raw, BOUNCED),
        "type": pc.if_else(pc.and_(to_one, bounced), "email_bounce", None),
        "occurred_at": when,
    }
    return pa.concat_tables([activity_table(columns, seen_at) for columns in (message, opening, bounce)])


def parties(relations: Iterable[Mapping[str, Any]], incoming: Mapping[str, bool]) -> dict[str, list[str]]:
    """Leads and contacts by message, from its relations: who sent what came in, who was sent what went out."""
    found: dict[str, list[str]] = {}
    for relation in relations:
        message = relation["EmailMessageId"]
        role = "FromAddress" if incoming.get(message) else "ToAddress"
        if relation["RelationType"] == role and relation["RelationObjectType"] in {"Lead", "Contact"}:
            found.setdefault(message, []).append(relation["RelationId"])
    return found
