"""The journal's database: how SQLite and PostgreSQL are opened, and what their failures mean for a run."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import create_engine, event, make_url
from sqlalchemy.exc import ArgumentError
from tenacity import Retrying, retry_if_exception_message, stop_after_delay, wait_random

from sync.errors import JournalAway, JournalBusy, StateUnusable, SyncError
from sync.journal import tables

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine
    from sqlalchemy.engine import ExceptionContext

LOCK_WAIT_S: Final = 30.0
"""How long a writer waits for another one."""

IDLE_S: Final = 20
"""How long PostgreSQL bears with a writer that falls silent half-way: a process that was paused in the middle of a note
must not keep its successor out, so this is less than `LOCK_WAIT_S`."""

CONNECT_S: Final = 10
"""How long PostgreSQL may take to answer at first, unless the URL says otherwise (``connect_timeout``)."""

_DRIVERS: Final = {"sqlite": "sqlite", "postgres": "postgresql+psycopg", "postgresql": "postgresql+psycopg"}
_CHECK_URL: Final = "Check store.journal_url: a SQLAlchemy URL such as postgresql+psycopg://host/leadgrade."
_CHECK: Final = "Check store.path and store.journal_url, and what the database says in its own log."
_ANSWER: Final = "Nothing is lost: see to it that the database answers (store.journal_url), and run again."

_LOCKED: Final = ("55P03",)  # lock_not_available
_SQLITE_LOCKED: Final = "database is locked"
_PASSING: Final = ("08", "25006", "25P03", "40", "53", "57")
"""SQLSTATEs, or how they begin, that a later run need not meet: connections lost or too many, a server that shuts down
or has just become a copy, deadlocks. PostgreSQL's manual, appendix A."""


def engine_for(url: str | URL) -> Engine:
    """The engine of a journal's URL. `execution_options(reading=True)` is for those who only look.

    What goes wrong in the database is raised as `JournalBusy` (somebody else kept it locked), `JournalAway` (it does
    not answer) or `StateUnusable`; other errors are bugs. Raises `StateUnusable` for a URL that leads nowhere.
    """
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
        if backend not in _DRIVERS:
            raise StateUnusable(
                f"A journal cannot be kept in {backend}, only in SQLite or PostgreSQL.", remedy=_CHECK_URL
            )
        if "+" not in parsed.drivername:
            parsed = parsed.set(drivername=_DRIVERS[backend])
        engine = create_engine(parsed, **_options(parsed))
    except (ArgumentError, ValueError):  # the text may repeat the URL, and with it a password
        raise StateUnusable("The journal's URL names no kind of database that is known.", remedy=_CHECK_URL) from None
    except ModuleNotFoundError as error:
        raise StateUnusable(
            f"The journal's database needs the Python package {error.name!r}, which is not installed.",
            remedy="Install Leadgrade with its extra `postgres`, or leave store.journal_url away for SQLite.",
        ) from None
    if backend == "sqlite":
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    else:
        event.listen(engine, "begin", _begin_postgresql)
    event.listen(engine, "handle_error", _tell)
    return engine


def name_of(engine: Engine) -> str:
    """The database as a message may name it: no password, and no options, which may hold one."""
    return engine.url.set(query={}).render_as_string()


def sweep(engine: Engine) -> None:
    """Have the database give up what was deleted, for it keeps that in pages that are free.

    Raises `JournalBusy` when somebody reads for so long that SQLite's log cannot be emptied.
    """
    if engine.dialect.name == "sqlite":
        with contextlib.closing(engine.raw_connection()) as connection:
            try:
                connection.execute("VACUUM")
                is_busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            except sqlite3.Error as error:
                raise _meaning(error, name_of(engine), engine.dialect.name) or error from error
        if is_busy:
            raise _busy(name_of(engine))
    else:
        alone = engine.execution_options(isolation_level="AUTOCOMMIT", reading=True)
        with alone.connect() as connection:
            for table in tables.metadata.sorted_tables:
                connection.exec_driver_sql(f"VACUUM {table.name}")


