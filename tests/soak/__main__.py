"""`make soak SEED=n` lives through one seed and tells how; `make soak SEEDS=n` through so many, by two processes."""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from multiprocessing import get_context

from tests.soak.scenario import SHARED_BY, live_through, live_through_all

PROCESSES = 2


def main() -> int:
    """0 when all is well, 1 when a seed failed."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--seed", type=int, help="this one, with all its steps")
    parser.add_argument("--seeds", type=int, default=200, help="so many")
    parser.add_argument("--first", type=int, default=1, help="beginning with this one")
    wanted = parser.parse_args()
    if wanted.seed is not None:
        return _one(wanted.seed)
    return _many(range(wanted.first, wanted.first + wanted.seeds))


def _one(seed: int) -> int:
    failure, cpu_s = live_through(seed, loud=True)
    print(failure or f"seed {seed} is well ({cpu_s:.1f} CPU s)")
    return 1 if failure else 0


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
