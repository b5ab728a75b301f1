"""Credentials: a token that stays (private app, service key), or OAuth with refresh ahead of expiry."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from connectors.door import FixedToken, Request, Response, TokenSource, TransportError
from connectors.errors import AuthStop, ConfigProblem
from connectors.hubspot import paths
from connectors.hubspot.errors import CRM, parse

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pydantic import SecretStr

    from config.settings import HubSpotSettings
    from connectors.clock import Clock

AHEAD_S = 300.0
"""How long before its expiry a token is renewed. HubSpot's live 30 minutes; waiting for a 401 is advised against."""


def token_source(
    settings: HubSpotSettings, post: Callable[[Request, dict[str, str]], Response], clock: Clock
) -> TokenSource:
    """The source that the settings describe. `post` sends a form without a token.

    Raises ConfigProblem when the settings hold neither a token nor all three parts of OAuth.
    """
    token = secret(settings.access_token, settings.access_token_file)
    if token:
        return FixedToken(token, CRM, remedy="Set a valid one in LEADGRADE_HUBSPOT__ACCESS_TOKEN or access_token_file.")
    client_secret = secret(settings.client_secret, settings.client_secret_file)
    refresh_token = secret(settings.refresh_token, settings.refresh_token_file)
    if settings.client_id and client_secret and refresh_token:
        form = {
            "grant_type": "refresh_token",
            "client_id": settings.client_id,
            "client_secret": client_secret,
            "refresh_token": refresh_token,
        }
        return RefreshedToken(form, post, clock)
    raise ConfigProblem(
        "no credentials are set.",
        crm=CRM,
        remedy="Set LEADGRADE_HUBSPOT__ACCESS_TOKEN (or access_token_file), or client_id, client_secret and "
        "refresh_token for OAuth.",
    )


def secret(value: SecretStr | None, file: Path | None) -> str:
    """A secret from the environment or from its file; empty when there is none."""
    if value is not None:
        return value.get_secret_value().strip()
    if file is None:
        return ""
    try:
        return file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigProblem(f"{file} cannot be read ({error.strerror}).", crm=CRM, remedy="Check the path.") from None


class RefreshedToken:
    """OAuth. One refresher at a time; a refused refresh is final and is not tried twice."""

    def __init__(self, form: dict[str, str], post: Callable[[Request, dict[str, str]], Response], clock: Clock) -> None:
        self._form = form
        self._post = post
        self._clock = clock
        self._lock = threading.Lock()
        self._token = ""
        self._good_until = 0.0
        self._final: AuthStop | None = None

    def current(self) -> str:
        """The token, renewed when it lives less than `AHEAD_S` longer."""
        with self._lock:
            if not self._token or self._clock.monotonic() >= self._good_until:
                self._refresh()
            return self._token

    def renew(self, refused: str) -> str:
        """Another token than `refused`; whoever comes second gets what the first one fetched."""
        with self._lock:
            if self._token == refused:
                self._refresh()
            return self._token

    def _refresh(self) -> None:
        if self._final:
            raise self._final
        response = self._post(Request("POST", paths.TOKEN), self._form)
        body = response.json()
        if response.status == 200 and isinstance(body, dict) and body.get("access_token"):
            lifetime = float(body.get("expires_in") or 0.0)
            self._token = str(body["access_token"])
            self._good_until = self._clock.monotonic() + lifetime - min(AHEAD_S, lifetime / 2)
            return
        if response.status in {400, 401, 403} and isinstance(body, dict):
            self._final = self._refusal(body)
            raise self._final
        raise TransportError(f"token endpoint: status {response.status}", sent=False)

    @staticmethod
    def _refusal(body: dict[str, Any]) -> AuthStop:
        code = str(body.get("error") or body.get("status") or "")
        client = code in {"invalid_client", "BAD_CLIENT_ID", "BAD_CLIENT_SECRET"}
        return AuthStop(
            "the OAuth client was refused." if client else "the refresh token was refused.",
            crm=CRM,
            remedy="Check client_id and client_secret." if client else "Connect the app to the portal again.",
            request_id=parse(body).request_id,
        )
