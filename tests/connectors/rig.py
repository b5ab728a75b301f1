"""What the conformance suite asks of a CRM's sandbox, in words that both CRMs share.

`hubspot_rig.py` and `salesforce_rig.py` each offer ``rig(server_time: datetime) -> AbstractContextManager[Rig]``: a
running sandbox server on loopback, empty of people, whose clock stands at `server_time` and moves only when somebody
sleeps or advances it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from connectors.base import Change, Connector
    from sandbox.core import CallJournal, SandboxClock, Troubles


class SandboxTime:
    """A connector's clock that is the sandbox's own: whoever sleeps moves both on at once."""

    def __init__(self, clock: SandboxClock) -> None:
        self._clock = clock
        self._start = clock.now()
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self._clock.now()

    def monotonic(self) -> float:
        return (self._clock.now() - self._start) / timedelta(seconds=1)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._clock.advance(seconds)


class Rig(Protocol):
    """One CRM's sandbox and the deeds that the suite does in it, as a user of that CRM would."""

    crm: str  # "hubspot" or "salesforce"
    account_id: str  # what `identify` must answer
    kind: str  # the kind of record that `person` makes: "contact" or "lead"
    record_streams: Sequence[str]  # every stream of table `records`
    activity_streams: Sequence[str]  # every stream of table `activities` that `log_activity` may show up in
    marketing_streams: Sequence[str]  # every stream that `engage` may show up in
    limits: Sequence[Mapping[str, Any]]  # every "come back later" of the CRM, as arguments of `troubles.set`
    daily_limit: Mapping[str, Any]  # "come back tomorrow"
    ways_to_push: Sequence[Mapping[str, Any]]  # settings under which a push goes another way
    own_stages: Sequence[str]  # three of the CRM's own stages, the earliest first
    clock: SandboxClock
    journal: CallJournal
    troubles: Troubles

    def connector(self, **settings: Any) -> Connector:
        """A fresh connector (no state from earlier ones) on `SandboxTime`; `settings` override the CRM's section."""
        ...

    def person(self, number: int, **attributes: str) -> str:
        """Create a person record with address ``person<number>@example.com``; `attributes` by Leadgrade's names
        (job_title, first_name ...). Its id."""
        ...

    def edit(self, record_id: str, **attributes: str) -> None:
        """Change attributes now, as a user would."""
        ...

    def delete(self, record_id: str) -> None:
        """Delete the record the usual way (it goes to the bin)."""
        ...

    def merge(self, keeper: str, other: str) -> str:
        """Merge two persons; the survivor's id."""
        ...

    def convert(self, record_id: str) -> str | None:
        """Turn the person into another kind of record, whose id is given; None where a CRM knows no such thing."""
        ...

    def log_activity(self, record_id: str, number: int) -> None:
        """Log a finished call on the person, whose subject or title is ``call <number>``."""
        ...

    def customer(self, number: int) -> str:
        """A person who can take part in deals, made as `person` makes them; the id."""
        ...

    def deal(
        self,
        person: str,
        state: Literal["open", "won", "lost"],
        amount: float,
        products: Mapping[str, float] | None = None,
    ) -> tuple[str, list[str]]:
        """A deal of the person, closed today unless it is open, and its lines by product and amount; their ids."""
        ...

    def reprice(self, line_id: str, amount: float) -> None:
        """Change what a line of a deal is worth now, without touching the deal."""
        ...

    def drop_line(self, line_id: str) -> None:
        """Take a line out of its deal the usual way (it goes to the bin)."""
        ...

    def engage(self, record_id: str) -> None:
        """The person clicks in a marketing e-mail now."""
        ...

    def live(self) -> Mapping[str, str]:
        """Record id -> e-mail address of every live person record, read from the sandbox's own memory."""
        ...

    def stored(self, record_id: str, field: str) -> str | None:
        """What the CRM holds in the field that output field `field` is written to; None when empty."""
        ...

    def own_stage(self, record_id: str) -> str | None:
        """The CRM's own stage of the record; None when empty."""
        ...

    def set_own_stage(self, record_id: str, stage: str) -> None:
        """Give it another own stage now, as a user would."""
        ...

    def close_own_stage(self) -> None:
        """From now on integrations may not set the CRM's own stage."""
        ...

    def refuse(self, record_id: str) -> None:
        """From now on the CRM refuses every write to this record, and only to this one."""
        ...

    def bad_change(self, record_id: str) -> Change:
        """A change that the CRM refuses because of its value (too long, not a number ...)."""
        ...

    def expire_token(self, after_calls: int = 0, *, always: bool = False) -> None:
        """After so many further calls the token then in use is refused, once; a new one can be had.

        With `always` it is so at every further call: each is refused once and answered when it is repeated.
        """
        ...

    def take_name(self, field: str) -> None:
        """Somebody has made a field of the name under which output field `field` is written, of another type."""
        ...

    def limit(self, times: int) -> None:
        """The next `times` calls are answered "too many requests, come back later"."""
        ...

    def cut(self, when: Literal["before", "after"], *, writes: bool = True) -> None:
        """The next call (next write to records, with `writes`) loses its connection before or after taking effect."""
        ...

    def settle(self) -> None:
        """Let so much time pass that an incremental pull sees everything done so far and not its overlap."""
        ...
