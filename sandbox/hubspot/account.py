"""Whose portal it is, what has been used today, and tokens (sections 3.3 and 6 of the rules)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from sandbox.hubspot import times
from sandbox.hubspot.calls import Reply
from sandbox.hubspot.errors import not_found, oauth_refused
from sandbox.hubspot.portal import Token

if TYPE_CHECKING:
    from sandbox.hubspot.calls import Ask
    from sandbox.hubspot.portal import Portal

TOKEN_LIFE: Final = timedelta(seconds=1800)  # (A)


def details(portal: Portal, _ask: Ask) -> Reply:
    """GET account-info/details."""
    offset_ms = portal.utc_offset // timedelta(milliseconds=1)
    sign, minutes = ("-" if offset_ms < 0 else "+"), abs(offset_ms) // 60_000
    return Reply(
        {
            "portalId": portal.portal_id,
            "accountType": portal.account_type,
            "timeZone": portal.time_zone,
            "companyCurrency": "USD",
            "additionalCurrencies": [],
            "utcOffset": f"{sign}{minutes // 60:02}:{minutes % 60:02}",
            "utcOffsetMilliseconds": offset_ms,
            "uiDomain": "app.hubspot.com",
            "dataHostingLocation": "na1",
        }
    )


def daily_usage(portal: Portal, ask: Ask) -> Reply:
    """GET account-info/api-usage/daily/private-apps: private apps only, others see nothing (A)."""
    results: list[dict[str, Any]] = []
    if ask.token is not None and not ask.token.oauth:
        results.append(
            {
                "name": "private-apps-api-calls-daily",
                "usageLimit": portal.limits.per_day,
                "currentUsage": portal.limits.used_today,
                "collectedAt": portal.now_iso(),
                "fetchStatus": "SUCCESS",
                "resetsAt": times.to_iso(portal.limits.resets_at()),
            }
        )
    return Reply({"results": results})


def token(portal: Portal, ask: Ask) -> Reply:
    """POST oauth/token, form-encoded: trades the refresh token, which stays the same, for an access token (A)."""
    form: dict[str, str] = ask.body if isinstance(ask.body, dict) else {}
    if form.get("grant_type") != "refresh_token":
        raise oauth_refused("BAD_GRANT_TYPE", "unsupported_grant_type", "missing or unknown grant type")
    client = portal.clients.get(form.get("client_id", ""))
    if client is None:
        raise oauth_refused("BAD_CLIENT_ID", "invalid_client", "missing or unknown client id")
    if form.get("client_secret") != client.secret:
        raise oauth_refused("BAD_CLIENT_SECRET", "invalid_client", "missing or invalid client secret")
    refresh_token = form.get("refresh_token", "")
    if refresh_token not in client.refresh_tokens:
        raise oauth_refused("BAD_REFRESH_TOKEN", "invalid_grant", "missing or invalid refresh token")
    text = f"oauth-{portal.shared.random.getrandbits(160):040x}"
    app = f"oauth-{form['client_id']}"
    portal.tokens[text] = Token(portal.scopes, app, oauth=True, expires_at=portal.shared.clock.now() + TOKEN_LIFE)
    return Reply(
        {
            "token_type": "bearer",
            "refresh_token": refresh_token,
            "access_token": text,
            "expires_in": int(TOKEN_LIFE.total_seconds()),
            "hub_id": portal.portal_id,
            "scopes": sorted(portal.scopes),
        }
    )


def token_info(portal: Portal, ask: Ask) -> Reply:
    """GET oauth/v1/access-tokens/{token}: what an OAuth token may do."""
    text = ask.params["token"]
    held = portal.tokens.get(text)
    now = portal.shared.clock.now()
    if held is None or not held.oauth or (held.expires_at is not None and held.expires_at <= now):
        raise not_found("the token is unknown or has expired")
    assert held.expires_at is not None
    return Reply(
        {
            "token": text,
            "hub_id": portal.portal_id,
            "app_id": 1,
            "user_id": 1,
            "token_type": "access",
            "scopes": sorted(held.scopes),
            "expires_in": int((held.expires_at - now).total_seconds()),
        }
    )
