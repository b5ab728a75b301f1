"""plan, sync, backfill: one run each."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from cli.context import Context, Output, context_of

if TYPE_CHECKING:
    from sync.pulse import Pulse
    from sync.report import Report, RunKind
    from sync.stop import Stop

DryRun = Annotated[bool, typer.Option("--dry-run", help="Make no write call at all.")]
Approve = Annotated[
    bool,
    typer.Option(
        "--approve",
        help="Let the run pass although guards stand up, such as that of a first run.",
    ),
]
Limit = Annotated[int | None, typer.Option(min=1, help="Send at most so many records to each CRM.")]
AsOutput = Annotated[Output, typer.Option("--output", "-o", help="How to print the report.")]


def plan(context: typer.Context, output: AsOutput = Output.TABLE) -> None:
    """Pull, score and show what would be written.

    Makes no write call.

    Example: leadgrade plan
    """
    _run(context, "plan", output)


def sync(
    context: typer.Context,
    *,
    dry_run: DryRun = False,
    approve: Approve = False,
    limit: Limit = None,
    output: AsOutput = Output.TABLE,
) -> None:
    """Pull what changed, score, write what differs.

    One incremental cycle; the daemon does the same on a schedule.

    Example: leadgrade sync --limit 1
    """
    _run(context, "sync", output, dry_run=dry_run, approve=approve, limit=limit)


def backfill(
    context: typer.Context,
    *,
    dry_run: DryRun = False,
    approve: Approve = False,
    limit: Limit = None,
    output: AsOutput = Output.TABLE,
) -> None:
    """Pull everything, score, write what differs.

    Interrupted, it goes on where it stopped when it is run again.

    Example: leadgrade backfill
    """
    _run(context, "backfill", output, dry_run=dry_run, approve=approve, limit=limit)


def run_once(
    given: Context,
    kind: "RunKind",
    *,
    stop: "Stop",
    dry_run: bool = False,
    approve: bool = False,
    limit: int | None = None,
    pulse: "Pulse | None" = None,
) -> "Report":
    """One run with the settings and the model that `given` leads to, both read anew, telling its progress."""
    settings = given.settings()
    model = given.model(settings)

    # Only now, so that a mistake in a file is told at once.
    from cli.progress import watching
    from connectors.registry import connected
    from sync.pipeline import run
    from sync.pulse import Watched

    with connected(settings, given.clock) as connectors, watching(given.clock) as progress:
        return run(
            kind,
            settings=settings,
            model=model,
            connectors=connectors,
            clock=given.clock,
            progress=Watched(progress, pulse) if pulse else progress,
            stop=stop,
            dry_run=dry_run,
            approve=approve,
            limit=limit,
        )


def _run(
    context: typer.Context,
    kind: "RunKind",
    output: Output,
    *,
    dry_run: bool = False,
    approve: bool = False,
    limit: int | None = None,
) -> None:
    from cli.logs import redacted
    from cli.report import show_report
    from sync.stop import Stop

    with Stop().listening() as stop:
        report = run_once(context_of(context), kind, stop=stop, dry_run=dry_run, approve=approve, limit=limit)
    show_report(report, output)
    if report.failure is not None:
        sys.stderr.write(f"leadgrade: {redacted(report.failure.message)}\n")
    raise typer.Exit(report.exit_code)


COMMANDS = (plan, sync, backfill)
