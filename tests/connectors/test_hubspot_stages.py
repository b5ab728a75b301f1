"""HubSpot's lifecycle stage: forward only, cleared before it goes back, and what was asked is read back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from connectors.base import CRM_STAGE, Change, StageMove, Status
from connectors.errors import Unreachable
from tests.connectors.test_hubspot_writing import push, updates

if TYPE_CHECKING:
    from tests.connectors.hubspot_rig import HubSpotRig


@pytest.fixture
def ready(hub: HubSpotRig) -> HubSpotRig:
    hub.connector().provision(dry_run=False)
    hub.journal.clear()
    return hub


def contact(hub: HubSpotRig, stage: str, number: int = 1) -> str:
    record_id = hub.person(number)
    hub.set_own_stage(record_id, stage)
    return record_id


def move(record_id: str, seen: str | None, to: str, *, backward: bool = False) -> Change:
    return Change("contact", record_id, {"rating": "A1", CRM_STAGE: to}, move=StageMove(seen, backward=backward))


def sent(hub: HubSpotRig) -> list[list[dict[str, Any]]]:
    return [[row["properties"] for row in body["inputs"]] for body in updates(hub)]


def test_73_a_step_back_is_two_calls_and_only_for_the_rows_that_go_back(ready: HubSpotRig) -> None:
    back, on = contact(ready, "marketingqualifiedlead"), contact(ready, "lead", 2)
    outcomes = push(
        ready,
        [
            move(back, "marketingqualifiedlead", "lead", backward=True),
            move(on, "lead", "marketingqualifiedlead"),
        ],
    )
    assert {one.status for one in outcomes.values()} == {Status.ACCEPTED}
    clearing, writing = sent(ready)
    assert clearing == [{"lifecyclestage": ""}]
    assert {row["lifecyclestage"] for row in writing} == {"lead", "marketingqualifiedlead"}
    assert (ready.own_stage(back), ready.own_stage(on)) == ("lead", "marketingqualifiedlead")


def test_73_a_stage_that_stayed_is_reported_though_hubspot_called_it_a_success(ready: HubSpotRig) -> None:
    record_id = contact(ready, "marketingqualifiedlead")
    outcome = push(ready, [move(record_id, "marketingqualifiedlead", "lead")])[record_id]
    assert (outcome.status, outcome.code, outcome.field) == (Status.REJECTED, "STAGE_STAYED", CRM_STAGE)
    assert len(sent(ready)) == 1  # not tried again
    assert ready.stored(record_id, "rating") == "A1"


def test_73_a_row_that_the_answer_leaves_out_is_held_against_its_stage_too(ready: HubSpotRig) -> None:
    record_id = contact(ready, "lead")
    ready.troubles.set("empty_success", match="/batch/update")
    outcome = push(ready, [move(record_id, "lead", "marketingqualifiedlead")])[record_id]
    assert outcome.status is Status.ACCEPTED
    assert ready.own_stage(record_id) == "marketingqualifiedlead"


def test_a_lost_connection_between_clearing_and_setting_leaves_the_row_unknown(ready: HubSpotRig) -> None:
    record_id = contact(ready, "marketingqualifiedlead")
    ready.troubles.set("no_answer", match="/batch/update", skip=1, times=None)
    connector = ready.connector()
    outcomes = []
    with pytest.raises(Unreachable):
        outcomes.extend(connector.push([move(record_id, "marketingqualifiedlead", "lead", backward=True)]))
    assert ready.own_stage(record_id) is None  # which the next run fills, since the stage before was ours


def test_without_a_move_no_contact_is_looked_at_first(ready: HubSpotRig) -> None:
    record_id = contact(ready, "lead")
    push(ready, [Change("contact", record_id, {"rating": "A1"})])
    assert [call.path.rpartition("/")[2] for call in ready.journal if "/batch/" in call.path] == ["update"]


def test_one_look_for_a_batch(ready: HubSpotRig) -> None:
    ids = [contact(ready, "lead", number) for number in range(3)]
    push(ready, [move(record_id, "lead", "marketingqualifiedlead") for record_id in ids])
    [look] = [json.loads(call.body) for call in ready.journal if call.path.endswith("/batch/read")]
    assert look["properties"] == ["lifecyclestage"]
    assert len(look["inputs"]) == 3


def test_73_the_order_is_read_from_the_portal(hub: HubSpotRig) -> None:
    definition = hub.portal.properties["contacts"]["lifecyclestage"]
    custom = {"value": "104562734", "label": "In talks", "displayOrder": 1, "hidden": False}
    last = {"value": "7", "label": "Late", "displayOrder": -1, "hidden": False}
    old = {"value": "8", "label": "Old", "displayOrder": 0, "hidden": True}
    shifted = [option | {"displayOrder": option["displayOrder"] + 2} for option in definition["options"][1:]]
    definition["options"] = [last, old, *shifted, custom, definition["options"][0] | {"displayOrder": 0}]
    told = hub.connector().crm_stages()
    assert told.forward_only
    assert told.values[:3] == ("subscriber", "104562734", "lead")
    assert told.values[-1] == "7"
    assert "8" not in told.values
