"""What happens to every call around a server's own logic: journal, latency, Date header, transport troubles."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any, Final

from uvicorn.protocols.http.h11_impl import H11Protocol

from sandbox.core import Call, CutConnection

if TYPE_CHECKING:
    from datetime import datetime

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from sandbox.core import Shared

TROUBLES: Final = {
    "latency": "waits `seconds` (1) before the call is handled",
    "html_502": "answers an edge's HTML page with `status` (502); with `applied` the call has its effect first",
    "no_answer": "closes the connection before the call has any effect",
    "cut": "the call has its effect, then the connection ends after `after` (0) bytes of the answer's body; "
    "0 ends it before the status line",
    "hang": "never answers, until the client gives up or `seconds` (3600) pass; with `applied` the effect comes first",
    "drip": "sends the answer in pieces of `bytes` (64), `seconds` (0.05) apart",
    "date_skew": "moves the answer's Date header by `seconds` (600)",
}
"""Troubles of the transport, the same on both servers: name -> what it does and its settings (with defaults)."""

SANDBOX_PREFIX: Final = "/_sandbox"


class TappedProtocol(H11Protocol):
    """uvicorn's HTTP protocol, which lets the middleware get at a connection's transport to cut it."""

    transports: Final[dict[tuple[Any, Any], asyncio.Transport]] = {}  # by the addresses of client and server

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Remember the transport."""
        super().connection_made(transport)
        self.transports[self.client, self.server] = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the transport."""
        self.transports.pop((self.client, self.server), None)
        super().connection_lost(exc)


class Wire:
    """ASGI middleware around one CRM's server.

    Paths under `/_sandbox` go to `control`, untouched and unrecorded; everything else goes to `app` and into the
    journal, before the client has seen the end of the answer.
    """

    def __init__(self, app: ASGIApp, control: ASGIApp, crm: str, shared: Shared) -> None:
        self._app = app
        self._control = control
        self._crm = crm
        self._shared = shared

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http" or scope["path"].startswith(SANDBOX_PREFIX):
            await self._control(scope, receive, send)
            return
        exchange = _Exchange(scope, receive, send, self._crm, self._shared)
        try:
            await self._respond(exchange)
        except CutConnection:
            await exchange.cut()
        finally:
            exchange.record()

    async def _respond(self, exchange: _Exchange) -> None:
        shared, path = self._shared, exchange.path
        take = shared.troubles.take
        slow = take("latency", path)
        wait_s = shared.latency_s + (float(slow.get("seconds", 1)) if slow is not None else 0.0)
        if wait_s:
            await asyncio.sleep(wait_s)
        if take("no_answer", path) is not None:
            await exchange.read_body()
            await exchange.cut()
        elif (hang := take("hang", path)) is not None:
            await self._effect(exchange, wanted=bool(hang.get("applied")))
            await exchange.wait_until_gone(float(hang.get("seconds", 3600)))
        elif (page := take("html_502", path)) is not None:
            await self._effect(exchange, wanted=bool(page.get("applied")))
            await exchange.answer_html(int(page.get("status", 502)))
        elif (cut := take("cut", path)) is not None:
            exchange.cut_after = int(cut.get("after", 0))
            await self._app(exchange.scope, exchange.receive, exchange.send)
        else:
            exchange.drip = take("drip", path)
            skew = take("date_skew", path)
            exchange.skew_s = float(skew.get("seconds", 600)) if skew is not None else 0.0
            await self._app(exchange.scope, exchange.receive, exchange.send)

    async def _effect(self, exchange: _Exchange, *, wanted: bool) -> None:
        """Let the server do its work but keep the answer back; or only read the request."""
        if wanted:
            await self._app(exchange.scope, exchange.receive, exchange.swallow)
        else:
            await exchange.read_body()


class _Exchange:
    """One request and its answer, watched on the way through."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, crm: str, shared: Shared) -> None:
        self.scope = scope
        self.path: str = scope["path"]
        self.cut_after: int | None = None
        self.drip: dict[str, Any] | None = None
        self.skew_s = 0.0
        self._receive = receive
        self._send = send
        self._crm = crm
        self._journal = shared.journal
        self._recorded = False
        self._now = shared.clock.now
        self._arrived: datetime = self._now()
        self._body = bytearray()
        self._status = 0  # 0: no status line was sent
        self._sent = 0

    def record(self) -> None:
        """Write the journal's line, once."""
        if self._recorded:
            return
        self._recorded = True
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in self.scope["headers"]}
        query = self.scope["query_string"].decode("latin-1")
        method = self.scope["method"]
        self._journal.add(
            Call(self._arrived, self._crm, method, self.path, query, headers, bytes(self._body), self._status)
        )

    async def receive(self) -> Message:
        """Pass on what the client sends, and remember it."""
        message = await self._receive()
        self._body += message.get("body", b"")
        return message

    async def read_body(self) -> None:
        """Take the whole request in."""
        while True:
            message = await self.receive()
            if message["type"] == "http.disconnect" or not message.get("more_body", False):
                return

    async def swallow(self, message: Message) -> None:
        """Take an answer that nobody shall see."""

    async def send(self, message: Message) -> None:
        """Pass the answer on, with a Date header, whole or as the troubles have it."""
        if message["type"] == "http.response.start":
            if self.cut_after == 0:
                await self.cut()
                return
            self._status = message["status"]
            headers = [(name, value) for name, value in message.get("headers", ()) if name.lower() != b"date"]
            await self._send({**message, "headers": [*headers, (b"date", self._date())]})
            return
        body: bytes = message.get("body", b"")
        if self.cut_after is not None and self._sent + len(body) >= self.cut_after:
            await self._send({**message, "body": body[: self.cut_after - self._sent], "more_body": True})
            await self.cut()
            return
        self._sent += len(body)
        if not message.get("more_body", False):
            self.record()
        if self.drip is None:
            await self._send(message)
            return
        size, pause_s = int(self.drip.get("bytes", 64)), float(self.drip.get("seconds", 0.05))
        for start in range(0, len(body), size):
            await self._send({"type": message["type"], "body": body[start : start + size], "more_body": True})
            await asyncio.sleep(pause_s)
        await self._send({"type": message["type"], "body": b"", "more_body": message.get("more_body", False)})

    async def answer_html(self, status: int) -> None:
        """An edge's error page: no JSON, no correlation id."""
        page = f"<html><head><title>{status}</title></head><body><center><h1>{status}</h1></center></body></html>"
        headers = [(b"content-type", b"text/html"), (b"content-length", str(len(page)).encode())]
        await self.send({"type": "http.response.start", "status": status, "headers": headers})
        await self.send({"type": "http.response.body", "body": page.encode()})

    async def wait_until_gone(self, seconds: float) -> None:
        """Hold the line until the client leaves, then let go of it; a stubborn client is cut off after `seconds`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while (await self._receive())["type"] != "http.disconnect":
                    continue
        await self.cut()

    async def cut(self) -> None:
        """End the connection: what was sent arrives, nothing more does."""
        self.record()
        transport = TappedProtocol.transports.get((self.scope["client"], self.scope["server"]))
        if transport is not None:
            transport.close()
            while (await self._receive())["type"] != "http.disconnect":
                continue

    def _date(self) -> bytes:
        return format_datetime(self._now() + timedelta(seconds=self.skew_s), usegmt=True).encode()
