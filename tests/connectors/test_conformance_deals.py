"""What every connector tells of deals and of what they are about; see `rig.py` for the words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scoring.facts import Kind, Table
from tests.connectors.facts_of import Facts

if TYPE_CHECKING:
    from tests.connectors.rig import Rig

STREAMS = ["deals", "line_items", "removals"]


def deals(facts: Facts) -> dict[str, dict[str, Any]]:
    return {row["deal_id"]: row for row in facts.tables[Table.DEALS].values()}


def lines(facts: Facts) -> dict[str, tuple[str, str, float]]:
    """Deal, product and amount of the lines that no removal names."""
    gone = {row["record_id"] for row in facts.tables[Table.REMOVALS].values() if row["kind"] == Kind.LINE_ITEM}
    rows = [row for row in facts.tables[Table.LINE_ITEMS].values() if row["line_id"] not in gone]
    return {row["line_id"]: (row["deal_id"], row["product"], row["amount"]) for row in rows}


def test_a_deal_says_who_takes_part_how_it_ended_and_when(rig: Rig) -> None:
    now = rig.clock.now()
    person = rig.customer(1)
    won, _ = rig.deal(person, "won", 1200.5)
    lost, _ = rig.deal(person, "lost", 10.0)
    opened, _ = rig.deal(person, "open", 20.0)
    rig.settle()
    found = deals(Facts().pull(rig.connector(), STREAMS))
    assert [(found[deal]["is_closed"], found[deal]["is_won"]) for deal in (won, lost, opened)] == [
        (True, True), (True, False), (False, False),
    ]  # fmt: skip
    assert (found[won]["amount"], found[won]["record_ids"]) == (1200.5, [person])
    assert found[won]["closed_at"].date() == found[lost]["closed_at"].date() == now.date()
    assert found[opened]["closed_at"] is None  # its close date is a hope
    assert all(row["created_at"] == now.replace(tzinfo=None) for row in found.values())


def test_lines_name_the_products_of_a_deal_and_follow_its_changes(rig: Rig) -> None:
    person = rig.customer(1)
    deal, (suite, training) = rig.deal(person, "won", 1000.0, {"Suite": 900.0, "Training": 100.0})
    rig.settle()
    facts = Facts().pull(rig.connector(), STREAMS)
    assert lines(facts) == {suite: (deal, "Suite", 900.0), training: (deal, "Training", 100.0)}
    rig.settle()
    before = facts.rows_in
    assert facts.pull(rig.connector(), STREAMS).rows_in == before
    rig.reprice(suite, 700.0)
    rig.drop_line(training)
    rig.settle()
    assert lines(facts.pull(rig.connector(), STREAMS)) == {suite: (deal, "Suite", 700.0)}


def test_a_deal_without_lines_is_a_deal(rig: Rig) -> None:
    deal, _ = rig.deal(rig.customer(1), "won", 5.0)
    rig.settle()
    facts = Facts().pull(rig.connector(), STREAMS)
    assert deals(facts).keys() == {deal}
    assert lines(facts) == {}
