"""Two runs that share the journal and the CRMs, each with a mirror of its own (row 87)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from sync_rig import EACH_DATABASE, NOW, ago, mirror_at

from connectors.clock import FakeClock
from sync import lease
from sync.errors import LeaseLost
from sync.journal.book import Journal
from sync.journal.cursors import Stored
from sync.journal.erasures import Person
from sync.journal.rejects import Reject
from sync.lease import Holder
from sync.mirror.store import restart, restarted, set_whole, transaction

if TYPE_CHECKING:
    from pathlib import Path

    from connectors.base import Change
    from sync.report import Report
    from tests.sync.conftest import World


def beside(world: World) -> World:
    """Another machine with the same settings."""
    store = world.settings.store
    elsewhere = store.model_copy(update={"path": store.path.with_name("elsewhere")})
    return replace(world, settings=world.settings.model_copy(update={"store": elsewhere}))


@EACH_DATABASE
def test_87_who_was_paused_among_its_writes_stops_before_the_next_one(world: World) -> None:
    other = beside(world)
    meanwhile: list[Report] = []
    written: list[int] = []

    def pause(change: Change) -> None:
        world.hubspot.on_push = lambda change: None
        crms = (world.hubspot, world.salesforce)
        asked = [crm.ask for crm in crms]
        world.clock.advance(lease.LENGTH.total_seconds() + 1)
        meanwhile.append(other.run())
        written.append(world.writes)
        for crm, ask in zip(crms, asked, strict=True):
            crm.ask = ask

    world.hubspot.on_push = pause
    lost = world.run("backfill")
    assert (lost.exit_code, meanwhile[0].exit_code) == (6, 0)
    assert lost.failure is not None
    assert lost.failure.kind == "LeaseLost"
    assert world.writes - written[0] <= world.hubspot.batch_size, "the batch that was on its way, and no more"
    assert sum(crm.planned - crm.accepted for crm in lost.written) > 0
    held = [world.hubspot.observed(key) for key in ("1", "2", "3")]

    again = world.run()
    assert again.exit_code == 0
    assert [world.hubspot.observed(key) for key in ("1", "2", "3")] == held
    assert sum(crm.accepted for crm in other.run().written) == 0


def test_87_a_rescore_reads_first_when_another_mirror_was_used_since(world: World) -> None:
    other = beside(world)
    world.run()
    other.run()
    world.hubspot.do("late", "3", type="form_submission", asset="demo", occurred_at=ago(0))
    other.run()
    held = world.hubspot.observed("3")
    count = world.writes

    report = world.run("rescore")
    assert [part.stream for part in report.pulled if part.rows] != [], "else it would write what was true before"
    assert world.hubspot.observed("3") == held
    assert world.writes == count
    assert world.run("rescore").pulled == [], "now its own mirror is the latest"


@EACH_DATABASE
def test_87_the_journal_refuses_every_note_of_an_older_holder(journal_url: str) -> None:
    journal = Journal(journal_url)
    clock = FakeClock(NOW)
    with lease.held(journal, clock, holder=Holder(11, "alpha")) as sleeper:
        held = journal.under(sleeper.fence)
        held.begin_job("hubspot", "j1", [], NOW)
        clock.advance(lease.LENGTH.total_seconds() + 1)
        with lease.held(journal, clock, holder=Holder(22, "beta")):
            reject = Reject("contact", "1", "rating", "NO", "no", "h")
            for note in (
                lambda: held.copy_cursors("hubspot", [Stored("records", "c", 1)], NOW),
                held.forget_cursors,
                lambda: held.note_outcomes("hubspot", accepted=[], rejected=[reject], gone=[], now=NOW),
                lambda: held.note_holds("hubspot", [("1", "lead")], NOW, NOW),
                lambda: held.note_crm_stages("hubspot", [("1", "lead")], NOW),
                lambda: held.forget_rejects("hubspot", ["1"]),
                lambda: held.begin_job("hubspot", "j2", [], NOW),
                lambda: held.end_jobs("hubspot", ["j1"]),
                lambda: held.expect_streams("hubspot", ["records"], NOW),
                lambda: held.begin_run(kind="sync", started_at=NOW, holder="h", model_version="m", model="{}"),
                lambda: held.begin_rollback("m@1", "m@2", NOW),
                lambda: held.end_rollback(NOW),
                lambda: held.retry(lambda row: True),
                lambda: held.erase(Person({"hubspot": ("1",)}), NOW),
                lambda: held.lift("ann@acme.example"),
            ):
                with pytest.raises(LeaseLost, match="process 22 on beta took over"):
                    note()
    assert (journal.cursors(), list(journal.rejects()), journal.jobs("hubspot")) == ([], [], [("j1", [])])
    assert (journal.last_runs(), journal.rollback(), journal.tombstones().digests) == ([], None, ())
    journal.close()


def test_87_the_mirror_gives_an_older_holder_no_turn_once_a_later_one_has_written(tmp_path: Path) -> None:
    mirror = mirror_at(tmp_path / "mirror.duckdb")
    sleeper, successor = mirror.under(7), mirror.under(8)
    with sleeper.open() as connection:
        set_whole(connection, "hubspot", NOW)
    with successor.open() as connection:
        restart(connection, NOW)
    with sleeper.open():
        pass  # nothing of the other's is at stake yet
    with successor.open() as connection, transaction(connection, 8):
        set_whole(connection, "salesforce", NOW)
    with pytest.raises(LeaseLost, match="has taken over the mirror"), sleeper.open() as connection:
        restarted(connection)
    with successor.open() as connection:
        assert not restart(connection, NOW), "the successor's backfill is still unfinished"


def test_a_journal_that_was_made_anew_is_no_stranger_to_the_mirror(world: World) -> None:
    for _ in range(2):
        world.run()
    for file in world.settings.store.path.parent.glob("journal.db*"):
        file.unlink()
    world.clock.advance(60)
    assert world.run().exit_code == 0


def test_the_journal_is_asked_only_after_a_third_of_the_lease(journal_url: str) -> None:
    journal = Journal(journal_url)
    clock = FakeClock(NOW)
    third = lease.LENGTH.total_seconds() / 3
    with lease.held(journal, clock) as held:
        ends = []
        for seconds in (third - 1, 1, third - 1):
            clock.advance(seconds)
            held.keep()
            ends.append(lease.holder_of(journal)[1] - NOW)  # type: ignore[index]
        assert [end.total_seconds() / third for end in ends] == [3, 4, 4]
    journal.close()
