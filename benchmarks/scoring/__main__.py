"""Scoring beside the same work as hand-written SQL, as a plain Python loop, and beside a bare count of the events.

All read the same mirror. The answers are compared; the loop scores some people and is scaled.
Finding out who is who comes before, and is not measured. Then the engine scores as many people with a twentieth of the
activities and with three times as many, and by the e-commerce preset (visits, RFM, affinity) in little memory.
`--alone` measures the engine once and nothing else, for sizes that take long to make
(`--alone --people 5000000 --activities 100000000 --memory-mb 1500`).
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
from config.settings import StoreSettings

LOOPED = 10_000
GROWTH = (0.05, 3)
"""Times as many activities."""

YESTERDAY_MB = "2000"
DEFAULT_MB = StoreSettings().memory_limit_mb
Results = dict[str, dict[str, float]]


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scoring", description=__doc__)
    parser.add_argument("--people", type=int, default=1_000_000)
    parser.add_argument("--activities", type=int, default=20_000_000)
    parser.add_argument("--memory-mb", type=int, default=448, help="store.memory_limit_mb of the engine")
    parser.add_argument("--times", type=int, default=3, help="runs of engine, script and count; the median counts")
    parser.add_argument("--alone", action="store_true", help="the engine once, and nothing else")
    options = parser.parse_args(arguments)
    limit, people = ("--memory-mb", str(options.memory_mb)), options.people
    with tempfile.TemporaryDirectory(prefix="leadgrade-bench-") as folder:
        mirror = Path(folder) / "mirror.duckdb"
        data.fill(mirror, people, options.activities)
        taken("by_engine", mirror, "--yesterday", "--memory-mb", YESTERDAY_MB)
        if options.alone:
            show("the engine alone", people, options.activities, {"engine": taken("by_engine", mirror, *limit)})
            return
        compare(mirror, people, options.activities, options.times, limit)
        for times in GROWTH:
            mirror.unlink()
            data.fill(mirror, people, int(options.activities * times))
            taken("by_engine", mirror, "--yesterday", "--memory-mb", YESTERDAY_MB)
            grown = {"engine": taken("by_engine", mirror, *limit)}
            show("the engine alone", people, int(options.activities * times), grown)


def compare(mirror: Path, people: int, activities: int, times: int, limit: tuple[str, ...]) -> None:
    """Measure the engine beside everything else, on one mirror."""
    runs: dict[str, list[dict[str, Any]]] = {"engine": [], "hand-written SQL": [], "bare count": []}
    for _ in range(times):
        runs["engine"].append(taken("by_engine", mirror, *limit))
        runs["hand-written SQL"].append(taken("by_hand", mirror))
        runs["bare count"].append(taken("by_count", mirror))
    results: Results = {
        name: {key: median(run[key] for run in found) for key in ("wall_s", "cpu_s", "peak_mb")}
        for name, found in runs.items()
    }
    every = max(1, people // LOOPED)
    loop = taken("by_loop", mirror, "--every", str(every))
    results[f"Python loop, one of {every} people, scaled"] = loop | {
        key: loop[key] * every for key in ("wall_s", "cpu_s")
    }
    some = taken("by_engine", mirror, "--every", str(every), *limit)
    results[f"engine, one of {every} people"] = some
    little = ("--memory-mb", str(DEFAULT_MB))
    results[f"engine, {DEFAULT_MB} MB"] = taken("by_engine", mirror, *little)
    shop = taken("by_engine", mirror, "--preset", "e-commerce", *little)
    results[f"engine, e-commerce preset, {DEFAULT_MB} MB"] = shop
    show("plan included", people, activities, results)
    same = {tuple(run["digest"]) for name in ("engine", "hand-written SQL") for run in runs[name]}
    print("engine and script answer alike" if len(same) == 1 else f"ANSWERS DIFFER: {sorted(same)}")
    print("engine and loop, too" if some["digest"] == loop["digest"] else f"LOOP: {loop['digest']}, {some['digest']}")


def show(what: str, people: int, activities: int, results: Results) -> None:
    """Print what was taken, and the engine's share of it."""
    whole = results["engine"]["cpu_s"]
    rows = [
        (name, found["wall_s"], found["cpu_s"], found["peak_mb"], whole / found["cpu_s"])
        for name, found in results.items()
    ]
    title = f"scoring {people:,} people with {activities:,} activities and 60 rules, {what}"
    table(title, ("", "wall s", "CPU s", "peak MB", "engine's CPU is times"), rows)


def taken(part: str, mirror: Path, *arguments: str) -> dict[str, Any]:
    """What a part of this package says that it took, in a process of its own."""
    command = [sys.executable, "-m", f"benchmarks.scoring.{part}", str(mirror), *arguments]
    found: dict[str, Any] = measure(command).json
    return found


if __name__ == "__main__":
    main()
