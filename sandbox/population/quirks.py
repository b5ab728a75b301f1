"""What years of use do to a CRM: duplicates, merges, deletions, people who are in it twice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import random

    from sandbox.hubspot.portal import Portal
    from sandbox.population.people import Person
    from sandbox.salesforce.org import Org

_SHARES: Final = {
    "second lead": 0.02,
    "twin contact": 0.01,
    "merged contact": 0.006,
    "merged lead": 0.004,
    "archived contact": 0.008,
    "deleted lead": 0.006,
}
"""Quirk -> how many of them per person; small populations get at least one of each."""


@dataclass(slots=True)
class Known:
    """A person and the live record in each CRM that is theirs."""

    person: Person
    bought: bool
    hubspot_id: str | None = None
    salesforce_id: str | None = None

    def ids(self) -> list[str]:
        """The ids of the records that there are."""
        return [record_id for record_id in (self.hubspot_id, self.salesforce_id) if record_id is not None]


def add_quirks(rng: random.Random, portal: Portal, org: Org, known: list[Known]) -> None:
    """Add duplicates and take records away; those who bought are spared, so that nothing learnt from them is lost."""
    spared = [each for each in known if not each.bought]
    contacts = [each for each in spared if each.person.place == "hubspot"]
    leads = [each for each in spared if each.person.place == "lead"]
    rng.shuffle(contacts)
    rng.shuffle(leads)

    def take(pool: list[Known], quirk: str) -> list[Known]:
        count = min(max(round(_SHARES[quirk] * len(known)), 1), len(pool))
        return [pool.pop() for _ in range(count)]

    for each in take(leads, "second lead"):
        _second_lead(rng, org, each)
    for each in take(contacts, "twin contact"):
        _twin_contact(portal, each)
    for each in take(contacts, "merged contact"):
        assert each.hubspot_id is not None
        each.hubspot_id = portal.merge(each.hubspot_id, _twin_contact(portal, each), new_id=rng.random() < 0.5)
    for each in take(leads, "merged lead"):
        assert each.salesforce_id is not None
        org.merge("Lead", each.salesforce_id, [_second_lead(rng, org, each)])
    for each in take(contacts, "archived contact"):
        assert each.hubspot_id is not None
        portal.archive("contacts", each.hubspot_id)
        each.hubspot_id = None
    for each in take(leads, "deleted lead"):
        assert each.salesforce_id is not None
        org.delete("Lead", each.salesforce_id)
        each.salesforce_id = None


def _second_lead(rng: random.Random, org: Org, known: Known) -> str:
    """The same person typed in again by somebody else, the address spelled their way."""
    person, email = known.person, known.person.email or ""
    fields = {
        "FirstName": person.name.given,
        "LastName": person.name.family,
        "Email": rng.choice((email.upper(), f" {email} ", email.capitalize())),
        "Company": person.company.name if person.company is not None else "[not provided]",
        "LeadSource": "Purchased List",
    }
    return org.insert("Lead", fields, created=person.created)


def _twin_contact(portal: Portal, known: Known) -> str:
    """The same person from a trade fair's list. HubSpot takes an address only once, so it is a tagged one or none."""
    person = known.person
    local, _, domain = (person.email or "").partition("@")
    properties = {
        "email": f"{local}+fair@{domain}" if local and person.number % 3 else None,
        "firstname": person.name.given,
        "lastname": person.name.family,
        "company": person.company.name if person.company is not None else None,
    }
    return portal.create("contacts", properties, created=person.created)
