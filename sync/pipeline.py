"""One run from end to end: pull, identity, score, plan, guards, apply."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Unpack

import structlog

from config.attributes import attribute_types
from config.errors import ConfigError
from connectors.errors import ConnectorError
from connectors.registry import confirm_account
from scoring import golden
from sync import apply, crm_stages, guards, lease, retention, rollback, saved_plan
from sync.draft import Draft
from sync.errors import SyncError
from sync.forget import pass_on
from sync.mirror import acknowledged, forgotten
from sync.mirror.stage_moves import NO_LADDER
from sync.mirror.store import last_fence, restart, restarted, set_whole
from sync.order import Options, Order
from sync.planning import score_and_plan
from sync.progress import Progress, Silent
from sync.pull import expect, pull
from sync.report import Failure, Pulled, Report, RunKind
from sync.session import Session
from sync.stop import Stop
from sync.stores import open_journal, open_mirror

if TYPE_CHECKING:
    from collections.abc import Mapping

    from config.model import Model
    from config.settings import Settings
    from connectors.base import Connector, Identity
    from connectors.clock import Clock
    from sync.saved_plan import SavedPlan

log = structlog.get_logger()

DAY: Final = timedelta(hours=24)
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
    **options: Unpack[Options],
) -> Report:
    """Run once and give the end-of-run record, which is also in the journal.

    ``sync`` pulls what changed; ``backfill`` pulls everything (or goes on where an interrupted one stopped) and sends
    refused rows once more; ``reconcile`` is a sync that reads everybody anew and compares the mirror with the CRMs;
    ``rescore`` pulls nothing, unless a run with another mirror came in between; ``plan`` pulls what changed and writes
    nothing, unless to a file; ``apply`` pulls what changed and sends the plan in a file. With `dry_run` no write call
    is made. `approve` lets the run pass although guards stand up (`sync.guards`). `limit` sends at most so many records
    per CRM, `share` (0 to 1; by default ``writes.rollout``) is that of the people who may be written to. `hand_over`
    see `sync.mirror.hand_over`, for `file` and `skip_moved` `sync.saved_plan`.

    Once the lease is held, everything that ends a run on purpose (errors with an ``exit_code``, a tripped guard, a
    signal) is told by ``report.failure`` and ``report.exit_code``, with the counts so far. Raised: `Busy` when another
    process runs, `StateUnusable` when the journal cannot be used, and bugs.
    """
    journal = open_journal(settings)
    try:
        with lease.held(journal, clock) as held:
            session = Session(
                mirror=open_mirror(settings, clock).under(held.fence),
                journal=journal.under(held.fence),
                lease=held,
                clock=clock,
                stop=stop or Stop(),
                progress=progress or Silent(),
            )
            order = Order.of(kind, settings.writes, options)
            used = _model(order, settings, model, session)
            if used is not model:
                order = replace(order, source=journal.model_file(used.version), rolled_back_from=model.version)
            with lease.before_each_call(held, connectors):
                return _run(order, settings, used, connectors, session)
    finally:
        journal.close()


def _model(order: Order, settings: Settings, model: Model, session: Session) -> Model:
    """The model that this run uses: the file's, or an earlier one. Raises ConfigError."""
    journal = session.journal
    if order.roll_back_to is not None:
        return rollback.earlier(journal, settings, order.roll_back_to)
    standing = journal.rollback()
    if standing and standing.from_version != model.version:
        journal.end_rollback(session.clock.now())
    return rollback.in_force(journal, settings, model)


def _run(
    order: Order, settings: Settings, model: Model, connectors: Mapping[str, Connector], session: Session
) -> Report:
    began = session.clock.monotonic()
    started_at = session.clock.now()
    run_id = session.journal.begin_run(
        kind=order.kind,
        started_at=started_at,
        holder=str(session.lease.holder),
        model_version=model.version,
        model=order.source,
    )
    session = replace(session, run_id=run_id, stage_order=model.stage_order)
    draft = Draft(run_id, started_at)
    events = log.bind(run=run_id, kind=order.kind)
    events.info("run started", model=model.version, dry_run=order.dry_run)

    def finish() -> Report:
        for connector in connectors.values():
            session.note_calls(connector)
        report = draft.report(order, model, connectors, session.clock.monotonic() - began)
        session.journal.end_run(report, session.clock.now())
        events.info("run ended", exit_code=report.exit_code, seconds=round(report.duration_s, 1))
        return report

    try:
        with structlog.contextvars.bound_contextvars(run=run_id):
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
    order: Order,
    settings: Settings,
    model: Model,
    connectors: Mapping[str, Connector],
    session: Session,
    draft: Draft,
) -> None:
    guards.golden_examples(golden.run_examples(model, attribute_types(settings)))
    saved = _saved(order, settings, model, session)
    identities = _identify(settings, connectors, session)
    known = session.journal.accounts()
    with session.mirror.open() as connection:
        # A run with the mirror of another machine has read, and written, what this one knows nothing of.
        is_latest = last_fence(connection) == session.lease.before
        acknowledged.take_over(connection, session.lease.fence)
        forgotten.heed(connection, session.journal.tombstones(), session.lease.fence)
        for found in identities:
            guards.same_account(connection, session.mirror, found)
            guards.same_journal(found, known)
            if order.kind == "rescore":
                guards.whole_mirror(connection, found.crm)
        if order.kind == "backfill" and restart(connection, session.clock.now()):
            session.journal.forget_cursors()
        if order.kind != "rescore":
            expect(connection, connectors, session)
    draft.accounts = {found.crm: found.account_id for found in identities}
    if saved:
        saved_plan.same_accounts(saved, draft.accounts)
    _collect_jobs(order, connectors, session)
    if order.kind != "rescore" or not is_latest:
        _pull(order, settings, connectors, session, draft, goes_on=is_latest and order.kind != "reconcile")
        pass_on(session)
    session.checkpoint()
    if saved:
        draft.rest = STOPPED_BY_GUARD
        saved_plan.take(saved, order=order, settings=settings, model=model, session=session, draft=draft)
    else:
        hands_over = order.kind != "backfill" or order.hand_over
        ladder = crm_stages.ladder(settings, model, connectors) if hands_over else NO_LADDER
        score_and_plan(order, settings, model, ladder, session, draft)
        if order.file:
            with session.mirror.open() as connection:
                saved_plan.save(order.file, connection, order=order, model=model, draft=draft)
    if order.writes:
        _write(order, model, connectors, session, draft)
    else:
        draft.rest = DRY_RUN if order.dry_run or order.kind == "plan" else WRITES_OFF
    _end(order, settings, model, session)


