"""A first run and a backfill hand nobody over to sales, unless that is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sync_rig import NOW, ago

from config.settings import StageSettings, WriteSettings
from sync.stores import open_journal

if TYPE_CHECKING:
    from sync.report import Report

    from .conftest import World


def run(world: World, kind: Any = "sync", **options: Any) -> Report:
    """With HubSpot's own stage written, and as people run it: without --hand-over."""
    world.hubspot.own_stages = ("subscriber", "lead", "customer")
    writes = WriteSettings(lifecycle_stage=StageSettings(enabled=True, hubspot={"lead": "lead"}))
    settings = world.settings.model_copy(update={"writes": writes})
    crms = {"hubspot": world.hubspot}
    report = world.run(kind, **{"hand_over": False, "settings": settings, "connectors": crms} | options)
    assert report.exit_code == 0, report.failure
    return report


def own(world: World, record_id: str) -> str | None:
    stage: str | None = world.hubspot.records[record_id].get("stage")
    return stage


def edges(world: World) -> list[tuple[str, str]]:
    """Those that are news."""
    journal = open_journal(world.settings)
    found = [(row["record_id"], row["to_stage"]) for row in journal.crossings() if row["told_at"] is None]
    journal.close()
    return found


def keen(world: World, record_id: str, **values: Any) -> None:
    """Somebody who has done enough for the stage lead."""
    world.hubspot.put(record_id, email=f"{record_id}@acme.example", stage="subscriber", **values)
    world.hubspot.do(f"form-{record_id}", record_id, type="form_submission", asset="demo", occurred_at=ago(1))


def test_who_was_there_before_the_first_run_is_not_handed_over_and_who_comes_later_is(world: World) -> None:
    keen(world, "old")
    run(world)
    assert (world.hubspot.observed("old")["stage"], own(world, "old")) == ("lead", "subscriber")
    assert edges(world) == []
    world.clock.advance(3600)
    keen(world, "new", created_at=world.clock.now().replace(tzinfo=None))
    world.hubspot.put("3", stage="subscriber")
    world.hubspot.do("form-3", "3", type="form_submission", asset="demo")
    run(world)
    assert [own(world, key) for key in ("old", "new", "3")] == ["subscriber", "lead", "lead"]
    assert sorted(edges(world)) == [("3", "lead"), ("new", "lead")]
    run(world, "rescore")
    assert own(world, "old") == "subscriber", "not by a later run either"
    run(world, hand_over=True)
    assert own(world, "old") == "lead"


def test_a_backfill_hands_nobody_over_and_the_next_sync_only_who_was_known(world: World) -> None:
    run(world)
    world.clock.advance(3600)
    world.hubspot.put("3", stage="subscriber")
    world.hubspot.do("form-3", "3", type="form_submission", asset="demo")
    keen(world, "new", created_at=world.clock.now().replace(tzinfo=None))
    run(world, "backfill")
    assert {world.hubspot.observed(key)["stage"] for key in ("3", "new")} == {"lead"}
    assert {own(world, key) for key in ("3", "new")} == {"subscriber"}
    assert edges(world) == [("3", "lead")]
    run(world)
    assert (own(world, "3"), own(world, "new")) == ("lead", "subscriber")
    keen(world, "newer", created_at=world.clock.now().replace(tzinfo=None))
    run(world, "backfill", hand_over=True)
    assert (own(world, "newer"), ("newer", "lead") in edges(world)) == ("lead", True)


def test_a_lost_journal_hands_nobody_over(world: World) -> None:
    keen(world, "old")
    run(world)
    for file in world.settings.store.path.glob("journal.db*"):
        file.unlink()
    world.clock.advance(3600)
    run(world)
    assert own(world, "old") == "subscriber"
    assert world.clock.now() > NOW
