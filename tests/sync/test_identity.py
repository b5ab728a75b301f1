"""Who is who: the same groups as an obviously right union-find, in whatever order the records come."""

from __future__ import annotations

import random
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sync_rig import TYPES, activity, ago, batch, mirror_at, record, store

from scoring.facts import Table
from sync import identity
from sync.mirror import views

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import duckdb

ADDRESSES = ["ann@acme.example", " Ann@ACME.example ", "ann+x@acme.example", "info@acme.example", "no address", None]
EVERYBODY = views.Span(1, 1000)
IDS = [f"{crm}:{number}" for crm in ("hubspot", "salesforce") for number in range(6)]


def people(con: duckdb.DuckDBPyConnection) -> set[frozenset[str]]:
    """The groups that identity finds."""
    identity.resolve(con)
    groups = defaultdict(set)
    for crm, record_id, person in con.execute("SELECT crm, record_id, person FROM identities").fetchall():
        groups[person].add(f"{crm}:{record_id}")
    return set(map(frozenset, groups.values()))


class UnionFind:
    def __init__(self) -> None:
        self.parent: dict[str, str] = {}

    def find(self, item: str) -> str:
        self.parent.setdefault(item, item)
        return item if self.parent[item] == item else self.find(self.parent[item])

    def union(self, one: str, other: str) -> None:
        self.parent[self.find(one)] = self.find(other)


def oracle(records: list[dict[str, Any]], removals: list[dict[str, Any]]) -> set[frozenset[str]]:
    found = UnionFind()
    by_address, links = {}, []
    removed = {f"{row['crm']}:{row['record_id']}": row["removed"] for row in [*records, *removals]}
    dead = {key for key, why in removed.items() if why in {"deleted", "erased"}}
    taken_in = {
        f"{row['crm']}:{row['record_id']}": f"{row['crm']}:{row['successor_id']}"
        for row in removals
        if row["removed"] in {"merged", "converted"} and row["successor_id"]
    }
    while more := {key for key, successor in taken_in.items() if successor in dead} - dead:
        dead |= more
    for row in records:
        key = f"{row['crm']}:{row['record_id']}"
        found.find(key)
        if key in dead:
            continue
        address = (row["email"] or "").strip().lower()
        if "@" in address and not address.startswith("info@"):
            found.union(key, by_address.setdefault(address, key))
        for link in row["links"] or ():
            found.find(link)
            links.append((key, link))
    for one, other in [*links, *taken_in.items()]:
        found.find(one), found.find(other)
        if not dead & {one, other}:
            found.union(one, other)
    groups = defaultdict(set)
    for key in found.parent:
        if key not in dead:
            groups[found.find(key)].add(key)
    return set(map(frozenset, groups.values()))


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Records of both CRMs and removals among them."""
    records = []
    for key in draw(st.lists(st.sampled_from(IDS), unique=True, max_size=12)):
        crm, record_id = key.split(":")
        records.append(
            record(
                crm,
                record_id,
                email=draw(st.sampled_from(ADDRESSES)),
                links=draw(st.none() | st.lists(st.sampled_from(IDS), max_size=2)),
                removed=draw(st.sampled_from([None, None, None, "converted", "deleted"])),
            )
        )
    removals = []
    for key in draw(st.lists(st.sampled_from(IDS), unique=True, max_size=4)):
        crm, record_id = key.split(":")
        why = draw(st.sampled_from(["merged", "converted", "deleted"]))
        successor = draw(st.none() | st.sampled_from("012345")) if why != "deleted" else None
        removals.append(
            {"crm": crm, "kind": "contact", "record_id": record_id, "removed": why, "successor_id": successor}
        )
    return records, removals


NAMED_BY_THE_DEAD = (
    [record("salesforce", "0", email=None, links=["hubspot:2"], removed=None)],
    [
        {"crm": "salesforce", "kind": "contact", "record_id": "0", "removed": "merged", "successor_id": "4"},
        {"crm": "salesforce", "kind": "contact", "record_id": "4", "removed": "deleted", "successor_id": None},
    ],
)
"""Taken in by one that was deleted; what it links to is nobody's."""


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(world=worlds(), seed=st.integers(0, 1000))
@example(world=NAMED_BY_THE_DEAD, seed=0)
def test_groups_are_those_of_union_find_in_any_order(
    tmp_path: Path, world: tuple[list[dict[str, Any]], list[dict[str, Any]]], seed: int
) -> None:
    records, removals = world
    expected = oracle(records, removals)
    random.Random(seed).shuffle(records)
    random.Random(seed).shuffle(removals)
    path = tmp_path / "mirror.duckdb"
    path.unlink(missing_ok=True)
    with mirror_at(path).open() as con:
        store(con, batch(Table.RECORDS, records), batch(Table.REMOVALS, removals))
        assert people(con) == expected
        identity.resolve(con)
        views.build(con, precedence=("salesforce", "hubspot"))
        views.show(con, EVERYBODY, types=TYPES)
        counted = con.execute("SELECT (SELECT count(*) FROM members), (SELECT count(*) FROM people)").fetchall()[0]
        live = {
            f"{row['crm']}:{row['record_id']}"
            for row in records
            if row["removed"] is None
            and not any((row["crm"], row["record_id"]) == (gone["crm"], gone["record_id"]) for gone in removals)
        }
        assert counted == (len(live), sum(1 for group in expected if group & live))


