"""People's right to be erased (row 99)."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import insert, make_url, select
from sync_rig import EACH_DATABASE, NOW, ago, batch, store

from scoring.facts import Table
from sync import forget, lease
from sync.errors import Busy, JournalBusy
from sync.journal import book, database
from sync.journal.book import Journal
from sync.journal.erasures import Person
from sync.journal.stages import Given
from sync.journal.tables import outbox, rejects
from sync.mirror.store import Mirror
from sync.stores import open_journal, open_mirror

if TYPE_CHECKING:
    from tests.sync.conftest import World

CANARY = "canary@personal.example"
NAMES = ("canary", "Canaria Q. Bird", "canary-page", "canary-agent")


@pytest.fixture
def known(world: World) -> World:
    """Somebody in both CRMs, with activities by record and by address, who was scored and is refused once."""
    world.hubspot.put("77", email=CANARY, attr={"job_title": "Canaria Q. Bird"})
    world.salesforce.put("C77", email="Canary@Personal.example ", kind="lead")
    world.hubspot.do("c1", "77", type="form_submission", asset="canary-asset", occurred_at=ago(1))
    world.hubspot.do("c2", "77", url="https://acme.example/canary-page", user_agent="canary-agent")
    world.hubspot.do("c3", None, email=CANARY, type="form_submission", asset="canary-form")
    world.salesforce.refuse = lambda change: "no" if change.record_id == "C77" else None
    assert world.run().exit_code == 1
    assert world.hubspot.observed("77")["stage"] == "lead"
    return world


def kept(world: World) -> list[str]:
    """Files of the store in which one of the person's texts or ids is found."""
    folder = world.settings.store.path
    files = [path for path in [*folder.rglob("*"), *folder.parent.glob("journal*")] if path.is_file()]
    assert folder / "mirror.duckdb" in files
    texts = [name.encode() for name in (*NAMES, "hubspot:77", "salesforce:C77")]
    return sorted({path.name for path in files for text in texts if text.lower() in path.read_bytes().lower()})


def traces(world: World) -> list[object]:
    """What the journal holds of the person's records."""
    journal = open_journal(world.settings)
    tables = [*journal.rejects(), *journal.crossings(), *(row for chunk in journal.stages() for row in chunk)]
    found = [row for row in tables if {"77", "C77"} & set(map(str, row.values() if isinstance(row, dict) else row))]
    jobs = [row for job in ("hubspot", "salesforce") for _, rows in journal.jobs(job) for row in rows if "77" in row]
    reports = [report for _, report in journal.reports() if "hubspot:77" in str(report)]
    journal.close()
    return [*found, *jobs, *reports]


def leave_copies(world: World) -> None:
    """Beside the stores: what a migration keeps, and what a killed process had moved to disk."""
    url = make_url(world.settings.store.journal_url)
    if url.get_backend_name() == "sqlite":
        Path(str(url.database)).with_name("journal.v9.db").write_text(CANARY)
    spilled = world.settings.store.path / "mirror.duckdb.tmp"
    spilled.mkdir()
    (spilled / "duckdb_temp_1_0_storage_DEFAULT-0.tmp").write_text(CANARY)


