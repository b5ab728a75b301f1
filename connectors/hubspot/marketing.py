"""Marketing e-mail events and form submissions. Both know people by address, not by contact id.

Slices of time and forms are read side by side; what comes is stored whenever it comes, and the cursor tells which of
them are still to be read to their end.
"""

from __future__ import annotations

import functools
import hashlib
from typing import TYPE_CHECKING, Any

from connectors.hubspot import paths
from connectors.hubspot.ahead import overlapped
from connectors.hubspot.errors import Refused
from connectors.hubspot.paging import follow
from connectors.hubspot.rows import rows
from connectors.hubspot.windows import Cursor, Window, due, read_cursor, slices
from scoring.facts import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from connectors.base import Batch
    from connectors.hubspot.client import Client
    from connectors.hubspot.streams import Reading

DAY_MS = 86_400_000
HISTORY_MS = 730 * DAY_MS
"""How far a first load goes back. Older marketing e-mail moves no score, and the service refuses a start of zero."""

SLICE_MS = 30 * DAY_MS
PARTS = 8
"""A slice whose events do not fit on a page is cut into so many, which are read side by side ..."""

SHORTEST_MS = 60_000
"""... down to this length: from then on page after page."""

EVENTS_PAGE = 1000
SUBMISSIONS_PAGE = 50

EVENT_TYPES = {
    "SENT": "email_sent",
    "DELIVERED": "email_delivered",
    "OPEN": "email_open",
    "CLICK": "email_click",
    "BOUNCE": "email_bounce",
    "SPAMREPORT": "spam_complaint",
    "UNSUBSCRIBED": "unsubscribe",
    "FORWARD": "custom:email_forwarded",
}
"""What is not here (PROCESSED, DEFERRED, DROPPED, SUPPRESSED, an event without a type ...) is nobody's deed."""

Objects = list[dict[str, Any]]

NOT_READABLE = "FORM_TYPE_NOT_ALLOWED"


def _window(reading: Reading, cursor: str | None) -> tuple[Cursor | None, Window]:
    """The stored cursor, and what this run reads: overlap included, history bounded."""
    place = read_cursor(cursor) if cursor is not None else None
    until = due(0, reading.client.server_now(), reading.settings.settle_s)
    if place is None:
        return None, Window(max(1, until.end - HISTORY_MS), until.end)
    if place.upto is not None:
        return place, Window(place.since, place.upto)
    start = place.since - reading.settings.look_back_s * 1000
    return place, Window(max(1, start), max(place.since, until.end))


def email_events(reading: Reading, cursor: str | None) -> Iterator[Batch]:
    """Opens, clicks, bounces and the like, by slices of time; the cursor names those that are not read to their end."""
    place, window = _window(reading, cursor)
    left = place.windows if place is not None and place.windows else slices(window.start, window.end, SLICE_MS)
    for chunk in overlapped(reading.client.clock, left, functools.partial(_slice, reading.client)):
        waiting = tuple(sorted(chunk.left, key=lambda one: one.start))
        here = Cursor(since=window.start, upto=window.end, windows=waiting) if waiting else Cursor(since=window.end)
        yield _event_batch(reading, chunk.made, here)
    if not left:
        yield _event_batch(reading, [], Cursor(since=window.end))


def _slice(client: Client, window: Window, _: Callable[[], bool]) -> Iterator[tuple[Objects, Sequence[Window]]]:
    """Pages of a slice of time, or the slices into which it is cut when its first page is full and not its last."""

    def ask(offset: str | None) -> Any:
        return client.get(
            paths.EMAIL_EVENTS,
            startTimestamp=window.start,
            endTimestamp=window.end - 1,  # this service includes its end
            limit=EVENTS_PAGE,
            offset=offset,
        )

    def token(body: dict[str, Any]) -> str | None:
        return str(body.get("offset")) if body.get("hasMore") else None

    is_first = True
    for events, following in follow("e-mail events", ask, rows="events", token=token):
        is_long = window.end - window.start > SHORTEST_MS
        if is_first and is_long and following is not None and len(events) >= EVENTS_PAGE:
            yield [], window.split(PARTS)
            return
        is_first = False
        yield events, [] if following is None else [window]


def _event_type(event: dict[str, Any]) -> str | None:
    kind = str(event.get("type") or "")
    if kind == "STATUSCHANGE":
        changes = event.get("subscriptions") or []
        states = {event.get("portalSubscriptionStatus"), *(change.get("status") for change in changes)}
        return "unsubscribe" if "UNSUBSCRIBED" in states else None
    return EVENT_TYPES.get(kind)


