"""Who looks at the daemon of the week from outside: a receiver of its alerts, and whoever asks it over HTTP.

The receiver refuses some of what it is sent. Each piece of news must arrive all the same, once, and signed; what is
served must agree with what happened.
"""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from time import sleep
from typing import TYPE_CHECKING, Any, Final

import requests
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from config.daemon_settings import AlertSettings, WebhookSettings
from insights.health import NEEDS_A_PERSON, Health, listen
from insights.metrics import Metrics
from sync.alerts import events, outbox
from sync.alerts.watch import Alerts
from sync.pulse import Pulse
from sync.stores import open_journal
from tests.alerts_rig import KEY, Receiver, receiving, signed_by_us
from tests.soak.scenario import must

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator
    from datetime import datetime

    from config.settings import Settings
    from connectors.clock import Clock
    from sync.daemon import Ended

REFUSALS: Final = ((500, {}), (503, {"retry-after": "900"}), (302, {"location": "/elsewhere"}), (429, {}))
REFUSED: Final = 0.3
"""Share of the requests that the receiver does not take."""

TEND: Final = timedelta(minutes=10)
"""Between two looks of the daemon at what waits to be sent; in earnest it looks every few seconds."""

READ_AND_WRITE: Final = frozenset({"sync", "reconcile"})
OK: Final = 200
UNAVAILABLE: Final = 503
TAKEN: Final = 204


@dataclass
class Spell:
    """A while in which runs went wrong, and the events by which that must be told."""

    began: datetime
    ended: datetime | None = None
    events: set[str] = field(default_factory=set)


