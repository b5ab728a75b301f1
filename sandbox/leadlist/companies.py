"""The companies of a lead list and their deals."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from sandbox.leadlist.table import LeadListProblem, read
from sandbox.leadlist.values import declare, fields, properties

if TYPE_CHECKING:
    import random
    from datetime import datetime
    from pathlib import Path

    from sandbox.hubspot.portal import Portal
    from sandbox.leadlist.mapping import Deals, Mapping
    from sandbox.leadlist.table import Row
    from sandbox.salesforce.org import Org

_HUBSPOT_STAGES: Final = {"open": "qualifiedtobuy", "won": "closedwon", "lost": "closedlost"}
_SALESFORCE_STAGES: Final = {"open": "Prospecting", "won": "Closed Won", "lost": "Closed Lost"}


@dataclass(slots=True)
class Company:
    """A company of the list in both CRMs, and the records of its leads: bought or not, in each CRM."""

    name: str
    domain: str
    hubspot_id: str
    account_id: str
    buyers: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))  # crm -> contact ids
    others: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))


def fill_companies(portal: Portal, org: Org, mapping: Mapping, folder: Path, created: datetime) -> dict[str, Company]:
    """Write the companies into both CRMs; by their key. None of them when the file is optional and missing."""
    accounts = mapping.accounts
    if accounts is None or (accounts.optional and not (folder / accounts.file).exists()):
        return {}
    declare(portal, org, mapping, ("accounts", "columns"), "companies", ["Account"])
    companies: dict[str, Company] = {}
    for row in read(folder / accounts.file, [accounts.key, *accounts.columns]):
        key = row[accounts.key]
        if not key or key in companies:
            raise row.problem(f"{accounts.key} is empty or stands twice", "Give every company a key of its own")
        domain = re.sub(r"[^a-z0-9]+", "", key.lower()) or f"company{row.line}"
        shown = {"name": key, "domain": f"{domain}.example"} | properties(row, accounts.columns, portal, "companies")
        kept = {"Name": key, "Website": f"https://www.{domain}.example"} | fields(row, accounts.columns)
        companies[key] = Company(
            key,
            f"{domain}.example",
            portal.create("companies", shown, created=created),
            org.insert("Account", kept, created=created),
        )
    return companies


def fill_deals(
    portal: Portal,
    org: Org,
    mapping: Mapping,
    folder: Path,
    companies: dict[str, Company],
    now: datetime,
    rng: random.Random,
) -> int:
    """Write the deals of the companies: won ones with a lead that bought, the others with one that did not.

    A deal goes to the CRM that knows the lead (Salesforce first); one without a fitting lead to Salesforce, with its
    account alone. Deals without an account are left out. Returns how many were written.
    """
    deals = mapping.deals
    if deals is None or (deals.optional and not (folder / deals.file).exists()):
        return 0
    wanted = [deals.account, deals.stage, deals.name, deals.amount, deals.opened, deals.closed]
    rows = read(folder / deals.file, [column for column in wanted if column is not None])
    shift = _shift(rows, deals, now)
    written = 0
    for row in rows:
        company = companies.get(row[deals.account])
        if company is None:
            if row[deals.account] and companies:
                raise row.problem(f"{deals.account} names no company of the list", "Correct it or leave it empty")
            continue
        _write_deal(portal, org, row, deals, company, shift, now, rng)
        written += 1
    return written


def _shift(rows: list[Row], deals: Deals, now: datetime) -> timedelta:
    if not deals.shift_to_now:
        return timedelta()
    columns = [column for column in (deals.opened, deals.closed) if column is not None]
    dates = [date for row in rows for column in columns if (date := row.date(column)) is not None]
    return timedelta(days=(now - max(dates)).days) if dates else timedelta()


def _write_deal(
    portal: Portal,
    org: Org,
    row: Row,
    deals: Deals,
    company: Company,
    shift: timedelta,
    now: datetime,
    rng: random.Random,
) -> None:
    stage = deals.stages.get(row[deals.stage])
    if stage is None:
        raise row.problem(f"the mapping's deals.stages lack what stands in {deals.stage}", "Add it to the mapping")
    amount = row.number(deals.amount) if deals.amount is not None else None
    opened = row.date(deals.opened) if deals.opened is not None else None
    closed = row.date(deals.closed) if deals.closed is not None and stage != "open" else None
    begun = min(opened + shift, now) if opened is not None else now - timedelta(days=30)
    ended = min(closed + shift, now) if closed is not None else None
    name = f"{company.name} - {row[deals.name]}" if deals.name is not None else company.name
    people = company.buyers if stage == "won" else company.others
    if people["hubspot"] and not people["salesforce"]:
        shown: dict[str, Any] = {"dealname": name, "pipeline": "default", "dealstage": _HUBSPOT_STAGES[stage]}
        shown |= {"amount": amount, "closedate": ended}
        deal_id = portal.create("deals", shown, created=begun, modified=max(begun, ended or begun))
        portal.associate("deals", deal_id, "contacts", rng.choice(people["hubspot"]))
        portal.associate("deals", deal_id, "companies", company.hubspot_id, primary=True)
        return
    kept = {"Name": name[:120], "AccountId": company.account_id, "StageName": _SALESFORCE_STAGES[stage]}
    kept |= {"Amount": amount, "CloseDate": (ended or now + timedelta(days=30)).date()}  # type: ignore[dict-item]
    opportunity = org.insert("Opportunity", kept, created=begun, modified=max(begun, ended or begun))
    if people["salesforce"]:
        role = {"OpportunityId": opportunity, "ContactId": rng.choice(people["salesforce"]), "IsPrimary": True}
        org.insert("OpportunityContactRole", role, created=begun)


def deal_out(companies: dict[str, Company], mapping: Mapping, row: Row, number: int) -> Company | None:
    """The company of the lead in `row`, the `number`-th of the list."""
    accounts = mapping.accounts
    if accounts is None or not companies:
        return None
    if accounts.lead_column is None:
        return list(companies.values())[number % len(companies)]
    key = row[accounts.lead_column]
    if key and key not in companies:
        raise LeadListProblem(
            row.file,
            row.line,
            f"{accounts.lead_column} names no company of {accounts.file}",
            "Correct it or leave it empty",
        )
    return companies.get(key)
