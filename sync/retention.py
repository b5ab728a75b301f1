"""Lets go of what is older than the settings want kept, and of nothing that a score still sees.

Old activities go only if everybody's scores are the same without them. That holds for the days to come as well: what
is old only leaves windows and only fades.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import structlog
from sqlalchemy import delete

from sync import scores
from sync.journal import tables
from sync.mirror import past
from sync.mirror.store import transaction

if TYPE_CHECKING:
    from datetime import datetime

    import duckdb
    from sqlalchemy import ColumnElement, Table

    from config.model import Model
    from config.settings import RetentionSettings, Settings
    from sync.session import Session

log = structlog.get_logger()

CALLS: Final = timedelta(days=2)
"""How long the counts of calls are kept: shares are of the last 24 hours."""


@dataclass(frozen=True, slots=True)
class Compacted:
    """Rows that went. `seen` are people whose scores would have changed, for whose sake all activities stayed."""

    activities: int = 0
    runs: int = 0
    crossings: int = 0
    rejects: int = 0
    seen: int = 0


class _StillSeen(Exception):
    """Scores of so many people would change."""

    def __init__(self, people: int) -> None:
        super().__init__(people)
        self.people = people


def compact(session: Session, settings: Settings, model: Model) -> Compacted:
    """Let go of what is too old; the lease is held. Raises `LeaseLost`, `Stopped`."""
    kept, now = settings.retention, session.clock.now()
    gone = _journal(session, kept, model, now)
    with session.mirror.open() as connection, transaction(connection, session.lease.fence):
        past.trim(connection, now - timedelta(days=kept.versions_days))
    if kept.activities_days is not None:
        activities, seen = _activities(session, settings, model, now - timedelta(days=kept.activities_days))
        gone = replace(gone, activities=activities, seen=seen)
        if seen:
            log.warning(
                "old activities are kept, for the model still sees them", people=seen, days=kept.activities_days
            )
    if gone != Compacted(seen=gone.seen):
        log.info("let go of what was too old", **asdict(gone))
    return gone


def _journal(session: Session, kept: RetentionSettings, model: Model, now: datetime) -> Compacted:
    """Runs, refusals and edges. That a record crossed an edge is known by the stage it has, so none comes twice."""

    def before(days: int) -> datetime:
        return now - timedelta(days=days)

    runs, calls, rejects, edges = tables.runs.c, tables.calls.c, tables.rejects.c, tables.crossings.c
    counted = edges.to_stage.in_(model.limited_stages) & (edges.direction == "up")
    with session.journal.noting() as connection:

        def let_go(table: Table, old: ColumnElement[bool]) -> int:
            return connection.execute(delete(table).where(old)).rowcount

        let_go(tables.calls, calls.noted_at < now - CALLS)
        return Compacted(
            runs=let_go(tables.runs, (runs.started_at < before(kept.runs_days)) & (runs.run_id != session.run_id)),
            rejects=let_go(tables.rejects, rejects.last_seen < before(kept.rejects_days)),
            crossings=let_go(tables.crossings, (edges.at < before(kept.crossings_days)) & ~counted),
        )


def _activities(session: Session, settings: Settings, model: Model, before: datetime) -> tuple[int, int]:
    """How many activities went, and how many people's scores forbade it."""
    old = f"occurred_at < TIMESTAMP '{before:%Y-%m-%d %H:%M:%S}'"
    with session.mirror.open() as connection:
        count: int = connection.execute(f"SELECT count(*) FROM store.facts WHERE {old}").fetchall()[0][0]
        if not count:
            return 0, 0
        now = session.clock.now()
        _score(connection, session, settings, model, now)
        connection.execute("CREATE OR REPLACE TEMP TABLE scores_with AS FROM scores")
        try:
            with transaction(connection, session.lease.fence):
                connection.execute(f"""
                    DELETE FROM store.facts WHERE {old};
                    DELETE FROM store.past_facts WHERE {old};
                    DELETE FROM store.owners WHERE owner NOT IN (SELECT owner FROM store.facts)
                        AND owner NOT IN (SELECT owner FROM store.past_facts);
                    DELETE FROM store.signatures WHERE signature NOT IN (SELECT signature FROM store.facts)
                        AND signature NOT IN (SELECT signature FROM store.past_facts);
                """)
                _score(connection, session, settings, model, now)
                _compare(connection)
        except _StillSeen as refusal:
            return 0, refusal.people
        return count, 0


def _compare(connection: duckdb.DuckDBPyConnection) -> None:
    """Raises `_StillSeen` unless ``scores`` and ``scores_with`` are the same."""
    people = connection.execute("""
        SELECT count(DISTINCT person) FROM (
            (FROM scores_with EXCEPT FROM scores) UNION ALL (FROM scores EXCEPT FROM scores_with))
    """).fetchall()[0][0]
    if people:
        raise _StillSeen(people)


def _score(
    connection: duckdb.DuckDBPyConnection, session: Session, settings: Settings, model: Model, now: datetime
) -> None:
    scores.gather(connection, settings=settings, model=model, journal=session.journal, now=now)
    scores.score_all(
        connection,
        settings=settings,
        model=model,
        as_of=now,
        stop=session.stop,
        model_since=session.journal.model_since(model.version),
    )
