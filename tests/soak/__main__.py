"""`make soak SEED=n` lives through one seed and tells how; `make soak SEEDS=n` through so many, by two processes;
`make week` through seven days of the daemon."""

from __future__ import annotations

import argparse
import itertools
import logging
import sys
import time
from multiprocessing import get_context

import structlog

from tests.soak.scenario import SHARED_BY, live_through, live_through_all
from tests.soak.week import live_through_a_week

PROCESSES = 2


def main() -> int:
    """0 when all is well, 1 when a seed failed."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--seed", type=int, help="this one, with all its steps")
    parser.add_argument("--seeds", type=int, default=200, help="so many")
    parser.add_argument("--first", type=int, default=1, help="beginning with this one")
    parser.add_argument("--days", type=int, help="instead so many days of the daemon, of the one seed")
    wanted = parser.parse_args()
    if wanted.days:
        return _days(wanted.days, wanted.seed or 1)
    if wanted.seed is not None:
        return _one(wanted.seed)
    return _many(range(wanted.first, wanted.first + wanted.seeds))


def _one(seed: int) -> int:
    failure, cpu_s = live_through(seed, loud=True)
    print(failure or f"seed {seed} is well ({cpu_s:.1f} CPU s)")
    return 1 if failure else 0


def _days(days: int, seed: int) -> int:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    began = time.process_time()
    week = live_through_a_week(seed, lambda _: None, days=days)
    runs = ", ".join(f"{kind} {count}" for kind, count in sorted(week.runs.items()))
    memory = " ".join(f"{megabytes:.0f}" for megabytes in week.memory_mb)
    cpu_s = time.process_time() - began
    print(f"{days} days in {cpu_s:.0f} CPU s; runs by kind and exit code: {runs}; died {week.deaths} times")
    for what, counts in (("asked over HTTP", week.served), ("told by webhook", week.told)):
        print(f"{what}: {', '.join(f'{name} {times}' for name, times in sorted(counts.items()))}")
    print(f"longest without a success: {week.longest_age}; memory by day in MB: {memory}", flush=True)
    week.judge()
    return 0


def _many(seeds: range) -> int:
    began = time.monotonic()
    failed: list[int] = []
    total_s = 0.0
    together = [list(group) for _, group in itertools.groupby(seeds, key=lambda seed: seed // SHARED_BY)]
    # Not an executor: one whose processes are replaced can wait for ever when they end together.
    with get_context("spawn").Pool(PROCESSES, maxtasksperchild=15) as pool:
        ended = itertools.chain.from_iterable(pool.imap_unordered(live_through_all, together))
        for number, (seed, failure, cpu_s) in enumerate(ended, 1):
            total_s += cpu_s
            if failure:
                failed.append(seed)
                print(f"\n{failure}\nSeed {seed} failed; again: make soak SEED={seed}\n", flush=True)
            if number % 20 == 0 or number == len(seeds):
                told = f"{number} of {len(seeds)} seeds, {len(failed)} failed, {total_s / number:.1f} CPU s each"
                print(f"{told}, {time.monotonic() - began:.0f} s", flush=True)
    if failed:
        print(f"failed: {' '.join(map(str, sorted(failed)))}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
