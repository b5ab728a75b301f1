"""Logging in to Salesforce, and keeping to one organisation's secrets."""

from __future__ import annotations

import logging
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import SecretStr

from config.settings import SalesforceSettings
from connectors.base import Change
from connectors.errors import AuthStop, ConfigProblem, ConnectorError, Unreachable
from connectors.salesforce.auth import SessionTokens, host_of, login_arguments
from connectors.salesforce.client import make_session
from tests.connectors.conftest import SERVER_TIME
from tests.connectors.salesforce_rig import SalesforceRig
from tests.connectors.salesforce_rig import rig as running_rig

if TYPE_CHECKING:
    from pathlib import Path

MY_DOMAIN = "https://acme.my.salesforce.com"


@pytest.fixture(scope="module")
def keys() -> tuple[str, str]:
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    secret = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return secret.decode(), public.decode()


def logins(sf: SalesforceRig) -> int:
    return sum(call.path == "/services/oauth2/token" for call in sf.journal)


def test_jwt_bearer_logs_in(keys: tuple[str, str], tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    key.write_text(keys[0])
    with running_rig(datetime.now(UTC)) as sf:  # noqa: TID251 - the assertion is dated by the machine's clock
        sf.org.jwt_keys["jwt-client", "integration@sandbox.example"] = keys[1]
        jwt: dict[str, Any] = {
            "auth": "jwt", "client_id": "jwt-client", "client_secret": None, "private_key_file": key,
        }  # fmt: skip
        assert sf.connector(**jwt, username="integration@sandbox.example").identify().account_id == sf.org.org_id
        with pytest.raises(AuthStop, match=r"invalid_grant.*authorise") as refused:
            sf.connector(**jwt, username="nobody@sandbox.example").identify()
        assert "nobody" not in str(refused.value)
        key.write_text("not a key")
        with pytest.raises(ConfigProblem, match="private key"):
            sf.connector(**jwt, username="integration@sandbox.example").identify()


def test_a_refused_grant_is_final(sf: SalesforceRig) -> None:
    sf.troubles.set("login_refused", times=None)
    connector = sf.connector()
    for _ in range(3):
        with pytest.raises(AuthStop, match=r"login was refused \(invalid_grant\)"):
            connector.identify()
    assert logins(sf) == 1


def test_a_wrong_secret_says_what_to_check(sf: SalesforceRig) -> None:
    with pytest.raises(AuthStop, match="client secret") as refused:
        sf.connector(client_secret=SecretStr("canary-secret")).identify()
    assert "canary" not in str(refused.value)


def test_one_refusal_is_one_login_and_a_second_one_stops(sf: SalesforceRig) -> None:
    connector = sf.connector()
    connector.identify()
    sf.troubles.set("session_expired")
    connector.identify()
    assert logins(sf) == 2
    sf.troubles.set("session_expired", times=None)
    with pytest.raises(AuthStop, match="session was refused"):
        connector.identify()
    assert logins(sf) == 3


def test_a_login_page_that_fails_in_passing_is_waited_out(sf: SalesforceRig) -> None:
    sf.troubles.set("html_502", match="/oauth2/token", times=2)
    sf.troubles.set("no_answer", match="/oauth2/token")
    connector = sf.connector()
    assert connector.identify().account_id == sf.org.org_id
    assert connector.usage().retries == 3
    sf.troubles.set("html_502", match="/oauth2/token", times=None)
    with pytest.raises(Unreachable):
        sf.connector().identify()


def test_threads_that_are_refused_together_log_in_once(sf: SalesforceRig) -> None:
    settings = SalesforceSettings(
        login_url=sf.url, client_id="sandbox-client", client_secret=SecretStr("sandbox-secret")
    )
    host = host_of(sf.url)
    tokens = SessionTokens(settings, host, make_session(host.loopback))
    old = tokens.current()
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(tokens.renew(old))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert found[0] != old
    assert logins(sf) == 2


@pytest.mark.parametrize(
    "url",
    [
        "http://acme.my.salesforce.com", "http://127.0.0.1.evil.example", "https://evil.example",
        "https://my.salesforce.com.evil.example", "ftp://127.0.0.1", "acme",
    ],
)  # fmt: skip
def test_only_salesforce_by_https_and_loopback_by_http_are_spoken_to(url: str) -> None:
    with pytest.raises(ConfigProblem):
        host_of(url)


def test_hosts_and_audiences(tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    key.write_text("k")

    def audience(url: str) -> str:
        settings = SalesforceSettings(login_url=url, auth="jwt", client_id="c", username="u", private_key_file=key)
        return str(login_arguments(settings, host_of(url))["domain"])

    assert audience(MY_DOMAIN) == "login"
    assert audience("https://acme--uat.sandbox.my.salesforce.com") == "test"
    assert audience("https://test.salesforce.com") == "test"
    assert host_of("http://127.0.0.1:8081/").loopback == "http://127.0.0.1:8081"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "client_id"),
        ({"client_id": "c"}, "LEADGRADE_SALESFORCE__CLIENT_SECRET"),
        ({"client_id": "c", "client_secret_file": "/nowhere/secret"}, "cannot be read"),
        ({"client_id": "c", "auth": "jwt"}, "private_key_file"),
        ({"client_id": "c", "client_secret": "s", "login_url": "https://login.salesforce.com"}, "My Domain"),
    ],
)
def test_missing_settings_are_named(settings: dict[str, Any], words: str) -> None:
    made = SalesforceSettings(**({"login_url": MY_DOMAIN} | settings))
    with pytest.raises(ConfigProblem, match=words):
        login_arguments(made, host_of(made.login_url))


