"""What every connector does when it looks and reads; see `rig.py` for the words."""

from __future__ import annotations

import copy
import logging
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import structlog

from config.attributes import BUILT_IN
from scoring.facts import ATTRIBUTE_PREFIX, BASIC_FIELDS, OBSERVED_PREFIX, OUTPUT_BY_NAME, Removed, Table
from tests.connectors.facts_of import Facts

if TYPE_CHECKING:
    from tests.connectors.rig import Rig


def people(rig: Rig, count: int, **attributes: str) -> list[str]:
    return [rig.person(number, job_title=f"Role {number}", **attributes) for number in range(count)]


def test_identify_names_the_account_and_touches_nothing(rig: Rig) -> None:
    identity = rig.connector().identify()
    assert (identity.crm, identity.account_id) == (rig.crm, rig.account_id)
    assert abs(identity.server_time - rig.clock.now()) < timedelta(seconds=2)
    assert rig.journal.writes() == []


def test_check_names_what_provision_then_creates(rig: Rig) -> None:
    connector = rig.connector()
    failed = [finding for finding in connector.check() if finding.level == "fail"]
    assert failed
    assert all(finding.remedy for finding in failed)
    assert any("provision" in finding.remedy for finding in failed)
    connector.provision(dry_run=False)
    assert [finding for finding in rig.connector().check() if finding.level == "fail"] == []


def test_a_field_that_the_model_asks_for_is_created_and_one_that_it_does_not_ask_for_is_not_missed(rig: Rig) -> None:
    connector = rig.connector()
    asked = [*BASIC_FIELDS, OUTPUT_BY_NAME["data_confidence"]]
    connector.provision(dry_run=False)
    assert [finding for finding in rig.connector().check() if finding.level == "fail"] == []
    (missing, *_) = [finding for finding in rig.connector().check(asked) if finding.level == "fail"]
    assert "confidence" in missing.subject.lower()
    made = [step for step in rig.connector().provision(asked, dry_run=False) if step.status == "created"]
    assert made
    assert all("confidence" in step.what.lower() for step in made)
    assert [finding for finding in rig.connector().check(asked) if finding.level == "fail"] == []


def test_provisioning_dry_run_writes_nothing_and_provisioning_twice_writes_once(rig: Rig) -> None:
    connector = rig.connector()
    planned = connector.provision(dry_run=True)
    assert {step.status for step in planned} <= {"would create", "exists"}
    assert "would create" in {step.status for step in planned}
    assert rig.journal.writes() == []
    made = connector.provision(dry_run=False)
    assert [step.what for step in made] == [step.what for step in planned]
    assert "created" in {step.status for step in made}
    rig.journal.clear()
    again = rig.connector().provision(dry_run=False)
    assert {step.status for step in again} == {"exists"}
    assert rig.journal.writes() == []


def test_streams_have_distinct_names_and_an_unknown_one_is_refused(rig: Rig) -> None:
    connector = rig.connector()
    names = [stream.name for stream in connector.streams()]
    assert len(set(names)) == len(names)
    assert {*rig.record_streams, *rig.activity_streams, *rig.marketing_streams, "removals"} <= set(names)
    with pytest.raises(Exception, match="no stream nonsense"):
        list(connector.pull("nonsense", None))


def test_a_full_pull_equals_the_crm(rig: Rig) -> None:
    ids = people(rig, 450, first_name="Ünal", last_name='O\'Neil "x", 山田')
    rig.edit(ids[3], job_title="")
    rig.settle()
    facts = Facts().pull(rig.connector())
    assert facts.column("email") == rig.live()
    titles = facts.column(ATTRIBUTE_PREFIX + "job_title")
    assert titles == {record_id: None if n == 3 else f"Role {n}" for n, record_id in enumerate(ids)}
    row = facts.records()[ids[0]]
    assert (row["crm"], row["kind"]) == (rig.crm, rig.kind)
    assert row[ATTRIBUTE_PREFIX + "last_name"] == 'O\'Neil "x", 山田'
    assert row["created_at"].isoformat() == "2026-06-15T12:00:00"
    assert row[OBSERVED_PREFIX + "rating"] is None


def test_an_empty_crm_gives_cursors_to_go_on_from(rig: Rig) -> None:
    facts = Facts().pull(rig.connector())
    assert facts.records() == {}
    rig.person(1)
    rig.settle()
    assert set(facts.pull(rig.connector()).column("email").values()) == {"person1@example.com"}


def test_an_incremental_pull_sees_the_edits_and_only_them(rig: Rig) -> None:
    ids = people(rig, 30)
    rig.settle()
    facts = Facts().pull(rig.connector())
    rig.settle()
    before = facts.rows_in
    assert facts.pull(rig.connector()).rows_in == before
    rig.edit(ids[7], job_title="Chief")
    new = rig.person(99)
    rig.settle()
    facts.pull(rig.connector())
    assert facts.rows_in == before + 2
    assert facts.column(ATTRIBUTE_PREFIX + "job_title")[ids[7]] == "Chief"
    assert facts.column("email")[new] == "person99@example.com"


