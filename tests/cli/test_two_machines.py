"""Two machines that share nothing but the journal, each with a mirror of its own (row 87)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cli_runner import environment, leadgrade, pointing_at
from sqlalchemy import update

from connectors.clock import SystemClock
from connectors.hubspot.client import WORKERS
from sync.journal.book import Journal
from sync.journal.tables import leases
from tests.soak.world import MODEL

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Sandbox

    from sandbox.core import Call

pytestmark = pytest.mark.parametrize("journal_url", ["postgresql"], indirect=True)

SHORT_LEASE = """
import datetime, sync.lease
sync.lease.LENGTH = datetime.timedelta(seconds=1)
from cli.app import main
main()
"""


@pytest.mark.slow
def test_87_one_paused_beyond_its_lease_writes_nothing_more_and_no_run_is_lost(
    sandbox: Callable[..., Sandbox], tmp_path: Path, journal_url: str
) -> None:
    now = SystemClock().now()
    crms = sandbox(people=120, now=now)
    # What was just written can be read once the portal's index has it, without a minute to settle.
    env = pointing_at(crms) | {"LEADGRADE_STORE__JOURNAL_URL": journal_url, "LEADGRADE_HUBSPOT__SETTLE_S": "0"}
    first, second = tmp_path / "first", tmp_path / "second"
    for home in (first, second):
        home.mkdir()
        (home / "scoring.yaml").write_text(MODEL)
        (home / "leadgrade.yaml").write_text("hubspot: {}\nsalesforce: {}\n")
    assert leadgrade("provision", cwd=first, env=env).returncode == 0
    writes: list[Call] = []
    add = crms.shared.journal.add

    def watched(call: Call) -> None:
        add(call)
        if call.is_write:
            writes.append(call)
            if len(writes) == 1:
                os.kill(paused.pid, signal.SIGSTOP)

    crms.shared.journal.add = watched  # type: ignore[method-assign] # a spy
    with subprocess.Popen(
        [sys.executable, "-c", SHORT_LEASE, "backfill", "--approve"], cwd=first, env=environment(env),
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    ) as paused:  # fmt: skip
        os.waitid(os.P_PID, paused.pid, os.WSTOPPED | os.WNOWAIT | os.WEXITED)

        lease_ends(journal_url, now + timedelta(hours=1))
        waiting = leadgrade("sync", "--approve", cwd=second, env=env)
        assert waiting.returncode == 6, waiting.stderr
        assert f"process {paused.pid} on" in waiting.stderr

        lease_ends(journal_url, now - timedelta(hours=1))
        done = leadgrade("sync", "--approve", cwd=second, env=env)
        assert done.returncode == 0, done.stderr
        held = our_fields(crms)
        before = len(writes)

        os.kill(paused.pid, signal.SIGCONT)
        _, said = paused.communicate(timeout=60)
        assert paused.returncode == 6, said
        assert "took over" in said
    assert len(writes) - before <= WORKERS, "more than what had been handed to the network before the pause"
    assert our_fields(crms) == held

    crms.shared.clock.advance(60)
    count = len(writes)
    again = leadgrade("sync", cwd=first, env=env)
    assert again.returncode == 0, again.stderr
    assert len(writes) == count, "its mirror has read what the other one wrote"
    assert our_fields(crms) == held


def lease_ends(url: str, at: datetime) -> None:
    journal = Journal(url)
    with journal.engine.begin() as connection:
        connection.execute(update(leases).values(expires_at=at))
    journal.close()


def our_fields(crms: Sandbox) -> dict[str, dict[str, object]]:
    """What our fields hold, by record."""
    rows = {f"hubspot:{key}": found.properties for key, found in crms.portal.objects["contacts"].items()}
    for sobject in ("Lead", "Contact"):
        rows |= {f"salesforce:{key}": row for key, row in crms.org.tables[sobject].items()}
    return {key: {name: row[name] for name in row if "leadgrade" in name.lower()} for key, row in rows.items()}
