"""Who the people are: job, company, address, what is missing; and what nobody can see, fit and intent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sandbox.population.companies import COMPETITOR_DOMAINS, EDUCATION, FREE_MAIL_DOMAINS, OWN_DOMAIN
from sandbox.population.names import CULTURES, Name, draw_culture, draw_name

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from sandbox.population.companies import Company, Industry


@dataclass(frozen=True, slots=True)
class Level:
    """A level of seniority: titles with a place for the department, share of people, fit (0 to 1)."""

    name: str
    titles: tuple[str, ...]
    share: int
    fit: float


LEVELS: Final = (
    Level("executive", ("Chief {} Officer", "Founder", "CEO", "CTO", "Managing Director", "Geschäftsführer"), 9, 1.0),
    Level("vp", ("VP {}", "Vice President of {}", "SVP {}"), 8, 0.95),
    Level("director", ("Director of {}", "Head of {}", "{} Director", "Directeur {}"), 14, 0.85),
    Level("manager", ("{} Manager", "{} Team Lead", "Senior {} Manager"), 24, 0.55),
    Level("senior", ("Senior {} Specialist", "{} Lead", "Principal {} Consultant"), 20, 0.35),
    Level("employee", ("{} Specialist", "{} Analyst", "{} Coordinator", "{} Associate"), 19, 0.2),
    Level("entry", ("Junior {} Analyst", "{} Assistant"), 6, 0.1),
)
DEPARTMENTS: Final = (
    "Marketing", "Sales", "Engineering", "Operations", "Finance", "IT", "Product", "Human Resources", "Data", "Legal",
)  # fmt: skip
_WANTED_DEPARTMENTS: Final = frozenset({"Marketing", "Sales", "Operations", "Data"})
SOURCES: Final = (
    "ORGANIC_SEARCH",
    "PAID_SEARCH",
    "DIRECT_TRAFFIC",
    "REFERRALS",
    "SOCIAL_MEDIA",
    "EMAIL_MARKETING",
    "OFFLINE",
)
"""Options of HubSpot's `hs_analytics_source`."""

PLACES: Final = {
    "hubspot": 40,  # a HubSpot contact only
    "lead": 14,  # a Salesforce lead only
    "contact": 10,  # a Salesforce contact only
    "both_lead": 20,
    "both_contact": 16,
}
"""Which CRMs know a person, in per cent."""


@dataclass(slots=True)
class Person:
    """One human being. `fit` and `intent` are hidden from both CRMs; None is a fact that no CRM knows."""

    number: int
    name: Name
    kind: str  # buyer, student, intern, competitor, employee
    place: str  # a key of PLACES
    email: str | None
    second_email: str | None  # the address in the other CRM, where the two are linked by id alone
    title: str | None
    level: str | None
    department: str | None
    phone: str | None
    country: str | None
    city: str | None
    company: Company | None
    source: str
    created: datetime
    fit: float
    intent: float
    momentum: float  # above 1: more and more active; below 1: cooling
    bad_address: bool
    objects_to_profiling: bool

    @property
    def in_hubspot(self) -> bool:
        """Whether HubSpot knows the person."""
        return self.place in {"hubspot", "both_lead", "both_contact"}

    @property
    def salesforce_type(self) -> str | None:
        """Lead, Contact or None."""
        return {"lead": "Lead", "both_lead": "Lead", "contact": "Contact", "both_contact": "Contact"}.get(self.place)


_KINDS: Final = {"buyer": 88, "student": 4, "intern": 3, "competitor": 2, "employee": 3}


def draw_people(
    rng: random.Random, count: int, companies: Sequence[Company], now: datetime, span: timedelta
) -> list[Person]:
    """`count` people with different addresses, known since some time within `span` before `now`."""
    taken: set[str] = set()
    weights = [company.weight for company in companies]
    by_domain = {company.domain: company for company in companies}
    kinds = rng.choices(list(_KINDS), list(_KINDS.values()), k=count)
    places = rng.choices(list(PLACES), list(PLACES.values()), k=count)
    employers = rng.choices(companies, weights, k=count)
    people = []
    for number, (kind, place, employer) in enumerate(zip(kinds, places, employers, strict=True)):
        company: Company | None = employer
        if kind == "competitor":
            company = by_domain[rng.choice(COMPETITOR_DOMAINS)]
        elif kind == "employee" or (kind != "intern" and rng.random() < 0.1):
            company = None
        created = now - span * rng.uniform(0.15, 1.5)
        people.append(_draw_person(rng, number, kind, place, company, created, taken))
    return people


