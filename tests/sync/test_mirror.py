"""The mirror: upserts that change nothing when repeated, facts in star form, removals, other people's turns."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from sync_rig import TYPES, activity, ago, batch, mirror_at, record, store

from connectors.errors import ConnectorBug
from scoring.facts import Table
from sync.errors import LeaseLost, MirrorBusy, StateUnusable
from sync.mirror import views
from sync.mirror.store import cursors, meta, set_meta

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import duckdb


@pytest.fixture
def con(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with mirror_at(tmp_path / "mirror.duckdb").open() as connection:
        yield connection


def rows(con: duckdb.DuckDBPyConnection, query: str) -> list[tuple[Any, ...]]:
    return sorted(con.execute(query).fetchall(), key=str)


LATE_EVENING = "2026-01-02T23:00:00-02:00"
FACTS = """SELECT o.crm, o.record_id, o.email, s.type, s.url, f.occurred_at, f.seen_at, f.count
    FROM store.facts f JOIN store.owners o USING (owner) JOIN store.signatures s USING (signature)"""


def test_a_record_is_replaced_by_its_newer_version_and_never_by_an_older_one(con: duckdb.DuckDBPyConnection) -> None:
    store(con, batch(Table.RECORDS, [record("hubspot", "1", attr={"job_title": "CTO"}, modified_at=ago(3))]))
    store(con, batch(Table.RECORDS, [record("hubspot", "1", attr={"job_title": "CEO"}, modified_at=ago(2))]))
    store(con, batch(Table.RECORDS, [record("hubspot", "1", attr={"job_title": "old"}, modified_at=ago(9))]))
    assert rows(con, 'SELECT "attr.job_title" FROM store.records') == [("CEO",)]


def test_of_several_versions_in_one_batch_the_last_counts(con: duckdb.DuckDBPyConnection) -> None:
    versions = [record("hubspot", "1", attr={"job_title": title}) for title in ("a", "b", "c")]
    store(con, batch(Table.RECORDS, versions[:1]), batch(Table.RECORDS, versions[1:]))
    assert rows(con, 'SELECT "attr.job_title" FROM store.records') == [("c",)]


def test_values_are_cast_to_their_type_and_failures_are_counted(con: duckdb.DuckDBPyConnection) -> None:
    not_castable = store(
        con,
        batch(
            Table.RECORDS,
            [
                record("hubspot", "1", attr={"seats": "12.5", "unsubscribed": "true", "trial_ends": LATE_EVENING}),
                record("hubspot", "2", attr={"seats": "many", "unsubscribed": "perhaps", "trial_ends": "2026-13-01"}),
                record("hubspot", "3", attr={"seats": "lots", "unsubscribed": None}),
            ],
        ),
    )  # fmt: skip
    assert not_castable == {"seats": 2, "unsubscribed": 1, "trial_ends": 1}
    assert rows(
        con, 'SELECT record_id, "attr.seats", "attr.unsubscribed", "attr.trial_ends"::VARCHAR FROM store.records'
    ) == [
        ("1", 12.5, True, "2026-01-03 01:00:00"),
        ("2", None, None, None),
        ("3", None, None, None),
    ]


def test_numbers_and_days_without_end_are_none(con: duckdb.DuckDBPyConnection) -> None:
    endless = ["nan", "inf", "-Infinity", "infinity", "1e999"]
    people = [record("hubspot", text, attr={"seats": text, "trial_ends": text}) for text in endless]
    not_castable = store(con, batch(Table.RECORDS, [*people, record("hubspot", "1", attr={"seats": "-1e300"})]))
    assert not_castable == {"seats": 5, "trial_ends": 5}
    known = rows(con, 'SELECT "attr.seats", "attr.trial_ends" FROM store.records WHERE "attr.seats" IS NOT NULL')
    assert known == [(-1e300, None)]


def test_a_number_of_events_that_cannot_be_is_counted_and_not_believed(con: duckdb.DuckDBPyConnection) -> None:
    told = {"0": 0, "7": 7, "none": None, "most": 1_000_000, "negative": -3, "more": 1_000_001, "huge": 2**40}
    events = [activity("hubspot", name, "1", url=name, count=count) for name, count in told.items()]
    not_castable = store(con, batch(Table.ACTIVITIES, events))
    assert not_castable == {"activities.count": 3}
    found = dict(con.execute("SELECT url, count FROM store.facts JOIN store.signatures USING (signature)").fetchall())
    assert found == {"0": 0, "7": 7, "none": 1, "most": 1_000_000, "negative": 1, "more": 1, "huge": 1}

    def counted(total: int) -> tuple[dict[str, int], list[tuple[Any, ...]]]:
        counter = {"crm": "hubspot", "record_id": "2", "type": "download", "total": total, "last_at": ago(1)}
        not_castable = store(con, batch(Table.COUNTERS, [counter]))
        return not_castable, rows(con, f"SELECT count FROM ({FACTS}) WHERE type = 'download'")

    assert counted(5) == ({}, [(5,)])
    assert counted(2**40) == counted(-1) == ({"counters.total": 1}, [(5,)])
    assert counted(6) == ({}, [(1,), (5,)])


def test_activities_read_again_change_nothing_and_keep_the_time_they_were_first_seen(
    con: duckdb.DuckDBPyConnection,
) -> None:
    first = [activity("hubspot", str(n), "7", seen_at=ago(5)) for n in range(4)]
    store(con, batch(Table.ACTIVITIES, first))
    before = rows(con, FACTS)
    again = [activity("hubspot", str(n), "7", seen_at=ago(0)) for n in range(4)] * 2
    store(con, batch(Table.ACTIVITIES, again))
    assert rows(con, FACTS) == before
    assert len(before) == 4


def test_an_activity_that_the_crm_changed_is_replaced(con: duckdb.DuckDBPyConnection) -> None:
    store(con, batch(Table.ACTIVITIES, [activity("salesforce", "t", "7", type="call", seen_at=ago(5))]))
    store(con, batch(Table.ACTIVITIES, [activity("salesforce", "t", "8", type="meeting_held", occurred_at=ago(2))]))
    assert rows(con, FACTS) == [("salesforce", "8", None, "meeting_held", None, ago(2), ago(5), 1)]


def test_pages_share_a_signature_whatever_their_query_string(con: duckdb.DuckDBPyConnection) -> None:
    urls = ["https://Acme.example/Pricing/?utm=1", "https://acme.example/Pricing#plans", "https://acme.example/Pricing"]
    store(con, batch(Table.ACTIVITIES, [activity("hubspot", str(n), "7", url=url) for n, url in enumerate(urls)]))
    assert rows(con, "SELECT type, url FROM store.signatures") == [("page_view", "https://acme.example/Pricing")]


def test_activities_of_nobody_are_left_out(con: duckdb.DuckDBPyConnection) -> None:
    store(con, batch(Table.ACTIVITIES, [activity("hubspot", "1"), activity("hubspot", "2", email="no address")]))
    assert rows(con, "SELECT rows FROM store.cursors") == [(2,)]
    assert rows(con, FACTS) == []


def test_rows_without_a_key_are_a_bug_and_store_nothing(con: duckdb.DuckDBPyConnection) -> None:
    store(con, batch(Table.RECORDS, [record("hubspot", "1")], "first"))
    bad = [record("hubspot", "2"), record("hubspot", "3") | {"record_id": None}]
    with pytest.raises(ConnectorBug, match="1 rows of records came without record_id"):
        store(con, batch(Table.RECORDS, bad, "second"))
    assert rows(con, "SELECT record_id FROM store.records") == [("1",)]
    assert cursors(con, "hubspot") == {"records": "first"}


def removal(kind: str, record_id: str, removed: str = "deleted", successor: str | None = None) -> dict[str, Any]:
    return {"crm": "hubspot", "kind": kind, "record_id": record_id, "removed": removed, "successor_id": successor}


def test_removals_by_kind(con: duckdb.DuckDBPyConnection) -> None:
    store(con, batch(Table.RECORDS, [record("hubspot", "1"), record("hubspot", "2", kind="lead")]))
    store(con, batch(Table.ACCOUNTS, [{"crm": "hubspot", "account_id": "1"}]))
    store(con, batch(Table.DEALS, [{"crm": "hubspot", "deal_id": "1"}, {"crm": "hubspot", "deal_id": "2"}]))
    store(con, batch(Table.ACTIVITIES, [activity("hubspot", "1", "1"), activity("hubspot", "2", "1")]))
    gone = [removal("contact", "1"), removal("account", "1"), removal("deal", "1"), removal("activity", "1")]
    for _ in range(2):
        store(con, batch(Table.REMOVALS, gone), stream="removals")
        assert rows(con, "SELECT record_id, removed FROM store.records") == [("1", "deleted"), ("2", None)]
        assert rows(con, "SELECT count(*) FROM store.accounts") == [(0,)]
        assert rows(con, "SELECT deal_id FROM store.deals") == [("2",)]
        assert rows(con, "SELECT count(*) FROM store.facts") == [(1,)]
    store(con, batch(Table.RECORDS, [record("hubspot", "1")]))
    assert rows(con, "SELECT record_id, removed FROM store.records") == [("1", None), ("2", None)], "restored"


def test_what_an_object_told_of_comes_together_and_goes_together(con: duckdb.DuckDBPyConnection) -> None:
    def call(person: str, kind: str = "call", **values: Any) -> dict[str, Any]:
        return activity("hubspot", f"c7-{person}-{kind}", person, type=kind, source_id="c7", **values)

    def told() -> list[tuple[Any, ...]]:
        return rows(con, f"SELECT record_id, type, seen_at FROM ({FACTS.replace('s.url', 's.url, f.source')})")

    other = activity("hubspot", "c8-1-call", "1", type="call", source_id="c8")
    store(con, batch(Table.ACTIVITIES, [call("1"), call("2"), other, activity("hubspot", "view", "1")]))
    assert len(told()) == 4
    store(con, batch(Table.ACTIVITIES, [call("2", seen_at=ago(-5)), call("3")]))
    assert told() == [("1", "call", ago(0)), ("1", "page_view", ago(0)), ("2", "call", ago(0)), ("3", "call", ago(0))]
    store(con, batch(Table.REMOVALS, [removal("activity", "c7")]), stream="removals")
    assert told() == [("1", "call", ago(0)), ("1", "page_view", ago(0))]


def test_an_erased_person_leaves_nothing_but_a_tombstone_and_does_not_come_back(con: duckdb.DuckDBPyConnection) -> None:
    canary = "canary@erased.example"
    people = [record("hubspot", "1", email=canary.upper()), record("hubspot", "2", email="b@acme.example")]
    store(con, batch(Table.RECORDS, people))
    events = [activity("hubspot", "1", "1"), activity("hubspot", "2", email=canary), activity("hubspot", "3", "2")]
    store(con, batch(Table.ACTIVITIES, events))
    counter = {"crm": "hubspot", "record_id": "1", "type": "page_view", "total": 3, "last_at": ago(1)}
    store(con, batch(Table.COUNTERS, [counter]))
    store(con, batch(Table.REMOVALS, [removal("contact", "1", "erased")]))
    store(con, batch(Table.RECORDS, people))
    assert rows(con, "SELECT record_id FROM store.records") == [("2",)]
    assert rows(con, FACTS) == [("hubspot", "2", None, "page_view", None, ago(1), ago(0), 1)]
    for table in ("records", "owners", "counters", "facts", "removals"):
        assert "canary" not in str(rows(con, f"SELECT * FROM store.{table}")).lower()
    assert rows(con, "SELECT record_id, removed FROM store.removals") == [("1", "erased")]


def test_with_an_erased_person_go_the_records_that_became_them(con: duckdb.DuckDBPyConnection) -> None:
    people = [record("hubspot", name, kind="lead", email=f"{name}@canary.example") for name in "abcd"]
    store(con, batch(Table.RECORDS, people))
    store(con, batch(Table.ACTIVITIES, [activity("hubspot", "1", "a"), activity("hubspot", "2", "d")]))
    store(con, batch(Table.REMOVALS, [removal("lead", "a", "merged", "b"), removal("lead", "b", "converted", "c")]))
    # What is left of a merged record is gone for good, too: it still leads to the one that lives.
    store(con, batch(Table.REMOVALS, [removal("lead", "a", "erased")]))
    assert rows(con, "SELECT record_id, removed FROM store.removals ORDER BY 1") == [
        ("a", "merged"),
        ("b", "converted"),
    ]
    store(con, batch(Table.REMOVALS, [removal("lead", "c", "erased")]))
    assert rows(con, "SELECT record_id FROM store.records") == [("d",)]
    assert rows(con, "SELECT count(*) FROM store.facts") == [(1,)]
    assert "a@canary" not in str(rows(con, "FROM store.owners"))


def test_a_new_attribute_gets_a_column_and_has_the_records_read_afresh(tmp_path: Path) -> None:
    path = tmp_path / "mirror.duckdb"
    with mirror_at(path).open() as con:
        store(con, batch(Table.RECORDS, [record("hubspot", "1", attr={"seats": "4"})]), stream="records")
        store(con, batch(Table.ACTIVITIES, [activity("hubspot", "1", "1")]), stream="activities.web")
    with mirror_at(path, types=TYPES | {"budget": "number", "seats": "text"}).open() as con:
        assert rows(con, 'SELECT record_id, "attr.budget", "attr.seats" FROM store.records') == [("1", None, None)]
        assert cursors(con, "hubspot") == {"activities.web": "c"}
        assert rows(con, "SELECT count(*) FROM store.facts") == [(1,)]


def test_a_new_mapping_has_the_records_read_afresh_and_the_same_one_does_not(tmp_path: Path) -> None:
    path = tmp_path / "mirror.duckdb"
    for mapping, kept in [("jobtitle", {}), ("jobtitle", {"records": "c"}), ("title", {})]:
        with mirror_at(path, mapping=mapping).open() as con:
            assert cursors(con, "hubspot") == kept
            store(con, batch(Table.RECORDS, [record("hubspot", "1")]))


def test_a_field_that_an_older_leadgrade_did_not_write_gets_a_column_and_nothing_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "mirror.duckdb"
    with mirror_at(path).open() as con:
        store(con, batch(Table.RECORDS, [record("hubspot", "1")]))
        con.execute('ALTER TABLE store.records DROP COLUMN "observed.data_confidence"')
        set_meta(con, "layout", json.dumps(json.loads(meta(con, "layout") or "") | {"observed": ["rating"]}))
    with mirror_at(path).open() as con:
        assert rows(con, 'SELECT record_id, "observed.data_confidence" FROM store.records') == [("1", None)]
        assert cursors(con, "hubspot") == {"records": "c"}


def test_a_mirror_of_a_newer_version_or_a_damaged_one_says_that_it_can_be_deleted(tmp_path: Path) -> None:
    newer = tmp_path / "newer.duckdb"
    with mirror_at(newer).open() as con:
        set_meta(con, "layout", '{"version": 99, "types": {}, "mapping": ""}')
    damaged = tmp_path / "damaged.duckdb"
    damaged.write_bytes(b"not a database" * 1000)
    for path, what in [(newer, "newer Leadgrade"), (damaged, "cannot be read")]:
        with pytest.raises(StateUnusable, match=what) as caught, mirror_at(path).open():
            raise AssertionError("opened")
        assert "delete it" in str(caught.value)
        assert caught.value.exit_code == 2


def test_too_little_memory_is_told_with_the_setting_to_raise(tmp_path: Path) -> None:
    mirror = mirror_at(tmp_path / "mirror.duckdb", memory_limit_mb=64)
    told = r"needs more memory than 64MB\. Raise store\.memory_limit_mb"
    with pytest.raises(StateUnusable, match=told), mirror.open() as con:
        con.execute("CREATE TEMP TABLE greedy AS SELECT list(range) FROM range(50_000_000)")


def test_a_lost_lease_cannot_commit(con: duckdb.DuckDBPyConnection) -> None:
    store(con, batch(Table.RECORDS, [record("hubspot", "1")]), fence=5)
    with pytest.raises(LeaseLost):
        store(con, batch(Table.RECORDS, [record("hubspot", "2")], "late"), fence=4)
    assert rows(con, "SELECT record_id FROM store.records") == [("1",)]
    assert cursors(con, "hubspot") == {"records": "c"}


HOLDER = """
import duckdb, sys
con = duckdb.connect(sys.argv[1])
print("open", flush=True)
sys.stdin.read()
"""


def test_the_holder_of_the_file_is_waited_for_and_then_named(tmp_path: Path) -> None:
    path = tmp_path / "mirror.duckdb"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdin is not None
    assert holder.stdout is not None
    with holder:
        assert holder.stdout.readline() == "open\n"
        mirror = mirror_at(path, lock_wait_s=30)
        with pytest.raises(MirrorBusy, match=f"process {holder.pid} has kept the mirror .* open for 30 s") as caught:
            mirror._connect()
        assert caught.value.exit_code == 6
        assert sum(mirror._clock.slept) == pytest.approx(30, abs=0.2)
        holder.stdin.close()
        holder.wait(timeout=20)
    with mirror.open() as con:
        assert cursors(con, "hubspot") == {}


LOADER = """
import sys
from pathlib import Path
from scoring.facts import Table
from sync_rig import activity, batch, mirror_at, record, store

