"""Tasks, events, campaigns and e-mails: what was done with whom."""

from __future__ import annotations

from sandbox.salesforce.ids import object_of
from sandbox.salesforce.schema import Field, Row, SObject, flag, kept, pick, ref, sobject, system_fields, text


def _activity() -> list[Field]:
    return [
        *system_fields(),
        ref("WhoId", "Contact", "Lead"),
        ref("WhatId", "Account", "Opportunity", "Campaign"),
        kept(ref("AccountId", "Account")),
        Field("Subject", "combobox", 255, values=("Call", "Email", "Send Letter", "Other")),
        Field("Description", "textarea", 32000),
        kept(flag("IsArchived")),  # by age: see org.Org.is_archived
        flag("IsReminderSet"),
    ]


def _task() -> list[Field]:
    return [
        *_activity(),
        Field("ActivityDate", "date"),
        pick(
            "Status", "Not Started", "In Progress", "Completed", "Waiting on someone else", "Deferred", nillable=False
        ),
        pick("Priority", "High", "Normal", "Low", nillable=False),
        kept(flag("IsClosed", computed=lambda row: row.get("Status") == "Completed")),
        kept(flag("IsHighPriority", computed=lambda row: row.get("Priority") == "High")),
        pick("TaskSubtype", "Task", "Email", "Call", "ListEmail", "Cadence", restricted=True),
        pick("CallType", "Internal", "Inbound", "Outbound", restricted=True, length=40),
        Field("CallDurationInSeconds", "int", precision=8),
        text("CallDisposition", 255),
        kept(Field("CompletedDateTime", "datetime")),
    ]


def _event() -> list[Field]:
    return [
        *_activity(),
        text("Location", 255),
        flag("IsAllDayEvent"),
        Field("ActivityDateTime", "datetime"),
        Field("ActivityDate", "date"),
        Field("DurationInMinutes", "int", precision=8),
        Field("StartDateTime", "datetime"),
        Field("EndDateTime", "datetime"),
        pick("ShowAs", "Busy", "OutOfOffice", "Free", length=40),
        kept(flag("IsChild")),
        kept(flag("IsGroupEvent")),
        pick("EventSubtype", "Event", restricted=True),
    ]


def _campaign() -> list[Field]:
    return [
        *system_fields(),
        text("Name", 80, nillable=False),
        ref("ParentId", "Campaign", relationship="Parent"),
        pick("Type", "Conference", "Webinar", "Trade Show", "Email", "Advertisement", "Content", "Other", length=40),
        pick("Status", "Planned", "In Progress", "Completed", "Aborted", length=40),
        Field("StartDate", "date"),
        Field("EndDate", "date"),
        flag("IsActive"),
        Field("Description", "textarea", 32000),
    ]


def _member(row: Row) -> str | None:
    return row.get("ContactId") or row.get("LeadId")


def _campaign_member() -> list[Field]:
    return [
        *system_fields(owner=False),
        ref("CampaignId", "Campaign", nillable=False),
        ref("LeadId", "Lead"),
        ref("ContactId", "Contact"),
        kept(Field("LeadOrContactId", "reference", 18, refers_to=("Contact", "Lead"), computed=_member)),
        pick("Status", "Sent", "Responded", "Registered", "Attended", length=40),
        kept(flag("HasResponded")),
        kept(Field("FirstRespondedDate", "date")),
    ]


def _email_message() -> list[Field]:
    return [
        *system_fields(owner=False),
        ref("ActivityId", "Task"),
        ref("ParentId", "Case", relationship="Parent"),
        ref("RelatedToId", "Account", "Opportunity", "Campaign", relationship="RelatedTo"),
        text("Subject", 3000),
        text("FromName", 1000),
        Field("FromAddress", "email", 1000),
        Field("ToAddress", "textarea", 4000),
        Field("TextBody", "textarea", 32000),
        flag("Incoming"),
        pick(
            "Status", "0", "1", "2", "3", "4", "5", restricted=True, length=40
        ),  # New Read Replied Sent Forwarded Draft
        Field("MessageDate", "datetime"),
        flag("IsTracked"),
        flag("IsBounced"),
        kept(Field("FirstOpenedDate", "datetime")),
        kept(Field("LastOpenedDate", "datetime")),
    ]


def _email_message_relation() -> list[Field]:
    system = [field for field in system_fields(owner=False) if not field.name.startswith("LastModified")]
    return [
        *system,
        ref("EmailMessageId", "EmailMessage", nillable=False),
        ref("RelationId", "Contact", "Lead", "User"),
        pick("RelationType", "ToAddress", "CcAddress", "BccAddress", "FromAddress", "OtherAddress", restricted=True),
        text("RelationObjectType", 40),
        text("RelationAddress", 1000),
    ]


def objects() -> list[SObject]:
    """Activities of sales, campaigns and their members, e-mails and whom they went to."""
    return [
        sobject("Task", "Tasks", _task()),
        sobject("Event", "Events", _event()),
        sobject("Campaign", "Campaigns", _campaign()),
        sobject("CampaignMember", "Campaign Members", _campaign_member()),
        sobject("EmailMessage", "Email Messages", _email_message()),
        sobject("EmailMessageRelation", "Email Message Relations", _email_message_relation()),
    ]


def _is_person(relation: Row) -> bool:
    return object_of(relation["RelationId"]) in {"Contact", "Lead"}


def relation_objects() -> dict[str, SObject]:
    """The objects that exist only while Shared Activities is on; the Who ones can be queried and nothing else."""
    relations = {}
    for activity in ("Task", "Event"):
        fields = [
            *system_fields(owner=False),
            ref(f"{activity}Id", activity, nillable=False),
            ref("RelationId", "Contact", "Lead", "Account", "Opportunity", "Campaign"),
            kept(flag("IsWhat", computed=lambda row: not _is_person(row))),
        ]
        relations[f"{activity}Relation"] = sobject(f"{activity}Relation", f"{activity} Relations", fields)
        who = sobject(f"{activity}WhoRelation", f"{activity} Who Relations", fields, updateable=False)
        who.holds = _is_person
        relations[who.name] = who
    for relation in relations.values():
        relation.forgets = True
    return relations
