"""Writing to Salesforce, and making its fields: the traps that only Salesforce has."""

from __future__ import annotations

from collections import Counter
from typing import Any

import orjson
import pytest

from connectors.base import CLEAR, Change, Outcome, Status
from connectors.errors import AuthStop, ConfigProblem, ConnectorBug, LimitReached
from connectors.salesforce import bulk_ingest, writer
from connectors.salesforce.fields import WRITTEN
from scoring.facts import Removed
from tests.connectors.conftest import SERVER_TIME
from tests.connectors.salesforce_rig import SalesforceRig
from tests.connectors.salesforce_rig import rig as running_rig

BOTH_WAYS = pytest.mark.parametrize("bulk_above", [0, 2000], ids=["bulk", "rest"])


@pytest.fixture
def sf(sf: SalesforceRig) -> SalesforceRig:
    sf.connector().provision(dry_run=False)
    sf.journal.clear()
    return sf


def changes(ids: list[str], **values: Any) -> list[Change]:
    return [Change("lead", record_id, values or {"rating": "A1"}, tag=n) for n, record_id in enumerate(ids)]


def push(sf: SalesforceRig, sent: list[Change], **settings: Any) -> dict[str, Outcome]:
    outcomes = list(sf.connector(**settings).push(sent))
    assert Counter(one.tag for one in outcomes) == Counter(one.tag for one in sent)
    return {one.record_id: one for one in outcomes}


def statuses(outcomes: dict[str, Outcome]) -> Counter[Status]:
    return Counter(one.status for one in outcomes.values())


def collections_sent(sf: SalesforceRig) -> list[list[dict[str, Any]]]:
    return [orjson.loads(call.body)["records"] for call in sf.journal if call.path.endswith("/composite/sobjects")]


def uploads(sf: SalesforceRig) -> list[bytes]:
    return [call.body for call in sf.journal if call.path.endswith("/batches")]


def test_38_an_object_that_bulk_does_not_take_is_written_by_collections(sf: SalesforceRig) -> None:
    ids = [sf.person(n) for n in range(3)]
    sf.org.not_in_bulk.add("Lead")
    assert statuses(push(sf, changes(ids), bulk_above=0)) == {Status.ACCEPTED: 3}
    assert [len(records) for records in collections_sent(sf)] == [3]


@BOTH_WAYS
def test_64_set_clear_and_leave_reach_the_record(sf: SalesforceRig, bulk_above: int) -> None:
    ids = [sf.person(n) for n in range(3)]
    push(sf, changes(ids, rating="A1", fit_score=7, trend="rising", valid_until="2026-07-01"), bulk_above=bulk_above)
    mixed = [
        Change("lead", ids[0], {"trend": "cooling"}),
        Change("lead", ids[1], {"rating": CLEAR, "valid_until": CLEAR, "fit_score": CLEAR}, tag=1),
        Change("lead", ids[2], {"rating": "", "fit_score": 0}, tag=2),
    ]
    assert statuses(push(sf, mixed, bulk_above=bulk_above)) == {Status.ACCEPTED: 3}
    table = [
        [sf.stored(record_id, name) for name in ("rating", "fit_score", "trend", "valid_until")] for record_id in ids
    ]
    assert table == [
        ["A1", "7", "cooling", "2026-07-01"],
        [None, None, "rising", None],
        [None, "0", "rising", "2026-07-01"],
    ]


def test_bulk_clears_by_its_own_word_and_leaves_by_an_empty_cell(sf: SalesforceRig) -> None:
    ids = [sf.person(n) for n in range(2)]
    mixed = [Change("lead", ids[0], {"rating": CLEAR}), Change("lead", ids[1], {"trend": "rising"}, tag=1)]
    push(sf, mixed, bulk_above=0)
    [upload] = uploads(sf)
    header, *rows = upload.decode().splitlines()
    assert header == "Id,Leadgrade_Rating__c,Leadgrade_Trend__c"
    assert sorted(rows) == sorted([f"{ids[0]},#N/A,", f"{ids[1]},,rising"])


def test_70_no_write_runs_assignment_rules_not_even_after_a_new_login(sf: SalesforceRig) -> None:
    ids = [sf.person(n) for n in range(5)]
    owners = [sf.org.tables["Lead"][record_id]["OwnerId"] for record_id in ids]
    sf.troubles.set("session_expired", match="/composite/sobjects")
    assert statuses(push(sf, changes(ids))) == {Status.ACCEPTED: 5}
    assert [sf.org.tables["Lead"][record_id]["OwnerId"] for record_id in ids] == owners
    sent = [call.headers["sforce-auto-assign"] for call in sf.journal if "/sobjects" in call.path]
    assert len(sent) >= 3
    assert set(sent) == {"FALSE"}


