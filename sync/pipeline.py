"""One run from end to end: pull, identity, score, plan, guards, apply."""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import orjson
import structlog

from config.attributes import attribute_types
from config.errors import ConfigError
from connectors.errors import ConnectorError
from connectors.registry import confirm_account
from scoring import golden
from scoring.facts import fields_of
from sync import apply, changes, crm_stages, guards, lease, scores
from sync.errors import SyncError
from sync.journal.book import Journal
from sync.mirror import holds, outages, plan, stage_moves, summary, views
from sync.mirror.store import Mirror, restart, restarted, set_whole
from sync.progress import Progress, Silent, Step
from sync.pull import pull
from sync.report import (
    Calls,
    Conversion,
    Failure,
    Move,
    Pulled,
    Report,
    RunKind,
    StepTime,
    TopPerson,
)
from sync.session import Session
from sync.stop import Stop

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    import duckdb

    from config.model import Model
    from config.settings import Settings
    from connectors.base import Connector, Identity
    from connectors.clock import Clock
    from sync.mirror.stage_moves import Ladder

log = structlog.get_logger()

DAY: Final = timedelta(hours=24)
MIRROR_FILE: Final = "mirror.duckdb"
DRY_RUN: Final = "dry run"
WRITES_OFF: Final = "writes.enabled is false"
STOPPED_BY_GUARD: Final = "stopped by a guard"
NOT_IN_USE: Final = "CRM not in use"


def run(
    kind: RunKind,
    *,
    settings: Settings,
    model: Model,
    connectors: Mapping[str, Connector],
    clock: Clock,
    progress: Progress | None = None,
    stop: Stop | None = None,
    dry_run: bool = False,
    approve: bool = False,
    limit: int | None = None,
) -> Report:
    """Run once and give the end-of-run record, which is also in the journal.

    ``sync`` pulls what changed; ``backfill`` pulls everything (or goes on where an interrupted one stopped) and sends
    refused rows once more;
    ``rescore`` pulls nothing; ``plan`` pulls what changed and writes nothing. With `dry_run` no write call is
    made. `approve` lets a change pass that is larger than ``writes.guard.max_share``. `limit` sends at most so many
    records per CRM.

    Once the lease is held, everything that ends a run on purpose (errors with an ``exit_code``, a tripped guard, a
    signal) is told by ``report.failure`` and ``report.exit_code``, with the counts so far. Raised: `Busy` when another
    process runs, `StateUnusable` when the journal cannot be used, and bugs.
    """
    journal = open_journal(settings)
    try:
        with lease.held(journal, clock) as held:
            session = Session(
                mirror=open_mirror(settings, clock),
                journal=journal,
                lease=held,
                clock=clock,
                stop=stop or Stop(),
                progress=progress or Silent(),
            )
            order = _Order(
                kind=kind,
                writes=not dry_run and kind != "plan" and settings.writes.enabled,
                dry_run=dry_run,
                approve=approve,
                limit=limit,
            )
            return _run(order, settings, model, connectors, session)
    finally:
        journal.close()


def open_journal(settings: Settings) -> Journal:
    """The journal that the settings name. Close it after use."""
    return Journal.in_folder(settings.store.path, settings.store.journal_url)


def open_mirror(settings: Settings, clock: Clock) -> Mirror:
    """The mirror that the settings name; its file is touched only inside ``open()``."""
    mapping = {name: setting.model_dump(mode="json") for name, setting in settings.attributes.items()}
    return Mirror(
        settings.store.path / MIRROR_FILE,
        types=attribute_types(settings),
        mapping=orjson.dumps(mapping, option=orjson.OPT_SORT_KEYS).decode(),
        memory_limit_mb=settings.store.memory_limit_mb,
        clock=clock,
    )


def _leave_alone(connection: duckdb.DuckDBPyConnection, model: Model, session: Session, now: datetime) -> None:
    """Note the stages that people have set by hand since the last run, and let them count from now on."""
    if model.lifecycle is None or model.lifecycle.hold is None:
        return
    found = holds.find(connection, model.lifecycle.order, session.journal.stages_before())
    for crm, held in found.items():
        session.journal.note_holds(crm, held, now, now + timedelta(days=model.lifecycle.hold))
        log.info("stages set by hand are left alone", crm=crm, records=len(held), days=model.lifecycle.hold)
    if found:
        views.remember_stages(connection, session.journal.holds(now), model.lifecycle.order)


@dataclass(frozen=True, slots=True)
class _Order:
    kind: RunKind
    writes: bool
    dry_run: bool
    approve: bool
    limit: int | None


