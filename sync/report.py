"""The end-of-run record: one fixed shape for every kind of run, kept in the journal and printed by the commands.

It holds record ids, never an e-mail address or a name. ``Report.model_dump_json()`` and
``Report.model_validate_json(text)`` are its way into the journal and back.
"""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - pydantic reads the annotations
from typing import Literal

from pydantic import BaseModel, ConfigDict, computed_field, model_validator

RunKind = Literal["sync", "backfill", "plan", "apply", "rescore", "reconcile"]
ScheduledKind = Literal["reconcile", "rescore", "sync"]
"""What the daemon does by itself."""


class Part(BaseModel):
    """A part of the record: strict, fixed once made."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Pulled(Part):
    """One stream of one CRM: rows of its own table that came, or why it was skipped.

    `beside` are the rows of other tables that came with them, such as the counters that a contact carries.
    """

    crm: str
    stream: str
    rows: int
    seconds: float
    beside: int = 0
    skipped: str = ""  # the reason; empty when the stream was read to its end
    denied: bool = False  # skipped for want of a permission, or of what the settings name; it will be again


class Written(Part):
    """What became of one CRM's records. planned = accepted + rejected + unknown + skipped, always.

    `unchanged` records hold what they should hold and are not planned. `skipped` rows were planned and not sent:
    ``refused before`` (same values, same record), ``outside the share``, ``gone``, ``over the limit``, ``dry run``,
    ``not reached``.
    """

    crm: str
    planned: int = 0
    unchanged: int = 0
    accepted: int = 0
    rejected: int = 0
    unknown: int = 0
    skipped: int = 0
    rejected_by_reason: dict[str, int] = {}  # "code: message" -> rows
    unknown_by_reason: dict[str, int] = {}
    skipped_by_reason: dict[str, int] = {}

    @model_validator(mode="after")
    def _adds_up(self) -> Written:
        ended = self.accepted + self.rejected + self.unknown + self.skipped
        if ended != self.planned:
            raise ValueError(f"{self.crm}: {self.planned} rows planned, but {ended} ended")
        return self


class TopPerson(Part):
    """One of the best-rated people, shown by record ids such as ``hubspot:51``."""

    records: list[str]
    rating: str | None
    stage: str | None
    trend: str | None
    fit_score: int | None
    engagement_score: int | None
    reasons: str | None


class Move(Part):
    """One record that the plan changes: what it holds now and what it shall hold, for the fields that differ."""

    record: str  # such as ``hubspot:51``
    crossing: bool  # rating or stage changes
    why: str  # the fields that call for the write
    now: dict[str, str | None]
    then: dict[str, str | None]


class Shift(Part):
    """So many records of the plan go from one rating (or stage, or own stage of the CRM) to another."""

    field: str
    now: str | None
    then: str | None
    records: int


class Source(Part):
    """What one CRM has given so far, by the mirror: numbers to hold against those of later runs."""

    crm: str
    live: int  # person records
    gone: int  # person records deleted or erased
    streams: dict[str, int]  # stream -> rows since it was last read from its beginning
    denied: list[str] = []  # streams skipped for want of a permission
    known: dict[str, int]  # attribute -> live records (and companies) that have a value


class Tripped(Part):
    """A guard that stood up, and why. Record ids and counts, never a personal value."""

    guard: str
    message: str


class Conversion(Part):
    """How many people of one rating have really become customers, won deals or converted leads."""

    rating: str
    people: int
    converted: int

    @computed_field  # type: ignore[prop-decorator] # mypy does not know decorated properties
    @property
    def share(self) -> float:
        """Converted people / people, 0 to 1."""
        return self.converted / self.people if self.people else 0.0


class Calls(Part):
    """What one connector used."""

    crm: str
    calls: int
    retries: int
    waited_s: float
    retries_by_reason: dict[str, int] = {}
    calls_by_budget: dict[str, int] = {}


class StepTime(Part):
    """Time spent in one step: pull, identity, score, plan or write."""

    step: str
    crm: str = ""
    rows: int
    seconds: float


class Failure(Part):
    """What ended the run early."""

    kind: str  # name of the error's class
    message: str  # what, where and what to do
    exit_code: int
    resets_at: datetime | None = None  # when it may go on, where a limit stopped it and the CRM told


class Report(Part):
    """The fixed end-of-run record."""

    run_id: int
    kind: RunKind
    started_at: datetime
    duration_s: float
    model_version: str
    dry_run: bool = False
    limit: int | None = None  # at most so many records were sent per CRM
    share: float = 1.0  # of the people were written to, 0 to 1; the others keep what they have
    accounts: dict[str, str] = {}  # crm -> portal or organisation id
    pulled: list[Pulled] = []
    not_castable: dict[str, int] = {}  # attribute -> values of the wrong type, taken as unknown
    people: int = 0
    people_in_both: int = 0  # with live records in more than one CRM
    rated_before: int = 0  # people who held a rating before this run
    rated_changing: int = 0  # of them, those whose rating or stage changes
    written: list[Written] = []
    top: list[TopPerson] = []
    guards: list[Tripped] = []  # those that stood up; they stop a run before it writes, unless it was approved
    approved: bool = False
    sources: list[Source] = []  # what the next run's guards compare with; empty when they stopped this one
    shifts: list[Shift] = []  # how many records go from which rating or stage to which, the most frequent first
    moves: list[Move] = []  # a sample of the plan: changes of known ratings first, then new ones
    conversions: list[Conversion] = []
    calls: list[Calls] = []
    steps: list[StepTime] = []
    failure: Failure | None = None

    @computed_field  # type: ignore[prop-decorator] # as above
    @property
    def exit_code(self) -> int:
        """0 all done; 1 some rows were rejected or left unknown, or a stream was skipped; else the failure's own."""
        if self.failure is not None:
            return self.failure.exit_code
        incomplete = any(stream.skipped for stream in self.pulled)
        refused = any(crm.rejected or crm.unknown for crm in self.written)
        return 1 if incomplete or refused else 0
