"""Many records without a story, to measure with: a million of them take about two minutes to make."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from sandbox.population.companies import INDUSTRIES, OWN_DOMAIN, SELLERS
from sandbox.population.names import CULTURES
from sandbox.population.people import DEPARTMENTS, LEVELS, SOURCES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sandbox.hubspot.portal import Portal
    from sandbox.salesforce.org import Org

_SPAN: Final = timedelta(days=180)
_COMPANIES: Final = 1000
_TITLES: Final = ("CEO", "Head of Sales", "Marketing Manager", "Software Engineer", "Student")
_CITIES: Final = ("Bonn", "Kraków", "São Paulo", "Pune", "Boston")


def fill_bare(portal: Portal, org: Org, *, contacts: int, leads: int, now: datetime) -> None:
    """Add so many contacts to HubSpot and leads to Salesforce, made one after the other in the half year before `now`.

    A contact has what a portal in use knows of most people: a job and a place as far as they are known, where it came
    from, a company for most, an owner for every other, and every third has visited the site. A lead has a name, an
    address, a job and a place.
    """
    if contacts:
        companies = [_company(portal, number, now - _SPAN) for number in range(min(_COMPANIES, contacts))]
        owners = [portal.owner(f"{first}.{last}@{OWN_DOMAIN}".lower(), first, last) for first, last in SELLERS]
    for number in range(contacts):
        created = now - _SPAN * (1 - number / contacts)
        visited = _visits(number, created, now) if number % 3 == 0 else {"hs_analytics_num_page_views": 0}
        contact = portal.create("contacts", _contact(number, owners) | visited, created=created)
        if number % 10:
            portal.associate("contacts", contact, "companies", companies[number % len(companies)], primary=True)
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


def _company(portal: Portal, number: int, since: datetime) -> str:
    properties = {
        "name": f"Company {number}",
        "domain": f"company{number}.example",
        "industry": _one(INDUSTRIES, number).hubspot,
        "numberofemployees": 10 * (1 + number % 90),
        "annualrevenue": 1_000_000 * (1 + number % 70),
        "country": _one(CULTURES, number).country,
    }
    return portal.create("companies", properties, created=since)


def _contact(number: int, owners: Sequence[str]) -> dict[str, Any]:
    home = _one(CULTURES, number)
    level, department = _one(LEVELS, number), _one(DEPARTMENTS, number)
    first, last = (_one(names, number).partition("/")[0] for names in (home.given, home.family))
    return {
        "email": f"person{number}@company{number % _COMPANIES}.example",
        "firstname": first,
        "lastname": last,
        "jobtitle": _one(level.titles, number).format(department),
        "seniority": level.name if number % 4 else None,
        "job_function": department if number % 4 else None,
        "phone": f"+1 555 {number:07}" if number % 5 < 3 else None,
        "city": _one(home.cities, number),
        "state": _one(home.cities, number) if number % 2 else None,
        "country": home.country,
        "lifecyclestage": "lead" if number % 3 else "marketingqualifiedlead",
        "hubspot_owner_id": owners[number % len(owners)] if number % 2 else None,
        "hs_analytics_source": _one(SOURCES, number),
    }


def _visits(number: int, first: datetime, now: datetime) -> dict[str, Any]:
    return {
        "hs_analytics_num_page_views": 1 + number % 7,
        "hs_analytics_first_timestamp": first,
        "hs_analytics_last_timestamp": first + (now - first) * (number % 11 / 11),
    }


def _one(of: Sequence[Any], number: int) -> Any:
    return of[number % len(of)]
