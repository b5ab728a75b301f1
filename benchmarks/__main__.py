"""All benchmarks, one table after the other: `make bench`."""

from __future__ import annotations

from benchmarks import backfill, bulk, clients, limits, memory

if __name__ == "__main__":
    for part in (backfill, clients, bulk, limits, memory):
        part.main([])
