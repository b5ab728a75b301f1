"""What every connector does with the CRM's own stage; see `rig.py` for the words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from connectors.base import CRM_STAGE, Change, StageMove, Status
from connectors.errors import ConfigProblem
from tests.connectors.facts_of import Facts
from tests.connectors.test_conformance_push import push

if TYPE_CHECKING:
    from tests.connectors.rig import Rig


@pytest.fixture
def ready(rig: Rig) -> Rig:
    rig.connector().provision(dry_run=False)
    return rig


def move(rig: Rig, record_id: str, seen: str | None, to: str, *, backward: bool = False, tag: int = 0) -> Change:
    return Change(rig.kind, record_id, {"rating": "A1", CRM_STAGE: to}, tag=tag, move=StageMove(seen, backward))


def test_the_stages_are_told_in_the_crms_order(rig: Rig) -> None:
    told = rig.connector().crm_stages()
    assert told.kind == rig.kind
    assert not told.obstacle
    assert [value for value in told.values if value in rig.own_stages] == list(rig.own_stages)
    assert not set(told.values) & set(told.never)


@pytest.mark.parametrize("way", [0, 1])
def test_a_stage_is_set_beside_our_fields_and_comes_back_with_the_record(ready: Rig, way: int) -> None:
    first, second, _ = ready.own_stages
    ids = [ready.person(number) for number in range(5)]
    for record_id in ids:
        ready.set_own_stage(record_id, first)
    changes = [move(ready, record_id, first, second, tag=tag) for tag, record_id in enumerate(ids[:4])]
    outcomes = push(
        ready,
        [*changes, Change(ready.kind, ids[4], {"rating": "A1"}, tag=4)],
        **ready.ways_to_push[way % len(ready.ways_to_push)],
    )
    assert {one.status for one in outcomes.values()} == {Status.ACCEPTED}
    assert [ready.own_stage(record_id) for record_id in ids] == [second] * 4 + [first]
    assert {ready.stored(record_id, "rating") for record_id in ids} == {"A1"}
    ready.settle()
    records = Facts().pull(ready.connector(), ready.record_streams).records()
    assert [records[record_id]["stage"] for record_id in ids] == [second] * 4 + [first]


def test_73_a_stage_that_somebody_changed_meanwhile_is_left_to_the_next_run(ready: Rig) -> None:
    first, second, third = ready.own_stages
    ids = [ready.person(number) for number in range(3)]
    for record_id in ids:
        ready.set_own_stage(record_id, first)
    ready.set_own_stage(ids[1], third)
    ready.set_own_stage(ids[2], second)  # or an earlier call of ours did, whose answer was lost
    outcomes = push(ready, [move(ready, record_id, first, second, tag=tag) for tag, record_id in enumerate(ids)])
    assert [outcomes[record_id].status for record_id in ids] == [Status.ACCEPTED, Status.SKIPPED, Status.ACCEPTED]
    assert outcomes[ids[1]].code == "STAGE_CHANGED"
    assert [ready.own_stage(record_id) for record_id in ids] == [second, third, second]
    assert ready.stored(ids[1], "rating") is None  # the next run sends the row whole


def test_73_a_stage_that_we_gave_can_be_taken_back(ready: Rig) -> None:
    first, second, third = ready.own_stages
    ids = [ready.person(number) for number in range(2)]
    for record_id in ids:
        ready.set_own_stage(record_id, third)
    changes = [
        move(ready, ids[0], third, first, backward=True),
        move(ready, ids[1], third, second, backward=True, tag=1),
    ]
    outcomes = push(ready, changes)
    assert {one.status for one in outcomes.values()} == {Status.ACCEPTED}
    assert [ready.own_stage(record_id) for record_id in ids] == [first, second]


def test_68_a_stage_for_a_record_that_is_gone_is_told_as_gone(ready: Rig) -> None:
    first, second, _ = ready.own_stages
    record_id = ready.person(1)
    ready.delete(record_id)
    outcome = push(ready, [move(ready, record_id, first, second)])[record_id]
    assert (outcome.status, outcome.gone) == (Status.REJECTED, "deleted")


def test_71_a_stage_that_integrations_may_not_set_is_found_before_and_while_writing(ready: Rig) -> None:
    first, second, _ = ready.own_stages
    record_id = ready.person(1)
    ready.set_own_stage(record_id, first)
    ready.close_own_stage()
    told = ready.connector().crm_stages()
    assert told.obstacle
    assert told.remedy
    with pytest.raises(ConfigProblem):
        list(ready.connector().push([move(ready, record_id, first, second)]))
    assert ready.own_stage(record_id) == first
