"""The vendor's community client talks to the sandbox as it would to Salesforce."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import pytest
from conftest import NOW
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from simple_salesforce import bulk2
from simple_salesforce.exceptions import SalesforceAuthenticationFailed, SalesforceMalformedRequest

if TYPE_CHECKING:
    import salesforce_kit
    from salesforce_kit import Server


def leads(server: Server, number: int) -> list[str]:
    return [
        server.org.insert("Lead", {"LastName": f"Lead {n}", "Company": "Acme", "Email": f"l{n}@x.example"}, created=NOW)
        for n in range(number)
    ]


def test_client_credentials_and_paging(server: Server) -> None:
    made = leads(server, 4_500)
    client = server.client()
    first = client.query("SELECT Id, Name FROM Lead")
    assert (first["totalSize"], first["done"], len(first["records"])) == (4_500, False, 2_000)
    second = client.query_more(first["nextRecordsUrl"], identifier_is_url=True)
    third = client.query_more(second["nextRecordsUrl"], identifier_is_url=True)
    assert third["done"] is True
    assert len(third["records"]) == 500
    assert {row["Id"] for row in client.query_all_iter("SELECT Id FROM Lead")} == set(made)
    assert client.query("SELECT COUNT() FROM Lead")["totalSize"] == 4_500


def test_wrong_secret_is_refused(server: Server) -> None:
    with pytest.raises(SalesforceAuthenticationFailed) as refusal:
        server.client(consumer_key="sandbox-client", consumer_secret="wrong")
    assert refusal.value.code == "invalid_client"


def test_jwt_bearer_needs_the_registered_key(server: Server) -> None:
    server.shared.clock.advance(_until_real_now(server))  # simple-salesforce stamps assertions by the machine's clock
    right, wrong = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
    server.org.jwt_keys["jwt-client", "integration@sandbox.example"] = (
        right.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )

    def log_in(key: rsa.RSAPrivateKey, username: str = "integration@sandbox.example") -> salesforce_kit.Salesforce:
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return server.client(username=username, consumer_key="jwt-client", privatekey=pem.decode())

    assert log_in(right).limits()["DailyApiRequests"]["Max"] == 100_000
    with pytest.raises(SalesforceAuthenticationFailed, match="invalid assertion"):
        log_in(wrong)
    with (
        pytest.raises(SalesforceAuthenticationFailed, match="user hasn't approved this consumer"),
        pytest.warns(UserWarning, match="authorize this"),
    ):
        log_in(right, "stranger@sandbox.example")
    server.shared.clock.advance(3_600)
    with pytest.raises(SalesforceAuthenticationFailed, match="expired"):
        log_in(right)


def _until_real_now(server: Server) -> float:
    from sandbox.core import SandboxClock

    return (SandboxClock().now() - server.org.now()).total_seconds()


def test_describe_and_limits(server: Server) -> None:
    client = server.client()
    names = {each["name"] for each in client.describe()["sobjects"]}
    assert {"Lead", "Contact", "Account", "Opportunity", "Task", "Event", "Campaign", "CampaignMember"} <= names
    fields = {field["name"]: field for field in client.Lead.describe()["fields"]}
    assert fields["Title"]["length"] == 128
    assert fields["Id"]["updateable"] is False
    assert fields["Status"]["type"] == "picklist"
    assert client.limits()["DailyApiRequests"]["Max"] == 100_000


def test_collections_keep_the_order_of_the_request(server: Server) -> None:
    first, second = leads(server, 2)
    client = server.client()
    results = client.restful(
        "composite/sobjects",
        method="PATCH",
        headers={"Sforce-Auto-Assign": "FALSE"},
        json={
            "allOrNone": False,
            "records": [
                {"attributes": {"type": "Lead"}, "id": second, "Title": "CTO"},
                {"attributes": {"type": "Lead"}, "id": first, "Title": "x" * 129},
            ],
        },
    )
    assert results[0] == {"id": second, "success": True, "errors": []}
    assert results[1]["success"] is False
    assert "id" not in results[1]
    assert results[1]["errors"][0]["statusCode"] == "STRING_TOO_LONG"
    assert results[1]["errors"][0]["fields"] == ["Title"]
    assert server.org.tables["Lead"][second]["Title"] == "CTO"


def test_errors_carry_the_vendor_code(server: Server) -> None:
    with pytest.raises(SalesforceMalformedRequest) as refusal:
        server.client().query("SELECT Nonsense__c FROM Lead")
    assert refusal.value.content[0]["errorCode"] == "INVALID_FIELD"
    assert "No such column 'Nonsense__c' on entity 'Lead'" in refusal.value.content[0]["message"]


def test_bulk_query_in_pages(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk2, "sleep", lambda _seconds: None)
    made = leads(server, 250)
    client = server.client()
    pages = list(client.bulk2.Lead.query("SELECT Id, Email, CreatedDate FROM Lead", max_records=100))
    rows = [row for page in pages for row in csv.DictReader(io.StringIO(page))]
    assert len(pages) == 3
    assert {row["Id"] for row in rows} == set(made)
    assert rows[0]["CreatedDate"] == "2026-06-15T12:00:00.000Z"


def test_bulk_ingest_with_results(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk2, "sleep", lambda _seconds: None)
    made = leads(server, 50)
    client = server.client()
    records = [{"Id": lead, "Title": f"Title {n}" if n else "x" * 200} for n, lead in enumerate(made)]
    (job,) = client.bulk2.Lead.update(records=records)
    assert (job["numberRecordsProcessed"], job["numberRecordsFailed"]) == (50, 1)
    succeeded = list(csv.DictReader(io.StringIO(client.bulk2.Lead.get_successful_records(job["job_id"]))))
    failed = list(csv.DictReader(io.StringIO(client.bulk2.Lead.get_failed_records(job["job_id"]))))
    assert {row["sf__Id"] for row in succeeded} == set(made[1:])
    assert {row["sf__Created"] for row in succeeded} == {"false"}
    assert [row["sf__Id"] for row in succeeded] != made[1:]  # in no particular order
    assert failed[0]["sf__Error"].startswith("STRING_TOO_LONG:")
    assert failed[0]["sf__Error"].endswith(":Title --")
    assert client.bulk2.Lead.get_unprocessed_records(job["job_id"]).strip().replace('"', "") in {"Id,Title", "Title,Id"}


def test_tooling_field_becomes_visible_only_by_permission(server: Server) -> None:
    client = server.client()
    body = {"FullName": "Lead.Score__c", "Metadata": {"type": "Number", "label": "Score", "precision": 3, "scale": 0}}
    made = client.toolingexecute("sobjects/CustomField", method="POST", data=body)
    assert made["success"] is True
    assert "Score__c" not in {field["name"] for field in client.Lead.describe()["fields"]}
    client.FieldPermissions.create(
        {
            "ParentId": server.org.permission_set_id,
            "SobjectType": "Lead",
            "Field": "Lead.Score__c",
            "PermissionsRead": True,
            "PermissionsEdit": True,
        }
    )
    score = next(field for field in client.Lead.describe()["fields"] if field["name"] == "Score__c")
    assert (score["type"], score["precision"], score["updateable"]) == ("double", 3, True)
    found = client.toolingexecute("query", params={"q": "SELECT Id FROM CustomField WHERE DeveloperName = 'Score'"})
    assert [row["Id"] for row in found["records"]] == [made["id"]]