def _draw_person(
    rng: random.Random, number: int, kind: str, place: str, company: Company | None, created: datetime, taken: set[str]
) -> Person:
    culture = draw_culture(rng)
    if company is not None and rng.random() < 0.6:
        culture = next(each for each in CULTURES if each.country == company.country)
    name = draw_name(rng, culture)
    level, department, title = _job(rng, kind)
    email = _address(rng, name, kind, company, taken)
    linked_by_id_only = place.startswith("both") and rng.random() < 0.15
    return Person(
        number=number,
        name=name,
        kind=kind,
        place=place,
        email=email if place != "contact" or rng.random() < 0.93 else None,
        second_email=_unique(f"{name.latin[0]}{name.latin[1]}", rng.choice(FREE_MAIL_DOMAINS), taken)
        if linked_by_id_only
        else None,
        title=title if rng.random() < 0.82 else None,
        level=level.name if level is not None and rng.random() < 0.5 else None,
        department=department if rng.random() < 0.6 else None,
        phone=f"+1 555 01{rng.randrange(100):02d}" if rng.random() < 0.45 else None,
        country=culture.country if rng.random() < 0.8 else None,
        city=rng.choice(culture.cities) if rng.random() < 0.5 else None,
        company=company,
        source=rng.choice(SOURCES),
        created=created.replace(microsecond=rng.randrange(1000) * 1000),
        fit=_fit(kind, level, department, company),
        intent=rng.betavariate(1.4, 2.6) * (1.0 if kind == "buyer" else 0.6),
        momentum=rng.choice((0.5, 0.7, 1.0, 1.0, 1.6, 2.4)),
        bad_address=rng.random() < 0.03,
        objects_to_profiling=rng.random() < 0.015,
    )


def _job(rng: random.Random, kind: str) -> tuple[Level | None, str, str]:
    department = rng.choice(DEPARTMENTS)
    if kind == "student":
        return None, department, rng.choice(("Student", "PhD Student", "MBA student", "Étudiant"))
    if kind == "intern":
        return None, department, rng.choice((f"{department} Intern", "Intern", "Praktikant"))
    level = rng.choices(LEVELS, [level.share for level in LEVELS])[0]
    return level, department, rng.choice(level.titles).format(department)


def _fit(kind: str, level: Level | None, department: str, company: Company | None) -> float:
    """How well the person suits what is sold, 0 to 1: seniority, industry, size, department."""
    if kind != "buyer" or level is None:
        return 0.05
    industry: Industry = company.industry if company is not None else EDUCATION
    employees = company.employees if company is not None else 1
    size = 1.0 if 50 <= employees <= 5000 else 0.45 if employees > 5000 else 0.2
    wanted = 1.0 if department in _WANTED_DEPARTMENTS else 0.4
    return 0.4 * level.fit + 0.3 * industry.fit + 0.2 * size + 0.1 * wanted


def _address(rng: random.Random, name: Name, kind: str, company: Company | None, taken: set[str]) -> str:
    given, family = name.latin
    local = rng.choice((f"{given}.{family}", f"{given[0]}.{family}", f"{given}{family}", f"{family}.{given}"))
    if kind == "employee":
        return _unique(local, OWN_DOMAIN, taken)
    if kind == "student":
        return _unique(local, rng.choice(("students.uni.example", "campus.example")), taken)
    if company is None or (kind == "buyer" and rng.random() < 0.08):
        return _unique(local, rng.choice(FREE_MAIL_DOMAINS), taken)
    return _unique(local, company.domain, taken)


def _unique(local: str, domain: str, taken: set[str]) -> str:
    address, number = f"{local}@{domain}", 1
    while address in taken:
        number += 1
        address = f"{local}{number}@{domain}"
    taken.add(address)
    return address


def deal_amount(person: Person, rng: random.Random) -> float:
    """What a deal with the person is worth, US dollars: more for larger companies."""
    size = person.company.employees if person.company is not None else 20
    per_seat: float = rng.uniform(60, 260)
    return float(round((2_000 + size**0.7 * per_seat) / 100) * 100)
