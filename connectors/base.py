"""What a connector is: five verbs, plain data in and out, no inheritance.

identify()                which portal or org this is
check(fields)             what stands in the way, each finding with its remedy
provision(fields, dry_run)   the fields that the model writes, created where missing
pull(stream, cursor)      batches of facts, each with the cursor that is true once it is stored; `revisit(ids)` reads
                          records again of which no stream tells
push(changes)             an outcome per change
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, Final, Literal, Protocol

from scoring.facts import BASIC_FIELDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    import pyarrow as pa

    from scoring.facts import OutputField, Table


class Clear(Enum):
    """The wish to empty a field; a field that is absent from a change is left alone."""

    CLEAR = "clear"


CLEAR: Final = Clear.CLEAR

CRM_STAGE: Final = "crm_stage"
"""Among the values of a change: the CRM's own lifecycle stage or lead status of the record, beside our fields."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Which account of the CRM the credentials open."""

    crm: str
    account_id: str  # portal id or organisation id
    name: str
    is_sandbox: bool
    calls_left_today: int | None = None  # None where the CRM does not say
    server_time: datetime | None = None  # from the Date header, to warn of clock skew


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of `check`: what was looked at, whether it is in order, and what to do if not."""

    level: Literal["pass", "warn", "fail"]
    subject: str  # e.g. "crm.objects.contacts.read", "Lead.Leadgrade_Rating__c"
    message: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Permission:
    """One right that the credentials need in the CRM, by the name that its administrators know.

    `setting` is the switch that turns the need off, where there is one. Without one that is not `needed` something is
    left out, and everything else works.
    """

    name: str  # e.g. "crm.objects.contacts.read", "Read on Lead"
    purpose: str
    where: str  # the menu path that grants it
    setting: str = ""
    needed: bool = True


@dataclass(frozen=True, slots=True)
class Provisioned:
    """One thing that `provision` made, would make (dry run) or found in place."""

    what: str  # e.g. "property leadgrade_rating", "permission set Leadgrade"
    status: Literal["created", "would create", "exists"]


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream of facts that can be pulled.

    `name` is ``records``, ``accounts``, ``deals``, ``activities.<source>``, ``removals``; kinds of record that the CRM
    keeps apart have streams of their own (``records.lead``). An optional stream may be skipped when the plan or the
    scopes do not give it; then the run is partial, never silently so.
    """

    name: str
    table: Table
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of one table of facts, and the cursor that is true once they are stored.

    `rows` has the schema `scoring.facts.arrow_schema(table, attributes)`. `cursor` is opaque JSON text that only the
    connector understands; an empty batch may still carry a new cursor. `total` is how many rows the stream expects
    in this pull, where the CRM says so, for progress bars. `slices_left` is how many parts of the stream (ranges of
    ids, windows of time, jobs) this pull has not read to their end, as far as the connector knows; told by `status`.
    """

    table: Table
    rows: pa.Table
    cursor: str
    total: int | None = None
    slices_left: int = 0


@dataclass(frozen=True, slots=True)
class CrmStages:
    """The CRM's own stages of a person record.

    `values` are those that an update may set, in the CRM's order; `never` those that it may not. `forward_only` says
    that the CRM keeps a later one unless it is cleared first. `obstacle` tells why the field cannot be written at all,
    `remedy` what to do about it.
    """

    kind: str  # of the records that have one: contact or lead
    field: str  # by the CRM's name, e.g. "Lead.Status"
    values: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    forward_only: bool = False
    obstacle: str = ""
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class StageMove:
    """How the value `CRM_STAGE` of a change came about."""

    seen: str | None  # what the record held when it was decided; by now another value is somebody else's
    backward: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """New values for one record. `values` maps names of `scoring.facts.OUTPUT_FIELDS` to a value or CLEAR.

    With a `move` they also hold `CRM_STAGE`.
    """

    kind: str  # contact or lead
    record_id: str
    values: Mapping[str, str | int | Clear]
    account_id: str | None = None  # to keep records of one account together
    tag: int = 0  # the caller's own number, given back in the outcome
    move: StageMove | None = None


class Status(StrEnum):
    """How a row ended. The five words of every count."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one change ended. `code` is the CRM's own code or ours; `message` holds no personal value.

    `gone` tells that the record is deleted, merged or converted; `successor_id` is where the person lives on.
    """

    kind: str
    record_id: str
    status: Status
    code: str = ""
    message: str = ""
    field: str = ""
    gone: str | None = None  # a scoring.facts.Removed word
    successor_id: str | None = None
    tag: int = 0


@dataclass(frozen=True, slots=True)
class Usage:
    """What a connector has used since it was made, for the run's report."""

    calls: int = 0
    retries: int = 0
    waited_s: float = 0.0
    by_reason: Mapping[str, int] = field(default_factory=dict)  # retries by reason
    by_budget: Mapping[str, int] = field(default_factory=dict)  # calls by the allowance that they spent


