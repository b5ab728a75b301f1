"""Fields are made by whoever holds the lease, as all that is written to a CRM (row 87)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from config.settings import HubSpotSettings
from connectors.errors import ConfigProblem
from scoring.facts import fields_of
from sync import lease
from sync.errors import Busy, LeaseLost
from sync.provision import provision
from sync.stores import open_journal

if TYPE_CHECKING:
    from connectors.base import Identity, Provisioned
    from tests.sync.conftest import World


def made(world: World, *, dry_run: bool = False) -> dict[str, list[Provisioned]]:
    crms = {"hubspot": world.hubspot, "salesforce": world.salesforce}
    return provision(world.settings, world.model, crms, world.clock, dry_run=dry_run)


def test_both_crms_are_asked_for_the_models_fields_time_and_again(world: World) -> None:
    names = [field.name for field in fields_of(world.model)]
    for _ in range(2):
        told = made(world)
        assert [[(thing.what, thing.status) for thing in told[crm]] for crm in ("hubspot", "salesforce")] == [
            [(name, "created") for name in names]
        ] * 2
    assert world.run().exit_code == 0, "the lease is free"


def test_87_while_a_run_is_under_way_nothing_is_made_but_a_dry_run_tells_what_would_be(world: World) -> None:
    asked: list[str] = []
    world.hubspot.provision = lambda fields, *, dry_run: asked.append("dry" if dry_run else "made") or []
    journal = open_journal(world.settings)
    with lease.held(journal, world.clock):
        with pytest.raises(Busy, match="Another run is under way: process"):
            made(world)
        assert asked == []
        made(world, dry_run=True)
        assert asked == ["dry"]
    journal.close()


def test_87_who_lost_the_lease_makes_nothing_more(world: World) -> None:
    identify, journal = world.salesforce.identify, open_journal(world.settings)

    def slowly() -> Identity:
        world.clock.advance(lease.LENGTH.total_seconds() + 1)
        with lease.held(journal, world.clock):
            return identify()

    world.salesforce.identify = slowly
    with pytest.raises(LeaseLost):
        made(world)
    journal.close()


def test_another_account_than_the_pinned_one_keeps_both_crms_as_they_are(world: World) -> None:
    pinned = HubSpotSettings(portal_id=2, access_token="t")
    world.settings = world.settings.model_copy(update={"hubspot": pinned})
    world.salesforce.provision = lambda fields, *, dry_run: pytest.fail("made")
    with pytest.raises(ConfigProblem, match="is pinned to 2"):
        made(world)
