"""The transport: the official client's kept `ApiClient`, below our own door.

Typed deserialisation is left out (it costs nine times more than the bytes); so are the client's own retries, which
would wait and repeat behind our back.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import structlog
import urllib3
from hubspot.crm.contacts.api_client import ApiClient
from hubspot.crm.contacts.configuration import Configuration
from hubspot.crm.contacts.exceptions import ApiException

from connectors.budget import Budget
from connectors.door import Door, Request, Response, TransportError
from connectors.errors import LimitReached
from connectors.hubspot import paths
from connectors.hubspot.auth import token_source
from connectors.hubspot.errors import CRM, judge
from connectors.hubspot.limits import Day, heed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from config.settings import HubSpotSettings
    from connectors.base import Usage
    from connectors.clock import Clock

log = structlog.get_logger(__name__)

TIMEOUT_S = (10.0, 110.0)
"""To connect, and between two pieces of an answer. HubSpot's edge gives up after 100 s (status 524)."""

WORKERS = 8
"""Calls under way at a time. At 19 calls a second that is enough for answers that take 0.4 s."""

NOT_SENT = (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError)


class Transport:
    """Sends one request and gives back the answer as bytes. Thread-safe."""

    def __init__(self, base_url: str) -> None:
        configuration = Configuration(host=base_url.rstrip("/"))
        configuration.retries = False
        configuration.connection_pool_maxsize = WORKERS
        self._api = ApiClient(configuration)
        self._host = configuration.host
        self._headers = {"User-Agent": f"leadgrade/{version('leadgrade')}", "Accept-Encoding": "gzip"}

    def send(self, request: Request, token: str) -> Response:
        """The answer, of any status. Raises TransportError when none came."""
        return self._exchange(request, {"Authorization": f"Bearer {token}", **request.headers})

    def form(self, request: Request, fields: dict[str, str]) -> Response:
        """Send a form without a token: the way to get one."""
        headers = {"Content-Type": "application/x-www-form-urlencoded", **request.headers}
        return self._exchange(request, headers, post_params=list(fields.items()))

    def _exchange(self, request: Request, headers: Mapping[str, str], **body: Any) -> Response:
        try:
            answer = self._api.request(
                request.method,
                self._host + request.path + _query(request.params),
                headers=self._headers | dict(headers),
                body=request.json,
                _preload_content=False,
                _request_timeout=TIMEOUT_S,
                **body,
            )
            return Response(answer.status, _lower(answer.headers), answer.data)
        except ApiException as error:
            if not error.status:  # how the client reports trouble with TLS
                raise TransportError("TLS failed", sent=False) from None
            return Response(error.status, _lower(error.headers or {}), error.body or b"")
        except urllib3.exceptions.HTTPError as error:
            raise TransportError(_reason(error), sent=not isinstance(error, NOT_SENT)) from None

    def close(self) -> None:
        """Give back connections."""
        self._api.rest_client.pool_manager.clear()
        self._api.close()


def _query(params: Mapping[str, Any] | None) -> str:
    """The parameters that are not None, for the end of an address.

    Commas may stand in a query as they are; encoded, the long list of properties would be taken apart character by
    character on its way through urllib3, at a fifth of a call's cost.
    """
    given = {name: value for name, value in (params or {}).items() if value is not None}
    return "?" + urlencode(given, safe=",") if given else ""


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _reason(error: Exception) -> str:
    if isinstance(error, NOT_SENT):  # a refused connection is a kind of timeout to urllib3
        return "no connection"
    return "timeout" if isinstance(error, urllib3.exceptions.TimeoutError) else "connection lost"


class Client:
    """Calls to one portal, through the door. Answers are parsed JSON. Thread-safe."""

    def __init__(self, settings: HubSpotSettings, clock: Clock) -> None:
        self._transport = Transport(settings.base_url)
        self._version = settings.api_version
        self.clock = clock
        self._seen: tuple[datetime, float] | None = None  # the server's time, and ours when we learned it
        self._deprecated: set[str] = set()
        self.day = Day(settings.daily_share, clock)
        self._general = Budget(settings.requests_per_10_s, 10.0, clock)
        self._door = Door(
            crm=CRM,
            send=self._send,
            judge=judge,
            tokens=token_source(settings, self._form, clock),
            budgets={"general": self._general, "search": Budget(settings.searches_per_s, 1.0, clock)},
            clock=clock,
        )

    def ask_before_calls(self, ask: Callable[[], object] | None) -> None:
        """As `Door.ask_before_calls`."""
        self._door.ask_before_calls(ask)

    def _versioned(self, request: Request) -> Request:
        return replace(request, path=paths.in_version(request.path, self._version))

    def _form(self, request: Request, fields: dict[str, str]) -> Response:
        return self._transport.form(self._versioned(request), fields)

    def _send(self, request: Request, token: str) -> Response:
        self.day.ours.spend()
        response = self._transport.send(request, token)
        self.day.note(response.headers)
        if request.budget == "general":  # searches carry no headers of their limit
            heed(response.headers, self._general)
        return response

    def call(self, request: Request) -> Any:
        """The answer's JSON (None for an empty one). Raises what `hubspot.errors.judge` and the door raise."""
        request = self._versioned(request)
        try:
            response = self._door.call(request)
        except LimitReached as used_up:
            used_up.resets_at = used_up.resets_at or self.day.ends(self.clock.now())
            raise
        self._heed_deprecation(request, response)
        date = response.headers.get("date")
        if date:
            self._seen = parsedate_to_datetime(date), self.clock.monotonic()
        return response.json()

    def _heed_deprecation(self, request: Request, response: Response) -> None:
        """Say once, for each resource, that its version will end."""
        ends = response.headers.get("sunset") or response.headers.get("deprecation")
        resource = "/".join(request.path.split("/")[:4])
        if ends and resource not in self._deprecated:
            self._deprecated.add(resource)
            log.warning("this version of the API will end", crm=CRM, resource=resource, ends=ends)

    def get(self, path: str, label: str = "", **params: Any) -> Any:
        """Read `path`. Parameters that are None are left out; `label` stands for paths that hold an id."""
        return self.call(Request("GET", path, params=params, label=label))

    def post(self, path: str, body: Any, *, budget: str = "general") -> Any:
        """Send `body`. Every POST of this connector may be repeated: reads, absolute values, things with a name."""
        return self.call(Request("POST", path, json=body, budget=budget))

    def patch(self, path: str, body: Any) -> Any:
        """Change what is there."""
        return self.call(Request("PATCH", path, json=body))

    def server_now(self) -> datetime:
        """The server's time, from its Date header; asked for when no answer has come yet."""
        if self._seen is None:
            self.get(paths.ACCOUNT)
        if self._seen is None:  # an answer without a date: our clock must do
            return self.clock.now()
        then, at = self._seen
        return then + timedelta(seconds=self.clock.monotonic() - at)

    def search(self, object_type: str, body: Mapping[str, Any]) -> Any:
        """One page of a search, on the searches' own allowance."""
        return self.post(paths.objects(object_type, "search"), body, budget="search")

    def properties(self, object_type: str) -> dict[str, dict[str, Any]]:
        """Property definitions by name, as they are now."""
        answer = self.get(paths.properties(object_type), archived="false")
        return {item["name"]: item for item in answer["results"]}

    def usage(self) -> Usage:
        """Calls and retries so far."""
        return self._door.usage()

    def close(self) -> None:
        """Give back connections."""
        self._transport.close()
