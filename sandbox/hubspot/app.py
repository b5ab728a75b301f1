"""The server: one routing table for all versions of the API, and the way of a call through it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.hubspot import (
    account,
    associations,
    engagement,
    objects,
    occurrences,
    pipelines,
    preferences,
    properties,
    search,
    troubles,
    writes,
)
from sandbox.hubspot.calls import Ask, Reply
from sandbox.hubspot.errors import ApiError, bad_request, missing_scopes, unauthorized
from sandbox.hubspot.records import ENGAGEMENTS, object_type

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sandbox.hubspot.portal import Portal, Token

    Handler = Callable[[Portal, Ask], Reply]

DATED: Final = ("2026-03", "2026-09")
LONGEST_URL: Final = 16_000  # characters; 414 beyond (B, C)
_CONSENT: Final = ("communication_preferences.read",)


@dataclass(frozen=True, slots=True)
class Area:
    """Where a part of the API lives: in the old versions, and in which of the dated ones ({v} is the date)."""

    old: str
    dated: str = ""
    dates: tuple[str, ...] = DATED


AREAS: Final = {
    "objects": Area("/crm/v3/objects", "/crm/objects/{v}"),
    "links": Area("/crm/v4/objects", "/crm/objects/{v}", ("2026-03",)),  # gone from the specification of 2026-09 (A)
    "associations": Area("/crm/v4/associations", "/crm/associations/{v}"),
    "properties": Area("/crm/v3/properties", "/crm/properties/{v}"),
    "pipelines": Area("/crm/v3/pipelines", "/crm/pipelines/{v}"),
    "owners": Area("/crm/v3/owners", "/crm/owners/{v}"),
    "account": Area("/account-info/v3", "/account-info/{v}"),
    "oauth": Area("/oauth/v1", "/oauth/{v}"),
    "oauth_v1": Area("/oauth/v1"),
    "forms": Area("/marketing/v3/forms"),
    "email": Area("/email/public/v1"),
    "submissions": Area("/form-integrations/v1/submissions/forms"),
    "events": Area("/events/v3/events", "/events/event-occurrences/{v}"),
    "preferences_v3": Area("/communication-preferences/v3"),
    "preferences": Area("/communication-preferences/v4", "/communication-preferences/{v}"),
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A line of the routing table. `scopes` are words of `_needed`; `open` needs no token."""

    method: str
    area: str
    tail: str
    handler: Handler
    scopes: tuple[str, ...] = ()
    search: bool = False
    batch: bool = False
    open: bool = False


