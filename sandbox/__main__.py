"""`python -m sandbox`: both CRMs on loopback, filled, until interrupted. The first line says their addresses."""

from __future__ import annotations

import argparse
import gc
import json
import sys
from pathlib import Path

from sandbox.core import Shared
from sandbox.hubspot.portal import Portal
from sandbox.leadlist import LeadListProblem, fill
from sandbox.population import demo_troubles, fill_bare, populate
from sandbox.salesforce.org import Org
from sandbox.server import HUBSPOT_PORT, SALESFORCE_PORT, Urls, serve


def main(arguments: list[str] | None = None) -> int:
    """Serve until a signal comes; its number plus 128 is the exit code."""
    parser = _parser()
    wanted = parser.parse_args(arguments)
    if (wanted.people_from is None) != (wanted.mapping is None):
        parser.error("--people-from and --mapping go together")
    shared = Shared(limits=wanted.limits, latency_s=wanted.latency)
    portal, org = Portal(shared), Org(shared)
    now = shared.clock.now()
    gc.disable()  # else it would go through all records again and again
    if wanted.contacts or wanted.leads:
        fill_bare(portal, org, contacts=wanted.contacts, leads=wanted.leads, now=now)
    elif wanted.people_from is None:
        populate(portal, org, people=wanted.people, seed=wanted.seed, now=now, activities_per_person=wanted.activities)
    else:
        try:
            fill(portal, org, wanted.people_from, wanted.mapping, seed=wanted.seed, now=now)
        except LeadListProblem as problem:
            sys.stderr.write(f"{problem}\n")
            return 2
    if wanted.troubles:
        demo_troubles(portal, org)
    gc.freeze()
    gc.enable()
    return 128 + serve(portal, org, shared, ports=tuple(wanted.ports), started=_announce)


def _announce(urls: Urls) -> None:
    sys.stdout.write(json.dumps({"hubspot": urls.hubspot, "salesforce": urls.salesforce}) + "\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    parser.add_argument("--people", type=int, default=5000, help="size of the made-up population")
    parser.add_argument("--activities", type=float, default=20, help="activities per person, on average")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--people-from", type=Path, help="a lead list (CSV) instead of the made-up population")
    parser.add_argument("--mapping", type=Path, help="what the columns of the lead list mean (YAML)")
    parser.add_argument("--contacts", type=int, default=0, help="so many bare HubSpot contacts instead, for measuring")
    parser.add_argument("--leads", type=int, default=0, help="so many bare Salesforce leads instead, for measuring")
    parser.add_argument("--ports", type=int, nargs=2, default=[HUBSPOT_PORT, SALESFORCE_PORT], metavar=("HS", "SF"))
    parser.add_argument("--no-limits", dest="limits", action="store_false", help="no rate limits")
    parser.add_argument("--latency", type=float, default=0, help="seconds that every call waits before its answer")
    parser.add_argument("--troubles", action="store_true", help="a few records that each CRM refuses to change")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
