"""What HubSpot takes back: engagements called off, reopened, unlinked or deleted; contacts restored; versions ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import structlog

from connectors.base import Change, Status
from connectors.errors import AuthStop
from connectors.hubspot.client import Client
from scoring.facts import Removed, Table
from tests.connectors.facts_of import Facts

if TYPE_CHECKING:
    from tests.connectors.hubspot_rig import HubSpotRig


def told(facts: Facts) -> list[tuple[str, str]]:
    return sorted((row["record_id"], row["type"]) for row in facts.tables[Table.ACTIVITIES].values())


def engagement(hub: HubSpotRig, kind: str, properties: dict[str, str], *people: str) -> str:
    now = hub.clock.now()
    made = hub.portal.create(kind, {"hs_timestamp": now.isoformat(), **properties}, created=now)
    for person in people:
        hub.portal.associate(kind, made, "contacts", person)
    hub.settle()
    return made


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [
        ("meetings", {"hs_meeting_outcome": "COMPLETED"}, {"hs_meeting_outcome": "CANCELED"}),
        ("tasks", {"hs_task_status": "COMPLETED"}, {"hs_task_status": "NOT_STARTED"}),
        ("calls", {"hs_call_status": "COMPLETED"}, {"hs_call_status": "CANCELED"}),
    ],
)
def test_an_engagement_called_off_or_reopened_counts_no_more(
    hub: HubSpotRig, kind: str, before: dict[str, str], after: dict[str, str]
) -> None:
    person = hub.person(1)
    changing, other = engagement(hub, kind, before, person), engagement(hub, kind, before, person)
    facts = Facts().pull(hub.connector())
    deeds = len(told(facts)) // 2
    assert deeds
    hub.portal.update(kind, changing, after)
    hub.settle()
    facts.pull(hub.connector())
    assert {row["source_id"] for row in facts.tables[Table.ACTIVITIES].values()} == {f"{kind}-{other}"}
    hub.portal.update(kind, changing, before)
    hub.settle()
    assert len(told(facts.pull(hub.connector()))) == 2 * deeds


def test_a_meeting_that_no_longer_took_place_is_still_booked(hub: HubSpotRig) -> None:
    person = hub.person(1)
    meeting = engagement(hub, "meetings", {"hs_meeting_outcome": "COMPLETED"}, person)
    facts = Facts().pull(hub.connector())
    hub.portal.update("meetings", meeting, {"hs_meeting_outcome": "SCHEDULED"})
    hub.settle()
    assert told(facts.pull(hub.connector())) == [(person, "meeting_booked")]


def test_a_call_given_to_another_contact_is_theirs_alone(hub: HubSpotRig) -> None:
    one, two = hub.person(1), hub.person(2)
    call = engagement(hub, "calls", {"hs_call_status": "COMPLETED"}, one)
    facts = Facts().pull(hub.connector())
    assert told(facts) == [(one, "call")]
    hub.portal.associations.drop("calls", call)
    hub.portal.associate("calls", call, "contacts", two)
    hub.portal.update("calls", call, {"hs_call_title": "moved"})
    hub.settle()
    assert told(facts.pull(hub.connector())) == [(two, "call")]


def test_17_a_deleted_engagement_counts_no_more(hub: HubSpotRig) -> None:
    person = hub.person(1)
    calls = [engagement(hub, "calls", {"hs_call_status": "COMPLETED"}, person) for _ in range(2)]
    engagement(hub, "notes", {}, person)
    facts = Facts().pull(hub.connector())
    hub.portal.archive("calls", calls[0])
    hub.settle()
    facts.pull(hub.connector())
    assert told(facts) == [(person, "call"), (person, "custom:note")]
    before = facts.rows_in
    hub.settle()
    assert facts.pull(hub.connector()).rows_in == before, "a deletion is told once"


def test_17_the_bin_is_walked_once_an_hour(hub: HubSpotRig) -> None:
    person = hub.person(1)
    hub.settle()
    facts = Facts().pull(hub.connector())
    hub.delete(person)
    hub.clock.advance(1800)
    hub.journal.clear()
    facts.pull(hub.connector(), ["removals"])
    assert [call.path for call in hub.journal if "archived" in call.query] == []
    assert set(facts.records()) == {person}
    hub.settle()
    assert facts.pull(hub.connector(), ["removals"]).records() == {}


def test_17_engagements_that_may_not_be_read_do_not_keep_deletions_from_being_told(
    hub: HubSpotRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = hub.person(1)
    hub.settle()
    facts = Facts().pull(hub.connector(), ["records", "removals"])
    hub.delete(person)
    hub.settle()
    get = Client.get

    def guarded(client: Client, path: str, label: str = "", **params: object) -> object:
        if path.endswith("/emails"):
            raise AuthStop("sales-email-read is missing.", crm="hubspot")
        return get(client, path, label, **params)

    monkeypatch.setattr(Client, "get", guarded)
    facts.pull(hub.connector(), ["records", "removals"])
    assert facts.records() == {}


def test_17_18_99_contacts_read_again_by_id_are_as_they_are_now(hub: HubSpotRig) -> None:
    """A restored contact, an erased one, one that was merged away, one with another company: no modified time moved."""
    kept, restored, binned, erased, keeper, merged = (hub.person(number) for number in range(6))
    winner, merged_into_binned = hub.person(6), hub.person(7)
    hub.settle()
    hub.delete(restored)
    hub.delete(binned)
    hub.settle()
    facts = Facts().pull(hub.connector())
    assert set(facts.records()) == {kept, erased, keeper, merged, winner, merged_into_binned}
    hub.merge(winner, merged_into_binned)
    hub.delete(winner)
    hub.portal.restore("contacts", restored)
    hub.portal.gdpr_delete(erased)
    hub.merge(keeper, merged)
    hub.settle()
    tombstones = {}
    alive = {}
    ids = [kept, restored, binned, erased, merged, merged_into_binned]
    for batch in hub.connector().revisit(ids):
        for row in batch.rows.to_pylist():
            (alive if batch.table is Table.RECORDS else tombstones)[row["record_id"]] = row
    assert set(alive) == {kept, restored}
    assert {record_id: (row["removed"], row["successor_id"]) for record_id, row in tombstones.items()} == {
        binned: (Removed.DELETED, None),
        erased: (Removed.ERASED, None),
        merged: (Removed.MERGED, keeper),
        merged_into_binned: (Removed.MERGED, winner),
    }
    assert tombstones[binned]["removed_at"] is not None
    assert list(hub.connector().revisit([])) == []


@pytest.mark.parametrize("version", ["2026-03", "2026-09"])
def test_28_dated_versions_of_the_api_give_the_same_facts_and_take_the_same_writes(
    hub: HubSpotRig, version: str
) -> None:
    person = hub.person(1, job_title="CTO")
    deal = hub.portal.create("deals", {"amount": "5"}, created=hub.clock.now())
    hub.portal.associate("deals", deal, "contacts", person)
    engagement(hub, "calls", {"hs_call_status": "COMPLETED"}, person)
    hub.connector().provision(dry_run=False)
    undated = Facts().pull(hub.connector())
    hub.journal.clear()
    connector = hub.connector(api_version=version)
    assert connector.identify().account_id == hub.account_id
    assert [finding for finding in connector.check() if finding.level == "fail"] == []
    assert {step.status for step in connector.provision(dry_run=False)} == {"exists"}
    facts = Facts().pull(connector)
    assert facts.comparable() == undated.comparable()
    [outcome] = connector.push([Change("contact", person, {"rating": "A1"})])
    assert outcome.status is Status.ACCEPTED
    hub.settle()
    assert facts.pull(connector).records()[person]["observed.rating"] == "A1"
    undated_left = {"/" + "/".join(call.path.split("/")[1:4]) for call in hub.journal if version not in call.path}
    assert undated_left == {"/email/public/v1", "/marketing/v3/forms"}, "these have no dated twin"


def test_28_the_end_of_a_version_is_told_once_for_each_resource(hub: HubSpotRig) -> None:
    hub.troubles.set("deprecated", times=None, match="/crm/v3/objects", on="2027-09-30")
    hub.person(1)
    hub.settle()
    with structlog.testing.capture_logs() as logs:
        Facts().pull(hub.connector())
    ends = [line for line in logs if "will end" in line["event"]]
    assert [(line["resource"], line["ends"]) for line in ends] == [("/crm/v3/objects", "2027-09-30")]
