"""The end-of-run record while it is written."""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from sync import apply
from sync.mirror import summary
from sync.progress import Step
from sync.report import (
    Calls,
    Conversion,
    Failure,
    Move,
    Pulled,
    Report,
    Shift,
    Source,
    StepTime,
    TopPerson,
    Tripped,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from config.model import Model
    from connectors.base import Connector
    from sync.order import Order
    from sync.session import Session

log = structlog.get_logger()


@dataclass(slots=True)
class Draft:
    """What is known of the run so far."""

    run_id: int
    started_at: datetime
    accounts: dict[str, str] = field(default_factory=dict)
    pulled: list[Pulled] = field(default_factory=list)
    not_castable: Counter[str] = field(default_factory=Counter)
    crowd: summary.Crowd = field(default_factory=lambda: summary.Crowd(0, 0, 0, 0))
    tallies: dict[str, apply.Tally] = field(default_factory=dict)
    rest: str = apply.NOT_REACHED  # why rows that were planned and not sent were not sent
    top: list[TopPerson] = field(default_factory=list)
    guards: list[Tripped] = field(default_factory=list)
    sources: list[Source] = field(default_factory=list)
    shifts: list[Shift] = field(default_factory=list)
    moves: list[Move] = field(default_factory=list)
    conversions: list[Conversion] = field(default_factory=list)
    steps: list[StepTime] = field(default_factory=list)
    failure: Failure | None = None

    @contextlib.contextmanager
    def timed(self, session: Session, name: str, crm: str = "") -> Iterator[Counter[str]]:
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
            self.steps.append(StepTime(step=name, crm=crm, rows=rows.total(), seconds=seconds))
            log.info("step done", step=name, crm=crm, rows=rows.total(), seconds=round(seconds, 2))

    def report(self, order: Order, model: Model, connectors: Mapping[str, Connector], duration_s: float) -> Report:
        """The record as it stands. Raises ValueError when rows do not add up."""
        usages = {crm: connector.usage() for crm, connector in connectors.items()}
        return Report(
            run_id=self.run_id,
            kind=order.kind,
            started_at=self.started_at,
            duration_s=duration_s,
            model_version=model.version,
            rolled_back_from=order.rolled_back_from,
            dry_run=order.dry_run,
            limit=order.limit,
            share=order.share,
            accounts=self.accounts,
            pulled=self.pulled,
            not_castable=dict(self.not_castable),
            people=self.crowd.people,
            people_in_both=self.crowd.in_both,
            rated_before=self.crowd.rated,
            rated_changing=self.crowd.changing,
            written=[tally.written(self.rest) for tally in self.tallies.values()],
            top=self.top,
            guards=self.guards,
            approved=order.approve,
            sources=self.sources if order.writes and (order.approve or not self.guards) else [],
            shifts=self.shifts,
            moves=self.moves,
            conversions=self.conversions,
            calls=[
                Calls(
                    crm=crm,
                    calls=usage.calls,
                    retries=usage.retries,
                    waited_s=usage.waited_s,
                    retries_by_reason=dict(usage.by_reason),
                    calls_by_budget=dict(usage.by_budget),
                )
                for crm, usage in usages.items()
            ],
            steps=self.steps,
            failure=self.failure,
        )
