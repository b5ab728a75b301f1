"""A few seeds of `make soak`, and a process that is really killed."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest
from cli_runner import LEADGRADE, environment, leadgrade, pointing_at

from connectors.clock import SystemClock
from tests.soak.scenario import soak
from tests.soak.world import Wishes, world

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox.core import Call
    from tests.sandboxes import Sandbox


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_disturbed_runs_end_where_undisturbed_ones_do(seed: int, tmp_path: Path) -> None:
    soak(seed, tmp_path)


def test_a_backfill_that_is_killed_goes_on_and_ends_the_same(tmp_path: Path) -> None:
    """SIGKILL in the middle of writing: HubSpot's rows are noted, Salesforce's are not."""
    wishes = Wishes(seed=1, now=SystemClock().now())
    folder = tmp_path / "command"
    with world(tmp_path / "calm", wishes) as calm, world(tmp_path / "rough", wishes) as rough:
        assert calm.run("backfill").exit_code == 0
        folder.mkdir()
        (folder / "scoring.yaml").write_text((tmp_path / "rough" / "scoring.yaml").read_text())
        (folder / "leadgrade.yaml").write_text("hubspot: {}\nsalesforce: {}\n")
        assert _killed_at(rough.crms, "/composite/sobjects", folder) == -signal.SIGKILL
        assert rough.values() != calm.values()
        done = leadgrade("backfill", cwd=folder, env=pointing_at(rough.crms))
        assert done.returncode == 0, done.stderr
        assert rough.values() == calm.values()


def _killed_at(crms: Sandbox, path: str, folder: Path) -> int:
    """The exit code of a backfill that is killed when its first call of `path` has had its effect."""
    journal = crms.shared.journal
    add = journal.add

    def watched(call: Call) -> None:
        add(call)
        if path in call.path:
            os.kill(process.pid, signal.SIGKILL)

    journal.add = watched  # type: ignore[method-assign] # a test's spy
    with subprocess.Popen(
        [LEADGRADE, "backfill"], cwd=folder, env=environment(pointing_at(crms)), stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        process.wait(timeout=60)
    journal.add = add  # type: ignore[method-assign] # as above
    return process.returncode
