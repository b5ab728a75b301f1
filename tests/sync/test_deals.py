"""Deals as the engine sees them: each once for each of its people, with what was sold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sync_rig import ago, batch, mirror_at, record, store

from scoring.facts import Table
from sync import identity
from sync.mirror import views

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import duckdb


@pytest.fixture
def con(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with mirror_at(tmp_path / "mirror.duckdb").open() as con:
        yield con


def deal(crm: str, deal_id: str, people: list[str], **values: Any) -> dict[str, Any]:
    return {
        "crm": crm, "deal_id": deal_id, "record_ids": people, "is_closed": True, "is_won": True, "amount": 100.0,
        "created_at": ago(9), "closed_at": ago(2), "modified_at": ago(1), **values,
    }  # fmt: skip


def line(deal_id: str | None, product: str | None, amount: float | None, number: int = 0) -> dict[str, Any]:
    return {
        "crm": "hubspot", "line_id": f"{deal_id}-{product}-{number}", "deal_id": deal_id, "product": product,
        "amount": amount, "modified_at": ago(1),
    }  # fmt: skip


def seen(con: duckdb.DuckDBPyConnection, columns: str) -> list[tuple[Any, ...]]:
    identity.resolve(con)
    views.build(con, precedence=("salesforce", "hubspot"))
    return con.execute(f"SELECT {columns} FROM deals ORDER BY ALL").fetchall()


def test_the_product_of_a_deal_is_that_of_its_worthiest_lines(con: duckdb.DuckDBPyConnection) -> None:
    store(con, batch(Table.RECORDS, [record("hubspot", "1")]))
    store(con, batch(Table.DEALS, [deal("hubspot", number, ["1"], amount=float(number)) for number in "123"]))
    store(con, batch(Table.LINE_ITEMS, [
        line("1", "Suite", 60.0), line("1", "Seats", 40.0), line("1", "Seats", 40.0, 2), line("1", None, 500.0),
        line("2", "Zeta", None), line("2", "Beta", None), line(None, "Quoted", 900.0),
    ]))  # fmt: skip
    assert seen(con, "amount, product, products") == [
        (1.0, "Seats", ["Seats", "Suite"]),
        (2.0, "Beta", ["Beta", "Zeta"]),
        (3.0, None, []),
    ]


def test_a_line_that_is_gone_sells_nothing(con: duckdb.DuckDBPyConnection) -> None:
    store(con, batch(Table.RECORDS, [record("hubspot", "1")]))
    store(con, batch(Table.DEALS, [deal("hubspot", "1", ["1"])]))
    store(con, batch(Table.LINE_ITEMS, [line("1", "Suite", 60.0), line("1", "Seats", 40.0)]))
    gone = {"crm": "hubspot", "kind": "line_item", "record_id": "1-Suite-0", "removed": "deleted"}
    store(con, batch(Table.REMOVALS, [gone]))
    assert seen(con, "product") == [("Seats",)]


def test_a_deal_and_its_copy_in_the_other_crm_count_once(con: duckdb.DuckDBPyConnection) -> None:
    people = [record("hubspot", "1"), record("salesforce", "A", links=["hubspot:1"])]
    for person in people:
        store(con, batch(Table.RECORDS, [person]))
    store(con, batch(Table.DEALS, [
        deal("hubspot", "1", ["1"], amount=1.0, links=["salesforce:006A"]),
        deal("hubspot", "2", ["1"], amount=2.0, links=["salesforce:006gone"]),
        deal("hubspot", "3", ["1"], amount=3.0),
        deal("salesforce", "006A", ["A"], amount=10.0),
    ]))  # fmt: skip
    assert seen(con, "amount") == [(2.0,), (3.0,), (10.0,)]
