"""Reading records: list, single read, batch read."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from conftest import NOW
from hubspot_kit import HubSpot, ids, walk

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Sandbox


@pytest.fixture
def server(sandbox: Callable[..., Sandbox]) -> HubSpot:
    running = sandbox()
    return HubSpot(running.portal, running.shared, running.hubspot_url)


def test_list_pages_by_the_id_of_the_next_record(server: HubSpot) -> None:
    made = server.contacts(7)
    first = server.get("/crm/v3/objects/contacts", limit=3).json()
    assert [row["id"] for row in first["results"]] == made[:3]
    assert first["paging"]["next"]["after"] == made[3]
    assert [row["id"] for row in walk(server, "/crm/v3/objects/contacts", limit=3)] == made


def test_a_cursor_below_a_deleted_record_goes_on_with_the_next(server: HubSpot) -> None:
    made = server.contacts(4)
    server.portal.archive("contacts", made[2])
    assert ids(server.get("/crm/v3/objects/contacts", after=made[2])) == [made[3]]


def test_list_gives_ten_and_never_more_than_a_hundred(server: HubSpot) -> None:
    server.contacts(11)
    assert len(server.get("/crm/v3/objects/contacts").json()["results"]) == 10
    assert server.get("/crm/v3/objects/contacts", limit=101).status_code == 400
    assert server.get("/crm/v3/objects/contacts", limit=0).status_code == 400
    assert server.get("/crm/v3/objects/contacts", limit="many").status_code == 400


def test_values_are_text_and_empty_ones_null_and_unknown_ones_absent(server: HubSpot) -> None:
    server.contact(hs_email_open=3, hs_email_optout=False, firstname="Zoë")
    row = server.get("/crm/v3/objects/contacts", properties="hs_email_open,hs_email_optout,phone,no_such").json()
    shown = row["results"][0]["properties"]
    assert shown["hs_email_open"] == "3"
    assert shown["hs_email_optout"] == "false"
    assert shown["phone"] is None
    assert "no_such" not in shown
    assert "firstname" not in shown


def test_some_properties_come_unasked(server: HubSpot) -> None:
    made = server.contact(days_ago=3)
    row = server.get("/crm/v3/objects/contacts", properties="phone").json()["results"][0]
    assert row["properties"]["hs_object_id"] == made == row["id"]
    assert row["properties"]["createdate"] == row["createdAt"] == "2026-06-12T12:00:00.000Z"
    assert row["properties"]["lastmodifieddate"] == row["updatedAt"]
    default = server.get("/crm/v3/objects/contacts").json()["results"][0]["properties"]
    assert set(default) == {"createdate", "email", "firstname", "hs_object_id", "lastmodifieddate", "lastname"}


def test_properties_as_comma_list_or_repeated(server: HubSpot) -> None:
    server.contact(jobtitle="CTO", city="Bonn")
    for asked in ("jobtitle,city", ["jobtitle", "city"]):
        shown = server.get("/crm/v3/objects/contacts", properties=asked).json()["results"][0]["properties"]
        assert (shown["jobtitle"], shown["city"]) == ("CTO", "Bonn")


def test_addresses_come_back_in_lower_case(server: HubSpot) -> None:
    made = server.portal.create("contacts", {"email": "Ada@Example.COM"}, created=NOW)
    assert server.get(f"/crm/v3/objects/contacts/{made}").json()["properties"]["email"] == "ada@example.com"
    assert server.get("/crm/v3/objects/contacts/ADA@example.com", idProperty="email").json()["id"] == made


def test_archived_records_have_a_list_of_their_own(server: HubSpot) -> None:
    kept, gone = server.contacts(2)
    before = server.portal.objects["contacts"][gone].updated
    assert server.call("DELETE", f"/crm/v3/objects/contacts/{gone}").status_code == 204
    assert ids(server.get("/crm/v3/objects/contacts")) == [kept]
    row = server.get("/crm/v3/objects/contacts", archived="true").json()["results"][0]
    assert (row["id"], row["archived"], row["archivedAt"]) == (gone, True, "2026-06-15T12:00:00.000Z")
    assert server.portal.objects["contacts"][gone].updated == before
    assert server.get(f"/crm/v3/objects/contacts/{gone}").status_code == 404
    assert server.get(f"/crm/v3/objects/contacts/{gone}", archived="true").json()["id"] == gone


def test_batch_read_is_unordered_and_names_what_is_missing(server: HubSpot) -> None:
    made = server.contacts(40)
    answer = server.post("/crm/v3/objects/contacts/batch/read", {"inputs": [{"id": one} for one in [*made, "7", "8"]]})
    assert answer.status_code == 207
    assert ids(answer) != made
    assert sorted(ids(answer), key=int) == made
    body = answer.json()
    assert body["numErrors"] == len(body["errors"]) == 1
    assert body["errors"][0]["category"] == "OBJECT_NOT_FOUND"
    assert body["errors"][0]["context"] == {"ids": ["7", "8"]}


def test_batch_read_by_address(server: HubSpot) -> None:
    made = server.contact(5)
    body = {"idProperty": "email", "inputs": [{"id": "PERSON5@example.com"}], "properties": ["email"]}
    assert ids(server.post("/crm/v3/objects/contacts/batch/read", body)) == [made]


@pytest.mark.parametrize("tail", ["read", "update"])
def test_batches_hold_a_hundred(server: HubSpot, tail: str) -> None:
    inputs = [{"id": str(number), "properties": {}} for number in range(101)]
    assert server.post(f"/crm/v3/objects/contacts/batch/{tail}", {"inputs": inputs}).status_code == 400
    assert server.post(f"/crm/v3/objects/contacts/batch/{tail}", {"inputs": inputs[:100]}).status_code == 207
    assert server.post(f"/crm/v3/objects/contacts/batch/{tail}", {"inputs": []}).status_code == 400


def test_long_addresses_are_refused(server: HubSpot) -> None:
    server.contact()
    fits = server.get("/crm/v3/objects/contacts", properties="x" * 15_000)
    assert fits.status_code == 200
    assert server.get("/crm/v3/objects/contacts", properties="x" * 16_000).status_code == 414


def test_merged_ids_lead_to_the_survivor_and_are_absent_from_batches(server: HubSpot) -> None:
    keeper, other, third = server.contacts(3, firstname="Ada")
    server.portal.update("contacts", other, {"phone": "+49 30 1"})
    assert server.portal.merge(keeper, other) == keeper
    single = server.get(f"/crm/v3/objects/contacts/{other}", properties="phone,hs_merged_object_ids").json()
    assert single["id"] == keeper
    assert single["properties"]["phone"] == "+49 30 1"
    assert single["properties"]["hs_merged_object_ids"] == other
    batch = server.post("/crm/v3/objects/contacts/batch/read", {"inputs": [{"id": other}, {"id": third}]})
    assert (batch.status_code, ids(batch)) == (200, [third])
    assert ids(server.get("/crm/v3/objects/contacts")) == [keeper, third]
    assert ids(server.get("/crm/v3/objects/contacts", archived="true")) == []


def test_a_merge_may_make_a_new_id_and_chains_resolve(server: HubSpot) -> None:
    first, second, third = server.contacts(3)
    survivor = server.portal.merge(first, second, new_id=True)
    assert survivor not in {first, second, third}
    last = server.post("/crm/v3/objects/contacts/merge", {"primaryObjectId": third, "objectIdToMerge": survivor})
    assert last.json()["id"] == third
    for old in (first, second, survivor):
        assert server.get(f"/crm/v3/objects/contacts/{old}").json()["id"] == third


def test_merged_records_keep_their_links(server: HubSpot) -> None:
    keeper, other = server.contacts(2)
    company = server.portal.create("companies", {"name": "Acme"}, created=NOW)
    server.portal.associate("contacts", other, "companies", company)
    server.portal.merge(keeper, other)
    assert dict(server.portal.associations.of("contacts", keeper, "companies")) == {company: True}
    assert dict(server.portal.associations.of("companies", company, "contacts")) == {keeper: True}


def test_erased_people_leave_nothing(server: HubSpot) -> None:
    made, other = server.contacts(2)
    server.portal.form("f-1", "Demo")
    for number in range(2):
        server.portal.submission("f-1", f"person{number}@example.com", NOW, "https://x.example/demo")
        server.portal.email_event(f"person{number}@example.com", "OPEN", NOW, campaign_id=1)
    body = {"objectId": "person0@example.com", "idProperty": "email"}
    assert server.post("/crm/v3/objects/contacts/gdpr-delete", body).status_code == 204
    assert server.get(f"/crm/v3/objects/contacts/{made}").status_code == 404
    assert server.get(f"/crm/v3/objects/contacts/{made}", archived="true").status_code == 404
    assert ids(server.get("/crm/v3/objects/contacts")) == [other]
    left = server.get("/form-integrations/v1/submissions/forms/f-1").text + server.get("/email/public/v1/events").text
    assert "person0" not in left
    assert "person1" in left


def test_types_count_their_ids_independently(server: HubSpot) -> None:
    contact = server.contact()
    company = server.portal.create("companies", {"name": "Acme"}, created=NOW)
    assert contact == company


def test_unknown_paths_and_types(server: HubSpot) -> None:
    lost = server.get("/crm/v3/objcets/contacts")
    assert lost.status_code == 404
    assert "no GET /crm/v3/objcets/contacts" in lost.json()["message"]
    unknown = server.get("/crm/v3/objects/unicorns")
    assert unknown.status_code == 400
    assert "Unable to infer object type from: unicorns" in unknown.json()["message"]
    assert "category" not in unknown.json()
    assert server.get("/crm/v3/objects/contacts/999").json().keys() == {"status", "message", "correlationId"}
    assert server.get("/crm/v3/objects/contacts", no_such_keyword="1").status_code == 200


@pytest.mark.parametrize("base", ["/crm/v3/objects", "/crm/objects/2026-03", "/crm/objects/2026-09"])
def test_dated_versions_give_the_same(server: HubSpot, base: str) -> None:
    made = server.contact()
    assert ids(server.get(f"{base}/0-1")) == [made]
    assert server.get(f"{base}/contact/{made}").json()["id"] == made


def test_associations_on_a_read_record(server: HubSpot) -> None:
    made = server.contact()
    company = server.portal.create("companies", {"name": "Acme"}, created=NOW)
    server.portal.associate("contacts", made, "companies", company)
    row = server.get(f"/crm/v3/objects/contacts/{made}", associations="companies", properties="associatedcompanyid")
    assert row.json()["associations"]["companies"]["results"] == [{"id": company, "type": "contact_to_company"}]
    assert row.json()["properties"]["associatedcompanyid"] == company
    assert server.portal.objects["contacts"][made].updated == NOW - timedelta(days=10)


def test_history_is_refused_rather_than_left_out(server: HubSpot) -> None:
    made = server.contact()
    assert server.get("/crm/v3/objects/contacts", propertiesWithHistory="lifecyclestage").status_code == 400
    body = {"inputs": [{"id": made}], "propertiesWithHistory": ["lifecyclestage"]}
    assert server.post("/crm/v3/objects/contacts/batch/read", body).status_code == 400
    assert server.post("/crm/v3/objects/contacts/batch/read", body | {"propertiesWithHistory": []}).status_code == 200


def test_contacts_show_both_modified_times(server: HubSpot) -> None:
    server.contact()
    shown = server.get("/crm/v3/objects/contacts", properties="hs_lastmodifieddate").json()["results"][0]["properties"]
    assert shown["hs_lastmodifieddate"] == shown["lastmodifieddate"]