def _event_batch(reading: Reading, events: Objects, cursor: Cursor) -> Batch:
    kept = [(event, kind) for event in events if (kind := _event_type(event)) and event.get("recipient")]
    columns: dict[str, list[Any]] = {
        "activity_id": [f"email_event-{event['id']}" for event, _ in kept],
        "email": [event["recipient"] for event, _ in kept],
        "type": [kind for _, kind in kept],
        "occurred_at": [event.get("created") for event, _ in kept],
        "seen_at": [reading.client.server_now().isoformat()] * len(kept),
        "count": [1] * len(kept),
        "url": [event.get("url") or None for event, _ in kept],
        "asset": [event.get("subject") or None for event, _ in kept],
        "campaign": [_text(event.get("emailCampaignId")) for event, _ in kept],
        "user_agent": [event.get("userAgent") or None for event, _ in kept],
        "since_send_s": [_since_send(event) for event, _ in kept],
        "flagged_machine": [event.get("filteredEvent") for event, _ in kept],
    }
    return rows(Table.ACTIVITIES, columns, len(kept)).under(cursor)


def _since_send(event: dict[str, Any]) -> float | None:
    sent = (event.get("sentBy") or {}).get("created")
    at = event.get("created")
    return (at - sent) / 1000 if isinstance(sent, int) and isinstance(at, int) else None


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def form_submissions(reading: Reading, cursor: str | None) -> Iterator[Batch]:
    """Submissions of every form. The cursor remembers up to which form all are done, and moves in time at the end."""
    place, window = _window(reading, cursor)
    done = place.part if place is not None and place.upto is not None else None
    every = sorted(_forms(reading.client), key=lambda item: str(item["id"]))
    forms = [form for form in every if done is None or str(form["id"]) > done]

    def read(number: int, _: Callable[[], bool]) -> Iterator[tuple[Objects, Sequence[int]]]:
        form = forms[number]
        for submissions in _submissions(reading.client, str(form["id"]), window):
            yield [{"form": form, **submission} for submission in submissions], [number]
        yield [], []

    for chunk in overlapped(reading.client.clock, range(len(forms)), read):
        first_open = min(chunk.left, default=len(forms))
        part = str(forms[first_open - 1]["id"]) if first_open else done
        yield _submission_batch(reading, chunk.made, Cursor(since=window.start, upto=window.end, part=part))
    yield rows(Table.ACTIVITIES, {}, 0).under(Cursor(since=window.end))


def _forms(client: Client) -> Iterator[dict[str, Any]]:
    for forms, _ in follow("forms", lambda after: client.get(paths.FORMS, limit=100, after=after)):
        yield from forms


def _submissions(client: Client, form_id: str, window: Window) -> Iterator[Objects]:
    """Pages of those in the window, newest first, as the service gives them; one before the window ends the reading."""

    def ask(after: str | None) -> Any:
        return client.get(paths.submissions(form_id), limit=SUBMISSIONS_PAGE, after=after)

    try:
        for submissions, _ in follow("form submissions", ask):
            times = [int(submission.get("submittedAt") or 0) for submission in submissions]
            yield [one for one, at in zip(submissions, times, strict=True) if window.holds(at)]
            if any(at < window.start for at in times):
                return
    except Refused as error:
        if NOT_READABLE in {error.problem.category, *error.problem.codes} or NOT_READABLE in error.problem.message:
            return  # comments on a blog are kept as a form that cannot be read
        raise


def _submission_batch(reading: Reading, submissions: Objects, cursor: Cursor) -> Batch:
    """Each submission with its form."""
    known = [(item, email) for item in submissions if (email := _address(item))]
    columns: dict[str, list[Any]] = {
        "activity_id": [f"form-{item['form']['id']}-{_submission_id(item, email)}" for item, email in known],
        "email": [email for _, email in known],
        "type": ["form_submission"] * len(known),
        "occurred_at": [item.get("submittedAt") for item, _ in known],
        "seen_at": [reading.client.server_now().isoformat()] * len(known),
        "count": [1] * len(known),
        "url": [item.get("pageUrl") or None for item, _ in known],
        "asset": [item["form"].get("name") or str(item["form"]["id"]) for item, _ in known],
    }
    return rows(Table.ACTIVITIES, columns, len(known)).under(cursor)


def _address(submission: dict[str, Any]) -> str | None:
    values = submission.get("values") or []
    return next((str(item["value"]) for item in values if item.get("name") == "email" and item.get("value")), None)


def _submission_id(submission: dict[str, Any], email: str) -> str:
    """Submissions carry no id on every portal; time and address, the latter hashed, make one that stays the same."""
    given = submission.get("conversionId")
    if given:
        return str(given)
    digest = hashlib.blake2b(email.strip().lower().encode(), digest_size=8).hexdigest()
    return f"{submission.get('submittedAt')}-{digest}"