@BOTH_WAYS
@pytest.mark.parametrize("wrapped", [False, True])
def test_59_60_locked_rows_are_tried_again_alone(sf: SalesforceRig, bulk_above: int, wrapped: bool) -> None:
    ids = [sf.person(n) for n in range(10)]
    sf.troubles.set("row_lock", times=2, ids=ids[:3], wrapped=wrapped)
    outcomes = push(sf, changes(ids), bulk_above=bulk_above)
    assert statuses(outcomes) == {Status.ACCEPTED: 10}
    last = collections_sent(sf)[-1]
    assert {record["id"] for record in last} == set(ids[:3])


def test_rows_that_stay_locked_are_left_to_the_next_run(sf: SalesforceRig) -> None:
    ids = [sf.person(n) for n in range(4)]
    sf.troubles.set("row_lock", times=None, ids=ids[:1])
    connector = sf.connector()
    outcomes = {one.record_id: one for one in connector.push(changes(ids))}
    assert outcomes[ids[0]].status is Status.SKIPPED
    assert outcomes[ids[0]].code == "UNABLE_TO_LOCK_ROW"
    assert len(collections_sent(sf)) == 1 + len(writer.LOCK_WAITS_S)


def test_59_rows_of_one_account_travel_together(sf: SalesforceRig) -> None:
    ids = [sf.person(n) for n in range(30)]
    sent = [Change("lead", each, {"rating": "A1"}, f"account {n % 3}", tag=n) for n, each in enumerate(ids)]
    push(sf, sent)
    [records] = collections_sent(sf)
    accounts = [ids.index(record["id"]) % 3 for record in records]
    assert accounts == sorted(accounts)


@BOTH_WAYS
def test_68_converted_deleted_merged_and_unknown_records_say_where_the_person_lives(
    sf: SalesforceRig, bulk_above: int
) -> None:
    ids = [sf.person(n) for n in range(6)]
    contact = sf.org.convert(ids[0])
    sf.delete(ids[1])
    sf.merge(ids[2], ids[3])
    sf.org.purge("Lead", ids[4])
    outcomes = push(sf, changes(ids), bulk_above=bulk_above)
    gone = {n: (outcomes[ids[n]].status, outcomes[ids[n]].gone, outcomes[ids[n]].successor_id) for n in (0, 1, 3, 4)}
    assert gone == {
        0: (Status.REJECTED, Removed.CONVERTED, contact),
        1: (Status.REJECTED, Removed.DELETED, None),
        3: (Status.REJECTED, Removed.MERGED, ids[2]),
        4: (Status.REJECTED, None, None),
    }
    assert {n for n in range(6) if outcomes[ids[n]].status is Status.ACCEPTED} == {2, 5}


@BOTH_WAYS
def test_62_67_a_validation_rule_refuses_its_row_alone_with_its_own_words(sf: SalesforceRig, bulk_above: int) -> None:
    ids = [sf.person(n) for n in range(20)]
    sf.refuse(ids[4])
    sf.org.duplicate_ids.add(ids[5])
    outcomes = push(sf, changes(ids), bulk_above=bulk_above)
    assert statuses(outcomes) == {Status.ACCEPTED: 18, Status.REJECTED: 2}
    assert outcomes[ids[4]].message == "Leads of this territory are frozen."
    assert outcomes[ids[5]].code == "DUPLICATES_DETECTED"


def test_63_values_that_do_not_fit_are_refused_before_they_are_sent_and_never_cut(sf: SalesforceRig) -> None:
    leads = [sf.person(n) for n in range(4)]
    bad: list[dict[str, Any]] = [
        {"reasons": "x" * 256}, {"fit_score": "many"}, {"valid_until": "soon"}, {"rating": "A" * 21},
    ]  # fmt: skip
    outcomes = list(sf.connector().push([Change("lead", leads[n], values, tag=n) for n, values in enumerate(bad)]))
    assert [(one.tag, one.field, one.status) for one in outcomes] == [
        (0, "reasons", Status.REJECTED), (1, "fit_score", Status.REJECTED),
        (2, "valid_until", Status.REJECTED), (3, "rating", Status.REJECTED),
    ]  # fmt: skip
    assert collections_sent(sf) == []