OnJob = Callable[[str, Sequence[Change]], None]
"""Hears a job's id, and the changes that it will hold.

Without changes it is the name of a wish: the job is about to be created, and the id that is heard next takes its place.
"""


def no_job(job: str, rows: Sequence[Change]) -> None:
    """For callers that will see the job's end themselves."""


class Connector(Protocol):
    """A CRM. All methods may raise the errors of `connectors.errors`."""

    crm: str

    def count_in(self, earlier: Iterable[tuple[datetime, int]]) -> None:
        """Calls that earlier runs made in the last 24 hours, with their times: they spend our daily share too."""
        ...

    def ask_before_calls(self, ask: Callable[[], object] | None) -> None:
        """Have `ask` called before each call to the CRM from now on, maybe from several threads; None: no more.

        What it raises ends the work under way, and is raised there: nothing more is sent.
        """
        ...

    def identify(self) -> Identity:
        """Which portal or org the credentials open. One call, nothing else is touched before it."""
        ...

    def check(self, fields: Sequence[OutputField] = BASIC_FIELDS) -> list[Finding]:
        """Scopes, permissions, each mapped attribute and each of the `fields` written; never raises for a finding."""
        ...

    def provision(self, fields: Sequence[OutputField] = BASIC_FIELDS, *, dry_run: bool) -> list[Provisioned]:
        """Create those of `fields` that are missing; repeatable. Raises ConfigProblem on a clash with another type."""
        ...

    def crm_stages(self) -> CrmStages:
        """The CRM's own stages, for those who want them written."""
        ...

    def streams(self) -> Sequence[Stream]:
        """The streams this connector pulls, in the order in which they are best pulled."""
        ...

    def pull(self, stream: str, cursor: str | None) -> Iterator[Batch]:
        """Facts of `stream` since `cursor`; everything when it is None. May be resumed from any batch's cursor."""
        ...

    def revisit(self, record_ids: Sequence[str]) -> Iterator[Batch]:
        """These person records as they are now, and removals of those that are no more.

        For what no stream tells of. A CRM whose streams tell of everything gives nothing. The cursors only say which
        batches belong together.
        """
        ...

    def push(self, changes: Iterable[Change], on_job: OnJob = no_job) -> Iterator[Outcome]:
        """Send the changes in the batches the CRM likes best; exactly one outcome per change, in any order.

        Where a CRM takes rows as a job that goes on without us, `on_job` hears of it before it is created, and its id
        and rows before they are sent.
        """
        ...

    def collect(self, job: str, rows: Sequence[Change]) -> Iterator[Outcome]:
        """What became of the rows of a job that another process began: an outcome for each, once the job has ended.

        A job that was never fully sent is given up, and so is one that was wished for and whose id nobody heard. Only
        kind and id of `rows` are looked at.
        """
        ...

    def usage(self) -> Usage:
        """Calls and retries so far."""
        ...

    def close(self) -> None:
        """Give back connections."""
        ...
