"""Everybody compared with the mirror: who is gone, came back or changed without any stream telling."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .conftest import counts

if TYPE_CHECKING:
    from .conftest import World


def living(world: World, crm: str) -> list[str]:
    found = world.query(
        f"SELECT record_id FROM store.records WHERE crm = '{crm}' AND removed IS NULL ORDER BY record_id"
    )
    return [record_id for (record_id,) in found]


def test_people_who_went_without_a_word_are_found(world: World) -> None:
    """HubSpot says what became of them when it is asked for them; Salesforce shows nothing."""
    assert world.run().exit_code == 0
    world.hubspot.gone["3"] = ("erased", None)
    for crm, record_id in ((world.hubspot, "3"), (world.salesforce, "D")):
        crm.records.pop(record_id)
        crm.rows["records"] = [row for row in crm.rows["records"] if row[1]["record_id"] != record_id]
    world.salesforce.revisit = lambda record_ids: iter(())
    assert world.run().exit_code == 0
    assert "3" in living(world, "hubspot"), "no stream tells"
    cursors = world.query("SELECT crm, stream, cursor FROM store.cursors WHERE stream = 'records' ORDER BY crm")

    found = world.run("reconcile")
    assert found.exit_code == 0
    assert living(world, "hubspot") == ["1", "2"]
    assert living(world, "salesforce") == ["A", "B"]
    assert world.query("SELECT removed FROM store.removals WHERE record_id IN ('3', 'D') ORDER BY record_id") == [
        ("erased",), ("deleted",)
    ]  # fmt: skip
    assert cursors == world.query("SELECT crm, stream, cursor FROM store.cursors WHERE stream = 'records' ORDER BY crm")
    assert all(part.unchanged == 2 for part in counts(found).values())

    world.salesforce.put("D", email="di@acme.example", kind="lead")
    world.run()
    assert "D" in living(world, "salesforce"), "whoever is shown again lives again"


def test_what_changed_without_a_trace_is_read(world: World) -> None:
    world.run()
    world.run()
    rows = world.hubspot.rows["records"]
    world.hubspot.rows["records"] = [
        (number, row | {"attr.job_title": "CEO"} if row["record_id"] == "3" else row) for number, row in rows
    ]
    assert counts(world.run("reconcile"))["hubspot"].accepted == 1
    assert world.hubspot.observed("3")["fit_grade"] == "B"


def test_a_crm_that_shows_a_tenth_of_its_people_no_more_stops_the_run(world: World) -> None:
    for number in range(40):
        world.salesforce.put(f"L{number}", kind="lead")
    world.run()
    writes = world.writes
    world.salesforce.rows["records"] = [row for row in world.salesforce.rows["records"] if row[1]["record_id"] < "L"]
    world.salesforce.revisit = lambda record_ids: iter(())
    found = world.run("reconcile")
    assert found.exit_code == 4
    assert found.failure is not None
    assert "40 of the 43 people" in found.failure.message
    assert "writes.guard.max_lost_share is 10%" in found.failure.message
    assert len(living(world, "salesforce")) == 43
    assert world.writes == writes
    guard = world.settings.writes.guard.model_copy(update={"max_lost_share": 1.0})
    meant = world.settings.writes.model_copy(update={"guard": guard})
    assert world.run("reconcile", settings=world.settings.model_copy(update={"writes": meant})).exit_code == 0
    assert len(living(world, "salesforce")) == 3


def test_the_first_reconciliation_reads_everybody_once(world: World) -> None:
    found = world.run("reconcile")
    assert [(pulled.stream, pulled.rows) for pulled in found.pulled if pulled.crm == "hubspot" and pulled.rows] == [
        ("records", 3), ("activities.web", 2)
    ]  # fmt: skip
