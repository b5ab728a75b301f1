"""Peak memory of a backfill at several sizes, and in which step it is reached: it should not grow with the contacts.

Contacts without activities, limits off. The peak of each step is read from /proc (resident memory, VmHWM) when the
step says that it is done, and then reset, so this runs on Linux only.
"""

from __future__ import annotations

import argparse
import contextlib
import json
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.shared import home, leadgrade, rate, sandbox, table

SIZES = (50_000, 1_000_000)


@dataclass
class StepPeaks:
    """Listens to a running backfill; the peak of each step in MB."""

    mb: dict[str, float] = field(default_factory=dict)

    def hear(self, pid: int, line: str) -> None:
        """Take the peak down when `line` of its log says that a step is done."""
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
            status = Path(f"/proc/{pid}/status").read_text()
            peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
            self.mb[name] = int(peak.split()[1]) / 1024
            Path(f"/proc/{pid}/clear_refs").write_text("5")  # begin a new peak


@dataclass(frozen=True)
class Run:
    """One backfill: contacts, peaks in MB (by step and of all), seconds."""

    contacts: int
    peaks: dict[str, float]
    peak_mb: float
    wall_s: float
    cpu_s: float


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__)
    parser.add_argument("--contacts", type=int, nargs="+", default=list(SIZES), help="HubSpot contacts of each backfill")
    options = parser.parse_args(arguments)
    runs = [backfill(contacts) for contacts in options.contacts]
    show(runs)


def backfill(contacts: int) -> Run:
    """Backfill a portal of so many contacts."""
    with sandbox(contacts * 4 // 3) as place, home(place, salesforce=False) as folder:
        leadgrade(folder, "provision")
        steps = StepPeaks()
        measured = leadgrade(folder, "backfill", "--output", "json", heard=steps.hear)
        size = place.size("hubspot", "contacts")
    return Run(size, steps.mb, max(steps.mb.values()), measured.wall_s, measured.cpu_s)


def show(runs: list[Run]) -> None:
    """Print a column per run."""
    names = list(dict.fromkeys(name for run in runs for name in run.peaks))
    rows: list[tuple[object, ...]] = [(name, *(run.peaks.get(name) for run in runs)) for name in names]
    rows.append(("the whole backfill, MB", *(run.peak_mb for run in runs)))
    rows.append(("wall seconds", *(run.wall_s for run in runs)))
    rows.append(("CPU seconds", *(run.cpu_s for run in runs)))
    rows.append(("contacts per CPU second", *(rate(run.contacts, run.cpu_s) for run in runs)))
    title = "peak memory of a backfill, MB by step"
    table(title, ("step", *(f"{run.contacts:,} contacts" for run in runs)), rows)


if __name__ == "__main__":
    main()