def test_edits_made_while_a_pull_runs_come_with_the_next(rig: Rig) -> None:
    ids = people(rig, 450)
    rig.settle()
    facts = Facts()
    for number, batch in enumerate(rig.connector().pull(rig.record_streams[0], None)):
        facts.store(rig.record_streams[0], batch)
        rig.edit(ids[number], job_title="Changed meanwhile")
    rig.settle()
    facts.pull(rig.connector(), rig.record_streams)
    changed = [title for title in facts.column(ATTRIBUTE_PREFIX + "job_title").values() if title == "Changed meanwhile"]
    assert len(changed) == number + 1


@pytest.mark.parametrize("first", [True, False])
def test_a_pull_can_be_resumed_from_every_batchs_cursor(rig: Rig, first: bool) -> None:
    ids = people(rig, 450)
    rig.settle()
    start = Facts()
    if not first:
        start.pull(rig.connector(), rig.record_streams)
        for record_id in ids:
            rig.edit(record_id, job_title="Edited")
        rig.settle()
    [stream] = rig.record_streams[:1]
    whole = list(rig.connector().pull(stream, start.cursors.get(stream)))
    for stop in range(1, len(whole) + 1):
        facts = Facts()
        for batch in whole[:stop]:
            facts.store(stream, batch)
        facts.pull(rig.connector(), [stream])
        assert facts.column("email") == rig.live(), stop


def test_pulling_again_changes_no_key(rig: Rig) -> None:
    ids = people(rig, 20)
    for number, record_id in enumerate(ids):
        rig.log_activity(record_id, number)
    rig.settle()
    once, again = Facts().pull(rig.connector()), Facts().pull(rig.connector())
    assert once.comparable() == again.comparable()


def test_21_a_long_pause_loses_nothing_and_costs_no_full_read(rig: Rig) -> None:
    """Nothing relies on feeds that keep only the last days."""
    ids = people(rig, 4)
    rig.settle()
    facts = Facts().pull(rig.connector())
    for number, record_id in enumerate(ids):
        rig.clock.advance(10 * 86_400)
        rig.log_activity(record_id, number)
        rig.engage(record_id)
    rig.edit(ids[0], job_title="Edited")
    rig.delete(ids[3])
    rig.settle()
    whole = Facts().pull(rig.connector())
    facts.pull(rig.connector())
    for table in (Table.ACTIVITIES, Table.REMOVALS):
        assert facts.comparable()[table] == whole.comparable()[table], table
    assert facts.records().keys() == whole.records().keys()


def test_activities_come_with_their_person_and_time(rig: Rig) -> None:
    ids = people(rig, 3)
    rig.log_activity(ids[0], 1)
    rig.log_activity(ids[0], 2)
    rig.log_activity(ids[2], 3)
    at = rig.clock.now().replace(tzinfo=None)
    rig.settle()
    facts = Facts().pull(rig.connector())
    calls = [row for row in facts.tables[Table.ACTIVITIES].values() if row["type"] == "call"]
    assert sorted((row["record_id"], row["asset"]) for row in calls) == sorted([
        (ids[0], "call 1"), (ids[0], "call 2"), (ids[2], "call 3"),
    ])  # fmt: skip
    assert all(abs(row["occurred_at"] - at) < timedelta(days=1) for row in calls)
    assert all(row["count"] == 1 for row in calls)
    rig.log_activity(ids[1], 4)
    rig.settle()
    before = len(facts.tables[Table.ACTIVITIES])
    facts.pull(rig.connector())
    assert len(facts.tables[Table.ACTIVITIES]) == before + 1


def test_clicks_in_marketing_mails_find_their_person(rig: Rig) -> None:
    """By the record, or by the address where that is all that the CRM tells."""
    ids = people(rig, 3)
    for record_id in (ids[0], ids[0], ids[2]):
        rig.engage(record_id)
        rig.clock.advance(1)
    rig.settle()
    facts = Facts().pull(rig.connector(), rig.marketing_streams)
    rows = facts.tables[Table.ACTIVITIES].values()
    assert {row["type"] for row in rows} == {"email_click"}
    owners = sorted(row["record_id"] or row["email"] for row in rows)
    assert owners in ([ids[0], ids[0], ids[2]], ["person0@example.com"] * 2 + ["person2@example.com"])
    rig.engage(ids[1])
    rig.settle()
    assert len(facts.pull(rig.connector(), rig.marketing_streams).tables[Table.ACTIVITIES]) == 4


