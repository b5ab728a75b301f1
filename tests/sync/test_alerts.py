"""Alerts from the run to the receiver: real HTTP and SMTP servers, a journal, a clock that is moved."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socket
import threading
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from aiosmtpd.controller import Controller
from pydantic import SecretStr
from structlog.testing import capture_logs
from sync_rig import NOW, SETTINGS, batch, record, store

from config.daemon_settings import AlertSettings, MailSettings, WebhookSettings
from config.settings import HubSpotSettings, StoreSettings
from connectors.clock import FakeClock
from scoring.facts import Table
from sync.alerts import events
from sync.alerts.channels import signature
from sync.alerts.outbox import GIVE_UP
from sync.alerts.watch import Alerts
from sync.daemon import Ended
from sync.journal.book import Journal
from sync.journal.stages import Given
from sync.pulse import Pulse
from sync.report import Report
from sync.stores import open_mirror

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import Message
    from pathlib import Path

    from sync.report import RunKind

KEY = "whsec_" + base64.b64encode(b"k" * 24).decode()


@dataclass
class Receiver:
    """What a webhook got, and what it answers next."""

    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    url: str = ""

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.got]

    @property
    def kinds(self) -> list[str]:
        return [event["event"] for event in self.events]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            made.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
            status, headers = made.answers.pop(0) if made.answers else (204, {})
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


@pytest.fixture
def house(tmp_path: Path, receiver: Receiver) -> Iterator[House]:
    made = house_of(tmp_path, AlertSettings(webhook=WebhookSettings(url=receiver.url, secret=SecretStr(KEY))))
    yield made
    made.journal.close()


def test_a_failure_is_told_once_and_its_end_too(house: House, receiver: Receiver) -> None:
    house.end(0)
    assert receiver.got == [], "nothing has happened"
    for _ in range(3):
        house.end(3, why="hubspot: the token was refused. Create a new one.")
        house.clock.advance(600)
    house.end(4, why="Too many would change.")
    house.clock.advance(600)
    house.end(5, why="used up")
    house.end(0)
    house.end(0)
    assert receiver.kinds == [events.FAILED, events.FAILED, events.RECOVERED]
    first = receiver.events[0]
    assert first["text"] == "Leadgrade: sync ended with 3. hubspot: the token was refused. Create a new one."
    assert first["data"] == {"kind": "sync", "exit_code": 3, "run_id": None}
    assert first["version"] == events.VERSION


def test_a_failure_that_lasts_is_told_again_each_day(house: House, receiver: Receiver) -> None:
    for _ in range(17):
        house.end(2, why="broken")
        house.clock.advance(3 * 3600)
    assert receiver.kinds == [events.FAILED] * 3


def test_the_receiver_can_tell_that_it_comes_from_us(house: House, receiver: Receiver) -> None:
    house.end(3)
    headers, body = receiver.got[0]
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(b"k" * 24, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert int(headers["webhook-timestamp"]) == int(house.clock.now().timestamp())
    assert signature("plain", "id", 1, b"{}") != signature(KEY, "id", 1, b"{}")


def test_a_receiver_that_is_down_gets_it_later_with_the_same_id_and_stops_nothing(
    house: House, receiver: Receiver
) -> None:
    receiver.answers = [(500, {}), (302, {"location": receiver.url}), (429, {"retry-after": "1800"})]
    with capture_logs() as logs:
        house.end(3)
        waits = []
        while receiver.answers:
            house.clock.advance(60)
            waits.append(60)
            house.alerts.deliver()
        house.clock.advance(1799)
        house.alerts.deliver()
        assert len(receiver.got) == 3, "as long as it asked for"
        house.clock.advance(1)
        house.alerts.deliver()
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1
    assert len({body for _, body in receiver.got}) == 1
    assert len(waits) == 3, "after one minute, and after two more"
    house.alerts.deliver()
    assert len(receiver.got) == 4
    assert [line["why"] for line in logs if line["event"] == "alert put off"] == [
        "answered 500", "answered 302", "answered 429"
    ]  # fmt: skip
    assert "secret-path" not in str(logs)


def test_what_nobody_takes_for_days_is_given_up_in_the_log(house: House, receiver: Receiver) -> None:
    receiver.answers = [(500, {})] * 3
    house.end(3)
    house.clock.advance(3600)
    house.alerts.deliver()
    house.clock.advance(GIVE_UP.total_seconds())
    with capture_logs() as logs:
        house.alerts.deliver()
    assert [line["log_level"] for line in logs] == ["error"]
    house.clock.advance(3600)
    house.alerts.deliver()
    assert len(receiver.got) == 3


def test_runs_that_stay_away_are_told_and_so_is_their_return(house: House, receiver: Receiver) -> None:
    pulse = Pulse(house.clock)
    house.alerts.look(pulse)
    house.run("sync")
    for minutes in (179, 1, 600):
        house.clock.advance(minutes * 60)
        pulse.move()
        house.alerts.look(pulse)
    house.end(0)
    assert receiver.kinds == [events.STALE, events.RECOVERED]
    assert "since 2026-06-15 12:00 UTC" in receiver.events[0]["text"]


def test_93_a_run_that_stands_still_is_told_once(house: House, receiver: Receiver) -> None:
    pulse = Pulse(house.clock)
    pulse.running = "sync"
    with capture_logs() as logs:
        for minutes in (59, 2, 30):
            house.clock.advance(minutes * 60)
            house.alerts.look(pulse)
    assert [line["event"] for line in logs] == ["no progress is made"]
    pulse.move()
    house.alerts.look(pulse)
    house.alerts.deliver()
    assert receiver.kinds == [events.STUCK, events.MOVING]
    assert "the sync under way has made no progress for 61 minutes" in receiver.events[0]["text"]


def test_whoever_rises_is_told_with_ids_rating_and_page(house: House, receiver: Receiver) -> None:
    settings = house.alerts.settings
    with open_mirror(settings, house.clock).open() as connection:
        held = record(
            "hubspot", "51", email="canary@personal.example", observed={"rating": "A1", "reasons": "Demo +50"}
        )
        store(connection, batch(Table.RECORDS, [held]))
    house.run("backfill", Given("51", "lead", quiet=True))
    house.end(0)
    assert receiver.got == [], "who is not handed over is no news"

    report = house.run("sync", Given("51", "customer"), Given("52", "lead"), Given("53", "subscriber"))
    house.alerts.after(Ended("sync", house.clock.now(), 0, report=report))
    house.alerts.after(Ended("sync", house.clock.now(), 0, report=report))
    house.alerts.deliver()
    [event] = receiver.events
    assert event["text"] == "Leadgrade: 2 records rose to customer, lead."
    assert event["data"]["people"][0] == {
        "crm": "hubspot", "kind": "contact", "record_id": "51",
        "page": "https://app.hubspot.com/contacts/77/record/0-1/51", "from_stage": "lead", "to_stage": "customer",
        "at": NOW.isoformat(), "rating": "A1", "reasons": "Demo +50",
    }  # fmt: skip
    assert "canary" not in str(receiver.got)

    house.run("sync", Given("51", "lead"))
    house.end(0)
    assert len(receiver.got) == 1, "who falls is not hot"


def test_who_rose_while_nobody_could_be_told_is_no_news_later(tmp_path: Path, receiver: Receiver) -> None:
    mute = house_of(tmp_path, AlertSettings())
    mute.run("sync", Given("51", "lead"))
    mute.alerts.after(Ended("sync", NOW, 0))
    house = house_of(tmp_path, AlertSettings(webhook=WebhookSettings(url=receiver.url, secret=SecretStr(KEY))))
    house.run("sync", Given("52", "lead"))
    house.clock.advance(timedelta(days=2).total_seconds())
    house.end(0)
    assert receiver.got == []
    for each in (mute, house):
        each.journal.close()


@dataclass
class Postbox:
    """A mail server's other end."""

    mails: list[tuple[str, list[str], Message]] = field(default_factory=list)

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - as aiosmtpd has it
        import email

        self.mails.append((envelope.mail_from, envelope.rcpt_tos, email.message_from_bytes(envelope.content)))
        return "250 OK"


