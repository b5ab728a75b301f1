"""The journal: migrations, the lease, outcomes; and the guards' book-keeping."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from itertools import chain
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text
from sync_rig import EACH_DATABASE, NOW, ago

from connectors.clock import FakeClock
from sync import lease
from sync.errors import Busy, LeaseLost, StateUnusable
from sync.journal.book import Journal
from sync.journal.migrations import STEPS, migrate
from sync.journal.rejects import Reject
from sync.journal.stages import Given
from sync.lease import Holder
from sync.report import Report

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from sqlalchemy import Connection


pytestmark = EACH_DATABASE


@pytest.fixture
def journal(journal_url: str) -> Iterator[Journal]:
    book = Journal(journal_url)
    yield book
    book.close()


def test_a_journal_of_a_newer_version_is_refused_and_left_as_it_is(journal_url: str, journal: Journal) -> None:
    with journal.engine.begin() as connection:
        connection.execute(text("UPDATE journal_version SET version = 99"))
    known = rf"is of version 99; this Leadgrade knows versions up to {len(STEPS)}"
    with pytest.raises(StateUnusable, match=known) as caught:
        Journal(journal_url)
    assert caught.value.exit_code == 2
    with journal.engine.begin() as connection:
        assert connection.execute(text("SELECT version FROM journal_version")).scalar() == 99


def test_a_journal_from_before_edges_and_holds_gets_room_for_them(journal_url: str, journal: Journal) -> None:
    older = ["ALTER TABLE stages DROP COLUMN stage_before", "DROP TABLE crossings", "DROP TABLE holds"]
    with journal.engine.begin() as connection:
        for statement in [*older, "UPDATE journal_version SET version = 4"]:
            connection.execute(text(statement))
    again = Journal(journal_url)
    for stage in ("new", "hot"):
        given = {"accepted": [Given("1", stage)], "rejected": [], "gone": []}
        again.note_outcomes("hubspot", **given, now=NOW, run_id=7, order=("new", "hot"))
    assert [(edge["run_id"], edge["from_stage"], edge["to_stage"]) for edge in again.crossings()] == [(7, "new", "hot")]
    assert list(again.stages_before()) == [[("hubspot", "1", "new")]]
    again.close()


def test_an_older_journal_is_brought_up_to_date_and_a_failing_step_leaves_no_trace(
    journal: Journal,
) -> None:
    def add(connection: Connection) -> None:
        connection.execute(text("CREATE TABLE notes (note VARCHAR)"))

    def fail(connection: Connection) -> None:
        connection.execute(text("INSERT INTO notes VALUES ('half')"))
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError):
        migrate(journal.engine, [*STEPS, add, fail])
    with journal.engine.begin() as connection:
        assert connection.execute(text("SELECT version FROM journal_version")).scalar() == len(STEPS) + 1
        assert connection.execute(text("SELECT count(*) FROM notes")).scalar() == 0
        assert connection.execute(text("SELECT fence FROM leases")).scalar() == 0


def test_only_one_holds_the_lease_and_the_other_hears_who(journal: Journal) -> None:
    clock = FakeClock(NOW)
    with lease.held(journal, clock, holder=Holder(11, "alpha")) as first:
        with pytest.raises(Busy, match="process 11 on alpha, since 2026-06-15 12:00:00 UTC") as caught:
            lease._acquire(journal, clock, Holder(22, "beta"), lambda holder: True)
        assert caught.value.exit_code == 6
        assert lease.holder_of(journal) == (Holder(11, "alpha"), NOW + lease.LENGTH)
    assert lease.holder_of(journal) is None
    with lease.held(journal, clock, holder=Holder(22, "beta")) as second:
        assert second.fence == first.fence + 1


def test_a_lease_that_ran_out_is_taken_over_and_the_sleeper_finds_out(journal: Journal) -> None:
    clock = FakeClock(NOW)
    with lease.held(journal, clock, holder=Holder(11, "alpha")) as sleeper:
        clock.advance(lease.LENGTH.total_seconds() - 1)
        sleeper.renew()
        clock.advance(lease.LENGTH.total_seconds() + 1)
        with lease.held(journal, clock, holder=Holder(22, "beta")) as other:
            with pytest.raises(LeaseLost, match="process 22 on beta took over"):
                sleeper.renew()
            sleeper.release()
            other.renew()
        with pytest.raises(LeaseLost):
            sleeper.renew()


def test_a_holder_of_this_machine_that_is_dead_is_not_waited_for(journal: Journal) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    here = lease.this_process()
    clock = FakeClock(NOW)
    with child:
        lease._acquire(journal, clock, Holder(child.pid, here.host), lease.is_alive)
        with pytest.raises(Busy, match=f"process {child.pid}"):
            lease._acquire(journal, clock, here, lease.is_alive)
        child.kill()
    taken = lease._acquire(journal, clock, here, lease.is_alive)
    assert taken.holder.pid == os.getpid()


def reject(record_id: str, values_hash: str = "h", message: str = "no") -> Reject:
    return Reject("lead", record_id, "rating", "VALIDATION", message, values_hash)


def test_outcomes_are_noted_once_per_record(journal: Journal) -> None:
    later = NOW + timedelta(days=1)
    nothing = {"accepted": [], "rejected": [], "gone": []}
    journal.note_outcomes("hubspot", **nothing | {"rejected": [reject("1"), reject("2"), reject("3")]}, now=NOW)
    journal.note_outcomes("salesforce", **nothing | {"rejected": [reject("1")]}, now=NOW)
    journal.note_outcomes(
        "hubspot", accepted=[Given("2", "lead")], rejected=[reject("1", "h2", "x" * 900)], gone=["3"], now=later
    )
    found = {(row["crm"], row["record_id"]): row for row in journal.rejects()}
    assert set(found) == {("hubspot", "1"), ("salesforce", "1")}
    row = found["hubspot", "1"]
    assert (row["first_seen"], row["last_seen"], row["attempts"]) == (NOW, later, 2)
    assert len(row["message"]) == 500
    assert journal.counts() == {"hubspot": 1, "salesforce": 1}
    assert sorted(chain.from_iterable(journal.refused())) == [
        ("hubspot", "1", "h2"),
        ("salesforce", "1", "h"),
    ]


def test_a_stage_keeps_the_time_since_when_it_was_given(journal: Journal) -> None:
    def give(stage: str | None, days: int, since: datetime | None = None) -> list[tuple[str, str, str, object]]:
        given = [Given(str(number), stage, since) for number in range(1200)]
        journal.note_outcomes("hubspot", accepted=given, rejected=[], gone=[], now=NOW + timedelta(days=days))
        return list(chain.from_iterable(journal.stages()))

    assert ("hubspot", "7", "lead", ago(0)) in give("lead", 0)
    assert ("hubspot", "7", "lead", ago(0)) in give("lead", 1, since=NOW)
    assert ("hubspot", "7", "customer", ago(-2)) in give("customer", 2)
    assert ("hubspot", "7", "lead", ago(1)) in give("lead", 3, since=NOW - timedelta(days=1))
    assert ("hubspot", "7", "lead", ago(-4)) in give("lead", 4), "new to the person"
    assert give(None, 5) == []


def test_runs_and_their_reports_come_back_as_they_went_in(journal: Journal) -> None:
    run_id = journal.begin_run(kind="sync", started_at=NOW, holder="me", model_version="m@1", model="{}")
    journal.begin_run(kind="plan", started_at=NOW, holder="me", model_version="m@1", model="{}")
    report = Report(run_id=run_id, kind="sync", started_at=NOW, duration_s=1.5, model_version="m@1")
    journal.end_run(report, NOW)
    running, done = journal.last_runs()
    assert (running["ended_at"], running["kind"]) == (None, "plan")
    assert done["exit_code"] == 0
    assert Report.model_validate_json(done["report"]) == report


def test_a_journal_of_version_1_learns_to_count_calls(journal: Journal) -> None:
    with journal.engine.begin() as connection:
        connection.execute(text("DROP TABLE calls"))
        connection.execute(text("UPDATE journal_version SET version = 1"))
    migrate(journal.engine)
    for calls in (10, 25):
        journal.note_calls(1, "hubspot", calls, NOW)
    journal.note_calls(1, "salesforce", 3, NOW)
    journal.note_calls(2, "hubspot", 7, NOW + timedelta(hours=2))
    assert sorted(journal.calls_since("hubspot", NOW - timedelta(hours=1))) == [
        (NOW, 25), (NOW + timedelta(hours=2), 7),
    ]  # fmt: skip
    assert journal.calls_since("hubspot", NOW) == [(NOW + timedelta(hours=2), 7)]


def test_readers_are_not_kept_waiting_by_a_writer(journal_url: str, journal: Journal) -> None:
    reader = Journal(journal_url)
    with journal.engine.begin() as connection:
        connection.execute(text("UPDATE leases SET fence = 5"))
        assert reader.last_runs() == []
        assert list(reader.rejects()) == []
    reader.close()
