"""Who is told: a webhook's receiver, a mail server, and alerts over a journal of their own."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from config.settings import HubSpotSettings, StoreSettings
from connectors.clock import FakeClock
from sync.alerts.watch import Alerts
from sync.daemon import Ended
from sync.journal.book import Journal
from sync.report import Report
from tests.sync_rig import NOW, SETTINGS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from config.daemon_settings import AlertSettings
    from sync.journal.stages import Given
    from sync.report import RunKind

KEY = "whsec_" + base64.b64encode(b"k" * 24).decode()


def signed_by_us(headers: dict[str, str], body: bytes) -> bool:
    """Whether the signature is that of `KEY`, reckoned as a receiver would."""
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(b"k" * 24, signed, hashlib.sha256).digest()).decode()
    return headers["webhook-signature"] == f"v1,{expected}"


@dataclass
class Receiver:
    """What a webhook got, what it answered, and what it answers next."""

    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    answered: list[int] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    meanwhile: list[Callable[[], object]] = field(default_factory=list)  # what happens before it answers
    url: str = ""

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.got]

    @property
    def kinds(self) -> list[str]:
        return [event["event"] for event in self.events]


@contextlib.contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver that listens on loopback."""
    made = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            made.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
            if made.meanwhile:
                made.meanwhile.pop(0)()
            status, headers = made.answers.pop(0) if made.answers else (204, {})
            made.answered.append(status)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made.url = f"http://127.0.0.1:{server.server_port}/hooks/secret-path"
        thread = threading.Thread(target=server.serve_forever, args=[0.02])
        thread.start()
        yield made
        server.shutdown()
        thread.join()


@dataclass
class House:
    """Alerts over a journal of their own."""

    alerts: Alerts
    clock: FakeClock
    journal: Journal

    def end(self, exit_code: int, kind: str = "sync", why: str = "") -> None:
        """A run ends so, and everybody is told."""
        self.alerts.after(Ended(kind, self.clock.now(), exit_code, why))  # type: ignore[arg-type]
        self.alerts.deliver()

    def run(self, kind: RunKind, *given: Given) -> Report:
        """A run that writes stages."""
        now = self.clock.now()
        run_id = self.journal.begin_run(kind=kind, started_at=now, holder="h", model_version="m@1", model="{}")
        order = ("subscriber", "lead", "customer")
        self.journal.note_outcomes("hubspot", accepted=given, rejected=[], gone=[], now=now, run_id=run_id, order=order)
        report = Report(
            run_id=run_id, kind=kind, started_at=now, duration_s=1, model_version="m@1", accounts={"hubspot": "77"}
        )
        self.journal.end_run(report, now)
        return report


def house_of(folder: Path, alerts: AlertSettings) -> House:
    given = {"store": StoreSettings(path=folder / "state"), "hubspot": HubSpotSettings(), "alerts": alerts}
    settings = SETTINGS.model_copy(update=given)
    clock = FakeClock(NOW)
    return House(Alerts(settings, clock), clock, Journal.in_folder(settings.store.path))
