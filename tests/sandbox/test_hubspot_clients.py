"""The vendor's own Python client talks to the sandbox as it would to HubSpot."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from conftest import NOW
from hubspot.crm.associations.v4 import BatchInputPublicFetchAssociationsBatchRequest
from hubspot.crm.contacts import (
    BatchInputSimplePublicObjectBatchInput,
    BatchReadInputSimplePublicObjectId,
    PublicObjectSearchRequest,
    SimplePublicObjectInput,
)
from hubspot.crm.contacts.exceptions import ApiException, UnauthorizedException
from hubspot.crm.properties import PropertyCreate, PropertyGroupCreate
from hubspot_kit import HubSpot, filtered, ms

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Sandbox


@pytest.fixture
def server(sandbox: Callable[..., Sandbox]) -> HubSpot:
    running = sandbox()
    return HubSpot(running.portal, running.shared, running.hubspot_url)


@pytest.fixture
def client(server: HubSpot) -> Any:
    return server.client()


def test_list_pages(server: HubSpot, client: Any) -> None:
    made = server.contacts(25, firstname="Ada")
    api = client.crm.contacts.basic_api
    page = api.get_page(limit=10, properties=["firstname", "jobtitle"])
    assert [one.id for one in page.results] == made[:10]
    assert page.results[0].properties["firstname"] == "Ada"
    assert page.results[0].properties["jobtitle"] is None
    assert page.results[0].created_at.astimezone(NOW.tzinfo) == NOW - timedelta(days=10)
    assert page.paging.next.after == made[10]
    last = api.get_page(limit=10, after=made[20])
    assert [one.id for one in last.results] == made[20:]
    assert last.paging is None


def test_search(server: HubSpot, client: Any) -> None:
    made = server.contacts(12)
    server.portal.update("contacts", made[3], {"jobtitle": "CTO"}, at=NOW)
    request = PublicObjectSearchRequest(
        filter_groups=[{"filters": [filtered("lastmodifieddate", "GTE", ms(NOW - timedelta(days=1)))]}],
        sorts=[{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
        properties=["jobtitle"],
        limit=200,
    )
    found = client.crm.contacts.search_api.do_search(public_object_search_request=request)
    assert found.total == 1
    assert (found.results[0].id, found.results[0].properties["jobtitle"]) == (made[3], "CTO")


def test_batch_read_and_update(server: HubSpot, client: Any) -> None:
    made = server.contacts(3)
    api = client.crm.contacts.batch_api
    read = api.read(
        batch_read_input_simple_public_object_id=BatchReadInputSimplePublicObjectId(
            properties=["email"], properties_with_history=[], inputs=[{"id": one} for one in [*made, "999999"]]
        )
    )
    assert type(read).__name__ == "BatchResponseSimplePublicObjectWithErrors"  # 207
    assert {one.id for one in read.results} == set(made)
    assert read.errors[0].context == {"ids": ["999999"]}
    written = api.update(
        batch_input_simple_public_object_batch_input=BatchInputSimplePublicObjectBatchInput(
            inputs=[{"id": one, "properties": {"jobtitle": "CEO"}} for one in made]
        )
    )
    assert written.status == "COMPLETE"
    assert {record.properties["jobtitle"] for record in server.portal.objects["contacts"].values()} == {"CEO"}


def test_single_update_and_its_refusal(server: HubSpot, client: Any) -> None:
    made = server.contact()
    api = client.crm.contacts.basic_api
    changed = api.update(
        contact_id=made, simple_public_object_input=SimplePublicObjectInput(properties={"firstname": "Grace"})
    )
    assert changed.properties["firstname"] == "Grace"
    with pytest.raises(ApiException) as refusal:
        api.update(
            contact_id=made, simple_public_object_input=SimplePublicObjectInput(properties={"hubspotscore": "9"})
        )
    assert refusal.value.status == 400
    assert "READ_ONLY_VALUE" in refusal.value.body


def test_associations_v4(server: HubSpot, client: Any) -> None:
    with_company, without = server.contacts(2)
    company = server.portal.create("companies", {"name": "Acme"}, created=NOW)
    server.portal.associate("contacts", with_company, "companies", company, primary=True)
    answer = client.crm.associations.v4.batch_api.get_page(
        from_object_type="contacts",
        to_object_type="companies",
        batch_input_public_fetch_associations_batch_request=BatchInputPublicFetchAssociationsBatchRequest(
            inputs=[{"id": with_company}, {"id": without}]
        ),
    )
    assert [one._from.id for one in answer.results] == [with_company]
    assert str(answer.results[0].to[0].to_object_id) == company
    assert answer.errors[0].sub_category == "crm.associations.NO_ASSOCIATIONS_FOUND"


def test_properties_and_groups(server: HubSpot, client: Any) -> None:
    client.crm.properties.groups_api.create(
        object_type="contacts", property_group_create=PropertyGroupCreate(name="leadgrade", label="Lead scoring")
    )
    made = client.crm.properties.core_api.create(
        object_type="contacts",
        property_create=PropertyCreate(
            name="leadgrade_rating", label="Rating", group_name="leadgrade", type="string", field_type="text"
        ),
    )
    assert made.modification_metadata.read_only_value is False
    listed = client.crm.properties.core_api.get_all(object_type="contacts").results
    assert len(listed) > 100
    by_name = {one.name: one for one in listed}
    assert by_name["leadgrade_rating"].hubspot_defined is False
    assert by_name["hs_email_open"].modification_metadata.read_only_value is True
    assert [option.value for option in by_name["lifecyclestage"].options][:2] == ["subscriber", "lead"]


def test_refresh_token_gives_a_token_that_works(server: HubSpot, client: Any) -> None:
    server.contact()
    fresh = client.oauth.tokens_api.create(
        grant_type="refresh_token",
        client_id="sandbox-client",
        client_secret="sandbox-secret",
        refresh_token="sandbox-refresh",
    )
    assert (fresh.expires_in, fresh.refresh_token) == (1800, "sandbox-refresh")
    second = server.client(fresh.access_token)
    assert len(second.crm.contacts.basic_api.get_page().results) == 1
    server.shared.clock.advance(1801)
    with pytest.raises(UnauthorizedException) as refusal:
        second.crm.contacts.basic_api.get_page()
    assert "EXPIRED_AUTHENTICATION" in refusal.value.body


def test_dated_paths_through_the_same_transport(server: HubSpot, client: Any) -> None:
    made = server.contact()
    api_client = client.crm.contacts.basic_api.api_client
    for version in ("2026-03", "2026-09"):
        raw = api_client.call_api(
            f"/crm/objects/{version}/contacts/{made}",
            "GET",
            auth_settings=["oauth2"],
            _preload_content=False,
            _return_http_data_only=True,
        )
        assert raw.status == 200
        assert made.encode() in raw.data
