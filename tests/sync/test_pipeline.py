"""Whole runs over two CRMs in memory."""

from __future__ import annotations

import signal
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from sync_rig import EACH_DATABASE, TYPES, MemoryCrm, ago

from config.model import load_model
from config.settings import GuardSettings, HubSpotSettings, WriteSettings
from connectors.errors import AuthStop, LimitReached, Unreachable
from insights.status import status
from sync import lease
from sync.errors import Busy
from sync.journal import tables
from sync.lease import Holder
from sync.mirror import views
from sync.report import Report
from sync.stop import Stop
from sync.stores import open_journal, open_mirror

from .conftest import MODEL, counts

if TYPE_CHECKING:
    from pathlib import Path

    from connectors.base import Change

    from .conftest import World


def test_69_the_whole_job_and_then_nothing_for_ten_runs(world: World) -> None:
    report = world.run("backfill")
    assert report.exit_code == 0, report.failure
    assert (report.people, report.people_in_both) == (4, 2)
    assert {crm: (row.planned, row.accepted, row.unchanged) for crm, row in counts(report).items()} == {
        "hubspot": (3, 3, 0),
        "salesforce": (3, 3, 0),
    }
    assert {(row.crm, row.stream): row.rows for row in report.pulled} == {
        ("hubspot", "records"): 3, ("hubspot", "activities.web"): 2, ("hubspot", "removals"): 0,
        ("hubspot", "accounts"): 0, ("hubspot", "revisited"): 0,
        ("salesforce", "records"): 3, ("salesforce", "activities.web"): 2, ("salesforce", "removals"): 0,
        ("salesforce", "accounts"): 0, ("salesforce", "revisited"): 0,
    }  # fmt: skip
    ann = world.hubspot.observed("1")
    assert ann == world.salesforce.observed("A")
    assert (ann["rating"], ann["fit_score"], ann["stage"]) == ("A1", "80", "lead")
    assert report.top[0].records == ["salesforce:A", "hubspot:1"]
    assert report.top[0].rating == "A1"
    assert next((row.rating, row.people, row.converted) for row in report.conversions) == ("A1", 1, 1)
    assert sum(row.people for row in report.conversions) == 4
    assert sum(row.converted for row in report.conversions) == 1
    assert [step.step for step in report.steps] == ["pull", "pull", "identity", "score", "plan", "write", "write"]
    writes = world.writes
    for _ in range(10):
        again = world.run()
        assert again.exit_code == 0
        assert all(row.planned == 0 and row.unchanged == 3 for row in again.written)
    assert world.writes == writes == 6
    assert Report.model_validate_json(report.model_dump_json()) == report


