"""Marketing e-mail events, forms and their submissions, as the portal keeps them."""

from __future__ import annotations

import bisect
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from sandbox.hubspot import times

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

EVENT_TYPES: Final = frozenset({
    "SENT", "DROPPED", "PROCESSED", "DELIVERED", "DEFERRED", "BOUNCE", "OPEN", "CLICK", "PRINT", "FORWARD",
    "STATUSCHANGE", "SPAMREPORT", "SUPPRESSED", "SUPPRESSION", "UNBOUNCE",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class EmailEvent:
    """One event of a marketing e-mail; keyed by address, not by contact."""

    number: int
    recipient: str
    type: str
    created_ms: int
    campaign_id: int
    url: str | None = None
    sent_ms: int | None = None
    user_agent: str | None = None
    filtered: bool = False  # HubSpot's own bot filter caught it

    @property
    def id(self) -> str:
        """A UUID by looks."""
        return event_id(self.number)

    @property
    def key(self) -> tuple[int, int]:
        """Place in time."""
        return self.created_ms, self.number


@dataclass(frozen=True, slots=True)
class Submission:
    """One filled-in form."""

    number: int
    submitted_ms: int
    page_url: str
    fields: Mapping[str, str]

    @property
    def key(self) -> tuple[int, int]:
        """Place in time."""
        return self.submitted_ms, self.number


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One event on a contact's timeline, such as a visit of a page; never one of a marketing e-mail."""

    number: int
    contact_id: str
    type: str
    occurred_ms: int
    properties: Mapping[str, str]

    @property
    def key(self) -> tuple[int, int]:
        """Place in time."""
        return self.occurred_ms, self.number


@dataclass(frozen=True, slots=True)
class Choice:
    """What somebody chose for one type of subscription, and when."""

    subscribed: bool
    at_ms: int


Item = TypeVar("Item", EmailEvent, Submission, Occurrence)


@dataclass(slots=True)
class Timeline(Generic[Item]):
    """Items in order of time; sorted when read, since a population adds them person by person."""

    items: list[Item] = field(default_factory=list)
    _sorted: bool = True

    def add(self, item: Item) -> None:
        """Add an item of any time."""
        self._sorted = self._sorted and (not self.items or self.items[-1].key <= item.key)
        self.items.append(item)

    def newest_first(self, before: tuple[int, int]) -> Iterator[Item]:
        """Items older than the key, newest first."""
        if not self._sorted:
            self.items.sort(key=lambda item: item.key)
            self._sorted = True
        end = bisect.bisect_left(self.items, before, key=lambda item: item.key)
        for place in range(end - 1, -1, -1):
            yield self.items[place]

    def keep(self, wanted: Callable[[Item], bool]) -> None:
        """Drop the items that are not wanted."""
        self.items = [item for item in self.items if wanted(item)]


@dataclass(slots=True)
class Form:
    """A form; `made` is when it was created."""

    guid: str
    name: str
    type: str
    made: datetime
    submissions: Timeline[Submission] = field(default_factory=Timeline)


class Marketing:
    """The marketing side of a portal."""

    def __init__(self) -> None:
        self.events: Timeline[EmailEvent] = Timeline()
        self.forms: dict[str, Form] = {}
        self.occurrences: dict[str, Timeline[Occurrence]] = {}  # contact id -> its events
        self.subscriptions: dict[int, str] = {}  # number -> name
        self.choices: dict[str, dict[int, Choice]] = {}  # address -> number -> choice; none: not specified
        self._count = 0

    def add_event(
        self,
        recipient: str,
        type: str,  # noqa: A002 - HubSpot's word
        created: datetime,
        *,
        campaign_id: int | str,
        url: str | None = None,
        sent_at: datetime | None = None,
        user_agent: str | None = None,
        filtered: bool = False,
    ) -> str:
        """Add an event; its id. Raises ValueError for an unknown type."""
        kind = "STATUSCHANGE" if type == "UNSUBSCRIBED" else type
        if kind not in EVENT_TYPES:
            raise ValueError(f"HubSpot has no e-mail event type {type}")
        self._count += 1
        sent_ms = None if sent_at is None else times.to_ms(sent_at)
        at = times.to_ms(created)
        address = recipient.strip().lower()
        campaign = int(campaign_id)
        self.events.add(EmailEvent(self._count, address, kind, at, campaign, url, sent_ms, user_agent, filtered))
        return event_id(self._count)

    def add_form(self, guid: str, name: str, form_type: str, made: datetime) -> None:
        """Add a form."""
        self.forms[guid] = Form(guid, name, form_type, times.whole_ms(made))

    def add_submission(self, guid: str, fields: Mapping[str, str], submitted: datetime, page_url: str) -> None:
        """Add a submission. Raises KeyError for an unknown form."""
        self._count += 1
        submission = Submission(self._count, times.to_ms(submitted), page_url, dict(fields))
        self.forms[guid].submissions.add(submission)

    def add_occurrence(self, contact_id: str, type: str, at: datetime, properties: Mapping[str, str]) -> None:  # noqa: A002
        """Add an event to a contact's timeline."""
        self._count += 1
        event = Occurrence(self._count, contact_id, type, times.to_ms(at), dict(properties))
        self.occurrences.setdefault(contact_id, Timeline()).add(event)

    def move(self, contact_id: str, survivor_id: str) -> None:
        """Give the events of a contact that was merged to its survivor."""
        moved = self.occurrences.pop(contact_id, None)
        for event in moved.items if moved is not None else ():
            self.occurrences.setdefault(survivor_id, Timeline()).add(replace(event, contact_id=survivor_id))

    def set_status(self, address: str, number: int, at: datetime, *, subscribed: bool) -> None:
        """Remember a choice. Raises KeyError for an unknown type of subscription."""
        if number not in self.subscriptions:
            raise KeyError(number)
        self.choices.setdefault(address, {})[number] = Choice(subscribed, times.to_ms(at))

    def forget(self, contact_id: str, addresses: set[str]) -> None:
        """Erase what is kept of a contact and under these addresses."""
        self.occurrences.pop(contact_id, None)
        for address in addresses:
            self.choices.pop(address, None)
        self.events.keep(lambda event: event.recipient not in addresses)
        for form in self.forms.values():
            form.submissions.keep(lambda one: one.fields.get("email", "").lower() not in addresses)


def event_id(number: int) -> str:
    """The id of the event with this number."""
    return f"{number:08x}-0000-4000-8000-{number * 2654435761 % 2**48:012x}"