@EACH_DATABASE
def test_99_nothing_of_an_erased_person_stays_and_nothing_comes_back(known: World) -> None:
    journal = open_journal(known.settings)
    journal.begin_job("hubspot", "j", [["contact", "77", "h"], ["contact", "1", "h"]], NOW)
    people = [{"crm": "hubspot", "record_id": one} for one in ("77", "1")]
    with journal.engine.begin() as connection:
        message = {"event_id": "e", "channel": "webhook", "subject": "crossings", "event": "crossed", "attempts": 0}
        body = json.dumps({"people": people})
        connection.execute(insert(outbox).values(**message, created_at=NOW, body=body))
    assert "mirror.duckdb" in kept(known)
    assert len(traces(known)) >= 4

    counted = forget.forget(known.settings, known.clock, CANARY.upper(), dry_run=True)
    assert counted.records == {"hubspot": 1, "salesforce": 1}
    assert counted.mirror["activities"] == 3
    assert {"rejects", "stages", "crossings", "jobs", "runs", "outbox"} <= counted.journal.keys()
    assert "mirror.duckdb" in kept(known), "a dry run erases nothing"

    done = forget.forget(known.settings, known.clock, CANARY)
    assert replace(done, dry_run=True) == counted
    assert kept(known) == []
    assert traces(known) == []
    assert journal.jobs("hubspot") == [("j", [["contact", "1", "h"]])], "other people's rows stay"
    with journal.engine.begin() as connection:
        assert (
            connection.execute(select(outbox.c.body)).scalars().one()
            == '{"people":[{"crm":"hubspot","record_id":"1"}]}'
        )
    journal.end_jobs("hubspot", ["j"])
    journal.close()

    written = [change for change in known.hubspot.written if change.record_id == "77"]
    known.hubspot.put("77", email=CANARY, attr={"job_title": "CTO"})
    known.hubspot.put("78", email=f" {CANARY.title()}")
    known.hubspot.do("c4", "77", url="https://acme.example/canary-page")
    known.hubspot.do("c5", None, email=CANARY, url="https://acme.example/canary-page")
    for kind in ("sync", "backfill"):
        assert known.run(kind).exit_code == 0
        assert kept(known) == []
        assert traces(known) == []
    assert [change for change in known.hubspot.written if change.record_id in {"77", "78"}] == written
    assert known.query("SELECT count(*) FROM store.records") == [(6,)], "nobody else is missing"
    assert forget.forget(known.settings, known.clock, CANARY, dry_run=True).is_nothing


def test_99_the_mirror_of_another_machine_erases_at_its_next_run(known: World) -> None:
    store = known.settings.store
    elsewhere = store.model_copy(update={"path": store.path.with_name("elsewhere")})
    other = replace(known, settings=known.settings.model_copy(update={"store": elsewhere}))
    other.run()
    assert other.query("SELECT count(*) FROM store.records WHERE record_id = '77'") == [(1,)]
    forget.forget(known.settings, known.clock, CANARY)
    other.run()
    assert other.query("SELECT count(*) FROM store.records WHERE record_id IN ('77', 'C77')") == [(0,)]
    assert other.query("SELECT count(*) FROM store.owners WHERE email IS NOT NULL") == [(0,)]


DEATHS = {
    "with tombstones set": (forget.forgotten, "heed"),
    "erased from both": (Journal, "sweep"),
    "without copies of the journal": (book, "sweep"),
    "with the journal made anew": (Mirror, "rewrite"),
    "with a new mirror beside the old one": (Path, "replace"),
}
"""Where a `forget` may die: how far it has come by then, and what it does next."""


@pytest.mark.parametrize("again", [False, True], ids=["next run", "once more"])
@pytest.mark.parametrize("next_step", DEATHS.values(), ids=DEATHS)
def test_99_a_death_half_way_is_made_good(
    known: World, monkeypatch: pytest.MonkeyPatch, next_step: tuple[object, str], *, again: bool
) -> None:
    class Killed(BaseException):
        pass

    def die(*_: object) -> None:
        raise Killed

    leave_copies(known)
    with monkeypatch.context() as patched:
        patched.setattr(*next_step, die)
        with pytest.raises(Killed):
            forget.forget(known.settings, known.clock, CANARY)
    assert "mirror.duckdb" in kept(known)
    if again:
        forget.forget(known.settings, known.clock, CANARY)
    else:
        written = known.writes
        known.hubspot.put("77", email=CANARY, attr={"job_title": "CTO"})
        assert known.run().exit_code == 0
        assert known.writes == written
    assert kept(known) == []
    assert traces(known) == []
    assert known.query("SELECT count(*) FROM store.records WHERE record_id IN ('77', 'C77')") == [(0,)]


@pytest.mark.parametrize("journal_url", ["sqlite"], indirect=True)
def test_99_a_journal_that_is_read_all_the_time_is_cleaned_up_a_day_later(
    known: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "LOCK_WAIT_S", 0.01)
    known.hubspot.remove("77", "erased")
    known.salesforce.remove("C77", "erased")
    reader = open_journal(known.settings)
    with reader.reading() as connection:
        connection.execute(select(rejects)).all()
        assert known.run().exit_code == 0
        assert "mirror.duckdb" in kept(known), "it knows that there is something to do"
        with pytest.raises(JournalBusy, match="locked"):
            reader.sweep()
    reader.close()
    known.clock.advance(86_400)
    known.run()
    assert kept(known) == []


