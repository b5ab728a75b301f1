"""The main job at size: 20,000 people and 400,000 activities, from an empty store to every row written in both CRMs.

`make bench` prints rows per second for each step, the share of the whole, wall time, CPU time and peak memory of the
installed command. The sandbox runs in a process of its own with its limits off, so that what is measured is ours; it
shares the machine all the same, so the CPU column is the steadier one. Compare two revisions on one machine only.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

BIN = Path(sys.executable).parent
SETTINGS = """\
scoring: scoring.yaml
store: {{path: state}}
hubspot:
  base_url: http://127.0.0.1:{hubspot}
  requests_per_10_s: 1000000
  searches_per_s: 1000000
salesforce:
  login_url: http://127.0.0.1:{salesforce}
  auth: client_credentials
  client_id: sandbox-client
"""
SECRETS = {
    "LEADGRADE_HUBSPOT__ACCESS_TOKEN": "pat-sandbox-leadgrade",
    "LEADGRADE_SALESFORCE__CLIENT_SECRET": "sandbox-secret",
}


@dataclass(frozen=True)
class Measured:
    """One finished command: its report, and what the operating system says it used."""

    report: dict[str, Any]
    wall_s: float
    cpu_s: float
    peak_mb: float


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def sandbox(people: int, activities: int) -> Iterator[tuple[int, int]]:
    """Both servers in a process of their own, filled; their ports."""
    ports = free_port(), free_port()
    command = [sys.executable, "-m", "sandbox", "--people", str(people), "--seed", "7", "--no-limits"]
    command += ["--activities", str(activities / people), "--ports", *map(str, ports)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            for port in ports:
                wait_until_up(port, process)
            yield ports
        finally:
            process.terminate()


def wait_until_up(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(1200):
        if process.poll() is not None:
            raise SystemExit(f"the sandbox ended with {process.returncode}")
        with contextlib.suppress(urllib.error.URLError, ConnectionError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/_sandbox/summary", timeout=5)
            return
        time.sleep(0.25)
    raise SystemExit("the sandbox did not come up within five minutes")


def run(folder: Path, *arguments: str) -> Measured:
    """Run the installed command to its end and account for it alone."""
    out, said = folder / "out.json", folder / "said.log"
    start = time.perf_counter()
    with out.open("wb") as stdout, said.open("wb") as stderr:
        command = [str(BIN / "leadgrade"), "--config", str(folder / "leadgrade.yaml"), *arguments]
        process = subprocess.Popen(command, stdout=stdout, stderr=stderr, env=os.environ | SECRETS)
        _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    code = os.waitstatus_to_exitcode(status)
    process.returncode = code
    if code not in {0, 1}:
        raise SystemExit(f"leadgrade {' '.join(arguments)} ended with {code}\n{said.read_text()[-2000:]}")
    text = out.read_text()
    report = json.loads(text) if text.startswith("{") else {}
    return Measured(report, wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def table(title: str, measured: Measured) -> None:
    """Print the steps of one run."""
    report = measured.report
    print(f"\n{title}")
    print(f"{'step':<44}{'rows':>10}{'seconds':>10}{'rows/s':>12}")
    pulled = [(f"pull {row['crm']} {row['stream']}", row["rows"], row["seconds"]) for row in report["pulled"]]
    steps = [
        (f"{row['step']} {row['crm']}".strip(), row["rows"], row["seconds"])
        for row in report["steps"]
        if row["step"] != "pull"
    ]
    for name, rows, seconds in [*pulled, *steps]:
        rate = f"{rows / seconds:,.0f}" if seconds > 0 and rows else ""
        print(f"{name:<44}{rows:>10,}{seconds:>10.2f}{rate:>12}")
    written = {row["crm"]: row for row in report["written"]}
    for crm, row in written.items():
        print(f"{crm}: " + ", ".join(f"{row[word]:,} {word}" for word in WORDS))
    calls = ", ".join(f"{row['crm']} {row['calls']:,} ({row['retries']} retries)" for row in report["calls"])
    print(f"calls: {calls}")
    print(f"wall {measured.wall_s:.1f} s, CPU {measured.cpu_s:.1f} s, peak memory {measured.peak_mb:.0f} MB")


WORDS = ("planned", "unchanged", "accepted", "rejected", "unknown", "skipped")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=20_000)
    parser.add_argument("--activities", type=int, default=400_000)
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as name,
        sandbox(options.people, options.activities) as (hubspot, salesforce),
    ):
        folder = Path(name)
        (folder / "leadgrade.yaml").write_text(SETTINGS.format(hubspot=hubspot, salesforce=salesforce))
        model = Path(__file__).parent.parent / "config" / "presets" / "b2b-saas.yaml"
        (folder / "scoring.yaml").write_text(model.read_text())
        run(folder, "provision")
        table(
            f"backfill, {options.people:,} people, {options.activities:,} activities, limits off",
            run(folder, "backfill", "--output", "json"),
        )
        table("sync right after it", run(folder, "sync", "--output", "json"))


if __name__ == "__main__":
    main()
