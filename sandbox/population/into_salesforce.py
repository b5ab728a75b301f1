"""People and their stories as Salesforce keeps them: leads and contacts, accounts, opportunities, tasks, events."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from sandbox.population.companies import OWN_DOMAIN, SELLERS
from sandbox.population.people import deal_amount
from sandbox.population.products import PRODUCTS, basket

if TYPE_CHECKING:
    import random
    from datetime import datetime

    from sandbox.population.behaviour import Story, Touch
    from sandbox.population.companies import Company
    from sandbox.population.people import Person
    from sandbox.salesforce.org import Org

OBJECTION: Final = "Profiling_Objection__c"

_WEBINARS: Final = ("Webinar: lead quality", "Webinar: scoring in practice", "Webinar: sales and marketing as one team")
_SOURCES: Final = {
    "ORGANIC_SEARCH": "Web",
    "PAID_SEARCH": "Web",
    "DIRECT_TRAFFIC": "Web",
    "SOCIAL_MEDIA": "Web",
    "EMAIL_MARKETING": "Web",
    "REFERRALS": "Partner Referral",
    "OFFLINE": "Purchased List",
}


class SalesforceWriter:
    """Writes people into an org; accounts are made when their first contact comes."""

    def __init__(self, org: Org, rng: random.Random, now: datetime, since: datetime) -> None:
        self._org = org
        self._rng = rng
        self._now = now
        self._accounts: dict[str, str] = {}  # domain -> account id
        for sobject in ("Lead", "Contact"):
            org.define(sobject, OBJECTION, "boolean")
        self._owners = [self._seller(first, last, since) for first, last in SELLERS]
        self._webinars = [
            org.insert(
                "Campaign", {"Name": name, "Type": "Webinar", "Status": "Completed", "IsActive": True}, created=since
            )
            for name in _WEBINARS
        ]

        self._products = {
            product.code: org.insert(
                "Product2", {"Name": product.name, "ProductCode": product.code, "IsActive": True}, created=since
            )
            for product in PRODUCTS
        }

    def _seller(self, first: str, last: str, since: datetime) -> str:
        mail = f"{first}.{last}@{OWN_DOMAIN}".lower()
        user = {"Username": mail, "Email": mail, "FirstName": first, "LastName": last, "IsActive": True}
        return self._org.insert("User", user | {"UserType": "Standard"}, created=since)

    def account(self, company: Company, since: datetime) -> str:
        """The id of a company's account."""
        if company.domain not in self._accounts:
            fields = {
                "Name": company.name,
                "Website": f"https://www.{company.domain}",
                "Industry": self._maybe(company.industry.salesforce, 0.85),
                "NumberOfEmployees": self._maybe(company.employees, 0.85),
                "AnnualRevenue": self._maybe(company.revenue, 0.6),
                "BillingCountry": self._maybe(company.country, 0.9),
                "BillingCity": self._maybe(company.city, 0.7),
                "Type": "Prospect",
                "OwnerId": self._rng.choice(self._owners),
            }
            self._accounts[company.domain] = self._org.insert("Account", _filled(fields), created=since)
        return self._accounts[company.domain]

    def person(self, person: Person, story: Story, sobject: str) -> str:
        """Write a lead or a contact; the id."""
        place = "" if sobject == "Lead" else "Mailing"
        fields: dict[str, Any] = {
            "FirstName": person.name.given,
            "LastName": person.name.family,
            "Email": self._spelling(person.second_email or person.email),
            "Title": person.title,
            "Phone": person.phone,
            f"{place}Country": person.country,
            f"{place}City": person.city,
            "LeadSource": self._maybe(_SOURCES[person.source], 0.8),
            "HasOptedOutOfEmail": story.unsubscribed,
            OBJECTION: person.objects_to_profiling,
            "OwnerId": self._rng.choice(self._owners),
        }
        if person.bad_address:
            fields |= {"EmailBouncedReason": "550 no such user", "EmailBouncedDate": person.created}
        if sobject == "Lead":
            fields |= self._lead(person, story)
        else:
            fields["Department"] = person.department
            fields["AccountId"] = self.account(person.company, person.created) if person.company is not None else None
        return self._org.insert(sobject, _filled(fields), created=person.created)

    def _lead(self, person: Person, story: Story) -> dict[str, Any]:
        company = person.company
        if person.kind in {"student", "competitor"} or (not story.touches and person.number % 5 == 0):
            status = "Closed - Not Converted"
        else:
            status = "Working - Contacted" if story.touches else "Open - Not Contacted"
        fields: dict[str, Any] = {
            "Company": company.name if company is not None else "[not provided]",
            "Status": status,
        }
        if company is not None:
            fields |= {
                "Industry": self._maybe(company.industry.salesforce, 0.6),
                "NumberOfEmployees": self._maybe(company.employees, 0.5),
                "AnnualRevenue": self._maybe(company.revenue, 0.3),
                "Website": self._maybe(f"https://www.{company.domain}", 0.5),
            }
        return fields

    def _spelling(self, email: str | None) -> str | None:
        """People type addresses as they like."""
        if email is None or self._rng.random() > 0.1:
            return email
        return self._rng.choice((email.upper(), email.title()))

    def _maybe(self, value: Any, probability: float) -> Any:
        return value if self._rng.random() < probability else None

    def touch(self, record_id: str, sobject: str, touch: Touch) -> None:
        """Write a piece of sales work as a task, an event, an e-mail message or a campaign membership."""
        insert = self._org.insert
        match touch.kind:
            case "meeting":
                start, end = touch.at, touch.at + timedelta(minutes=touch.minutes)
                fields: dict[str, Any] = {
                    "WhoId": record_id,
                    "Subject": "Product meeting",
                    "StartDateTime": start,
                    "EndDateTime": end,
                    "DurationInMinutes": touch.minutes,
                }
                insert("Event", fields, created=touch.at - timedelta(days=2))
            case "webinar":
                self._join_webinar(record_id, sobject, touch)
            case "mail_in" | "mail_out":
                self._exchange_mail(record_id, sobject, touch)
            case _:
                insert("Task", _task(record_id, touch), created=touch.at)

    def _join_webinar(self, record_id: str, sobject: str, touch: Touch) -> None:
        campaign = self._rng.choice(self._webinars)
        field = f"{sobject}Id"
        if any(row["CampaignId"] == campaign for row in self._org.children("CampaignMember", field, record_id)):
            return  # a person can be a member only once
        fields = {
            "CampaignId": campaign,
            field: record_id,
            "Status": "Attended" if touch.went_well else "Registered",
            "HasResponded": touch.went_well,
            "FirstRespondedDate": touch.at.date() if touch.went_well else None,
        }
        self._org.insert("CampaignMember", _filled(fields), created=touch.at)

    def _exchange_mail(self, record_id: str, sobject: str, touch: Touch) -> None:
        incoming = touch.kind == "mail_in"
        opened = not incoming and touch.went_well
        message = self._org.insert("EmailMessage", _filled({
            "Subject": "Following up",
            "Incoming": incoming,
            "Status": "2" if incoming else "3",
            "MessageDate": touch.at,
            "IsTracked": not incoming,
            "FirstOpenedDate": min(touch.at + timedelta(hours=3), self._now) if opened else None,
            "LastOpenedDate": min(touch.at + timedelta(hours=9), self._now) if opened else None,
        }), created=touch.at)  # fmt: skip
        self._org.insert("EmailMessageRelation", {
            "EmailMessageId": message,
            "RelationId": record_id,
            "RelationType": "FromAddress" if incoming else "ToAddress",
            "RelationObjectType": sobject,
        }, created=touch.at)  # fmt: skip

    def opportunity(
        self, contact_id: str, person: Person, stage: str, opened: datetime, closed: datetime | None
    ) -> None:
        """Write an opportunity in `stage` with the contact and the products in it."""
        amount = deal_amount(person, self._rng)
        account_id = self.account(person.company, person.created) if person.company is not None else None
        name = person.company.name if person.company is not None else "Single seat"
        opportunity_id = self._org.insert("Opportunity", _filled({
            "AccountId": account_id,
            "Name": f"{name} - new business"[:120],
            "StageName": stage,
            "Amount": amount,
            "CloseDate": (closed or self._now + timedelta(days=45)).date(),
        }), created=opened, modified=closed or opened)  # fmt: skip
        role = {"OpportunityId": opportunity_id, "ContactId": contact_id, "Role": "Decision Maker", "IsPrimary": True}
        self._org.insert("OpportunityContactRole", role, created=opened)
        self._lines(opportunity_id, person, amount, closed or opened)

    def convert(self, lead_id: str, person: Person, bought_at: datetime) -> str:
        """Convert a lead whose deal is won; the id of the contact it became."""
        account_id = self.account(person.company, person.created) if person.company is not None else None
        contact_id = self._org.convert(lead_id, account_id=account_id, with_opportunity=True, at=bought_at)
        opportunity_id = self._org.tables["Lead"][lead_id]["ConvertedOpportunityId"]
        amount = deal_amount(person, self._rng)
        won = {"StageName": "Closed Won", "Amount": amount, "CloseDate": bought_at.date()}
        self._org.update("Opportunity", opportunity_id, won, bought_at)
        self._lines(opportunity_id, person, amount, bought_at)
        return contact_id

    def _lines(self, opportunity_id: str, person: Person, amount: float, at: datetime) -> None:
        for line in basket(person, amount):
            item = {"OpportunityId": opportunity_id, "Product2Id": self._products[line.product.code]}
            prices = {"Quantity": 1, "UnitPrice": line.amount, "TotalPrice": line.amount}
            self._org.insert("OpportunityLineItem", item | prices, created=at)


def _task(record_id: str, touch: Touch) -> dict[str, Any]:
    done = touch.went_well or touch.kind != "task"
    task: dict[str, Any] = {
        "WhoId": record_id,
        "Subject": "Call" if touch.kind == "call" else "Follow up",
        "Status": "Completed" if done else "Not Started",
        "ActivityDate": touch.at.date(),
        "TaskSubtype": "Call" if touch.kind == "call" else "Task",
    }
    if touch.kind == "call":
        task |= {
            "CallType": "Outbound",
            "CallDurationInSeconds": touch.minutes * 60 if touch.went_well else 0,
            "CallDisposition": "Connected" if touch.went_well else "No answer",
        }
    return task


def _filled(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
