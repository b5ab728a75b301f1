"""All benchmarks, one table after the other: `make bench`."""

from __future__ import annotations

from benchmarks import backfill, limits

if __name__ == "__main__":
    for part in (backfill, limits):
        part.main([])