def _end(order: Order, settings: Settings, model: Model, session: Session) -> None:
    """What is left to do once all rows are sent."""
    if order.kind == "backfill":
        with session.mirror.open() as connection:
            restarted(connection)
    if order.kind == "reconcile":
        retention.compact(session, settings, model)


def _pull(
    order: Order,
    settings: Settings,
    connectors: Mapping[str, Connector],
    session: Session,
    draft: Draft,
    *,
    goes_on: bool,
) -> None:
    may_lose = 1.0 if order.approve else settings.writes.guard.max_lost_share
    for crm, connector in connectors.items():
        with draft.timed(session, "pull", crm) as rows:
            pulled: list[Pulled] = []
            try:
                pull(
                    connector,
                    session,
                    pulled,
                    draft.not_castable,
                    goes_on=goes_on,
                    may_lose=may_lose if order.kind == "reconcile" else None,
                )
            finally:
                draft.pulled += pulled
                rows[crm] = sum(stream.rows for stream in pulled)
        with session.mirror.open() as connection:
            set_whole(connection, crm, session.clock.now())


def _saved(order: Order, settings: Settings, model: Model, session: Session) -> SavedPlan | None:
    """The plan that is to be applied, where one is."""
    if order.kind != "apply" or order.file is None:
        return None
    longest = timedelta(hours=settings.writes.guard.plan_max_age_h)
    return saved_plan.opened(order.file, model=model, now=session.clock.now(), longest=longest)


def _identify(settings: Settings, connectors: Mapping[str, Connector], session: Session) -> list[Identity]:
    """Which accounts these are, once each connector knows what earlier runs used of the day. Raises ConfigProblem."""
    for crm, connector in connectors.items():
        if not connector.usage().calls:  # else it remembers by itself
            connector.count_in(session.journal.calls_since(crm, session.clock.now() - DAY))
    identities = [connector.identify() for connector in connectors.values()]
    for found in identities:
        confirm_account(settings, found)
    return identities


def _collect_jobs(order: Order, connectors: Mapping[str, Connector], session: Session) -> None:
    if order.writes:
        for connector in connectors.values():
            apply.collect(connector, session)


def _write(order: Order, model: Model, connectors: Mapping[str, Connector], session: Session, draft: Draft) -> None:
    """Send the plan, in every CRM what crosses a rating or a stage first.

    One that fails does not keep the others waiting; its error is raised at the end.
    """
    draft.rest = STOPPED_BY_GUARD
    if not order.approve:
        guards.stop(draft.guards)
    if order.roll_back_to is not None:
        session.journal.begin_rollback(model.version, order.rolled_back_from, session.clock.now())
    draft.rest = apply.NOT_REACHED
    for crm in draft.tallies.keys() - connectors.keys():
        draft.tallies[crm].skipped[NOT_IN_USE] += draft.tallies[crm].planned.to_send
    failed: dict[str, ConnectorError] = {}
    in_use = [tally for crm, tally in draft.tallies.items() if crm in connectors]
    for tally, first, last in apply.turns(in_use, order.limit):
        crm, before = tally.planned.crm, tally.accepted
        if crm in failed:
            continue
        with draft.timed(session, "write", crm) as rows:
            try:
                apply.send(connectors[crm], tally, session, first=first, last=last)
            except ConnectorError as error:
                log.warning("writing stopped", crm=crm, error=type(error).__name__)
                failed[crm] = error
            rows[crm] = tally.accepted - before
    if failed:
        raise next(iter(failed.values()))
