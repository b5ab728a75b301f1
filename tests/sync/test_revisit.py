"""Records read again by id: everybody in turn, the deleted every day, nobody twice a day."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from sync_rig import NOW, batch, mirror_at, record, store

from connectors.errors import LimitReached
from scoring.facts import Table
from sync.revisit import BIN_DAYS, ROUND_DAYS, share
from sync.stores import open_mirror

if TYPE_CHECKING:
    import duckdb
    from conftest import World

DAY_S = 86_400.0


def crowd(world: World, count: int) -> None:
    for number in range(count):
        world.hubspot.put(f"p{number}")
    world.run()


def test_everybody_has_a_turn_in_each_round() -> None:
    def ids(days: range, connection: duckdb.DuckDBPyConnection) -> list[str]:
        return [one for day in days for one in share(connection, "hubspot", NOW + timedelta(days=day))]

    with tempfile.TemporaryDirectory() as folder, mirror_at(Path(folder) / "mirror.duckdb").open() as connection:
        people = [record("hubspot", str(number)) for number in range(300)]
        store(connection, batch(Table.RECORDS, [*people, record("salesforce", "00Q")]))
        assert sorted(ids(range(ROUND_DAYS), connection)) == sorted(row["record_id"] for row in people)
        assert sorted(ids(range(5, 5 + ROUND_DAYS), connection)) == sorted(row["record_id"] for row in people)
        assert max(len(ids(range(day, day + 1), connection)) for day in range(ROUND_DAYS)) < 30


def test_what_changed_unseen_is_known_after_its_turn(world: World) -> None:
    crowd(world, 3)
    assert world.hubspot.revisited == [], "they have just been read"
    with open_mirror(world.settings, world.clock).open() as connection:
        turn = {one: day for day in range(1, 31) for one in share(connection, "hubspot", NOW + timedelta(days=day))}
    world.hubspot.records["p0"] |= {"account_id": "moved"}  # without a change that the streams would tell of
    world.hubspot.gone["p1"] = ("erased", None)
    for day in sorted({turn["p0"], turn["p1"]}):
        world.clock.advance((NOW + timedelta(days=day) - world.clock.now()).total_seconds())
        world.run()
    world.run()
    found = world.query("SELECT record_id, account_id FROM store.records WHERE record_id IN ('p0', 'p1', 'p2')")
    assert sorted(found) == [("p0", "moved"), ("p2", None)]
    assert len(world.hubspot.revisited) == len({turn["p0"], turn["p1"]}), "once a day"


def test_the_deleted_have_a_turn_every_day_until_the_bin_forgets_them(world: World) -> None:
    crowd(world, 1)
    world.hubspot.remove("p0")
    world.run()
    with open_mirror(world.settings, world.clock).open() as connection:
        days = [day for day in range(100) if "p0" in share(connection, "hubspot", NOW + timedelta(days=day))]
    assert days == list(range(BIN_DAYS))


def test_a_round_that_was_cut_short_is_begun_again(world: World) -> None:
    crowd(world, 1)
    world.hubspot.remove("p0")
    world.run()
    world.clock.advance(DAY_S)
    revisit = world.hubspot.revisit

    def cut(record_ids: list[str]) -> object:
        yield from revisit(record_ids)
        raise LimitReached("the day is used up.", crm="hubspot")

    world.hubspot.revisit = cut
    assert world.run().exit_code == 5
    world.hubspot.revisit = revisit
    assert world.run().exit_code == 0
    first, second = world.hubspot.revisited
    assert first == second