@BOTH_WAYS
def test_66_80_a_record_that_stands_twice_is_our_error_before_anything_is_sent(
    sf: SalesforceRig, bulk_above: int
) -> None:
    lead = sf.person(1)
    twice = [Change("lead", lead, {"rating": "A1"}), Change("lead", lead[:15], {"rating": "B2"}, tag=1)]
    with pytest.raises(ConnectorBug, match="stand twice"):
        list(sf.connector(bulk_above=bulk_above).push(twice))
    assert (collections_sent(sf), uploads(sf)) == ([], [])


def test_nothing_to_write_is_skipped_and_counted(sf: SalesforceRig) -> None:
    [outcome] = sf.connector().push([Change("lead", sf.person(1), {})])
    assert outcome.status is Status.SKIPPED


@pytest.mark.parametrize("trouble", ["apex_limits", "batch_too_slow"])
def test_61_batches_shrink_for_the_run_when_the_orgs_own_code_gives_up(sf: SalesforceRig, trouble: str) -> None:
    ids = [sf.person(n) for n in range(250)]
    sf.troubles.set(trouble, times=None, over=30)
    assert statuses(push(sf, changes(ids))) == {Status.ACCEPTED: 250}
    sizes = [len(records) for records in collections_sent(sf)]
    assert sizes[:4] == [200, 100, 50, 25]
    assert max(sizes[4:]) == 25


def test_a_row_that_no_batch_is_small_enough_for_is_left_to_the_next_run(sf: SalesforceRig) -> None:
    ids = [sf.person(n) for n in range(3)]
    sf.troubles.set("batch_too_slow", times=None)
    assert statuses(push(sf, changes(ids))) == {Status.SKIPPED: 3}


def test_a_row_that_the_answer_forgets_is_unknown(sf: SalesforceRig) -> None:
    ids = [sf.person(n) for n in range(3)]
    sf.troubles.set("row_missing")
    outcomes = push(sf, changes(ids))
    assert outcomes[max(ids)].status is Status.UNKNOWN
    assert statuses(outcomes) == {Status.ACCEPTED: 2, Status.UNKNOWN: 1}


def test_43_rows_that_a_job_left_unprocessed_are_sent_again_and_only_they(sf: SalesforceRig) -> None:
    ids = [sf.person(n) for n in range(20)]
    sf.troubles.set("job_failed", done=5)
    assert statuses(push(sf, changes(ids), bulk_above=0)) == {Status.ACCEPTED: 20}
    first, second = (upload.decode().splitlines()[1:] for upload in uploads(sf))
    assert (len(first), len(second)) == (20, 15)
    assert set(second) < set(first)


def test_rows_that_every_job_leaves_are_left_to_the_next_run(sf: SalesforceRig) -> None:
    ids = [sf.person(n) for n in range(4)]
    sf.troubles.set("job_failed", times=None)
    outcomes = push(sf, changes(ids), bulk_above=0)
    assert statuses(outcomes) == {Status.SKIPPED: 4}
    assert len(uploads(sf)) == writer.INGEST_ROUNDS


def test_78_rows_of_a_job_whose_results_are_no_longer_kept_are_unknown(sf: SalesforceRig) -> None:
    ids = [sf.person(n) for n in range(3)]
    sf.troubles.set("results_expired", match="/jobs/ingest")
    outcomes = push(sf, changes(ids), bulk_above=0)
    assert {(one.status, one.code) for one in outcomes.values()} == {(Status.UNKNOWN, "JOB_GONE")}
    assert [sf.stored(record_id, "rating") for record_id in ids] == ["A1"] * 3, "which the next run sees"


def test_78_the_jobs_id_is_told_before_the_upload_and_a_failed_upload_leaves_no_open_job(sf: SalesforceRig) -> None:
    lead = sf.person(1)
    told: list[tuple[str, int]] = []
    connector = sf.connector(bulk_above=0)
    sf.troubles.set("daily_limit", match="/batches")
    with pytest.raises(LimitReached):
        list(connector.push(changes([lead]), lambda job, rows: told.append((job, len(uploads(sf))))))
    [(wish, _), (job, uploaded)] = told
    assert wish.startswith(bulk_ingest.WISH)
    assert uploaded == 0
    assert sf.org.jobs[job].state == "Aborted"


def test_37_a_session_that_ends_while_a_job_is_polled_does_not_end_the_job(sf: SalesforceRig) -> None:
    ids = [sf.person(n) for n in range(10)]
    sf.troubles.set("job_slow", polls=12)
    sf.troubles.set("session_expired", match="/jobs/ingest/", skip=6)
    assert statuses(push(sf, changes(ids), bulk_above=0)) == {Status.ACCEPTED: 10}
    assert {job.state for job in sf.org.jobs.values()} == {"JobComplete"}