def test_a_long_chain_is_one_person_within_few_rounds(tmp_path: Path) -> None:
    with mirror_at(tmp_path / "mirror.duckdb").open() as con:
        con.execute("CREATE TEMP TABLE edges AS SELECT range AS a, range + 1 AS b FROM range(5000)")
        identity.unite(con)
        assert con.execute("SELECT count(*), min(label), max(label) FROM labels").fetchall() == [(5001, 0, 0)]


@pytest.fixture
def merged_people(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Ann: a HubSpot contact that took in another, a Salesforce contact and the lead it was converted from."""
    with mirror_at(tmp_path / "mirror.duckdb").open() as con:
        account = {"crm": "salesforce", "account_id": "A", "attr.company.industry": "software"}
        store(con, batch(Table.ACCOUNTS, [account]))
        store(
            con,
            batch(
                Table.RECORDS,
                [
                    record("hubspot", "1", email="ann@acme.example", created_at=ago(50),
                           attr={"job_title": "CTO", "seats": "7", "company.industry": "retail"}),
                    record("hubspot", "2", email="old@acme.example", attr={"job_title": "Intern"}),
                    record("salesforce", "C", email="Ann@Acme.example ", account_id="A", created_at=ago(20),
                           attr={"seats": "9", "company.industry": "banking", "company.employee_count": "12"}),
                    record("salesforce", "L", kind="lead", email="x@acme.example", removed="converted",
                           links=["salesforce:C"]),
                    record("hubspot", "9", email="zed@acme.example"),
                ],
            ),
            batch(Table.REMOVALS, [
                {"crm": "hubspot", "kind": "contact", "record_id": "2", "removed": "merged", "successor_id": "1"},
            ]),
            batch(Table.ACTIVITIES, [
                activity("hubspot", "a", "1", url="/a"), activity("hubspot", "b", "2", url="/b"),
                activity("hubspot", "c", email="OLD@acme.example", url="/c"),
                activity("salesforce", "d", "L", url="/d"),
                activity("salesforce", "e", "C", url="/e"), activity("hubspot", "z", "9", url="/z"),
                activity("hubspot", "n", "404", url="/n"),
            ]),
        )  # fmt: skip
        identity.resolve(con)
        views.build(
            con,
            precedence=("salesforce", "hubspot"),
            stages=[[("hubspot", "1", "lead", ago(9)), ("salesforce", "C", "customer", ago(4))]],
        )
        views.show(con, EVERYBODY, types=TYPES)
        yield con


def test_values_are_merged_by_precedence_with_the_accounts_before_the_records(
    merged_people: duckdb.DuckDBPyConnection,
) -> None:
    columns = '"attr.job_title", "attr.seats", "attr.company.industry", "attr.company.employee_count", created_at'
    assert merged_people.execute(
        f"SELECT email, email_domain, {columns} FROM people ORDER BY email"
    ).fetchall() == [
        ("ann@acme.example", "acme.example", "CTO", 9.0, "software", 12.0, ago(50)),
        ("zed@acme.example", "acme.example", None, None, None, None, ago(100)),
    ]  # fmt: skip


def test_an_objection_in_either_crm_counts(tmp_path: Path) -> None:
    ticked = {"ann": ("false", "true"), "bob": ("true", "false"), "cy": (None, "false"), "di": ("false", None)}
    people = [
        record(crm, name, email=f"{name}@acme.example", attr={"profiling_objection": value})
        for name, values in ticked.items()
        for crm, value in zip(("salesforce", "hubspot"), values, strict=True)
    ]
    with mirror_at(tmp_path / "mirror.duckdb").open() as con:
        store(con, batch(Table.RECORDS, [*people, record("hubspot", "alone")]))
        identity.resolve(con)
        views.build(con, precedence=("salesforce", "hubspot"))
        views.show(con, EVERYBODY, types=TYPES)
        found = con.execute('SELECT "attr.profiling_objection" FROM people ORDER BY email NULLS LAST').fetchall()
        assert found == [(True,), (True,), (False,), (False,), (None,)]


def test_activities_follow_the_survivor(merged_people: duckdb.DuckDBPyConnection) -> None:
    found = merged_people.execute("""
        SELECT email, list(url ORDER BY url)
        FROM activities JOIN signatures USING (signature) JOIN people USING (person)
        GROUP BY email ORDER BY email""").fetchall()
    assert found == [("ann@acme.example", ["/a", "/b", "/c", "/d", "/e"]), ("zed@acme.example", ["/z"])]


def test_18_whom_a_deleted_record_took_in_is_gone_with_it(merged_people: duckdb.DuckDBPyConnection) -> None:
    """Whether what they did was read before the merge or after it, which names another record, comes to the same."""
    deletion = {"crm": "hubspot", "kind": "contact", "record_id": "1", "removed": "deleted"}
    store(merged_people, batch(Table.REMOVALS, [deletion]))
    identity.resolve(merged_people)
    views.build(merged_people, precedence=("salesforce", "hubspot"))
    views.show(merged_people, EVERYBODY, types=TYPES)
    assert merged_people.execute("""
        SELECT list(url ORDER BY url) FROM activities JOIN signatures USING (signature) JOIN people USING (person)
        WHERE email = 'ann@acme.example'""").fetchall() == [(["/d", "/e"],)]


def test_the_stage_given_last_counts(merged_people: duckdb.DuckDBPyConnection) -> None:
    assert merged_people.execute("SELECT stage, since FROM previous_stages").fetchall() == [("customer", ago(4))]


def test_of_stages_given_at_the_same_time_the_later_in_the_lifecycle_counts(tmp_path: Path) -> None:
    people = {"ann": ("subscriber", "lead"), "bob": ("lead", "subscriber"), "cy": ("gone", "subscriber")}
    records = [record(crm, name, email=f"{name}@acme.example") for name in people for crm in ("salesforce", "hubspot")]
    given = [
        (crm, name, stage, ago(4))
        for name, stages in people.items()
        for crm, stage in zip(("salesforce", "hubspot"), stages, strict=True)
    ]
    shown = [
        record("salesforce", "di", email="di@acme.example", observed={"stage": "subscriber"}),
        record("hubspot", "di", email="di@acme.example", observed={"stage": "lead"}),
    ]
    with mirror_at(tmp_path / "mirror.duckdb").open() as con:
        store(con, batch(Table.RECORDS, [*records, *shown]))
        identity.resolve(con)
        order = ("subscriber", "lead", "customer")
        views.build(con, precedence=("salesforce", "hubspot"), stages=[given], stage_order=order)
        views.show(con, EVERYBODY, types=TYPES)
        found = con.execute("SELECT stage FROM previous_stages JOIN people USING (person) ORDER BY email").fetchall()
        assert found == [("lead",), ("lead",), ("subscriber",), ("lead",)]


def test_without_the_journal_the_stage_that_the_crm_shows_counts(tmp_path: Path) -> None:
    with mirror_at(tmp_path / "mirror.duckdb").open() as con:
        store(con, batch(Table.RECORDS, [record("hubspot", "1", observed={"stage": "lead"})]))
        identity.resolve(con)
        views.build(con, precedence=("salesforce", "hubspot"))
        views.show(con, EVERYBODY, types=TYPES)
        assert con.execute("SELECT stage, since FROM previous_stages").fetchall() == [("lead", None)]
