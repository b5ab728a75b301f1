"""Writing to HubSpot: every row ends somewhere, whatever shape the answer has. Numbers are rows of known failures."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from connectors.base import Change, Outcome, Status
from connectors.errors import AuthStop, ConfigProblem, ConnectorBug, LimitReached, Unreachable
from connectors.hubspot import writer
from connectors.hubspot.client import WORKERS
from scoring.facts import Removed

if TYPE_CHECKING:
    from tests.connectors.hubspot_rig import HubSpotRig


@pytest.fixture
def ready(hub: HubSpotRig) -> HubSpotRig:
    hub.connector().provision(dry_run=False)
    hub.journal.clear()
    return hub


def people(hub: HubSpotRig, count: int) -> list[str]:
    return [hub.person(number) for number in range(count)]


def rate(ids: list[str], **values: Any) -> list[Change]:
    return [Change("contact", record_id, values or {"rating": "A1"}) for record_id in ids]


def push(hub: HubSpotRig, changes: list[Change]) -> dict[str, Outcome]:
    outcomes = list(hub.connector().push(changes))
    assert Counter(outcome.record_id for outcome in outcomes) == Counter(change.record_id for change in changes)
    return {outcome.record_id: outcome for outcome in outcomes}


def updates(hub: HubSpotRig) -> list[dict[str, Any]]:
    return [json.loads(call.body) for call in hub.journal if call.path.endswith("/batch/update")]


def test_every_input_of_a_batch_of_100_has_its_own_trace_id(ready: HubSpotRig) -> None:
    ids = people(ready, 250)
    push(ready, rate(ids))
    batches = updates(ready)
    assert sorted(len(body["inputs"]) for body in batches) == [50, 100, 100]
    for body in batches:
        assert len({row["objectWriteTraceId"] for row in body["inputs"]}) == len(body["inputs"])
        assert all(row["properties"] == {"leadgrade_rating": "A1"} for row in body["inputs"])


def test_54_bad_rows_are_named_by_their_trace_ids_in_one_call(ready: HubSpotRig) -> None:
    ids = people(ready, 100)
    bad = [ids[0], ids[50], ids[99]]
    outcomes = push(ready, [*rate(sorted(set(ids) - set(bad))), *rate(bad, engagement_score="many")])
    assert len(updates(ready)) == 1
    assert {record_id for record_id, one in outcomes.items() if one.status is Status.REJECTED} == set(bad)
    assert {(outcomes[record_id].code, outcomes[record_id].field) for record_id in bad} == {
        ("INVALID_INTEGER", "engagement_score")
    }


def test_54_a_batch_refused_whole_is_halved_until_the_bad_rows_stand_alone(ready: HubSpotRig) -> None:
    ids = people(ready, 100)
    bad = [ids[0], ids[50], ids[99]]
    ready.troubles.set("ignore_trace_ids", times=None)
    outcomes = push(ready, [*rate(sorted(set(ids) - set(bad))), *rate(bad, engagement_score="many")])
    assert {record_id for record_id, one in outcomes.items() if one.status is Status.REJECTED} == set(bad)
    assert {outcomes[record_id].field for record_id in bad} == {"engagement_score"}
    assert sum(ready.stored(record_id, "rating") == "A1" for record_id in ids) == 97
    assert len(updates(ready)) <= 2 * 3 * 7 + 1
    accepted = [
        row["id"]
        for call in ready.journal
        if call.path.endswith("/batch/update") and call.status < 300
        for row in json.loads(call.body)["inputs"]
    ]
    assert Counter(accepted) == Counter(set(ids) - set(bad)), "good rows are written once"


def test_55_a_row_that_the_answer_leaves_out_is_read_back(ready: HubSpotRig) -> None:
    ids = people(ready, 10)
    ready.troubles.set("lose_row", match="/batch/update", id=ids[4])
    outcomes = push(ready, rate(ids, rating="B2", valid_until="2026-07-01", fit_score=40))
    assert {one.status for one in outcomes.values()} == {Status.ACCEPTED}
    [looked_up] = [call for call in ready.journal if call.path.endswith("/batch/read")]
    assert json.loads(looked_up.body)["inputs"] == [{"id": ids[4]}]
    assert len(updates(ready)) == 1


@pytest.mark.parametrize(("times", "status", "code"), [(1, Status.ACCEPTED, ""), (2, Status.UNKNOWN, "UNACCOUNTED")])
def test_55_an_empty_success_is_no_success(ready: HubSpotRig, times: int, status: Status, code: str) -> None:
    ids = people(ready, 100)
    ready.troubles.set("empty_success", match="/batch/update", times=times)
    outcomes = push(ready, rate(ids))
    assert {(one.status, one.code) for one in outcomes.values()} == {(status, code)}
    assert {ready.stored(record_id, "rating") for record_id in ids} == {None if code else "A1"}
    assert len(ready.journal) - len(updates(ready)) <= 1 + times, "read back in batches, not row by row"


def test_55_rows_that_cannot_be_read_back_are_unknown_and_the_others_keep_their_outcome(ready: HubSpotRig) -> None:
    ids = people(ready, 10)
    ready.troubles.set("lose_row", match="/batch/update", id=ids[4])
    ready.troubles.set("daily_429", match="/batch/read")
    outcomes: list[Outcome] = []
    with pytest.raises(LimitReached):
        outcomes.extend(ready.connector().push(rate(ids)))
    assert {one.record_id: one.status for one in outcomes} == {
        record_id: Status.UNKNOWN if record_id == ids[4] else Status.ACCEPTED for record_id in ids
    }


def test_56_of_a_batch_only_the_rows_that_were_accepted_count_as_written(ready: HubSpotRig) -> None:
    ids = people(ready, 10)
    outcomes = push(ready, [*rate(ids[:1]), *rate(ids[1:], engagement_score="many")])
    assert [record_id for record_id, one in outcomes.items() if one.status is Status.ACCEPTED] == ids[:1]
    assert sum(one.status is Status.REJECTED for one in outcomes.values()) == 9


def test_58_an_answer_lost_at_the_gateway_after_the_write_is_written_again_to_the_same_end(ready: HubSpotRig) -> None:
    ids = people(ready, 10)
    ready.troubles.set("html_error", match="/batch/update", status=504, applied=True)
    assert {one.status for one in push(ready, rate(ids)).values()} == {Status.ACCEPTED}
    assert len(updates(ready)) == 2
    assert updates(ready)[0] == updates(ready)[1]


def test_66_80_a_record_twice_in_a_batch_is_our_own_error_and_nothing_is_sent(ready: HubSpotRig) -> None:
    [record_id] = people(ready, 1)
    with pytest.raises(ConnectorBug, match="twice"):
        push(ready, rate([record_id, record_id]))
    with pytest.raises(ConnectorBug, match="contacts only"):
        push(ready, [Change("lead", record_id, {"rating": "A1"})])
    assert updates(ready) == []


@pytest.mark.parametrize("new_id", [False, True])
def test_68_a_merged_id_that_hubspot_drops_silently_is_followed_to_the_survivor(
    ready: HubSpotRig, new_id: bool
) -> None:
    ids = people(ready, 4)
    survivor = ready.portal.merge(ids[0], ids[1], new_id=new_id)
    outcomes = push(ready, rate(ids))
    assert (outcomes[ids[1]].gone, outcomes[ids[1]].successor_id) == (Removed.MERGED, survivor)
    assert outcomes[ids[0]].status is (Status.REJECTED if new_id else Status.ACCEPTED)
    assert outcomes[ids[2]].status is Status.ACCEPTED


def test_68_deleted_and_erased_contacts_are_gone(ready: HubSpotRig) -> None:
    ids = people(ready, 4)
    ready.portal.archive("contacts", ids[0])
    ready.portal.gdpr_delete(ids[1])
    outcomes = push(ready, [*rate(ids), *rate(["999999999"])])
    for gone in (ids[0], ids[1], "999999999"):
        assert (outcomes[gone].status, outcomes[gone].code) == (Status.REJECTED, "OBJECT_NOT_FOUND")
        assert outcomes[gone].gone == Removed.DELETED
    assert outcomes[ids[2]].status is Status.ACCEPTED


def test_71_a_property_that_is_missing_stops_the_push_and_asks_for_provision(hub: HubSpotRig) -> None:
    ids = people(hub, 200)
    with pytest.raises(ConfigProblem, match=r"leadgrade_rating .*provision"):
        list(hub.connector().push(rate(ids)))
    assert len(updates(hub)) <= 2, "no use in trying every row"


def test_71_rows_that_do_not_need_the_missing_property_are_told_as_written(ready: HubSpotRig) -> None:
    ids = people(ready, 3)
    del ready.portal.properties["contacts"]["leadgrade_trend"]
    outcomes: list[Outcome] = []
    with pytest.raises(ConfigProblem, match=r"leadgrade_trend cannot be written .*provision"):
        outcomes.extend(ready.connector().push([*rate(ids[:2]), *rate(ids[2:], trend="rising")]))
    assert {(one.record_id, one.status, one.code) for one in outcomes} == {
        (ids[0], Status.ACCEPTED, ""), (ids[1], Status.ACCEPTED, ""), (ids[2], Status.SKIPPED, "NOT_SENT"),
    }  # fmt: skip


def test_71_a_property_made_read_only_is_found_by_check_and_stops_the_push(ready: HubSpotRig) -> None:
    definition = ready.portal.properties["contacts"]["leadgrade_rating"]
    definition["modificationMetadata"] = {**definition.get("modificationMetadata", {}), "readOnlyValue": True}
    failed = [finding for finding in ready.connector().check() if finding.level == "fail"]
    assert [finding.subject for finding in failed] == ["contacts.leadgrade_rating"]


def test_72_values_near_midnight_and_digits_keep_their_meaning(ready: HubSpotRig) -> None:
    [record_id] = people(ready, 1)
    push(ready, rate([record_id], valid_until="2026-03-01", fit_score=0, fit_grade="1", reasons="007"))
    assert ready.stored(record_id, "valid_until") == "2026-03-01"
    assert ready.stored(record_id, "fit_score") == "0"
    assert ready.stored(record_id, "reasons") == "007"


def test_63_provision_mends_options_and_keeps_those_of_others(ready: HubSpotRig) -> None:
    definition = ready.portal.properties["contacts"]["leadgrade_trend"]
    definition["options"] = [
        {"label": "Other", "value": "other", "displayOrder": 0, "hidden": False},
        {"label": "Rising", "value": "rising", "displayOrder": 1, "hidden": False},
    ]
    steps = ready.connector().provision(dry_run=False)
    assert [step.what for step in steps if step.status == "created"] == ["options of leadgrade_trend"]
    values = {option["value"] for option in ready.portal.properties["contacts"]["leadgrade_trend"]["options"]}
    assert values == {"other", "rising", "steady", "cooling"}
    assert {step.status for step in ready.connector().provision(dry_run=False)} == {"exists"}


def test_a_used_up_day_in_the_middle_of_a_push_keeps_what_was_done_and_tells_of_every_row(ready: HubSpotRig) -> None:
    ids = people(ready, 2500)
    ready.troubles.set("daily_429", match="/batch/update", skip=3, times=None)
    drawn: list[str] = []
    outcomes: list[Outcome] = []
    with pytest.raises(LimitReached):
        outcomes.extend(ready.connector().push(drawn.append(one.record_id) or one for one in rate(ids)))
    assert Counter(one.record_id for one in outcomes) == Counter(drawn)
    assert len(drawn) <= (3 + 2 * WORKERS) * 100, "nothing more is drawn"
    written = {record_id for record_id in ids if ready.stored(record_id, "rating") == "A1"}
    assert len(written) == 300
    assert {one.record_id for one in outcomes if one.status is Status.ACCEPTED} == written
    assert {(one.status, one.code) for one in outcomes if one.record_id not in written} == {
        (Status.SKIPPED, "NOT_SENT")
    }


def test_batches_are_sent_side_by_side_with_an_outcome_for_each_row(ready: HubSpotRig) -> None:
    ids = people(ready, 2000)
    ready.shared.latency_s = 0.05
    ready.troubles.set("rate_429", match="/batch/update", skip=4, times=3)
    ready.troubles.set("drop_after_write", match="/batch/update", skip=9, times=2)
    outcomes = push(ready, rate(ids))
    assert {one.status for one in outcomes.values()} == {Status.ACCEPTED}
    assert {ready.stored(record_id, "rating") for record_id in ids} == {"A1"}
    calls = [call for call in ready.journal if call.path.endswith("/batch/update")]
    assert len(calls) == 25


def test_a_missing_write_scope_stops_the_push_by_name(ready: HubSpotRig) -> None:
    ready.portal.scopes.discard("crm.objects.contacts.write")
    with pytest.raises(AuthStop, match=r"crm\.objects\.contacts\.write"):
        list(ready.connector().push(rate(people(ready, 3))))


def test_rows_of_a_halved_batch_that_were_written_before_the_portal_went_away_are_not_unknown(
    ready: HubSpotRig,
) -> None:
    ids = people(ready, 4)
    ready.troubles.set("ignore_trace_ids", times=None)
    ready.troubles.set("html_error", times=None, match="/batch/update", skip=2)  # the whole, then its first half
    outcomes: list[Outcome] = []
    with pytest.raises(Unreachable):
        outcomes.extend(ready.connector().push([*rate(ids[:3]), *rate(ids[3:], engagement_score="many")]))
    assert [(one.record_id, one.status) for one in outcomes] == [
        (ids[0], Status.ACCEPTED), (ids[1], Status.ACCEPTED), (ids[2], Status.UNKNOWN), (ids[3], Status.UNKNOWN),
    ]  # fmt: skip


class OneAnswer:
    """A client that gives a scripted answer to each batch, and knows no contact."""

    def __init__(self, *bodies: dict[str, Any]) -> None:
        self.bodies = list(bodies)
        self.sent: list[list[str]] = []

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        self.sent.append([row["id"] for row in body["inputs"]])
        return self.bodies.pop(0)


def test_55_an_error_that_names_no_row_is_found_out_by_sending_the_open_rows_alone() -> None:
    nameless = {"errors": [{"category": "VALIDATION_ERROR", "message": "no", "context": {}}]}
    client: Any = OneAnswer(
        {"results": [{"id": "1"}], **nameless}, {"results": [{"id": "2"}]}, {"results": [], **nameless}
    )
    outcomes = {one.record_id: one.status for one in writer.push(client, rate(["1", "2", "3"]))}
    assert client.sent == [["1", "2", "3"], ["2"], ["3"]]
    assert outcomes == {"1": Status.ACCEPTED, "2": Status.ACCEPTED, "3": Status.REJECTED}
