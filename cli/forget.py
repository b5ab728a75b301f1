"""forget: a person's right to be erased."""

import sys
from typing import Annotated

import typer

from cli.context import Output, context_of


def forget(
    context: typer.Context,
    who: Annotated[str, typer.Argument(metavar="EMAIL", help="The person's address; - reads it from standard input.")],
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would go.")] = False,
    lift: Annotated[bool, typer.Option("--lift", help="Let a person in again who was erased.")] = False,
    output: Annotated[Output, typer.Option("--output", "-o", help="How to print it.")] = Output.TABLE,
) -> None:
    """Erase a person from mirror, journal and reports.

    They do not come back with the next pull. Records in the CRMs are not touched: delete them there.

    Example: leadgrade forget ada@example.com --dry-run
    """
    from cli.output import console, listing
    from sync import forget as erasing

    given = context_of(context)
    settings = given.settings(credentials=False)
    address = sys.stdin.readline() if who == "-" else who
    if lift:
        known = erasing.lift(settings, given.clock, address)
        console().print(
            "Will be read again; run `leadgrade backfill` to have it at once."
            if known
            else "Nobody with this address was erased."
        )
        return
    found = erasing.forget(settings, given.clock, address, dry_run=dry_run)
    counts = [
        {"where": where, "what": what, "rows": rows}
        for where, part in (("CRM records", found.records), ("mirror", found.mirror), ("journal", found.journal))
        for what, rows in part.items()
    ]
    empty = "Nothing is kept of this address." + ("" if dry_run else " It will not be taken in either.")
    listing(counts, output, title="What there was", empty=empty)
    if output is Output.TABLE and counts:
        console().print(
            "Nothing was erased: a dry run."
            if dry_run
            else "Erased here. The records in the CRMs are as they were: delete them there."
        )


COMMANDS = (forget,)
