"""Writing records: batches that succeed, fail and half succeed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from conftest import NOW
from hubspot_kit import HubSpot, ids

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Sandbox


@pytest.fixture
def server(sandbox: Callable[..., Sandbox]) -> HubSpot:
    running = sandbox()
    return HubSpot(running.portal, running.shared, running.hubspot_url)


def values(server: HubSpot, record_id: str) -> dict[str, str]:
    return dict(server.portal.objects["contacts"][record_id].properties)


def change(record_id: str, trace: str | None = None, **properties: Any) -> dict[str, Any]:
    return {"id": record_id, "properties": properties} | ({} if trace is None else {"objectWriteTraceId": trace})


@pytest.mark.parametrize("version", ["", "2026-03", "2026-09"])
def test_update_answers_in_no_order_with_what_was_written(server: HubSpot, version: str) -> None:
    made = server.contacts(30, lifecyclestage="lead")
    answer = server.update(*(change(one, jobtitle="CTO", city="") for one in made), version=version)
    assert answer.status_code == 200
    assert ids(answer) != made
    assert sorted(ids(answer), key=int) == made
    row = answer.json()["results"][0]
    assert row["properties"]["jobtitle"] == "CTO"
    assert row["properties"]["lifecyclestage"] == "lead"
    assert row["properties"]["lastmodifieddate"] == row["updatedAt"] == "2026-06-15T12:00:00.000Z"
    assert "errors" not in answer.json()


def test_only_a_real_change_moves_the_modified_time(server: HubSpot) -> None:
    made = server.contact(jobtitle="CTO")
    before = server.portal.objects["contacts"][made].updated
    assert server.update(change(made, jobtitle="CTO", city="")).status_code == 200
    assert server.portal.objects["contacts"][made].updated == before
    server.update(change(made, jobtitle="CEO"))
    assert server.portal.objects["contacts"][made].updated == NOW


def test_empty_text_clears(server: HubSpot) -> None:
    made = server.contact(jobtitle="CTO")
    assert server.update(change(made, jobtitle="")).json()["results"][0]["properties"]["jobtitle"] is None
    assert "jobtitle" not in values(server, made)
    assert server.update(change(made, jobtitle=None)).status_code == 400


def test_unknown_and_deleted_ids_are_one_entry(server: HubSpot) -> None:
    kept, gone = server.contacts(2)
    server.portal.archive("contacts", gone)
    answer = server.update(change(kept, city="Bonn"), change(gone, city="Bonn"), change("999", city="Bonn"))
    assert answer.status_code == 207
    body = answer.json()
    assert ids(answer) == [kept]
    assert body["numErrors"] == 1
    assert body["errors"][0]["category"] == "OBJECT_NOT_FOUND"
    assert body["errors"][0]["context"]["ids"] == [gone, "999"]


def test_merged_ids_are_dropped_without_a_word(server: HubSpot) -> None:
    keeper, other, third = server.contacts(3)
    server.portal.merge(keeper, other)
    answer = server.update(change(other, city="Bonn"), change(third, city="Bonn"))
    assert (answer.status_code, ids(answer)) == (200, [third])
    assert "errors" not in answer.json()
    assert "city" not in values(server, keeper)
    single = server.call("PATCH", f"/crm/v3/objects/contacts/{other}", json={"properties": {"city": "Ulm"}})
    assert single.json()["id"] == keeper
    assert values(server, keeper)["city"] == "Ulm"


@pytest.mark.parametrize("trace", [False, True])
def test_repeated_ids_refuse_the_batch(server: HubSpot, trace: bool) -> None:
    made = server.contact()
    answer = server.update(*(change(made, f"t{number}" if trace else None, city="Bonn") for number in range(2)))
    assert answer.status_code == 400
    assert answer.json()["message"] == f"Duplicate IDs found in batch input: [{made}]. IDs must be unique"
    assert answer.json()["context"] == {"ids": [made]}
    assert "city" not in values(server, made)


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("no_such", "1", "PROPERTY_DOESNT_EXIST"),
        ("hs_email_open", "1", "READ_ONLY_VALUE"),
        ("hubspotscore", "1", "READ_ONLY_VALUE"),
        ("hs_lead_status", "Warm", "INVALID_OPTION"),
        ("hs_analytics_source", "organic_search", "INVALID_OPTION"),
        ("score", "ten", "INVALID_INTEGER"),
        ("score", "nan", "INVALID_INTEGER"),
        ("score", "1,5", "INVALID_INTEGER"),
        ("seen_at", "yesterday", "INVALID_LONG"),
        ("born", "1781524800001", "INVALID_DATE"),
        ("born", "15.6.2026", "INVALID_LONG"),
        ("vip", "yes", "INVALID_OPTION"),
        ("email", "nobody", "INVALID_EMAIL"),
        ("city", "x" * 65_537, "INVALID_STRING_LENGTH"),
    ],
)
def test_one_bad_value_refuses_the_whole_batch(server: HubSpot, name: str, value: str, code: str) -> None:
    server.portal.define("contacts", "score", type="number", fieldType="number")
    server.portal.define("contacts", "seen_at", type="datetime", fieldType="date")
    server.portal.define("contacts", "born", type="date", fieldType="date")
    server.portal.define("contacts", "vip", type="bool", fieldType="booleancheckbox")
    good, bad = server.contacts(2)
    answer = server.update(change(good, city="Bonn"), change(bad, **{name: value}))
    assert answer.status_code == 400
    body = answer.json()
    assert body["category"] == "VALIDATION_ERROR"
    prefix, _, listed = body["message"].partition(": ")
    assert prefix == "Property values were not valid"
    problem = json.loads(listed)[0]
    assert (problem["isValid"], problem["error"], problem["name"]) == (False, code, name)
    assert body["errors"][0]["code"] == code
    assert body["errors"][0]["context"] == {"propertyName": [name]}
    assert bad not in answer.text.replace(body["correlationId"], "")  # the property is named, the record is not
    assert "city" not in values(server, good)


@pytest.mark.parametrize(
    ("kind", "value", "kept"),
    [
        ("number", "12.50", "12.50"),
        ("number", 7, "7"),
        ("datetime", "1781524800123", "2026-06-15T12:00:00.123Z"),
        ("datetime", "2026-06-15T14:00:00+02:00", "2026-06-15T12:00:00.000Z"),
        ("date", "2026-06-15", "2026-06-15"),
        ("date", "1781481600000", "2026-06-15"),
        ("bool", "true", "true"),
        ("bool", False, "false"),
    ],
)
def test_good_values_and_how_they_are_kept(server: HubSpot, kind: str, value: Any, kept: str) -> None:
    field = {"number": "number", "bool": "booleancheckbox"}.get(kind, "date")
    server.portal.define("contacts", "thing", type=kind, fieldType=field)
    made = server.contact()
    assert server.update(change(made, thing=value)).status_code == 200
    assert values(server, made)["thing"] == kept


def test_several_choices(server: HubSpot) -> None:
    server.portal.define(
        "contacts", "topics", type="enumeration", fieldType="checkbox", options={"a": "A", "b": "B", "c": "C"}
    )
    made = server.contact(topics="a;b")
    server.update(change(made, topics=";c;a"))
    assert values(server, made)["topics"] == "a;b;c"
    server.update(change(made, topics="c"))
    assert values(server, made)["topics"] == "c"
    assert server.update(change(made, topics="c;d")).status_code == 400


def test_trace_ids_on_every_input_save_the_good_rows(server: HubSpot) -> None:
    made = server.contacts(3)
    rows = [change(one, f"t{number}", city="Bonn") for number, one in enumerate(made)]
    rows[1]["properties"]["no_such"] = "1"
    answer = server.update(*rows)
    assert answer.status_code == 207
    body = answer.json()
    assert {row["objectWriteTraceId"] for row in body["results"]} == {"t0", "t2"}
    assert body["numErrors"] == 1
    assert body["errors"][0]["category"] == "VALIDATION_ERROR"
    assert body["errors"][0]["context"]["objectWriteTraceId"] == ["t1"]
    assert ["city" in values(server, one) for one in made] == [True, False, True]


@pytest.mark.parametrize("traces", [("t0", None), ("t0", "t0")])
def test_missing_or_repeated_trace_ids_do_not(server: HubSpot, traces: tuple[str | None, ...]) -> None:
    made = server.contacts(2)
    rows = [change(one, trace, no_such="1") for one, trace in zip(made, traces, strict=True)]
    assert server.update(*rows).status_code == 400


def test_trace_ids_may_be_ignored(server: HubSpot) -> None:
    server.shared.troubles.set("ignore_trace_ids")
    rows = [change(one, f"t{one}", no_such="1") for one in server.contacts(2)]
    assert server.update(*rows).status_code == 400
    assert server.update(*rows).status_code == 207


def test_a_refused_record(server: HubSpot) -> None:
    good, bad = server.contacts(2)
    server.portal.refuse("contacts", bad, "Only managers may change this record.")
    rows = [change(good, "a", city="Bonn"), change(bad, "b", city="Bonn")]
    answer = server.update(*rows)
    assert ids(answer) == [good]
    assert "Only managers may change this record." in answer.json()["errors"][0]["message"]
    assert server.call("PATCH", f"/crm/v3/objects/contacts/{bad}", json=rows[1]).status_code == 400
    assert "city" not in values(server, bad)


def test_lifecycle_stage_moves_forward_only(server: HubSpot) -> None:
    made = server.contact(lifecyclestage="opportunity")
    back = server.update(change(made, lifecyclestage="lead", city="Bonn"))
    assert back.status_code == 200
    assert back.json()["results"][0]["properties"]["lifecyclestage"] == "opportunity"
    assert values(server, made)["city"] == "Bonn"
    server.update(change(made, lifecyclestage="customer"))
    assert values(server, made)["lifecyclestage"] == "customer"
    server.update(change(made, lifecyclestage=""))
    server.update(change(made, lifecyclestage="lead"))
    assert values(server, made)["lifecyclestage"] == "lead"
    assert values(server, made)["hs_v2_date_entered_customer"] == "2026-06-15T12:00:00.000Z"


def test_a_person_may_move_the_stage_back(server: HubSpot) -> None:
    made = server.contact(lifecyclestage="opportunity")
    server.portal.update("contacts", made, {"lifecyclestage": "lead"})
    assert values(server, made)["lifecyclestage"] == "lead"


def test_update_by_address_is_refused_and_upsert_is_not(server: HubSpot) -> None:
    made = server.contact(0)
    row = {"id": "person0@example.com", "idProperty": "email", "properties": {"city": "Bonn"}}
    assert server.update(row).status_code == 400
    fresh = {"id": "New@example.com", "idProperty": "email", "properties": {"city": "Ulm"}}
    answer = server.post("/crm/v3/objects/contacts/batch/upsert", {"inputs": [row, fresh]})
    assert answer.status_code == 200
    assert {row["id"]: row["new"] for row in answer.json()["results"]}[made] is False
    assert sum(row["new"] for row in answer.json()["results"]) == 1
    assert server.portal.find_by_email("new@example.com") is not None


def test_creating_what_exists(server: HubSpot) -> None:
    made = server.contact(0)
    body = {"properties": {"email": "Person0@example.com"}}
    single = server.post("/crm/v3/objects/contacts", body)
    assert single.status_code == 409
    assert single.json()["message"] == f"Contact already exists. Existing ID: {made}"
    batch = server.post("/crm/v3/objects/contacts/batch/create", {"inputs": [body, {"properties": {"city": "Bonn"}}]})
    assert batch.status_code == 207
    assert batch.json()["errors"][0]["context"] == {"existingId": [made]}
    assert len(ids(batch)) == 1
    good = server.post("/crm/v3/objects/contacts", {"properties": {"email": "x@example.com"}})
    assert good.status_code == 201


def test_created_records_come_with_their_links(server: HubSpot) -> None:
    company = server.portal.create("companies", {"name": "Acme"}, created=NOW)
    types = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 279}]
    body = {"properties": {"city": "Bonn"}, "associations": [{"to": {"id": company}, "types": types}]}
    made = server.post("/crm/v3/objects/contacts", body).json()["id"]
    assert dict(server.portal.associations.of("contacts", made, "companies")) == {company: True}


def test_an_address_belongs_to_one_contact(server: HubSpot) -> None:
    first, second = server.contacts(2)
    answer = server.update(change(first, email="person1@example.com"))
    assert answer.status_code == 409
    assert second in answer.json()["message"]
    with pytest.raises(ValueError, match="another contact"):
        server.contact(1)


def test_batch_archive(server: HubSpot) -> None:
    made = server.contacts(3)
    answer = server.post("/crm/v3/objects/contacts/batch/archive", {"inputs": [{"id": one} for one in made[:2]]})
    assert (answer.status_code, answer.content) == (204, b"")
    assert ids(server.get("/crm/v3/objects/contacts")) == made[2:]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"inputs": "x"},
        {"inputs": [1]},
        {"inputs": [{"properties": {}}]},
        [],
        {"inputs": [{"id": "501", "properties": 3}]},
    ],
)
def test_malformed_bodies(server: HubSpot, body: Any) -> None:
    server.contacts(1)
    assert server.post("/crm/v3/objects/contacts/batch/update", body).status_code == 400


def test_text_that_is_no_json(server: HubSpot) -> None:
    answer = server.call("POST", "/crm/v3/objects/contacts/batch/update", data=b"{")
    assert answer.status_code == 400
    assert "Invalid input JSON" in answer.json()["message"]


def test_deal_stage_decides_the_flags(server: HubSpot) -> None:
    deal = server.portal.create("deals", {"dealname": "Big", "dealstage": "qualifiedtobuy"}, created=NOW)
    held = server.portal.objects["deals"]
    assert held[deal].properties["hs_is_closed"] == "false"
    answer = server.update(change(deal, dealstage="closedwon"), kind="deals")
    assert answer.status_code == 200
    assert (held[deal].properties["hs_is_closed"], held[deal].properties["hs_is_closed_won"]) == ("true", "true")
