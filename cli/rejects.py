"""rejects: the rows that a CRM refused, and sending them once more."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cli.context import Output, context_of


class RejectsDo(StrEnum):
    """What to do with the refused rows."""

    LIST = "list"
    EXPORT = "export"
    RETRY = "retry"


def rejects(
    context: typer.Context,
    do: Annotated[
        RejectsDo,
        typer.Argument(help="list prints them, export writes a CSV file, retry has the next run send them once more."),
    ] = RejectsDo.LIST,
    *,
    record: Annotated[list[str] | None, typer.Option(help="Only of this record id; may be repeated.")] = None,
    code: Annotated[str | None, typer.Option(help="Only with this code of the CRM.")] = None,
    crm: Annotated[str | None, typer.Option(help="Only of this CRM: hubspot or salesforce.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Retry all that stand refused.")] = False,
    to: Annotated[Path, typer.Option(help="The file that export writes.")] = Path("rejects.csv"),
    output: Annotated[Output, typer.Option("--output", "-o", help="How to print it.")] = Output.TABLE,
) -> None:
    """Show the rows that a CRM refused, and why; have them sent once more.

    They are sent again when the record or what it should hold changes, with every backfill, and after a retry: when the
    rule in the CRM is mended, say. A row whose record holds what it should by now, or is gone, is off the list after
    the next run.

    Example: leadgrade rejects retry --code FIELD_CUSTOM_VALIDATION_EXCEPTION
    """
    import sys

    from cli.output import listing
    from insights.status import open_rejects
    from sync.rejects import Which, retry

    given = context_of(context)
    settings = given.settings(credentials=False)
    which = Which(crm=crm, code=code, record_ids=tuple(record or ()))
    if do is RejectsDo.RETRY:
        if which == Which() and not every:
            raise typer.BadParameter("name what to retry: --record, --code or --crm; or --all.")
        count = retry(settings, which)
        sys.stderr.write(f"{count} rows are sent once more by the next run.\n")
        return
    rows = open_rejects(settings, which)
    if do is RejectsDo.LIST:
        listing(rows, output, title="Refused rows", empty="No row is refused at present.")
        return
    _export(rows, to)


def _export(rows: list[dict[str, object]], to: Path) -> None:
    import csv
    import sys

    from cli.output import writing

    with writing(to), to.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]) if rows else ["crm", "record_id", "reason"])
        writer.writeheader()
        writer.writerows(rows)
    sys.stderr.write(f"{len(rows)} rows written to {to}\n")


COMMANDS = (rejects,)
