"""plan, apply, sync, backfill, rollback: one run each."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Unpack

import typer

from cli.context import Context, Output, context_of

if TYPE_CHECKING:
    from sync.order import Options
    from sync.pulse import Pulse
    from sync.report import Report, RunKind
    from sync.stop import Stop


def _share(text: str) -> float:
    from config.settings import share
    from config.yaml_file import Misfit

    try:
        found = share(text)
    except Misfit as error:
        raise typer.BadParameter(str(error)) from None
    if not isinstance(found, float) or not 0 < found <= 1:
        raise typer.BadParameter("it lies above 0% and is 100% at most.")
    return found


DryRun = Annotated[bool, typer.Option("--dry-run", help="Make no write call at all.")]
Approve = Annotated[
    bool,
    typer.Option(
        "--approve",
        help="Let the run pass although guards stand up, such as that of a first run.",
    ),
]
HandOver = Annotated[
    bool, typer.Option("--hand-over", help="Hand also people over to sales who are rated for the first time.")
]
Limit = Annotated[int | None, typer.Option(min=1, help="Send at most so many records to each CRM.")]
Share = Annotated[
    float | None,
    typer.Option(parser=_share, metavar="SHARE", help="Write to this share of the people, such as 10%."),
]
AsOutput = Annotated[Output, typer.Option("--output", "-o", help="How to print the report.")]


def plan(
    context: typer.Context,
    *,
    out: Annotated[Path | None, typer.Option(help="Save the whole plan to this file, for `apply`.")] = None,
    share: Share = None,
    hand_over: HandOver = False,
    output: AsOutput = Output.TABLE,
) -> None:
    """Pull, score and show what would be written.

    Makes no write call. The file that --out makes has a line of JSON for each record that would be written: its id,
    what our fields hold and what they shall hold. `leadgrade apply` sends exactly that.

    Example: leadgrade plan --out plan.jsonl
    """
    _run(context, "plan", output, file=out, share=share, hand_over=hand_over)


def apply(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="What `leadgrade plan --out` has made.", dir_okay=False)],
    *,
    dry_run: DryRun = False,
    approve: Approve = False,
    skip_moved: Annotated[
        bool, typer.Option("--skip-moved", help="Send the others when some records changed since the plan was made.")
    ] = False,
    output: AsOutput = Output.TABLE,
) -> None:
    """Send a saved plan, exactly, or refuse.

    Refused are plans of another account, model or version, old ones, and those some of whose records are not what they
    were. Interrupted, it goes on where it stopped when it is run again.

    Example: leadgrade apply plan.jsonl
    """
    _run(context, "apply", output, file=file, dry_run=dry_run, approve=approve, skip_moved=skip_moved)


def sync(
    context: typer.Context,
    *,
    dry_run: DryRun = False,
    approve: Approve = False,
    limit: Limit = None,
    share: Share = None,
    hand_over: HandOver = False,
    output: AsOutput = Output.TABLE,
) -> None:
    """Pull what changed, score, write what differs.

    One incremental cycle; the daemon does the same on a schedule.

    Example: leadgrade sync --limit 1
    """
    _run(context, "sync", output, dry_run=dry_run, approve=approve, limit=limit, share=share, hand_over=hand_over)


def backfill(
    context: typer.Context,
    *,
    dry_run: DryRun = False,
    approve: Approve = False,
    limit: Limit = None,
    share: Share = None,
    hand_over: HandOver = False,
    output: AsOutput = Output.TABLE,
) -> None:
    """Pull everything, score, write what differs.

    Interrupted, it goes on where it stopped when it is run again.

    Example: leadgrade backfill
    """
    _run(context, "backfill", output, dry_run=dry_run, approve=approve, limit=limit, share=share, hand_over=hand_over)


def rollback(
    context: typer.Context,
    version: Annotated[str | None, typer.Argument(help="The version to go back to; without it, list them.")] = None,
    *,
    forward: Annotated[bool, typer.Option("--forward", help="End a rollback: the model's file counts again.")] = False,
    dry_run: DryRun = False,
    approve: Approve = False,
    share: Share = None,
    output: AsOutput = Output.TABLE,
) -> None:
    """Go back to an earlier version of the model.

    Syncs with it, and lets every later run do so, the daemon's as well, until the model's file changes or --forward.

    Example: leadgrade rollback b2b-saas@1f3a9c2e
    """
    if version is not None and not forward:
        _run(context, "sync", output, roll_back_to=version, dry_run=dry_run, approve=approve, share=share)
    from cli.output import listing
    from insights.status import opened_journal

    given = context_of(context)
    rows = []
    with opened_journal(given.settings(credentials=False)) as journal:
        if journal is not None:
            if forward:
                journal.end_rollback(given.clock.now())
            standing = journal.rollback()
            for row in journal.models():
                now = standing is not None and row["version"] == standing.to_version
                rows.append(dict(row) | {"": "rolled back to" if now else ""})
    listing(rows, output, title="Models that runs have used", empty="Nothing has run yet.")


def run_once(
    given: Context,
    kind: "RunKind",
    *,
    stop: "Stop",
    pulse: "Pulse | None" = None,
    **options: "Unpack[Options]",
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
            **(options | {"source": settings.scoring.read_text(encoding="utf-8")}),
        )


def _run(
    context: typer.Context,
    kind: "RunKind",
    output: Output,
    **options: "Unpack[Options]",
) -> None:
    from cli.logs import redacted
    from cli.report import show_report
    from sync.stop import Stop

    with Stop().listening() as stop:
        report = run_once(context_of(context), kind, stop=stop, **options)
    show_report(report, output)
    if report.failure is not None:
        sys.stderr.write(f"leadgrade: {redacted(report.failure.message)}\n")
    raise typer.Exit(report.exit_code)


COMMANDS = (plan, apply, sync, backfill, rollback)
