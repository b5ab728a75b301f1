"""sandbox: HubSpot and Salesforce on this machine."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from sandbox.server import Urls

HUBSPOT_PORT = 8080
SALESFORCE_PORT = 8081


def sandbox(
    *,
    people: Annotated[int, typer.Option(min=1, help="How many people to make up.")] = 5000,
    seed: Annotated[int, typer.Option(help="Same seed, same people.")] = 7,
    port_hubspot: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = HUBSPOT_PORT,
    port_salesforce: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = SALESFORCE_PORT,
    no_limits: Annotated[bool, typer.Option("--no-limits", help="No rate limits, no daily quota.")] = False,
    people_from: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="A CSV file with real leads, instead of made-up.")
    ] = None,
    mapping: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="The YAML file that says what its columns mean.")
    ] = None,
) -> None:
    """Serve HubSpot and Salesforce on this machine, full of people.

    Both listen on loopback until Ctrl-C. The people are made up, or come from a list of real leads.

    Example: leadgrade sandbox --people 5000
    """
    from sandbox.core import Shared
    from sandbox.hubspot.portal import Portal
    from sandbox.leadlist import LeadListProblem, fill
    from sandbox.population import populate
    from sandbox.salesforce.org import Org
    from sandbox.server import serve

    if (people_from is None) != (mapping is None):
        raise typer.BadParameter("--people-from and --mapping belong together.")
    shared = Shared(limits=not no_limits)
    portal, org = Portal(shared), Org(shared)
    if people_from is not None and mapping is not None:
        try:
            fill(portal, org, people_from, mapping, seed=seed, now=shared.clock.now())
        except LeadListProblem as problem:
            raise typer.BadParameter(str(problem)) from None
    else:
        populate(portal, org, people=people, seed=seed, now=shared.clock.now())
    try:
        number = serve(portal, org, shared, ports=(port_hubspot, port_salesforce), started=_tell)
    except OSError as error:
        raise typer.BadParameter(f"a port cannot be used ({error.strerror}); choose others.") from None
    # Ctrl-C is how a server is meant to end.
    sys.stderr.write(f"Stopped by signal {number}.\n")


def _tell(urls: "Urls") -> None:
    sys.stdout.write(
        f"HubSpot     {urls.hubspot}   record pages {urls.hubspot}/_sandbox/records\n"
        f"Salesforce  {urls.salesforce}   record pages {urls.salesforce}/_sandbox/records\n\n"
        "Settings to use it:\n\n"
        f"  export LEADGRADE_HUBSPOT__BASE_URL={urls.hubspot}\n"
        "  export LEADGRADE_HUBSPOT__ACCESS_TOKEN=pat-sandbox-leadgrade\n"
        f"  export LEADGRADE_SALESFORCE__LOGIN_URL={urls.salesforce}\n"
        "  export LEADGRADE_SALESFORCE__CLIENT_ID=sandbox-client\n"
        "  export LEADGRADE_SALESFORCE__CLIENT_SECRET=sandbox-secret\n\n"
        "Ctrl-C ends it.\n"
    )
    sys.stdout.flush()


COMMANDS = (sandbox,)
