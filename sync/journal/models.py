"""What the journal knows of models: versions that runs have used, with their files, and rollbacks to earlier ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, insert, select, update

from sync.journal.tables import model_versions, rollbacks, runs

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy import Connection


@dataclass(frozen=True, slots=True)
class Rollback:
    """Since `begun_at` runs use `to_version` while the file is that of `from_version`."""

    to_version: str
    from_version: str
    begun_at: datetime


def note(connection: Connection, version: str, file: str, now: datetime) -> None:
    """Note a version that is used, with its file where that is given; known ones keep the time of their first use."""
    here = model_versions.c.version == version
    known = connection.execute(select(model_versions.c.content).where(here)).scalar()
    if known is not None and file and file != known:
        connection.execute(update(model_versions).where(here).values(content=file))
    if known is None:
        connection.execute(insert(model_versions).values(version=version, first_used_at=now, content=file))


def since(connection: Connection, version: str) -> datetime | None:
    """When a version was first used; None when there was no other before it."""
    first = connection.execute(
        select(model_versions.c.first_used_at).where(model_versions.c.version == version)
    ).scalar()
    earliest = first_used(connection)
    return first if first is not None and earliest is not None and earliest < first else None


def first_used(connection: Connection) -> datetime | None:
    """When any version was first used."""
    return connection.execute(select(func.min(model_versions.c.first_used_at))).scalar()


def used(connection: Connection) -> list[Mapping[str, Any]]:
    """Versions, newest first, with their use."""
    query = (
        select(
            model_versions.c.version,
            model_versions.c.first_used_at,
            func.max(runs.c.started_at).label("last_used_at"),
            func.count(runs.c.run_id).label("runs"),
        )
        .outerjoin(runs, runs.c.model_version == model_versions.c.version)
        .group_by(model_versions.c.version, model_versions.c.first_used_at)
        .order_by(model_versions.c.first_used_at.desc(), model_versions.c.version)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def file_of(connection: Connection, version: str) -> str:
    """The file of a version."""
    return str(connection.execute(select(model_versions.c.content).where(model_versions.c.version == version)).scalar())


def standing(connection: Connection) -> Rollback | None:
    """The rollback that holds."""
    query = select(rollbacks).where(rollbacks.c.ended_at.is_(None)).order_by(rollbacks.c.rollback_id.desc())
    row = connection.execute(query).first()
    return None if row is None else Rollback(row.to_version, row.from_version, row.begun_at)


def begin(connection: Connection, to_version: str, from_version: str, now: datetime) -> None:
    """Only one holds."""
    end(connection, now)
    connection.execute(insert(rollbacks).values(to_version=to_version, from_version=from_version, begun_at=now))


def end(connection: Connection, now: datetime) -> None:
    """The one that holds holds no longer."""
    connection.execute(update(rollbacks).where(rollbacks.c.ended_at.is_(None)).values(ended_at=now))
