"""What stops a run before it writes, and what a person may let pass."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import update
from sync_rig import NOW, MemoryCrm

from config.settings import GuardSettings
from connectors.errors import AuthStop
from sync import guards
from sync.journal import tables
from sync.mirror.census import FirstTime
from sync.mirror.summary import Crowd
from sync.report import Source
from sync.stores import open_journal

from .conftest import counts

if TYPE_CHECKING:
    from .conftest import World

CALM = Crowd(people=1000, in_both=0, rated=1000, changing=0)
BEFORE = Source(
    crm="hubspot",
    live=1000,
    gone=5,
    streams={"records": 1000, "activities.web": 500, "activities.forms": 3},
    known={"job_title": 600, "seats": 30, "company.industry": 2},
)


def messages(now: Source = BEFORE, *before: Source, crowd: Crowd = CALM, first: Any = ()) -> list[str]:
    """What the guards say by default."""
    found = guards.ask(GuardSettings(), crowd=crowd, first=first, now=[now], before=lambda: [[one] for one in before])
    return [one.message for one in found]


def now(**changes: Any) -> Source:
    return BEFORE.model_copy(update=changes)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (now(live=899), "101 of 1000 records in hubspot are gone all at once"),
        (now(gone=106), "101 of 1000 records in hubspot are gone all at once"),
        (now(denied=["activities.web"]), "hubspot no longer lets activities.web be read"),
        (
            now(streams={"records": 1000, "activities.forms": 3}),
            "gives nothing of activities.web, of which it gave 500",
        ),
        (now(streams={**BEFORE.streams, "records": 899}), "gave 899 records, but 1000 are known to be live"),
        (now(known={**BEFORE.known, "job_title": 299}), "job_title is known of 299 records in hubspot, and was of 600"),
    ],
)
def test_75_a_source_that_gives_suspiciously_little_is_seen(source: Source, said: str) -> None:
    (message,) = messages(source, BEFORE)
    assert said in message


@pytest.mark.parametrize(
    "source",
    [
        BEFORE,
        now(live=901, gone=105),
        now(live=950, known={"job_title": 571, "seats": 29}),  # fewer, because there are fewer records
        now(known={"job_title": 301, "seats": 16, "company.industry": 0}),
        now(streams={"records": 901, "activities.web": 500}),  # three rows of forms are no news
        now(live=3000, streams={**BEFORE.streams, "records": 3000}),  # a list was imported that tells nothing
    ],
)
def test_75_what_comes_and_goes_by_itself_stops_nothing(source: Source) -> None:
    assert messages(source, BEFORE) == []
    assert messages(source) == [], "a first run has nothing to compare with"


def test_75_what_was_denied_or_missing_before_is_no_news() -> None:
    denied = now(denied=["activities.web"])
    assert messages(denied, denied) == []
    assert len(messages(now(live=899), BEFORE, now(live=1100))) == 1, "it is told once, of the last run"
    assert len(messages(now(live=899), now(live=900), BEFORE)) == 1, "bit by bit through a day"


@pytest.mark.parametrize(
    ("rated", "changing", "said"),
    [
        (1000, 201, "201 of 1000 people (20%) would change; writes.guard.max_share is 20%"),
        (1_000_000, 50_001, "50001 people would change; writes.guard.max_people is 50000"),
        (1000, 200, ""),
        (12, 10, ""),
    ],
)
def test_75_too_many_changes_by_share_or_number(rated: int, changing: int, said: str) -> None:
    told = messages(crowd=Crowd(rated, 0, rated, changing))
    assert len(told) == bool(said)
    assert said in "".join(told)


def test_75_a_first_run_is_seen_by_what_it_would_write() -> None:
    assert messages(first=[FirstTime("hubspot", 1000, 500), FirstTime("salesforce", 12, 10)]) == []
    (said,) = messages(first=[FirstTime("hubspot", 1000, 501)])
    assert "501 of 1000 records in hubspot hold nothing of Leadgrade's" in said


def test_75_a_guard_that_cannot_be_asked_stands_up() -> None:
    def damaged() -> list[list[Source]]:
        return guards.earlier_sources([(NOW, {"sources": [{"crm": "hubspot"}]})], NOW)

    (told,) = guards.ask(GuardSettings(), crowd=CALM, first=[], now=[BEFORE], before=damaged)
    assert (told.guard, told.message) == (
        "source",
        "It cannot be told whether this guard is content (ValidationError).",
    )


def test_75_a_run_is_held_against_the_last_one_and_the_first_of_a_day() -> None:
    def report(hours: int, **more: Any) -> Any:
        return NOW - timedelta(hours=hours), {"sources": [now(live=hours).model_dump()]} | more

    def seen(*reports: Any) -> list[int]:
        return [sources[0].live for sources in guards.earlier_sources(reports, NOW)]

    assert seen() == []
    assert seen(report(1), report(2), report(23), report(25)) == [1, 23]
    assert seen(report(30), report(31)) == [30]
    assert seen((NOW, {"sources": []}), report(2), report(3, guards=[{}]), report(4)) == [2, 3], "as approved"


@pytest.mark.slow
def test_75_the_first_run_waits_for_a_person_unless_it_is_a_small_one(world: World) -> None:
    for number in range(20):
        world.hubspot.put(f"x{number}", email=f"x{number}@acme.example")
    report = world.run("backfill")
    assert (report.exit_code, report.failure.kind) == (4, "GuardTripped")
    assert "23 of 23 records in hubspot" in report.failure.message
    assert "--approve" in report.failure.message
    assert [(one.guard, one.message in report.failure.message) for one in report.guards] == [("first run", True)]
    shifts = {(shift.field, shift.now, shift.then): shift.records for shift in report.shifts}
    assert shifts["rating", None, "?4"] == 21
    assert counts(report)["hubspot"].skipped_by_reason == {"stopped by a guard": 23}
    assert world.writes == 0
    assert world.run(limit=2).exit_code == 0
    assert world.writes == 4
    assert world.run().exit_code == 4, "two records are not a first run"
    approved = world.run(approve=True)
    assert (approved.exit_code, approved.approved, len(approved.guards)) == (0, True, 1)
    assert world.run().guards == []


@pytest.mark.slow
def test_75_a_scope_that_was_lost_stops_the_run_until_somebody_looks(world: World) -> None:
    world.run()
    world.hubspot.put("1", attr={"job_title": "Clerk"})
    world.hubspot.broken = {"activities.web": AuthStop("scope missing.", crm="hubspot")}
    for _ in range(2):  # what a guard stopped is no measure for the next run
        report = world.run()
        assert report.exit_code == 4
        assert "hubspot no longer lets activities.web be read, which it did before." in report.failure.message
        assert report.sources == []
    assert world.run("plan").guards == report.guards
    assert world.run(approve=True).exit_code == 1, "without that stream"
    assert world.run().exit_code == 1
    world.hubspot.broken = {}
    assert world.run().exit_code == 0


def test_75_a_full_read_that_brings_little_stops_the_run(world: World) -> None:
    for number in range(20):
        world.hubspot.put(f"x{number}", email=f"x{number}@acme.example")
    world.run(approve=True)
    whole = world.hubspot.rows["records"]
    world.hubspot.rows["records"] = whole[:4]
    report = world.run("backfill")
    assert report.exit_code == 4
    assert "gave 4 records, but 23 are known to be live" in report.failure.message
    world.hubspot.rows["records"] = whole
    assert world.run("backfill").exit_code == 0


def test_75_a_damaged_record_of_the_last_run_stops_the_next(world: World) -> None:
    world.run()
    journal = open_journal(world.settings)
    with journal.engine.begin() as connection:
        connection.execute(update(tables.runs).values(report='{"sources": 5, "accounts": {"hubspot": "1"}}'))
    journal.close()
    report = world.run()
    assert (report.exit_code, [one.guard for one in report.guards]) == (4, ["source"])


def test_89_a_journal_of_another_account_is_refused(world: World) -> None:
    world.run()
    (world.settings.store.path / "mirror.duckdb").unlink()
    other = MemoryCrm("hubspot", "99")
    for _ in range(2):
        report = world.run(connectors={"hubspot": other})
        assert (report.exit_code, other.pulled) == (2, [])
        assert "the journal tells of account 1" in report.failure.message
        (world.settings.store.path / "mirror.duckdb").unlink()
    assert world.run().exit_code == 0
