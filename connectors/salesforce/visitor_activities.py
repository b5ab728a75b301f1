"""What prospects did on web sites and with marketing e-mails, as Account Engagement tells it.

An activity of a visitor who becomes known later is told again, by the time of its update. So windows of update time are
read, half-open, and inside each one pages ask for ids greater than the last: such pages know neither the four hours
after which a page token ends nor the 100,000 rows after which none is given.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import orjson
import pyarrow as pa

from connectors.base import Batch
from connectors.errors import ConfigProblem, Unreachable
from connectors.salesforce.errors import CRM
from connectors.salesforce.shapes import activity_table
from connectors.salesforce.values import times
from scoring.facts import Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from connectors.salesforce.business_unit import BusinessUnit

STREAM: Final = "activities.visitor_activities"
PAGE_ROWS: Final = 1_000
SETTLE: Final = timedelta(seconds=60)
"""Reads may trail what was written by so long."""

FIRST: Final = timedelta(days=730)
"""How far back a first read goes."""

IDLE_PAGES: Final = 20
LONG_ID: Final = 18
"""Characters of the ids that records come under; a prospect with a short one goes by its address."""

FIELDS: Final = (
    "id", "type", "details", "createdAt", "emailId", "listEmailId", "emailTemplateId", "fileId", "campaign.name",
    "prospect.salesforceId", "prospect.email",
)  # fmt: skip

TYPES: Final[dict[int, str]] = {
    3: "custom:form_error",
    4: "form_submission",
    6: "email_sent",
    7: "custom:site_search",
    11: "email_open",
    12: "unsubscribe",
    13: "email_bounce",
    14: "spam_complaint",
    15: "custom:email_preferences",
    16: "custom:resubscribed",
    17: "ad_click",
    20: "page_view",
    21: "custom:link_click",
    22: "chat",
    24: "webinar_attended",
    25: "event_registered",
    26: "custom:social_click",
    27: "custom:video_view",
    28: "event_registered",
    29: "event_attended",
    30: "custom:video_conversion",
    31: "custom:uservoice",
    32: "custom:uservoice",
    33: "custom:uservoice",
    34: "custom:video_watched",
    35: "unsubscribe",
    36: "email_bounce",
    37: "custom:resubscribed",
}
"""Visitor activity type -> ours. Not among them: clicks (1) and views (2), which depend on what was clicked and viewed;
sessions (5), which are made of page views; opportunities (8 to 10, 18, 19, 38), which are deals; and
invitations (23), which others send."""

_CLICK, _VIEW = 1, 2


def activity_type(row: Mapping[str, Any]) -> str | None:
    """The activity that a row tells of; None when it tells of none."""
    kind = int(row["type"])
    if kind == _CLICK:
        of_email = any(row.get(name) for name in ("emailId", "listEmailId", "emailTemplateId"))
        return "email_click" if of_email else "custom:link_click"
    if kind == _VIEW:
        return "download" if row.get("fileId") else "page_view"
    return TYPES.get(kind)


def activities(rows: Sequence[Mapping[str, Any]], seen_at: datetime) -> pa.Table:
    """Rows as activities: of the lead or contact that the prospect is synced to, else of the prospect's address."""

    def texts(values: Iterator[Any]) -> pa.ChunkedArray:
        return pa.chunked_array([pa.array([value or None for value in values], pa.string())])

    prospects = [row.get("prospect") or {} for row in rows]
    people = [record_id if len(record_id := p.get("salesforceId") or "") == LONG_ID else None for p in prospects]
    details = [row.get("details") or "" for row in rows]
    columns = {
        "activity_id": texts(f"ae-{row['id']}" for row in rows),
        "record_id": texts(iter(people)),
        "email": texts(None if person else p.get("email") for person, p in zip(people, prospects, strict=True)),
        "type": texts(activity_type(row) for row in rows),
        "occurred_at": times(texts(row.get("createdAt") for row in rows)),
        "url": texts(text if text.startswith("http") else None for text in details),
        "asset": texts(None if text.startswith("http") else text for text in details),
        "campaign": texts((row.get("campaign") or {}).get("name") for row in rows),
    }
    return activity_table(columns, seen_at)


@dataclass(frozen=True, slots=True)
class Place:
    """How far has been read: updates before `until`; of those from there to `end`, ids up to `after`."""

    until: datetime
    end: datetime | None = None
    after: int = 0

    def text(self) -> str:
        """As it is stored."""
        end = self.end and self.end.isoformat()
        return orjson.dumps({"v": 1, "until": self.until.isoformat(), "end": end, "after": self.after}).decode()


def read_place(cursor: str) -> Place:
    """The place in a stored text. Raises ConfigProblem when it is none."""
    try:
        part = orjson.loads(cursor)
        end = part["end"]
        return Place(datetime.fromisoformat(part["until"]), end and datetime.fromisoformat(end), int(part["after"]))
    except (ValueError, KeyError, TypeError):
        raise ConfigProblem(
            f"the cursor of stream {STREAM} cannot be read.",
            crm=CRM,
            remedy="Remove the mirror file; the next run pulls everything anew.",
        ) from None


def visitor_activities(unit: BusinessUnit, cursor: str | None, now: datetime, look_back: timedelta) -> Iterator[Batch]:
    """Activities told of since `cursor`; those of the last two years without one. `now` is the server's time."""
    due = now.replace(microsecond=0) - SETTLE
    place = read_place(cursor) if cursor else Place(due - FIRST)
    if place.end is None:
        start = place.until - look_back if cursor else place.until
        place = Place(start, max(due, place.until))
    for rows, after in _pages(unit, place):
        place = replace(place, after=after)
        yield Batch(Table.ACTIVITIES, activities(rows, now), place.text())
    assert place.end is not None
    yield Batch(Table.ACTIVITIES, activities([], now), Place(place.end).text())


def _pages(unit: BusinessUnit, place: Place) -> Iterator[tuple[list[dict[str, Any]], int]]:
    """Rows of the window by id, and the last id of each page. Only the absence of a page token ends it."""
    assert place.end is not None
    question = {
        "fields": ",".join(FIELDS),
        "updatedAtAfterOrEqualTo": place.until.isoformat(timespec="seconds"),
        "updatedAtBefore": place.end.isoformat(timespec="seconds"),
        "prospectIdGreaterThan": 0,  # visitors whom nobody knows are of no use
        "orderBy": "id",
        "limit": PAGE_ROWS,
    }
    after, token, idle = place.after, None, 0
    while True:
        more = {"fields": question["fields"], "nextPageToken": token} if token else {**question, "idGreaterThan": after}
        page = unit.get("visitor-activities", more)
        rows = page["values"]
        if rows:
            after, token, idle = max(int(row["id"]) for row in rows), None, 0
            yield rows, after
        if page.get("nextPageToken") is None:
            return
        if not rows:
            token, idle = page["nextPageToken"], idle + 1
        if idle > IDLE_PAGES:
            raise Unreachable("visitor activities come in empty pages without end.", crm=CRM, remedy="Run again later.")
