"""Words that the model, the connectors and the engine share."""

from __future__ import annotations

from typing import Final

ACTIVITY_TYPES: Final = frozenset({
    "email_sent", "email_delivered", "email_open", "email_click", "email_reply", "email_bounce",
    "unsubscribe", "spam_complaint", "page_view", "form_submission", "download",
    "event_registered", "event_attended", "webinar_attended", "chat", "call",
    "meeting_booked", "meeting_held", "task_done", "social_follow", "social_like", "social_share",
    "ad_click", "product_view", "cart_add", "price_request", "purchase", "visit", "email_reopen",
    "deal_created", "deal_won", "deal_lost",
})  # fmt: skip
"""One vocabulary for all CRMs; a connector may add ``custom:<name>``. The engine derives the types of `DERIVED`,
and deals tell those that begin with ``deal_``."""

VISIT: Final = "visit"
REOPEN: Final = "email_reopen"
DERIVED: Final = frozenset({VISIT, REOPEN})
"""Activity types that the engine makes of others: deeds on the web that belong together; an e-mail opened again."""

CHAIN: Final = "chain"
"""Type of the derived activities of rules with `chain`; no rule can name it."""

CLICKS: Final = frozenset({"email_click", "ad_click"})
"""Activity types that lead to a page."""

DONE_TO_THEM: Final = frozenset({
    "email_sent", "email_delivered", "email_bounce", "task_done", "deal_created", "deal_won", "deal_lost",
})  # fmt: skip
"""Activity types that people suffer rather than do; they do not count as a sign of life."""

PAGES: Final = frozenset({"page_view", "product_view"})
"""Activity types that are the sight of a page: they make a visit, and have a time on the page."""

UNKNOWN_GRADE: Final = "?"
"""The grade of a person of whom no criterion is known."""

DISQUALIFIED: Final = "disqualified"
"""The rating of a person whom a gate disqualifies."""


EXTRA_FIELDS: Final = ("data_confidence", "trend_reason", "rating_until", "stage_until")
"""Output fields that are written when a model asks for them by name."""


def is_activity_type(name: str) -> bool:
    """Whether `name` belongs to the vocabulary (``custom:`` names always do)."""
    return name in ACTIVITY_TYPES or (name.startswith("custom:") and len(name) > len("custom:"))
