"""Draws a population and writes it into both CRMs."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sandbox.population.behaviour import live, mailings
from sandbox.population.companies import draw_companies
from sandbox.population.into_hubspot import HubSpotWriter
from sandbox.population.into_salesforce import SalesforceWriter
from sandbox.population.people import draw_people
from sandbox.population.quirks import Known, add_quirks

if TYPE_CHECKING:
    from datetime import datetime

    from sandbox.hubspot.portal import Portal
    from sandbox.population.behaviour import Story
    from sandbox.population.people import Person
    from sandbox.salesforce.org import Org

ACTIVITIES_PER_PERSON: Final = 20.0
_PEOPLE_PER_COMPANY: Final = 5
_QUIET: Final = timedelta(hours=1)  # nothing happens so shortly before `now` that a reader may not see it at once
_IN_HUBSPOT: Final = 0.3  # share of sales work that is logged in HubSpot where both CRMs know a person


@dataclass(frozen=True, slots=True)
class Filled:
    """What was written: numbers, and who bought (ids of HubSpot contacts and Salesforce contacts)."""

    people: int
    activities: int
    buyers: frozenset[str]


def populate(
    portal: Portal,
    org: Org,
    *,
    people: int = 5000,
    seed: int = 7,
    now: datetime,
    days: int = 180,
    activities_per_person: float = ACTIVITIES_PER_PERSON,
) -> Filled:
    """Fill both CRMs with `people` people and what they did in the `days` before `now` (aware UTC).

    The same arguments give the same population. `activities_per_person` is a mean over all people and counts single
    events of both CRMs (e-mail events, form submissions, engagements, tasks, events, memberships, messages); what
    HubSpot only counts, such as page views, comes on top. The last hour is quiet.
    """
    rng = random.Random(seed)
    now -= _QUIET
    span = timedelta(days=days)
    companies = draw_companies(rng, max(people // _PEOPLE_PER_COMPANY, 5))
    sent = mailings(now, days)
    hubspot = HubSpotWriter(portal, rng, now)
    salesforce = SalesforceWriter(org, rng, now, since=now - 2 * span)
    known: list[Known] = []
    activities = 0
    for person in draw_people(rng, people, companies, now, span):
        story = live(rng, person, sent, now, days, activities_per_person)
        known.append(_write(rng, hubspot, salesforce, person, story, now))
        activities += len(story.mail) + len(story.forms) + len(story.touches)
    add_quirks(rng, portal, org, known)
    buyers = frozenset(record_id for each in known if each.bought for record_id in each.ids())
    return Filled(people, activities, buyers)


def _write(
    rng: random.Random,
    hubspot: HubSpotWriter,
    salesforce: SalesforceWriter,
    person: Person,
    story: Story,
    now: datetime,
) -> Known:
    """Write one person into the CRMs that know them."""
    sobject, links = person.salesforce_type, {}
    known = Known(person, bought=story.bought_at is not None)
    if sobject is not None:
        known.salesforce_id = salesforce.person(person, story, sobject)
        if person.second_email is not None or rng.random() < 0.3:
            links = {f"salesforce{sobject.lower()}id": known.salesforce_id}
    if person.in_hubspot:
        known.hubspot_id = hubspot.person(person, story, links)
    for touch in story.touches:
        if known.hubspot_id is not None and (sobject is None or rng.random() < _IN_HUBSPOT):
            hubspot.touch(known.hubspot_id, touch)
        elif known.salesforce_id is not None and sobject is not None:
            salesforce.touch(known.salesforce_id, sobject, touch)
    _write_deal(rng, hubspot, salesforce, known, story, now)
    return known


def _write_deal(
    rng: random.Random, hubspot: HubSpotWriter, salesforce: SalesforceWriter, known: Known, story: Story, now: datetime
) -> None:
    """A won deal for those who bought; an open or lost one for some of those who were close."""
    person, bought_at = known.person, story.bought_at
    if bought_at is not None:
        opened = max(person.created, bought_at - timedelta(days=10 + rng.randrange(50)))
        if known.salesforce_id is None and known.hubspot_id is not None:
            hubspot.deal(known.hubspot_id, person, "closedwon", opened, bought_at)
        elif known.salesforce_id is not None and person.salesforce_type == "Lead":
            known.salesforce_id = salesforce.convert(known.salesforce_id, person, bought_at)
        elif known.salesforce_id is not None:
            salesforce.opportunity(known.salesforce_id, person, "Closed Won", opened, bought_at)
        return
    last = story.last_activity()
    if last is None or story.strength < 5 or rng.random() < 0.5:
        return
    lost = rng.random() < 0.5
    closed = min(last + timedelta(days=rng.randrange(1, 20)), now) if lost else None
    if known.salesforce_id is None and known.hubspot_id is not None:
        stage = "closedlost" if lost else rng.choice(("appointmentscheduled", "qualifiedtobuy", "contractsent"))
        hubspot.deal(known.hubspot_id, person, stage, last, closed)
    elif known.salesforce_id is not None and person.salesforce_type == "Contact":
        stage = "Closed Lost" if lost else rng.choice(("Prospecting", "Needs Analysis", "Negotiation/Review"))
        salesforce.opportunity(known.salesforce_id, person, stage, last, closed)
