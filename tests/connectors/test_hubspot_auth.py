"""Credentials of HubSpot: what is asked for when, and what is final."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from config.attributes import BUILT_IN
from config.settings import HubSpotSettings
from connectors.door import Response
from connectors.errors import AuthStop, ConfigProblem, Unreachable
from connectors.hubspot.auth import AHEAD_S, RefreshedToken
from connectors.hubspot.connector import HubSpot
from sandbox.hubspot import portal as portals
from tests.connectors.rig import SandboxTime

if TYPE_CHECKING:
    from pathlib import Path

    from tests.connectors.hubspot_rig import HubSpotRig


def refreshes(hub: HubSpotRig) -> int:
    return sum(call.path.endswith("/token") for call in hub.journal)


def test_a_private_apps_token_needs_no_login(hub: HubSpotRig) -> None:
    assert hub.connector(access_token=SecretStr(portals.DEFAULT_TOKEN)).identify().account_id == hub.account_id
    assert refreshes(hub) == 0


def test_a_token_from_a_file(hub: HubSpotRig, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(portals.DEFAULT_TOKEN + "\n")
    connector = HubSpot(
        HubSpotSettings(base_url=hub.url, access_token_file=file), types=BUILT_IN, mapping={},
        clock=SandboxTime(hub.clock),
    )  # fmt: skip
    assert connector.identify().account_id == hub.account_id
    connector.close()


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"client_id": "app"},
        {"client_id": "app", "client_secret": SecretStr("s")},
        {"refresh_token": SecretStr("r")},
    ],
)
def test_missing_credentials_are_a_config_problem_before_any_call(hub: HubSpotRig, settings: dict) -> None:
    with pytest.raises(ConfigProblem, match="LEADGRADE_HUBSPOT__ACCESS_TOKEN"):
        HubSpot(HubSpotSettings(base_url=hub.url, **settings), types={}, mapping={}, clock=SandboxTime(hub.clock))


def test_a_token_file_that_is_not_there_is_a_config_problem(hub: HubSpotRig, tmp_path: Path) -> None:
    settings = HubSpotSettings(base_url=hub.url, access_token_file=tmp_path / "none")
    with pytest.raises(ConfigProblem, match="cannot be read"):
        HubSpot(settings, types={}, mapping={}, clock=SandboxTime(hub.clock))


def test_a_wrong_token_stops_after_one_call(hub: HubSpotRig) -> None:
    with pytest.raises(AuthStop, match="access token was refused") as caught:
        hub.connector(access_token=SecretStr("pat-na1-wrong")).identify()
    assert len(hub.journal) == 1
    assert "pat-na1-wrong" not in str(caught.value)


def test_12_tokens_are_renewed_ahead_of_their_expiry(hub: HubSpotRig) -> None:
    connector = hub.connector()
    for _ in range(12):
        connector.identify()
        hub.clock.advance(600)  # two hours in all, tokens live for half an hour
    assert all(call.status == 200 for call in hub.journal)
    assert 4 <= refreshes(hub) <= 6


def test_12_a_token_refused_early_is_renewed_once(hub: HubSpotRig) -> None:
    connector = hub.connector()
    connector.identify()
    hub.expire_token()
    connector.identify()
    assert refreshes(hub) == 2
    assert connector.usage().calls == 3


def test_12_a_refused_refresh_is_final(hub: HubSpotRig) -> None:
    connector = hub.connector(refresh_token=SecretStr("revoked"))
    for _ in range(3):
        with pytest.raises(AuthStop, match=r"refresh token was refused.*Connect the app"):
            connector.identify()
    assert len(hub.journal) == 1


def test_12_a_wrong_client_is_told_apart_from_a_wrong_grant(hub: HubSpotRig) -> None:
    with pytest.raises(AuthStop, match=r"client was refused.*client_id"):
        hub.connector(client_secret=SecretStr("wrong")).identify()


def test_12_trouble_at_the_token_endpoint_passes(hub: HubSpotRig) -> None:
    hub.troubles.set("html_error", times=2, match="/oauth/")
    connector = hub.connector()
    assert connector.identify().account_id == hub.account_id
    assert connector.usage().retries == 2


def test_12_many_threads_refresh_once(hub: HubSpotRig) -> None:
    asked: list[int] = []

    def post(*_: object) -> Response:
        asked.append(1)
        return Response(200, {}, b'{"access_token": "token-%d", "expires_in": 1800}' % len(asked))

    source = RefreshedToken({}, post, SandboxTime(hub.clock))
    old = source.current()
    got: list[str] = []
    threads = [threading.Thread(target=lambda: got.append(source.renew(old))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(got) == {"token-2"}
    assert len(asked) == 2
    hub.clock.advance(1800 - AHEAD_S + 1)
    assert source.current() == "token-3"


def test_a_portal_that_cannot_be_reached(hub: HubSpotRig) -> None:
    settings = HubSpotSettings(base_url="http://127.0.0.1:9", access_token=SecretStr("t"))
    connector = HubSpot(settings, types={}, mapping={}, clock=SandboxTime(hub.clock))
    with pytest.raises(Unreachable, match="no connection"):
        connector.identify()
    connector.close()


def test_a_base_url_that_is_no_hubspot(hub: HubSpotRig) -> None:
    hub.troubles.set("html_error", status=404)
    with pytest.raises(ConfigProblem, match="base_url"):
        hub.connector(access_token=SecretStr("t")).identify()