def test_a_deletion_is_told_once(rig: Rig) -> None:
    ids = people(rig, 5)
    rig.settle()
    facts = Facts().pull(rig.connector())
    rig.delete(ids[2])
    rig.settle()
    facts.pull(rig.connector())
    [gone] = facts.tables[Table.REMOVALS].values()
    assert (gone["record_id"], gone["kind"], gone["removed"]) == (ids[2], rig.kind, Removed.DELETED)
    assert facts.column("email") == rig.live()
    rig.settle()
    before = facts.rows_in
    facts.pull(rig.connector())
    assert facts.rows_in == before


def test_a_merge_names_the_survivor(rig: Rig) -> None:
    ids = people(rig, 5)
    rig.settle()
    facts = Facts().pull(rig.connector())
    survivor = rig.merge(ids[1], ids[3])
    rig.settle()
    facts.pull(rig.connector())
    removals = {row["record_id"]: row for row in facts.tables[Table.REMOVALS].values()}
    assert removals[ids[3]]["removed"] == Removed.MERGED
    assert removals[ids[3]]["successor_id"] == survivor
    assert facts.column("email").keys() == rig.live().keys()


def test_a_token_may_expire_at_any_call(rig: Rig) -> None:
    people(rig, 250)
    rig.settle()
    rig.journal.clear()
    undisturbed = Facts().pull(rig.connector())
    calls = len(rig.journal)
    for at in range(calls):
        rig.troubles.clear()
        rig.expire_token(after_calls=at)
        assert Facts().pull(rig.connector()).comparable() == undisturbed.comparable(), at
        # The last places lie behind the last call, since logins do not count.
        assert at >= calls - 2 or "expire_token" not in rig.troubles.names(), at


def test_limits_and_lost_connections_delay_a_pull_but_lose_nothing(rig: Rig) -> None:
    people(rig, 250)
    rig.settle()
    undisturbed = Facts().pull(rig.connector())
    rig.limit(3)
    rig.cut("before", writes=False)
    connector = rig.connector()
    facts = Facts().pull(connector)
    assert facts.comparable() == undisturbed.comparable()
    usage = connector.usage()
    assert usage.retries >= 4
    assert usage.waited_s > 0


def test_no_log_line_holds_an_address_a_name_or_a_token(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    ids = people(rig, 3, first_name="Canaryname")
    rig.settle()
    rig.limit(1)
    rig.expire_token(after_calls=3)
    caplog.set_level(logging.DEBUG)
    with structlog.testing.capture_logs() as logs:
        connector = rig.connector()
        Facts().pull(connector)
        connector.provision(dry_run=False)
        list(connector.push([rig.bad_change(ids[0])]))
    text = repr(logs) + caplog.text
    assert logs
    assert "person1@example.com" not in text
    assert "Canaryname" not in text
    for call in rig.journal:
        token = call.headers.get("authorization", "none sent").removeprefix("Bearer ")
        assert token not in text


def test_types_and_order_of_columns_follow_the_mapping(rig: Rig) -> None:
    people(rig, 1)
    rig.settle()
    [batch] = [
        batch
        for batch in rig.connector().pull(rig.record_streams[0], None)
        if batch.table is Table.RECORDS and batch.rows.num_rows
    ]
    found = [name for name in batch.rows.schema.names if name.startswith(ATTRIBUTE_PREFIX)]
    assert found == [ATTRIBUTE_PREFIX + name for name in BUILT_IN]


def test_a_conversion_names_the_record_the_person_lives_on_in(rig: Rig) -> None:
    ids = people(rig, 3)
    rig.settle()
    facts = Facts().pull(rig.connector())
    successor = rig.convert(ids[1])
    if successor is None:
        pytest.skip(f"{rig.crm} converts nobody")
    rig.settle()
    facts.pull(rig.connector())
    [gone] = facts.tables[Table.REMOVALS].values()
    assert (gone["record_id"], gone["removed"]) == (ids[1], Removed.CONVERTED)
    assert gone["successor_id"] == successor
    assert facts.column("email")[successor] == "person1@example.com"
    assert facts.records().keys() == {ids[0], ids[2], successor}


@pytest.mark.parametrize("first", [True, False])
def test_every_stream_can_be_resumed_from_every_batchs_cursor(rig: Rig, first: bool) -> None:
    ids = people(rig, 6)
    start = Facts()
    if not first:
        rig.settle()
        start.pull(rig.connector())
    for number, record_id in enumerate(ids):
        rig.log_activity(record_id, number)
        rig.engage(record_id)
    rig.edit(ids[0], job_title="Edited")
    rig.merge(ids[1], ids[2])
    rig.delete(ids[3])
    rig.settle()
    for stream in [stream.name for stream in rig.connector().streams()]:
        batches = list(rig.connector().pull(stream, start.cursors.get(stream)))
        whole = copy.deepcopy(start)
        for batch in batches:
            whole.store(stream, batch)
        for stop in range(1, len(batches) + 1):
            facts = copy.deepcopy(start)
            for batch in batches[:stop]:
                facts.store(stream, batch)
            facts.pull(rig.connector(), [stream])
            assert facts.comparable() == whole.comparable(), (stream, stop)
