"""Journals of every version there was become today's, and lose nothing (row 92)."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text
from sync_rig import EACH_DATABASE, NOW

from connectors.clock import FakeClock
from sync import lease
from sync.journal.book import Journal
from sync.journal.database import engine_for
from sync.journal.migrations import STEPS, copies, migrate
from sync.journal.stages import Given

if TYPE_CHECKING:
    from sqlalchemy import Connection

OLDER = sorted(Path(__file__).with_name("journals").glob("v*.sql"))


def lay_down(url: str, version: Path) -> None:
    """Make a journal of an earlier version, with rows in it."""
    engine = engine_for(url)
    serial = "INTEGER" if engine.dialect.name == "sqlite" else "SERIAL"
    with engine.begin() as connection:
        for statement in version.read_text().replace("{serial}", serial).split(";\n"):
            if statement:
                connection.exec_driver_sql(statement)
    engine.dispose()


def version_of(url: str) -> int:
    engine = engine_for(url)
    with engine.connect() as connection:
        found = int(connection.execute(text("SELECT version FROM journal_version")).scalar_one())
    engine.dispose()
    return found


def test_92_there_is_a_fixture_of_every_version() -> None:
    assert [path.stem for path in OLDER] == [f"v{number}" for number in range(1, len(STEPS))]


@EACH_DATABASE
@pytest.mark.parametrize("version", OLDER, ids=lambda path: path.stem)
def test_92_a_journal_of_an_earlier_version_loses_nothing_and_can_be_used(journal_url: str, version: Path) -> None:
    lay_down(journal_url, version)
    journal = Journal(journal_url)
    assert version_of(journal_url) == len(STEPS)
    assert [(run["kind"], run["exit_code"]) for run in journal.last_runs()] == [("sync", 0)]
    assert [(row["record_id"], row["attempts"]) for row in journal.rejects()] == [("5", 3)]
    assert [row[:3] for chunk in journal.stages() for row in chunk] == [("hubspot", "6", "lead")]
    assert [row["rows"] for row in journal.cursors()] == [12]

    with lease.held(journal, FakeClock(NOW)) as held:
        assert held.before == 41
    run = journal.begin_run(kind="sync", started_at=NOW, holder="me", model_version="m@2", model="{}")
    assert run == 2, "numbers go on"
    journal.note_calls(run, "hubspot", 5, NOW)
    journal.begin_job("hubspot", "j2", [], NOW)
    journal.note_crm_stages("hubspot", [("7", "lead")], NOW)
    journal.note_holds("hubspot", [("7", "lead")], NOW, NOW)
    journal.note_outcomes("hubspot", accepted=[Given("6", "customer")], rejected=[], gone=[], now=NOW, run_id=run)
    assert [(edge["from_stage"], edge["to_stage"]) for edge in journal.crossings(run_id=run)] == [("lead", "customer")]
    assert journal.tombstones().digests == ()
    journal.close()


@pytest.mark.parametrize("version", OLDER[-2:], ids=lambda path: path.stem)
def test_92_a_copy_of_the_earlier_version_is_kept_beside_it_for_this_user_alone(tmp_path: Path, version: Path) -> None:
    url = f"sqlite:///{tmp_path / 'journal.db'}"
    lay_down(url, version)
    journal = Journal(url)
    (kept,) = copies(journal.engine)
    assert kept.name == f"journal.{version.stem}.db"
    assert kept.stat().st_mode & 0o077 == 0
    assert version_of(f"sqlite:///{kept}") == int(version.stem[1:])
    with sqlite3.connect(kept) as connection:
        assert connection.execute("SELECT record_id FROM rejects").fetchall() == [("5",)]
    connection.close()
    Journal(url).close()
    assert copies(journal.engine) == [kept], "who finds it up to date makes none"
    journal.sweep()
    assert copies(journal.engine) == []
    journal.close()


@EACH_DATABASE
def test_92_a_step_that_fails_leaves_the_earlier_version_whole(journal_url: str) -> None:
    def fail(connection: Connection) -> None:
        connection.execute(text("CREATE TABLE half (done INTEGER)"))
        connection.execute(text("DELETE FROM rejects"))
        raise RuntimeError("no more room")

    lay_down(journal_url, OLDER[-1])
    before = version_of(journal_url)
    engine = engine_for(journal_url)
    with pytest.raises(RuntimeError):
        migrate(engine, [*STEPS[:before], fail])
    with engine.connect() as connection:
        assert connection.execute(text("SELECT record_id FROM rejects")).scalars().all() == ["5"]
        assert not engine.dialect.has_table(connection, "half")
    engine.dispose()
    assert version_of(journal_url) == before
    Journal(journal_url).close()
    assert version_of(journal_url) == len(STEPS)
