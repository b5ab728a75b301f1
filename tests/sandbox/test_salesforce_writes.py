"""Writes over REST: collections, single records, set-up rows, and every reason to refuse a row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests
from conftest import NOW

if TYPE_CHECKING:
    from salesforce_kit import Server


def lead(server: Server, name: str = "Ann", **fields: Any) -> str:
    return server.org.insert("Lead", {"LastName": name, "Company": "Acme", **fields}, created=NOW)


def code(result: dict[str, Any]) -> str:
    assert result["success"] is False
    assert "errorCode" not in result["errors"][0]
    return str(result["errors"][0]["statusCode"])


def test_assignment_rule_runs_unless_the_header_forbids_it(server: Server) -> None:
    person = lead(server)
    server.save({"id": person, "Title": "CTO"}, headers={"Sforce-Auto-Assign": "FALSE"})
    assert server.org.tables["Lead"][person]["OwnerId"] == server.org.admin_id
    server.save({"id": person, "Title": "CIO"}, headers={})
    assert server.org.tables["Lead"][person]["OwnerId"] == server.org.assignment_user_id


def test_own_writes_move_the_stamps(server: Server) -> None:
    person = lead(server)
    server.shared.clock.advance(90)
    server.save({"id": person, "Title": "CTO"})
    row = server.org.tables["Lead"][person]
    assert row["SystemModstamp"] == row["LastModifiedDate"] == "2026-06-15T12:01:30.000+0000"
    assert row["LastModifiedById"] == server.org.integration_user_id


def test_a_logged_activity_moves_only_the_system_stamp(server: Server) -> None:
    person = lead(server)
    server.shared.clock.advance(90)
    fields = {"WhoId": person, "Status": "Completed", "ActivityDate": "2026-06-14"}
    server.org.insert("Task", fields, created=server.shared.clock.now())
    row = server.org.tables["Lead"][person]
    assert row["LastActivityDate"] == "2026-06-14"
    assert row["SystemModstamp"] == "2026-06-15T12:01:30.000+0000"
    assert row["LastModifiedDate"] == "2026-06-15T12:00:00.000+0000"
    server.org.define("Lead", "Formula__c", "double", calculated=True)
    server.org.tables["Lead"][person]["Formula__c"] = 7.0  # a formula's value changes without any stamp
    assert server.query("SELECT Formula__c FROM Lead").json()["records"][0]["Formula__c"] == 7.0
    assert row["SystemModstamp"] == "2026-06-15T12:01:30.000+0000"


def test_reasons_to_refuse_a_row(server: Server) -> None:
    org = server.org
    org.define("Lead", "Tier__c", "picklist", values=("Hot", "Cold"), restricted=True)
    org.define("Lead", "Score__c", "double", precision=3)
    org.define("Lead", "Formula__c", "double", calculated=True)
    org.define("Lead", "Secret__c", "string", visible=False)
    good = lead(server, "Good")
    converted, deleted, duplicate = lead(server, "Conv"), lead(server, "Gone"), lead(server, "Twin")
    contact = org.insert("Contact", {"LastName": "C"}, created=NOW)
    org.convert(converted)
    org.delete("Lead", deleted)
    org.duplicate_ids.add(duplicate)
    org.validation_rules.append(lambda _sobject, row: "No students" if row.get("Title") == "Student" else None)
    in_approval = lead(server)
    org.refusals[in_approval] = ("ENTITY_IS_LOCKED", "This record is locked. It is in an approval process.")
    rows: list[tuple[dict[str, Any], str]] = [
        ({"id": in_approval, "Title": "x"}, "ENTITY_IS_LOCKED"),
        ({"id": lead(server), "Title": "x" * 129}, "STRING_TOO_LONG"),
        ({"id": lead(server), "Title": "x" * 127 + "🦊"}, "STRING_TOO_LONG"),  # an emoji is two
        ({"id": lead(server), "Tier__c": "Warm"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
        ({"id": lead(server), "Score__c": 1000}, "NUMBER_OUTSIDE_VALID_RANGE"),
        ({"id": lead(server), "Score__c": "many"}, "INVALID_TYPE_ON_FIELD_IN_RECORD"),
        ({"id": lead(server), "Formula__c": 1}, "INVALID_FIELD_FOR_INSERT_UPDATE"),
        ({"id": lead(server), "Secret__c": "x"}, "INVALID_FIELD_FOR_INSERT_UPDATE"),
        ({"id": lead(server), "Missing__c": "x"}, "INVALID_FIELD"),
        ({"id": lead(server), "LastName": None}, "REQUIRED_FIELD_MISSING"),
        ({"id": lead(server), "Title": "Student"}, "FIELD_CUSTOM_VALIDATION_EXCEPTION"),
        ({"id": converted, "Title": "x"}, "CANNOT_UPDATE_CONVERTED_LEAD"),
        ({"id": deleted, "Title": "x"}, "ENTITY_IS_DELETED"),
        ({"id": duplicate, "Title": "x"}, "DUPLICATES_DETECTED"),
        ({"id": "00Q00000000ZZZZAAA", "Title": "x"}, "MALFORMED_ID"),
        ({"id": contact, "Title": "x"}, "INVALID_CROSS_REFERENCE_KEY"),
        ({"Title": "x"}, "MISSING_ARGUMENT"),
    ]
    results = server.save({"id": good, "Title": "CTO", "Score__c": 42}, *(row for row, _ in rows))
    assert results[0] == {"id": good, "success": True, "errors": []}
    assert [code(result) for result in results[1:]] == [expected for _, expected in rows]
    assert org.tables["Lead"][good]["Score__c"] == 42
    allowed = server.save(
        {"id": duplicate, "Title": "x"},
        headers={"Sforce-Duplicate-Rule-Header": "allowSave=true; includeRecordDetails=false"},
    )
    assert allowed[0]["success"] is True


def test_only_past_activities_count_as_the_last(server: Server) -> None:
    person = lead(server)
    server.org.insert("Event", {"WhoId": person, "StartDateTime": "2026-07-01T09:00:00Z"}, created=NOW)
    assert server.org.tables["Lead"][person].get("LastActivityDate") is None
    server.org.insert("Event", {"WhoId": person, "StartDateTime": "2026-06-01T09:00:00Z"}, created=NOW)
    assert server.org.tables["Lead"][person]["LastActivityDate"] == "2026-06-01"


def test_clearing_and_short_ids(server: Server) -> None:
    person = lead(server, Title="CTO")
    result = server.save({"id": person[:15], "Title": None})
    assert result[0]["id"] == person
    assert server.org.tables["Lead"][person]["Title"] is None


def test_all_or_none_rolls_the_innocent_back(server: Server) -> None:
    good, bad = lead(server), lead(server)
    results = server.save({"id": good, "Title": "CTO"}, {"id": bad, "Title": "x" * 200}, all_or_none=True)
    assert [code(result) for result in results] == ["ALL_OR_NONE_OPERATION_ROLLED_BACK", "STRING_TOO_LONG"]
    assert "Title" not in server.org.tables["Lead"][good]


def test_whole_call_refusals(server: Server) -> None:
    def refused(**more: Any) -> tuple[int, str]:
        answer = server.call("PATCH", "/composite/sobjects", **more)
        return answer.status_code, answer.json()[0]["errorCode"]

    row = {"attributes": {"type": "Lead"}, "id": lead(server)}
    contact = {"attributes": {"type": "Contact"}, "id": server.org.insert("Contact", {"LastName": "C"}, created=NOW)}
    assert refused(json={"records": [row] * 201}) == (400, "EXCEEDED_MAX_SIZE_REQUEST")
    assert refused(json={"records": [row, contact] * 6}) == (400, "LIMIT_EXCEEDED")
    assert refused(data=b"{") == (400, "JSON_PARSER_ERROR")
    assert refused(json={"records": [{"id": row["id"]}]}) == (400, "INVALID_INPUT")
    assert code(server.save({"id": row["id"], "Title": "a"}, {"id": row["id"], "Title": "b"})[1]) == "DUPLICATE_VALUE"


@pytest.mark.parametrize("wrapped", [False, True])
def test_row_locks_hit_one_account_for_some_calls(server: Server, wrapped: bool) -> None:
    accounts = [server.org.insert("Account", {"Name": name}, created=NOW) for name in "ab"]
    people = [server.org.insert("Contact", {"LastName": "C", "AccountId": each}, created=NOW) for each in accounts]
    server.trouble("row_lock", times=2, account=accounts[0], wrapped=wrapped)
    rows = [{"id": person, "Title": "CTO"} for person in people]
    for _ in range(2):
        locked, free = server.save(*rows, sobject="Contact")
        assert code(locked) == ("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY" if wrapped else "UNABLE_TO_LOCK_ROW")
        assert "unable to obtain exclusive access to this record" in locked["errors"][0]["message"]
        assert free["success"] is True
    assert server.save(*rows, sobject="Contact")[0]["success"] is True


def test_large_batches_hit_the_orgs_own_limits(server: Server) -> None:
    rows = [{"id": lead(server), "Title": "x"} for _ in range(13)]
    server.trouble("apex_limits", times=None, over=12)
    assert {code(result) for result in server.save(*rows)} == {"CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"}
    assert all(result["success"] for result in server.save(*rows[:12]))
    server.shared.troubles.clear()
    server.trouble("batch_too_slow", over=12)
    answer = server.call(
        "PATCH", "/composite/sobjects", json={"records": [{"attributes": {"type": "Lead"}, **row} for row in rows]}
    )
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "REQUEST_RUNNING_TOO_LONG")
    server.trouble("row_missing")
    assert len(server.save(*rows)) == 12


def test_a_write_can_be_applied_and_its_answer_lost(server: Server) -> None:
    person = lead(server)
    server.trouble("drop_after_write")
    with pytest.raises(requests.ConnectionError):
        server.save({"id": person, "Title": "CTO"})
    assert server.org.tables["Lead"][person]["Title"] == "CTO"
    assert server.save({"id": person, "Title": "CIO"})[0]["success"] is True


def test_collections_create_as_well(server: Server) -> None:
    records = [{"attributes": {"type": "Lead"}, "LastName": "Ann", "Company": "Acme"}, {"attributes": {"type": "lead"}}]
    headers = {"Sforce-Auto-Assign": "FALSE"}
    body = {"allOrNone": False, "records": records}
    good, bad = server.call("POST", "/composite/sobjects", json=body, headers=headers).json()
    assert server.org.tables["Lead"][good["id"]]["LastName"] == "Ann"
    assert code(bad) == "REQUIRED_FIELD_MISSING"
    server.call("POST", "/composite/sobjects", json=body | {"allOrNone": True}, headers=headers)
    assert len(server.org.tables["Lead"]) == 1


def test_single_records(server: Server) -> None:
    made = server.call("POST", "/sobjects/Contact", json={"LastName": "Ann", "Email": "a@x.example"})
    assert made.status_code == 201
    path = f"/sobjects/Contact/{made.json()['id']}"
    assert server.call("PATCH", path, json={"Title": "CTO"}).status_code == 204
    assert server.call("GET", path, params={"fields": "Name,Title"}).json()["Title"] == "CTO"
    refused = server.call("PATCH", path, json={"Title": "x" * 200})
    assert (refused.status_code, refused.json()[0]["errorCode"]) == (400, "STRING_TOO_LONG")
    assert server.call("POST", "/sobjects/Contact", json={"FirstName": "A"}).json()[0]["errorCode"] == (
        "REQUIRED_FIELD_MISSING"
    )
    assert server.call("DELETE", path).status_code == 204
    assert server.call("GET", path).json()[0]["errorCode"] == "ENTITY_IS_DELETED"
    assert server.call("GET", "/sobjects/Contact/003000000000000AAA").json()[0]["errorCode"] == "NOT_FOUND"


def test_conversion_moves_the_history_to_the_contact(server: Server) -> None:
    org = server.org
    org.define("Lead", "Tier__c")
    org.define("Contact", "Tier__c")
    person = lead(server, Email="a@x.example", Tier__c="gold", City="Oslo")
    campaign = org.insert("Campaign", {"Name": "Fair"}, created=NOW)
    task = org.insert("Task", {"WhoId": person}, created=NOW)
    member = org.insert("CampaignMember", {"CampaignId": campaign, "LeadId": person}, created=NOW)
    server.shared.clock.advance(60)
    contact = org.convert(person, with_opportunity=True)
    row = org.tables["Lead"][person]
    assert (row["IsConverted"], row["ConvertedContactId"], row["ConvertedDate"]) == (True, contact, "2026-06-15")
    assert org.tables["Task"][task]["WhoId"] == contact
    assert org.tables["Task"][task]["LastModifiedDate"] == "2026-06-15T12:01:00.000+0000"
    moved = server.query(f"SELECT LeadId, LeadOrContactId FROM CampaignMember WHERE Id = '{member}'").json()["records"]
    assert (moved[0]["LeadId"], moved[0]["LeadOrContactId"]) == (None, contact)
    made = org.tables["Contact"][contact]
    assert (made["Email"], made["MailingCity"], "Tier__c" in made) == ("a@x.example", "Oslo", False)
    roles = server.query(f"SELECT ContactId FROM OpportunityContactRole WHERE ContactId = '{contact}'").json()
    assert roles["totalSize"] == 1


def test_merge_leaves_a_deleted_loser_that_names_the_master(server: Server) -> None:
    master, loser = lead(server, "Master"), lead(server, "Loser")
    task = server.org.insert("Task", {"WhoId": loser}, created=NOW)
    server.org.merge("Lead", master, [loser])
    assert server.org.tables["Task"][task]["WhoId"] == master
    assert server.query("SELECT COUNT() FROM Lead").json()["totalSize"] == 1
    soql = "SELECT MasterRecordId FROM Lead WHERE IsDeleted = true"
    assert server.query(soql, all_rows=True).json()["records"][0]["MasterRecordId"] == master


def test_field_security_can_be_taken_away_again(server: Server) -> None:
    server.org.define("Lead", "Score__c", "double", precision=3)
    person = lead(server, Score__c=5)
    assert server.query("SELECT Score__c FROM Lead").status_code == 200
    rows = server.query("SELECT Id, PermissionsEdit FROM FieldPermissions WHERE Field = 'Lead.Score__c'").json()
    path = f"/sobjects/FieldPermissions/{rows['records'][0]['Id']}"
    assert server.call("PATCH", path, json={"PermissionsEdit": False}).status_code == 204
    fields = {each["name"]: each for each in server.call("GET", "/sobjects/Lead/describe").json()["fields"]}
    assert fields["Score__c"]["updateable"] is False
    assert code(server.save({"id": person, "Score__c": 6})[0]) == "INVALID_FIELD_FOR_INSERT_UPDATE"
    assert server.call("DELETE", path).status_code == 204
    assert server.error("SELECT Score__c FROM Lead") == "INVALID_FIELD"
    server.org.hidden_fields.add(("Lead", "Title"))
    assert server.error("SELECT Title FROM Lead") == "INVALID_FIELD"
    assert "Title" not in {each["name"] for each in server.call("GET", "/sobjects/Lead/describe").json()["fields"]}


def test_permission_sets_are_made_and_assigned(server: Server) -> None:
    server.org.define("Lead", "Score__c", "double", precision=3, visible=False)
    body = {"Name": "Leadgrade", "Label": "Leadgrade"}
    made = server.call("POST", "/sobjects/PermissionSet", json=body).json()["id"]
    again = server.call("POST", "/sobjects/PermissionSet", json=body)
    assert again.json()[0]["errorCode"] == "DUPLICATE_DEVELOPER_NAME"
    grant = {"ParentId": made, "SobjectType": "Lead", "Field": "Lead.Score__c", "PermissionsEdit": True}
    assert server.call("POST", "/sobjects/FieldPermissions", json=grant).status_code == 400  # edit needs read
    assert server.call("POST", "/sobjects/FieldPermissions", json=grant | {"PermissionsRead": True}).status_code == 201
    wrong = grant | {"PermissionsRead": True, "Field": "Lead.Nothing__c"}
    assert server.call("POST", "/sobjects/FieldPermissions", json=wrong).status_code == 400
    assert server.error("SELECT Score__c FROM Lead") == "INVALID_FIELD"
    assignment = {"PermissionSetId": made, "AssigneeId": server.org.integration_user_id}
    assert server.call("POST", "/sobjects/PermissionSetAssignment", json=assignment).status_code == 201
    assert server.query("SELECT Score__c FROM Lead").status_code == 200


BAD_DEFINITIONS = [
    {"type": "Number", "label": "X", "precision": 19, "scale": 0},
    {"type": "Number", "label": "X", "precision": 3, "scale": 4},
    {"type": "Text", "label": "X", "length": 256},
    {"type": "TextArea", "label": "X", "length": 255},
    {"type": "LongTextArea", "label": "X", "length": 32000},
    {"type": "Picklist", "label": "X"},
    {"type": "Text", "length": 20},
    {"type": "Hologram", "label": "X"},
]


def test_custom_field_definitions_are_checked(server: Server) -> None:
    for metadata in BAD_DEFINITIONS:
        body = {"FullName": "Lead.X__c", "Metadata": metadata}
        answer = server.call("POST", "/tooling/sobjects/CustomField", json=body)
        assert answer.status_code == 400, metadata
    assert "X__c" not in server.org.schema["Lead"].fields


def test_custom_fields_clash_by_name_and_need_the_right(server: Server) -> None:
    values = {"value": [{"fullName": "Hot", "label": "Hot", "default": False}]}
    metadata = {"type": "Picklist", "label": "Tier", "valueSet": {"restricted": True, "valueSetDefinition": values}}
    body = {"FullName": "Contact.Tier__c", "Metadata": metadata}
    assert server.call("POST", "/tooling/sobjects/CustomField", json=body).status_code == 201
    assert server.org.schema["Contact"].fields["Tier__c"].values == ("Hot",)
    again = server.call("POST", "/tooling/sobjects/CustomField", json=body)
    assert again.json()[0]["errorCode"] == "DUPLICATE_DEVELOPER_NAME"
    server.org.update("UserPermissionAccess", server.org.rights_id, {"PermissionsCustomizeApplication": False})
    refused = server.call("POST", "/tooling/sobjects/CustomField", json=body | {"FullName": "Lead.Tier__c"})
    assert (refused.status_code, refused.json()[0]["errorCode"]) == (403, "INSUFFICIENT_ACCESS")