ENDPOINTS: Final = (
    Endpoint("POST", "objects", "/{type}/search", search.search, ("objects.{type}.read",), search=True),
    Endpoint("POST", "objects", "/{type}/batch/read", objects.batch_read, ("objects.{type}.read",), batch=True),
    Endpoint("POST", "objects", "/{type}/batch/update", writes.batch_update, ("objects.{type}.write",), batch=True),
    Endpoint("POST", "objects", "/{type}/batch/create", writes.batch_create, ("objects.{type}.write",), batch=True),
    Endpoint("POST", "objects", "/{type}/batch/upsert", writes.batch_upsert, ("objects.{type}.write",), batch=True),
    Endpoint("POST", "objects", "/{type}/batch/archive", writes.batch_archive, ("objects.{type}.write",)),
    Endpoint("POST", "objects", "/{type}/merge", writes.merge, ("objects.{type}.write",)),
    Endpoint("POST", "objects", "/{type}/gdpr-delete", writes.gdpr_delete, ("objects.{type}.write",)),
    Endpoint("GET", "objects", "/{type}", objects.list_page, ("objects.{type}.read",)),
    Endpoint("POST", "objects", "/{type}", writes.create_one, ("objects.{type}.write",)),
    Endpoint("GET", "objects", "/{type}/{id}", objects.get_one, ("objects.{type}.read",)),
    Endpoint("PATCH", "objects", "/{type}/{id}", writes.update_one, ("objects.{type}.write",)),
    Endpoint("DELETE", "objects", "/{type}/{id}", writes.archive_one, ("objects.{type}.write",)),
    Endpoint(
        "GET", "links", "/{type}/{id}/associations/{to}", associations.list_for_one,
        ("objects.{type}.read", "objects.{to}.read"),
    ),
    Endpoint(
        "POST", "associations", "/{from}/{to}/batch/read", associations.batch_read,
        ("objects.{from}.read", "objects.{to}.read"), batch=True,
    ),
    Endpoint("GET", "properties", "/{type}/groups", properties.list_groups, ("schemas.{type}.read",)),
    Endpoint("POST", "properties", "/{type}/groups", properties.create_group, ("schemas.{type}.write",)),
    Endpoint("GET", "properties", "/{type}/groups/{name}", properties.get_group, ("schemas.{type}.read",)),
    Endpoint("POST", "properties", "/{type}/batch/create", properties.batch_create, ("schemas.{type}.write",)),
    Endpoint("POST", "properties", "/{type}/batch/read", properties.batch_read, ("schemas.{type}.read",)),
    Endpoint("GET", "properties", "/{type}", properties.list_all, ("schemas.{type}.read",)),
    Endpoint("POST", "properties", "/{type}", properties.create_one, ("schemas.{type}.write",)),
    Endpoint("GET", "properties", "/{type}/{name}", properties.get_one, ("schemas.{type}.read",)),
    Endpoint("PATCH", "properties", "/{type}/{name}", properties.update_one, ("schemas.{type}.write",)),
    Endpoint("DELETE", "properties", "/{type}/{name}", properties.archive_one, ("schemas.{type}.write",)),
    Endpoint("GET", "pipelines", "/{type}", pipelines.list_pipelines, ("schemas.{type}.read",)),
    Endpoint("GET", "pipelines", "/{type}/{id}", pipelines.get_pipeline, ("schemas.{type}.read",)),
    Endpoint("GET", "owners", "", pipelines.list_owners, ("crm.objects.owners.read",)),
    Endpoint("GET", "owners", "/{id}", pipelines.get_owner, ("crm.objects.owners.read",)),
    Endpoint("GET", "account", "/details", account.details),
    Endpoint("GET", "account", "/api-usage/daily/private-apps", account.daily_usage),
    Endpoint("POST", "oauth", "/token", account.token, open=True),
    Endpoint("GET", "oauth_v1", "/access-tokens/{token}", account.token_info, open=True),
    Endpoint("GET", "forms", "", engagement.forms, ("forms",)),
    Endpoint("GET", "forms", "/{guid}", engagement.form, ("forms",)),
    Endpoint("GET", "email", "/events", engagement.email_events, ("content",)),
    Endpoint("GET", "submissions", "/{guid}", engagement.submissions, ("forms",)),
    Endpoint("GET", "events", "", occurrences.occurrences, ("crm.objects.contacts.read",)),
    Endpoint("GET", "events", "/event-types", occurrences.types, ("crm.objects.contacts.read",)),
    Endpoint("GET", "preferences_v3", "/definitions", preferences.definitions_v3, _CONSENT),
    Endpoint("GET", "preferences_v3", "/status/email/{email}", preferences.status_v3, _CONSENT),
    Endpoint("GET", "preferences", "/definitions", preferences.definitions, _CONSENT),
    Endpoint("POST", "preferences", "/statuses/batch/read", preferences.batch_read, _CONSENT),
    Endpoint("GET", "preferences", "/statuses/{email}", preferences.status, _CONSENT),
)  # fmt: skip


def create_app(portal: Portal) -> Starlette:
    """The ASGI application that speaks HubSpot's API for `portal`."""
    return Starlette(
        routes=[
            Route(path, _Door(portal, endpoint, version), methods=[endpoint.method])
            for endpoint in ENDPOINTS
            for path, version in _paths(endpoint)
        ],
        exception_handlers={404: _nowhere, 405: _nowhere},
    )


def _paths(endpoint: Endpoint) -> Iterator[tuple[str, str]]:
    """The endpoint's paths, each with its date ("" for the old versions)."""
    area = AREAS[endpoint.area]
    yield area.old + endpoint.tail, ""
    for date in area.dates if area.dated else ():
        yield area.dated.replace("{v}", date) + endpoint.tail, date


async def _nowhere(request: Request, _error: Exception) -> Response:
    """A path or method that HubSpot does not have, or the sandbox does not: say so loudly."""
    message = f"The HubSpot sandbox has no {request.method} {request.url.path}"
    return _json({"status": "error", "message": message, "correlationId": str(uuid.UUID(int=0))}, 404)