def test_the_plan_is_the_same_however_few_people_are_scored_at_a_time(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def planned() -> list[tuple[object, ...]]:
        assert world.run("plan").exit_code == 0
        with open_mirror(world.settings, world.clock).open() as connection:
            return connection.execute("FROM store.plan ORDER BY crm, tag").fetchall()

    whole = planned()
    monkeypatch.setattr(views, "SPAN", 1)
    assert planned() == whole
    assert len(whole) == 6


def test_a_second_run_reads_only_what_changed(world: World) -> None:
    world.run()
    world.run()  # reads our own writes
    assert all(row.rows == 0 for row in world.run().pulled)
    world.hubspot.put("3", attr={"job_title": "CEO"})
    report = world.run()
    assert sum(row.rows for row in report.pulled) == 1
    assert counts(report)["hubspot"].accepted == 1
    assert world.hubspot.observed("3")["fit_score"] == "60"


def test_a_quiet_sync_stores_all_streams_of_a_crm_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.run()
    world.run()
    opened: list[object] = []
    connect = duckdb.connect

    def watched(*args: Any, **more: Any) -> Any:
        opened.append(args)
        return connect(*args, **more)

    monkeypatch.setattr(duckdb, "connect", watched)
    world.hubspot.put("3", attr={"job_title": "CEO"})
    world.hubspot.do("h9", "3")
    assert sum(row.rows for row in world.run("plan").pulled) == 2
    per_crm = ("cursors", "streams", "whole")
    beside = ("guards", "erasures", "scores")
    assert len(opened) == 2 * len(per_crm) - 1 + len(beside), "Salesforce's streams bring nothing"


def test_what_one_stream_takes_away_of_another_is_gone_though_both_are_stored_at_once(world: World) -> None:
    world.run()
    world.hubspot.do("h9", "1")
    gone = {"crm": "hubspot", "kind": "activity", "record_id": "h9", "removed": "deleted", "removed_at": ago(0)}
    world.hubspot._note("removals", gone)
    world.hubspot.do("h10", "1")
    before = facts(world)
    assert world.run().exit_code == 0
    assert facts(world) == before + 1


def facts(world: World) -> int:
    with open_mirror(world.settings, world.clock).open() as connection:
        return int(connection.execute("SELECT count(*) FROM store.facts").fetchall()[0][0])


def test_rows_without_a_key_stop_their_own_stream_only(world: World) -> None:
    world.run()
    world.hubspot.do("h9", "1")
    world.hubspot.put("3", attr={"job_title": "CEO"})
    world.hubspot.rows["activities.web"][-1][1]["activity_id"] = None  # type: ignore[index] # as a broken one would
    report = world.run()
    assert report.exit_code == 1
    assert [row.stream for row in report.pulled if row.skipped] == ["activities.web"]
    assert world.hubspot.observed("3")["fit_score"] == "60"


def test_81_a_cleared_field_is_healed_and_an_owned_one_left_alone(world: World) -> None:
    world.run()
    rating = world.hubspot.observed("1")["rating"]
    world.hubspot.put("1", observed={"rating": None})
    report = world.run()
    assert (counts(report)["hubspot"].accepted, counts(report)["salesforce"].planned) == (1, 0)
    assert world.hubspot.observed("1")["rating"] == rating
    assert list(world.hubspot.written[-1].values) == ["rating"]


def test_someone_who_objects_is_no_longer_scored(world: World) -> None:
    world.run()
    world.hubspot.put("1", attr={"profiling_objection": "true"})
    assert world.run().exit_code == 0
    assert world.hubspot.observed("1") == world.salesforce.observed("A") == {}


@EACH_DATABASE
def test_57_a_rejected_row_is_not_sent_again_until_its_values_change(world: World) -> None:
    world.hubspot.refuse = lambda change: "must have a phone" if change.record_id == "2" else None
    first = world.run()
    assert first.exit_code == 1
    assert counts(first)["hubspot"].rejected_by_reason == {"VALIDATION: must have a phone": 1}
    asked: list[str] = []
    world.hubspot.on_push = lambda change: asked.append(change.record_id)
    second = world.run()
    assert second.exit_code == 0
    assert counts(second)["hubspot"].skipped_by_reason == {"refused before": 1}
    assert asked == []
    assert world.rejects()["hubspot", "2"]["attempts"] == 1
    world.hubspot.do("h9", "2", type="form_submission")
    assert counts(world.run())["hubspot"].rejected == 1
    assert world.rejects()["hubspot", "2"]["attempts"] == 2
    world.hubspot.refuse = lambda change: None
    world.hubspot.do("h10", "2", type="form_submission")
    assert world.run().exit_code == 0
    assert world.rejects() == {}


def test_57_a_refused_row_that_nothing_is_to_be_written_to_any_more_is_off_the_list(world: World) -> None:
    world.hubspot.refuse = lambda change: "no"
    world.run()
    assert set(world.rejects()) == {("hubspot", "1"), ("hubspot", "2"), ("hubspot", "3")}
    world.hubspot.remove("3")
    world.hubspot.put("2", observed=world.salesforce.observed("B"))
    assert world.run().exit_code == 0
    assert set(world.rejects()) == {("hubspot", "1")}


def test_57_an_unknown_outcome_is_read_back_and_not_written_twice(world: World) -> None:
    world.hubspot.lose = {"1"}
    first = world.run()
    assert first.exit_code == 1
    assert counts(first)["hubspot"].unknown_by_reason == {"NO_ANSWER": 1}
    writes = world.writes
    second = world.run()
    assert second.exit_code == 0
    assert counts(second)["hubspot"].planned == 0
    assert world.writes == writes


@EACH_DATABASE
def test_76_79_every_row_ends_in_exactly_one_count(world: World) -> None:
    for number in range(4):
        world.hubspot.put(f"x{number}", email=f"x{number}@acme.example")
    world.hubspot.skip, world.hubspot.lose, world.hubspot.gone = {"x0"}, {"x1"}, {"x2": ("deleted", None)}
    world.hubspot.refuse = lambda change: "no" if change.record_id == "1" else None
    row = counts(world.run(limit=6))["hubspot"]
    assert (row.planned, row.accepted, row.rejected, row.unknown, row.skipped) == (7, 2, 1, 1, 3)
    assert row.skipped_by_reason == {"LOCKED": 1, "gone: deleted": 1, "over the limit": 1}


def test_68_a_record_that_is_gone_is_buried_and_its_person_lives_on(world: World) -> None:
    world.hubspot.gone = {"2": ("merged", "3"), "1": ("deleted", None)}
    first = world.run()
    assert first.exit_code == 0
    assert counts(first)["hubspot"].skipped_by_reason == {"gone: merged": 1, "gone: deleted": 1}
    assert world.rejects() == {}
    second = world.run()
    assert counts(second)["hubspot"].unchanged + counts(second)["hubspot"].accepted == 1
    assert second.people == 3, "Bob and Cy are one now"
    assert world.hubspot.observed("3") == world.salesforce.observed("B")
    assert world.run().written[0].planned == 0


def test_a_merge_in_the_crm_moves_the_activities_to_the_survivor(world: World) -> None:
    world.run()
    world.hubspot.remove("1", "merged", "3")
    world.salesforce.put("A", email="else@acme.example")
    world.run()
    assert int(world.hubspot.observed("3")["engagement_score"]) >= 50


def test_dry_run_plan_and_writes_off_make_no_write_call(world: World) -> None:
    def forbidden(change: Change) -> None:
        raise AssertionError(change)

    world.hubspot.on_push = world.salesforce.on_push = forbidden
    off = world.settings.model_copy(update={"writes": WriteSettings(enabled=False)})
    for report, why in (
        (world.run(dry_run=True), "dry run"),
        (world.run("plan"), "dry run"),
        (world.run(settings=off), "writes.enabled is false"),
        (world.run("backfill", dry_run=True), "dry run"),
    ):
        assert report.exit_code == 0
        assert {crm: (row.planned, row.skipped_by_reason) for crm, row in counts(report).items()} == {
            "hubspot": (3, {why: 3}),
            "salesforce": (3, {why: 3}),
        }


def test_a_limit_sends_so_many_and_says_so_and_which(world: World) -> None:
    report = world.run(limit=1)
    assert {crm: (row.accepted, row.skipped_by_reason) for crm, row in counts(report).items()} == {
        "hubspot": (1, {"over the limit": 2}),
        "salesforce": (1, {"over the limit": 2}),
    }
    assert report.limit == 1
    assert sorted(move.record.split(":")[0] for move in report.moves) == ["hubspot", "salesforce"]
    for move in report.moves:
        crm, _, record = move.record.partition(":")
        sent = (world.hubspot if crm == "hubspot" else world.salesforce).observed(record)
        assert move.then["rating"] == sent["rating"]
    assert {row.accepted for row in world.run().written} == {2}


def test_a_rescore_pulls_nothing(world: World) -> None:
    world.run()
    world.hubspot.pulled.clear()
    world.clock.advance(60 * 86_400)
    report = world.run("rescore", approve=True)
    assert report.exit_code == 0
    assert world.hubspot.pulled == []
    assert counts(report)["hubspot"].accepted >= 1, "points decay"


def test_an_interrupted_backfill_goes_on_where_it_stopped(world: World) -> None:
    for number in range(30):
        world.hubspot.do(f"x{number}", "1")
    world.hubspot.broken, world.hubspot.broken_after = {"activities.web": LimitReached("quota.", crm="hubspot")}, 4
    first = world.run("backfill")
    assert (first.exit_code, first.failure.kind) == (5, "LimitReached")
    assert world.writes == 0
    stored = world.query("SELECT count(*) FROM store.facts")
    assert stored == [(12,)]
    world.hubspot.broken = {}
    world.hubspot.pulled.clear()
    second = world.run("backfill")
    assert second.exit_code == 0
    assert ("activities.web", None) not in world.hubspot.pulled
    assert {row.stream: row.rows for row in second.pulled if row.crm == "hubspot"}["activities.web"] == 20
    assert world.query("SELECT count(*) FROM store.facts") == [(34,)]
    world.hubspot.pulled.clear()
    assert world.run("backfill").exit_code == 0
    assert ("activities.web", None) in world.hubspot.pulled, "a finished backfill begins anew"


def test_a_failing_optional_stream_makes_the_run_partial(world: World) -> None:
    world.hubspot.broken = {"activities.web": AuthStop("scope missing.", crm="hubspot")}
    report = world.run()
    assert report.exit_code == 1
    assert [row.skipped for row in report.pulled if row.stream == "activities.web"] == ["hubspot: scope missing.", ""]
    assert {row.accepted for row in report.written} == {3}


def test_a_failing_required_stream_stops_before_anything_is_written(world: World) -> None:
    world.salesforce.broken = {"records": Unreachable("no answer.", crm="salesforce", remedy="Run again.")}
    report = world.run()
    assert report.exit_code == 5
    assert report.failure.message == "salesforce: no answer. Run again."
    assert world.writes == 0
    assert world.query("SELECT count(*) FROM store.records WHERE crm = 'hubspot'") == [(3,)], "what was read is kept"


def test_one_crm_that_fails_does_not_keep_the_other_waiting(world: World) -> None:
    world.hubspot.push_error = (2, LimitReached("quota.", crm="hubspot"))
    report = world.run()
    assert report.exit_code == 5
    hubspot, salesforce = report.written
    assert (hubspot.accepted, hubspot.unknown_by_reason) == (2, {"no outcome": 1})
    assert salesforce.accepted == 3
    world.hubspot.push_error = None
    assert {row.planned for row in world.run().written} == {0, 1}


def test_41_a_limit_says_when_it_may_go_on_in_the_report_and_in_the_status(world: World) -> None:
    goes_on = world.clock.now() + timedelta(hours=9)
    world.hubspot.push_error = (2, LimitReached("quota.", crm="hubspot", resets_at=goes_on))
    report = world.run()
    assert (report.exit_code, report.failure.resets_at) == (5, goes_on)
    assert f"It may go on at {goes_on:%Y-%m-%d %H:%M} UTC." in report.failure.message
    seen = status(world.settings, world.clock)
    assert (seen.waits_until, seen.runs[0].resets_at) == (goes_on, goes_on)
    world.clock.advance(timedelta(hours=9).total_seconds())
    assert status(world.settings, world.clock).waits_until is None


def test_41_calls_of_earlier_runs_are_told_to_the_next_process_also_when_a_run_was_killed(world: World) -> None:
    def die(change: Change) -> None:
        if len(world.hubspot.written) == 2:
            raise KeyboardInterrupt

    world.hubspot.on_push = die
    with pytest.raises(KeyboardInterrupt):
        world.run()
    world.hubspot.on_push = lambda change: None
    made = len(world.hubspot.written)
    world.hubspot.written.clear()  # another process, whose connectors remember nothing
    world.run()
    assert world.hubspot.earlier == [(world.clock.now(), made)]


@EACH_DATABASE
def test_a_signal_stops_at_the_checkpoint_and_the_next_run_goes_on(world: World) -> None:
    stop = Stop()
    world.hubspot.on_push = lambda change: stop.request(signal.SIGTERM) if not stop.requested else None
    report = world.run(stop=stop)
    assert (report.exit_code, report.failure.kind) == (143, "Stopped")
    hubspot, salesforce = report.written
    assert (hubspot.accepted, hubspot.skipped_by_reason) == (2, {"not reached": 1})
    assert salesforce.skipped_by_reason == {"not reached": 3}
    world.hubspot.on_push = lambda change: None
    after = world.run()
    assert [row.accepted for row in after.written] == [1, 3]
    assert world.run().written[0].planned == 0


def test_a_second_run_is_told_who_is_at_it(world: World) -> None:
    journal = open_journal(world.settings)
    with lease.held(journal, world.clock, holder=Holder(4242, "elsewhere")), pytest.raises(Busy, match="process 4242"):
        world.run()
    journal.close()
    assert world.run().exit_code == 0


def test_a_lost_lease_ends_the_run_before_its_next_write(world: World) -> None:
    def steal(_change: Change) -> None:
        world.clock.advance(lease.LENGTH.total_seconds() + 1)
        journal = open_journal(world.settings)
        lease._acquire(journal, world.clock, Holder(1, "elsewhere"), lambda holder: True)
        journal.close()
        world.hubspot.on_push = lambda change: None

    world.hubspot.on_push = steal
    report = world.run()
    assert (report.exit_code, report.failure.kind) == (6, "LeaseLost")
    assert report.written[0].accepted == 0
    assert world.salesforce.written == []


def test_the_wrong_account_is_refused_before_anything_is_read(world: World) -> None:
    pinned = world.settings.model_copy(update={"hubspot": HubSpotSettings(portal_id=77)})
    report = world.run(settings=pinned)
    assert report.exit_code == 2
    assert "account 1" in report.failure.message
    assert "77" in report.failure.message
    assert world.hubspot.pulled == []


def test_a_store_of_another_account_is_refused(world: World) -> None:
    world.run()
    other = MemoryCrm("hubspot", "99")
    report = world.run(connectors={"hubspot": other})
    assert report.exit_code == 2
    assert "holds facts of account 1" in report.failure.message
    assert other.pulled == []


def test_75_too_many_changes_stop_the_run_unless_approved(world: World) -> None:
    for number in range(20):
        world.hubspot.put(f"x{number}", email=f"x{number}@acme.example")
    world.run(approve=True)
    writes = world.writes
    for number in range(20):
        world.hubspot.put(f"x{number}", attr={"job_title": "CEO"})
    report = world.run()
    assert (report.exit_code, report.failure.kind) == (4, "GuardTripped")
    assert "20 of 24 people (83%)" in report.failure.message
    assert (report.rated_before, report.rated_changing) == (24, 20)
    assert counts(report)["hubspot"].skipped_by_reason == {"stopped by a guard": 20}
    assert len(report.moves) == 10
    for move in report.moves:
        assert move.crossing
        assert (move.now["rating"], move.then["rating"]) == ("?4", "B4")
        assert move.now.keys() == move.then.keys()
    assert world.writes == writes
    wide = world.settings.model_copy(update={"writes": WriteSettings(guard=GuardSettings(max_share=0.9))})
    assert world.run("plan").exit_code == 0
    assert world.run(settings=wide, limit=3).exit_code == 0
    assert world.run(approve=True).exit_code == 0
    assert world.writes == writes + 20


EXAMPLES = """
examples:
  - {name: Newcomer, person: {job_title: Clerk}, expect: {grade: F}}
  - {name: CTO, person: {job_title: CTO}, company: {industry: software}, expect: {fit: 80, grade: F}}
"""


def test_a_failing_golden_example_stops_the_run_before_anything_is_read(world: World, tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text(MODEL + EXAMPLES)
    report = world.run(model=load_model(file, TYPES))
    assert report.exit_code == 4
    assert "CTO: grade: expected F, got A" in report.failure.message
    assert world.hubspot.pulled == []


def test_a_bug_is_noted_without_its_text_and_raised(world: World) -> None:
    world.hubspot.broken = {"records": ZeroDivisionError("ann@acme.example")}
    with pytest.raises(ZeroDivisionError):
        world.run()
    journal = open_journal(world.settings)
    (run,) = journal.last_runs()
    journal.close()
    assert run["exit_code"] == 70
    assert "ann@" not in run["report"]
    assert lease_is_free(world)


def lease_is_free(world: World) -> bool:
    journal = open_journal(world.settings)
    holder = lease.holder_of(journal)
    journal.close()
    return holder is None


def test_no_personal_value_reaches_the_journal(world: World) -> None:
    world.hubspot.put("1", email="canary@acme.example", attr={"first_name": "Canary"})
    world.hubspot.refuse = lambda change: "refused"
    world.run()
    journal = open_journal(world.settings)
    with journal.engine.connect() as connection:
        rows = [str(row) for table in tables.metadata.sorted_tables for row in connection.execute(table.select())]
    journal.close()
    assert any("refused" in row for row in rows)
    assert not any("anary" in row for row in rows)


def test_a_late_event_counts_by_the_day_it_happened(world: World) -> None:
    world.run()
    world.salesforce.do("late", "D", url="/pricing", occurred_at=ago(5), seen_at=ago(0))
    before = int(world.salesforce.observed("D")["engagement_score"])
    world.run()
    assert int(world.salesforce.observed("D")["engagement_score"]) == before + 18  # 20 points, 5 days of 30 on