def test_43_a_job_is_cut_by_bytes(sf: SalesforceRig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk_ingest, "JOB_BYTES", 2000)
    ids = [sf.person(n) for n in range(200)]
    assert statuses(push(sf, changes(ids), bulk_above=0)) == {Status.ACCEPTED: 200}
    assert len(uploads(sf)) > 1
    assert max(map(len, uploads(sf))) <= 2100


def test_leads_and_contacts_are_never_mixed(sf: SalesforceRig) -> None:
    lead = sf.person(1)
    contact = sf.org.insert("Contact", {"LastName": "C"}, created=SERVER_TIME)
    sent = [Change("contact", contact, {"rating": "A1"}), Change("lead", lead, {"rating": "B2"}, tag=1)]
    push(sf, sent)
    assert [len(records) for records in collections_sent(sf)] == [1, 1]
    assert (sf.stored(contact, "rating"), sf.stored(lead, "rating")) == ("A1", "B2")


def test_a_field_that_was_never_made_or_is_read_only_stops_before_anything_is_sent() -> None:
    with running_rig(SERVER_TIME) as sf:
        lead = sf.person(1)
        with pytest.raises(ConfigProblem, match="leadgrade provision"):
            push(sf, changes([lead]))
        sf.connector().provision(dry_run=False)
        sf.org.read_only_fields.add(("Lead", WRITTEN["rating"]))
        with pytest.raises(ConfigProblem, match="may not be edited"):
            push(sf, changes([lead]))
        assert collections_sent(sf) == []
        finding = next(one for one in sf.connector().check() if one.subject == "Lead.Leadgrade_Rating__c")
        assert finding.level == "fail"


# --- provisioning ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("visible", [False, True])
def test_a_field_of_the_same_name_and_another_type_is_refused_before_anything_is_made(visible: bool) -> None:
    with running_rig(SERVER_TIME) as sf:
        if visible:
            sf.org.define("Contact", WRITTEN["fit_score"], "string")
        else:
            sf.org.add_custom_field(
                "Contact", _text_field(WRITTEN["fit_score"]), {"type": "Text", "length": 5}, by=sf.org.admin_id
            )
        with pytest.raises(ConfigProblem, match=r"Contact\.Leadgrade_Fit_Score__c exists already"):
            sf.connector().provision(dry_run=False)
        assert sf.journal.writes() == []


def _text_field(name: str) -> Any:
    from sandbox.salesforce.schema import Field

    return Field(name, "string", 5, custom=True)


def test_provisioning_goes_on_where_it_was_interrupted(sf: SalesforceRig) -> None:
    sf.org.tables["FieldPermissions"].drop(next(iter(sf.org.tables["FieldPermissions"].values()))["Id"])
    granted = next(iter(sf.org.tables["FieldPermissions"].values()))["Id"]
    sf.org.update("FieldPermissions", granted, {"PermissionsEdit": False})
    steps = [step.what for step in sf.connector().provision(dry_run=False) if step.status == "created"]
    assert len(steps) == 2
    assert all(step.startswith("permission to edit") for step in steps)
    assert [one for one in sf.connector().check() if one.level == "fail"] == []


def test_provisioning_needs_the_right_to_customise() -> None:
    with running_rig(SERVER_TIME) as sf:
        sf.org.update("UserPermissionAccess", sf.org.rights_id, {"PermissionsCustomizeApplication": False})
        with pytest.raises(AuthStop):
            sf.connector().provision(dry_run=False)


@BOTH_WAYS
def test_63_a_text_is_measured_as_salesforce_does_and_refuses_its_row_alone(sf: SalesforceRig, bulk_above: int) -> None:
    ids = [sf.person(n) for n in range(2)]
    sent = [
        Change("lead", ids[0], {"rating": "🦊" * 10}),
        Change("lead", ids[1], {"rating": "🦊" * 10 + "x"}, tag=1),
    ]
    outcomes = push(sf, sent, bulk_above=bulk_above)
    assert [outcomes[record_id].status for record_id in ids] == [Status.ACCEPTED, Status.REJECTED]
    assert (outcomes[ids[1]].code, outcomes[ids[1]].field) == ("STRING_TOO_LONG", "rating")
    assert sf.stored(ids[0], "rating") == "🦊" * 10
