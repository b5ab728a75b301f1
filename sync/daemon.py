"""Runs on a schedule until a signal: ``sync`` often, ``rescore`` daily, ``reconcile`` weekly, one at a time.

Runs that were missed (a laptop asleep, a long run before) become one. A run that fails is told in the journal, the log
and by alerts, and the next one comes at its time: the daemon ends only when it is asked to. Settings, model and secrets
are read anew for each run, so that what was mended counts at once, and what was broken stops nothing for good.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import structlog

from config.errors import ConfigError
from connectors.errors import ConnectorError
from sync.agenda import Agenda
from sync.errors import Busy, SyncError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from config.daemon_settings import ScheduleSettings
    from connectors.clock import Clock
    from sync.pulse import Pulse
    from sync.report import Report, ScheduledKind
    from sync.stop import Stop

log = structlog.get_logger()

TURN_S: Final = 30.0
"""The longest the daemon waits before it looks at the clock again, which may have been set, or its machine asleep."""

TEND_S: Final = 5.0
"""Seconds between two looks at what runs do and which alerts wait."""

BUG: Final = 70


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run of the daemon ended; without a report it could not even begin."""

    kind: ScheduledKind
    at: datetime
    exit_code: int
    why: str = ""  # what, where and what to do; empty when all is well
    resets_at: datetime | None = None
    report: Report | None = None


@dataclass(frozen=True)
class Daemon:
    """What the daemon works with.

    `run_once` gets the same `stop`, so that a run under way ends at its next checkpoint. `schedule` reads the settings
    anew, and raises while they are broken. `pause` waits for so many seconds, or less when `stop` is asked for.
    `on_end` hears how each run ended.
    """

    run_once: Callable[[ScheduledKind], Report]
    schedule: Callable[[], ScheduleSettings]
    clock: Clock
    stop: Stop
    pulse: Pulse
    pause: Callable[[float], object]
    on_end: Callable[[Ended], object] = lambda _: None

    def go_on(self, schedule: ScheduleSettings) -> None:
        """Run jobs when they are due until `stop` is asked for, the first sync at once."""
        agenda = Agenda(schedule, begin_at=self.clock.now())
        while not self.stop.requested:
            due = self.pulse.next = agenda.next()
            self.pulse.waits_until = agenda.waits_until
            self.pulse.move()
            wait_s = (due.at - self.clock.now()).total_seconds()
            if wait_s > 0:
                self.pause(min(wait_s, TURN_S))
                continue
            ended = self.run(due.kind)
            schedule = self._schedule_now(schedule)
            agenda.follow(schedule, ended.at)
            agenda.ended(due.kind, ended.at, ended.exit_code, ended.resets_at)
            self._tell(ended)

    def run(self, kind: ScheduledKind) -> Ended:
        """One run, however it ends."""
        self.pulse.running = kind
        try:
            ended = self._run(kind)
        finally:
            self.pulse.running = None
        self.pulse.last_exit = ended.exit_code
        say = log.info if ended.exit_code in {0, 1, Busy.exit_code} else log.error
        run_id = ended.report.run_id if ended.report else None
        say("run done", kind=kind, run=run_id, exit_code=ended.exit_code, why=ended.why)
        return ended

    def _run(self, kind: ScheduledKind) -> Ended:
        try:
            report = self.run_once(kind)
        except (SyncError, ConnectorError, ConfigError) as error:
            resets_at = error.resets_at if isinstance(error, ConnectorError) else None
            return Ended(kind, self.clock.now(), error.exit_code, str(error), resets_at)
        except Exception as error:  # noqa: BLE001 - a bug in one run must not end all runs to come
            # Neither message nor traceback: both may hold personal values.
            return Ended(kind, self.clock.now(), BUG, f"An unforeseen error, {type(error).__name__}; a bug.")
        failure = report.failure
        why, resets_at = (failure.message, failure.resets_at) if failure else ("", None)
        return Ended(kind, self.clock.now(), report.exit_code, why, resets_at, report)

    def _tell(self, ended: Ended) -> None:
        try:
            self.on_end(ended)
        except Exception as error:  # noqa: BLE001 - telling of a run must not end all runs to come
            log.error("a run could not be told of", error=type(error).__name__)  # noqa: TRY400 - may hold personal values

    def _schedule_now(self, known: ScheduleSettings) -> ScheduleSettings:
        try:
            return self.schedule()
        except ConfigError:  # the run has told it
            return known


def serve(
    daemon: Daemon, schedule: ScheduleSettings, *, tend: Callable[[], object] = lambda: None, every_s: float = TEND_S
) -> int:
    """Run until `daemon.stop` is asked for; the exit code, 128 + signal.

    Runs have a thread of their own, so that the second signal ends the process in the midst of a long query; a run
    under way is waited for. Every so often `tend` is called in another one: to deliver alerts, and to see whether the
    runs still move. Raises what ended the daemon's own loop, which is a bug.
    """
    crash: list[BaseException] = []

    def run() -> None:
        try:
            daemon.go_on(schedule)
        except BaseException as error:  # noqa: BLE001 - raised again by the main thread
            crash.append(error)

    def watch() -> None:
        while not daemon.stop.wait(every_s):
            try:
                tend()
            except Exception as error:  # noqa: BLE001 - watching must not end the runs, nor the watching to come
                log.error("watching failed", error=type(error).__name__)  # noqa: TRY400 - may hold personal values

    runs = threading.Thread(target=run, name="runs", daemon=True)
    log.info("daemon started", sync=schedule.sync, rescore=schedule.rescore, reconcile=schedule.reconcile)
    runs.start()
    threading.Thread(target=watch, name="watch", daemon=True).start()
    runs.join()
    if crash:
        raise crash[0]
    log.info("daemon ended", signal=daemon.stop.signal)
    return 128 + (daemon.stop.signal or 0)