class _Door:
    """The way of one call: edge, token, limits, scopes, handler, bytes."""

    def __init__(self, portal: Portal, endpoint: Endpoint, version: str) -> None:
        self._portal = portal
        self._endpoint = endpoint
        self._version = version

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        body = await request.body()
        with self._portal.lock:
            response = self._respond(request, body)
        await response(scope, receive, send)

    def _respond(self, request: Request, body: bytes) -> Response:
        portal, path = self._portal, request.url.path
        limits: dict[str, str] = {}
        try:
            html = troubles.at_the_edge(portal, path)
            if html is not None and not html.applied:
                return _html(html)
            ask = self._ask(request, body)
            if not self._endpoint.open:
                limits = self._admit(ask)
            reply = self._handle(ask)
            content = troubles.after_the_deed(portal, path, reply)
        except ApiError as error:
            correlation = {"correlationId": str(uuid.UUID(int=portal.shared.random.getrandbits(128), version=4))}
            return _json(error.body | correlation, error.status, {**limits, **error.headers})
        if html is not None:
            return _html(html)
        headers = {**limits, **reply.headers}
        if not content:
            return Response(status_code=reply.status, headers=headers)
        return Response(content, reply.status, headers, media_type="application/json;charset=utf-8")

    def _ask(self, request: Request, body: bytes) -> Ask:
        query = request.scope["query_string"]
        if len(request.scope["raw_path"]) + len(query) > LONGEST_URL:
            raise ApiError(414, {"message": "URI Too Long"})
        return Ask(
            path=request.url.path,
            url=str(request.url.replace(query="")),
            params=request.path_params,
            query=request.query_params,
            body=_parse(request, body),
            authorization=request.headers.get("authorization", ""),
            size=len(body.decode(errors="replace")),
            version=self._version,
        )

    def _admit(self, ask: Ask) -> dict[str, str]:
        portal, endpoint = self._portal, self._endpoint
        ask.token = token = self._token(ask)
        troubles.at_the_gate(portal, ask.path, token, search=endpoint.search)
        headers = portal.limits.spend(token, search=endpoint.search, path=ask.path)
        if portal.shared.troubles.take("no_rate_headers", ask.path) is not None:
            headers = {}
        needed = _needed(endpoint, ask)
        if not needed <= token.scopes:
            raise missing_scopes(sorted(needed - token.scopes), in_errors=endpoint.area != "properties")
        return headers

    def _token(self, ask: Ask) -> Token:
        scheme, _, text = ask.authorization.partition(" ")
        token = self._portal.tokens.get(text.strip())
        if scheme.lower() != "bearer" or token is None:
            raise unauthorized()
        if token.expires_at is not None and token.expires_at <= self._portal.shared.clock.now():
            raise unauthorized(expired=True)
        return token

    def _handle(self, ask: Ask) -> Reply:
        if self._endpoint.batch and self._portal.shared.troubles.take("empty_success", ask.path) is not None:
            now = self._portal.now_iso()
            return Reply({"status": "COMPLETE", "results": [], "errors": [], "startedAt": now, "completedAt": now})
        return self._endpoint.handler(self._portal, ask)


def _needed(endpoint: Endpoint, ask: Ask) -> set[str]:
    """The scopes a call needs: engagement objects are under those of contacts (A)."""
    needed = set()
    for scope in endpoint.scopes:
        name = scope
        for part in ("type", "from", "to"):
            if f"{{{part}}}" in scope:
                kind = object_type(ask.params[part]) or "contacts"
                name = "crm." + scope.replace(f"{{{part}}}", "contacts" if kind in ENGAGEMENTS else kind)
        needed.add(name)
    return needed


def _parse(request: Request, body: bytes) -> Any:
    if not body:
        return None
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return dict(parse_qsl(body.decode()))
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        raise bad_request("Invalid input JSON: it cannot be read.") from None


def _json(body: dict[str, Any], status: int, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(body), status, headers, media_type="application/json;charset=utf-8")


def _html(page: troubles.HtmlPage) -> Response:
    return Response(page.page, page.status, media_type="text/html")