mirror = mirror_at(Path(sys.argv[1]))
for number in range(int(sys.argv[2]), 10_000):
    with mirror.open() as con:
        print(number, flush=True)
        start = number * 50
        store(
            con,
            batch(Table.RECORDS, [record("hubspot", str(start + n % 60)) for n in range(60)], str(number)),
            batch(Table.ACTIVITIES, [activity("hubspot", str(start + n), str(n)) for n in range(50)], str(number)),
        )
        print(number, "stored", flush=True)
"""


@pytest.mark.timeout(120)
def test_killed_anywhere_around_a_commit_rows_and_cursor_agree(tmp_path: Path) -> None:
    """Ten kills at seeded moments: what is stored is exactly what the cursor vouches for, and it goes on from there."""
    path = tmp_path / "mirror.duckdb"
    seeded = random.Random(11)
    cursor = -1
    for _ in range(10):
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(["tests", "."])}
        command = [sys.executable, "-c", LOADER, str(path), str(cursor + 1)]
        loader = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        assert loader.stdout is not None
        with loader:
            said = [loader.stdout.readline() for _ in range(seeded.randint(1, 6))]
            for _ in range(seeded.randint(0, 30_000)):  # a few milliseconds of work: the clock is not asked
                pass
            loader.send_signal(signal.SIGKILL)
        assert said[-1], "the loader must still be at it"
        with mirror_at(path).open() as con:
            cursor = int(cursors(con, "hubspot").get("records", -1))
            promised = int(said[-1].split()[0]) - (0 if "stored" in said[-1] else 1)
            assert cursor >= promised
            people = 60 + 50 * cursor if cursor >= 0 else 0
            assert rows(con, "SELECT count(*), count(DISTINCT record_id) FROM store.records") == [(people, people)]
            events = 50 * (cursor + 1)
            assert rows(con, "SELECT count(*), count(DISTINCT activity) FROM store.facts") == [(events, events)]
            con.execute("CHECKPOINT")
    assert cursor > 5


def test_whose_an_address_is_takes_no_memory_for_those_who_did_nothing(tmp_path: Path) -> None:
    path = tmp_path / "mirror.duckdb"
    with mirror_at(path).open() as con:
        con.execute(
            "INSERT INTO store.records BY NAME SELECT 'hubspot' AS crm, 'contact' AS kind, i::VARCHAR AS record_id, "
            "'person' || i || '@acme.example' AS email FROM range(400_000) numbers(i)"
        )
        con.execute("INSERT INTO store.owners VALUES (1, 1, 'hubspot', NULL, 'person7@acme.example')")
    with mirror_at(path, memory_limit_mb=64).open() as con:
        con.execute(
            "CREATE TEMP TABLE identities AS SELECT crm, record_id, record_id::BIGINT AS person FROM store.records"
        )
        con.execute("CREATE TEMP TABLE members AS SELECT person FROM identities")
        views._owners(con)
        assert rows(con, "SELECT owner, person FROM owners_now") == [(1, 7)]
