"""People and their stories as HubSpot keeps them: contacts with counters, companies, deals, events, engagements."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from sandbox.population.behaviour import FORMS, SITE
from sandbox.population.companies import OWN_DOMAIN, SELLERS
from sandbox.population.people import deal_amount
from sandbox.population.products import basket

if TYPE_CHECKING:
    import random
    from datetime import datetime

    from sandbox.hubspot.portal import Portal
    from sandbox.population.behaviour import Story, Touch
    from sandbox.population.companies import Company
    from sandbox.population.people import Person

OBJECTION: Final = "profiling_objection"
_LOST_REASONS: Final = ("Price", "No budget", "Chose a competitor", "Timing")


class HubSpotWriter:
    """Writes people into a portal; companies are made when their first person comes."""

    def __init__(self, portal: Portal, rng: random.Random, now: datetime) -> None:
        self._portal = portal
        self._rng = rng
        self._now = now
        self._companies: dict[str, str] = {}  # domain -> company id
        self._owners = [portal.owner(f"{first}.{last}@{OWN_DOMAIN}".lower(), first, last) for first, last in SELLERS]
        for form in FORMS:
            portal.form(form.guid, form.name)
        portal.define(
            "contacts",
            OBJECTION,
            type="bool",
            fieldType="booleancheckbox",
            groupName="contactinformation",
            label="Objected to profiling",
        )

    def company(self, company: Company, since: datetime) -> str:
        """The id of a company's record."""
        if company.domain not in self._companies:
            properties = {
                "name": company.name,
                "domain": company.domain,
                "website": f"https://www.{company.domain}",
                "industry": self._maybe(company.industry.hubspot, 0.85),
                "numberofemployees": self._maybe(company.employees, 0.85),
                "annualrevenue": self._maybe(company.revenue, 0.6),
                "country": self._maybe(company.country, 0.9),
                "city": self._maybe(company.city, 0.7),
                "lifecyclestage": "lead",
            }
            self._companies[company.domain] = self._portal.create("companies", _filled(properties), created=since)
        return self._companies[company.domain]

    def person(self, person: Person, story: Story, links: dict[str, str]) -> str:
        """Write a contact with everything that HubSpot knows of it; `links` are its ids in Salesforce."""
        company_id = self.company(person.company, person.created) if person.company is not None else None
        modified = min(max(person.created, story.bought_at or story.last_activity() or person.created), self._now)
        contact_id = self._portal.create(
            "contacts",
            _filled(self._profile(person, story) | self._counters(story) | links),
            created=person.created,
            modified=modified,
        )
        if company_id is not None:
            self._portal.associate("contacts", contact_id, "companies", company_id, primary=True)
        self._events(person, story)
        return contact_id

    def _maybe(self, value: Any, probability: float) -> Any:
        return value if self._rng.random() < probability else None

    def _profile(self, person: Person, story: Story) -> dict[str, Any]:
        stage, status = _stage(story, person)
        known_from_company = person.company is not None and self._rng.random() < 0.4
        return {
            "email": person.email,
            "firstname": person.name.given,
            "lastname": person.name.family,
            "jobtitle": person.title,
            "seniority": person.level,
            "job_function": person.department,
            "phone": person.phone,
            "city": person.city,
            "country": person.country,
            "company": person.company.name if person.company is not None and known_from_company else None,
            "lifecyclestage": stage,
            "hs_lead_status": status,
            "hubspot_owner_id": self._maybe(self._rng.choice(self._owners), 0.5),
            "hs_analytics_source": person.source,
            "hs_email_optout": True if story.unsubscribed else None,
            "hs_email_hard_bounce_reason_enum": "UNKNOWN_USER" if _bounced(story) else None,
            "hs_email_bad_address": True if person.bad_address else None,
            OBJECTION: True if person.objects_to_profiling else None,
        }

    def _counters(self, story: Story) -> dict[str, Any]:
        """What HubSpot adds up itself, with first and last times, consistent with the events."""
        counts = Counter(event.type for event in story.mail)
        times: dict[str, list[datetime]] = {}
        for event in story.mail:
            times.setdefault(event.type, []).append(event.at)
        counters: dict[str, Any] = {
            "hs_email_delivered": counts["DELIVERED"] or None,
            "hs_email_open": counts["OPEN"] or None,
            "hs_email_click": counts["CLICK"] or None,
            "hs_email_bounce": counts["BOUNCE"] or None,
        }
        for kind, word in (("SENT", "send"), ("OPEN", "open"), ("CLICK", "click")):
            if kind in times:
                counters[f"hs_email_first_{word}_date"] = min(times[kind])
                counters[f"hs_email_last_{word}_date"] = max(times[kind])
        if story.first_visit is not None:
            counters |= {
                "hs_analytics_num_page_views": story.page_views,
                "hs_analytics_num_visits": story.visits,
                "hs_analytics_average_page_views": round(story.page_views / story.visits),
                "hs_analytics_first_timestamp": story.first_visit,
                "hs_analytics_last_timestamp": story.last_visit,
                "hs_analytics_first_visit_timestamp": story.first_visit,
                "hs_analytics_last_visit_timestamp": story.last_visit,
                "hs_analytics_first_url": SITE + "/",
                "hs_analytics_last_url": SITE + self._rng.choice(("/pricing", "/blog/lead-quality", "/product/tour")),
            }
        if story.forms:
            counters |= {
                "num_conversion_events": len(story.forms),
                "num_unique_conversion_events": len({form.guid for _, form in story.forms}),
                "first_conversion_date": story.forms[0][0],
                "first_conversion_event_name": story.forms[0][1].name,
                "recent_conversion_date": story.forms[-1][0],
                "recent_conversion_event_name": story.forms[-1][1].name,
            }
        if story.bought_at is not None:
            counters["hs_v2_date_entered_customer"] = story.bought_at
        return counters

    def _events(self, person: Person, story: Story) -> None:
        if person.email is None:
            return
        portal = self._portal
        for event in story.mail:
            portal.email_event(
                person.email,
                event.type,
                event.at,
                campaign_id=event.mailing.number,
                url=event.url,
                sent_at=event.sent,
                user_agent=event.user_agent,
                filtered=event.filtered,
            )
        for at, form in story.forms:
            portal.submission(form.guid, person.email, at, SITE + form.path)

    def touch(self, contact_id: str, touch: Touch) -> None:
        """Write a piece of sales work as an engagement object of the contact."""
        object_type, properties = _engagement(touch)
        engagement = self._portal.create(object_type, {"hs_timestamp": touch.at} | properties, created=touch.at)
        self._portal.associate(object_type, engagement, "contacts", contact_id)

    def deal(self, contact_id: str, person: Person, stage: str, opened: datetime, closed: datetime | None) -> None:
        """Write a deal in `stage` of the default pipeline, with what it is about."""
        amount = deal_amount(person, self._rng)
        properties = {
            "dealname": f"{person.company.name if person.company is not None else 'Single seat'} - new business",
            "amount": amount,
            "deal_currency_code": "USD",
            "pipeline": "default",
            "dealstage": stage,
            "dealtype": "newbusiness",
            "closedate": closed,
            "closed_lost_reason": self._rng.choice(_LOST_REASONS) if stage == "closedlost" else None,
        }
        deal_id = self._portal.create("deals", _filled(properties), created=opened, modified=closed or opened)
        self._portal.associate("deals", deal_id, "contacts", contact_id)
        if person.company is not None:
            company_id = self.company(person.company, person.created)
            self._portal.associate("deals", deal_id, "companies", company_id, primary=True)
        for line in basket(person, amount):
            item = {"name": line.product.name, "hs_sku": line.product.code, "quantity": 1, "price": line.amount}
            item_id = self._portal.create("line_items", item | {"amount": line.amount}, created=closed or opened)
            self._portal.associate("deals", deal_id, "line_items", item_id)


