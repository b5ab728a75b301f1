"""The daemon: when jobs are due, that missed ones become one, and how it ends."""

from __future__ import annotations

import os
import signal
import threading
from datetime import UTC, datetime, timedelta

import pytest
from sync_rig import NOW

from config.settings import ScheduleSettings
from connectors.errors import AuthStop
from sync.daemon import make_scheduler, serve
from sync.errors import Busy, Stopped
from sync.report import Failure, Report, RunKind
from sync.stop import Stop


def report(kind: RunKind, failure: Failure | None = None) -> Report:
    return Report(run_id=1, kind=kind, started_at=NOW, duration_s=0, model_version="m@1", failure=failure)


def test_jobs_are_due_by_cron_in_utc_and_missed_runs_are_one() -> None:
    schedule = ScheduleSettings(sync="*/10 * * * *", rescore="15 3 * * *")
    scheduler = make_scheduler(schedule, report, begin_at=NOW)
    jobs = {job.id: job for job in scheduler.get_jobs()}
    due = {
        name: job.trigger.get_next_fire_time(None, NOW + timedelta(seconds=1)).astimezone(UTC)
        for name, job in jobs.items()
    }
    assert due == {
        "sync": datetime(2026, 6, 15, 12, 10, tzinfo=UTC),
        "rescore": datetime(2026, 6, 16, 3, 15, tzinfo=UTC),
    }
    assert jobs["sync"].next_run_time == NOW
    scheduler.start(paused=True)
    try:
        for job in scheduler.get_jobs():
            assert (job.coalesce, job.max_instances, job.misfire_grace_time) == (True, 1, None)
    finally:
        scheduler.shutdown()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_six_hours_missed_are_one_run_and_a_signal_ends_it_after_the_checkpoint(number: signal.Signals) -> None:
    stop = Stop()
    runs: list[str] = []

    def run_once(kind: RunKind) -> Report:
        runs.append(f"{kind} began")
        os.kill(os.getpid(), number)
        asked = threading.Event()
        stop.on_request(asked.set)
        if not stop.requested:
            asked.wait(20)
        runs.append(f"{kind} reached its checkpoint")
        return report(kind)

    six_hours_ago = datetime.now(UTC) - timedelta(hours=6)  # noqa: TID251 - APScheduler asks the machine's clock itself
    with stop.listening():
        code = serve(ScheduleSettings(sync="* * * * *"), run_once, stop, begin_at=six_hours_ago)
    assert code == 128 + number
    assert runs == ["sync began", "sync reached its checkpoint"]


def test_a_run_that_fails_does_not_end_the_daemon() -> None:
    errors = iter([Busy("Another run."), AuthStop("no", crm="hubspot"), ZeroDivisionError("a bug"), None])
    stop = Stop()
    ran: list[RunKind] = []

    def run_once(kind: RunKind) -> Report:
        ran.append(kind)
        error = next(errors)
        if error:
            raise error
        stop.request(signal.SIGTERM)
        return report(kind, Failure(kind="Stopped", message="Stopped.", exit_code=143))

    scheduler = make_scheduler(ScheduleSettings(), run_once, begin_at=NOW)
    scheduler.start(paused=True)
    try:
        job = scheduler.get_job("sync")
        for _ in range(4):
            job.func(*job.args)
    finally:
        scheduler.shutdown()
    assert ran == ["sync"] * 4
    assert stop.requested


def test_the_second_signal_leaves_at_once() -> None:
    left: list[int] = []
    stop = Stop(leave=left.append)
    with stop.listening():
        os.kill(os.getpid(), signal.SIGTERM)
        assert left == []
        with pytest.raises(Stopped) as caught:
            stop.check()
        assert caught.value.exit_code == 143
        os.kill(os.getpid(), signal.SIGINT)
    assert left == [130]
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
