"""The dated versions of HubSpot's API beside the old ones: where they live and what differs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from conftest import NOW
from hubspot_kit import HubSpot

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from conftest import Sandbox

DATES = ("2026-03", "2026-09")


@pytest.fixture
def server(sandbox: Callable[..., Sandbox]) -> HubSpot:
    running = sandbox()
    server = HubSpot(running.portal, running.shared, running.hubspot_url)
    server.portal.enterprise = True
    server.portal.subscription(11, "Newsletter")
    server.portal.owner("ann@x.example", "Ann", "Lee")
    company = server.portal.create("companies", {"name": "Acme"}, created=NOW)
    server.portal.associate("contacts", server.contact(), "companies", company)
    return server


@pytest.mark.parametrize("date", DATES)
@pytest.mark.parametrize(
    ("method", "old", "dated", "body"),
    [
        ("GET", "/crm/v3/objects/contacts", "/crm/objects/{v}/contacts", None),
        ("GET", "/crm/v3/objects/contacts/501", "/crm/objects/{v}/contacts/501", None),
        ("POST", "/crm/v3/objects/contacts/search", "/crm/objects/{v}/contacts/search", {"sorts": ["email"]}),
        (
            "POST", "/crm/v4/associations/contacts/companies/batch/read",
            "/crm/associations/{v}/contacts/companies/batch/read", {"inputs": [{"id": "501"}]},
        ),
        ("GET", "/crm/v3/properties/contacts", "/crm/properties/{v}/contacts", None),
        ("GET", "/crm/v3/properties/contacts/groups", "/crm/properties/{v}/contacts/groups", None),
        ("GET", "/crm/v3/pipelines/deals", "/crm/pipelines/{v}/deals", None),
        ("GET", "/crm/v3/owners", "/crm/owners/{v}", None),
        ("GET", "/account-info/v3/details", "/account-info/{v}/details", None),
        ("GET", "/events/v3/events/event-types", "/events/event-occurrences/{v}/event-types", None),
        (
            "GET", "/communication-preferences/v4/statuses/a@x.example?channel=EMAIL",
            "/communication-preferences/{v}/statuses/a@x.example?channel=EMAIL", None,
        ),
    ],
)  # fmt: skip
def test_a_resource_answers_alike_in_all_versions(
    server: HubSpot, method: str, old: str, dated: str, body: Any, date: str
) -> None:
    before = server.call(method, old, json=body)
    after = server.call(method, dated.replace("{v}", date), json=body)
    assert (before.status_code, after.status_code) == (200, 200)
    assert after.json() == before.json()


@pytest.mark.parametrize(
    "path",
    [
        "/crm/objects/2027-03/contacts",
        "/crm/v4/objects/contacts",
        "/oauth/2026-03/access-tokens/x",
        "/marketing/2026-09/forms",
        "/email/public/2026-09/events",
        "/crm/v3/lists/1/memberships",
        "/engagements/v1/engagements/recent/modified",
    ],
)
def test_paths_that_are_not_there_are_refused_loudly(server: HubSpot, path: str) -> None:
    answer = server.get(path)
    assert answer.status_code == 404
    assert path in answer.json()["message"]


def test_links_of_one_record_are_gone_in_2026_09(server: HubSpot) -> None:
    assert server.get("/crm/v4/objects/contacts/501/associations/companies").json()["results"] != []
    assert server.get("/crm/objects/2026-03/contacts/501/associations/companies").json()["results"] != []
    assert server.get("/crm/objects/2026-09/contacts/501/associations/companies").status_code == 404


def test_validation_rules_bind_integrations_since_2026_09(server: HubSpot) -> None:
    def needs_a_city(kind: str, properties: Mapping[str, str]) -> str | None:
        return "Contacts need a city." if kind == "contacts" and not properties.get("city") else None

    server.portal.write_rules.append(needs_a_city)
    change = {"id": "501", "properties": {"jobtitle": "CTO"}}
    assert [server.update(change, version=version).status_code for version in ("", "2026-03")] == [200, 200]
    refused = server.update(change, version="2026-09")
    assert (refused.status_code, refused.json()["category"]) == (400, "VALIDATION_ERROR")
    traced = server.update(change | {"objectWriteTraceId": "t-1"}, version="2026-09")
    assert traced.json()["errors"][0]["context"]["objectWriteTraceId"] == ["t-1"]
    change["properties"] = {"city": "Bonn"}
    assert server.update(change, version="2026-09").status_code == 200
