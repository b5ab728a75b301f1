"""demo: the whole main job against the sandbox, on this machine, without an account."""

import contextlib
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.context import Context, context_of

if TYPE_CHECKING:
    from sandbox.core import Shared
    from sandbox.server import Urls
    from sync.report import Report

PEOPLE = 1500
"""Enough for every rating to appear, few enough for half a minute."""
NO_LIMIT = 1_000_000
"""The made-up portal has no rate limits, so our own budget need not keep to HubSpot's."""


def demo(
    context: typer.Context,
    *,
    people: Annotated[int, typer.Option(min=50, help="How many people to make up.")] = PEOPLE,
    seed: Annotated[int, typer.Option(help="Same seed, same people.")] = 7,
    keep: Annotated[bool, typer.Option("--keep", help="Leave both CRMs running to look at, until Ctrl-C.")] = False,
) -> None:
    """Run the whole job against made-up CRMs on this machine.

    Pulls, scores, writes back, and shows that a second run finds nothing left to write.

    Example: leadgrade demo --keep
    """
    import tempfile

    with (
        tempfile.TemporaryDirectory(prefix="leadgrade-demo-") as folder,
        _crms(people, seed) as crms,
    ):
        code = _main_job(_pointing_at(crms.urls, Path(folder), context_of(context)), crms)
        _how_to_look(crms.urls, keep=keep)
        if keep:
            with contextlib.suppress(KeyboardInterrupt):
                threading.Event().wait()
    raise typer.Exit(code)


@dataclass(frozen=True)
class _Crms:
    """Both made-up CRMs, running."""

    urls: "Urls"
    shared: "Shared"


@contextlib.contextmanager
def _crms(people: int, seed: int) -> Iterator[_Crms]:
    from sandbox.core import Shared
    from sandbox.hubspot.portal import Portal
    from sandbox.population import demo_troubles, populate
    from sandbox.salesforce.org import Org
    from sandbox.server import running

    sys.stderr.write(f"Making up {people:,} people and half a year of what they did …\n")
    shared = Shared(limits=False)
    portal, org = Portal(shared), Org(shared)
    populate(portal, org, people=people, seed=seed, now=shared.clock.now())
    demo_troubles(portal, org)
    with running(portal, org, shared) as urls:
        yield _Crms(urls, shared)


def _pointing_at(urls: "Urls", folder: Path, given: Context) -> Context:
    """A context whose settings and model are those that `init` writes, and whose CRMs are the made-up ones."""
    from cli.logs import QUIET, set_up
    from cli.setup import write_starting_files

    list(write_starting_files(folder))
    env = {
        "LEADGRADE_HUBSPOT__BASE_URL": urls.hubspot,
        "LEADGRADE_HUBSPOT__REQUESTS_PER_10_S": str(NO_LIMIT),
        "LEADGRADE_HUBSPOT__SEARCHES_PER_S": str(NO_LIMIT),
        "LEADGRADE_HUBSPOT__ACCESS_TOKEN": "pat-sandbox-leadgrade",
        "LEADGRADE_SALESFORCE__LOGIN_URL": urls.salesforce,
        "LEADGRADE_SALESFORCE__CLIENT_ID": "sandbox-client",
        "LEADGRADE_SALESFORCE__CLIENT_SECRET": "sandbox-secret",
    }
    set_up(given.log_format, given.verbosity or QUIET)
    return Context(folder / "leadgrade.yaml", env, given.log_format, given.verbosity or QUIET, given.clock)


def _main_job(given: Context, crms: _Crms) -> int:
    """provision, backfill, sync; the exit code is 0 when all three did what they should."""
    from cli.output import console
    from cli.report import show_conversions, show_people, show_pulled, show_top, show_written
    from cli.run import run_once
    from connectors.registry import connected
    from sync.provision import provision
    from sync.stop import Stop

    settings = given.settings()
    with connected(settings, given.clock) as connectors:
        made = provision(settings, given.model(settings), connectors, given.clock)
    created = sum(thing.status == "created" for things in made.values() for thing in things)
    console().print(f"Fields, groups and permissions created in the CRMs: {created}\n")
    stop = Stop()
    first = run_once(given, "backfill", stop=stop, approve=True)
    show_pulled(first)
    show_people(first)
    show_written(first)
    show_top(first)
    show_conversions(first)
    writes_before = len(crms.shared.journal.writes())
    second = run_once(given, "sync", stop=stop)
    write_calls = len(crms.shared.journal.writes()) - writes_before
    return max(_failed(first), _second_run(second, write_calls))


def _failed(report: "Report") -> int:
    if report.failure is None:
        return 0
    sys.stderr.write(f"leadgrade: {report.failure.message}\n")
    return report.failure.exit_code


def _second_run(report: "Report", write_calls: int) -> int:
    """Say what a second sync at once did; 1 when it wrote anything."""
    from cli.output import console

    written = sum(part.accepted for part in report.written)
    unchanged = sum(part.unchanged for part in report.written)
    refused = sum(part.skipped for part in report.written)
    console().print(
        f"A second sync at once: {written} rows written in {write_calls} write calls; {unchanged:,} unchanged, "
        f"{refused} refused before and not sent again.",
        soft_wrap=True,
    )
    return _failed(report) or int(bool(written or write_calls))


def _how_to_look(urls: "Urls", *, keep: bool) -> None:
    if keep:
        text = (
            "\nThe CRMs are still running; this is what sales people see:\n"
            f"  HubSpot     {urls.hubspot}/_sandbox/records\n"
            f"  Salesforce  {urls.salesforce}/_sandbox/records\n"
            "Ctrl-C ends them.\n"
        )
    else:
        text = (
            "\nTo see the records as sales people see them: leadgrade demo --keep\nFor your own CRMs: leadgrade init\n"
        )
    sys.stdout.write(text)
    sys.stdout.flush()


COMMANDS = (demo,)
