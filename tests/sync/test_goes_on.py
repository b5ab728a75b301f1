"""A run after one that was cut short goes on with it: what that one has just read is not asked again."""

from __future__ import annotations

import signal
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sync_rig import EACH_DATABASE

from connectors.errors import AuthStop, LimitReached, Unreachable
from sync import pull
from sync.stop import Stop

from .test_two_mirrors import beside

if TYPE_CHECKING:
    from collections.abc import Callable

    from connectors.base import Change

    from .conftest import World

BOTH = {"hubspot", "salesforce"}


def killed(world: World) -> None:
    """A sync that dies while it writes."""

    def die(_: Change) -> None:
        raise KeyboardInterrupt

    world.hubspot.on_push = die
    with pytest.raises(KeyboardInterrupt):
        world.run()
    world.hubspot.on_push = lambda change: None


def fails_writing(error: Exception) -> Callable[[World], None]:
    """A sync that ends with an error of HubSpot's while it writes."""

    def run(world: World) -> None:
        world.hubspot.push_error = (1, error)
        world.run()
        world.hubspot.push_error = None

    return run


def stopped(world: World) -> None:
    """A sync that a signal ends while it writes."""
    stop = Stop()
    world.hubspot.on_push = lambda change: stop.request(signal.SIGTERM) if not stop.requested else None
    assert world.run(stop=stop).exit_code == 128 + signal.SIGTERM
    world.hubspot.on_push = lambda change: None


def whole(world: World) -> None:
    """A sync that comes to its end."""
    assert world.run().exit_code == 0


def asked(world: World, **options: Any) -> set[str]:
    """The CRMs that the next run asks for activities; for people it asks them all."""
    world.hubspot.pulled.clear()
    world.salesforce.pulled.clear()
    assert world.run(**options).exit_code == 0
    streams = {crm.crm: {stream for stream, _ in crm.pulled} for crm in (world.hubspot, world.salesforce)}
    assert all("records" in found for found in streams.values())
    return {crm for crm, found in streams.items() if "activities.web" in found}


@EACH_DATABASE
@pytest.mark.parametrize(
    "cut_short",
    [
        killed,
        stopped,
        fails_writing(LimitReached("quota.", crm="hubspot")),
        fails_writing(Unreachable("no answer.", crm="hubspot")),
    ],
    ids=["killed", "stopped", "limit", "unreachable"],
)
def test_only_people_are_asked_for_again_after_a_run_that_was_cut_short(
    world: World, cut_short: Callable[[World], None]
) -> None:
    cut_short(world)
    world.clock.advance(pull.GOES_ON.total_seconds())
    assert asked(world) == set()
    assert asked(world) == BOTH, "that one came to its end"


def test_a_stream_that_was_not_read_to_its_end_is_asked_for(world: World) -> None:
    world.salesforce.broken = {"activities.web": LimitReached("quota.", crm="salesforce")}
    assert world.run().exit_code == 5
    world.salesforce.broken = {}
    assert asked(world) == {"salesforce"}


@pytest.mark.parametrize(
    "before", [whole, fails_writing(AuthStop("scope missing.", crm="hubspot"))], ids=["whole", "refused"]
)
def test_all_is_asked_for_after_a_run_that_came_to_its_end(world: World, before: Callable[[World], None]) -> None:
    before(world)
    assert asked(world) == BOTH


def test_all_is_asked_for_once_it_is_long_ago(world: World) -> None:
    killed(world)
    world.clock.advance(pull.GOES_ON.total_seconds() + 1)
    assert asked(world) == BOTH


def test_a_run_cut_short_twice_goes_on_with_both(world: World) -> None:
    killed(world)
    world.clock.advance(60)
    killed(world)
    world.clock.advance(60)
    assert asked(world) == set()


def test_what_a_whole_run_read_before_one_that_read_nothing_is_asked_for(world: World) -> None:
    whole(world)
    world.clock.advance(60)
    world.hubspot.broken = {"records": Unreachable("no answer.", crm="hubspot")}
    assert world.run().exit_code == 5
    world.hubspot.broken = {}
    assert asked(world) == BOTH


def test_a_reconciliation_asks_for_all(world: World) -> None:
    killed(world)
    assert asked(world, kind="reconcile") == BOTH


def test_what_another_mirror_has_read_is_asked_for(world: World) -> None:
    """Also when the run right before this one had this very mirror, and was cut short in the middle."""
    other = beside(world)
    whole(world)
    whole(other)
    world.clock.advance(3600)
    world.hubspot.do("late", "3", type="form_submission", asset="demo")
    killed(world)
    other.hubspot.broken = {"activities.web": LimitReached("quota.", crm="hubspot")}
    assert other.run().exit_code == 5
    other.hubspot.broken = {}
    assert asked(other) == BOTH
    assert world.hubspot.observed("3")["rating"] == "?2"


def test_people_who_changed_in_between_are_seen_and_deeds_by_the_run_after(world: World) -> None:
    killed(world)
    world.clock.advance(timedelta(minutes=5).total_seconds())
    world.hubspot.put("3", email="cy@acme.example", attr={"job_title": "CTO"})
    world.hubspot.do("h9", "3", type="form_submission", asset="demo")
    assert world.run().exit_code == 0
    assert world.hubspot.observed("3")["rating"] == "B4"
    assert world.run().exit_code == 0
    assert world.hubspot.observed("3")["rating"] == "B2"


def test_companies_and_removals_are_read_again(world: World) -> None:
    """Else a person would be scored without the new company, and one who was deleted be written to."""
    world.hubspot.put_company("c0", industry="farming")
    world.hubspot.put("0", email="zoe@acme.example")
    world.hubspot.remove("0")
    killed(world)
    world.hubspot.put_company("c1", industry="software")
    world.hubspot.put("4", email="eve@new.example", attr={"job_title": "CTO"}, account_id="c1")
    world.hubspot.remove("3")
    report = world.run()
    assert (report.exit_code, report.people) == (0, 4)
    assert world.hubspot.observed("4")["rating"] == "A4"
    assert "3" not in {change.record_id for change in world.hubspot.written}
