"""One run at a time, and an orderly end on a signal."""

import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cli_runner import LEADGRADE, environment, leadgrade, pointing_at
from conftest import Sandbox

from cli.setup import write_starting_files
from connectors.clock import SystemClock


@pytest.mark.slow
def test_a_signal_ends_the_run_at_a_checkpoint_and_the_next_run_goes_on(
    sandbox: Callable[..., Sandbox], tmp_path: Path
) -> None:
    crms = sandbox(people=40, now=SystemClock().now())
    list(write_starting_files(tmp_path))
    env = pointing_at(crms)
    assert leadgrade("provision", cwd=tmp_path, env=env).returncode == 0
    crms.shared.latency_s = 0.2  # so that the run is under way for as long as this test needs
    with subprocess.Popen(
        [LEADGRADE, "backfill", "--approve"],
        cwd=tmp_path,
        env=environment(env),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as first:
        assert first.stderr is not None
        while "pull hubspot accounts" not in first.stderr.readline():
            pass
        second = leadgrade("sync", cwd=tmp_path, env=env)
        looked = leadgrade("status", cwd=tmp_path, env=env)
        first.send_signal(signal.SIGTERM)
        _, said = first.communicate(timeout=60)
    assert second.returncode == 6
    assert f"process {first.pid}" in second.stderr
    assert f"process {first.pid}" in looked.stdout
    assert first.returncode == 128 + 15
    assert "leadgrade: Stopped by signal 15 after a checkpoint. Run again to go on." in said
    assert "Traceback" not in said

    crms.shared.latency_s = 0.0
    done = leadgrade("backfill", "--approve", cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stderr
    assert "Written" in done.stdout
