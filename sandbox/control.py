"""The sandbox's own API, under `/_sandbox` on both ports: what was called, troubles, time, and things that people do.

GET    /_sandbox/summary     sizes, calls by CRM and status, troubles that are on, the time
GET    /_sandbox/journal     the latest calls; `?crm=`, `?writes=true`, `?limit=` (100), `?brief=true` (without bodies)
DELETE /_sandbox/journal     forgets them
GET    /_sandbox/troubles    what can be turned on, and what is on
POST   /_sandbox/troubles    {"name": ..., "times": 1, "match": "", "skip": 0, "every": 1, "chance": 1, ...}; with
                             times null until turned off
DELETE /_sandbox/troubles    turns all off, or one (`?name=`)
POST   /_sandbox/clock       {"advance_s": 3600}
POST   /_sandbox/events      {"kind": "form_submission", ...} and the other kinds of `_EVENTS`
GET    /_sandbox/records     record pages (`sandbox.pages`)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

from sandbox.hubspot.troubles import TROUBLES as HUBSPOT_TROUBLES
from sandbox.pages.app import hubspot_pages, salesforce_pages
from sandbox.salesforce.troubles import TROUBLES as SALESFORCE_TROUBLES
from sandbox.wire import SANDBOX_PREFIX
from sandbox.wire import TROUBLES as WIRE_TROUBLES

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp

    from sandbox.core import Call, Shared
    from sandbox.hubspot.portal import Portal
    from sandbox.salesforce.org import Org

Fields = dict[str, Any]


class BadRequest(Exception):
    """The request to the control API makes no sense; the text says what would."""


def create_control(portal: Portal, org: Org, shared: Shared, crm: str) -> ASGIApp:
    """The control API, the same on both ports, and the record pages of `crm`."""
    control = _Control(portal, org, shared)
    routes = [
        Route("/summary", control.summary),
        Route("/journal", control.journal, methods=["GET"]),
        Route("/journal", control.forget_journal, methods=["DELETE"]),
        Route("/troubles", control.troubles, methods=["GET"]),
        Route("/troubles", control.set_trouble, methods=["POST"]),
        Route("/troubles", control.clear_troubles, methods=["DELETE"]),
        Route("/clock", control.advance, methods=["POST"]),
        Route("/events", control.event, methods=["POST"]),
        *(hubspot_pages(portal) if crm == "hubspot" else salesforce_pages(org)),
    ]
    return Starlette(routes=[Mount(SANDBOX_PREFIX, routes=routes)], exception_handlers={BadRequest: _refuse})


class _Control:
    """The handlers, over the two CRMs and what they share."""

    def __init__(self, portal: Portal, org: Org, shared: Shared) -> None:
        self._portal = portal
        self._org = org
        self._shared = shared

    async def summary(self, _request: Request) -> Response:
        sizes = {
            "hubspot": {name: len(records) for name, records in self._portal.objects.items()},
            "salesforce": {name: len(rows) for name, rows in self._org.tables.items() if rows},
        }
        journal = self._shared.journal
        return JSONResponse(
            {
                "now": self._shared.clock.now().isoformat(),
                "records": sizes,
                "calls": dict(journal.counts),
                "writes": len(journal.writes()),
                "troubles": self._shared.troubles.names(),
                "limits": self._shared.limits,
            }
        )

    async def journal(self, request: Request) -> Response:
        crm, limit = request.query_params.get("crm"), _number(request.query_params.get("limit", "100"), "limit")
        calls = (
            self._shared.journal.writes(crm)
            if request.query_params.get("writes") == "true"
            else [call for call in self._shared.journal if crm in {None, call.crm}]
        )
        shown = _brief if request.query_params.get("brief") == "true" else _as_json
        return JSONResponse([shown(call) for call in calls[-int(limit) :]])

    async def forget_journal(self, _request: Request) -> Response:
        self._shared.journal.clear()
        return JSONResponse({})

    async def troubles(self, _request: Request) -> Response:
        return JSONResponse(
            {
                "on": self._shared.troubles.names(),
                "transport": WIRE_TROUBLES,
                "hubspot": HUBSPOT_TROUBLES,
                "salesforce": SALESFORCE_TROUBLES,
            }
        )

    async def set_trouble(self, request: Request) -> Response:
        wanted = await _body(request)
        known = WIRE_TROUBLES | HUBSPOT_TROUBLES | SALESFORCE_TROUBLES
        name = wanted.pop("name", None)
        if name not in known:
            raise BadRequest(f"no trouble is called {name!r}; there are: {', '.join(sorted(known))}")
        self._shared.troubles.set(name, **wanted)
        return JSONResponse({"on": self._shared.troubles.names()}, status_code=201)

    async def clear_troubles(self, request: Request) -> Response:
        self._shared.troubles.clear(request.query_params.get("name"))
        return JSONResponse({"on": self._shared.troubles.names()})

    async def advance(self, request: Request) -> Response:
        self._shared.clock.advance(_number((await _body(request)).get("advance_s"), "advance_s"))
        return JSONResponse({"now": self._shared.clock.now().isoformat()})

    async def event(self, request: Request) -> Response:
        wanted = await _body(request)
        kind = wanted.pop("kind", None)
        if kind not in _EVENTS:
            raise BadRequest(f"no event is called {kind!r}; there are: {', '.join(_EVENTS)}")
        try:
            _EVENTS[kind](self._portal, self._org, self._shared, **wanted)
        except TypeError as error:
            raise BadRequest(f"event {kind}: {error}") from None
        except ValueError as error:
            raise BadRequest(f"event {kind}: {error}") from None
        except KeyError as error:
            raise BadRequest(f"event {kind}: nothing is called {error}") from None
        return JSONResponse({"done": kind}, status_code=201)


def _submit_form(portal: Portal, _org: Org, shared: Shared, *, email: str, form: str, page_url: str = "") -> None:
    """Somebody fills a form, by its id or its name."""
    portal.submission(form, email, shared.clock.now(), page_url)


def _click_email(portal: Portal, _org: Org, shared: Shared, *, email: str, url: str, campaign: int = 1) -> None:
    """Somebody clicks a link in a marketing e-mail."""
    portal.email_event(email, "CLICK", shared.clock.now(), campaign_id=campaign, url=url)


def _edit(portal: Portal, org: Org, _shared: Shared, *, type: str, id: str, fields: Fields) -> None:  # noqa: A002 - the API's words
    """Somebody edits a record by hand; `type` is a HubSpot object type or a Salesforce object."""
    if type in portal.objects:
        portal.update(type, id, fields)
    else:
        org.update(type, id, fields)


def _remove(portal: Portal, org: Org, _shared: Shared, *, type: str, id: str) -> None:  # noqa: A002 - the API's words
    """Somebody deletes a record by hand."""
    if type in portal.objects:
        portal.archive(type, id)
    else:
        org.delete(type, id)


def _merge(portal: Portal, org: Org, _shared: Shared, *, type: str, id: str, other: str, new_id: bool = False) -> None:  # noqa: A002 - the API's words
    """Somebody merges another record into this one; in HubSpot the survivor may get a new id."""
    if type in portal.objects:
        portal.merge(id, other, new_id=new_id, kind=type)
    else:
        org.merge(type, id, [other])


def _convert(_portal: Portal, org: Org, _shared: Shared, *, id: str, with_opportunity: bool = False) -> None:  # noqa: A002 - the API's words
    """Somebody converts a lead."""
    org.convert(id, with_opportunity=with_opportunity)


_EVENTS: dict[str, Callable[..., None]] = {
    "form_submission": _submit_form,
    "email_click": _click_email,
    "edit": _edit,
    "delete": _remove,
    "merge": _merge,
    "convert": _convert,
}


async def _body(request: Request) -> Fields:
    try:
        body = await request.json()
    except ValueError:
        raise BadRequest("the body is not JSON") from None
    if not isinstance(body, dict):
        raise BadRequest("the body is not a JSON object")
    return body


def _number(value: object, name: str) -> float:
    try:
        return float(str(value))
    except ValueError:
        raise BadRequest(f"{name} is not a number") from None


def _brief(call: Call) -> Fields:
    return {
        "at": call.at.isoformat(),
        "crm": call.crm,
        "method": call.method,
        "path": call.path,
        "query": call.query,
        "status": call.status,
        "is_write": call.is_write,
    }


def _as_json(call: Call) -> Fields:
    return _brief(call) | {"headers": dict(call.headers), "body": call.body.decode("utf-8", "replace")}


async def _refuse(_request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, status_code=400)
