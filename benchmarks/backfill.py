"""The main job at size: 20,000 people and 400,000 activities, from an empty store to every row written in both CRMs.

Rows per second for each step, wall time, CPU time and peak memory of the installed command, limits off, so that what
is measured is ours. This is the table that later changes are compared with, on one machine.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from benchmarks.shared import home, leadgrade, rate, sandbox, table

if TYPE_CHECKING:
    from benchmarks.shared import Measured

WORDS = ("planned", "unchanged", "accepted", "rejected", "unknown", "skipped")


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.backfill", description=__doc__)
    parser.add_argument("--people", type=int, default=20_000)
    parser.add_argument("--activities", type=int, default=400_000, help="in all")
    options = parser.parse_args(arguments)
    each = options.activities / options.people
    with sandbox(people=options.people, activities=each) as place, home(place) as folder:
        leadgrade(folder, "provision")
        size = f"{options.people:,} people, {options.activities:,} activities, limits off"
        show(f"backfill, {size}", leadgrade(folder, "backfill", "--approve", "--output", "json"))
        show("sync right after it", leadgrade(folder, "sync", "--output", "json"))


def show(title: str, measured: Measured) -> None:
    """Print the steps of one run."""
    report = measured.json
    pulled = [(f"pull {row['crm']} {row['stream']}", row["rows"], row["seconds"]) for row in report["pulled"]]
    steps = [
        (f"{row['step']} {row['crm']}".strip(), row["rows"], row["seconds"])
        for row in report["steps"]
        if row["step"] != "pull"
    ]
    rows = [(name, count, seconds, rate(count, seconds)) for name, count, seconds in [*pulled, *steps]]
    table(title, ("step", "rows", "seconds", "rows/s"), rows)
    for row in report["written"]:
        print(f"{row['crm']}: " + ", ".join(f"{row[word]:,} {word}" for word in WORDS))
    print("calls: " + ", ".join(f"{row['crm']} {row['calls']:,} ({row['retries']} retries)" for row in report["calls"]))
    print(f"wall {measured.wall_s:.1f} s, CPU {measured.cpu_s:.1f} s, peak memory {measured.peak_mb:.0f} MB")


if __name__ == "__main__":
    main()
