"""Scoring beside the same work as hand-written SQL, as a plain Python loop, and beside a bare count of the events.

All read the same mirror. The answers of engine and script are compared; the loop scores some people and is scaled.
Finding out who is who comes before, and is not measured. Growth asks for more people or activities
(`--people 5000000 --activities 100000000`), which takes some time to make.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.scoring import data
from benchmarks.shared import measure, table

LOOPED = 10_000


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scoring", description=__doc__)
    parser.add_argument("--people", type=int, default=1_000_000)
    parser.add_argument("--activities", type=int, default=20_000_000)
    parser.add_argument("--memory-mb", type=int, default=192, help="store.memory_limit_mb of the engine")
    parser.add_argument("--times", type=int, default=3, help="runs of engine, script and count; the median counts")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="leadgrade-bench-") as folder:
        mirror = Path(folder) / "mirror.duckdb"
        data.fill(mirror, options.people, options.activities)
        limit = ("--memory-mb", str(options.memory_mb))
        taken("by_engine", mirror, "--yesterday", "--memory-mb", "2000")
        runs: dict[str, list[dict[str, Any]]] = {"engine": [], "hand-written SQL": [], "bare count": []}
        for _ in range(options.times):
            runs["engine"].append(taken("by_engine", mirror, *limit))
            runs["hand-written SQL"].append(taken("by_hand", mirror))
            runs["bare count"].append(taken("by_count", mirror))
        share = options.people // 100
        part = taken("by_engine", mirror, "--only", str(share), *limit)
        looped = min(LOOPED, options.people)
        loop = taken("by_loop", mirror, "--people", str(looped))
    results = {name: {key: median(run[key] for run in found) for key in ("wall_s", "cpu_s", "peak_mb")}
               for name, found in runs.items()}  # fmt: skip
    scale = options.people / looped
    results[f"Python loop, {looped:,} people scaled"] = {
        "wall_s": loop["wall_s"] * scale, "cpu_s": loop["cpu_s"] * scale, "peak_mb": loop["peak_mb"],
    }  # fmt: skip
    results["engine, 1 % of the people"] = part
    whole = results["engine"]["cpu_s"]
    rows = [
        (name, found["wall_s"], found["cpu_s"], found["peak_mb"], whole / found["cpu_s"])
        for name, found in results.items()
    ]
    title = f"scoring {options.people:,} people with {options.activities:,} activities and 60 rules, plan included"
    table(title, ("", "wall s", "CPU s", "peak MB", "engine's CPU is times"), rows)
    same = {tuple(run["digest"]) for name in ("engine", "hand-written SQL") for run in runs[name]}
    print("engine and script answer alike" if len(same) == 1 else f"ANSWERS DIFFER: {sorted(same)}")


def taken(part: str, mirror: Path, *arguments: str) -> dict[str, Any]:
    """What a part of this package says that it took, in a process of its own."""
    command = [sys.executable, "-m", f"benchmarks.scoring.{part}", str(mirror), *arguments]
    found: dict[str, Any] = measure(command).json
    return found


if __name__ == "__main__":
    main()
