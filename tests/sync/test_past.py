"""The score of a past day, computed today, is the one that a run on that day computed."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import typer
from sync_rig import NOW, TYPES, batch

from cli.explanation import past_time
from connectors.base import Stream
from insights.explain import NoSuchPerson, explain
from scoring.facts import Table
from sync import planning, scores
from sync.mirror import past
from sync.mirror.load import Part, load
from sync.mirror.store import meta
from sync.mirror.tables import KEPT, past_of
from sync.stop import Stop
from sync.stores import open_journal, open_mirror

if TYPE_CHECKING:
    from .conftest import World

DAYS = 4
DAY = 86_400
Answer = tuple[list[tuple], list[tuple]]


def answer(connection: Any) -> Answer:
    """Scores and ledger of everybody. The stage before is not compared: that of a newcomer is noted without a time."""
    rows = connection.execute("SELECT * EXCLUDE (stage_before) FROM scores ORDER BY person").fetchall()
    return rows, sorted(connection.execute("FROM ledger").fetchall(), key=repr)


@pytest.fixture
def days(monkeypatch: pytest.MonkeyPatch) -> dict[datetime, Answer]:
    """What each run computed, by its time."""
    kept: dict[datetime, Answer] = {}
    score_all = scores.score_all

    def noted(connection: Any, **options: Any) -> None:
        score_all(connection, **options)
        kept[options["as_of"]] = answer(connection)

    monkeypatch.setattr(planning.scores, "score_all", noted)
    return kept


def recomputed(world: World, then: datetime) -> Answer:
    journal = open_journal(world.settings)
    with open_mirror(world.settings, world.clock).open() as connection, past.as_of(connection, then):
        given = {"settings": world.settings, "model": world.model}
        scores.gather(connection, **given, journal=journal, now=then, before=then)
        scores.score_all(connection, **given, as_of=then, stop=Stop())
        found = answer(connection)
    journal.close()
    return found


def put_directly(world: World, table: Table, *rows: dict[str, Any]) -> None:
    part = Part("hubspot", Stream("by hand", table))
    part.add(batch(table, rows))
    with open_mirror(world.settings, world.clock).open() as connection:
        fence = int(meta(connection, "fence") or 0)
        load(connection, [part], types=TYPES, now=world.clock.now(), fence=fence)


def live_a_day(world: World, generator: random.Random, day: int) -> None:
    """Attributes, addresses, accounts and deals change; people come, merge, go; events come late, change, vanish."""
    now = world.clock.now().replace(tzinfo=None)
    hubspot, salesforce = world.hubspot, world.salesforce
    for record_id in generator.sample(sorted(hubspot.records), 2):
        title = generator.choice(["CTO", "CEO", "Clerk", None])
        hubspot.put(record_id, email=f"{generator.choice('abc')}{record_id}@acme.example", attr={"job_title": title})
    for number in range(3):
        whose = generator.choice(sorted(hubspot.records))
        at = now - timedelta(days=generator.choice([0, 1, 20]))
        hubspot.do(f"d{day}-{number}", whose, url="/pricing", occurred_at=at, seen_at=now)
    hubspot.do("h1", "1", url="/pricing", count=day, occurred_at=now - timedelta(days=2), seen_at=now)
    hubspot.put(f"new{day}", email=f"new{day}@acme.example", account_id="7")
    company = {"crm": "hubspot", "account_id": "7", "attr.company.industry": generator.choice(["software", "farming"])}
    put_directly(world, Table.ACCOUNTS, company | {"modified_at": now})
    deal = {"crm": "hubspot", "deal_id": f"w{day % 3}", "record_ids": ["1"], "is_won": day % 2 == 0, "is_closed": True}
    put_directly(
        world, Table.DEALS, deal | {"closed_at": now - timedelta(days=1), "created_at": now, "modified_at": now}
    )
    if day == 2:
        salesforce.remove("D", "deleted")
        hubspot.remove("new1", "merged", "new2")
    if day == 3:
        gone = {"crm": "hubspot", "kind": "activity", "record_id": "d1-0", "removed": "deleted", "removed_at": now}
        put_directly(world, Table.REMOVALS, gone, gone | {"kind": "deal", "record_id": "w0"})
    if day == 4:
        salesforce.put("D", email="di@acme.example", kind="lead", attr={"job_title": "Clerk"})
        salesforce.remove("B", "converted", "C")
        salesforce.put("C", email="bob@acme.example")


@pytest.mark.slow
def test_a_past_day_scores_as_it_did(world: World, days: dict[datetime, Answer]) -> None:
    generator = random.Random(1)
    for day in range(DAYS):
        world.run(approve=True)
        world.clock.advance(generator.choice([3_600, 86_400, 5 * 86_400]))
        live_a_day(world, generator, day + 1)
    world.run(approve=True)
    assert len(days) == DAYS + 1
    assert len({repr(found) for found in days.values()}) == DAYS + 1
    for then, found in days.items():
        assert recomputed(world, then) == found, then


def test_only_what_can_move_a_score_makes_a_version_and_old_ones_can_be_forgotten(world: World) -> None:
    """Neither the first sight of a row, nor our own writes, nor what comes again as it was."""
    world.run()
    assert world.writes
    world.run("backfill")
    versions = {table: world.query(f"FROM {past_of(table)}") for table in KEPT}
    assert not any(versions.values()), versions
    for title in ("Clerk", "CEO"):
        world.clock.advance(DAY)
        world.hubspot.put("1", email="ann@acme.example", attr={"job_title": title})
        world.run(approve=True)
    with open_mirror(world.settings, world.clock).open() as connection:
        titles = 'SELECT record_id, "attr.job_title" FROM store.past_records ORDER BY known_until'
        assert connection.execute(titles).fetchall() == [("1", "CTO"), ("1", "Clerk")]
        assert past.trim(connection, world.clock.now() - timedelta(hours=1)) == 1
        assert connection.execute(titles).fetchall() == [("1", "Clerk")]


def test_of_an_erased_person_no_version_is_left(world: World) -> None:
    world.run()
    world.clock.advance(60)
    now = world.clock.now().replace(tzinfo=None)
    world.hubspot.put("1", email="ann@other.example", attr={"job_title": "Clerk"})
    world.hubspot.do("h1", "1", url="/pricing", count=7, occurred_at=now, seen_at=now)
    world.run(approve=True)
    assert world.query("SELECT (SELECT count(*) FROM store.past_records), (SELECT count(*) FROM store.past_facts)") == [
        (1, 1)
    ]
    world.clock.advance(60)
    world.hubspot.remove("1", "erased")
    world.run(approve=True)
    assert world.query("SELECT * FROM store.past_records WHERE record_id = '1'") == []
    assert world.query("FROM store.past_facts") == []


def test_a_person_is_explained_as_of_a_day(world: World) -> None:
    world.run()
    first = world.clock.now()
    world.clock.advance(3 * DAY)
    world.hubspot.put("1", email="ann@renamed.example", attr={"job_title": "Clerk"})
    world.run(approve=True)
    now = explain(world.settings, world.model, "hubspot:1", clock=world.clock)
    then = explain(world.settings, world.model, "ann@acme.example", clock=world.clock, then=first)
    assert (then.scores.fit_grade, now.scores.fit_grade) == ("A", "F")
    assert then.as_of == first
    assert {line.rule for line in then.lines if line.axis == "fit"} >= {"Decision maker"}
    with pytest.raises(NoSuchPerson):
        explain(world.settings, world.model, "hubspot:1", clock=world.clock, then=first - timedelta(days=1))
    with pytest.raises(NoSuchPerson):
        explain(world.settings, world.model, "ann@renamed.example", clock=world.clock, then=first)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2026-06-14", datetime(2026, 6, 14, 23, 59, 59, 999_999, UTC)),
        ("2026-06-15", NOW),
        ("2026-06-14T10:00", datetime(2026, 6, 14, 10, tzinfo=UTC)),
        ("2026-06-14T10:00+02:00", datetime(2026, 6, 14, 8, tzinfo=UTC)),
    ],
)
def test_a_day_means_its_end(text: str, meant: datetime) -> None:
    assert past_time(text, NOW) == meant


@pytest.mark.parametrize("text", ["2026-06-16", "yesterday", "2026-13-01"])
def test_what_is_no_past_day_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        past_time(text, NOW)
