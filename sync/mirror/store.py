"""The mirror's file: opened for a batch, then let go, so that others have their turn."""

from __future__ import annotations

import contextlib
import copy
import os
import re
import shutil
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import duckdb
import orjson

from scoring.facts import ATTRIBUTE_PREFIX, OUTPUT_BY_NAME, Table
from sync import folder
from sync.errors import LeaseLost, MirrorBusy, StateUnusable
from sync.mirror.tables import SCHEMA_VERSION, create_all, past_of, quoted, typed_columns

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from config.attributes import AttributeType
    from connectors.clock import Clock

LOCK_WAIT_S: Final = 120.0
"""How long another process may keep the file before we give up; scoring a million people takes seconds."""

REWRITE_EVERY: Final = timedelta(days=1)
"""At most so often a run makes the file anew for people whom a CRM erased."""

_POLL_S: Final = 0.1
_ERASED: Final = "erased_since_rewrite"
_REWRITE_BEGUN: Final = "rewrite_begun"
_DELETE_IT: Final = "It holds only copies of what the CRMs hold: delete it, and the next run pulls everything anew."


class Mirror:
    """Where the facts are. Every `open` is one turn with the file; DuckDB lets one process in at a time."""

    def __init__(
        self,
        path: Path,
        *,
        types: Mapping[str, AttributeType],
        mapping: str,
        memory_limit_mb: int,
        clock: Clock,
        threads: int | None = None,
        lock_wait_s: float = LOCK_WAIT_S,
    ) -> None:
        """`types` gives the attribute columns; `mapping` is any text that changes when attributes are mapped anew."""
        self.path = path
        self.types = dict(types)
        self._layout: dict[str, Any] = {
            "version": SCHEMA_VERSION, "types": self.types, "mapping": mapping, "observed": [*OUTPUT_BY_NAME]
        }  # fmt: skip
        self._config: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": f"{memory_limit_mb}MB",
            "threads": threads or min(4, os.cpu_count() or 1),
            "preserve_insertion_order": False,
            "python_enable_replacements": False,  # a table that is missing must not be found among our variables
        }
        self._clock = clock
        self._lock_wait_s = lock_wait_s
        self.fence: int | None = None  # of the lease's holder in whose hands it is

    def under(self, fence: int) -> Mirror:
        """The same file in the hands of the lease's holder with this `fence`: a turn with it is refused (`LeaseLost`)
        once a later holder has written.
        """
        held = copy.copy(self)
        held.fence = fence
        return held

    @contextlib.contextmanager
    def open(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection with all tables in place.

        Raises `MirrorBusy` when another process keeps the file locked, `StateUnusable` when it is damaged, of a
        newer version, or when the work inside the block needs more memory than allowed, `LeaseLost` (see `under`).
        """
        folder.ensure(self.path.parent)
        connection = self._connect()
        try:
            connection.execute("SET TimeZone = 'UTC'")
            if self.fence is not None and _stored_layout(connection) is not None:
                _refuse_older(connection, self.fence)
            self._prepare(connection)
            yield connection
        except duckdb.OutOfMemoryException as error:
            raise StateUnusable(
                f"The mirror {self.path} needs more memory than {self._config['memory_limit']}.",
                remedy="Raise store.memory_limit_mb and run again; nothing is lost.",
            ) from error
        finally:
            connection.close()

    def rewrite(self) -> None:
        """Make the file anew: DuckDB keeps what was deleted in blocks that are free, and a process that was killed
        leaves what it had moved to disk for want of memory.

        Needs room for a second file. Nobody gets in meanwhile; who dies half-way leaves the old file as it was.
        """
        fresh = self.path.with_name(self.path.name + ".new")
        for rest in (fresh, fresh.with_name(fresh.name + ".wal")):
            rest.unlink(missing_ok=True)
        with self.open() as connection:
            shutil.rmtree(self.path.with_name(self.path.name + ".tmp"), ignore_errors=True)
            name = quoted(connection.execute("SELECT current_database()").fetchall()[0][0])
            connection.execute("CHECKPOINT")
            place = str(fresh).replace("'", "''")
            connection.execute(f"ATTACH '{place}' AS fresh")
            connection.execute(f"COPY FROM DATABASE {name} TO fresh")
            connection.execute("DELETE FROM fresh.store.meta WHERE key = ?", [_ERASED])
            connection.execute("DETACH fresh")
            fresh.chmod(self.path.stat().st_mode & 0o777)
            fresh.replace(self.path)

    def _connect(self) -> duckdb.DuckDBPyConnection:
        deadline = self._clock.monotonic() + self._lock_wait_s
        while True:
            try:
                return duckdb.connect(str(self.path), config=self._config)
            except duckdb.Error as error:
                text = str(error)
                if "Could not set lock" not in text:
                    reason = text.splitlines()[0].rstrip(".!")
                    raise StateUnusable(
                        f"The mirror {self.path} cannot be read: {reason}.", remedy=_DELETE_IT
                    ) from error
                if self._clock.monotonic() >= deadline:
                    holder = re.search(r"PID (\d+)", text)
                    who = f"process {holder[1]}" if holder else "another process"
                    raise MirrorBusy(
                        f"{who} has kept the mirror {self.path} open for {self._lock_wait_s:.0f} s.",
                        remedy="Wait for it or end it, then run again.",
                    ) from error
            self._clock.sleep(_POLL_S)

    def _prepare(self, connection: duckdb.DuckDBPyConnection) -> None:
        stored = _stored_layout(connection)
        if stored == self._layout:
            return
        if stored is not None and stored["version"] > SCHEMA_VERSION:
            raise StateUnusable(f"The mirror {self.path} was written by a newer Leadgrade.", remedy=_DELETE_IT)
        with transaction(connection):
            if stored is None or stored["version"] < SCHEMA_VERSION:
                connection.execute(create_all(self.types))
            else:
                self._make_room(connection)
                if any(stored[part] != self._layout[part] for part in ("types", "mapping")):
                    _read_afresh(connection)
            set_meta(connection, "layout", orjson.dumps(self._layout).decode())

    def _make_room(self, connection: duckdb.DuckDBPyConnection) -> None:
        """A column for each attribute as it is mapped now, and for each field that we write."""
        for table in (Table.RECORDS, Table.ACCOUNTS):
            for name in (f"store.{table}", past_of(table)):
                _fit_columns(connection, name, typed_columns(table, self.types))


def _fit_columns(connection: duckdb.DuckDBPyConnection, table: str, wanted: Mapping[str, str]) -> None:
    present = {name: sql_type for name, sql_type, *_ in connection.execute(f"DESCRIBE {table}").fetchall()}
    for name, sql_type in list(present.items()):
        if name.startswith(ATTRIBUTE_PREFIX) and wanted.get(name) != sql_type:
            connection.execute(f"ALTER TABLE {table} DROP COLUMN {quoted(name)}")
            del present[name]
    for name in wanted.keys() - present.keys():
        connection.execute(f"ALTER TABLE {table} ADD COLUMN {quoted(name)} {wanted[name]}")


def _read_afresh(connection: duckdb.DuckDBPyConnection) -> None:
    """Have the streams that carry attributes read from their beginning."""
    connection.execute("DELETE FROM store.cursors WHERE split_part(stream, '.', 1) IN ('records', 'accounts')")
    connection.execute("DELETE FROM store.meta WHERE starts_with(key, 'whole.')")


@contextlib.contextmanager
def transaction(connection: duckdb.DuckDBPyConnection, fence: int | None = None) -> Iterator[None]:
    """All or nothing. With `fence`, refused when a later holder of the lease has written already (`LeaseLost`)."""
    connection.execute("BEGIN")
    try:
        if fence is not None:
            _pass_fence(connection, fence)
        yield
    except BaseException:
        with contextlib.suppress(duckdb.Error):  # a failed COMMIT has rolled back by itself
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def last_fence(connection: duckdb.DuckDBPyConnection) -> int:
    """The fence of the last holder of the lease who wrote here."""
    return int(meta(connection, "fence") or 0)


def _pass_fence(connection: duckdb.DuckDBPyConnection, fence: int) -> None:
    if _refuse_older(connection, fence) < fence:
        set_meta(connection, "fence", str(fence))


def _refuse_older(connection: duckdb.DuckDBPyConnection, fence: int) -> int:
    """The fence of the last holder who wrote. Raises `LeaseLost` when that one came after the holder of `fence`."""
    last = last_fence(connection)
    if last > fence:
        raise LeaseLost("Another process has taken over the mirror.", remedy="Nothing is lost; it goes on from here.")
    return last


def meta(connection: duckdb.DuckDBPyConnection, key: str) -> str | None:
    """A remark of the mirror about itself."""
    found = connection.execute("SELECT value FROM store.meta WHERE key = ?", [key]).fetchall()
    return found[0][0] if found else None


def set_meta(connection: duckdb.DuckDBPyConnection, key: str, value: str | None) -> None:
    """Set a remark; None removes it."""
    connection.execute("DELETE FROM store.meta WHERE key = ?", [key])
    if value is not None:
        connection.execute("INSERT INTO store.meta VALUES (?, ?)", [key, value])


def note_erased(connection: duckdb.DuckDBPyConnection) -> None:
    """Values of people have been erased: free blocks of the file still hold them."""
    set_meta(connection, _ERASED, "yes")


def rewrite_is_due(connection: duckdb.DuckDBPyConnection, now: datetime) -> bool:
    """Whether values have been erased since the file was made anew, and that was not begun within the last day.

    If so, it counts as begun now.
    """
    begun = meta(connection, _REWRITE_BEGUN)
    if meta(connection, _ERASED) is None or (begun and now - datetime.fromisoformat(begun) < REWRITE_EVERY):
        return False
    set_meta(connection, _REWRITE_BEGUN, now.isoformat())
    return True


def cursors(connection: duckdb.DuckDBPyConnection, crm: str) -> dict[str, str]:
    """Stream -> cursor up to which its rows are stored."""
    return dict(connection.execute("SELECT stream, cursor FROM store.cursors WHERE crm = ?", [crm]).fetchall())


def is_whole(connection: duckdb.DuckDBPyConnection, crm: str) -> bool:
    """Whether the mirror has once held all that the CRM has, of the attributes as they are mapped now."""
    return meta(connection, f"whole.{crm}") is not None


def set_whole(connection: duckdb.DuckDBPyConnection, crm: str, now: datetime) -> None:
    """Every stream of the CRM has been read to its end."""
    set_meta(connection, f"whole.{crm}", now.isoformat())


def restart(connection: duckdb.DuckDBPyConnection, now: datetime) -> bool:
    """Have every stream read from its beginning; False when that is under way already and was interrupted."""
    if meta(connection, "backfill_since") is not None:
        return False
    with transaction(connection):
        connection.execute("DELETE FROM store.cursors")
        set_meta(connection, "backfill_since", now.isoformat())
    return True


def restarted(connection: duckdb.DuckDBPyConnection) -> None:
    """What `restart` began has come to its end."""
    set_meta(connection, "backfill_since", None)


def _stored_layout(connection: duckdb.DuckDBPyConnection) -> dict[str, Any] | None:
    try:
        text = meta(connection, "layout")
    except duckdb.CatalogException:
        return None
    return None if text is None else orjson.loads(text)
