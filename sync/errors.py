"""What can stop a run, by the reaction it asks for.

    SyncError
    ├── Busy               another process does the same work; try again later          exit 6
    │   ├── LeaseLost      our lease ran out and somebody else took over                exit 6
    │   ├── MirrorBusy     another process keeps the mirror open                        exit 6
    │   └── JournalBusy    another process keeps the journal locked                     exit 6
    ├── JournalAway        the journal's database does not answer                       exit 5
    ├── StateUnusable      the mirror or the journal cannot be read by this version     exit 2
    ├── GuardTripped       a guard stopped the run before anything was written          exit 4
    └── Stopped            a signal asked for the end; everything so far is kept        exit 128 + signal

Together with `connectors.errors` and `config.errors` these are all the errors a run ends with on purpose: each
carries `exit_code`, and its text says what happened, where, and what to do about it.
"""

from __future__ import annotations


class SyncError(Exception):
    """Base: what happened, and what to do about it."""

    exit_code = 70

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".strip()


class Busy(SyncError):
    """Somebody else is at it; the message says who."""

    exit_code = 6


class LeaseLost(Busy):
    """The lease ran out while this process was away, and another one has it now."""


class MirrorBusy(Busy):
    """The mirror's file stayed locked for longer than we are ready to wait."""


class JournalBusy(Busy):
    """Another process kept the journal locked for longer than we are ready to wait."""


class JournalAway(SyncError):
    """The journal's database does not answer, or not as it should; nothing is lost."""

    exit_code = 5


class StateUnusable(SyncError):
    """A state file of a newer version, or a damaged one."""

    exit_code = 2


class GuardTripped(SyncError):
    """Nothing was written, because something looked wrong."""

    exit_code = 4


class Stopped(SyncError):
    """A signal asked for the end; raised at a checkpoint."""

    def __init__(self, signal: int) -> None:
        super().__init__(f"Stopped by signal {signal} after a checkpoint.", remedy="Run again to go on.")
        self.signal = signal
        self.exit_code = 128 + signal
