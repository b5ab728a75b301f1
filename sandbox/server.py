"""Both CRMs on loopback: started and stopped together, in a thread of their own."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import uvicorn

from sandbox.control import create_control
from sandbox.hubspot.app import create_app as create_hubspot
from sandbox.salesforce.app import create_app as create_salesforce
from sandbox.wire import TappedProtocol, Wire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.types import ASGIApp

    from sandbox.core import Shared
    from sandbox.hubspot.portal import Portal
    from sandbox.salesforce.org import Org

HUBSPOT_PORT = 8080
SALESFORCE_PORT = 8081
_START_WITHIN_S = 30
_STOP_WITHIN_S = 10


@dataclass(frozen=True, slots=True)
class Urls:
    """Where the two servers listen, without a slash at the end."""

    hubspot: str
    salesforce: str


@contextlib.contextmanager
def running(portal: Portal, org: Org, shared: Shared, *, ports: tuple[int, int] = (0, 0)) -> Iterator[Urls]:
    """Serve both CRMs on 127.0.0.1 until the block ends; port 0 takes a free one.

    Raises OSError when a port is taken.
    """
    with contextlib.ExitStack() as stack:
        listeners = [stack.enter_context(_listen(port)) for port in ports]
        apps = [
            Wire(app, create_control(portal, org, shared, crm), crm, shared)
            for crm, app in (("hubspot", create_hubspot(portal)), ("salesforce", create_salesforce(org)))
        ]
        servers = [_Server(app, listener) for app, listener in zip(apps, listeners, strict=True)]
        thread = threading.Thread(target=asyncio.run, args=(_serve_all(servers),), name="sandbox", daemon=True)
        thread.start()
        try:
            for server in servers:
                if not server.ready.wait(_START_WITHIN_S):
                    raise RuntimeError("the sandbox's servers did not start")
            yield Urls(*(f"http://127.0.0.1:{listener.getsockname()[1]}" for listener in listeners))
        finally:
            for server in servers:
                server.stop()
            thread.join(_STOP_WITHIN_S)


def serve(
    portal: Portal,
    org: Org,
    shared: Shared,
    *,
    ports: tuple[int, int] = (HUBSPOT_PORT, SALESFORCE_PORT),
    started: Callable[[Urls], None],
) -> int:
    """Serve both CRMs until SIGINT or SIGTERM; the number of the signal is returned.

    `started` is called with the addresses once both servers answer. For the main thread only.
    """
    received: list[int] = []
    stop = threading.Event()

    def on_signal(number: int, _frame: object) -> None:
        received.append(number)
        stop.set()

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with running(portal, org, shared, ports=ports) as urls:
            started(urls)
            stop.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return received[0]


def _listen(port: int) -> socket.socket:
    # asyncio turns Nagle's algorithm off only where the protocol is named; with it each answer waits 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
    except OSError:
        listener.close()
        raise
    return listener


class _Server(uvicorn.Server):
    """One uvicorn server on a socket that is already bound."""

    def __init__(self, app: ASGIApp, listener: socket.socket) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=TappedProtocol,
                loop="asyncio",
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="error",
                access_log=False,
                server_header=False,
                date_header=False,  # the middleware gives the sandbox's time
                timeout_keep_alive=60,
                timeout_graceful_shutdown=1,
            )
        )
        self.listener = listener
        self.ready = threading.Event()
        self._address = listener.getsockname()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Tell the starting thread when calls are taken."""
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        self.ready.set()

    async def main_loop(self) -> None:
        """Wait to be stopped; uvicorn's own would look ten times a second and keep each test waiting for it."""
        await self._stopping.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close at once what uvicorn would give a tenth of a second to close by itself."""
        for server in self.servers:
            server.close()
        for each in sockets or ():
            each.close()
        running_calls = list(self.server_state.tasks)
        for call in running_calls:
            call.cancel()
        await asyncio.gather(*running_calls, return_exceptions=True)

    def stop(self) -> None:
        """End the server from another thread; calls in flight are cut."""
        self.should_exit = True
        if self._loop is not None and self._loop.is_running():
            with contextlib.suppress(RuntimeError):  # the loop has just ended by itself
                self._loop.call_soon_threadsafe(self._close_connections)

    def _close_connections(self) -> None:
        self._stopping.set()
        for (_client, server), transport in list(TappedProtocol.transports.items()):
            if server == self._address:
                transport.close()


async def _serve_all(servers: list[_Server]) -> None:
    await asyncio.gather(*(server.serve(sockets=[server.listener]) for server in servers))
