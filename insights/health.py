"""The daemon's HTTP server: whether it lives, whether it can work, and its metrics."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import structlog
import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from insights.status import opened_journal
from sync.errors import SyncError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.requests import Request

    from config.settings import Settings
    from insights.metrics import Metrics
    from sync.pulse import Pulse

log = structlog.get_logger()

UNAVAILABLE: Final = 503
NEEDS_A_PERSON: Final = frozenset({2, 3, 4, 70})
"""Exit codes of a last run after which the daemon is alive, but does no work until somebody acts."""


@dataclass(frozen=True, slots=True)
class Health:
    """What the checks look at. `settings` are those of the last run that could read them."""

    settings: Callable[[], Settings]
    pulse: Pulse
    metrics: Metrics

    def healthz(self, _request: Request) -> Response:
        """Alive: the loop turns, and a run under way makes progress. 503 is a reason to start the process anew."""
        limit_s = self.settings().health.stuck_after_min * 60
        still_s = round(self.pulse.still_s)
        facts = {"running": self.pulse.running, "still_s": still_s}
        if still_s > limit_s:
            return _answer("no progress is made", facts)
        return _answer(None, facts)

    def readyz(self, _request: Request) -> Response:
        """At work: the journal can be used, and the last run did not end with what only a person can mend."""
        try:
            with opened_journal(self.settings()) as journal:
                last = next((run for run in journal.last_runs(5) if run["ended_at"]), None) if journal else None
        except SyncError as error:
            return _answer("the journal cannot be used", {"error": type(error).__name__})
        # A run that could not even begin is not in the journal; a daemon that has just begun knows of no run.
        code = self.pulse.last_exit
        if code is None and last is not None:
            code = last["exit_code"]
        facts = {"run": last["run_id"] if last else None, "exit_code": code}
        return _answer("the last run needs somebody to act" if code in NEEDS_A_PERSON else None, facts)

    def prometheus(self, _request: Request) -> Response:
        """The metrics."""
        return Response(self.metrics.render(), media_type=CONTENT_TYPE_LATEST)

    def app(self) -> Starlette:
        """The routes; handlers are plain functions, which Starlette runs in threads."""
        return Starlette(routes=[
            Route("/healthz", self.healthz), Route("/readyz", self.readyz), Route("/metrics", self.prometheus)
        ])  # fmt: skip


def _answer(trouble: str | None, facts: Mapping[str, object]) -> JSONResponse:
    body = {"status": "ok" if trouble is None else trouble, **facts}
    return JSONResponse(body, 200 if trouble is None else UNAVAILABLE)


def listen(app: Starlette, host: str, port: int) -> uvicorn.Server:
    """Serve in a thread of its own. A port that is taken is told, and stops nothing: runs matter more."""
    server = uvicorn.Server(
        uvicorn.Config(app, host=host, port=port, log_config=None, access_log=False, lifespan="off", workers=1)
    )

    def serve() -> None:
        try:
            server.run()
        except SystemExit:  # uvicorn's way to say that it cannot listen
            log.error("health checks are not served", host=host, port=port)  # noqa: TRY400 - the reason is known

    threading.Thread(target=serve, name="health", daemon=True).start()
    return server
