"""How a journal of an earlier version becomes today's: ordered steps, each in a transaction with its number."""

from __future__ import annotations

import contextlib
import secrets
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import insert, inspect, select, update

from sync.errors import StateUnusable
from sync.journal import tables
from sync.journal.database import name_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Column, Connection, Engine

_LOCK: Final = 0x6C656164
"""PostgreSQL's advisory locks are numbers; this one is ours."""


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
    _add_column(connection, tables.stages.c.stage_before)
    tables.crossings.create(connection, checkfirst=True)
    tables.holds.create(connection, checkfirst=True)


def _sixth(connection: Connection) -> None:
    """Alerts on their way, and which edges were told of."""
    tables.outbox.create(connection, checkfirst=True)
    _add_column(connection, tables.crossings.c.told_at)


def _seventh(connection: Connection) -> None:
    """Tombstones of people who were erased."""
    tables.erasures.create(connection, checkfirst=True)
    tables.erasure_salt.create(connection, checkfirst=True)
    connection.execute(insert(tables.erasure_salt).values(salt=secrets.token_hex(32)))


def _eighth(connection: Connection) -> None:
    """Stages that were given without handing anybody over, and rollbacks to earlier models."""
    _add_column(connection, tables.stages.c.quiet)
    tables.rollbacks.create(connection, checkfirst=True)


def _ninth(connection: Connection) -> None:
    """What is left of streams that are not read to their end."""
    _add_column(connection, tables.cursors.c.slices_left)
    connection.execute(update(tables.cursors).values(slices_left=0))


def _add_column(connection: Connection, column: Column[Any]) -> None:
    """Add a column unless it is there: tables that a step makes have all of today's."""
    table = column.table.name
    if column.name not in {known["name"] for known in inspect(connection).get_columns(table)}:
        kind = column.type.compile(connection.dialect)
        connection.exec_driver_sql(f"ALTER TABLE {table} ADD COLUMN {column.name} {kind}")


STEPS: Final[Sequence[Callable[[Connection], object]]] = (
    _first,
    _second,
    _third,
    _fourth,
    _fifth,
    _sixth,
    _seventh,
    _eighth,
    _ninth,
)
"""Step n brings a journal from version n to n + 1. Released steps are never changed."""


def migrate(engine: Engine, steps: Sequence[Callable[[Connection], object]] = STEPS) -> None:
    """Bring the journal to the newest version; of several processes that try at once, one does it.

    A SQLite journal is first copied to a file beside it, ``journal.v4.db`` for one of version 4. Raises
    `StateUnusable` for a journal of a newer Leadgrade.
    """
    with engine.execution_options(reading=True).connect() as connection:
        if _version(connection) == len(steps):
            return
    kept = False
    while True:
        with engine.begin() as connection:
            _wait_for_turn(connection)
            version = _version(connection)
            if version > len(steps):
                raise StateUnusable(
                    f"The journal {name_of(engine)} is of version {version}; this Leadgrade knows "
                    f"versions up to {len(steps)}.",
                    remedy="Use the Leadgrade that wrote it, or a newer one.",
                )
            if version == len(steps):
                return
            if version and not kept:
                _keep_copy(engine, version)
                kept = True
            steps[version](connection)
            _set_version(connection, version + 1)


def copies(engine: Engine) -> list[Path]:
    """The copies of earlier versions that stand beside a SQLite journal; of any other there are none."""
    file = _file(engine)
    return [] if file is None else sorted(file.parent.glob(f"{file.stem}.v*{file.suffix}"))


def _keep_copy(engine: Engine, version: int) -> None:
    """What was committed last; for this user alone. PostgreSQL has tools of its own for that."""
    file = _file(engine)
    if file is None:
        return
    target = file.with_name(f"{file.stem}.v{version}{file.suffix}")
    target.unlink(missing_ok=True)
    target.touch(mode=0o600)
    with contextlib.closing(sqlite3.connect(file)) as source, contextlib.closing(sqlite3.connect(target)) as copy:
        source.backup(copy)


def _file(engine: Engine) -> Path | None:
    path = engine.url.database
    return Path(path) if engine.dialect.name == "sqlite" and path and path != ":memory:" else None


def _wait_for_turn(connection: Connection) -> None:
    """SQLite's writers wait for each other; PostgreSQL's are told to, until the end of the transaction."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")


def _version(connection: Connection) -> int:
    if not inspect(connection).has_table(tables.journal_version.name):
        return 0
    return connection.execute(select(tables.journal_version.c.version)).scalar() or 0


def _set_version(connection: Connection, version: int) -> None:
    if connection.execute(update(tables.journal_version).values(version=version)).rowcount == 0:
        connection.execute(insert(tables.journal_version).values(version=version))
