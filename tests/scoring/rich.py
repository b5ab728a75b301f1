"""One model with every section that looks at several events or several people together, and a crowd for it."""

from __future__ import annotations

import random
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from config.model import checked_model
from config.yaml_file import Document
from tests.scoring.oracle import Person
from tests.scoring.oracle_conditions import Activity
from tests.scoring.oracle_deals import Deal
from tests.scoring.strategies import ATTRIBUTES, NOW

if TYPE_CHECKING:
    from config.model import Model

RULES: Final = [
    {"name": "Page", "activity": "page_view", "points": [3, 2], "at_most": "6 per visit", "group": "web"},
    {"name": "Form", "activity": "form_submission", "points": 15, "count": {"to": 2, "per": "week"}, "group": "web"},
    {"name": "Tour", "activity": "page_view", "when": {"url": {"path": "/product/*"}}, "chain": 2, "points": 4},
    {"name": "Long visit", "activity": "visit", "when": {"pages": {"at_least": 3}}, "points": 5, "within": "60d"},
    {"name": "Click", "activity": "email_click", "points": 4, "at_most": "8 per campaign", "unless": "machine"},
    {"name": "Again", "activity": "email_reopen", "points": 1},
    {"name": "Reads", "activity": "email_open", "rate": {"at_least": "50%", "over": "90d", "among": 2}, "points": 6},
    {"name": "Thrice", "activity": "download", "count": {"between": [2, 3]}, "within": "90d", "points": 8},
    {"name": "Gone", "activity": "unsubscribe", "points": -20, "decay": {"linear": "90d"}},
    {
        "name": "Looks on",
        "activity": "page_view",
        "stagnates": {"at_least": 4, "over": "60d", "without": ["form_submission"]},
        "points": -3,
    },
]  # fmt: skip
ROMAN: Final = {"city": "Rome"}
MODEL: Final[dict[str, Any]] = {
    "model": "rich",
    "gates": [{"name": "Bounces", "activity": "email_bounce", "at_least": 2, "effect": "disqualify"}],
    "fit": {
        "criteria": [
            {"name": "Chief", "when": {"job_title": {"matches": "cto|head"}}, "points": 40},
            {"name": "Size", "by": "company.employee_count", "bands": {20: 10, 200: 30}},
        ],
        "profiles": [
            {"name": "Rome", "when": ROMAN, "criteria": [{"name": "Own", "when": ROMAN, "points": 5}]},
        ],
    },
    "engagement": {
        "decay": {"half_life": "30d"},
        "rules": RULES,
        "inactivity": {"30d": -5, "120d": "all"},
        "inactivity_floor": 2,
        "restart": "renewal",
        "adjust": {"by": "correction", "on": "corrected_on", "lasts": "60d"},
        "groups": {"web": {"max": ["10 per 7d", 30], "fold": "visit"}},
        "levels": {"1": 30, "2": 15, "3": 5, "4": 0},
    },
    "machine": {"needed": 1},
    "trend": {"over": "14d", "rising": 3, "cooling": -3},
    "lifecycle": {
        "order": ["new", "warm", "hot", "sold"],
        "transitions": [
            {"to": "warm", "enter": {"engagement": {"above": 4}}, "exit": {"engagement": {"below": 3}}, "dwell": "7d"},
            {"to": "hot", "enter": {"engagement": {"at_least": 15}}, "cool_down": "10d", "max_entries": 2},
        ],
        "hold": "30d",
    },
    "skip": {"below": {"fit": 10, "engagement": 5}},
    "hand_off": {"language": "pl"},
    "also_write": ["data_confidence", "trend_reason"],
    "rfm": {"rates": {"EUR": 1, "USD": 0.9}},
    "bant": {
        "budget": {"rules": [{"name": "Price", "activity": "email_click", "points": 15, "within": "90d"}]},
        "timeline": {"criteria": [{"name": "Large", "by": "company.employee_count", "bands": {100: 20}}]},
        "need": {"rules": [{"name": "Asked", "activity": "form_submission", "points": 13, "count": {"to": 3}}]},
        "authority": {"criteria": [{"name": "Decides", "when": {"job_title": {"contains": "head"}}, "points": 25}]},
    },
    "affinity": {
        "decay": {"half_life": "60d"},
        "rules": [{"name": "Seen", "activity": ["page_view", "download"], "points": 5, "at_most": "15 per visit"}],
        "products": [
            {"name": "A", "when": {"url": {"path": "/product/a*"}}, "content": [{"name": "E-book"}, {"name": "Tour"}]},
            {"name": "B", "when": {"any": [{"url": {"path": "/product/b*"}}, {"asset": {"contains": "book"}}]}},
        ],
    },
    "account": {
        "roll_up": "champion",
        "roles": [{"name": "Champion", "deal_roles": ["champion"], "when": {"job_title": "cto"}}],
    },
    "ratings": [
        {"preset": "commitment"},
        {
            "name": "Value",
            "rows": {"axis": "rfm", "bands": {"hi": 60, "lo": 0}, "unknown": "new"},
            "columns": {"axis": "account", "bands": {"big": 5, "small": 0}},
        },
    ],
}  # fmt: skip
KINDS: Final = {
    "page_view": 20, "email_delivered": 6, "email_open": 6, "email_click": 6, "download": 3, "form_submission": 2,
    "unsubscribe": 1, "email_bounce": 1,
}  # fmt: skip


