"""explain, status: what is known, without calling a CRM."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from cli.context import Output, context_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from insights.status import StreamLine
    from sync.journal.models import Rollback

AsOutput = Annotated[Output, typer.Option("--output", "-o", help="How to print it.")]


def explain(
    context: typer.Context,
    who: Annotated[str, typer.Argument(help="An e-mail address or a record id of either CRM.")],
    as_of: Annotated[
        str | None, typer.Option(help="A UTC day (to its end) or time in the past: the score by what was known then.")
    ] = None,
    output: AsOutput = Output.TABLE,
) -> None:
    """Show why one person has their score, line by line.

    The lines of the ledger add up to the score. The model is the one of today, also for a day of the past.

    Example: leadgrade explain ada@example.com --as-of 2026-03-31
    """
    from cli.explanation import past_time, show_explanation
    from insights.explain import explain as explain_person

    given = context_of(context)
    settings = given.settings(credentials=False)
    then = None if as_of is None else past_time(as_of, given.clock.now())
    found = explain_person(settings, given.model(settings), who, clock=given.clock, then=then)
    show_explanation(found, output)


def status(context: typer.Context, output: AsOutput = Output.TABLE) -> None:
    """Show the last runs, cursors, who runs now, refused rows.

    Reads the journal only, so it answers at once while a run goes on. Slices left are ranges of ids, windows of time
    and jobs of a stream that is not read to its end: a backfill that was interrupted goes on with them.

    Example: leadgrade status
    """
    from cli.output import console, listing, show_json
    from insights.status import status as read_status

    given = context_of(context)
    found = read_status(given.settings(credentials=False), given.clock)
    if output is Output.JSON:
        show_json(found.as_json())
        return
    runs = [
        {
            "run": run.run_id,
            "kind": run.kind,
            "started": f"{run.started_at:%Y-%m-%d %H:%M}",
            "took": None if run.seconds is None else age(run.seconds),
            "exit": run.exit_code,
            "accepted": run.accepted,
            "rejected": run.rejected,
            "unchanged": run.unchanged,
            "model": run.model_version,
        }
        for run in found.runs
    ]
    listing(runs, output, title="Last runs (UTC)", empty="Nothing has run yet. `leadgrade plan` is a good first step.")
    streams = [
        {
            "crm": each.crm,
            "stream": each.stream,
            "rows": each.rows,
            "lag": None if each.lag_s is None else age(each.lag_s),
            "slices left": "all" if each.slices_left is None else each.slices_left or None,
        }
        for each in found.streams
    ]
    listing(streams, output, title="Streams", empty="No stream has been read yet.")
    facts = [
        f"Running now: {found.running or 'nobody'}"
        + (f"; holds the lease until {found.lease_until:%H:%M} UTC, or renews it." if found.lease_until else "."),
        *(
            [f"A limit stopped the last run; it may go on at {found.waits_until:%Y-%m-%d %H:%M} UTC."]
            if found.waits_until
            else []
        ),
        *_unread(found.streams),
        *_rollback(found.rollback),
        f"Last success: {'never' if found.last_success_s is None else age(found.last_success_s) + ' ago'}.",
        "A daemon runs next: "
        + ", ".join(f"{kind} at {at:%Y-%m-%d %H:%M} UTC" for kind, at in found.due.items())
        + ".",
        *(f"{crm}: {jobs} bulk jobs go on whose end no run has seen." for crm, jobs in found.jobs.items()),
        *(f"{crm}: {rows:,} rows stand refused; see `leadgrade rejects list`." for crm, rows in found.rejects.items()),
    ]
    failures = [f"Run {run.run_id} failed: {run.failure}" for run in found.runs if run.failure]
    for fact in [*failures, *facts]:
        console().print(fact, soft_wrap=True)


def _unread(streams: "Sequence[StreamLine]") -> Iterator[str]:
    """What is left of streams that are not read to their end, a sentence per CRM."""
    for crm in dict.fromkeys(each.crm for each in streams):
        parts = [
            f"all of {each.stream}" if each.slices_left is None else f"{each.slices_left} slices of {each.stream}"
            for each in streams
            if each.crm == crm and each.slices_left != 0
        ]
        if parts:
            yield f"{crm}: still to be read are {', '.join(parts)}; a run goes on where the last one stopped."


def _rollback(standing: "Rollback | None") -> Iterator[str]:
    if standing is not None:
        yield (
            f"Rolled back: since {standing.begun_at:%Y-%m-%d %H:%M} UTC runs use the model {standing.to_version} "
            f"instead of {standing.from_version}, until the model's file changes or `leadgrade rollback --forward`."
        )


def age(seconds: float) -> str:
    """A span of time in its largest fitting unit: 45 s, 12 min, 3 h, 2 d."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


COMMANDS = (explain, status)
