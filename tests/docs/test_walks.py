"""Every command in the shell blocks of README and tutorial is run, in order, as a reader would, on the sandbox."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import textwrap
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cli_runner import CREDENTIALS, environment, pointing_at

from connectors.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Sandbox

ROOT = Path(__file__).parents[2]
SERVERS = {"leadgrade daemon": signal.SIGTERM, "leadgrade sandbox": signal.SIGINT}
"""Commands that run until told to stop, and by which signal."""


@dataclass(frozen=True)
class Walk:
    """A page. `not_run`: beginning of a command -> why not; `exits`: codes other than 0, in the order of appearance."""

    page: Path
    not_run: dict[str, str]
    first_score: str  # the last line of the block after which one record of each CRM has a score
    exits: dict[str, list[int]] = field(default_factory=dict)

    def blocks(self) -> list[list[str]]:
        """The lines of each shell block."""
        found = re.findall(r"^( *)```sh\n(.*?)^\1```$", self.page.read_text(), flags=re.MULTILINE | re.DOTALL)
        return [textwrap.dedent(block).strip().splitlines() for _, block in found]

    def commands(self) -> list[str]:
        """The lines of all of them."""
        return [line for block in self.blocks() for line in block]


README = Walk(
    ROOT / "README.md",
    {
        "make demo": "needs the package index in a fresh clone; what it runs is run by tests/cli/test_demo.py",
        "make test": "would run this test within itself",
        "make install": "what it makes is what this test runs in",
        "leadgrade demo": "run by tests/cli/test_demo.py, with what it prints",
    },
    "leadgrade explain ada.lovelace@example.com",
    {"leadgrade check": [3, 0], "leadgrade daemon": [143]},
)
TUTORIAL = Walk(
    ROOT / "docs" / "tutorial" / "sandbox.md",
    {
        "make install": "what it makes is what this test runs in",
        "leadgrade sandbox": "one in this process stands in for it",
        "export ": "its address has another port each time",
    },
    "leadgrade sync --limit 1",
    {"leadgrade check": [3, 0]},
)
walks = pytest.mark.parametrize("walk", [README, TUTORIAL], ids=lambda walk: walk.page.stem)


@walks
def test_every_reason_not_to_run_a_command_is_still_needed(walk: Walk) -> None:
    assert [start for start in walk.not_run if not any(line.startswith(start) for line in walk.commands())] == []


@pytest.mark.slow
@walks
@pytest.mark.timeout(600)  # thirty processes, on a machine that may be busy with other tests
def test_every_command_does_what_the_page_says(walk: Walk, sandbox: Callable[..., Sandbox], tmp_path: Path) -> None:
    now = SystemClock().now()
    crms = sandbox(people=30, now=now)
    crms.portal.create("contacts", {"email": "ada.lovelace@example.com", "jobtitle": "Director"}, created=now)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    urls = {name: url for name, url in pointing_at(crms).items() if name not in CREDENTIALS}
    env = environment(urls)
    ended: dict[str, list[int]] = {}
    scored_after: dict[str, tuple[int, int]] = {}
    folder = tmp_path
    for block in walk.blocks():
        lines = [line for line in block if not line.startswith(tuple(walk.not_run))]
        for line, code in _run(lines, folder, env):
            ended.setdefault(line, []).append(code)
        folder /= "".join(line.removeprefix("cd ") for line in lines if line.startswith("cd "))
        if (tmp_path / ".env").exists() or walk is TUTORIAL:
            env |= CREDENTIALS  # a reader's shell keeps them
        scored_after.setdefault(block[-1], _scored(crms))
    # Those that are run more often than they end otherwise end with 0.
    expected = {line: [*walk.exits.get(line, []), *[0] * len(codes)][: len(codes)] for line, codes in ended.items()}
    assert ended == expected
    assert scored_after[walk.first_score] == (1, 1)
    assert min(_scored(crms)) > 1


def test_the_way_to_a_first_scored_record_takes_ten_commands() -> None:
    [path] = [block for block in README.blocks() if block[0] == "make install"]
    assert path[-1].startswith("leadgrade explain ")
    assert README.first_score == path[-1]
    assert len(path) + 1 <= 10  # and the clone


def _scored(crms: Sandbox) -> tuple[int, int]:
    """How many records of each CRM hold a rating."""
    contacts = [record.properties.get("leadgrade_rating") for record in crms.portal.objects["contacts"].values()]
    people = [row.get("Leadgrade_Rating__c") for name in ("Lead", "Contact") for row in crms.org.tables[name].values()]
    return sum(map(bool, contacts)), sum(map(bool, people))


def _run(lines: list[str], folder: Path, env: dict[str, str]) -> list[tuple[str, int]]:
    """The exit code of each line. One shell runs them, as a reader's would, and goes on after each."""
    server = next((start for start in SERVERS if lines and lines[0].startswith(start)), None)
    if server is not None:
        return [(lines[0], _serve(lines[0], server, folder, env))]
    fill_in = [f"sed -i 's|^{name}=.*|{name}={value}|' .env" for name, value in CREDENTIALS.items()]
    script = ["log=$PWD/errors.txt"]
    for line in lines:
        script += [f"{{ {line}\n}} 2>>$log; echo $? >&3", *(fill_in if line.startswith("cp .env") else [])]
    done = subprocess.run(
        ["bash", "-c", "exec 3>&2\n" + "\n".join(script)],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    errors = folder / "errors.txt"
    assert not errors.exists() or "Traceback" not in errors.read_text(), errors.read_text()
    return list(zip(lines, map(int, done.stderr.split()), strict=True))


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