def model() -> Model:
    """MODEL, checked."""
    return checked_model(Document(MODEL, Path("rich.yaml"), {}), ATTRIBUTES)


def crowd(people: int, seed: int) -> list[Person]:
    """So many people, some with hundreds of events, who share forty companies."""
    generator = random.Random(seed)
    return [_person(generator) for _ in range(people)]


def _person(generator: random.Random) -> Person:
    attributes = {
        "job_title": generator.choice(["CTO", "Head of IT", "Student"]),
        "city": generator.choice(["CTO", "Rome"]),
        "company.employee_count": generator.choice([5.0, 60.0, 700.0]),
        "email": "someone@buyer.example",
        "correction": generator.choice([-10.0, 20.0]),
        "renewal": NOW - timedelta(days=generator.choice([20, 300])),
        "corrected_on": NOW - timedelta(days=generator.randrange(90)),
    }
    known = {name: value for name, value in attributes.items() if generator.random() < 0.8}
    stage = generator.choice([None, "new", "warm", "hot"])
    return Person(
        known,
        [event for _ in range(int(generator.paretovariate(0.6)) % 12) for event in _evening(generator)],
        stage,
        NOW - timedelta(days=generator.randrange(40)) if stage else None,
        NOW.date() + timedelta(days=3) if stage == "warm" and generator.random() < 0.3 else None,
        [_deal(generator) for _ in range(generator.choice([0, 0, 1, 3]))],
        generator.choice([[], ["champion"], ["user"]]),
        generator.choice([None, *(f"company {number}" for number in range(40))]),
        {"hot": generator.randrange(4)},
    )


def _evening(generator: random.Random) -> list[Activity]:
    start = NOW - timedelta(minutes=generator.randrange(200 * 1440))
    return [_deed(generator, start + timedelta(minutes=2 * number)) for number in range(generator.randrange(1, 7))]


def _deed(generator: random.Random, at: Any) -> Activity:
    kind = generator.choices(list(KINDS), list(KINDS.values()))[0]
    return Activity(
        kind,
        min(at, NOW),
        count=generator.choice([1, 1, 2]),
        url=generator.choice(["/pricing", "/product/a", "/product/b", "/product/a/1"]),
        asset=generator.choice([None, "Demo request", "E-book"]),
        campaign=generator.choice([None, "Spring", "Autumn"]) if kind.startswith("email") else None,
        since_send_s=generator.choice([None, 1.0, 500.0]),
        user_agent=generator.choice([None, "Mimecast"]),
        seen_at=generator.choice([None, at + timedelta(days=30)]),
    )


def _deal(generator: random.Random) -> Deal:
    closed = NOW - timedelta(days=generator.randrange(500))
    return Deal(
        amount=generator.choice([10.0, 99.995, 1234.5, None]),
        currency=generator.choice(["EUR", "USD"]),
        is_won=True,
        is_closed=True,
        created_at=closed - timedelta(days=30),
        closed_at=closed,
        products=[],
    )
