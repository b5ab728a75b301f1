"""Rows that are gone for good: hard-deleted, or thrown out of the recycle bin. Queries never show them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from sandbox.salesforce import sobjects
from scoring.facts import Removed, Table
from tests.connectors.facts_of import Facts

if TYPE_CHECKING:
    from tests.connectors.salesforce_rig import SalesforceRig

HOUR = 3600.0
DAY = 24 * HOUR


def asked(sf: SalesforceRig, sobject: str = "Lead") -> int:
    name = f"/{sobject}/deleted/"
    return sum(call.path.endswith(name) + call.body.decode().count(name) for call in sf.journal)


def told(facts: Facts) -> dict[str, str]:
    return {row["record_id"]: row["removed"] for row in facts.tables[Table.REMOVALS].values()}


@pytest.fixture
def people(sf: SalesforceRig) -> list[str]:
    ids = [sf.person(number) for number in range(6)]
    sf.settle()
    return ids


def test_a_hard_deleted_person_is_erased_and_a_deleted_one_only_deleted(sf: SalesforceRig, people: list[str]) -> None:
    facts = Facts().pull(sf.connector())
    sf.org.purge("Lead", people[0])
    sf.delete(people[1])
    sf.settle()
    facts.pull(sf.connector())
    assert told(facts) == {people[0]: Removed.ERASED, people[1]: Removed.DELETED}
    assert facts.column("email") == sf.live()
    rows = facts.rows_in
    sf.settle()
    facts.pull(sf.connector())
    assert facts.rows_in == rows  # told once


def test_a_hard_delete_by_bulk_is_one(sf: SalesforceRig, people: list[str]) -> None:
    facts = Facts().pull(sf.connector())
    client = sf.connector()._client
    job = client.call("POST", "/jobs/ingest", json={"object": "Lead", "operation": "hardDelete", "lineEnding": "LF"})
    upload = sf.org.jobs[job["id"]]
    upload.upload = f"Id\n{people[2]}\n".encode()
    client.call("PATCH", f"/jobs/ingest/{job['id']}", json={"state": "UploadComplete"})
    sf.settle()
    facts.pull(sf.connector())
    assert told(facts) == {people[2]: Removed.ERASED}


def test_what_is_thrown_out_of_the_bin_later_is_found_within_a_day(sf: SalesforceRig, people: list[str]) -> None:
    facts = Facts().pull(sf.connector())
    sf.delete(people[0])
    sf.settle()
    facts.pull(sf.connector())
    assert told(facts) == {people[0]: Removed.DELETED}
    sf.clock.advance(3 * DAY)
    facts.pull(sf.connector())
    sf.org.purge("Lead", people[0])
    sf.clock.advance(2 * HOUR)
    facts.pull(sf.connector())
    assert told(facts) == {people[0]: Removed.DELETED}
    sf.clock.advance(DAY)
    facts.pull(sf.connector())
    assert told(facts) == {people[0]: Removed.ERASED}


def test_the_log_is_asked_hourly_at_most_and_never_beyond_what_is_kept(sf: SalesforceRig, people: list[str]) -> None:
    facts = Facts().pull(sf.connector())
    assert asked(sf) == 1
    sf.clock.advance(600)
    facts.pull(sf.connector())
    assert asked(sf) == 1
    sf.clock.advance(HOUR)
    facts.pull(sf.connector())
    assert asked(sf) == 2
    sf.org.purge("Lead", people[0])
    sf.clock.advance(40 * DAY)  # nobody ran it for longer than Salesforce remembers
    sf.org.purge("Lead", people[1])
    sf.settle()
    facts.pull(sf.connector())
    assert told(facts) == {people[1]: Removed.ERASED}


def test_other_objects_are_gone_too(sf: SalesforceRig, people: list[str]) -> None:
    sf.log_activity(people[0], 1)
    [task] = sf.org.tables["Task"]
    account = sf.org.insert("Account", {"Name": "Acme"}, created=sf.clock.now())
    sf.settle()
    facts = Facts().pull(sf.connector())
    assert facts.tables[Table.ACTIVITIES]
    sf.org.purge("Task", task)
    sf.org.purge("Account", account)
    sf.settle()
    facts.pull(sf.connector())
    assert not facts.tables[Table.ACTIVITIES]
    assert told(facts) == {task: Removed.DELETED, account: Removed.DELETED}


def test_a_span_with_too_many_entries_is_halved(
    sf: SalesforceRig, people: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = Facts().pull(sf.connector())
    for record_id in people[:4]:
        sf.org.purge("Lead", record_id)
        sf.clock.advance(2 * HOUR)
    monkeypatch.setattr(sobjects, "MOST_IDS", 2)
    facts.pull(sf.connector())
    assert told(facts) == dict.fromkeys(people[:4], Removed.ERASED)


def test_a_log_that_was_cut_short_gives_what_is_left_of_it(sf: SalesforceRig, people: list[str]) -> None:
    facts = Facts().pull(sf.connector())
    sf.org.purge("Lead", people[0])
    sf.clock.advance(5 * DAY)
    sf.org.delete_log_from = sf.clock.now() - timedelta(days=1)
    sf.org.purge("Lead", people[1])
    sf.settle()
    facts.pull(sf.connector())
    assert told(facts) == {people[1]: Removed.ERASED}


def test_how_far_the_answer_can_be_trusted_is_heeded(sf: SalesforceRig, people: list[str]) -> None:
    """A deletion that was not committed yet is found by the next look, which begins where the last could be trusted."""
    facts = Facts().pull(sf.connector())
    sf.clock.advance(2 * HOUR)
    sf.org.purge("Lead", people[0])
    sf.clock.advance(HOUR)
    sf.troubles.set("log_behind", match="/Lead/deleted", seconds=1.5 * HOUR)
    facts.pull(sf.connector())
    assert told(facts) == {}
    facts.pull(sf.connector())
    assert told(facts) == {people[0]: Removed.ERASED}
