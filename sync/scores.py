"""Who is who, and what each of them scores: the mirror's facts through identity and engine, in one connection."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from config.attributes import attribute_types
from scoring import engine
from sync import identity
from sync.mirror import views

if TYPE_CHECKING:
    from datetime import datetime

    import duckdb

    from config.model import Model
    from config.settings import Settings
    from sync.journal.book import Journal
    from sync.stop import Stop


def gather(
    connection: duckdb.DuckDBPyConnection,
    *,
    settings: Settings,
    model: Model,
    journal: Journal,
    now: datetime,
    before: datetime | None = None,
) -> None:
    """Group the mirror's records into people and make the relations of `sync.mirror.views`, in this connection.

    With `before`, stages are those that the journal had noted earlier: for a score of the past, within
    `sync.mirror.past.as_of`.
    """
    identity.resolve(connection)
    by = now if before is None else before - timedelta(microseconds=1)
    views.build(
        connection,
        precedence=settings.precedence,
        stages=journal.stages(before=before),
        stage_order=model.stage_order,
        holds=journal.holds(now),
        entries=journal.entries(model.limited_stages, by) if model.limited_stages else (),
    )


def score_all(
    connection: duckdb.DuckDBPyConnection,
    *,
    settings: Settings,
    model: Model,
    as_of: datetime,
    stop: Stop,
    model_since: datetime | None = None,
) -> None:
    """The engine's ``scores`` of everybody as of an aware UTC time, span by span; needs `gather`.

    Raises `Stopped` between two spans.
    """
    types = attribute_types(settings)
    prepared = engine.prepare(
        connection, model, as_of, attributes=types, oldest=views.oldest(connection), model_since=model_since
    )
    for place, span in enumerate(views.spans(connection, prepared.activity_bytes)):
        stop.check()
        views.show(connection, span, types=types, facts=prepared.facts)
        engine.score_people(connection, prepared, more=place > 0)
    engine.finish(connection, model)
