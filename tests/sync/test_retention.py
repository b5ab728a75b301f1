"""What is too old is let go of, and no score moves by it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sync_rig import EACH_DATABASE, ago

from config.settings import RetentionSettings
from sync.stores import open_journal

if TYPE_CHECKING:
    from tests.sync.conftest import World

FACTS = "SELECT count(*) FROM store.facts"


@pytest.fixture
def aged(world: World) -> World:
    """Somebody whose page views of ten years ago have faded to nothing, beside the world's own people."""
    for number in range(20):
        world.hubspot.do(f"old{number}", "3", url=f"https://acme.example/old-{number}", occurred_at=ago(3000 + number))
    world.hubspot.do("old-mail", None, email="nobody@left.example", occurred_at=ago(3000))
    world.run()
    return world


def keeping(world: World, **days: int) -> None:
    retention = RetentionSettings(**days)
    world.settings = world.settings.model_copy(update={"retention": retention})


def test_old_activities_go_and_no_score_moves_then_or_later(aged: World) -> None:
    (before,) = aged.query(FACTS)[0]
    keeping(aged, activities_days=730)
    aged.run("rescore")
    assert aged.query(FACTS) == [(before,)], "only the weekly reconciliation lets go"
    held = {key: aged.hubspot.observed(key) for key in ("1", "2", "3")}
    written = aged.writes
    aged.run("reconcile")
    assert aged.query(FACTS) == [(before - 21,)]
    assert aged.query("SELECT count(*) FROM store.signatures WHERE url LIKE '%/old-%'") == [(0,)]
    assert aged.query("SELECT count(*) FROM store.owners WHERE email IS NOT NULL") == [(0,)]
    aged.run()
    assert {key: aged.hubspot.observed(key) for key in ("1", "2", "3")} == held
    assert aged.writes == written


def test_what_a_rule_still_sees_stays(aged: World) -> None:
    aged.hubspot.do("demo", "3", type="form_submission", asset="demo", occurred_at=ago(2000))
    aged.run()
    (before,) = aged.query(FACTS)[0]
    keeping(aged, activities_days=730)
    held = aged.hubspot.observed("3")
    assert aged.run("reconcile").exit_code == 0
    assert aged.query(FACTS) == [(before,)], "a demo counts for ever: its rule has no decay"
    assert aged.hubspot.observed("3") == held


@EACH_DATABASE
def test_runs_and_counts_of_calls_go_when_they_are_old(world: World) -> None:
    world.run()
    world.clock.advance(401 * 86_400)
    world.run("reconcile", approve=True)
    journal = open_journal(world.settings)
    assert [row["kind"] for row in journal.last_runs()] == ["reconcile"]
    journal.close()


def test_what_facts_were_before_goes_when_that_is_long_past(world: World) -> None:
    for title in ("Clerk", "CEO"):
        world.run(approve=True)
        world.hubspot.put("1", email="ann@acme.example", attr={"job_title": title})
        world.clock.advance(86_400)
    titles = 'SELECT "attr.job_title" FROM store.past_records'
    world.run(approve=True)
    assert world.query(titles) == [("CTO",), ("Clerk",)]
    keeping(world, versions_days=1)
    world.clock.advance(60)
    world.run("reconcile", approve=True)
    assert world.query(titles) == [("Clerk",)]
