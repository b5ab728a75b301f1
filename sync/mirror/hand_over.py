"""Whom a run does not hand over to sales: people who were in their stage before anybody could have waited for it.

Who was in the CRM before Leadgrade came is no news when it first gives them a stage, and nobody whom a backfill meets
for the first time is. Such a stage is given in our own field, but its edge in the journal is no news, and it does not
move the CRM's own stage, neither now nor later, until the person comes to another one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from sync.mirror import views

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    import duckdb

QuietStage = tuple[str, str, str]
"""crm, record id, the stage that it was given without handing the person over."""

_QUIET: Final = pa.schema([("crm", pa.string()), ("record_id", pa.string()), ("stage", pa.string())])


@dataclass(frozen=True, slots=True)
class HandOver:
    """Who is handed over: `everybody` when that was asked for, else nobody whom this run is the first to rate, or of
    them (`newcomers`) those who came to the CRM since `began`, aware UTC, when the first run of all did. `quiet` are
    stages of earlier runs, in chunks.
    """

    began: datetime
    newcomers: bool = True
    everybody: bool = False
    quiet: Iterable[Sequence[QuietStage]] = ()


def find(connection: duckdb.DuckDBPyConnection, wanted: HandOver | None) -> None:
    """Make ``not_handed_over`` (crm, record_id, is_new): records whose stage of now is no news.

    `is_new` says that this run is the first to give it. Without `wanted` there are none.
    Needs ``members``, ``identities``, ``last_stages`` and the engine's ``scores``.
    """
    connection.execute("CREATE OR REPLACE TEMP TABLE quiet_stages (crm VARCHAR, record_id VARCHAR, stage VARCHAR)")
    if wanted is None or wanted.everybody:
        connection.execute(
            "CREATE OR REPLACE TEMP TABLE not_handed_over (crm VARCHAR, record_id VARCHAR, is_new BOOLEAN)"
        )
        return
    for chunk in wanted.quiet:
        views.insert(connection, "quiet_stages", _QUIET, chunk)
    # A stage that stands in our field alone was given by a run that the journal did not hear of.
    connection.execute(
        """
        CREATE OR REPLACE TEMP TABLE not_handed_over AS
        WITH quiet AS (SELECT DISTINCT person, stage FROM quiet_stages JOIN identities USING (crm, record_id)),
        standing AS (
            SELECT crm, record_id, person, scores.stage, last_stages.stage AS last, since,
                coalesce(created_at < $began, false) AS was_there
            FROM members JOIN store.records USING (crm, record_id) JOIN scores USING (person)
            LEFT JOIN last_stages USING (person)
            WHERE scores.stage IS NOT NULL
        )
        SELECT crm, record_id, last IS NULL AS is_new
        FROM standing LEFT JOIN quiet ON quiet.person = standing.person AND quiet.stage = standing.stage
        WHERE CASE
            WHEN last IS NULL THEN was_there OR NOT $newcomers
            WHEN last = standing.stage THEN quiet.person IS NOT NULL OR (since IS NULL AND was_there)
            ELSE false END
        """,
        {"began": wanted.began.replace(tzinfo=None), "newcomers": wanted.newcomers},
    )
