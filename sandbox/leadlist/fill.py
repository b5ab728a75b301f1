"""Writes the leads of a list into both CRMs."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sandbox.leadlist.companies import Company, deal_out, fill_companies, fill_deals
from sandbox.leadlist.mapping import Mapping, load
from sandbox.leadlist.table import read
from sandbox.leadlist.values import declare, fields, properties
from sandbox.population.names import draw_culture, draw_name

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from sandbox.hubspot.portal import Portal
    from sandbox.leadlist.mapping import Counter
    from sandbox.leadlist.table import Row
    from sandbox.salesforce.org import Org


@dataclass(frozen=True, slots=True)
class Filled:
    """What was written."""

    leads: int
    converted: int
    accounts: int
    deals: int


@dataclass(frozen=True, slots=True)
class _Lead:
    """One lead of the list, with what the list does not say made up."""

    row: Row
    in_hubspot: bool
    in_salesforce: bool
    email: str
    given: str
    family: str
    created: datetime
    last: datetime
    converted: bool
    visits: int
    page_views: int
    last_activity: str | None
    company: Company | None


def fill(portal: Portal, org: Org, csv_path: Path, mapping_path: Path, *, seed: int, now: datetime) -> Filled:
    """Fill both CRMs from a lead list; the same files, seed and `now` (aware UTC) give the same.

    Raises LeadListProblem when the files do not fit; the CRMs are half filled then, not to be used.
    """
    mapping = load(mapping_path)
    rows = read(csv_path, mapping.lead_columns())
    declare(portal, org, mapping, ("columns",), "contacts", ["Lead", "Contact"])
    # A custom field that a lead was given stays with the person when the lead is converted.
    org.conversion_fields |= {column.salesforce: column.salesforce for column in mapping.columns.values()
                              if column.salesforce is not None and column.define is not None}  # fmt: skip
    begin = now - timedelta(days=mapping.days + 1)
    companies = fill_companies(portal, org, mapping, csv_path.parent, begin)
    leads = [_imagine(mapping, row, number, companies, seed, now) for number, row in enumerate(rows)]
    _check_ids(mapping, rows)
    for lead in leads:
        _write(portal, org, mapping, lead)
    deals = fill_deals(portal, org, mapping, csv_path.parent, companies, now, random.Random(seed))
    return Filled(len(leads), sum(lead.converted for lead in leads), len(companies), deals)


def _check_ids(mapping: Mapping, rows: list[Row]) -> None:
    seen: dict[str, int] = {}
    for row in rows:
        if not row[mapping.id] or row[mapping.id] in seen:
            raise row.problem(f"{mapping.id} is empty or stands twice", "Give every lead an id of its own")
        seen[row[mapping.id]] = row.line


def _imagine(mapping: Mapping, row: Row, number: int, companies: dict[str, Company], seed: int, now: datetime) -> _Lead:
    rng = random.Random(f"{seed}:{row[mapping.id]}")
    place = rng.choices(("hubspot", "salesforce", "both"), list(mapping.crms.model_dump().values()))[0]
    name = draw_name(rng, draw_culture(rng))
    company = deal_out(companies, mapping, row, number)
    made_up = f"{row[mapping.id].lower()}@{company.domain if company is not None else 'leads.example'}"
    created = now - timedelta(days=mapping.days) * rng.uniform(0.05, 1)
    visits, page_views = _count(row, mapping.counters.visits), _count(row, mapping.counters.page_views)
    return _Lead(
        row=row,
        in_hubspot=place != "salesforce",
        in_salesforce=place != "hubspot",
        email=row[mapping.email] if mapping.email is not None else made_up,
        given=name.given,
        family=name.family,
        created=created,
        last=created + (now - created) * rng.uniform(0.1, 0.95),
        converted=mapping.converted is not None and row[mapping.converted.column] == mapping.converted.value,
        visits=visits,
        page_views=max(page_views, visits),
        last_activity=_last_activity(mapping, row),
        company=company,
    )


def _count(row: Row, counter: Counter | None) -> int:
    if counter is None:
        return 0
    count = row.number(counter.column) or 0
    if counter.times is not None:
        count *= row.number(counter.times) or 0
    return round(count)


def _last_activity(mapping: Mapping, row: Row) -> str | None:
    if mapping.last_activity is None or not (text := row[mapping.last_activity.column]):
        return None
    if text not in mapping.last_activity.values:
        column = mapping.last_activity.column
        raise row.problem(f"the mapping's last_activity lacks what stands in {column}", "Add it to the mapping")
    return mapping.last_activity.values[text]


def _write(portal: Portal, org: Org, mapping: Mapping, lead: _Lead) -> None:
    links: dict[str, str] = {}
    is_known = bool(lead.email) and portal.find_by_email(lead.email) is not None  # HubSpot takes an address only once
    if lead.in_salesforce or is_known:
        lead_id = _write_lead(org, mapping, lead)
        links = {"salesforceleadid": lead_id}
        if lead.converted:
            account_id = lead.company.account_id if lead.company is not None else None
            contact_id = org.convert(lead_id, account_id=account_id, at=lead.last)
            links = {"salesforcecontactid": contact_id}
            if lead.company is not None:
                lead.company.buyers["salesforce"].append(contact_id)
    if lead.in_hubspot and not is_known:
        contact_id = _write_contact(portal, mapping, lead, links)
        if lead.company is not None:
            (lead.company.buyers if lead.converted else lead.company.others)["hubspot"].append(contact_id)


def _write_lead(org: Org, mapping: Mapping, lead: _Lead) -> str:
    kept = {
        "FirstName": lead.given,
        "LastName": lead.family,
        "Email": lead.email,
        "Company": lead.company.name if lead.company is not None else "[not provided]",
    }
    lead_id = org.insert("Lead", kept | fields(lead.row, mapping.columns), created=lead.created)
    if lead.last_activity == "call":
        org.insert("Task", {
            "WhoId": lead_id, "Subject": "Call", "Status": "Completed", "TaskSubtype": "Call",
            "ActivityDate": lead.last.date(), "CallType": "Inbound", "CallDurationInSeconds": 180,
        }, created=lead.last)  # fmt: skip
    elif lead.last_activity == "email":
        message = org.insert("EmailMessage", {
            "Subject": "Course information", "Incoming": False, "Status": "3", "IsTracked": True,
            "MessageDate": lead.last, "FirstOpenedDate": lead.last, "LastOpenedDate": lead.last,
        }, created=lead.last)  # fmt: skip
        relation = {"EmailMessageId": message, "RelationId": lead_id, "RelationType": "ToAddress"}
        org.insert("EmailMessageRelation", relation | {"RelationObjectType": "Lead"}, created=lead.last)
    return lead_id


def _write_contact(portal: Portal, mapping: Mapping, lead: _Lead, links: dict[str, str]) -> str:
    shown: dict[str, Any] = {"email": lead.email, "firstname": lead.given, "lastname": lead.family}
    shown |= {"lifecyclestage": "customer" if lead.converted else "lead"} | links
    if lead.visits:
        shown |= {
            "hs_analytics_num_visits": lead.visits,
            "hs_analytics_num_page_views": lead.page_views,
            "hs_analytics_first_timestamp": lead.created,
            "hs_analytics_last_timestamp": lead.last,
            "hs_analytics_first_visit_timestamp": lead.created,
            "hs_analytics_last_visit_timestamp": lead.last,
        }
    if lead.last_activity == "email":
        shown |= {"hs_email_delivered": 1, "hs_email_open": 1}
        shown |= {f"hs_email_{which}_open_date": lead.last for which in ("first", "last")}
        shown |= {f"hs_email_{which}_send_date": lead.created for which in ("first", "last")}
    shown |= properties(lead.row, mapping.columns, portal, "contacts")
    contact_id = portal.create("contacts", shown, created=lead.created, modified=lead.last)
    if lead.company is not None:
        portal.associate("contacts", contact_id, "companies", lead.company.hubspot_id, primary=True)
    if lead.last_activity == "call":
        call = {"hs_timestamp": lead.last, "hs_call_title": "Call", "hs_call_direction": "INBOUND"}
        call |= {"hs_call_status": "COMPLETED", "hs_call_duration": 180_000}
        portal.associate("calls", portal.create("calls", call, created=lead.last), "contacts", contact_id)
    elif lead.last_activity == "email":
        sent = lead.created
        for kind, at in (("SENT", sent), ("DELIVERED", sent + timedelta(seconds=1)), ("OPEN", lead.last)):
            portal.email_event(lead.email, kind, at, campaign_id=200_000, sent_at=sent)
    return contact_id
