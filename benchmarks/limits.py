"""How much of what HubSpot allows a run makes use of: 190 requests per 10 s and 5 searches per s, 150 ms per call.

The sandbox enforces both limits and every call waits before it is handled, as on a real portal. A backfill reads and
writes every contact; the sync after it finds them all again by search, since writing changed them. The figures are the
server's own account of the calls: between the first and the last call of a phase, how many of those allowed were made,
and how many were answered 429.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from benchmarks.shared import home, leadgrade, sandbox, table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.shared import Call


@dataclass(frozen=True)
class Limit:
    """At most so many calls in any window of so many seconds."""

    calls: int
    window_s: float

    @property
    def per_s(self) -> float:
        """What that comes to, per second."""
        return self.calls / self.window_s


GENERAL = Limit(190, 10.0)
SEARCH = Limit(5, 1.0)
LATENCY_S = 0.15
COLUMNS = ("phase", "calls", "seconds", "calls/s", "allowed/s", "share %", "429 %")


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.limits", description=__doc__)
    parser.add_argument("--contacts", type=int, default=200_000, help="HubSpot contacts of the backfill")
    parser.add_argument("--searched", type=int, default=100_000, help="HubSpot contacts of the sync that searches")
    options = parser.parse_args(arguments)
    rows = [*backfill(options.contacts), *search(options.searched)]
    table(f"share of HubSpot's limits, {LATENCY_S * 1000:.0f} ms per call", COLUMNS, rows)


def backfill(contacts: int) -> list[Sequence[object]]:
    """Rows for reading and writing so many contacts."""
    with sandbox(contacts=contacts, limits=True) as place, home(place, salesforce=False, limits=True) as folder:
        leadgrade(folder, "provision")
        place.slow_down(LATENCY_S)
        place.forget()
        leadgrade(folder, "backfill", "--approve", "--output", "json")
        calls = place.calls("hubspot")
        size = place.size("hubspot", "contacts")
    return [
        phase(f"backfill, reading {size:,} contacts", calls, is_list, GENERAL),
        phase(f"backfill, writing {size:,} contacts", calls, is_write, GENERAL),
    ]


def search(contacts: int) -> list[Sequence[object]]:
    """The row for finding so many changed contacts by search."""
    with sandbox(contacts=contacts, limits=True) as place, home(place, salesforce=False, limits=True) as folder:
        leadgrade(folder, "provision")
        leadgrade(folder, "backfill", "--approve", "--output", "json")
        place.advance(3600)  # by then search knows of all that was written
        place.slow_down(LATENCY_S)
        place.forget()
        leadgrade(folder, "sync", "--output", "json")
        calls = place.calls("hubspot")
        size = place.size("hubspot", "contacts")
    return [phase(f"sync, searching {size:,} changed contacts", calls, is_search, SEARCH, alone=True)]


def phase(
    name: str, calls: Sequence[Call], belongs: Callable[[Call], bool], limit: Limit, *, alone: bool = False
) -> Sequence[object]:
    """One row: everything called between a phase's first and last call, or only its own calls where they are `alone`.

    A limit lets a burst pass at first; so the first window is left out where a phase lasts for several.
    """
    own = [call for call in calls if belongs(call)]
    first, last = own[0].at_s, own[-1].at_s
    if last - first > 3 * limit.window_s:
        first += limit.window_s
    spent = [call for call in (own if alone else calls) if first <= call.at_s <= last]
    seconds = last - first
    pace = len(spent) / seconds if seconds else 0.0
    refused = sum(call.status == HTTPStatus.TOO_MANY_REQUESTS for call in spent)
    share = 100 * pace / limit.per_s
    return (name, len(spent), seconds, pace, limit.per_s, share, 100 * refused / len(spent))


def is_list(call: Call) -> bool:
    """A page of the list of live contacts."""
    return call.method == "GET" and call.path.endswith("/objects/contacts") and "archived=true" not in call.query


def is_write(call: Call) -> bool:
    """A batch of updates."""
    return call.path.endswith("/contacts/batch/update")


def is_search(call: Call) -> bool:
    """A page of a search for contacts. The sync then asks once for each other kind of object, of which none changed."""
    return call.path.endswith("/contacts/search")


if __name__ == "__main__":
    main()
