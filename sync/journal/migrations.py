"""How a journal of an earlier version becomes today's: ordered steps, each in a transaction with its number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import insert, inspect, select, update

from sync.errors import StateUnusable
from sync.journal import tables

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection, Engine

Step = "Callable[[Connection], object]"


def _first(connection: Connection) -> None:
    """All tables of version 1, and the lease that nobody holds yet."""
    tables.metadata.create_all(connection)
    connection.execute(insert(tables.leases).values(name="run", fence=0))


def _second(connection: Connection) -> None:
    """How many calls each run made, for our share of a day's."""
    tables.calls.create(connection, checkfirst=True)


def _third(connection: Connection) -> None:
    """Jobs whose end nobody has seen."""
    tables.jobs.create(connection, checkfirst=True)


def _fourth(connection: Connection) -> None:
    """The CRMs' own stages that we set."""
    tables.crm_stages.create(connection, checkfirst=True)


def _fifth(connection: Connection) -> None:
    """The stage before the one given last, edges that were crossed, and stages that people hold."""
    if "stage_before" not in {column["name"] for column in inspect(connection).get_columns(tables.stages.name)}:
        column = tables.stages.c.stage_before
        name, kind = column.name, column.type.compile(connection.dialect)
        connection.exec_driver_sql(f"ALTER TABLE {tables.stages.name} ADD COLUMN {name} {kind}")
    tables.crossings.create(connection, checkfirst=True)
    tables.holds.create(connection, checkfirst=True)


STEPS: Final[Sequence[Callable[[Connection], object]]] = (_first, _second, _third, _fourth, _fifth)
"""Step n brings a journal from version n to n + 1. Released steps are never changed."""


def migrate(engine: Engine, steps: Sequence[Callable[[Connection], object]] = STEPS) -> None:
    """Bring the journal to the newest version. Raises `StateUnusable` for a journal of a newer Leadgrade."""
    while True:
        with engine.begin() as connection:
            version = _version(connection)
            if version > len(steps):
                raise StateUnusable(
                    f"The journal {engine.url.render_as_string()} is of version {version}; this Leadgrade knows "
                    f"versions up to {len(steps)}.",
                    remedy="Use the Leadgrade that wrote it, or a newer one.",
                )
            if version == len(steps):
                return
            steps[version](connection)
            _set_version(connection, version + 1)


def _version(connection: Connection) -> int:
    if not inspect(connection).has_table(tables.journal_version.name):
        return 0
    return connection.execute(select(tables.journal_version.c.version)).scalar() or 0


def _set_version(connection: Connection, version: int) -> None:
    if connection.execute(update(tables.journal_version).values(version=version)).rowcount == 0:
        connection.execute(insert(tables.journal_version).values(version=version))
