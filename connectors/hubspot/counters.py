"""Counters that HubSpot keeps on the contact, where the plan gives no events.

Web visits exist only as counters on most plans. E-mail counters are read when marketing e-mail events are off,
conversions when form submissions are off: the same deed never comes both as an event and as a count.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from config.settings import HubSpotSettings
    from connectors.hubspot.objects import Values


@dataclass(frozen=True, slots=True)
class Counter:
    """An activity type and the properties that hold how often, and first and last when."""

    type: str
    total: str
    first: str
    last: str

    @property
    def properties(self) -> tuple[str, str, str]:
        """Names of the three properties."""
        return self.total, self.first, self.last


WEB = (
    Counter("page_view", "hs_analytics_num_page_views", "hs_analytics_first_timestamp", "hs_analytics_last_timestamp"),
    Counter(
        "visit",
        "hs_analytics_num_visits",
        "hs_analytics_first_visit_timestamp",
        "hs_analytics_last_visit_timestamp",
    ),
)
EMAIL = (
    Counter("email_delivered", "hs_email_delivered", "hs_email_first_send_date", "hs_email_last_send_date"),
    Counter("email_open", "hs_email_open", "hs_email_first_open_date", "hs_email_last_open_date"),
    Counter("email_click", "hs_email_click", "hs_email_first_click_date", "hs_email_last_click_date"),
    Counter("email_bounce", "hs_email_bounce", "hs_email_first_send_date", "hs_email_last_send_date"),
)
REPLIES = (Counter("email_reply", "hs_email_replied", "hs_email_first_reply_date", "hs_email_last_reply_date"),)
CONSENT = (Counter("unsubscribe", "hs_email_optout", "lastmodifieddate", "lastmodifieddate"),)
"""A yes or no without a date of its own: it is dated by the change with which it is first seen."""

FORMS = (Counter("form_submission", "num_conversion_events", "first_conversion_date", "recent_conversion_date"),)


def chosen(settings: HubSpotSettings) -> list[Counter]:
    """The counters whose deeds come from no event stream."""
    return [
        *(() if settings.web_events else WEB),
        *(() if settings.email_events else (*EMAIL, *CONSENT)),
        *(() if settings.email_events or settings.engagements else REPLIES),
        *(() if settings.forms else FORMS),
    ]


def columns(counted: Sequence[Counter], values: Values, seen_at: str) -> dict[str, list[Any]]:
    """Columns of table `counters`: a row per contact and counter that is above zero."""
    rows = [
        (record_id, counter.type, number, first or last, last or first, seen_at)
        for counter in counted
        if (totals := values.given(counter.total))
        for record_id, total, first, last in zip(
            values.ids, totals, values.of(counter.first), values.of(counter.last), strict=True
        )
        if total is not None and (number := _whole(total)) > 0
    ]
    names = ("record_id", "type", "total", "first_at", "last_at", "seen_at")
    return dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)) if rows else {name: [] for name in names}


def _whole(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        if str(value).lower() == "true":
            return 1
    try:
        return int(float(value))
    except (TypeError, ValueError, OverflowError):
        return 0
