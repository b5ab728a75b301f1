"""The least that any scoring must do, a count per person: `python -m benchmarks.scoring.by_count MIRROR`."""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.scoring import data
from benchmarks.scoring.account import Account


def main() -> None:
    """Count and print what it took."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scoring.by_count", description=__doc__)
    parser.add_argument("mirror", type=Path)
    options = parser.parse_args()
    with data.mirror(options.mirror, memory_limit_mb=2000).open() as con:
        data.gather(con)
        account = Account()
        con.execute("""
            CREATE TEMP TABLE counted AS
            SELECT person, COUNT(*) AS n FROM store.facts JOIN owners_now USING (owner) GROUP BY person
        """)
        account.close(con.execute("SELECT COUNT(*), SUM(n) FROM counted").fetchall()[0])


if __name__ == "__main__":
    main()
