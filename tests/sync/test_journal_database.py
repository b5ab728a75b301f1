"""The journal's databases: what they cannot hold, when they are away, and what is said about it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text
from sync_rig import EACH_DATABASE, NOW

from sync.errors import JournalAway, JournalBusy, StateUnusable
from sync.journal import database
from sync.journal.book import Journal
from sync.journal.rejects import Reject

if TYPE_CHECKING:
    from pathlib import Path

    from tests import postgres
    from tests.sync.conftest import World


@EACH_DATABASE
def test_what_no_database_can_hold_is_left_out_of_texts(journal_url: str) -> None:
    journal = Journal(journal_url)
    bad = Reject("contact", "1", "field " * 50, "CODE" * 50, "a\x00b\ud800c" + "\N{PILE OF POO}" * 600, "h" * 32)
    journal.note_outcomes("hubspot", accepted=[], rejected=[bad], gone=[], now=NOW)
    (row,) = journal.rejects()
    assert (len(row["field"]), len(row["code"]), len(row["message"])) == (120, 120, 500)
    assert row["message"].startswith("a\N{REPLACEMENT CHARACTER}b?c\N{PILE OF POO}")
    journal.close()


@EACH_DATABASE
def test_92_processes_that_make_a_journal_at_once_do_not_collide(journal_url: str) -> None:
    ready = threading.Barrier(4)
    failed: list[BaseException] = []

    def make() -> None:
        ready.wait()
        try:
            Journal(journal_url).close()
        except BaseException as error:  # noqa: BLE001 - told by the assertion below
            failed.append(error)

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    journal = Journal(journal_url)
    with journal.engine.begin() as connection:
        assert connection.execute(text("SELECT count(*) FROM leases")).scalar() == 1
        assert connection.execute(text("SELECT count(*) FROM journal_version")).scalar() == 1
    journal.close()


def test_a_file_that_is_no_journal_is_told_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_text("not a database, but some other file " * 50)
    with pytest.raises(StateUnusable, match=r"journal\.db cannot be used: file is not a database"):
        Journal.in_folder(tmp_path)


@EACH_DATABASE
def test_who_waits_too_long_for_another_writer_is_told_so(journal_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "LOCK_WAIT_S", 0.05)
    first, second = Journal(journal_url), Journal(journal_url)
    with first.engine.begin() as connection:
        connection.execute(text("UPDATE leases SET fence = 7"))
        with pytest.raises(JournalBusy, match="locked") as caught, second.engine.begin() as other:
            other.execute(text("UPDATE leases SET fence = 8"))
    assert caught.value.exit_code == 6
    first.close()
    second.close()


def test_a_server_that_was_started_anew_is_found_again_and_one_that_is_away_is_told(
    postgres_server: postgres.Server,
) -> None:
    journal = Journal(postgres_server.new_url())
    assert journal.last_runs() == []
    postgres_server.stop()
    try:
        with pytest.raises(JournalAway, match="does not answer") as caught:
            journal.cursors()
        assert caught.value.exit_code == 5
    finally:
        postgres_server.start()
    assert journal.cursors() == []
    journal.close()


def test_a_connection_that_breaks_in_mid_run_ends_the_run_and_the_next_one_goes_on(
    world: World, postgres_server: postgres.Server
) -> None:
    store = world.settings.store.model_copy(update={"journal_url": postgres_server.new_url()})
    world.settings = world.settings.model_copy(update={"store": store})
    before = world.hubspot.on_push
    world.hubspot.on_push = lambda _: postgres_server.stop()
    try:
        with pytest.raises(JournalAway):
            world.run()
    finally:
        world.hubspot.on_push = before
        postgres_server.start()
    world.clock.advance(3600)
    report = world.run()
    assert report.exit_code == 0
    assert sum(crm.planned for crm in world.run().written) == 0


def test_a_wrong_password_is_told_and_not_repeated(postgres_server: postgres.Server) -> None:
    postgres_server.execute("CREATE ROLE guarded LOGIN PASSWORD 'right'")
    for query in ({}, {"options": "-c search_path=canary"}):
        with pytest.raises(JournalAway) as caught:
            Journal(postgres_server.url(user="guarded", password="canary-password", **query))
        assert "password authentication failed" in str(caught.value)
        assert "canary" not in str(caught.value)
    postgres_server.execute("DROP ROLE guarded")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://root:canary@db/leadgrade", "cannot be kept in mysql, only in SQLite or PostgreSQL"),
        ("postgresql://canary:canary@[::1/leadgrade", "names no kind of database"),
        ("canary", "names no kind of database"),
        ("postgresql+canary://db/x", "names no kind of database"),
    ],
)
def test_a_url_that_leads_nowhere_is_told_and_not_repeated(url: str, said: str) -> None:
    with pytest.raises(StateUnusable, match=said) as caught:
        Journal(url)
    assert "canary" not in str(caught.value)
    assert caught.value.exit_code == 2


def test_what_the_url_asks_for_reaches_the_driver(postgres_server: postgres.Server) -> None:
    with pytest.raises(JournalAway, match='sslmode value: "demanding"'):
        Journal(postgres_server.url(sslmode="demanding"))
