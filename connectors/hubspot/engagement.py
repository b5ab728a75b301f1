"""Engagement objects (calls, e-mails, meetings, notes, tasks, communications): one-to-one sales activities.

Each object becomes an activity per contact it is linked to; what has not happened (a task not done, an e-mail still in
the outbox, a meeting called off) becomes none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from connectors.hubspot.fields import instant_us
from connectors.hubspot.links import read_links
from connectors.hubspot.rows import rows
from connectors.hubspot.streams import batches, standard
from scoring.facts import Kind, Removed, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from connectors.base import Batch
    from connectors.hubspot.objects import Values
    from connectors.hubspot.rows import Rows
    from connectors.hubspot.streams import Reading

Properties = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Deed:
    """What an object says was done, and when (in either of HubSpot's formats)."""

    type: str
    at: Any
    asset: str | None = None
    duration_s: float | None = None


@dataclass(frozen=True, slots=True)
class Engagement:
    """An engagement object's properties, and how they read as deeds (none, one or two)."""

    properties: tuple[str, ...]
    deeds: Callable[[Properties], list[Deed]]


def _call(of: Properties) -> list[Deed]:
    if of.get("hs_call_status") not in {None, "", "COMPLETED"}:
        return []
    lasted = of.get("hs_call_duration")
    return [Deed("call", of.get("hs_timestamp"), of.get("hs_call_title"), _seconds(lasted))]


def _email(of: Properties) -> list[Deed]:
    at, subject = of.get("hs_timestamp"), of.get("hs_email_subject")
    match of.get("hs_email_direction"), of.get("hs_email_status"):
        case "INCOMING_EMAIL", _:
            return [Deed("email_reply", at, subject)]
        case "FORWARDED_EMAIL", _:
            return [Deed("custom:email_forwarded", at, subject)]
        case _, "BOUNCED":
            return [Deed("email_bounce", at, subject)]
        case _, None | "" | "SENT":
            return [Deed("email_sent", at, subject)]
        case _:
            return []


def _meeting(of: Properties) -> list[Deed]:
    outcome = of.get("hs_meeting_outcome")
    if outcome in {"CANCELED", "RESCHEDULED"}:
        return []
    title, begins = of.get("hs_meeting_title"), of.get("hs_meeting_start_time") or of.get("hs_timestamp")
    booked = Deed("meeting_booked", of.get("hs_createdate") or begins, title)
    return [booked, Deed("meeting_held", begins, title)] if outcome == "COMPLETED" else [booked]


def _note(of: Properties) -> list[Deed]:
    return [Deed("custom:note", of.get("hs_timestamp"))]  # never the body: it is prose about people


def _task(of: Properties) -> list[Deed]:
    done = of.get("hs_task_status") == "COMPLETED"
    at = of.get("hs_task_completion_date") or of.get("hs_timestamp")
    return [Deed("task_done", at, of.get("hs_task_subject"))] if done else []


def _communication(of: Properties) -> list[Deed]:
    channel = str(of.get("hs_communication_channel_type") or "message").lower()
    return [Deed(f"custom:{channel}", of.get("hs_timestamp"))]


def _seconds(ms: Any) -> float | None:
    try:
        return None if ms is None else float(ms) / 1000
    except (TypeError, ValueError):
        return None


ENGAGEMENTS: Mapping[str, Engagement] = {
    "calls": Engagement(("hs_timestamp", "hs_call_title", "hs_call_status", "hs_call_duration"), _call),
    "emails": Engagement(("hs_timestamp", "hs_email_subject", "hs_email_direction", "hs_email_status"), _email),
    "meetings": Engagement(
        ("hs_timestamp", "hs_createdate", "hs_meeting_title", "hs_meeting_start_time", "hs_meeting_outcome"), _meeting
    ),
    "notes": Engagement(("hs_timestamp",), _note),
    "tasks": Engagement(("hs_timestamp", "hs_task_subject", "hs_task_status", "hs_task_completion_date"), _task),
    "communications": Engagement(("hs_timestamp", "hs_communication_channel_type"), _communication),
}


def engagements(reading: Reading, object_type: str, cursor: str | None) -> Iterator[Batch]:
    """Activities of one kind of engagement object since `cursor`.

    An object that tells of no deed (called off, reopened, linked to nobody) takes with it what it told before.
    """
    kind = ENGAGEMENTS[object_type]
    source = standard(object_type, kind.properties)

    def make(objects: Values) -> list[Rows]:
        """What each object says was done, and by or to whom."""
        found = {item: kind.deeds(properties) for item, properties in objects.rows()}
        dated = {item: [deed for deed in deeds if instant_us(deed.at) is not None] for item, deeds in found.items()}
        people = read_links(reading.client, object_type, "contacts", [item for item, deeds in dated.items() if deeds])
        silent = [item for item in dated if not people.get(item)]
        done = [
            (item, contact, deed) for item, contacts in people.items() for contact in contacts for deed in dated[item]
        ]
        columns: dict[str, list[Any]] = {
            "activity_id": [f"{object_type}-{item}-{contact}-{deed.type}" for item, contact, deed in done],
            "source_id": [f"{object_type}-{item}" for item, _, _ in done],
            "record_id": [contact for _, contact, _ in done],
            "type": [deed.type for _, _, deed in done],
            "occurred_at": [deed.at for _, _, deed in done],
            "seen_at": [reading.client.server_now().isoformat()] * len(done),
            "count": [1] * len(done),
            "asset": [deed.asset or None for _, _, deed in done],
            "duration_s": [deed.duration_s for _, _, deed in done],
        }
        return [*([undone(object_type, silent)] if silent else []), rows(Table.ACTIVITIES, columns, len(done))]

    return batches(reading, source, cursor, make)


def undone(object_type: str, ids: Sequence[str]) -> Rows:
    """Removals of all that these objects told of."""
    columns: dict[str, list[Any]] = {
        "kind": [Kind.ACTIVITY.value] * len(ids),
        "record_id": [f"{object_type}-{item}" for item in ids],
        "removed": [Removed.DELETED.value] * len(ids),
    }
    return rows(Table.REMOVALS, columns, len(ids))
