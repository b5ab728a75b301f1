"""What each exit code says; the reference is made of it, and a test holds every error's code against it."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Exit:
    """One code: what it means, and whether running the same command again is of use."""

    code: int
    meaning: str
    again: str


BUG: Final = 70
"""An error that nobody foresaw (EX_SOFTWARE of sysexits.h)."""

SIGNALS: Final = 128
"""128 + n: stopped by signal n, at a checkpoint; everything so far is kept. Running again goes on from there."""

EXITS: Final = (
    Exit(0, "All done, nothing rejected.", ""),
    Exit(1, "Finished; some rows were rejected or left unknown, or a stream was skipped.", "look at the report"),
    Exit(2, "Usage, settings or model: something must be mended in a file or on the command line.", "after mending"),
    Exit(3, "Credentials refused, or a scope or permission missing.", "after mending"),
    Exit(4, "A guard stopped the run before it wrote.", "after a person decided"),
    Exit(
        5,
        "A quota (or our share of it) is used up, or a CRM or the journal's database cannot be reached; everything so "
        "far is kept, and the message, the report and `leadgrade status` say when it may go on, where the CRM tells.",
        "yes, later",
    ),
    Exit(6, "Another process is running, or holds the mirror or the journal; the message says which.", "yes, later"),
    Exit(BUG, "A bug; the message names the file with the report.", "please report it"),
)
