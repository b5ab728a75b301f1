"""The companies that people work for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sandbox.population.names import draw_culture

if TYPE_CHECKING:
    import random

OWN_DOMAIN: Final = "seller.example"
"""The company whose CRMs these are."""

SELLERS: Final = (("Mina", "Harper"), ("Otto", "Lang"), ("Sana", "Rao"), ("Theo", "Marsh"))
"""Who owns the records there."""

COMPETITOR_DOMAINS: Final = ("rival.example", "other.example")
FREE_MAIL_DOMAINS: Final = ("freemail.example", "webmail.example", "postbox.example")


@dataclass(frozen=True, slots=True)
class Industry:
    """An industry in the words of each CRM, its share of companies and how well it fits what is sold (0 to 1)."""

    hubspot: str  # option of the company property `industry`
    salesforce: str  # value of the picklist Account.Industry
    share: int
    fit: float


INDUSTRIES: Final = (
    Industry("COMPUTER_SOFTWARE", "Technology", 22, 1.0),
    Industry("INFORMATION_TECHNOLOGY_AND_SERVICES", "Technology", 14, 0.9),
    Industry("FINANCIAL_SERVICES", "Finance", 12, 0.9),
    Industry("BANKING", "Banking", 5, 0.7),
    Industry("TELECOMMUNICATIONS", "Telecommunications", 6, 0.6),
    Industry("MARKETING_AND_ADVERTISING", "Media", 8, 0.5),
    Industry("LOGISTICS_AND_SUPPLY_CHAIN", "Transportation", 6, 0.4),
    Industry("MACHINERY", "Manufacturing", 8, 0.35),
    Industry("HOSPITAL_HEALTH_CARE", "Healthcare", 7, 0.3),
    Industry("RETAIL", "Retail", 7, 0.2),
    Industry("CONSTRUCTION", "Construction", 5, 0.1),
)
EDUCATION: Final = Industry("HIGHER_EDUCATION", "Education", 0, 0.0)

_FIRST: Final = (
    "Amber",
    "Birch",
    "Cedar",
    "Delta",
    "Ember",
    "Falcon",
    "Granite",
    "Harbor",
    "Indigo",
    "Juniper",
    "Kestrel",
    "Lumen",
    "Meridian",
    "Nimbus",
    "Orchard",
    "Pioneer",
    "Quartz",
    "Raven",
    "Summit",
    "Tidal",
    "Umbra",
    "Vertex",
    "Willow",
    "Xenon",
    "Yarrow",
    "Zephyr",
    "Beacon",
    "Cobalt",
    "Drift",
    "Echo",
)
_SECOND: Final = (
    "Analytics",
    "Systems",
    "Labs",
    "Works",
    "Logic",
    "Partners",
    "Networks",
    "Robotics",
    "Capital",
    "Foods",
    "Motors",
    "Health",
    "Media",
    "Cloud",
    "Studio",
    "Freight",
    "Energy",
    "Materials",
    "Security",
    "Payments",
)
_LEGAL: Final = ("", "", " Inc.", " Ltd", " GmbH", " Group")


@dataclass(frozen=True, slots=True)
class Company:
    """One company. `scans_links`: its mail gateway opens every link of every mail before a person sees it."""

    name: str
    domain: str
    industry: Industry
    employees: int
    revenue: int  # a year, US dollars
    country: str
    city: str
    scans_links: bool
    weight: float  # how many of its people are known, relative to others


def draw_companies(rng: random.Random, count: int) -> list[Company]:
    """`count` companies with different domains, and behind them the two competitors."""
    taken: set[str] = set()
    companies = [_draw_company(rng, taken) for _ in range(count)]
    return companies + [
        Company(name, domain, INDUSTRIES[0], 400, 60_000_000, "United States", "Boston", scans_links=False, weight=0.0)
        for name, domain in zip(("Rival Software", "Other Systems"), COMPETITOR_DOMAINS, strict=True)
    ]


def _draw_company(rng: random.Random, taken: set[str]) -> Company:
    first, second = rng.choice(_FIRST), rng.choice(_SECOND)
    label = f"{first}{second}".lower()
    domain, number = f"{label}.example", 1
    while domain in taken:
        number += 1
        domain = f"{label}{number}.example"
    taken.add(domain)
    name = f"{first} {second}{f' {number}' if number > 1 else ''}{rng.choice(_LEGAL)}"
    industry = rng.choices(INDUSTRIES, [industry.share for industry in INDUSTRIES])[0]
    employees = max(3, round(rng.lognormvariate(5.0, 1.6)))
    culture = draw_culture(rng)
    return Company(
        name=name,
        domain=domain,
        industry=industry,
        employees=employees,
        revenue=round(employees * rng.uniform(60, 260)) * 1000,
        country=culture.country,
        city=rng.choice(culture.cities),
        scans_links=rng.random() < 0.12,
        weight=min(employees, 3000) ** 0.4,
    )
