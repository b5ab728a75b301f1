"""Many plain records without a story, to measure with: a million of them take about a minute to make."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

    from sandbox.hubspot.portal import Portal
    from sandbox.salesforce.org import Org

_SPAN: Final = timedelta(days=180)
_COMPANIES: Final = 1000
_TITLES: Final = ("CEO", "Head of Sales", "Marketing Manager", "Software Engineer", "Student")
_CITIES: Final = ("Bonn", "Kraków", "São Paulo", "Pune", "Boston")


def fill_bare(portal: Portal, org: Org, *, contacts: int, leads: int, now: datetime) -> None:
    """Add so many contacts to HubSpot and leads to Salesforce, made one after the other in the half year before `now`.

    Each has a name, an address, a job and a place, and nothing happened to any of them.
    """
    for number in range(contacts):
        portal.create(
            "contacts",
            {
                "email": f"person{number}@company{number % _COMPANIES}.example",
                "firstname": "Person",
                "lastname": f"Number {number}",
                "jobtitle": _TITLES[number % len(_TITLES)],
                "company": f"Company {number % _COMPANIES}",
                "city": _CITIES[number % len(_CITIES)],
                "lifecyclestage": "lead",
            },
            created=now - _SPAN * (1 - number / contacts),
        )
    for number in range(leads):
        org.insert(
            "Lead",
            {
                "Email": f"lead{number}@company{number % _COMPANIES}.example",
                "FirstName": "Lead",
                "LastName": f"Number {number}",
                "Title": _TITLES[number % len(_TITLES)],
                "Company": f"Company {number % _COMPANIES}",
                "City": _CITIES[number % len(_CITIES)],
            },
            created=now - _SPAN * (1 - number / leads),
        )
