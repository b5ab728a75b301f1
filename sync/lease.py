"""One run at a time, across processes and machines: a lease in the journal, with a fencing number.

The holder renews the lease at every checkpoint, and looks at it before each call to a CRM. A holder that is gone is
found out at once on its own machine, and elsewhere when the lease has expired. Every new holder has a greater fencing
number; journal and mirror refuse notes with a smaller one. So a process that slept through its lease neither calls a
CRM nor writes over its successor, also where both have a mirror of their own and share the journal alone.
"""

from __future__ import annotations

import contextlib
import os
import socket
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select, update

from sync.errors import Busy, LeaseLost
from sync.journal.tables import leases

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sqlalchemy import Connection, Row

    from connectors.base import Connector
    from connectors.clock import Clock
    from sync.journal.book import Journal

NAME: Final = "run"
LENGTH: Final = timedelta(minutes=15)
"""Longer than a connector may wait for a server between two checkpoints."""


@dataclass(frozen=True, slots=True)
class Holder:
    """A process. `host` names the machine and, where there is one, the container's own process namespace."""

    pid: int
    host: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host.partition('/')[0]}"


def this_process() -> Holder:
    """The holder that this process is."""
    try:
        namespace = "/" + str(Path("/proc/self/ns/pid").readlink()).removeprefix("pid:")
    except OSError:
        namespace = ""
    return Holder(os.getpid(), socket.gethostname() + namespace)


def is_alive(holder: Holder) -> bool:
    """Whether a process of this machine still runs. A process id that was given anew counts as alive."""
    try:
        os.kill(holder.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


class Lease:
    """A lease that is held. Made by `held`."""

    def __init__(self, journal: Journal, clock: Clock, holder: Holder, fence: int, before: int) -> None:
        self._journal = journal
        self._clock = clock
        self._renewed = clock.now(), clock.monotonic()
        self.holder = holder
        self.fence = fence
        self.before = before  # the fence of the holder before

    def keep(self) -> None:
        """Hold on, at little cost: the journal is asked once a third of the lease has gone by. Raises as `renew`.

        Both clocks are looked at: one stands still while a machine sleeps, the other may be set back.
        """
        now, then = self._renewed
        passed = self._clock.now() - now
        if not timedelta() <= passed < LENGTH / 3 or self._clock.monotonic() - then >= LENGTH.total_seconds() / 3:
            self.renew()

    def renew(self) -> None:
        """Hold on. Raises `LeaseLost` when another holder has taken over."""
        now, then = self._clock.now(), self._clock.monotonic()
        values = {"heartbeat_at": now, "expires_at": now + LENGTH}
        with self._journal.engine.begin() as connection:
            ours = (leases.c.name == NAME) & (leases.c.fence == self.fence) & leases.c.pid.is_not(None)
            if connection.execute(update(leases).where(ours).values(values)).rowcount:
                self._renewed = now, then
                return
            row = connection.execute(select(leases).where(leases.c.name == NAME)).one()
        raise _lost(row)

    def release(self) -> None:
        """Let go; nothing happens when it was lost."""
        free = {"pid": None, "host": None, "acquired_at": None, "heartbeat_at": None, "expires_at": None}
        with self._journal.engine.begin() as connection:
            ours = (leases.c.name == NAME) & (leases.c.fence == self.fence)
            connection.execute(update(leases).where(ours).values(free))


@contextlib.contextmanager
def held(
    journal: Journal, clock: Clock, *, holder: Holder | None = None, alive: Callable[[Holder], bool] = is_alive
) -> Iterator[Lease]:
    """Hold the lease inside the block. Raises `Busy`, saying who holds it since when."""
    lease = _acquire(journal, clock, holder or this_process(), alive)
    try:
        yield lease
    finally:
        lease.release()


@contextlib.contextmanager
def before_each_call(lease: Lease, connectors: Mapping[str, Connector]) -> Iterator[None]:
    """Look at the lease before each call that one of the connectors makes inside the block (see `Lease.keep`)."""
    for connector in connectors.values():
        connector.ask_before_calls(lease.keep)
    try:
        yield
    finally:
        for connector in connectors.values():
            connector.ask_before_calls(None)


def _acquire(journal: Journal, clock: Clock, holder: Holder, alive: Callable[[Holder], bool]) -> Lease:
    now = clock.now()
    with journal.engine.begin() as connection:
        row = connection.execute(select(leases).where(leases.c.name == NAME)).one()
        if row.pid is not None:
            other = Holder(row.pid, row.host)
            is_dead = other.host == holder.host and other != holder and not alive(other)
            if row.expires_at > now and not is_dead:
                raise Busy(
                    f"Another run is under way: {_whose(row)}, since {row.acquired_at:%Y-%m-%d %H:%M:%S} UTC.",
                    remedy="Wait for it to end, or stop it and run again.",
                )
        taken = update(leases).where((leases.c.name == NAME) & (leases.c.fence == row.fence))
        # Never below the seconds since 1970: a mirror must not refuse a journal that was made anew or restored.
        fence = max(row.fence + 1, int(now.timestamp()))
        values = {
            "fence": fence, "pid": holder.pid, "host": holder.host,
            "acquired_at": now, "heartbeat_at": now, "expires_at": now + LENGTH,
        }  # fmt: skip
        # Where two processes read the same row at once, only one finds its fence unchanged.
        if not connection.execute(taken.values(values)).rowcount:
            raise Busy("Another run has just begun.", remedy="Wait for it to end, then run again.")
    return Lease(journal, clock, holder, fence, row.fence)


def wait_for_turn(connection: Connection) -> Row[Any]:
    """The lease's row, locked: until the transaction ends nobody takes over, and nobody else notes anything."""
    return connection.execute(select(leases).where(leases.c.name == NAME).with_for_update()).one()


def pass_fence(connection: Connection, fence: int) -> None:
    """`wait_for_turn`, and let the transaction go on if no later holder than that of `fence` has come.

    Raises `LeaseLost`.
    """
    row = wait_for_turn(connection)
    if row.fence != fence:
        raise _lost(row)


def holder_of(journal: Journal) -> tuple[Holder, datetime] | None:
    """Who holds the lease, and until when; None while nobody does."""
    with journal.reading() as connection:
        row = connection.execute(select(leases).where(leases.c.name == NAME)).one()
    return None if row.pid is None else (Holder(row.pid, row.host), row.expires_at)


def _lost(row: Row[tuple[object, ...]]) -> LeaseLost:
    return LeaseLost(
        f"The lease ran out while this run was away, and {_whose(row)} took over.",
        remedy="Everything stored so far is kept, and the other run goes on from it.",
    )


def _whose(row: Row[tuple[object, ...]]) -> str:
    return str(Holder(row.pid, row.host)) if row.pid is not None else "another run"
