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


VERSION = 1
"""Raised when a field changes its meaning or goes; new fields come without."""


class Part(BaseModel):
    """A part of the record: strict, fixed once made."""

    model_config = ConfigDict(extra="ignore", frozen=True, use_attribute_docstrings=True)


class Pulled(Part):
    """One stream of one CRM: rows of its own table that came, or why it was skipped.

    `beside` are the rows of other tables that came with them, such as the counters that a contact carries.
    """

    crm: str
    """Of which CRM."""
    stream: str
    """Its name."""
    rows: int
    """Rows of its own table."""
    seconds: float
    """How long it took."""
    beside: int = 0
    """Rows of other tables that came with them."""
    skipped: str = ""
    """Why it was not read to its end; empty when it was."""
    denied: bool = False
    """Skipped for want of a permission, or of what the settings name; it will be again."""


class Written(Part):
    """What became of one CRM's records. planned = accepted + rejected + unknown + skipped, always.

    `unchanged` records hold what they should hold and are not planned. `skipped` rows were planned and not sent:
    ``refused before`` (same values, same record), ``outside the share``, ``gone``, ``over the limit``, ``dry run``,
    ``not reached``.
    """

    crm: str
    """Of which CRM."""
    planned: int = 0
    """Records that do not hold what they should."""
    unchanged: int = 0
    """Records that do."""
    accepted: int = 0
    """Records that the CRM changed."""
    rejected: int = 0
    """Records that it refused."""
    unknown: int = 0
    """Records of which no answer came."""
    skipped: int = 0
    """Records that were not sent."""
    rejected_by_reason: dict[str, int] = {}
    """Code and message -> rows."""
    unknown_by_reason: dict[str, int] = {}
    """The same."""
    skipped_by_reason: dict[str, int] = {}
    """The same, by why they were not sent."""

    @model_validator(mode="after")
    def _adds_up(self) -> Written:
        ended = self.accepted + self.rejected + self.unknown + self.skipped
        if ended != self.planned:
            raise ValueError(f"{self.crm}: {self.planned} rows planned, but {ended} ended")
        return self


class TopPerson(Part):
    """One of the best-rated people, shown by record ids such as ``hubspot:51``."""

    records: list[str]
    """Ids of their records."""
    rating: str | None
    """As scored now."""
    stage: str | None
    """As scored now."""
    trend: str | None
    """As scored now."""
    fit_score: int | None
    """As scored now."""
    engagement_score: int | None
    """As scored now."""
    reasons: str | None
    """In the words of the model."""


class Move(Part):
    """One record that the plan changes: what it holds now and what it shall hold, for the fields that differ."""

    record: str
    """Such as `hubspot:51`."""
    crossing: bool
    """Whether rating or stage changes."""
    why: str
    """The fields that call for the write."""
    now: dict[str, str | None]
    """What the differing fields hold."""
    then: dict[str, str | None]
    """What they shall hold."""


class Shift(Part):
    """So many records of the plan go from one rating (or stage, or own stage of the CRM) to another."""

    field: str
    """Its name, as models write it."""
    now: str | None
    """The value held now."""
    then: str | None
    """The value to be held."""
    records: int
    """How many."""


class Source(Part):
    """What one CRM has given so far, by the mirror: numbers to hold against those of later runs."""

    crm: str
    """Which CRM."""
    live: int
    """Person records."""
    gone: int
    """Person records deleted or erased."""
    streams: dict[str, int]
    """Stream -> rows since it was last read from its beginning."""
    denied: list[str] = []
    """Streams skipped for want of a permission."""
    known: dict[str, int]
    """Attribute -> live records (and companies) that have a value."""


class Tripped(Part):
    """A guard that stood up, and why. Record ids and counts, never a personal value."""

    guard: str
    """Its name."""
    message: str
    """What it found, and what to do."""


class Conversion(Part):
    """How many people of one rating have really become customers, won deals or converted leads."""

    rating: str
    """As scored now."""
    people: int
    """All who have it."""
    converted: int
    """Of them, those who converted."""

    @computed_field  # type: ignore[prop-decorator] # mypy does not know decorated properties
    @property
    def share(self) -> float:
        """Converted people / people, 0 to 1."""
        return self.converted / self.people if self.people else 0.0


class Calls(Part):
    """What one connector used."""

    crm: str
    """To which CRM."""
    calls: int
    """All calls, retries among them."""
    retries: int
    """Calls that were made again."""
    waited_s: float
    """Seconds of waiting for limits and between retries."""
    retries_by_reason: dict[str, int] = {}
    """Reason -> retries."""
    calls_by_budget: dict[str, int] = {}
    """Allowance -> calls that spent it."""


class StepTime(Part):
    """Time spent in one step: pull, identity, score, plan or write."""

    step: str
    """Its name."""
    crm: str = ""
    """Of which CRM; empty for steps that know none."""
    rows: int
    """What went through it."""
    seconds: float
    """How long it took."""


class Failure(Part):
    """What ended the run early."""

    kind: str
    """Name of the error's class."""
    message: str
    """What, where and what to do."""
    exit_code: int
    """Of the run."""
    resets_at: datetime | None = None
    """When it may go on, where a limit stopped it and the CRM told."""


class Report(Part):
    """The fixed end-of-run record."""

    version: int = VERSION
    """Of this shape."""
    run_id: int
    """Number of the run in the journal."""
    kind: RunKind
    """What was asked for."""
    started_at: datetime
    """When it began."""
    duration_s: float
    """Seconds it took."""
    model_version: str
    """Name and fingerprint of the model."""
    rolled_back_from: str = ""
    """Version of the model's file, while runs use an earlier one."""
    dry_run: bool = False
    """Whether nothing was to be written."""
    limit: int | None = None
    """At most so many records were sent to each CRM."""
    share: float = 1.0
    """Of the people that were written to, 0 to 1; the others keep what they have."""
    accounts: dict[str, str] = {}
    """CRM -> portal or organisation id."""
    pulled: list[Pulled] = []
    """What each stream brought."""
    not_castable: dict[str, int] = {}
    """Attribute -> values of the wrong type, taken as unknown."""
    people: int = 0
    """People known."""
    people_in_both: int = 0
    """Of them, those with live records in more than one CRM."""
    rated_before: int = 0
    """People who held a rating before this run."""
    rated_changing: int = 0
    """Of them, those whose rating or stage changes."""
    written: list[Written] = []
    """What became of the records of each CRM."""
    top: list[TopPerson] = []
    """The best-rated people."""
    guards: list[Tripped] = []
    """Those that stood up; they stop a run before it writes, unless it was approved."""
    approved: bool = False
    """Whether a person let it pass its guards."""
    sources: list[Source] = []
    """What the next run's guards compare with; empty when they stopped this one."""
    shifts: list[Shift] = []
    """How many records go from which rating or stage to which, the most frequent first."""
    moves: list[Move] = []
    """A sample of the plan: changes of known ratings first, then new ones."""
    conversions: list[Conversion] = []
    """What ratings came to."""
    calls: list[Calls] = []
    """What each connector used."""
    steps: list[StepTime] = []
    """Where the time went."""
    failure: Failure | None = None
    """What ended it early; none when it went to its end."""

    @computed_field  # type: ignore[prop-decorator] # as above
    @property
    def exit_code(self) -> int:
        """0 all done; 1 some rows were rejected or left unknown, or a stream was skipped; else the failure's own."""
        if self.failure is not None:
            return self.failure.exit_code
        incomplete = any(stream.skipped for stream in self.pulled)
        refused = any(crm.rejected or crm.unknown for crm in self.written)
        return 1 if incomplete or refused else 0
