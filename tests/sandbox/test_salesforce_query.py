"""SOQL, its refusals, paging, and what queries hide."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from conftest import NOW

if TYPE_CHECKING:
    from salesforce_kit import Server


def lead(server: Server, name: str, **fields: Any) -> str:
    created = fields.pop("created", NOW)
    return server.org.insert("Lead", {"LastName": name, "Company": "Acme", **fields}, created=created)


def names(server: Server, where: str, **more: Any) -> list[str]:
    answer = server.query(f"SELECT Name FROM Lead WHERE {where} ORDER BY Name", **more)
    assert answer.status_code == 200, answer.text
    return [record["Name"] for record in answer.json()["records"]]


CONDITIONS = {
    "Title = 'cto'": ["Ann"],
    "Title != 'CTO'": ["Bob", "Cyd"],
    "Title = null": ["Cyd"],
    "NumberOfEmployees > 10": ["Bob"],
    "NumberOfEmployees >= 10 AND NumberOfEmployees < 11": ["Ann"],
    "Name IN ('Ann', 'Cyd')": ["Ann", "Cyd"],
    "Name NOT IN ('Ann', 'Cyd')": ["Bob"],
    "Title LIKE 'c_o' OR Title LIKE '%engineer'": ["Ann", "Bob"],
    "NOT (Title = 'CTO' OR Title = null)": ["Bob"],
    "(Title = null AND HasOptedOutOfEmail = true) OR Name = 'Bob'": ["Bob", "Cyd"],
    "CreatedDate = 2026-06-15T12:00:00Z": ["Ann", "Bob", "Cyd"],
    "CreatedDate > 2026-06-15T14:00:00+02:00": [],
    "Owner.Name = 'Ada Admin' AND Name < 'b'": ["Ann"],
    "Website = 'it\\'s'": ["Cyd"],
}


def test_conditions(server: Server) -> None:
    lead(server, "Ann", Title="CTO", NumberOfEmployees=10)
    lead(server, "Bob", Title="Sales engineer", NumberOfEmployees=11)
    lead(server, "Cyd", HasOptedOutOfEmail=True, Website="it's")
    assert {where: names(server, where) for where in CONDITIONS} == CONDITIONS


REFUSED = {
    "SELECT Id FROM Lead WHERE": "MALFORMED_QUERY",
    "SELECT Id, FROM Lead": "MALFORMED_QUERY",
    "SELECT Id FROM Lead WHERE Name = 'a' AND Title = 'b' OR Email = 'c'": "MALFORMED_QUERY",
    "SELECT Id, (SELECT Id FROM Contacts) FROM Account": "MALFORMED_QUERY",
    "SELECT Id FROM Lead WHERE Id IN (SELECT LeadId FROM CampaignMember)": "MALFORMED_QUERY",
    "SELECT Name, COUNT(Id) FROM Lead GROUP BY Name": "MALFORMED_QUERY",
    "SELECT FIELDS(ALL) FROM Lead": "MALFORMED_QUERY",
    "SELECT Id FROM Lead WHERE CreatedDate = LAST_N_DAYS:3": "MALFORMED_QUERY",
    "SELECT Id FROM Lead;": "MALFORMED_QUERY",
    "SELECT Score__c FROM Lead": "INVALID_FIELD",
    "SELECT Id FROM Lead WHERE Account.Name = 'x'": "INVALID_FIELD",
    "SELECT Id, id FROM Lead": "INVALID_FIELD",
    "SELECT Id FROM Lead WHERE CreatedDate > '2026-01-01T00:00:00Z'": "INVALID_FIELD",
    "SELECT Id FROM Lead WHERE Name = 3": "INVALID_FIELD",
    "SELECT Id FROM Lead WHERE Description = 'x'": "INVALID_FIELD",
    "SELECT Id FROM Lead WHERE Id = 'nonsense'": "INVALID_QUERY_FILTER_OPERATOR",
    "SELECT Id FROM Leads": "INVALID_TYPE",
    "SELECT Id FROM TaskRelation": "INVALID_TYPE",
    "SELECT Id FROM Lead OFFSET 2001": "NUMBER_OUTSIDE_VALID_RANGE",
}


def test_refusals_use_the_vendor_codes(server: Server) -> None:
    assert {soql: server.error(soql) for soql in REFUSED} == REFUSED


def test_a_statement_may_have_100000_characters(server: Server) -> None:
    from sandbox.salesforce.errors import ApiError
    from sandbox.salesforce.soql.syntax import parse

    body = "SELECT Id FROM Lead WHERE Name = '{}'"
    assert parse(body.format("x" * (100_000 - len(body) + 2))).sobject == "Lead"
    with pytest.raises(ApiError, match="MALFORMED_QUERY"):
        parse(body.format("x" * 100_000))


def test_parents_polymorphic_owners_and_nulls(server: Server) -> None:
    account = server.org.insert("Account", {"Name": "Acme"}, created=NOW)
    person = server.org.insert("Contact", {"LastName": "Ann", "AccountId": account}, created=NOW)
    server.org.insert("Task", {"WhoId": person, "Subject": "Call"}, created=NOW)
    server.org.insert("Task", {"Subject": "Alone"}, created=NOW)
    answer = server.query("SELECT Subject, Who.Name, Who.Type, Account.Name FROM Task ORDER BY Subject").json()
    alone, call = answer["records"]
    assert (alone["Who"], alone["Account"]) == (None, None)
    assert (call["Who"]["Name"], call["Who"]["Type"], call["Account"]["Name"]) == ("Ann", "Contact", "Acme")
    assert call["attributes"]["type"] == "Task"
    assert (call["Who"]["attributes"]["type"], call["Account"]["attributes"]["type"]) == ("Name", "Account")


def test_order_is_promised_only_by_order_by(server: Server) -> None:
    made = [lead(server, f"{n:03}", Title=None if n % 3 else "x") for n in range(60)]
    unordered = [row["Id"] for row in server.query("SELECT Id FROM Lead").json()["records"]]
    assert sorted(unordered) == made
    assert unordered != made
    ordered = server.query("SELECT Id, Title FROM Lead ORDER BY Title DESC NULLS LAST, Id DESC LIMIT 21").json()
    assert [row["Title"] for row in ordered["records"]] == ["x"] * 20 + [None]
    assert [row["Id"] for row in ordered["records"][:20]] == sorted(made[::3], reverse=True)
    assert server.query("SELECT Id FROM Lead ORDER BY Id LIMIT 2 OFFSET 3").json()["records"][0]["Id"] == made[3]


def test_time_is_compared_by_the_second(server: Server) -> None:
    lead(server, "Ann", created=NOW + timedelta(milliseconds=700))
    assert names(server, "SystemModstamp = 2026-06-15T12:00:00Z") == ["Ann"]
    assert names(server, "SystemModstamp > 2026-06-15T12:00:00.100Z") == []
    assert names(server, "SystemModstamp >= 2026-06-15T12:00:00.900Z") == ["Ann"]
    assert names(server, "SystemModstamp < 2026-06-15T12:00:00.900Z") == []
    stamp = server.query("SELECT SystemModstamp FROM Lead").json()["records"][0]["SystemModstamp"]
    assert stamp == "2026-06-15T12:00:00.700+0000"


def test_page_size_header_and_its_bounds(server: Server) -> None:
    for number in range(450):
        lead(server, str(number))

    def page(size: int) -> int:
        headers = {"Sforce-Query-Options": f"batchSize={size}"}
        return len(server.query("SELECT Id FROM Lead", headers=headers).json()["records"])

    assert (page(10), page(300), page(9_999)) == (200, 300, 450)
    for name in ("One__c", "Two__c"):
        server.org.define("Lead", name, "textarea", length=32_000)
    assert len(server.query("SELECT Id, One__c, Two__c FROM Lead").json()["records"]) == 200


def test_locators_die_with_their_session_and_after_two_days(server: Server) -> None:
    for number in range(450):
        lead(server, str(number))
    token = server.token()
    small = {"Sforce-Query-Options": "batchSize=200"}
    following = server.query("SELECT Id FROM Lead", token=token, headers=small).json()["nextRecordsUrl"]
    path = following.split("v67.0")[1]
    assert server.call("GET", path, token=token).status_code == 200
    assert server.call("GET", path, token=token).status_code == 200  # a page can be read again
    refused = server.call("GET", path)
    assert (refused.status_code, refused.json()[0]["errorCode"]) == (400, "INVALID_QUERY_LOCATOR")
    server.trouble("repeat_row")
    assert len(server.call("GET", path, token=token).json()["records"]) == 201
    server.trouble("locator_expired")
    assert server.call("GET", path, token=token).json()[0]["errorCode"] == "INVALID_QUERY_LOCATOR"
    assert server.call("GET", path, token=token).json()[0]["errorCode"] == "INVALID_QUERY_LOCATOR"

    again = server.query("SELECT Id FROM Lead", token=token, headers=small).json()["nextRecordsUrl"].split("v67.0")[1]
    for _ in range(49):  # the session is kept alive, the cursor is not
        server.shared.clock.advance(3_600)
        server.call("GET", "/limits", token=token)
    assert server.call("GET", again, token=token).json()[0]["errorCode"] == "INVALID_QUERY_LOCATOR"


def test_query_hides_deleted_rows_and_archived_activities(server: Server) -> None:
    person = lead(server, "Ann")
    old, new = "2025-06-01", "2026-06-01"
    for day, status in ((old, "Completed"), (new, "Completed"), (old, "Not Started")):
        fields = {"WhoId": person, "ActivityDate": day, "Status": status, "Subject": f"{day} {status}"}
        server.org.insert("Task", fields, created=NOW)
    start = NOW - timedelta(days=400)
    server.org.insert("Event", {"WhoId": person, "StartDateTime": start, "EndDateTime": start}, created=start)
    subjects = {row["Subject"] for row in server.query("SELECT Subject FROM Task").json()["records"]}
    assert subjects == {f"{new} Completed", f"{old} Not Started"}
    everything = server.query("SELECT Subject, IsArchived FROM Task", all_rows=True).json()["records"]
    assert {row["Subject"] for row in everything if row["IsArchived"]} == {f"{old} Completed"}
    assert server.query("SELECT COUNT() FROM Event").json()["totalSize"] == 0
    assert server.query("SELECT COUNT() FROM Event", all_rows=True).json()["totalSize"] == 1
    server.org.delete("Lead", person)
    assert names(server, "Name = 'Ann'") == []
    assert names(server, "IsDeleted = true", all_rows=True) == ["Ann"]
    assert server.query("SELECT COUNT() FROM Task WHERE IsDeleted = true", all_rows=True).json()["totalSize"] == 3


def test_a_late_commit_appears_below_the_watermark(server: Server) -> None:
    server.trouble("late_commit", match="Lead", seconds=90)
    late = lead(server, "Late")
    server.shared.clock.advance(30)
    lead(server, "Prompt", created=server.shared.clock.now())
    assert names(server, "SystemModstamp >= 2026-06-15T12:00:00Z") == ["Prompt"]
    assert server.call("GET", "/sobjects/Lead/updated", params={
        "start": "2026-06-15T11:00:00+00:00", "end": "2026-06-15T12:00:30+00:00",
    }).json()["latestDateCovered"] == "2026-06-15T12:00:00.000+0000"  # fmt: skip
    server.shared.clock.advance(61)
    assert names(server, "SystemModstamp >= 2026-06-15T12:00:00Z") == ["Late", "Prompt"]
    assert server.org.tables["Lead"][late]["SystemModstamp"] < "2026-06-15T12:00:30"

    server.shared.commit_delay_s = 60
    server.org.update("Lead", late, {"Title": "CTO"})
    assert names(server, "Title = 'CTO'") == []
    server.save({"id": late, "Rating": "Hot"})  # our own writes are committed when they are answered
    server.shared.clock.advance(61)
    assert names(server, "Title = 'CTO' AND Rating = 'Hot'") == ["Late"]


def test_changed_and_deleted_ids_of_a_span(server: Server) -> None:
    kept, gone = lead(server, "Kept"), lead(server, "Gone")
    server.org.delete("Lead", gone)
    span = {"start": "2026-06-15T11:00:00+00:00", "end": "2026-06-15T12:30:00+00:00"}
    assert server.call("GET", "/sobjects/Lead/updated", params=span).json()["ids"] == [kept]
    deleted = server.call("GET", "/sobjects/Lead/deleted", params=span).json()["deletedRecords"]
    assert [row["id"] for row in deleted] == [gone]
    for wrong in ({"start": span["end"], "end": span["start"]}, span | {"start": "2026-01-01T00:00:00Z"}):
        answer = server.call("GET", "/sobjects/Lead/updated", params=wrong)
        assert answer.json()[0]["errorCode"] == "INVALID_REPLICATION_DATE"


def test_the_log_of_deletions_names_what_no_query_shows(server: Server) -> None:
    org = server.org
    binned, emptied, hard = lead(server, "Bin"), lead(server, "Emptied"), lead(server, "Hard")
    for record_id in (binned, emptied):
        org.delete("Lead", record_id)
    org.purge("Lead", emptied)
    org.purge("Lead", hard)
    span = {"start": "2026-06-15T11:00:00+00:00", "end": "2026-06-15T12:30:00+00:00"}
    deleted = server.call("GET", "/sobjects/Lead/deleted", params=span).json()["deletedRecords"]
    assert {row["id"] for row in deleted} == {binned, emptied, hard}
    rows = server.call("GET", "/queryAll", params={"q": "SELECT Id FROM Lead"}).json()["records"]
    assert [row["Id"] for row in rows] == [binned]
    short = span | {"end": "2026-06-15T11:00:30+00:00"}
    org.delete_log_from = NOW
    for refused in (short, span):
        answer = server.call("GET", "/sobjects/Lead/deleted", params=refused)
        assert answer.json()[0]["errorCode"] == "INVALID_REPLICATION_DATE"


def test_query_troubles(server: Server) -> None:
    lead(server, "Ann")
    server.trouble("query_timeout", over_rows=2)
    assert names(server, "Name = 'Ann'") == ["Ann"]
    server.trouble("query_timeout")
    assert server.error("SELECT Id FROM Lead") == "QUERY_TIMEOUT"
    server.trouble("operation_too_large")
    assert server.error("SELECT Id FROM Task") == "OPERATION_TOO_LARGE"


def test_shared_activities_bring_their_relations(server: Server) -> None:
    assert server.error("SELECT Id FROM TaskWhoRelation") == "INVALID_TYPE"
    server.org.enable_shared_activities()
    first, second = lead(server, "Ann"), lead(server, "Bob")
    task = server.org.insert("Task", {"WhoId": first}, created=NOW)
    server.org.insert("TaskRelation", {"TaskId": task, "RelationId": second}, created=NOW)
    for relation in ("TaskRelation", "TaskWhoRelation"):
        soql = f"SELECT TaskId, Relation.Name FROM {relation} WHERE TaskId IN ('{task}') ORDER BY Relation.Name"
        rows = server.query(soql).json()["records"]
        assert [row["Relation"]["Name"] for row in rows] == ["Ann", "Bob"]
    body = {"operation": "query", "query": "SELECT Id FROM TaskWhoRelation"}
    assert server.call("POST", "/jobs/query", json=body).json()[0]["errorCode"] == "INVALIDENTITY"
    contact = server.org.convert(second)
    moved = server.query(f"SELECT Id FROM TaskWhoRelation WHERE RelationId = '{contact}'").json()
    assert moved["totalSize"] == 1


def relations(server: Server, task: str, relation: str = "TaskRelation", *, all_rows: bool = False) -> dict[str, bool]:
    soql = f"SELECT RelationId, IsWhat FROM {relation} WHERE TaskId = '{task}'"
    return {row["RelationId"]: row["IsWhat"] for row in server.query(soql, all_rows=all_rows).json()["records"]}


def test_the_relations_follow_the_activity(server: Server) -> None:
    server.org.enable_shared_activities()
    first, second = lead(server, "Ann"), lead(server, "Bob")
    account = server.org.insert("Account", {"Name": "Acme"}, created=NOW)
    task = server.org.insert("Task", {"WhoId": first, "WhatId": account}, created=NOW)
    assert relations(server, task) == {first: False, account: True}
    assert relations(server, task, "TaskWhoRelation") == {first: False}
    server.org.update("Task", task, {"WhoId": second})
    assert relations(server, task) == {second: False, account: True}
    assert first not in relations(server, task, all_rows=True)  # what is deleted shows in no query ...
    span = {"start": "2026-06-15T11:00:00+00:00", "end": "2026-06-15T13:00:00+00:00"}
    deleted = server.call("GET", "/sobjects/TaskRelation/deleted", params=span).json()["deletedRecords"]
    assert len(deleted) == 1  # ... only among the deleted ids
    server.org.merge("Lead", first, [second])
    assert relations(server, task) == {first: False, account: True}
    server.org.delete("Task", task)
    assert relations(server, task, all_rows=True) == {}


def test_a_formula_over_another_object_changes_without_any_stamp(server: Server) -> None:
    org = server.org
    account = org.insert("Account", {"Name": "Acme", "NumberOfEmployees": 10}, created=NOW)
    org.insert("Contact", {"LastName": "Ann", "AccountId": account}, created=NOW)
    size = {"calculated": True, "computed": lambda row: org.tables["Account"][row["AccountId"]]["NumberOfEmployees"]}
    org.define("Contact", "Size__c", "double", **size)
    soql = "SELECT Size__c, SystemModstamp FROM Contact"
    (before,) = server.query(soql).json()["records"]
    server.shared.clock.advance(60)
    org.update("Account", account, {"NumberOfEmployees": 500})
    (after,) = server.query(soql).json()["records"]
    assert (before["Size__c"], after["Size__c"]) == (10, 500)
    assert before["SystemModstamp"] == after["SystemModstamp"]
    (field,) = [
        one for one in server.call("GET", "/sobjects/Contact/describe").json()["fields"] if one["name"] == "Size__c"
    ]
    assert (field["calculated"], field["updateable"]) == (True, False)
