"""Tasks and events of several people: each of them gets the activity, and loses it when taken off."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sandbox.salesforce.schema import Field
from scoring.facts import Table
from tests.connectors.facts_of import Facts

if TYPE_CHECKING:
    from tests.connectors.salesforce_rig import SalesforceRig

TASKS, EVENTS = "activities.tasks", "activities.events"
BOTH_WAYS = pytest.mark.parametrize("bulk_above", [0, 2000], ids=["bulk", "rest"])


@pytest.fixture
def sf(sf: SalesforceRig) -> SalesforceRig:
    sf.org.enable_shared_activities()
    return sf


def contacts(sf: SalesforceRig, count: int) -> list[str]:
    return [sf.org.insert("Contact", {"LastName": str(n)}, created=sf.clock.now()) for n in range(count)]


def call(sf: SalesforceRig, primary: str, *more: str) -> str:
    values = {"WhoId": primary, "Subject": "call", "Status": "Completed", "TaskSubtype": "Call"}
    task = sf.org.insert("Task", values, created=sf.clock.now())
    for person in more:
        relate(sf, task, person)
    return task


def relate(sf: SalesforceRig, task: str, person: str) -> str:
    return sf.org.insert("TaskRelation", {"TaskId": task, "RelationId": person}, created=sf.clock.now())


def callers(facts: Facts) -> dict[str, str]:
    return {row["activity_id"]: row["record_id"] for row in facts.tables[Table.ACTIVITIES].values()}


@BOTH_WAYS
def test_every_person_of_a_task_gets_the_call_and_accounts_and_users_get_none(
    sf: SalesforceRig, bulk_above: int
) -> None:
    first, second, third = contacts(sf, 3)
    task = call(sf, first, second, third, second)
    alone = call(sf, third)
    account = sf.org.insert("Account", {"Name": "a"}, created=sf.clock.now())
    relate(sf, task, account)
    facts = Facts().pull(sf.connector(bulk_above=bulk_above), [TASKS])
    assert callers(facts) == {task: first, f"{task}/{second}": second, f"{task}/{third}": third, alone: third}
    rows = facts.tables[Table.ACTIVITIES].values()
    assert {row["source_id"] for row in rows} == {task, alone}
    assert {row["type"] for row in rows} == {"call"}


def test_somebody_added_later_brings_the_task_again_though_it_did_not_change(sf: SalesforceRig) -> None:
    first, second = contacts(sf, 2)
    task = call(sf, first)
    sf.settle()
    facts = Facts().pull(sf.connector(), [TASKS])
    sf.settle()
    relate(sf, task, second)
    sf.settle()
    assert callers(facts.pull(sf.connector(), [TASKS])) == {task: first, f"{task}/{second}": second}
    sf.settle()
    rows = facts.rows_in
    assert facts.pull(sf.connector(), [TASKS]).rows_in == rows


def test_another_primary_person_is_not_counted_twice(sf: SalesforceRig) -> None:
    first, second = contacts(sf, 2)
    task = call(sf, first, second)
    sf.org.update("Task", task, {"WhoId": second})
    assert callers(Facts().pull(sf.connector(), [TASKS])) == {task: second}


def test_a_deleted_task_is_taken_back_from_everybody_by_its_own_id(sf: SalesforceRig) -> None:
    first, second = contacts(sf, 2)
    task = call(sf, first, second)
    sf.org.delete("Task", task)
    facts = Facts().pull(sf.connector(), [TASKS, "removals"])
    assert callers(facts) == {}
    assert ("salesforce", "activity", task) in facts.tables[Table.REMOVALS]


def test_meetings_belong_to_all_who_did_not_decline(sf: SalesforceRig) -> None:
    for name in ("EventRelation", "EventWhoRelation"):
        sf.org.schema[name].add(Field("Status", "picklist", 40))
    first, coming, declined = contacts(sf, 3)
    event = sf.org.insert("Event", {"WhoId": first, "StartDateTime": sf.clock.now()}, created=sf.clock.now())
    for person, status in ((coming, "Accepted"), (declined, "Declined")):
        values = {"EventId": event, "RelationId": person, "Status": status}
        sf.org.insert("EventRelation", values, created=sf.clock.now())
    assert callers(Facts().pull(sf.connector(), [EVENTS])) == {
        f"{event}/booked": first, event: first, f"{event}/{coming}/booked": coming, f"{event}/{coming}": coming,
    }  # fmt: skip


def test_only_tasks_that_count_several_people_cost_a_look_at_their_relations(sf: SalesforceRig) -> None:
    sf.org.schema["Task"].add(Field("WhoCount", "int", updateable=False))
    people = contacts(sf, 200)
    for person in people:
        sf.org.update("Task", call(sf, person), {"WhoCount": 1})
    shared = call(sf, people[0], people[1])
    sf.org.update("Task", shared, {"WhoCount": 2})
    sf.settle()
    sf.journal.clear()
    facts = Facts().pull(sf.connector(), [TASKS])
    assert len(callers(facts)) == 202
    looks = [each for each in sf.journal if "FROM+TaskRelation+WHERE+TaskId" in each.query]
    assert len(looks) == 1
