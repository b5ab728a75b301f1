"""The installed command, killed by SIGKILL at random calls and begun again, ends where an undisturbed one does."""

from __future__ import annotations

import os
import random
import signal
import subprocess
from typing import TYPE_CHECKING, Final

from connectors.clock import SystemClock
from tests.cli_runner import LEADGRADE, environment, leadgrade, pointing_at
from tests.soak.world import MODEL, Wishes, world

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sandbox.core import Call
    from tests.sandboxes import Sandbox

CALLS: Final = 120
"""About as many as a small backfill makes before it writes."""


def killed_for_good(seed: int, folder: Path, tell: Callable[[str], None]) -> None:
    """Kill a backfill among its reads and another among its writes. The command has the system's clock: so do both
    worlds, and a seed is the same only up to the time of day.
    """
    chance = random.Random(seed)
    wishes = Wishes(seed=seed, now=SystemClock().now())
    with world(folder / "calm", wishes) as calm, world(folder / "rough", wishes) as rough:
        assert calm.run("backfill").exit_code == 0
        home = folder / "command"
        home.mkdir()
        (home / "scoring.yaml").write_text(MODEL)
        (home / "leadgrade.yaml").write_text("hubspot: {}\nsalesforce: {}\n")
        for crms_write, last in ((False, CALLS), (True, 3)):
            number = chance.randrange(1, last + 1)
            code = _killed_at(rough.crms, number, home, writes=crms_write)
            tell(f"seed {seed}: killed at {'write' if crms_write else 'call'} {number}, exit {code}")
            assert code in {-signal.SIGKILL, 0}, code
        done = leadgrade("backfill", "--approve", cwd=home, env=pointing_at(rough.crms))
        assert done.returncode == 0, done.stderr
        assert rough.values() == calm.values()


def _killed_at(crms: Sandbox, number: int, home: Path, *, writes: bool) -> int:
    """The exit code of a backfill that is killed when its call (or write) of that number has had its effect."""
    journal = crms.shared.journal
    add = journal.add
    seen = 0

    def watched(call: Call) -> None:
        nonlocal seen
        add(call)
        seen += call.is_write or not writes
        if seen == number:
            os.kill(process.pid, signal.SIGKILL)

    journal.add = watched  # type: ignore[method-assign] # a spy
    try:
        with subprocess.Popen(
            [LEADGRADE, "backfill", "--approve"], cwd=home, env=environment(pointing_at(crms)),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        ) as process:  # fmt: skip
            process.wait(timeout=120)
    finally:
        journal.add = add  # type: ignore[method-assign] # as above
    return process.returncode
