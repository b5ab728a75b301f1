"""What `status` tells of reading that has not come to its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sync_rig import EACH_DATABASE

from connectors.errors import LimitReached
from insights.status import status

if TYPE_CHECKING:
    from insights.status import Status

    from .conftest import World


def left(found: Status) -> dict[str, int | None]:
    """Slices left by stream, of those that are not read to their end."""
    return {f"{line.crm} {line.stream}": line.slices_left for line in found.streams if line.slices_left != 0}


@EACH_DATABASE
def test_an_unfinished_backfill_tells_what_is_left_of_which_stream(world: World) -> None:
    for number in range(10):
        world.hubspot.put(f"x{number}", email=f"x{number}@acme.example")
    world.hubspot.broken, world.hubspot.broken_after = {"records": LimitReached("used up.", crm="hubspot")}, 2
    assert world.run("backfill").exit_code == 5
    found = status(world.settings, world.clock)
    assert left(found) == {
        "hubspot accounts": None,  # there were none, so that nothing of them is stored
        "hubspot records": 3, "hubspot activities.web": None, "hubspot removals": None,
        "salesforce accounts": None, "salesforce records": None,
        "salesforce activities.web": None, "salesforce removals": None,
    }  # fmt: skip
    unread = [line for line in found.streams if line.slices_left is None]
    assert {(line.rows, line.stored_at, line.lag_s) for line in unread} == {(0, None, None)}

    world.hubspot.broken = {}
    assert world.run("backfill", approve=True).exit_code == 0
    found = status(world.settings, world.clock)
    assert left(found) == {}, "of removals there were none, and nobody waits for them"
    assert {line.lag_s for line in found.streams} == {0.0}


def test_a_stream_whose_last_rows_were_stored_before_its_end_was_known_is_read_to_its_end(world: World) -> None:
    for number in range(4):
        world.hubspot.put(f"x{number}", email=f"x{number}@acme.example")
    pages = world.hubspot.pull

    def slow(stream: str, cursor: str | None):  # type: ignore[no-untyped-def] # noqa: ANN202 - as the CRM's own
        for batch in pages(stream, cursor):
            yield batch
            world.clock.advance(40)  # longer than rows wait to be stored

    world.hubspot.pull = slow  # type: ignore[method-assign] # a slow one
    assert world.run().exit_code == 0
    assert left(status(world.settings, world.clock)) == {}
