"""plan --out and apply: exactly that plan, or none; and a share of the people, always the same."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING, Any

import pytest
from sync_rig import TYPES

from config.model import load_model
from config.settings import WriteSettings
from sync import saved_plan

from .conftest import MODEL, counts

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sync.report import Report

    from .conftest import World


@pytest.fixture
def saved(world: World, tmp_path: Path) -> Path:
    """A plan of both CRMs, of six records."""
    file = tmp_path / "plan.jsonl"
    report = world.run("plan", file=file)
    assert (report.exit_code, world.writes) == (0, 0)
    return file


def applied(world: World, file: Path, **options: Any) -> Report:
    return world.run("apply", file=file, **options)


def skipped(report: Report) -> dict[str, dict[str, int]]:
    return {crm: row.skipped_by_reason for crm, row in counts(report).items()}


def test_a_saved_plan_is_sent_as_it_is_and_a_second_time_nothing(world: World, saved: Path) -> None:
    header, *lines = [json.loads(line) for line in saved.read_text().splitlines()]
    assert header["rows"] == {"hubspot": 3, "salesforce": 3}
    assert header["accounts"] == {"hubspot": "1", "salesforce": "00D"}
    assert stat.S_IMODE(saved.stat().st_mode) == 0o600
    assert [path.name for path in saved.parent.glob(".plan*")] == []
    assert "acme" not in saved.read_text(), "no address"
    planned = {(line["crm"], line["record_id"]): line["desired.rating"] for line in lines}
    report = applied(world, saved)
    assert (report.kind, report.exit_code) == ("apply", 0), report.failure
    assert {crm: (row.planned, row.accepted) for crm, row in counts(report).items()} == {
        "hubspot": (3, 3), "salesforce": (3, 3),
    }  # fmt: skip
    held = {("hubspot", key): world.hubspot.observed(key).get("rating") for key in world.hubspot.records}
    held |= {("salesforce", key): world.salesforce.observed(key).get("rating") for key in world.salesforce.records}
    assert held == planned
    writes, planned_crms = world.writes, ("hubspot", "salesforce")
    assert skipped(applied(world, saved)) == {crm: {"holds it already": 3} for crm in planned_crms}
    assert world.run().written[0].planned == 0
    assert world.writes == writes


def test_an_apply_that_was_killed_sends_what_is_left(world: World, saved: Path) -> None:
    def die(_: object) -> None:
        if len(world.hubspot.written) == 2:
            raise KeyboardInterrupt

    world.hubspot.on_push = die
    with pytest.raises(KeyboardInterrupt):
        applied(world, saved)
    world.hubspot.on_push = lambda change: None
    report = applied(world, saved)
    assert skipped(report) == {"hubspot": {"holds it already": 2}, "salesforce": {}}
    assert [row.accepted for row in report.written] == [1, 3]


def test_a_plan_whose_records_moved_is_refused_or_sent_without_them(world: World, saved: Path) -> None:
    world.hubspot.put("2", attr={"job_title": "CTO"})
    world.salesforce.put("D", attr={"job_title": "CTO"})
    report = applied(world, saved)
    assert (report.exit_code, world.writes) == (4, 0)
    assert "2 of 6 records are not what they were" in report.failure.message
    assert "hubspot:2, salesforce:D" in report.failure.message
    assert skipped(report)["hubspot"] == {"moved since the plan": 1, "stopped by a guard": 2}
    report = applied(world, saved, skip_moved=True)
    assert (report.exit_code, [row.accepted for row in report.written]) == (0, [2, 2])
    assert skipped(report)["salesforce"] == {"moved since the plan": 1}
    assert [row.accepted for row in world.run().written] == [1, 2], "both of Bob's records, and D"


def test_a_record_that_was_merged_since_a_plan_has_moved(world: World, saved: Path) -> None:
    """Its person lives on, with other facts than those of the plan."""
    world.salesforce.remove("D", "merged", "B")
    report = applied(world, saved)
    assert report.exit_code == 4
    assert "salesforce:D" in report.failure.message


def test_a_record_that_is_gone_since_a_plan_is_left_out_of_it(world: World, saved: Path) -> None:
    """Nothing can be sent to it; and an apply that met one and was killed could not go on."""
    world.salesforce.remove("D")
    report = applied(world, saved)
    assert (report.exit_code, [row.accepted for row in report.written]) == (0, [3, 2])
    assert skipped(report)["salesforce"] == {"gone since the plan": 1}


def _swap(world: World, file: Path, tmp_path: Path) -> dict[str, Any]:
    world.hubspot.account_id = "99"
    (world.settings.store.path / "mirror.duckdb").unlink()
    store = world.settings.store.model_copy(update={"journal_url": f"sqlite:///{tmp_path / 'another.db'}"})
    return {"settings": world.settings.model_copy(update={"store": store})}


def _other_model(world: World, file: Path, tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "other.yaml").write_text(MODEL.replace("points: 60", "points: 61"))
    return {"model": load_model(tmp_path / "other.yaml", TYPES)}


def _wait(world: World, file: Path, tmp_path: Path) -> dict[str, Any]:
    world.clock.advance(25 * 3600)
    return {}


def _edit(world: World, file: Path, tmp_path: Path) -> dict[str, Any]:
    file.write_text(file.read_text().replace('"A1"', '"F4"'))
    return {}


def _cut(world: World, file: Path, tmp_path: Path) -> dict[str, Any]:
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:-1]))
    return {}


def _other_version(world: World, file: Path, tmp_path: Path) -> dict[str, Any]:
    file.write_text(file.read_text().replace('"leadgrade":"', '"leadgrade":"9', 1))
    return {}


def _no_plan(world: World, file: Path, tmp_path: Path) -> dict[str, Any]:
    file.write_text("id,rating\n1,A1\n")
    return {}


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        (_swap, 4, "is for account 1 of hubspot, the credentials open 99"),
        (_other_model, 4, "was made with the model test@"),
        (_wait, 4, "older than writes.guard.plan_max_age_h"),
        (_edit, 4, "its lines were changed or are missing"),
        (_cut, 4, "its lines were changed or are missing"),
        (_other_version, 4, "was made by Leadgrade 9"),
        (_no_plan, 2, "this is no plan"),
    ],
)
def test_a_plan_of_another_world_is_refused(
    world: World, saved: Path, tmp_path: Path, change: Callable[..., dict[str, Any]], code: int, said: str
) -> None:
    options = change(world, saved, tmp_path)
    report = applied(world, saved, **options)
    assert (report.exit_code, world.writes) == (code, 0)
    assert said in report.failure.message


def test_a_row_that_a_crm_refuses_is_not_sent_by_the_next_attempt(world: World, saved: Path) -> None:
    world.hubspot.refuse = lambda change: "no" if change.record_id == "3" else None
    assert applied(world, saved).exit_code == 1
    assert skipped(applied(world, saved))["hubspot"] == {"holds it already": 2, "refused before": 1}


def test_75_guards_are_asked_of_a_saved_plan_too(world: World, tmp_path: Path) -> None:
    for number in range(20):
        world.hubspot.put(f"x{number}", email=f"x{number}@acme.example")
    file = tmp_path / "plan.jsonl"
    assert [one.guard for one in world.run("plan", file=file).guards] == ["first run"]
    assert (applied(world, file).exit_code, world.writes) == (4, 0)
    assert applied(world, file, approve=True).exit_code == 0
    assert saved_plan.FORMAT == 1


def test_75_a_growing_share_holds_the_people_of_a_smaller_one(world: World) -> None:
    for number in range(60):
        email = f"x{number}@acme.example"
        world.hubspot.put(f"x{number}", email=email)
        if number % 3 == 0:
            world.salesforce.put(f"y{number}", email=email)

    def rated() -> set[str]:
        crms = (world.hubspot, world.salesforce)
        return {row["email"].lower() for crm in crms for key, row in crm.records.items() if crm.observed(key)}

    tenth = world.run(share=0.1)
    assert (tenth.exit_code, tenth.share, tenth.guards) == (0, 0.1, []), "a share needs no approval"
    first = rated()
    assert 1 <= len(first) <= 16
    hubspot = counts(tenth)["hubspot"]
    assert hubspot.skipped_by_reason == {"outside the share": hubspot.planned - hubspot.accepted}
    for number in range(0, 60, 3):  # both records of a person are in it, or none
        ids = (world.hubspot.observed(f"x{number}"), world.salesforce.observed(f"y{number}"))
        assert bool(ids[0]) == bool(ids[1])
    half = world.settings.model_copy(update={"writes": WriteSettings(rollout="40%")})
    report = world.run(settings=half)
    second = rated()
    assert first < second
    assert 14 <= len(second) <= 38
    world.hubspot.put("new", email="x1@acme.example")  # a second record of somebody
    assert world.run(settings=half).exit_code == 0
    assert bool(world.hubspot.observed("new")) == bool(world.hubspot.observed("x1"))
    assert (report.share, report.exit_code) == (0.4, 0)
    world.run(approve=True)
    assert len(rated()) == 64