def test_another_organisation_than_the_pinned_one_is_a_finding(sf: SalesforceRig) -> None:
    found = {finding.subject: finding for finding in sf.connector(org_id="00D999999999999").check()}
    assert found["organisation"].level == "fail"
    found = {finding.subject: finding for finding in sf.connector(org_id=sf.org.org_id[:15]).check()}
    assert "organisation" not in found


def test_check_ends_with_the_refused_login_and_does_not_raise(sf: SalesforceRig) -> None:
    sf.troubles.set("login_refused")
    [finding] = sf.connector().check()
    assert (finding.level, finding.subject) == ("fail", "login")


def test_a_loopback_that_nobody_listens_on_is_unreachable() -> None:
    with running_rig(SERVER_TIME) as sf:
        connector = sf.connector()
    with pytest.raises(Unreachable, match=r"login: no connection"):
        connector.identify()


def test_secrets_and_addresses_stay_out_of_every_error_and_log(
    sf: SalesforceRig, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    sf.connector().provision(dry_run=False)
    lead = sf.person(1, first_name="Canaryname", last_name="canary@example.com")
    sf.org.validation_rules.append(lambda _, row: f"Ask {row['LastName']} on +49 170 1234567 first.")
    texts: list[str] = []
    with structlog.testing.capture_logs() as logs:
        for trouble, settings in [
            ("daily_limit", {}), ("api_disabled", {}), ("query_timeout", {"times": None}), ("login_refused", {}),
            ("status", {"code": 418}), ("job_failed", {}), ("html_503", {}), ("session_expired", {"times": None}),
        ]:  # fmt: skip
            sf.troubles.clear()
            sf.troubles.set(trouble, **settings)
            connector = sf.connector(bulk_above=0)
            try:
                list(connector.pull("records.lead", None))
            except ConnectorError as error:
                texts.append(f"{error!r} {error} {error.__cause__!r} {error.__dict__}")
        sf.troubles.clear()
        texts += [repr(one) for above in (0, 2000) for one in sf.connector(bulk_above=above).push([_change(lead)])]
    text = repr(logs) + caplog.text + "".join(texts)
    assert "<e-mail>" in text
    tokens = {call.headers.get("authorization", "none").split()[-1] for call in sf.journal}
    for canary in ("canary@", "Canaryname", "170 1234567", "sandbox-secret", "person1@example.com", *tokens):
        assert canary not in text, canary


def _change(lead: str) -> Change:
    return Change("lead", lead, {"rating": "A1"})