@dataclass
class Onlooker:
    """`rises` are the edges that are news."""

    settings: Settings
    clock: Clock
    receiver: Receiver
    rises: dict[int, tuple[str, str, str]] = field(default_factory=dict)  # number of the edge: crm, record, stage
    spells: list[Spell] = field(default_factory=list)
    served: Counter[str] = field(default_factory=Counter)  # "readyz 503" -> how often
    told: Counter[str] = field(default_factory=Counter)  # events that the receiver took
    ages: list[tuple[datetime, float]] = field(default_factory=list)  # when asked, seconds since the last success
    ended: Counter[tuple[str, str]] = field(default_factory=Counter)  # runs of this life of the daemon
    last_exit: int | None = None
    good: datetime | None = None  # when a run last read and wrote
    pulse: Pulse = field(init=False)
    url: str = ""
    _tended: datetime | None = None

    def __post_init__(self) -> None:
        """Whoever is born looks from the beginning."""
        self.pulse = Pulse(self.clock)
        self.alerts = Alerts(self.settings, self.clock)

    @contextlib.contextmanager
    def life(self) -> Iterator[None]:
        """A life of the daemon: its counters begin at nothing, and its server listens."""
        self.pulse = Pulse(self.clock)
        self.metrics = Metrics(lambda: self.settings, self.clock, self.pulse)
        self.ended.clear()
        self.last_exit = None
        server = listen(Health(lambda: self.settings, self.pulse, self.metrics).app(), "127.0.0.1", 0)
        while not server.started:
            sleep(0.005)
        self.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        try:
            yield
        finally:
            self.url = ""
            server.should_exit = True

    def heard(self, ended: Ended) -> None:
        """A run is over: what the daemon does then, and what it must have told in the end."""
        self.metrics.observe(ended)
        with contextlib.closing(open_journal(self.settings)) as journal:
            for edge in outbox.untold(journal):
                if edge["direction"] == "up" and not edge["by_hand"]:
                    self.rises[edge["crossing_id"]] = edge["crm"], edge["record_id"], edge["to_stage"]
        self.alerts.after(ended)
        self.ended[ended.kind, str(ended.exit_code)] += 1
        self.last_exit = ended.exit_code
        if ended.exit_code in {0, 1}:
            if self.spells and not self.spells[-1].ended:
                self.spells[-1].ended = ended.at
            if ended.kind in READ_AND_WRITE:
                self.good = ended.at
        elif ended.exit_code in NEEDS_A_PERSON:
            self._spell().add(events.FAILED)

    def died(self) -> None:
        """The process is gone, maybe after its run had come to a good end that nobody heard of."""
        with contextlib.closing(open_journal(self.settings)) as journal:
            self.good = journal.last_success() if self.good else None

    def _spell(self) -> set[str]:
        if not self.spells or self.spells[-1].ended:
            self.spells.append(Spell(self.clock.now()))
        return self.spells[-1].events

    def tend(self) -> None:
        """What the daemon does between runs, now and then."""
        now = self.clock.now()
        if self._tended is not None and now - self._tended < TEND:
            return
        self._tended = now
        stale_after = timedelta(minutes=self.settings.alerts.stale_after_min)
        if self.good is not None and now - self.good >= stale_after:
            spell = self._spell()
            if events.FAILED not in spell:
                spell.add(events.STALE)
        self.alerts.look(self.pulse)
        self.alerts.deliver()

    def look(self) -> None:
        """Ask the daemon how it is. Raises Broken when it says otherwise than it is."""
        if not self.url or self.good is None or not self.ended:
            return
        told = {path: requests.get(f"{self.url}/{path}", timeout=10) for path in ("healthz", "readyz", "metrics")}
        self.served.update(f"{path} {answer.status_code}" for path, answer in told.items())
        must(told["healthz"].status_code == OK, "a daemon that works is called dead", told["healthz"].text)
        ready = UNAVAILABLE if self.last_exit in NEEDS_A_PERSON else OK
        must(told["readyz"].status_code == ready, f"not {ready} after exit {self.last_exit}", told["readyz"].text)
        series = _series(told["metrics"].text)
        runs = {(labels["kind"], labels["exit_code"]): value for labels, value in series["leadgrade_runs_total"]}
        must(runs == self.ended, "runs are counted otherwise than they ended", (runs, self.ended))
        [(_, age)] = series["leadgrade_last_success_age_seconds"]
        expected = (self.clock.now() - self.good).total_seconds()
        must(abs(age - expected) < 1, "the last success was at another time", (age, expected))
        lags = [value for _, value in series["leadgrade_stream_lag_seconds"]]
        must(min(lags) >= 0, "streams were read in the future", lags)
        self.ages.append((self.clock.now(), age))

    def judge(self, outage: tuple[datetime, datetime]) -> None:
        """Raises Broken when news did not come, came twice, or came from somebody else."""
        self._drain()
        sent = list(zip(self.receiver.got, self.receiver.answered, strict=True))
        must(all(signed_by_us(headers, body) for (headers, body), _ in sent), "a signature is not ours", len(sent))
        taken = Counter(headers["webhook-id"] for (headers, _), status in sent if status == TAKEN)
        every = {headers["webhook-id"] for (headers, _), _ in sent}
        must(every == taken.keys(), "news was refused and not sent again", every - taken.keys())
        must(not (twice := [one for one, times in taken.items() if times > 1]), "news was told twice", twice)
        must(len(sent) > len(every), "the receiver refused nothing", len(sent))
        news = [json.loads(body) for (_, body), status in sent if status == TAKEN]
        self.told.update(one["event"] for one in news)
        self._judge_runs([one["event"] for one in sorted(news, key=lambda one: str(one["at"]))], outage)
        rises = [one["data"]["people"] for one in news if one["event"] == events.CROSSED]
        self._judge_rises([person for people in rises for person in people])

    def _judge_runs(self, told: list[str], outage: tuple[datetime, datetime]) -> None:
        """Each spell is told by its events, once each however many runs it had, and then its end."""
        expected = Counter(event for spell in self.spells for event in spell.events)
        expected[events.RECOVERED] = sum(spell.ended is not None for spell in self.spells)
        found = Counter(event for event in told if event in {events.FAILED, events.STALE, events.RECOVERED})
        must(found == +expected, "spells are told otherwise than they were", (found, self.spells))
        # As runs that stay away, or as the failure that began before it and went on.
        late = outage[0] + (outage[1] - outage[0]) / 2
        lasting = [one for one in self.spells if one.began < outage[1] and (one.ended is None or one.ended > late)]
        must(len(lasting) == 1, "an outage of hours is not told once", (self.spells, outage))
        must(found[events.FAILED] >= 1, "that a person is needed is not told", found)
        must(events.STUCK not in told, "a run that moved is called stuck", told)
        during = [age for at, age in self.ages if outage[0] + timedelta(hours=4) <= at <= outage[1]]
        must(bool(during) and min(during) > 4 * 3600, "the outage does not show in the metrics", during)

    def _judge_rises(self, people: list[dict[str, Any]]) -> None:
        told = Counter((one["crm"], one["record_id"], one["to_stage"]) for one in people)
        rose = Counter(self.rises.values())
        with contextlib.closing(open_journal(self.settings)) as journal:
            known = {(edge["crm"], edge["record_id"]) for edge in journal.crossings()}
        must(not (more := told - rose), "rises were told that were none, or twice", more)
        lost = {edge: times for edge, times in (rose - told).items() if edge[:2] in known}
        must(not lost, "rises of people who were not erased were not told", lost)

    def _drain(self) -> None:
        """Let the last news arrive."""
        self.receiver.answers.clear()
        for _ in range(8):
            self.clock.sleep(600)
            self.alerts.deliver()


@contextlib.contextmanager
def onlooker(settings: Settings, clock: Clock, chance: random.Random) -> Iterator[Onlooker]:
    """Somebody who is told by webhook. The settings are those that name it."""
    with receiving() as receiver:
        drawn = [chance.choice(REFUSALS) if chance.random() < REFUSED else (TAKEN, {}) for _ in range(5000)]
        receiver.answers = [REFUSALS[0], *drawn]
        webhook = WebhookSettings(url=receiver.url, secret=SecretStr(KEY))
        yield Onlooker(settings.model_copy(update={"alerts": AlertSettings(webhook=webhook)}), clock, receiver)


def _series(text: str) -> dict[str, list[tuple[dict[str, str], float]]]:
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found
