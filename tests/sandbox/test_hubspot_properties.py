"""Property definitions and groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hubspot_kit import HubSpot, ids

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Sandbox


@pytest.fixture
def server(sandbox: Callable[..., Sandbox]) -> HubSpot:
    running = sandbox()
    return HubSpot(running.portal, running.shared, running.hubspot_url)


RATING = {
    "name": "leadgrade_rating",
    "label": "Rating",
    "groupName": "leadgrade",
    "type": "string",
    "fieldType": "text",
}


def test_the_group_comes_first(server: HubSpot) -> None:
    assert server.post("/crm/v3/properties/contacts", RATING).status_code == 400
    group = server.post("/crm/v3/properties/contacts/groups", {"name": "leadgrade", "label": "Lead scoring"})
    assert group.status_code == 201
    assert group.json() == {"name": "leadgrade", "label": "Lead scoring", "displayOrder": -1, "archived": False}
    assert server.post("/crm/v3/properties/contacts", RATING).status_code == 201
    assert server.post("/crm/v3/properties/contacts", RATING).status_code == 409
    assert server.post("/crm/v3/properties/contacts/groups", {"name": "leadgrade", "label": "x"}).status_code == 409
    assert server.get("/crm/v3/properties/contacts/groups/leadgrade").status_code == 200
    assert server.get("/crm/v3/properties/contacts/groups/other").status_code == 404


@pytest.mark.parametrize("base", ["/crm/v3/properties", "/crm/properties/2026-03", "/crm/properties/2026-09"])
def test_created_properties_can_be_written_and_read(server: HubSpot, base: str) -> None:
    made = server.contact()
    server.post(f"{base}/contacts/groups", {"name": "leadgrade", "label": "Lead scoring"})
    assert (
        server.get("/crm/v3/objects/contacts", properties="leadgrade_rating")
        .json()["results"][0]["properties"]
        .get("leadgrade_rating", "unknown")
        == "unknown"
    )
    server.post(f"{base}/contacts", RATING)
    found = server.get(f"{base}/contacts/leadgrade_rating").json()
    assert (found["hubspotDefined"], found["calculated"], found["modificationMetadata"]["readOnlyValue"]) == (
        False,
        False,
        False,
    )
    server.update({"id": made, "properties": {"leadgrade_rating": "A1"}})
    shown = server.get("/crm/v3/objects/contacts", properties="leadgrade_rating").json()["results"][0]
    assert shown["properties"]["leadgrade_rating"] == "A1"


def test_batch_create_names_what_exists(server: HubSpot) -> None:
    server.portal.groups["contacts"]["leadgrade"] = "Lead scoring"
    server.post("/crm/v3/properties/contacts", RATING)
    trend = RATING | {"name": "leadgrade_trend"}
    answer = server.post("/crm/v3/properties/contacts/batch/create", {"inputs": [RATING, trend]})
    assert answer.status_code == 207
    body = answer.json()
    assert [row["name"] for row in body["results"]] == ["leadgrade_trend"]
    error = body["errors"][0]
    assert (error["category"], error["subCategory"]) == (
        "OBJECT_ALREADY_EXISTS",
        "Properties.PROPERTY_WITH_NAME_EXISTS",
    )
    assert error["context"] == {"name": ["leadgrade_rating"]}
    fresh = server.post("/crm/v3/properties/contacts/batch/create", {"inputs": [RATING | {"name": "leadgrade_fit"}]})
    assert fresh.status_code == 201


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "Leadgrade Rating"},
        {"label": ""},
        {"type": "text"},
        {"fieldType": "number"},
        {"type": "bool", "fieldType": "booleancheckbox"},
        {"type": "enumeration", "fieldType": "select", "options": [{"value": "a"}]},
    ],
)
def test_bad_definitions(server: HubSpot, wrong: dict[str, Any]) -> None:
    server.portal.groups["contacts"]["leadgrade"] = "Lead scoring"
    assert server.post("/crm/v3/properties/contacts", RATING | wrong).status_code == 400
    assert "leadgrade_rating" not in server.portal.properties["contacts"]


def test_built_in_definitions(server: HubSpot) -> None:
    found = {one["name"]: one for one in server.get("/crm/v3/properties/contacts").json()["results"]}
    assert len(found) >= 80
    assert {"email", "hs_analytics_num_page_views", "salesforceleadid", "salesforcecontactid"} <= set(found)
    assert found["hs_email_optout"]["type"] == "bool"
    assert found["hs_email_optout"]["modificationMetadata"]["readOnlyValue"] is True
    assert found["hubspotscore"]["calculated"] is True
    assert found["hubspot_owner_id"]["options"] == []
    assert found["associatedcompanyid"]["type"] == "number"
    assert [one["value"] for one in found["lifecyclestage"]["options"]] == [
        "subscriber", "lead", "marketingqualifiedlead", "salesqualifiedlead", "opportunity", "customer", "evangelist",
        "other",
    ]  # fmt: skip
    assert len(found["hs_analytics_source"]["options"]) == 10
    deals = {one["name"] for one in server.get("/crm/v3/properties/deals").json()["results"]}
    assert {"dealname", "amount", "dealstage", "hs_is_closed_won", "closedate"} <= deals
    for kind in ("companies", "calls", "emails", "meetings", "notes", "tasks", "communications"):
        names = {one["name"] for one in server.get(f"/crm/v3/properties/{kind}").json()["results"]}
        assert {"hs_object_id", "hs_lastmodifieddate"} <= names


def test_archived_properties_refuse_values(server: HubSpot) -> None:
    server.portal.groups["contacts"]["leadgrade"] = "Lead scoring"
    server.post("/crm/v3/properties/contacts", RATING)
    assert server.call("DELETE", "/crm/v3/properties/contacts/leadgrade_rating").status_code == 204
    assert server.get("/crm/v3/properties/contacts/leadgrade_rating").status_code == 404
    answer = server.update({"id": server.contact(), "properties": {"leadgrade_rating": "A1"}})
    assert answer.json()["errors"][0]["code"] == "PROPERTY_DOESNT_EXIST"
    assert server.call("DELETE", "/crm/v3/properties/contacts/email").status_code == 400


def test_definitions_can_change_between_two_calls(server: HubSpot) -> None:
    server.portal.define("contacts", "plan", options={"a": "A"}, type="enumeration", fieldType="select")
    body = {"options": [{"label": "A", "value": "a"}, {"label": "B", "value": "b"}], "label": "Plan"}
    changed = server.call("PATCH", "/crm/v3/properties/contacts/plan", json=body).json()
    assert [one["value"] for one in changed["options"]] == ["a", "b"]
    made = server.contact()
    assert server.update({"id": made, "properties": {"plan": "b"}}).status_code == 200
    server.portal.properties["contacts"]["plan"]["modificationMetadata"]["readOnlyValue"] = True
    refused = server.update({"id": made, "properties": {"plan": "a"}})
    assert refused.json()["errors"][0]["code"] == "READ_ONLY_VALUE"


def test_batch_read(server: HubSpot) -> None:
    inputs = [{"name": "email"}, {"name": "no_such"}]
    answer = server.post("/crm/v3/properties/contacts/batch/read", {"inputs": inputs})
    assert answer.status_code == 207
    assert [row["name"] for row in answer.json()["results"]] == ["email"]


def test_pipelines_tell_which_stages_are_closed(server: HubSpot) -> None:
    (pipeline,) = server.get("/crm/v3/pipelines/deals").json()["results"]
    closed = {stage["id"]: stage["metadata"] for stage in pipeline["stages"] if stage["metadata"]["isClosed"] == "true"}
    assert closed == {
        "closedwon": {"isClosed": "true", "probability": "1.0"},
        "closedlost": {"isClosed": "true", "probability": "0.0"},
    }
    assert server.get("/crm/v3/pipelines/deals/default").json() == pipeline
    assert server.get("/crm/v3/pipelines/contacts").json()["results"][0]["id"] == "contacts-lifecycle-pipeline"


def test_owners_who_left_are_listed_apart(server: HubSpot) -> None:
    here = server.portal.owner("ada@acme.example", "Ada", "L")
    gone = server.portal.owner("bob@acme.example", "Bob", "M", archived=True)
    assert ids(server.get("/crm/v3/owners")) == [here]
    row = server.get("/crm/v3/owners", archived="true").json()["results"][0]
    assert (row["id"], row["userId"]) == (gone, None)
    assert row["userIdIncludingInactive"] is not None
    assert server.get(f"/crm/v3/owners/{gone}").status_code == 404
