"""The frame round every data call: troubles, version, session, allowance; then the handler that fits the path."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import orjson

from sandbox.core import CutConnection
from sandbox.salesforce import errors

if TYPE_CHECKING:
    from sandbox.salesforce.org import Org

OLDEST: Final = 31.0
NEWEST: Final = 68.0
"""API versions of Winter '27; 30.0 and below are retired."""
LONGEST_HEAD: Final = 16_384
"""Bytes of address and headers together."""
JSON: Final = "application/json;charset=UTF-8"


@dataclass(frozen=True, slots=True)
class Call:
    """One data call as handlers see it. `path` is what follows the version; `parts` are the names in the route."""

    org: Org
    method: str
    path: str
    params: Mapping[str, str]
    headers: Mapping[str, str]  # names in lower case
    body: bytes
    version: str = "67.0"
    user_id: str = ""
    token: str = ""
    parts: Mapping[str, str] = field(default_factory=dict)
    head: int = 0  # bytes of address and headers

    def json(self) -> dict[str, Any]:
        """The body as a JSON object; raises JSON_PARSER_ERROR."""
        try:
            document = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            raise errors.ApiError(400, "JSON_PARSER_ERROR", "Unexpected character at [line:1, column:1]") from None
        if not isinstance(document, dict):
            raise errors.ApiError(
                400, "JSON_PARSER_ERROR", "Can not deserialize: expected an object at [line:1, column:1]"
            )
        return document

    def trouble(self, name: str) -> dict[str, Any] | None:
        """The settings of a switch that is on for this path."""
        return self.org.shared.troubles.take(name, self.path)

    @property
    def base(self) -> str:
        """The root of data addresses of this version."""
        return f"/services/data/v{self.version}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What to send: JSON in `content`, or bytes in `raw`, or a stream in `chunks`."""

    content: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    chunks: Iterator[bytes] | None = None
    media_type: str = JSON

    def body(self) -> bytes:
        """The body, unless it is streamed."""
        if self.raw is not None:
            return self.raw
        return b"" if self.content is None else orjson.dumps(self.content)


Handler = Callable[[Call], Answer]


@dataclass(frozen=True, slots=True)
class Route:
    """A method and a path pattern with ``{names}``."""

    method: str
    pattern: re.Pattern[str]
    handler: Handler


def route(method: str, path: str, handler: Handler) -> Route:
    """A route; letters of either case fit, and a slash at the end."""
    pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path)
    return Route(method, re.compile(pattern + "/?", re.IGNORECASE), handler)


def dispatch(routes: list[Route], call: Call) -> Answer:
    """Run the handler that fits; ApiErrors become answers."""
    fitting = [(each, match) for each in routes if (match := each.pattern.fullmatch(call.path))]
    for each, match in fitting:
        if each.method == call.method:
            try:
                return each.handler(replace(call, parts=match.groupdict()))
            except errors.ApiError as error:
                return Answer(error.as_json(), error.status)
    if not fitting:
        return Answer(errors.not_found().as_json(), 404)
    allowed = ", ".join(sorted({each.method for each, _ in fitting}))
    message = f"HTTP Method '{call.method}' not allowed. Allowed are {allowed}"
    return Answer(errors.ApiError(405, "METHOD_NOT_ALLOWED", message).as_json(), 405)


def serve(routes: list[Route], call: Call) -> Answer:
    """One data call from arrival to answer. Raises CutConnection for the switch of that name."""
    if call.trouble("html_503") is not None:
        page = b"<html><head><title>Server Too Busy</title></head><body>We are down for maintenance.</body></html>"
        return Answer(raw=page, status=503, media_type="text/html; charset=UTF-8")
    if (empty := call.trouble("status")) is not None:
        return Answer(status=int(empty.get("code", 503)))
    try:
        _check_version(call.version)
        call = authenticate(call)
        _refuse(call)
        neighbour = call.trouble("noisy_neighbour")
        call.org.limits.spend(0 if neighbour is None else int(neighbour.get("calls", call.org.limits.daily)))
    except errors.ApiError as error:
        return Answer(error.as_json(), error.status, _limit_header(call))
    answer = dispatch(routes, call)
    if call.method in {"POST", "PATCH", "PUT", "DELETE"} and call.trouble("drop_after_write") is not None:
        raise CutConnection
    return replace(answer, headers={**answer.headers, **_limit_header(call)})


def _check_version(version: str) -> None:
    number = float(version)
    if number < OLDEST:
        raise errors.ApiError(410, "UNSUPPORTED_API_VERSION", f"API version {version} is no longer supported")
    if number > NEWEST or not number.is_integer():
        raise errors.not_found()


def authenticate(call: Call) -> Call:
    """The call with its user; raises INVALID_SESSION_ID. Using a session prolongs it."""
    scheme, _, token = call.headers.get("authorization", "").partition(" ")
    org = call.org
    if call.trouble("session_expired") is not None:
        org.end_session(token)
    user_id = org.user_of_session(token) if scheme.lower() in {"bearer", "oauth"} else None
    if user_id is None:
        raise errors.ApiError(401, "INVALID_SESSION_ID", "Session expired or invalid")
    return replace(call, user_id=user_id, token=token)


def _refuse(call: Call) -> None:
    if call.trouble("server_unavailable") is not None:
        raise errors.ApiError(503, "SERVER_UNAVAILABLE", "The server is temporarily unavailable.")
    if call.trouble("concurrent_limit") is not None:
        raise errors.ApiError(
            403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests (Concurrent API Requests) Limit exceeded."
        )
    if call.trouble("daily_limit") is not None:
        raise errors.ApiError(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
    if (refusal := call.trouble("refuse")) is not None:
        code, message = refusal.get("code", "INSUFFICIENT_ACCESS"), refusal.get("message", "insufficient access rights")
        raise errors.ApiError(int(refusal.get("status", 403)), code, message)
    if call.trouble("api_disabled") is not None:
        raise errors.ApiError(403, "API_DISABLED_FOR_ORG", "API is disabled for this User")
    if call.head > LONGEST_HEAD:
        raise errors.ApiError(414, "URI_TOO_LONG", "URI and headers are longer than 16,384 bytes")


def _limit_header(call: Call) -> dict[str, str]:
    bent = call.trouble("limit_header")
    value = call.org.limits.header() if bent is None else str(bent.get("value", ""))
    return {"Sforce-Limit-Info": value} if value else {}
