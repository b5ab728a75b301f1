"""Attributes that the law or decency protects: a model scores by them only when it acknowledges them by name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

SENSITIVE: Final[dict[str, tuple[str, ...]]] = {
    "age": ("age", "age_group", "age_range", "birthday", "birthdate", "birth_date", "birth_year", "date_of_birth",
            "year_of_birth", "dob"),
    "disability": ("disability", "disabled", "handicap"),
    "ethnicity": ("ethnicity", "ethnic", "race", "skin_colour", "skin_color"),
    "family": ("marital", "marital_status", "married", "children", "family_status", "pregnant", "pregnancy"),
    "gender": ("gender", "sex", "pronouns", "salutation"),
    "health": ("health", "medical", "diagnosis", "illness"),
    "income": ("income", "salary", "wage", "wages", "net_worth", "credit_score"),
    "nationality": ("nationality", "citizenship", "birthplace", "place_of_birth", "country_of_birth", "native_language",
                    "mother_tongue", "immigration"),
    "politics": ("politics", "political", "party_membership"),
    "religion": ("religion", "religious", "faith", "confession"),
    "sexual_orientation": ("sexual_orientation", "sexuality"),
    "union": ("trade_union", "union_member", "union_membership"),
}  # fmt: skip
"""What is protected -> words in an attribute's name that tell of it: special categories of personal data (GDPR,
article 9), and what equal-treatment and credit law name beside them."""


def protected(attribute: str) -> str | None:
    """Which of SENSITIVE the name of an attribute tells of; None for those of companies and for all others.

    Words are told apart by anything but letters and digits: ``person_age`` is an age, ``page_count`` is not.
    """
    if attribute.startswith("company."):
        return None
    words = f"_{re.sub(r'[^a-z0-9]+', '_', attribute.lower())}_"
    return next((name for name, aliases in SENSITIVE.items() if any(f"_{alias}_" in words for alias in aliases)), None)


def unacknowledged(attributes: Iterable[str], acknowledged: Iterable[str]) -> dict[str, str]:
    """Those of `attributes` that are protected and not in `acknowledged`, each with what it is protected as.

    The attribute's own name acknowledges it, and so does what it is protected as.
    """
    free = set(acknowledged)
    found = {name: kind for name in attributes if name not in free and (kind := protected(name)) is not None}
    return {name: kind for name, kind in found.items() if kind not in free}
