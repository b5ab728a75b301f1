"""What happens to related records: activities touch people, merges and conversions move history."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from sandbox.salesforce.ids import object_of
from sandbox.salesforce.standard.people import CONVERTED_STATUS
from sandbox.salesforce.values import moment_of as moment
from sandbox.salesforce.values import stamp

if TYPE_CHECKING:
    from datetime import datetime

    from sandbox.salesforce.org import Org
    from sandbox.salesforce.schema import Row

__all__ = ["complete", "convert", "delete", "merge", "moment", "note_activity"]

_HISTORY: Final = {  # object -> (child object, field): what follows a record into a merge, and dies with it
    "Lead": [
        ("Task", "WhoId"),
        ("Event", "WhoId"),
        ("CampaignMember", "LeadId"),
        ("EmailMessageRelation", "RelationId"),
        ("TaskRelation", "RelationId"),
        ("EventRelation", "RelationId"),
    ],
    "Contact": [
        ("Task", "WhoId"),
        ("Event", "WhoId"),
        ("CampaignMember", "ContactId"),
        ("EmailMessageRelation", "RelationId"),
        ("TaskRelation", "RelationId"),
        ("EventRelation", "RelationId"),
        ("OpportunityContactRole", "ContactId"),
    ],
    "Account": [("Contact", "AccountId"), ("Opportunity", "AccountId"), ("Task", "WhatId"), ("Event", "WhatId")],
    "Opportunity": [
        ("OpportunityContactRole", "OpportunityId"),
        ("OpportunityLineItem", "OpportunityId"),
        ("Task", "WhatId"),
        ("Event", "WhatId"),
    ],
    "Campaign": [("CampaignMember", "CampaignId")],
    "Task": [("TaskRelation", "TaskId")],
    "Event": [("EventRelation", "EventId")],
}  # fmt: skip
_CARRIED: Final = (
    "FirstName", "LastName", "Salutation", "Title", "Phone", "MobilePhone", "Email", "LeadSource", "Description",
    "HasOptedOutOfEmail", "DoNotCall", "EmailBouncedDate", "EmailBouncedReason", "OwnerId", "LastActivityDate",
)  # fmt: skip
_DEALS_OPEN_FOR_DAYS: Final = 60


def _history(org: Org, sobject: str) -> list[tuple[str, str]]:
    return [(child, field) for child, field in _HISTORY.get(sobject, ()) if child in org.tables]


def complete(org: Org, sobject: str, row: Row) -> None:
    """Fill what the system derives when a row is saved."""
    if sobject in {"Task", "Event"}:
        _derive_account(org, row)
    if sobject == "Task":
        row.setdefault("Status", "Not Started")
        row.setdefault("Priority", "Normal")
        row.setdefault("TaskSubtype", "Task")
        if row["Status"] == "Completed":
            if not row.get("CompletedDateTime"):
                row["CompletedDateTime"] = row["LastModifiedDate"]
        else:
            row["CompletedDateTime"] = None
    elif sobject == "Event" and row.get("StartDateTime"):
        row.setdefault("ActivityDateTime", row["StartDateTime"])
        row.setdefault("ActivityDate", row["StartDateTime"][:10])
    elif sobject == "Lead":
        row.setdefault("Status", "Open - Not Contacted")
    elif sobject == "OpportunityLineItem":
        product = org.find(row.get("Product2Id") or "")
        row["ProductCode"] = product[1].get("ProductCode") if product else None


def _derive_account(org: Org, row: Row) -> None:
    what, who = row.get("WhatId"), row.get("WhoId")
    parent = org.find(what) if what else None
    if parent and parent[0] == "Account":
        row["AccountId"] = what
    elif parent and parent[1].get("AccountId"):
        row["AccountId"] = parent[1]["AccountId"]
    elif who and object_of(who) == "Contact" and who in org.tables["Contact"]:
        row["AccountId"] = org.tables["Contact"][who].get("AccountId")


def note_activity(org: Org, activity: Row) -> None:
    """A logged activity moves LastActivityDate, and with it SystemModstamp but not LastModifiedDate, of its people."""
    if activity.get("Status", "Completed") != "Completed":
        return
    day = activity.get("ActivityDate") or activity["CreatedDate"][:10]
    if day > stamp(org.now())[:10]:
        return
    for parent in {activity.get("WhoId"), activity.get("AccountId")} - {None}:
        found = org.find(str(parent))
        if found and not found[1]["IsDeleted"]:
            sobject, before = found
            latest = max(day, before.get("LastActivityDate") or "")
            moved = max(activity["SystemModstamp"], before["SystemModstamp"])
            org.tables[sobject].put({**before, "LastActivityDate": latest, "SystemModstamp": moved}, before)


def relate(org: Org, sobject: str, activity: Row, before: Row) -> None:
    """With Shared Activities on, an activity's person and thing each have a relation row, which follows them."""
    relation = f"{sobject}Relation"
    if relation not in org.tables:
        return
    at = moment(activity["SystemModstamp"])
    for field in ("WhoId", "WhatId"):
        old, new = before.get(field), activity.get(field)
        if old == new:
            continue
        held = {row["RelationId"]: row["Id"] for row in org.children(relation, f"{sobject}Id", activity["Id"])}
        if new and new not in held:
            org.insert(relation, {f"{sobject}Id": activity["Id"], "RelationId": new}, created=at)
        if old in held:
            org.delete(relation, held[old], at)