def test_who_was_erased_is_read_again_once_that_is_lifted(known: World) -> None:
    forget.forget(known.settings, known.clock, CANARY)
    assert not forget.lift(known.settings, known.clock, "somebody@else.example")
    assert forget.lift(known.settings, known.clock, f"  {CANARY} ")
    known.salesforce.refuse = lambda change: None
    assert known.run("backfill").exit_code == 0
    assert known.query("SELECT count(*) FROM store.records WHERE record_id IN ('77', 'C77')") == [(2,)]
    assert not forget.lift(known.settings, known.clock, CANARY)


def test_17_99_who_is_erased_in_a_crm_is_erased_from_the_journal_too(known: World) -> None:
    known.hubspot.remove("77", "erased")
    known.salesforce.remove("C77", "erased")
    known.run()
    assert traces(known) == []
    assert known.query("SELECT count(*) FROM store.records WHERE record_id IN ('77', 'C77')") == [(0,)]
    assert "mirror.duckdb" not in kept(known), "nor in blocks that are free"


def test_99_the_mirror_is_made_anew_at_most_once_a_day(known: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []
    rewrite = Mirror.rewrite

    def counted(mirror: Mirror) -> None:
        made.append(mirror)
        if len(made) == 2:
            raise OSError("no room")
        rewrite(mirror)

    monkeypatch.setattr(Mirror, "rewrite", counted)
    known.run()
    assert made == [], "nobody was erased"
    known.hubspot.remove("77", "erased")
    known.run()
    known.salesforce.remove("C77", "erased")
    for hours, times in ((1, 1), (22, 1), (1, 2), (1, 2)):
        known.clock.advance(hours * 3600)
        assert known.run().exit_code in {0, 1}
        assert len(made) == times
    assert "mirror.duckdb" in kept(known), "there was no room"
    known.clock.advance(86_400)
    known.run()
    assert "mirror.duckdb" not in kept(known)
    known.clock.advance(86_400)
    known.run()
    assert len(made) == 3, "nobody was erased since"


def test_a_deal_loses_whom_it_names(known: World) -> None:
    with open_mirror(known.settings, known.clock).open() as connection:
        connection.execute("INSERT INTO store.deals (crm, deal_id, record_ids) VALUES ('hubspot', 'd', ['77', '1'])")
    forget.forget(known.settings, known.clock, CANARY)
    with open_mirror(known.settings, known.clock).open() as connection:
        deal = {"crm": "hubspot", "deal_id": "e", "record_ids": ["2", "77"]}
        store(connection, batch(Table.DEALS, [deal]), stream="deals", fence=2**60)
    assert known.query("SELECT record_ids FROM store.deals ORDER BY deal_id") == [(["1"],), (["2"],)]


@pytest.mark.parametrize("address", ["", "ada", "@", "ada@"])
def test_what_is_no_address_is_refused_and_not_repeated(world: World, address: str) -> None:
    with pytest.raises(forget.NoAddress) as caught:
        forget.forget(world.settings, world.clock, address)
    assert caught.value.exit_code == 2


def test_while_a_run_is_under_way_nobody_is_erased(known: World) -> None:
    journal = open_journal(known.settings)
    with lease.held(journal, known.clock), pytest.raises(Busy):
        forget.forget(known.settings, known.clock, CANARY)
    journal.close()


@EACH_DATABASE
def test_stages_of_other_records_stay(world: World, tmp_path: Path) -> None:
    journal = open_journal(world.settings)
    journal.note_outcomes("hubspot", accepted=[Given("1", "lead"), Given("2", "lead")], rejected=[], gone=[], now=NOW)
    journal.erase(Person({"hubspot": ("1",)}), NOW)
    assert [row[1] for chunk in journal.stages() for row in chunk] == ["2"]
    journal.close()
