"""Runs on a schedule until a signal: ``sync`` every few minutes, ``rescore`` once a day, one at a time.

Times are UTC. Runs that were missed (a laptop asleep, a long run before) become one. A run that fails is told in the
journal and the log, and the next one comes at its time: the daemon ends only when it is asked to.
"""

from __future__ import annotations

import threading
from datetime import UTC
from typing import TYPE_CHECKING

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger

from config.errors import ConfigError
from connectors.errors import ConnectorError
from sync.errors import Busy, SyncError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from apscheduler.job import Job

    from config.settings import ScheduleSettings
    from sync.report import Report, RunKind
    from sync.stop import Stop

log = structlog.get_logger()


def serve(schedule: ScheduleSettings, run_once: Callable[[RunKind], Report], stop: Stop, *, begin_at: datetime) -> int:
    """Run until `stop` is asked for; the exit code, 128 + signal.

    The first sync is due at `begin_at` (aware), usually now. `run_once` gets the same `stop`, so that a run under way
    ends at its next checkpoint; it is waited for.
    """
    ended = threading.Event()
    stop.on_request(ended.set)
    scheduler = make_scheduler(schedule, run_once, begin_at=begin_at)
    scheduler.start()
    log.info("daemon started", sync=schedule.sync, rescore=schedule.rescore)
    try:
        ended.wait()
    finally:
        scheduler.shutdown(wait=True)
    log.info("daemon ended", signal=stop.signal)
    return 128 + (stop.signal or 0)


def make_scheduler(
    schedule: ScheduleSettings, run_once: Callable[[RunKind], Report], *, begin_at: datetime
) -> BackgroundScheduler:
    """A scheduler with both jobs, not started yet.

    Its one thread lets a rescore wait for a sync under way instead of meeting its lease. A job that is late runs
    whenever its turn comes (no misfire limit), once for all the times it was missed.
    """
    scheduler = BackgroundScheduler(
        timezone=UTC,
        executors={"default": ThreadPoolExecutor(1)},
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
    )
    _add(scheduler, "sync", schedule.sync, run_once).modify(next_run_time=begin_at)
    _add(scheduler, "rescore", schedule.rescore, run_once)
    return scheduler


def _add(scheduler: BackgroundScheduler, kind: RunKind, cron: str, run_once: Callable[[RunKind], Report]) -> Job:
    trigger = CronTrigger.from_crontab(cron, timezone=UTC)
    return scheduler.add_job(_guarded, trigger, args=[kind, run_once], id=kind)


def _guarded(kind: RunKind, run_once: Callable[[RunKind], Report]) -> None:
    try:
        report = run_once(kind)
    except Busy as error:
        log.info("run left out", kind=kind, why=str(error))
    except (SyncError, ConnectorError, ConfigError) as error:
        log.error("run did not start", kind=kind, why=str(error))  # noqa: TRY400 - a user's mistake needs no traceback
    except Exception as error:  # noqa: BLE001 - a bug in one run must not end all runs to come
        # Neither message nor traceback: both may hold personal values.
        log.error("run failed", kind=kind, error=type(error).__name__)  # noqa: TRY400 - as said above
    else:
        why = report.failure.message if report.failure else ""
        log.info("run done", kind=kind, run=report.run_id, exit_code=report.exit_code, why=why)