def delete(org: Org, sobject: str, record_id: str, at: datetime, by: str) -> None:
    """Into the recycle bin, with what cannot stand alone."""
    _mark_deleted(org, sobject, record_id, at, by, {})
    for child, field in _history(org, sobject):
        for row in org.children(child, field, record_id):
            delete(org, child, row["Id"], at, by)


def _mark_deleted(org: Org, sobject: str, record_id: str, at: datetime, by: str, more: dict[str, Any]) -> None:
    org.update(sobject, record_id, {"IsDeleted": True, **more}, at, by=by)


def merge(org: Org, sobject: str, master_id: str, loser_ids: list[str], at: datetime) -> None:
    """The losers' history moves to the master without triggers; the master gets one update."""
    if sobject not in {"Lead", "Contact", "Account"} or not 1 <= len(loser_ids) <= 2:
        raise ValueError("merge takes a master and one or two losers of Lead, Contact or Account")
    table = org.tables[sobject]
    for loser_id in loser_ids:
        if table[loser_id]["IsDeleted"] or loser_id == master_id:
            raise ValueError("a loser must be a live record other than the master")
        for child, field in _history(org, sobject):
            for row in org.children(child, field, loser_id):
                org.update(child, row["Id"], {field: master_id}, at, system=True)
        _mark_deleted(org, sobject, loser_id, at, org.admin_id, {"MasterRecordId": master_id})
    latest = max((table[each].get("LastActivityDate") or "" for each in [master_id, *loser_ids]), default="")
    org.update(sobject, master_id, {"LastActivityDate": latest or None}, at)


def convert(org: Org, lead_id: str, *, account_id: str | None, with_opportunity: bool, at: datetime) -> str:
    """The lead becomes a contact (and a deal): history moves, custom fields only where mapped."""
    lead = org.tables["Lead"][lead_id]
    if lead["IsDeleted"] or lead.get("IsConverted"):
        raise ValueError("only a live, unconverted lead can be converted")
    owner = lead["OwnerId"]
    if account_id is None:
        carried = {
            name: lead.get(name) for name in ("Website", "Industry", "AnnualRevenue", "NumberOfEmployees", "Phone")
        }
        carried |= {f"Billing{part}": lead.get(part) for part in ("Street", "City", "State", "PostalCode", "Country")}
        carried |= {"Name": lead.get("Company"), "OwnerId": owner}
        account_id = org.insert("Account", carried, created=at)
    values = {name: lead[name] for name in _CARRIED if lead.get(name) is not None}
    values |= {f"Mailing{part}": lead.get(part) for part in ("Street", "City", "State", "PostalCode", "Country")}
    values |= {target: lead.get(source) for source, target in org.conversion_fields.items()}
    contact_id = org.insert("Contact", values | {"AccountId": account_id}, created=at)
    opportunity_id = _opportunity(org, lead, account_id, contact_id, at) if with_opportunity else None
    for child, field in _history(org, "Lead"):
        for row in org.children(child, field, lead_id):
            moved = {"LeadId": None, "ContactId": contact_id} if child == "CampaignMember" else {field: contact_id}
            org.update(child, row["Id"], moved, at)
    org.update("Lead", lead_id, {
        "IsConverted": True, "ConvertedDate": stamp(at)[:10], "ConvertedContactId": contact_id,
        "ConvertedAccountId": account_id, "ConvertedOpportunityId": opportunity_id, "Status": CONVERTED_STATUS,
    }, at)  # fmt: skip
    return contact_id


def _opportunity(org: Org, lead: Row, account_id: str, contact_id: str, at: datetime) -> str:
    opportunity_id = org.insert("Opportunity", {
        "AccountId": account_id, "Name": f"{lead.get('Company')}-", "StageName": "Prospecting", "Probability": 10,
        "CloseDate": at + timedelta(days=_DEALS_OPEN_FOR_DAYS), "LeadSource": lead.get("LeadSource"),
        "OwnerId": lead["OwnerId"],
    }, created=at)  # fmt: skip
    org.insert(
        "OpportunityContactRole",
        {"OpportunityId": opportunity_id, "ContactId": contact_id, "IsPrimary": True},
        created=at,
    )
    return opportunity_id
