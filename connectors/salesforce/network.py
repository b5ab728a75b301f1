"""A call on the wire, and what became of one that got no answer, from the error that `requests` raised."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, BinaryIO, Final

import orjson
import requests
from requests.auth import AuthBase

from connectors.door import Request, Response, TransportError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
CHUNK_BYTES: Final = 1 << 20

_NOT_CONNECTED: Final = ("NewConnectionError", "NameResolutionError")
"""Causes deep inside an error of `requests`: no connection was made, or no address was found for the name."""


def was_sent(error: requests.RequestException) -> bool:
    """Whether the call may have had an effect."""
    if isinstance(error, requests.ConnectTimeout | requests.exceptions.SSLError):
        return False
    return not any(cause in repr(error) for cause in _NOT_CONNECTED)


def reason(error: requests.RequestException) -> str:
    """Why no answer came, in a few words."""
    if isinstance(error, requests.Timeout):
        return "timeout"
    if isinstance(error, requests.exceptions.SSLError):
        return "TLS failed"
    return "connection lost" if was_sent(error) else "no connection"


class _Bearer(AuthBase):
    """Sets the token per request; as an `auth` object, so that a .netrc cannot replace it."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def exchange(session: requests.Session, request: Request, url: str, token: str, headers: Mapping[str, str]) -> Response:
    """The answer to `request` at `url`, of any status. Raises TransportError when none came."""
    sent = {**headers, **request.headers}
    if request.json is not None:
        sent["Content-Type"] = "application/json"
    try:
        with (
            _body(request) as body,
            session.request(
                request.method,
                url,
                params=request.params,
                data=body,
                headers=sent,
                auth=_Bearer(token),
                stream=True,
                allow_redirects=False,
            ) as answer,
        ):
            content = _take(answer, request.stream_to)
    except requests.RequestException as error:
        raise TransportError(reason(error), sent=was_sent(error)) from None
    return Response(answer.status_code, {k.lower(): v for k, v in answer.headers.items()}, content)


def _body(request: Request) -> AbstractContextManager[BinaryIO | bytes | None]:
    """What is sent: a file is read as it goes, and from its beginning at each try."""
    if request.body_from is not None:
        return request.body_from.open("rb")
    return nullcontext(orjson.dumps(request.json) if request.json is not None else request.body)


def _take(answer: requests.Response, path: Path | None) -> bytes:
    if path is None or answer.status_code >= 300:
        return answer.content
    with path.open("wb") as file:
        for chunk in answer.iter_content(CHUNK_BYTES):
            file.write(chunk)
    return b""
