"""What the journal knows of jobs that a CRM has taken and whose end nobody has seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
from sqlalchemy import delete, insert, select

from sync.journal.tables import jobs

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Connection


def begin(connection: Connection, crm: str, job: str, rows: Sequence[Sequence[str]], now: datetime) -> None:
    """Note a job that is about to be sent: kind, record id and values hash of each of its rows."""
    values = {"crm": crm, "job": job, "begun_at": now, "rows": orjson.dumps(rows).decode()}
    connection.execute(insert(jobs).values(values))


def end(connection: Connection, crm: str, ended: Sequence[str]) -> None:
    """Forget jobs whose results are noted."""
    connection.execute(delete(jobs).where((jobs.c.crm == crm) & jobs.c.job.in_(ended)))


def unended(connection: Connection, crm: str) -> list[tuple[str, list[list[str]]]]:
    """Jobs whose end nobody saw, oldest first, with their rows as in `begin`."""
    query = select(jobs).where(jobs.c.crm == crm).order_by(jobs.c.begun_at)
    return [(row.job, orjson.loads(row.rows)) for row in connection.execute(query)]
