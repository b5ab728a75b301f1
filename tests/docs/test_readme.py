"""Every command in README's shell blocks is run, in order, as a newcomer would, against the sandbox."""

import re
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

from cli_runner import environment, pointing_at
from conftest import Sandbox

from connectors.clock import SystemClock

README = (Path(__file__).parents[2] / "README.md").read_text()

NOT_RUN = {
    "make demo": "needs the package index in a fresh clone; what it runs is run by tests/cli/test_demo.py",
    "make test": "would run this test within itself",
    "leadgrade demo": "run by tests/cli/test_demo.py, with what it prints",
    "export ": "the sandbox's address and credentials stand in for the reader's own",
}
"""Beginning of a command -> why it is not run here."""

SERVERS = {"leadgrade daemon": signal.SIGTERM, "leadgrade sandbox": signal.SIGINT}
"""Commands that run until told to stop, and by which signal."""


EXITS = {"leadgrade check": [3, 0], "leadgrade daemon": [143]}
"""Commands that end otherwise than with 0, in the order of their appearance; the first check finds no fields yet."""


def commands() -> list[str]:
    """The lines of all shell blocks."""
    blocks = re.findall(r"^( *)```sh\n(.*?)^\1```$", README, flags=re.MULTILINE | re.DOTALL)
    return [line for _, block in blocks for line in textwrap.dedent(block).strip().splitlines()]


def test_every_reason_not_to_run_a_command_is_still_needed() -> None:
    assert [start for start in NOT_RUN if not any(line.startswith(start) for line in commands())] == []


def test_every_command_does_what_the_page_says(sandbox: Callable[..., Sandbox], tmp_path: Path) -> None:
    now = SystemClock().now()
    crms = sandbox(people=60, now=now)
    crms.portal.create("contacts", {"email": "ada.lovelace@example.com", "jobtitle": "Director"}, created=now)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    env = environment(pointing_at(crms))
    ended: dict[str, list[int]] = {}
    for line in commands():
        if line.startswith(tuple(NOT_RUN)):
            continue
        server = next((start for start in SERVERS if line.startswith(start)), None)
        code = _serve(line, server, tmp_path, env) if server else _run(line, tmp_path, env)
        ended.setdefault(line, []).append(code)
    assert ended == {line: [0] for line in ended} | EXITS
    assert (tmp_path / "scoring.schema.json").exists()
    assert crms.shared.journal.writes("hubspot")
    assert crms.shared.journal.writes("salesforce")


def _run(line: str, folder: Path, env: dict[str, str]) -> int:
    done = subprocess.run(["bash", "-c", line], cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr, f"{line}: {done.stderr}"
    return done.returncode


def _serve(line: str, start: str, folder: Path, env: dict[str, str]) -> int:
    """Start it, wait for its first words, stop it as a person would."""
    if start == "leadgrade sandbox":
        line += " --port-hubspot 0 --port-salesforce 0"  # the page's own ports may be taken on this machine
    with subprocess.Popen(
        ["bash", "-c", f"exec {line}"],
        cwd=folder,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        assert first, f"{line} said nothing"
        process.send_signal(SERVERS[start])
        process.stdout.read()
        return process.wait(60)