def _engagement(touch: Touch) -> tuple[str, dict[str, Any]]:
    match touch.kind:
        case "call":
            return "calls", {
                "hs_call_title": "Call",
                "hs_call_direction": "OUTBOUND",
                "hs_call_status": "COMPLETED" if touch.went_well else "NO_ANSWER",
                "hs_call_duration": touch.minutes * 60_000 if touch.went_well else 0,
            }
        case "meeting" | "webinar":
            return "meetings", {
                "hs_meeting_title": "Webinar" if touch.kind == "webinar" else "Product meeting",
                "hs_meeting_outcome": "COMPLETED" if touch.went_well else "NO_SHOW",
                "hs_meeting_start_time": touch.at,
            }
        case "mail_out" | "mail_in":
            return "emails", {
                "hs_email_subject": "Following up",
                "hs_email_direction": "EMAIL" if touch.kind == "mail_out" else "INCOMING_EMAIL",
                "hs_email_status": "SENT",
            }
        case "note":
            return "notes", {"hs_note_body": "Asked about timing and budget."}
        case _:
            return "tasks", {
                "hs_task_subject": "Follow up",
                "hs_task_type": "TODO",
                "hs_task_status": "COMPLETED" if touch.went_well else "NOT_STARTED",
            }


def _stage(story: Story, person: Person) -> tuple[str | None, str | None]:
    """Lifecycle stage and lead status as a sales team would have left them: late, and sometimes empty."""
    if story.bought_at is not None:
        return "customer", None
    if person.kind == "employee":
        return "other", None
    if story.strength > 7:
        return "salesqualifiedlead", "OPEN_DEAL"
    if story.strength > 4.5:
        return "marketingqualifiedlead", "IN_PROGRESS"
    if story.forms or story.strength > 1.5:
        return "lead", "NEW"
    return ("subscriber", None) if person.number % 7 else (None, None)


def _bounced(story: Story) -> bool:
    return any(event.type == "BOUNCE" for event in story.mail)


def _filled(properties: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in properties.items() if value is not None}
