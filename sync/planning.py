"""The middle of a run: who is who, what each scores, and which records are to change."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from scoring.facts import fields_of
from sync import apply, changes, guards, scores
from sync.mirror import census, holds, outages, plan, stage_moves, summary, views
from sync.mirror.hand_over import HandOver

if TYPE_CHECKING:
    from datetime import datetime

    import duckdb

    from config.model import Model
    from config.settings import Settings
    from sync.draft import Draft
    from sync.mirror.stage_moves import Ladder
    from sync.order import Order
    from sync.session import Session

log = structlog.get_logger()


def score_and_plan(
    order: Order, settings: Settings, model: Model, ladder: Ladder, session: Session, draft: Draft
) -> None:
    """Score everybody from the mirror and make ``store.plan``; what came of it goes into `draft`.

    The journal hears of stages that records hold although nobody told it, and forgets rejects that are settled.
    The guards are asked, too. Raises `Stopped`, `LeaseLost`.
    """
    # Who begins anew wants everything tried anew, also what was refused before a rule of the CRM was mended.
    refused = () if order.kind == "backfill" else session.journal.refused()
    as_of = session.clock.now()
    with session.mirror.open() as connection:
        with draft.timed(session, "identity") as rows:
            scores.gather(connection, settings=settings, model=model, journal=session.journal, now=as_of)
            _leave_alone(connection, model, session, as_of)
            rows["people"] = people = summary.count(connection, "members WHERE place = 1")
        for kind, first, last in outages.lasting(connection, as_of.date()):
            log.warning("source is silent: its activities do not age", type=kind, first_day=first, last_day=last)
        with draft.timed(session, "score") as rows:
            scores.score_all(
                connection,
                settings=settings,
                model=model,
                as_of=as_of,
                stop=session.stop,
                model_since=session.journal.model_since(model.version),
            )
            rows["people"] = people
        with draft.timed(session, "plan") as rows:
            planned = changes.make(
                connection,
                fields=fields_of(model),
                min_change=settings.writes.min_change,
                today=as_of.date(),
                refused=refused,
                fence=session.lease.fence,
                ladder=ladder,
                given=session.journal.crm_stages(),
                share=order.share,
                handed=HandOver(
                    began=session.journal.began_at() or as_of,
                    newcomers=order.kind != "backfill",
                    everybody=order.hand_over,
                    quiet=session.journal.quiet_stages(),
                ),
            )
            rows["records"] = sum(crm.records for crm in planned)
        unnoted = changes.unnoted(connection)
        agreed = stage_moves.agreed(connection)
        settled = plan.settled(connection, session.journal.refused())
        draft.tallies = {crm.crm: apply.Tally(crm) for crm in planned}
        draft.top = summary.top(connection)
        draft.conversions = summary.conversions(connection)
        judge(connection, order, settings, session, draft)
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


def judge(
    connection: duckdb.DuckDBPyConnection, order: Order, settings: Settings, session: Session, draft: Draft
) -> None:
    """Count what ``store.plan`` would change and what the CRMs gave, and ask the guards; all goes into `draft`."""
    census.to_send(connection, order.limit)
    draft.crowd = summary.crowd(connection)
    draft.shifts = summary.shifts(connection)
    draft.moves = summary.moves(connection, first=order.limit)
    draft.sources = census.count_sources(connection, types=session.mirror.types, pulled=draft.pulled)
    draft.guards = guards.ask(
        settings.writes.guard,
        crowd=draft.crowd,
        first=census.first_time(connection),
        now=draft.sources,
        before=lambda: guards.earlier_sources(session.journal.reports(), session.clock.now()),
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