@dataclass(slots=True)
class _Draft:
    """The end-of-run record while it is written."""

    run_id: int
    started_at: datetime
    accounts: dict[str, str] = field(default_factory=dict)
    pulled: list[Pulled] = field(default_factory=list)
    not_castable: Counter[str] = field(default_factory=Counter)
    crowd: summary.Crowd = field(default_factory=lambda: summary.Crowd(0, 0, 0, 0))
    tallies: dict[str, apply.Tally] = field(default_factory=dict)
    rest: str = apply.NOT_REACHED  # why rows that were planned and not sent were not sent
    top: list[TopPerson] = field(default_factory=list)
    moves: list[Move] = field(default_factory=list)
    conversions: list[Conversion] = field(default_factory=list)
    steps: list[StepTime] = field(default_factory=list)
    failure: Failure | None = None


def _run(
    order: _Order, settings: Settings, model: Model, connectors: Mapping[str, Connector], session: Session
) -> Report:
    began = session.clock.monotonic()
    started_at = session.clock.now()
    run_id = session.journal.begin_run(
        kind=order.kind,
        started_at=started_at,
        holder=str(session.lease.holder),
        model_version=model.version,
        model=model.model_dump_json(),
    )
    session = replace(session, run_id=run_id, stage_order=model.stage_order)
    draft = _Draft(run_id, started_at)
    events = log.bind(run=run_id, kind=order.kind)
    events.info("run started", model=model.version, dry_run=order.dry_run)

    def finish() -> Report:
        for connector in connectors.values():
            session.note_calls(connector)
        report = _report(draft, order, model, connectors, session.clock.monotonic() - began)
        session.journal.end_run(report, session.clock.now())
        events.info("run ended", exit_code=report.exit_code, seconds=round(report.duration_s, 1))
        return report

    try:
        _work(order, settings, model, connectors, session, draft)
    except (SyncError, ConnectorError, ConfigError) as error:
        draft.failure = Failure(
            kind=type(error).__name__,
            message=str(error),
            exit_code=error.exit_code,
            resets_at=error.resets_at if isinstance(error, ConnectorError) else None,
        )
    except Exception as error:
        # The text of an unforeseen error may hold anything, so only its kind is kept.
        draft.failure = Failure(kind=type(error).__name__, message="An unforeseen error; a bug.", exit_code=70)
        finish()
        raise
    return finish()


def _work(
    order: _Order,
    settings: Settings,
    model: Model,
    connectors: Mapping[str, Connector],
    session: Session,
    draft: _Draft,
) -> None:
    guards.golden_examples(golden.run_examples(model, attribute_types(settings)))
    identities = _identify(settings, connectors, session)
    draft.accounts = {found.crm: found.account_id for found in identities}
    with session.mirror.open() as connection:
        for found in identities:
            guards.same_account(connection, session.mirror, found)
            if order.kind == "rescore":
                guards.whole_mirror(connection, found.crm)
        if order.kind == "backfill" and restart(connection, session.clock.now()):
            session.journal.forget_cursors()
    _collect_jobs(order, connectors, session)
    if order.kind != "rescore":
        for crm, connector in connectors.items():
            with _timed(draft, session, "pull", crm) as rows:
                pulled: list[Pulled] = []
                try:
                    pull(connector, session, pulled, draft.not_castable)
                finally:
                    draft.pulled += pulled
                    rows[crm] = sum(stream.rows for stream in pulled)
            with session.mirror.open() as connection:
                set_whole(connection, crm, session.clock.now())
    session.checkpoint()
    ladder = crm_stages.ladder(settings, model, connectors)
    _score_and_plan(order, settings, model, ladder, session, draft)
    if order.writes:
        _write(order, settings, connectors, session, draft)
    else:
        draft.rest = DRY_RUN if order.dry_run or order.kind == "plan" else WRITES_OFF
    if order.kind == "backfill":
        with session.mirror.open() as connection:
            restarted(connection)


def _identify(settings: Settings, connectors: Mapping[str, Connector], session: Session) -> list[Identity]:
    """Which accounts these are, once each connector knows what earlier runs used of the day. Raises ConfigProblem."""
    for crm, connector in connectors.items():
        if not connector.usage().calls:  # else it remembers by itself
            connector.count_in(session.journal.calls_since(crm, session.clock.now() - DAY))
    identities = [connector.identify() for connector in connectors.values()]
    for found in identities:
        confirm_account(settings, found)
    return identities


def _collect_jobs(order: _Order, connectors: Mapping[str, Connector], session: Session) -> None:
    if order.writes:
        for connector in connectors.values():
            apply.collect(connector, session)


