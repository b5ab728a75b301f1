"""Sends the plan, and notes how each row ended before going on.

Outcomes are noted in the journal chunk by chunk (rejects, stages), then in the mirror slice by slice (observed values,
tombstones), since each note there goes through all records. A process that dies in between has written nothing twice
that matters: records are updated by id, and the next pull reads what they hold now. For the same reason an unknown
outcome needs no note: the record was changed or it was not, and the next pull tells.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import structlog

from connectors.base import Change, Status
from sync import changes
from sync.journal.rejects import Reject
from sync.mirror import acknowledged
from sync.progress import Step
from sync.report import Written

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from connectors.base import Connector, Outcome
    from sync.changes import PlannedChange
    from sync.mirror.plan import Planned
    from sync.session import Session

log = structlog.get_logger()

NOTE_EVERY: Final = 1000
"""Outcomes noted in the journal at a time."""

OVER_THE_LIMIT: Final = "over the limit"
NOT_REACHED: Final = "not reached"
NO_OUTCOME: Final = "no outcome"


@dataclass(slots=True)
class Tally:
    """Counts of one CRM while its rows are sent; every row ends up in exactly one of them."""

    planned: Planned
    accepted: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        """Rows that are held back end here."""
        self.skipped.update(self.planned.held)

    def written(self, rest: str = NOT_REACHED) -> Written:
        """The counts for the report; rows that nobody has come to yet are skipped for the reason `rest`."""
        skipped = self.skipped.copy()
        ended = self.accepted + self.rejected.total() + self.unknown.total() + skipped.total()
        if self.planned.planned > ended:
            skipped[rest] += self.planned.planned - ended
        return Written(
            crm=self.planned.crm,
            planned=self.planned.planned,
            unchanged=self.planned.unchanged,
            accepted=self.accepted,
            rejected=self.rejected.total(),
            unknown=self.unknown.total(),
            skipped=skipped.total(),
            rejected_by_reason=dict(self.rejected),
            unknown_by_reason=dict(self.unknown),
            skipped_by_reason=dict(skipped),
        )


def turns(tallies: Iterable[Tally], limit: int | None = None) -> Iterator[tuple[Tally, int, int]]:
    """What is sent turn by turn, as tags from first to last: crossings of rating or stage in all CRMs, then the rest.

    No more than `limit` rows of each CRM; the others are skipped. A CRM with nothing to send has one empty turn.
    """
    left: list[tuple[Tally, int, int]] = []
    for tally in tallies:
        free = tally.planned.to_send
        count = free if limit is None else min(limit, free)
        if count < free:
            tally.skipped[OVER_THE_LIMIT] += free - count
        crossing = min(count, tally.planned.crossing)
        if crossing:
            yield tally, 1, crossing
        if count > crossing or not crossing:
            left.append((tally, crossing + 1, count))
    yield from left


def send(connector: Connector, tally: Tally, session: Session, *, first: int, last: int) -> None:
    """Send rows of the plan of one CRM, by their tags; `tally` is right at every moment, however this ends.

    Raises `Stopped` at the next checkpoint after a signal, `LeaseLost`, and what the connector raises
    (`connectors.errors`).
    """
    step = Step("write", connector.crm)
    session.progress.start(step, last - first + 1)
    try:
        for rows in changes.slices(session.mirror, connector.crm, last, first=first):
            session.checkpoint()
            _send_slice(connector, rows, tally, session)
        session.stop.check()
    finally:
        with session.mirror.open() as connection:
            acknowledged.take_over(connection, session.lease.fence)
        session.progress.finish(step)


def collect(connector: Connector, session: Session) -> None:
    """Take the results of jobs that an earlier run began and did not see the end of, instead of sending rows again.

    What they wrote comes with the pull that follows; what was refused is noted here.
    """
    for job, rows in session.journal.jobs(connector.crm):
        session.checkpoint()
        hashes = {record_id: values_hash for _, record_id, values_hash in rows}
        outcomes = list(connector.collect(job, [Change(kind, record_id, {}) for kind, record_id, _ in rows]))
        refused = [one for one in outcomes if one.status is Status.REJECTED and not one.gone]
        session.lease.renew()
        session.journal.note_outcomes(
            connector.crm,
            accepted=[],
            rejected=[_reject(outcome, hashes[outcome.record_id]) for outcome in refused],
            gone=[],
            now=session.clock.now(),
        )
        session.journal.end_jobs(connector.crm, [job])
        counts = Counter(one.status.value for one in outcomes)
        log.info("results of an earlier run's job", crm=connector.crm, job=job, **counts)


@dataclass(frozen=True, slots=True)
class _Jobs:
    """The jobs of one slice: in the journal from before they are sent until their rows' outcomes are noted; before
    that, the wish for the next one.
    """

    crm: str
    session: Session
    hashes: Mapping[int, str]  # of the values, by tag
    begun: list[str] = field(default_factory=list)
    wished: list[str] = field(default_factory=list)

    def begin(self, job: str, rows: Sequence[Change]) -> None:
        hashed = [(row.kind, row.record_id, self.hashes[row.tag]) for row in rows]
        self.session.journal.begin_job(self.crm, job, hashed, self.session.clock.now())
        if self.wished:
            self.session.journal.end_jobs(self.crm, self.wished)
            self.wished.clear()
        (self.begun if rows else self.wished).append(job)

    def end(self) -> None:
        if jobs := [*self.begun, *self.wished]:
            self.session.journal.end_jobs(self.crm, jobs)


def _send_slice(connector: Connector, rows: Sequence[PlannedChange], tally: Tally, session: Session) -> None:
    step = Step("write", connector.crm)
    waiting = {row.change.tag: row for row in rows}
    given: set[int] = set()
    jobs = _Jobs(connector.crm, session, {row.change.tag: row.values_hash for row in rows})
    outcomes: list[Outcome] = []
    ended: list[tuple[PlannedChange, Outcome]] = []

    def hand_out() -> Iterator[Change]:
        for row in rows:
            if session.stop.requested:
                return
            given.add(row.change.tag)
            yield row.change

    def note() -> None:
        chunk = outcomes.copy()
        outcomes.clear()
        if chunk:
            session.note_calls(connector)
            _note(connector.crm, [(waiting[outcome.tag], outcome) for outcome in chunk], tally, session)
            ended.extend((waiting.pop(outcome.tag), outcome) for outcome in chunk)
            session.progress.advance(step, len(chunk))

    try:
        for outcome in connector.push(hand_out(), jobs.begin):
            outcomes.append(outcome)
            if len(outcomes) >= NOTE_EVERY:
                note()
        note()
        jobs.end()
    finally:
        try:
            note()
            _acknowledge(connector.crm, ended, session)
        finally:
            # Rows that were handed over and never answered for may have been written: only the next pull knows.
            unanswered = len(given & waiting.keys())
            if unanswered:
                tally.unknown[NO_OUTCOME] += unanswered


def _note(crm: str, ended: Sequence[tuple[PlannedChange, Outcome]], tally: Tally, session: Session) -> None:
    gone = [outcome for _, outcome in ended if outcome.gone]
    accepted = [row for row, outcome in ended if outcome.status is Status.ACCEPTED and not outcome.gone]
    rejected = [(row, outcome) for row, outcome in ended if outcome.status is Status.REJECTED and not outcome.gone]
    now = session.clock.now()
    session.lease.renew()
    session.journal.note_outcomes(
        crm,
        accepted=[row.given for row in accepted],
        rejected=[_reject(outcome, row.values_hash) for row, outcome in rejected],
        gone=[outcome.record_id for outcome in gone],
        now=now,
        run_id=session.run_id,
        order=session.stage_order,
    )
    tally.accepted += len(accepted)
    tally.rejected.update(_reason(outcome) for _, outcome in rejected)
    tally.skipped.update(f"gone: {outcome.gone}" for outcome in gone)
    for _, outcome in ended:
        if not outcome.gone and outcome.status is Status.UNKNOWN:
            tally.unknown[_reason(outcome)] += 1
        elif not outcome.gone and outcome.status is Status.SKIPPED:
            tally.skipped[_reason(outcome)] += 1


def _acknowledge(crm: str, ended: Sequence[tuple[PlannedChange, Outcome]], session: Session) -> None:
    gone = [outcome for _, outcome in ended if outcome.gone]
    accepted = [row.change.tag for row, outcome in ended if outcome.status is Status.ACCEPTED and not outcome.gone]
    if not accepted and not gone:
        return
    with session.mirror.open() as connection:
        acknowledged.note(
            connection,
            crm=crm,
            accepted=accepted,
            gone=[(item.kind, item.record_id, item.gone or "", item.successor_id) for item in gone],
            now=session.clock.now(),
            fence=session.lease.fence,
        )


def _reject(outcome: Outcome, values_hash: str) -> Reject:
    return Reject(outcome.kind, outcome.record_id, outcome.field, outcome.code, outcome.message, values_hash)


def _reason(outcome: Outcome) -> str:
    return ": ".join(part for part in (outcome.code, outcome.message) if part) or outcome.status.value