def _options(url: URL) -> dict[str, Any]:
    if url.get_backend_name() == "sqlite":
        return {}
    # A pool between us and the server (pgbouncer) hands statements prepared on one connection to another.
    arguments: dict[str, Any] = {"prepare_threshold": None}
    defaults = {"connect_timeout": CONNECT_S, "application_name": "leadgrade"}
    arguments |= {name: value for name, value in defaults.items() if name not in url.query}
    return {"connect_args": arguments, "pool_pre_ping": True}


def _set_up_sqlite(connection: Any, _record: object) -> None:
    # Transactions are begun by `_begin_sqlite`; the driver's own would start too late to keep two writers apart.
    connection.isolation_level = None
    for pragma in (f"busy_timeout = {LOCK_WAIT_S * 1000:.0f}", "foreign_keys = ON", "secure_delete = ON"):
        connection.execute(f"PRAGMA {pragma}")
    # Of several that change a new file's mode at once, all but one are told at once that it is locked.
    again = Retrying(
        retry=retry_if_exception_message(match=_SQLITE_LOCKED),
        stop=stop_after_delay(LOCK_WAIT_S),
        wait=wait_random(0.01, 0.05),
        reraise=True,
    )
    again(connection.execute, "PRAGMA journal_mode = WAL")


def _begin_sqlite(connection: Connection) -> None:
    """A reader sees the last commit and stops nobody; a writer waits for its turn at the start, not half-way."""
    connection.exec_driver_sql("BEGIN" if _is_reading(connection) else "BEGIN IMMEDIATE")


def _begin_postgresql(connection: Connection) -> None:
    if not _is_reading(connection):
        connection.exec_driver_sql(
            f"SELECT set_config('lock_timeout', '{LOCK_WAIT_S}s', true), "
            f"set_config('idle_in_transaction_session_timeout', '{IDLE_S}s', true)"
        )


def _is_reading(connection: Connection) -> bool:
    return bool(connection.get_execution_options().get("reading", False))


def _tell(context: ExceptionContext) -> None:
    if context.is_pre_ping or context.engine is None:
        return
    told = _meaning(context.original_exception, name_of(context.engine), context.dialect.name)
    if told is not None:
        raise told


def _meaning(error: BaseException, where: str, dialect: str) -> SyncError | None:
    """What a driver's error means; None when it is a bug of ours."""
    reason = (str(error).splitlines() or [""])[0].strip().rstrip(".")
    state = getattr(error, "sqlstate", None) or ""
    away = dialect != "sqlite" and type(error).__name__ == "OperationalError" and not state
    if state.startswith(_LOCKED) or _SQLITE_LOCKED in reason:
        return _busy(where)
    if away or state.startswith(_PASSING):
        return JournalAway(f"The journal {where} does not answer: {reason}.", remedy=_ANSWER)
    if state.startswith(("28", "3D", "3F", "42501")) or (dialect == "sqlite" and _is_file_trouble(error)):
        return StateUnusable(f"The journal {where} cannot be used: {reason}.", remedy=_CHECK)
    return None


def _busy(where: str) -> JournalBusy:
    return JournalBusy(
        f"Another process has kept the journal {where} locked for {LOCK_WAIT_S:.0f} s.",
        remedy="Wait for it or end it, then run again.",
    )


def _is_file_trouble(error: BaseException) -> bool:
    """A file that is no journal, or that cannot be read or written: damaged, no rights, no room on the disk."""
    code = getattr(error, "sqlite_errorname", "")
    return code.startswith(
        (
            "SQLITE_NOTADB",
            "SQLITE_CORRUPT",
            "SQLITE_CANTOPEN",
            "SQLITE_READONLY",
            "SQLITE_FULL",
            "SQLITE_IOERR",
            "SQLITE_PERM",
        )
    )
