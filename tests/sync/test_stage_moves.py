"""The CRMs' own stages: which records move, what a person's change does, and what the settings must agree with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sync_rig import batch, mirror_at, record, store

from config.settings import GuardSettings, StageSettings, WriteSettings
from connectors.base import CRM_STAGE, CrmStages
from scoring.facts import Table
from sync import crm_stages, identity
from sync.mirror import hand_over, stage_moves, views
from sync.mirror.stage_moves import Ladder, Rung
from sync.stores import open_journal

from .conftest import counts

if TYPE_CHECKING:
    from pathlib import Path

    from sync.mirror.stage_moves import GivenCrmStage

    from .conftest import World

RUNGS = (
    Rung("hubspot", "contact", "subscriber", "sub", 0, earned=False),
    Rung("hubspot", "contact", "lead", "lead", 1, earned=True),
    Rung("hubspot", "contact", "mql", "100", 2, earned=True),
    Rung("hubspot", "contact", "sql", "100", 3, earned=True),
)
OWN = ("subscriber", "lead", "customer")


def moved(
    path: Path, held: str | None, stage: str | None, given: str | None, *, backward: bool = False
) -> list[object]:
    """Where a contact goes that holds `held` and was `given` something before: nothing, or (value, seen, backward)."""
    before: list[GivenCrmStage] = [("hubspot", "1", given)] if given else []
    with mirror_at(path / "mirror.duckdb").open() as con:
        store(con, batch(Table.RECORDS, [record("hubspot", "1", stage=held)]))
        identity.resolve(con)
        views.build(con, precedence=("hubspot",))
        con.execute("CREATE TEMP TABLE scores AS SELECT person, ?::VARCHAR AS stage FROM members", [stage])
        hand_over.find(con, None)
        stage_moves.find(con, Ladder(RUNGS, backward=backward), [before])
        return [row[2:] for row in con.execute("FROM stage_moves").fetchall()]


@pytest.mark.parametrize(
    ("held", "stage", "given", "expected"),
    [
        pytest.param(None, "lead", None, "lead", id="empty: filled"),
        pytest.param(" ", "lead", None, "lead", id="blank: filled"),
        pytest.param("sub", "mql", None, "100", id="forward from what stood there before us"),
        pytest.param("lead", "mql", "lead", "100", id="forward from what we gave"),
        pytest.param("lead", "lead", None, None, id="there already"),
        pytest.param("100", "sql", "100", None, id="two stages of the model under one name"),
        pytest.param("100", "lead", None, None, id="never back from what others gave"),
        pytest.param("100", "lead", "100", None, id="not back unless that is wanted"),
        pytest.param("customer", "mql", None, None, id="a stage that the model does not name stays"),
        pytest.param("lead", "mql", "100", None, id="a person put it back: held"),
        pytest.param("100", "mql", "lead", None, id="a person did what we would do"),
        pytest.param(None, "lead", "100", "lead", id="a person cleared it: healed"),
        pytest.param(None, "subscriber", None, None, id="the first stage is no achievement"),
        pytest.param(None, "subscriber", "100", "sub", id="but where a step back was cut short it is set"),
        pytest.param("sub", "elsewhere", None, None, id="the model's stage has none in the CRM"),
        pytest.param("sub", None, None, None, id="nobody scored: no stage"),
    ],
)
def test_73_forward_only_and_never_over_what_a_person_set(
    tmp_path: Path, held: str | None, stage: str | None, given: str | None, expected: str | None
) -> None:
    seen = (held or "").strip() or None
    assert moved(tmp_path, held, stage, given) == ([(expected, seen, False)] if expected else [])


@pytest.mark.parametrize(
    ("held", "stage", "given", "expected"),
    [
        pytest.param("100", "lead", "100", ("lead", "100", True), id="back from what we gave"),
        pytest.param("100", "subscriber", "100", ("sub", "100", True), id="back to the first"),
        pytest.param("100", "lead", None, None, id="never from what others gave"),
        pytest.param("100", "lead", "lead", None, id="nor from what others gave since"),
        pytest.param("lead", "mql", "lead", ("100", "lead", False), id="forward all the same"),
    ],
)
def test_73_back_only_where_that_is_wanted_and_we_gave_the_stage(
    tmp_path: Path, held: str, stage: str, given: str | None, expected: tuple[object, ...] | None
) -> None:
    assert moved(tmp_path, held, stage, given, backward=True) == ([expected] if expected else [])


# --- whole runs


def write_stages(world: World, **more: object) -> None:
    """From now on HubSpot's own stage is written; Salesforce here has none of the model's but lead."""
    stages = StageSettings.model_validate({"enabled": True} | more)
    writes = WriteSettings(lifecycle_stage=stages, guard=GuardSettings(max_share=1.0))
    world.settings = world.settings.model_copy(update={"writes": writes})
    world.hubspot.own_stages = world.salesforce.own_stages = OWN


def own_stage(world: World, record_id: str) -> str | None:
    return world.hubspot.records[record_id].get("stage")


def test_the_own_stage_is_written_once_beside_our_fields_and_stays_a_persons(world: World) -> None:
    write_stages(world)
    report = world.run()
    assert report.exit_code == 0, report.failure
    assert own_stage(world, "1") == "lead"
    assert own_stage(world, "2") is None  # has not earned any
    [sent] = [change for change in world.hubspot.written if change.record_id == "1"]
    assert sent.values[CRM_STAGE] == sent.values["stage"] == "lead"
    assert sent.move is not None
    assert sent.move.seen is None
    assert world.salesforce.records["A"]["stage"] == "Customer"  # a name that is none of the model's
    shown = next(move for move in report.moves if move.record == "hubspot:1")
    assert (shown.now[CRM_STAGE], shown.then[CRM_STAGE]) == (None, "lead")
    assert CRM_STAGE in shown.why

    writes = world.writes
    world.run()
    assert world.writes == writes

    world.hubspot.put("1", stage="subscriber")  # sales sends her back
    world.hubspot.put("2", stage="lead")
    world.run()
    assert own_stage(world, "1") == "subscriber"
    assert world.writes == writes


def test_a_hold_ends_where_person_and_model_agree(world: World) -> None:
    write_stages(world, backward=True)
    world.run()
    world.hubspot.put("1", stage="subscriber")
    world.run()
    world.hubspot.put("1", stage="customer")
    world.clock.advance(86_400)
    world.run()
    assert own_stage(world, "1") == "customer"  # held
    world.hubspot.put("1", stage="lead")
    world.run()
    world.clock.advance(200 * 86_400)  # her looks and the demo fade, she leaves the stage
    world.model = world.model.model_copy(
        update={"engagement": world.model.engagement.model_copy(update={"rules": world.model.engagement.rules[:1]})}
    )
    world.run(approve=True)
    assert world.hubspot.observed("1")["stage"] == "subscriber"
    assert own_stage(world, "1") == "subscriber"
    assert world.hubspot.written[-1].move is not None
    assert world.hubspot.written[-1].move.backward


def test_what_an_old_page_says_of_the_own_stage_does_not_undo_the_write(world: World) -> None:
    write_stages(world)
    old = dict(world.hubspot.records["1"])
    world.run()
    world.hubspot.rows["records"] = [
        (number, old if row["record_id"] == "1" else row) for number, row in world.hubspot.rows["records"]
    ]
    writes = world.writes
    world.run()
    assert world.query("SELECT stage FROM store.records WHERE crm = 'hubspot' AND record_id = '1'") == [("lead",)]
    assert world.writes == writes


def test_an_unknown_outcome_that_took_effect_is_not_taken_for_a_persons_change(world: World) -> None:
    write_stages(world)
    world.hubspot.put("1", stage="subscriber")
    world.hubspot.lose = {"1"}
    world.run()
    world.hubspot.lose = set()
    world.run()
    journal = open_journal(world.settings)
    known = {row[1]: row[2] for chunk in journal.crm_stages() for row in chunk}
    journal.close()
    assert known == {}  # nobody can tell who set it, so that it is never moved back
    assert own_stage(world, "1") == "lead"


def test_75_turning_it_on_for_a_rated_crowd_asks_first(world: World) -> None:
    for number in range(20):
        world.hubspot.put(f"p{number}", email=f"p{number}@acme.example")
        world.hubspot.do(f"d{number}", f"p{number}", type="form_submission", asset="demo")
    world.run()
    write_stages(world)
    world.settings = world.settings.model_copy(
        update={"writes": world.settings.writes.model_copy(update={"guard": GuardSettings()})}
    )
    writes = world.writes
    assert world.run().exit_code == 4
    assert world.writes == writes
    assert world.run(approve=True).exit_code == 0
    assert own_stage(world, "p0") == "lead"


def test_a_stage_that_the_crm_does_not_have_stops_the_run_before_it_writes(world: World) -> None:
    write_stages(world, hubspot={"lead": "7"})
    report = world.run()
    assert report.exit_code == 2
    assert report.failure is not None
    assert "writes.lifecycle_stage.hubspot.lead" in report.failure.message
    assert world.writes == 0


def test_a_refused_own_stage_is_told_and_not_sent_again(world: World) -> None:
    write_stages(world)
    world.hubspot.refuse = lambda change: "not yet" if CRM_STAGE in change.values else None
    assert counts(world.run())["hubspot"].rejected == 1
    again = counts(world.run())["hubspot"]
    assert (again.planned, again.skipped_by_reason) == (1, {"refused before": 1})


# --- settings against the model and the CRM


@pytest.mark.parametrize(
    ("settings", "stages", "level", "said"),
    [
        ({}, {"values": OWN}, "pass", "lead"),
        ({"hubspot": {"lead": "7"}}, {"values": OWN}, "fail", "no value 7"),
        ({"hubspot": {"laed": "lead"}}, {"values": OWN}, "fail", "no stage of the model"),
        ({"hubspot": {"customer": "won"}}, {"values": OWN, "never": ("won",)}, "fail", "by the CRM alone"),
        ({}, {"values": ("a", "b")}, "fail", "none of the stages"),
        ({}, {"values": ("lead", "customer")}, "warn", "nothing for stages of the model: subscriber"),
        ({}, {"values": ("customer", "lead"), "forward_only": True}, "fail", "another order"),
        ({}, {"values": ("customer", "lead")}, "pass", "can be written"),
        ({}, {"obstacle": "is read-only", "remedy": "Open it."}, "fail", "is read-only"),
    ],
)
def test_findings(world: World, settings: object, stages: dict[str, object], level: str, said: str) -> None:
    wanted = StageSettings.model_validate(settings)
    have = CrmStages("contact", "contacts.stage", **stages)  # type: ignore[arg-type]
    found = list(crm_stages.findings("hubspot", wanted, world.model, have))
    assert any(one.level == level and said in f"{one.subject} {one.message}" for one in found), found
    assert all(one.remedy for one in found if one.level != "pass")


def test_a_model_without_stages_has_none_to_write(world: World) -> None:
    model = world.model.model_copy(update={"lifecycle": None})
    have = CrmStages("contact", "contacts.stage", OWN)
    assert [one.level for one in crm_stages.findings("hubspot", StageSettings(enabled=True), model, have)] == ["fail"]


def test_the_switch_is_short_for_the_section() -> None:
    assert WriteSettings.model_validate({"lifecycle_stage": True}).lifecycle_stage == StageSettings(enabled=True)
    assert WriteSettings.model_validate({"lifecycle_stage": False}).lifecycle_stage == StageSettings()
    numbered = StageSettings.model_validate({"hubspot": {"sql": 104562734}})
    assert numbered.named("hubspot") == {"sql": "104562734"}
