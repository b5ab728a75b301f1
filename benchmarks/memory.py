"""Peak memory of a backfill at several sizes, and in which step it is reached: it should not grow with the contacts.

Then of the sync that reads back what the backfill has written, when everybody has a stage from before.

Contacts hold what those of a portal in use hold, every third has visited the site; limits off. The peak of each step
(resident memory, VmHWM) and its CPU time are read from /proc when the step says that it is done, so this runs on Linux
only.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import shared
from benchmarks.shared import home, leadgrade, sandbox, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.shared import Measured, Sandbox

SIZES = (50_000, 1_000_000)
SETTLED_S = 3600
"""After so long a search finds all that was written, and a run does not take the time for its own."""


@dataclass
class Steps:
    """Listens to a running command: what each step used."""

    peaks_mb: dict[str, float] = field(default_factory=dict)
    cpu_s: dict[str, float] = field(default_factory=dict)

    def hear(self, pid: int, line: str) -> None:
        """Note what was used so far when `line` of its log says that a step is done."""
        try:
            said = json.loads(line)
        except json.JSONDecodeError:
            return
        step, event = str(said.get("step", "")), said.get("event")
        pulled = event == "done" and step.startswith("pull")
        if not pulled and not (event == "step done" and step != "pull"):
            return
        name = step if pulled else f"{step} {said.get('crm', '')}".strip()
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
            self.peaks_mb[name] = peak_mb(pid)
            self.cpu_s[name] = cpu_s(pid) - sum(self.cpu_s.values())


def peak_mb(pid: int) -> float:
    """The most memory that a process had since this was asked last."""
    found = shared.peak_mb(pid)
    Path(f"/proc/{pid}/clear_refs").write_text("5")  # begins a new peak
    return found


def cpu_s(pid: int) -> float:
    """The CPU seconds of a process so far, its threads included."""
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, after_name[11:13])) / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Run:
    """One command beside so many contacts: what its steps used, and the whole."""

    contacts: int
    steps: Steps
    whole: Measured

    @property
    def peak_mb(self) -> float:
        """The peak of all steps."""
        return max(self.steps.peaks_mb.values())


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__)
    parser.add_argument("--contacts", type=int, nargs="+", default=SIZES, help="HubSpot contacts of each backfill")
    options = parser.parse_args(arguments)
    pairs = [backfill_and_sync(contacts) for contacts in options.contacts]
    for name, runs in zip(("backfill", "sync afterwards"), zip(*pairs, strict=True), strict=True):
        show(name, runs)


def backfill_and_sync(contacts: int) -> tuple[Run, Run]:
    """Backfill a portal of so many contacts, then read back what was written."""
    with sandbox(contacts=contacts) as place, home(place, salesforce=False) as folder:
        leadgrade(folder, "provision")
        first = listened(place, folder, "backfill", "--approve")
        place.advance(SETTLED_S)
        return first, listened(place, folder, "sync")


def listened(place: Sandbox, folder: Path, *command: str) -> Run:
    """Run a command and account for its steps."""
    steps = Steps()
    whole = leadgrade(folder, *command, "--output", "json", heard=steps.hear)
    return Run(place.size("hubspot", "contacts"), steps, whole)


def show(title: str, runs: Sequence[Run]) -> None:
    """Print two columns per run: memory and CPU time."""
    names = list(dict.fromkeys(name for run in runs for name in run.steps.peaks_mb))
    columns = [f"{word} {run.contacts:,}" for run in runs for word in ("MB at", "CPU s at")]
    rows = [
        (name, *(found for run in runs for found in (run.steps.peaks_mb.get(name), run.steps.cpu_s.get(name))))
        for name in names
    ]
    rows.append(("all", *(found for run in runs for found in (run.peak_mb, run.whole.cpu_s))))
    table(f"{title}: peak memory and CPU time by step and contacts", ("step", *columns), rows)
    print("wall seconds: " + ", ".join(f"{run.whole.wall_s:,.0f} for {run.contacts:,} contacts" for run in runs))


if __name__ == "__main__":
    main()