def test_an_alert_by_mail(tmp_path: Path) -> None:
    postbox = Postbox()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    mail = MailSettings(
        host="127.0.0.1", port=port, security="none", sender="leadgrade@acme.example", to=("ops@acme.example",)
    )
    house = house_of(tmp_path, AlertSettings(mail=mail))
    with capture_logs() as logs:
        house.end(3, why="hubspot: the token was refused.")
    assert [line["why"] for line in logs] == ["the mail server failed: ConnectionRefusedError"]
    server = Controller(postbox, hostname="127.0.0.1", port=port)
    server.start()
    try:
        house.clock.advance(60)
        house.alerts.deliver()
    finally:
        server.stop()
        house.journal.close()
    [(sender, to, message)] = postbox.mails
    assert (sender, to) == ("leadgrade@acme.example", ["ops@acme.example"])
    assert message["subject"] == "Leadgrade: sync ended with 3. hubspot: the token was refused."
    assert "runs.failed" in str(message.get_payload())


def test_mail_without_encryption_stays_on_this_machine() -> None:
    with pytest.raises(ValueError, match="plain SMTP would show"):
        MailSettings(host="mail.acme.example", security="none", sender="a@acme.example", to=("b@acme.example",))
    with pytest.raises(ValueError, match="plain http"):
        WebhookSettings(url="http://hooks.acme.example")