def _score_and_plan(
    order: _Order, settings: Settings, model: Model, ladder: Ladder, session: Session, draft: _Draft
) -> None:
    # Who begins anew wants everything tried anew, also what was refused before a rule of the CRM was mended.
    refused = () if order.kind == "backfill" else session.journal.refused()
    as_of = session.clock.now()
    with session.mirror.open() as connection:
        with _timed(draft, session, "identity") as rows:
            scores.gather(connection, settings=settings, model=model, journal=session.journal, now=as_of)
            _leave_alone(connection, model, session, as_of)
            rows["people"] = people = summary.count(connection, "members WHERE place = 1")
        for kind, first, last in outages.lasting(connection, as_of.date()):
            log.warning("source is silent: its activities do not age", type=kind, first_day=first, last_day=last)
        with _timed(draft, session, "score") as rows:
            scores.score_all(
                connection,
                settings=settings,
                model=model,
                as_of=as_of,
                stop=session.stop,
                model_since=session.journal.model_since(model.version),
            )
            rows["people"] = people
        with _timed(draft, session, "plan") as rows:
            planned = changes.make(
                connection,
                fields=fields_of(model),
                min_change=settings.writes.min_change,
                today=as_of.date(),
                refused=refused,
                fence=session.lease.fence,
                ladder=ladder,
                given=session.journal.crm_stages(),
            )
            rows["records"] = sum(crm.records for crm in planned)
        unnoted = changes.unnoted(connection)
        agreed = stage_moves.agreed(connection)
        settled = plan.settled(connection, session.journal.refused())
        draft.tallies = {crm.crm: apply.Tally(crm) for crm in planned}
        draft.crowd = summary.crowd(connection)
        draft.top = summary.top(connection)
        draft.moves = summary.moves(connection, first=order.limit)
        draft.conversions = summary.conversions(connection)
    session.checkpoint()
    for crm, given in unnoted.items():
        session.journal.note_outcomes(
            crm,
            accepted=given,
            rejected=[],
            gone=[],
            now=session.clock.now(),
            run_id=session.run_id,
            order=session.stage_order,
        )
    for crm in {crm for crm, _, _ in agreed}:
        held = [(record_id, value) for at, record_id, value in agreed if at == crm]
        session.journal.note_crm_stages(crm, held, session.clock.now())
    for crm, record_ids in settled.items():
        session.journal.forget_rejects(crm, record_ids)


def _write(
    order: _Order, settings: Settings, connectors: Mapping[str, Connector], session: Session, draft: _Draft
) -> None:
    """Send the plan to every CRM. One that fails does not keep the others waiting; its error is raised at the end."""
    draft.rest = STOPPED_BY_GUARD
    guards.share_of_changes(draft.crowd, settings, approved=order.approve)
    draft.rest = apply.NOT_REACHED
    failed: ConnectorError | None = None
    for crm, tally in draft.tallies.items():
        if crm not in connectors:
            tally.skipped[NOT_IN_USE] += tally.planned.planned
            continue
        with _timed(draft, session, "write", crm) as rows:
            try:
                apply.send(connectors[crm], tally, session, limit=order.limit)
            except ConnectorError as error:
                log.warning("writing stopped", crm=crm, error=type(error).__name__)
                failed = failed or error
            rows[crm] = tally.accepted
    if failed:
        raise failed


@contextlib.contextmanager
def _timed(draft: _Draft, session: Session, name: str, crm: str = "") -> Iterator[Counter[str]]:
    """Time a step; whatever is counted inside is its rows. Pull and write tell their progress themselves."""
    began = session.clock.monotonic()
    rows: Counter[str] = Counter()
    watched = Step(name) if name in {"identity", "score", "plan"} else None
    if watched:
        session.progress.start(watched)
    try:
        yield rows
    finally:
        if watched:
            session.progress.finish(watched)
        seconds = session.clock.monotonic() - began
        draft.steps.append(StepTime(step=name, crm=crm, rows=rows.total(), seconds=seconds))
        log.info("step done", step=name, crm=crm, rows=rows.total(), seconds=round(seconds, 2))


def _report(
    draft: _Draft, order: _Order, model: Model, connectors: Mapping[str, Connector], duration_s: float
) -> Report:
    usages = {crm: connector.usage() for crm, connector in connectors.items()}
    return Report(
        run_id=draft.run_id,
        kind=order.kind,
        started_at=draft.started_at,
        duration_s=duration_s,
        model_version=model.version,
        dry_run=order.dry_run,
        limit=order.limit,
        accounts=draft.accounts,
        pulled=draft.pulled,
        not_castable=dict(draft.not_castable),
        people=draft.crowd.people,
        people_in_both=draft.crowd.in_both,
        rated_before=draft.crowd.rated,
        rated_changing=draft.crowd.changing,
        written=[tally.written(draft.rest) for tally in draft.tallies.values()],
        top=draft.top,
        moves=draft.moves,
        conversions=draft.conversions,
        calls=[
            Calls(
                crm=crm,
                calls=usage.calls,
                retries=usage.retries,
                waited_s=usage.waited_s,
                retries_by_reason=dict(usage.by_reason),
            )
            for crm, usage in usages.items()
        ],
        steps=draft.steps,
        failure=draft.failure,
    )
