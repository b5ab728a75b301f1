"""Stages that people set by hand in our field, and edges that are noted once.

The model lets in at 40 points of engagement and out below 20; two looks at the pricing page are 40 points now and 20
after a half-life.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sync_rig import EACH_DATABASE, TYPES, ago

from config.model import checked_model
from config.yaml_file import parse
from sync import apply
from sync.stores import open_journal

from .conftest import MODEL
from .test_stages import DAY, Killed, die, look_at_prices_twice

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import World


@pytest.fixture
def holding(world: World, tmp_path: Path) -> World:
    """Eve is a lead of Salesforce who looked at prices; stages set by hand are left alone for 30 days."""
    text = MODEL.rstrip() + "\n  hold: 30d\n"
    world.model = checked_model(parse(text, tmp_path / "scoring.yaml"), TYPES)
    world.salesforce.put("E", email="eve@acme.example", kind="lead")
    world.run()
    return world


def stage(world: World, crm: str = "salesforce", record: str = "E") -> str:
    return getattr(world, crm).observed(record)["stage"]


def edges(world: World, record: str = "E") -> list[tuple[Any, ...]]:
    journal = open_journal(world.settings)
    found = [
        (row["from_stage"], row["to_stage"], row["direction"], row["by_hand"])
        for row in journal.crossings()
        if row["record_id"] == record
    ]
    journal.close()
    return found


def test_a_stage_set_by_hand_is_left_alone_until_the_hold_runs_out(holding: World) -> None:
    holding.salesforce.put("E", observed={"stage": "customer"})
    holding.run()
    assert stage(holding) == "customer"
    holding.clock.advance(29 * DAY)
    holding.run(approve=True)
    assert stage(holding) == "customer"
    assert edges(holding) == [("subscriber", "customer", "up", True)]


def test_once_it_has_run_out_the_rules_go_on_from_there(holding: World) -> None:
    look_at_prices_twice(holding)
    holding.run()
    holding.salesforce.put("E", observed={"stage": "subscriber"})
    holding.clock.advance(60)
    holding.run()
    # Subscriber was the stage before, which a lagging index may show too: it is healed.
    assert stage(holding) == "lead"
    holding.salesforce.put("E", observed={"stage": "customer"})
    holding.clock.advance(60)
    holding.run()
    assert stage(holding) == "customer"
    holding.clock.advance(31 * DAY)
    holding.run(approve=True)
    assert stage(holding) == "customer"  # which no rule leads out of


@EACH_DATABASE
def test_what_people_decide_for_one_record_counts_for_the_person_in_the_other_crm(holding: World) -> None:
    holding.hubspot.put("1", observed={"stage": "customer"})
    holding.run(approve=True)
    assert stage(holding, "salesforce", "A") == stage(holding, "hubspot", "1") == "customer"
    assert edges(holding, "A")[-1][:3] == ("lead", "customer", "up")


def test_words_that_are_no_stage_and_empty_fields_are_healed(holding: World) -> None:
    for value in ("nonsense", None):
        holding.salesforce.put("E", observed={"stage": value})
        holding.clock.advance(60)
        holding.run()
        assert stage(holding) == "subscriber"


def test_a_write_of_ours_that_nobody_heard_of_is_not_taken_for_a_persons(
    holding: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    look_at_prices_twice(holding)
    with monkeypatch.context() as patch:
        patch.setattr(apply, "_note", die)
        with pytest.raises(Killed):
            holding.run()
    assert stage(holding) == "lead"
    holding.run()
    holding.clock.advance(40 * DAY)
    holding.run(approve=True)
    assert stage(holding) == "subscriber"  # no hold kept it up
    assert edges(holding) == [("subscriber", "lead", "up", False), ("lead", "subscriber", "down", False)]


@EACH_DATABASE
def test_an_edge_is_noted_once_with_its_run(world: World) -> None:
    look_at_prices_twice(world)
    world.salesforce.put("E", email="eve@acme.example", kind="lead")
    first = world.run()
    world.run()
    journal = open_journal(world.settings)
    noted = list(journal.crossings(run_id=first.run_id))
    journal.close()
    assert "E" in {row["record_id"] for row in noted}
    assert edges(world) == [(None, "lead", "up", False)]
    assert {row["at"] for row in noted} == {world.clock.now()}
    world.clock.advance(45 * DAY)
    world.run(approve=True)
    world.salesforce.do("later", "E", url="/pricing", occurred_at=ago(-45))
    world.run(approve=True)
    assert edges(world) == [(None, "lead", "up", False), ("lead", "subscriber", "down", False)]
