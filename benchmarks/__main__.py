"""All benchmarks, one table after the other: `make bench`."""

from __future__ import annotations

from benchmarks import backfill, bulk, clients, limits, memory
from benchmarks.scoring import __main__ as scoring

if __name__ == "__main__":
    for part in (backfill, clients, bulk, limits, memory, scoring):
        part.main([])
