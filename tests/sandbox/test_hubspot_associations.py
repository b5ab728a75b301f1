"""Associations v4."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from conftest import NOW
from hubspot_kit import HubSpot

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests
    from conftest import Sandbox


@pytest.fixture
def server(sandbox: Callable[..., Sandbox]) -> HubSpot:
    running = sandbox()
    return HubSpot(running.portal, running.shared, running.hubspot_url)


def link(server: HubSpot, contact: str, count: int = 1) -> list[str]:
    made = [server.portal.create("companies", {"name": f"Acme {number}"}, created=NOW) for number in range(count)]
    for company in made:
        server.portal.associate("contacts", contact, "companies", company)
    return made


def read(server: HubSpot, *inputs: dict[str, Any], pair: str = "contacts/companies") -> requests.Response:
    return server.post(f"/crm/v4/associations/{pair}/batch/read", {"inputs": list(inputs)})


def test_ids_of_the_far_side_are_numbers(server: HubSpot) -> None:
    made = server.contact()
    (company,) = link(server, made)
    answer = read(server, {"id": made})
    assert answer.status_code == 200
    row = answer.json()["results"][0]
    assert row["from"] == {"id": made}
    assert row["to"][0]["toObjectId"] == int(company)
    assert "errors" not in answer.json()


def test_records_without_links_make_it_a_207(server: HubSpot) -> None:
    linked, alone = server.contacts(2)
    link(server, linked)
    answer = read(server, {"id": alone}, {"id": linked}, {"id": "abc"})
    assert answer.status_code == 207
    body = answer.json()
    assert [row["from"]["id"] for row in body["results"]] == [linked]
    none, invalid = body["errors"]
    assert (none["category"], none["subCategory"]) == (
        "OBJECT_NOT_FOUND",
        "crm.associations.NO_ASSOCIATIONS_FOUND",
    )
    assert none["context"] == {"fromObjectId": [alone], "fromObjectType": ["contact"], "toObjectType": ["company"]}
    assert invalid["subCategory"] == "crm.associations.INVALID_IDENTIFIER"
    assert invalid["context"] == {"id": ["abc"]}


def test_the_primary_one_is_told_by_its_label_not_by_its_place(server: HubSpot) -> None:
    made = server.contact()
    first, second = link(server, made, 2)
    assert server.portal.objects["contacts"][made].properties["associatedcompanyid"] == first
    server.portal.associate("contacts", made, "companies", second, primary=True)
    rows = read(server, {"id": made}).json()["results"][0]["to"]
    labels = {row["toObjectId"]: [one["label"] for one in row["associationTypes"]] for row in rows}
    numbers = {row["toObjectId"]: [one["typeId"] for one in row["associationTypes"]] for row in rows}
    assert labels == {int(first): [None], int(second): ["Primary", None]}
    assert numbers == {int(first): [279], int(second): [1, 279]}
    assert rows[0]["toObjectId"] == int(first)
    assert server.portal.objects["contacts"][made].properties["associatedcompanyid"] == second
    back = read(server, {"id": second}, pair="companies/contacts").json()["results"][0]["to"][0]
    assert [one["typeId"] for one in back["associationTypes"]] == [2, 280]


def test_many_links_come_in_pages(server: HubSpot) -> None:
    made = server.contact()
    companies = link(server, made, 1_200)
    seen: list[int] = []
    after: str | None = None
    pages = 0
    while pages == 0 or after is not None:
        row = read(server, {"id": made} | ({} if after is None else {"after": after})).json()["results"][0]
        seen += [one["toObjectId"] for one in row["to"]]
        after = row.get("paging", {}).get("next", {}).get("after")
        pages += 1
    assert pages == 3
    assert sorted(seen) == [int(one) for one in companies]


def test_results_come_in_no_order(server: HubSpot) -> None:
    made = server.contacts(40)
    for one in made:
        link(server, one)
    rows = read(server, *({"id": one} for one in made)).json()["results"]
    assert [row["from"]["id"] for row in rows] != made
    assert sorted((row["from"]["id"] for row in rows), key=int) == made


def test_a_thousand_inputs(server: HubSpot) -> None:
    server.contacts(1)
    inputs = [{"id": str(number)} for number in range(1001)]
    assert read(server, *inputs).status_code == 400
    assert read(server, *inputs[:1000]).status_code == 207


def test_archived_far_sides_are_left_out(server: HubSpot) -> None:
    made = server.contact()
    first, second = link(server, made, 2)
    server.portal.archive("companies", first)
    assert [row["toObjectId"] for row in read(server, {"id": made}).json()["results"][0]["to"]] == [int(second)]


def test_pairs(server: HubSpot) -> None:
    made = server.contact()
    call = server.portal.create("calls", {"hs_call_title": "Hello"}, created=NOW)
    server.portal.associate("calls", call, "contacts", made)
    row = read(server, {"id": call}, pair="0-48/contact").json()["results"][0]
    assert row["to"][0]["associationTypes"][0]["typeId"] == 194
    assert read(server, {"id": call}, pair="calls/notes").status_code == 404
    assert read(server, {"id": call}, pair="calls/unicorns").status_code == 400
    dated = server.post("/crm/associations/2026-09/calls/contacts/batch/read", {"inputs": [{"id": call}]})
    assert dated.json()["results"] == [row]


def test_one_record(server: HubSpot) -> None:
    made = server.contact()
    (company,) = link(server, made)
    rows = server.get(f"/crm/v4/objects/contacts/{made}/associations/companies").json()["results"]
    assert [row["toObjectId"] for row in rows] == [int(company)]


def test_links_do_not_touch_modified_times(server: HubSpot) -> None:
    made = server.contact(days_ago=5)
    deal = server.portal.create("deals", {"dealname": "Big"}, created=NOW)
    server.portal.associate("deals", deal, "contacts", made)
    record = server.portal.objects["contacts"][made]
    assert record.properties["num_associated_deals"] == "1"
    assert record.updated == NOW - timedelta(days=5)
