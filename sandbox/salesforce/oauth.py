"""The token endpoint: client credentials, JWT bearer, refresh token with rotation."""

from __future__ import annotations

import base64
import binascii
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import jwt

from sandbox.salesforce.api import Answer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandbox.salesforce.org import Org

JWT_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LONGEST_JWT_LIFE: Final = timedelta(minutes=5)
_SHARED_HOSTS: Final = frozenset({"login.salesforce.com", "test.salesforce.com"})


class _Refused(Exception):
    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(error)
        self.body = {"error": error, "error_description": description}
        self.status = status


def token(org: Org, headers: Mapping[str, str], form: Mapping[str, str], base_url: str) -> Answer:
    """The answer of POST /services/oauth2/token. Errors are an object, not a list."""
    try:
        return _grant(org, headers, form, base_url)
    except _Refused as refusal:
        return Answer(refusal.body, refusal.status)


def _grant(org: Org, headers: Mapping[str, str], form: Mapping[str, str], base_url: str) -> Answer:
    if org.shared.troubles.take("login_refused", "/services/oauth2/token") is not None:
        raise _Refused("invalid_grant", "authentication failure")
    grant = form.get("grant_type")
    if grant == "client_credentials":
        return _granted(org, base_url, _client_credentials(org, headers, form))
    if grant == JWT_GRANT:
        return _granted(org, base_url, _jwt_bearer(org, form, base_url))
    if grant == "refresh_token":
        return _refresh(org, headers, form, base_url)
    raise _Refused("unsupported_grant_type", "grant type not supported")


def _client(headers: Mapping[str, str], form: Mapping[str, str]) -> tuple[str, str]:
    scheme, _, encoded = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            client_id, _, secret = base64.b64decode(encoded).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise _Refused("invalid_client", "invalid client credentials") from None
        return client_id, secret
    return form.get("client_id", ""), form.get("client_secret", "")


def _check_client(org: Org, client_id: str, secret: str) -> None:
    if client_id not in org.clients:
        raise _Refused("invalid_client_id", "client identifier invalid")
    if not secrets.compare_digest(org.clients[client_id].encode(), secret.encode()):
        raise _Refused("invalid_client", "invalid client credentials")


def _client_credentials(org: Org, headers: Mapping[str, str], form: Mapping[str, str]) -> str:
    if headers.get("host", "").split(":")[0] in _SHARED_HOSTS:
        raise _Refused("invalid_grant", "request not supported on this domain")
    _check_client(org, *_client(headers, form))
    return org.integration_user_id


def _jwt_bearer(org: Org, form: Mapping[str, str], base_url: str) -> str:
    assertion = form.get("assertion", "")
    try:
        claims: dict[str, Any] = jwt.decode(assertion, options={"verify_signature": False})
    except jwt.InvalidTokenError:
        raise _Refused("invalid_grant", "invalid assertion") from None
    client_id, username = str(claims.get("iss")), str(claims.get("sub"))
    known = {client for client, _ in org.jwt_keys}
    if client_id not in known:
        raise _Refused("invalid_client_id", "client identifier invalid")
    key = org.jwt_keys.get((client_id, username))
    if key is None:
        raise _Refused("invalid_grant", "user hasn't approved this consumer")
    try:
        # Time is checked against the sandbox's clock, below.
        jwt.decode(assertion, key, algorithms=["RS256"], options={"verify_exp": False, "verify_aud": False})
    except jwt.InvalidTokenError:
        raise _Refused("invalid_grant", "invalid assertion") from None
    if not _our_audience(str(claims.get("aud")), base_url):
        raise _Refused("invalid_grant", "audience is invalid")
    now = org.now().timestamp()
    expiry = float(claims.get("exp") or 0)
    if not now - 60 < expiry <= now + LONGEST_JWT_LIFE.total_seconds() + 60:
        raise _Refused("invalid_grant", "expired authorization code")
    return org.user_named(username) or org.integration_user_id


def _our_audience(audience: str, base_url: str) -> bool:
    host = urlsplit(audience).hostname or ""
    return audience.rstrip("/") == base_url or host in _SHARED_HOSTS or host.endswith(".my.salesforce.com")


def _refresh(org: Org, headers: Mapping[str, str], form: Mapping[str, str], base_url: str) -> Answer:
    client_id, secret = _client(headers, form)
    _check_client(org, client_id, secret)
    given = form.get("refresh_token", "")
    if given in org.used_refresh_tokens:
        # A second use of a single-use token means that it leaked: the whole grant ends.
        org.revoke_grant(client_id)
        raise _Refused("invalid_grant", "expired access/refresh token")
    if org.refresh_tokens.get(given) != client_id:
        raise _Refused("invalid_grant", "expired access/refresh token")
    more = {}
    if org.rotates_refresh_tokens:
        org.used_refresh_tokens[given] = org.refresh_tokens.pop(given)
        fresh = f"5Aep{org.random.getrandbits(160):040x}"
        org.refresh_tokens[fresh] = client_id
        more["refresh_token"] = fresh
    return _granted(org, base_url, org.integration_user_id, more, grant=client_id)


def _granted(
    org: Org, base_url: str, user_id: str, more: Mapping[str, str] | None = None, *, grant: str = ""
) -> Answer:
    session = org.start_session(user_id, grant)
    return Answer(
        {
            "access_token": session,
            "signature": base64.b64encode(session[-32:].encode()).decode(),
            "scope": "api",
            "instance_url": base_url,
            "id": f"{base_url}/id/{org.org_id}/{user_id}",
            "token_type": "Bearer",
            "issued_at": str(int(org.now().timestamp() * 1000)),
            **(more or {}),
        }
    )


def identity(org: Org, user_id: str) -> dict[str, Any]:
    """What the address in a token answer's `id` tells of the user."""
    user = org.tables["User"][user_id]
    return {
        "user_id": user_id,
        "organization_id": org.org_id,
        "username": user["Username"],
        "email": user["Email"],
        "active": user["IsActive"],
        "user_type": "STANDARD",
    }
