"""What is too old is let go of, and no score moves by it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest
from sync_rig import EACH_DATABASE, TYPES, ago

from config.model import checked_model
from config.settings import RetentionSettings
from config.yaml_file import parse
from sync.stores import open_journal

from .conftest import MODEL

if TYPE_CHECKING:
    from config.model import Model

    from .conftest import World

FACTS = "SELECT count(*) FROM store.facts"


@pytest.fixture
def aged(world: World) -> World:
    """Somebody whose page views of ten years ago have faded to nothing, beside the world's own people."""
    for number in range(20):
        world.hubspot.do(f"old{number}", "3", url=f"https://acme.example/old-{number}", occurred_at=ago(3000 + number))
    world.hubspot.do("old-mail", None, email="nobody@left.example", occurred_at=ago(3000))
    world.run()
    return world


def limiting(world: World) -> Model:
    """The world's model, with a limit on how often people become leads."""
    text = MODEL.replace("exit: {engagement: {below: 20}}}", "exit: {engagement: {below: 20}}, max_entries: 5}")
    return checked_model(parse(text, world.settings.scoring), TYPES)


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


@EACH_DATABASE
def test_old_edges_go_but_for_those_that_a_limit_counts_and_none_is_noted_twice(world: World) -> None:
    world.run()
    world.hubspot.do("h9", "3", type="form_submission", asset="demo", occurred_at=ago(0))
    world.run()
    edges = crossed(world)
    assert ("hubspot", "3", "lead") in edges
    world.clock.advance(40 * 86_400)
    keeping(world, crossings_days=60)
    world.run("reconcile", approve=True)
    assert crossed(world) >= edges

    keeping(world, crossings_days=30)
    world.run("reconcile", approve=True, model=limiting(world))
    assert crossed(world) >= edges, "how often people became leads still counts"
    world.run("reconcile", approve=True)
    assert crossed(world) & edges == set()
    stages = held(world)
    world.run("backfill", approve=True)
    assert (crossed(world) & edges, held(world)) == (set(), stages), "they have their stages, and cross no edge again"


@EACH_DATABASE
def test_a_row_that_was_refused_long_ago_is_sent_once_more(world: World) -> None:
    asked: list[str] = []
    world.hubspot.refuse = lambda change: "no" if change.record_id == "3" else None
    world.hubspot.on_push = lambda change: asked.append(change.record_id)
    keeping(world, rejects_days=10)
    world.run()
    world.clock.advance(9 * 86_400)
    world.run("reconcile", approve=True)
    assert set(world.rejects()) == {("hubspot", "3")}
    count = asked.count("3")
    world.clock.advance(2 * 86_400)
    world.run("reconcile", approve=True)
    assert (world.rejects(), asked.count("3")) == ({}, count)
    world.run(approve=True)
    assert (world.rejects()["hubspot", "3"]["attempts"], asked.count("3")) == (1, count + 1)


def crossed(world: World) -> set[tuple[str, str, str]]:
    """Every edge that the journal knows: CRM, record, and stage."""
    with contextlib.closing(open_journal(world.settings)) as journal:
        return {(edge["crm"], edge["record_id"], edge["to_stage"]) for edge in journal.crossings()}


def held(world: World) -> set[tuple[str, str, str]]:
    """The stage of every record, by the journal."""
    with contextlib.closing(open_journal(world.settings)) as journal:
        return {row[:3] for chunk in journal.stages() for row in chunk}


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
