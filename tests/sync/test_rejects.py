"""Refused rows that somebody wants to be sent once more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sync.rejects import Which, retry

from .conftest import counts

if TYPE_CHECKING:
    from .conftest import World


def test_a_refused_row_is_sent_again_when_somebody_says_so(world: World) -> None:
    world.hubspot.refuse = lambda change: "no such option"
    world.salesforce.refuse = lambda change: "locked" if change.record_id == "D" else None
    world.run()
    world.hubspot.refuse = world.salesforce.refuse = lambda change: None
    assert counts(world.run())["hubspot"].skipped_by_reason == {"refused before": 3}

    assert retry(world.settings, Which(code="ANOTHER")) == 0
    assert retry(world.settings, Which(crm="hubspot", record_ids=("1", "D"))) == 1
    assert set(world.rejects()) == {("hubspot", "2"), ("hubspot", "3"), ("salesforce", "D")}
    assert counts(world.run())["hubspot"].accepted == 1
    world.hubspot.on_push = lambda change: asked.append(retry(world.settings, Which(crm="salesforce")))
    asked: list[int] = []
    world.hubspot.put("4", email="dee@acme.example")
    world.run()
    assert asked == [1], "a run under way keeps nobody from asking"
    world.hubspot.on_push = lambda change: None
    assert retry(world.settings, Which()) == 2
    found = counts(world.run())
    assert (found["hubspot"].accepted, found["salesforce"].accepted) == (2, 1)
    assert world.rejects() == {}
