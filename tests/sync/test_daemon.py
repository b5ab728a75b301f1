"""The daemon's loop under a clock that is moved, and how it ends."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs
from sync_rig import NOW

from config.daemon_settings import ScheduleSettings
from config.errors import ConfigError
from connectors.clock import FakeClock
from connectors.errors import AuthStop, LimitReached
from sync.daemon import Daemon, Ended, serve
from sync.errors import Busy, Stopped
from sync.progress import Silent, Step
from sync.pulse import Pulse, Watched
from sync.report import Failure, Report, ScheduledKind
from sync.stop import Stop

if TYPE_CHECKING:
    from collections.abc import Callable


def report(kind: ScheduledKind, failure: Failure | None = None) -> Report:
    return Report(run_id=1, kind=kind, started_at=NOW, duration_s=0, model_version="m@1", failure=failure)


def daemon_of(run_once: Callable[[ScheduledKind], Report], clock: FakeClock, stop: Stop) -> tuple[Daemon, list[Ended]]:
    """A daemon whose pauses move the clock, and how its runs ended."""
    ended: list[Ended] = []
    made = Daemon(
        run_once=run_once, schedule=ScheduleSettings, clock=clock, stop=stop, pulse=Pulse(clock), pause=clock.sleep,
        on_end=ended.append,
    )  # fmt: skip
    return made, ended


def test_a_day_of_work() -> None:
    clock, stop = FakeClock(NOW), Stop()
    ran: list[str] = []

    def run_once(kind: ScheduledKind) -> Report:
        ran.append(f"{clock.now():%H:%M} {kind}")
        clock.advance(130)
        if clock.now() >= NOW + timedelta(days=1):
            stop.request(signal.SIGTERM)
        return report(kind)

    made, _ = daemon_of(run_once, clock, stop)
    made.go_on(ScheduleSettings())
    assert ran[:3] == ["12:00 sync", "12:10 sync", "12:20 sync"]
    assert [run for run in ran if "sync" not in run] == ["03:15 rescore"]
    assert len(ran) == 24 * 6 + 2


def test_whatever_ends_a_run_the_next_one_comes_and_settings_are_read_anew() -> None:
    clock, stop = FakeClock(NOW), Stop()
    schedules = iter([ScheduleSettings(), ConfigError("broken."), ScheduleSettings(sync="*/5 * * * *")])
    reset = NOW + timedelta(hours=3)
    errors = iter([
        Busy("Another run."), ConfigError("broken."), ZeroDivisionError("ada@example.com"),
        AuthStop("refused.", crm="hubspot"), LimitReached("used up.", crm="hubspot", resets_at=reset), None,
    ])  # fmt: skip

    def run_once(kind: ScheduledKind) -> Report:
        error = next(errors)
        if error:
            raise error
        stop.request(signal.SIGTERM)
        return report(kind, Failure(kind="Stopped", message="Stopped.", exit_code=143))

    def schedule() -> ScheduleSettings:
        found = next(schedules, ScheduleSettings(sync="*/5 * * * *"))
        if isinstance(found, ConfigError):
            raise found
        return found

    made, ended = daemon_of(run_once, clock, stop)
    with capture_logs() as logs:
        replace(made, schedule=schedule).go_on(ScheduleSettings())
    assert [(one.exit_code, (one.at - NOW) / timedelta(minutes=1)) for one in ended] == [
        (6, 0), (2, 10), (70, 20), (3, 25), (5, 35), (143, 180)
    ]  # fmt: skip
    assert "ada@" not in str(logs), "an unforeseen error may hold anything"
    assert [line["log_level"] for line in logs] == ["info", *["error"] * 5]


def test_93_a_run_that_stands_still_is_seen() -> None:
    clock = FakeClock(NOW)
    pulse = Pulse(clock)
    progress, step = Watched(Silent(), pulse), Step("pull", "hubspot", "records")
    progress.start(step)
    clock.advance(900)
    assert pulse.still_s == 900
    progress.advance(step, 10)
    assert pulse.still_s == 0
    progress.finish(step)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_94_a_signal_ends_the_run_under_way_after_its_checkpoint(number: signal.Signals) -> None:
    stop = Stop()
    runs: list[str] = []

    def run_once(kind: ScheduledKind) -> Report:
        runs.append(f"{kind} began")
        os.kill(os.getpid(), number)
        assert stop.wait(20)
        runs.append(f"{kind} reached its checkpoint")
        return report(kind)

    with stop.listening():
        made, _ = daemon_of(run_once, FakeClock(NOW), stop)
        code = serve(made, ScheduleSettings())
    assert code == 128 + number
    assert runs == ["sync began", "sync reached its checkpoint"]


def test_a_bug_of_the_loop_itself_is_not_hidden() -> None:
    def schedule() -> ScheduleSettings:
        raise ZeroDivisionError

    made, _ = daemon_of(report, FakeClock(NOW), Stop())
    with pytest.raises(ZeroDivisionError):
        serve(replace(made, schedule=schedule), ScheduleSettings())


def test_94_the_second_signal_leaves_at_once() -> None:
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
