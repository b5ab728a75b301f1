"""The stage a person is in outlives what happens to its records and to our runs.

The model lets in at 40 points of engagement and out below 20; two looks at the pricing page are 40 points now and 20
after a half-life.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sync_rig import EACH_DATABASE, TYPES, ago

from config.model import checked_model
from config.yaml_file import parse
from sync import apply
from sync.stores import open_journal

from .conftest import MODEL

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import World

DAY = 86_400


class Killed(BaseException):
    """The process is gone."""


def look_at_prices_twice(world: World) -> None:
    for number in range(2):
        world.salesforce.do(f"e{number}", "E", url="/pricing", occurred_at=ago(0.1))


def given(world: World) -> dict[str, str]:
    """What the journal knows of Salesforce's records."""
    journal = open_journal(world.settings)
    found = {record_id: stage for chunk in journal.stages() for _, record_id, stage, _ in chunk}
    journal.close()
    return found


def die(*_: object) -> None:
    raise Killed


def test_a_converted_lead_keeps_its_stage_as_a_contact(world: World) -> None:
    world.salesforce.put("E", email="eve@acme.example", kind="lead")
    look_at_prices_twice(world)
    world.run()
    assert world.salesforce.observed("E")["stage"] == "lead"
    world.clock.advance(25 * DAY)
    world.salesforce.remove("E", "converted", "C")
    world.salesforce.put("C", email="eve@acme.example")
    world.run(approve=True)
    assert 20 <= int(world.salesforce.observed("C")["engagement_score"]) < 40
    assert world.salesforce.observed("C")["stage"] == "lead"


def test_a_stage_whose_write_was_never_noted_counts_all_the_same(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The CRM took the new stage, the process died before it knew; weeks later the stage machine goes on from it."""
    world.salesforce.put("E", email="eve@acme.example", kind="lead")
    world.run()
    assert given(world)["E"] == world.salesforce.observed("E")["stage"] == "subscriber"
    look_at_prices_twice(world)
    with monkeypatch.context() as patch:
        patch.setattr(apply, "_note", die)
        with pytest.raises(Killed):
            world.run()
    assert (given(world)["E"], world.salesforce.observed("E")["stage"]) == ("subscriber", "lead")

    written = world.writes
    world.run()
    assert (given(world)["E"], world.writes) == ("lead", written)
    world.clock.advance(25 * DAY)
    world.run(approve=True)
    assert 20 <= int(world.salesforce.observed("E")["engagement_score"]) < 40
    assert world.salesforce.observed("E")["stage"] == "lead"


def test_a_stage_that_was_left_does_not_come_back_from_a_record_that_was_merged_away(world: World) -> None:
    """The lead kept in the CRM showed the lower stage all the while, so that nothing was left to be written."""
    world.salesforce.put("E", email="eve@acme.example", kind="lead")
    world.salesforce.put("F", email="fay@acme.example", kind="lead")
    world.run()
    look_at_prices_twice(world)
    world.clock.advance(60)
    world.run()
    assert (given(world)["E"], given(world)["F"]) == ("lead", "subscriber")
    world.clock.advance(40 * DAY)
    world.salesforce.remove("E", "merged", "F")
    world.run(approve=True)
    assert world.salesforce.observed("F")["stage"] == "subscriber"
    world.salesforce.do("one more", "F", url="/pricing", occurred_at=world.clock.now().replace(tzinfo=None))
    world.run(approve=True)
    assert 20 <= int(world.salesforce.observed("F")["engagement_score"]) < 40
    assert world.salesforce.observed("F")["stage"] == "subscriber"


@EACH_DATABASE
def test_the_time_in_a_stage_goes_on_through_a_conversion(world: World) -> None:
    world.salesforce.put("E", email="eve@acme.example", kind="lead")
    look_at_prices_twice(world)
    world.run()
    world.clock.advance(10 * DAY)
    world.salesforce.remove("E", "converted", "C")
    world.salesforce.put("C", email="eve@acme.example")
    world.run(approve=True)
    journal = open_journal(world.settings)
    since = {record_id: since for chunk in journal.stages() for _, record_id, _, since in chunk}
    journal.close()
    assert since["C"] == ago(0)


def test_entries_are_counted_from_the_edges(world: World, tmp_path: Path) -> None:
    """Up, down, up, down: the third time is one too many."""
    text = MODEL.replace("- {to: lead, ", "- {to: lead, max_entries: 2, ")
    world.model = checked_model(parse(text, tmp_path / "scoring.yaml"), TYPES)
    world.salesforce.put("E", email="eve@acme.example", kind="lead")
    world.run()
    began, stages = world.clock.now(), []
    for time in range(3):
        for number in range(2):
            world.salesforce.do(f"e{time}{number}", "E", url="/pricing", occurred_at=ago(now=world.clock.now()))
        for seconds in (60, 45 * DAY):
            world.clock.advance(seconds)
            world.run(approve=True)
            stages.append(world.salesforce.observed("E")["stage"])
    assert stages == ["lead", "subscriber", "lead", "subscriber", "subscriber", "subscriber"]
    journal = open_journal(world.settings)
    times = [
        [times for chunk in journal.entries(["lead"], when) for _, record_id, _, times in chunk if record_id == "E"]
        for when in (began, began + timedelta(days=1), world.clock.now())
    ]
    journal.close()
    assert times == [[], [1], [2]]
