"""Salesforce's Bulk API 2.0 by us and by simple-salesforce: the same jobs on the same sandbox, each in its process.

Down: a query of all leads, read row by row. Up: new values for every lead, and the account of each row read back. Each
way is done by both in turn; time and memory (Linux only) are those above what signing in has taken.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.shared import CLIENT_SECRET, ROOT, home, leadgrade, measure, rate, sandbox, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.shared import Sandbox

READERS = Path(__file__).parent / "readers"
QUERY = (
    "SELECT Id, Email, OwnerId, Status, CreatedDate, SystemModstamp, IsConverted, FirstName, LastName, Title, Phone, "
    "City, State, Country, LeadSource, Company, Website, Industry, NumberOfEmployees, AnnualRevenue FROM Lead"
)
COLUMNS = ("job", "rows", "seconds", "rows/s", "CPU s", "MB used")


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bulk", description=__doc__)
    parser.add_argument("--leads", type=int, default=100_000)
    options = parser.parse_args(arguments)
    with sandbox(leads=options.leads) as place, home(place) as folder:
        leadgrade(folder, "provision")
        rows = [
            row(f"{way}, {name}", place, script, way)
            for way in ("down", "up")
            for name, script in (("leadgrade", "leadgrade_bulk"), ("simple-salesforce", "simple_salesforce_bulk"))
        ]
    table(f"Salesforce Bulk API 2.0, {options.leads:,} leads", COLUMNS, rows)


def row(name: str, place: Sandbox, script: str, way: str) -> Sequence[object]:
    """Run one of the scripts; its line of the table."""
    command = [sys.executable, str(READERS / f"{script}.py"), place.salesforce, CLIENT_SECRET, way, QUERY]
    used = measure(command, env={"PYTHONPATH": str(ROOT)}).json
    return (name, used["rows"], used["wall_s"], rate(used["rows"], used["wall_s"]), used["cpu_s"], used["mb"])


if __name__ == "__main__":
    main()
