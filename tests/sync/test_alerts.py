"""Alerts from the run to the receiver: a real HTTP server, a journal, a clock that is moved."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs
from sync_rig import NOW, batch, record, store

from config.daemon_settings import AlertSettings, WebhookSettings
from scoring.facts import Table
from sync.alerts import events, outbox
from sync.alerts.channels import signature
from sync.alerts.outbox import GIVE_UP
from sync.daemon import Ended
from sync.journal.stages import Given
from sync.pulse import Pulse
from sync.stores import open_mirror
from tests.alerts_rig import KEY, House, Receiver, house_of, receiving, signed_by_us

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


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
    assert signed_by_us(headers, body)
    assert not signed_by_us(headers, body + b" ")
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


def test_87_what_one_daemon_is_sending_another_does_not(house: House, receiver: Receiver) -> None:
    receiver.meanwhile = [house.alerts.deliver]
    house.end(3)
    assert len(receiver.got) == 1


def test_87_a_daemon_that_slept_while_it_sent_does_not_undo_what_another_has_delivered(
    house: House, receiver: Receiver
) -> None:
    def another_takes_over() -> None:
        house.clock.advance(61)
        house.alerts.deliver()

    receiver.meanwhile, receiver.answers = [another_takes_over], [(204, {}), (500, {})]
    house.end(3)
    house.clock.advance(7200)
    house.alerts.deliver()
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1
    assert len(receiver.got) == 2, "once by each, and never again"


def test_87_a_daemon_that_slept_does_not_tell_how_its_run_ended_once_a_later_one_has(
    house: House, receiver: Receiver
) -> None:
    slept = Ended("sync", house.clock.now(), 3, "refused.")
    house.clock.advance(600)
    house.run("sync")
    house.alerts.after(slept)
    house.alerts.deliver()
    assert receiver.got == []


def test_87_of_two_daemons_one_tells_of_a_rise(house: House) -> None:
    house.run("sync", Given("51", "lead"))
    (edge,) = outbox.untold(house.journal)
    told = [events.crossed(NOW, [{"to_stage": "lead"}], first=number, last=number) for number in (1, 2)]
    edges = [edge["crossing_id"]]
    assert outbox.tell(house.journal, NOW, told[:1], ["webhook"], edges=edges)
    assert not outbox.tell(house.journal, NOW, told[1:], ["webhook"], edges=edges)
    assert [message.event_id for message in outbox.due(house.journal, NOW, ["webhook"])] == ["crossings-1-1"]


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
