"""A process that dies: at a call, at a commit of the mirror, at a write to the journal.

Death is an exception that nothing may catch. Once it has come, the process has no further effect: every later call,
commit or write of it dies as well, whatever its blocks of `finally` and its other threads still try.
"""

from __future__ import annotations

import contextlib
import http.client
import itertools
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from unittest import mock

import duckdb
from sqlalchemy import Engine, event

from sync import lease

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NEVER: Final = 1 << 30
_PROCESSES: Final = itertools.count(1 << 22)
"""Process ids beyond Linux's greatest (2 to the 22nd): none of them is alive."""


class Killed(BaseException):
    """The process is gone."""


@dataclass
class Process:
    """Counts what it does: dies when it comes to the `after`-th moment of kind `at`.

    `on_call` hears the number of each call before it is sent.
    """

    at: str = "call"
    after: int = NEVER
    dead: bool = False
    on_call: Callable[[int], object] = lambda number: None
    moments: dict[str, int] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def moment(self, kind: str) -> None:
        """The process is about to do, or has just done, something that others can see."""
        with self._lock:
            if not self.dead:
                self.moments[kind] = count = self.moments.get(kind, 0) + 1
                self.dead = kind == self.at and count >= self.after
            if self.dead:
                raise Killed
            if kind == "call":
                self.on_call(count)


KINDS: Final = ("call", "answer", "commit", "committed", "journal")
"""A call before it is sent and after its answer, a commit of the mirror before and after, a write to the journal."""


@contextlib.contextmanager
def living(process: Process, *, holder: lease.Holder | None = None) -> Iterator[None]:
    """Whatever this block does is done by `process`; `holder` is by whom it holds the lease, a new one by default."""
    connection = http.client.HTTPConnection
    request, getresponse, connect = connection.putrequest, connection.getresponse, duckdb.connect

    def put(self: Any, *args: Any, **more: Any) -> Any:
        process.moment("call")
        return request(self, *args, **more)

    def get(self: Any) -> Any:
        answer = getresponse(self)
        process.moment("answer")
        return answer

    def write(_: Any) -> None:
        process.moment("journal")

    with (
        mock.patch.object(connection, "putrequest", put),
        mock.patch.object(connection, "getresponse", get),
        mock.patch.object(duckdb, "connect", lambda *args, **more: _Watched(connect(*args, **more), process)),
        mock.patch.object(lease, "this_process", return_value=holder or lease.Holder(next(_PROCESSES), "here")),
    ):
        event.listen(Engine, "commit", write)
        try:
            yield
        finally:
            event.remove(Engine, "commit", write)
            process.dead = True


class _Watched:
    """A DuckDB connection whose commits are seen."""

    def __init__(self, connection: Any, process: Process) -> None:
        self._connection = connection
        self._process = process

    def execute(self, sql: Any, *args: Any) -> Any:
        if sql != "COMMIT":
            return self._connection.execute(sql, *args)
        self._process.moment("commit")
        answer = self._connection.execute(sql, *args)
        self._process.moment("committed")
        return answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)
