"""The daemon's HTTP server: alive, ready, and what it counts; all without the mirror."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families
from sync_rig import NOW

from config.settings import HubSpotSettings, Settings, StoreSettings
from connectors.clock import FakeClock
from insights.health import Health, listen
from insights.metrics import METRICS, Metrics
from sync.agenda import Due
from sync.daemon import Ended
from sync.journal.book import Journal
from sync.journal.cursors import Stored
from sync.journal.rejects import Reject
from sync.journal.stages import Given
from sync.pulse import Pulse
from sync.report import Calls, Failure, Pulled, Report, Written
from sync.stores import MIRROR_FILE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass
class Watched:
    """A daemon's health, served."""

    url: str
    clock: FakeClock
    pulse: Pulse
    metrics: Metrics
    journal: Journal

    def get(self, path: str) -> requests.Response:
        return requests.get(self.url + path, timeout=10)

    def end(self, exit_code: int = 0, *, given: tuple[Given, ...] = (), rejected: tuple[Reject, ...] = ()) -> Ended:
        """A run that ends so, in the journal and told to the metrics."""
        now = self.clock.now()
        run_id = self.journal.begin_run(kind="sync", started_at=now, holder="h", model_version="m@1", model="{}")
        order = ("subscriber", "lead")
        self.journal.note_outcomes(
            "hubspot", accepted=given, rejected=rejected, gone=[], now=now, run_id=run_id, order=order
        )
        failure = Failure(kind="AuthStop", message="refused.", exit_code=exit_code) if exit_code > 1 else None
        report = Report(
            run_id=run_id, kind="sync", started_at=now, duration_s=42, model_version="m@1", failure=failure,
            pulled=[Pulled(crm="hubspot", stream="records", rows=7, seconds=1)],
            written=[Written(crm="hubspot", planned=3, accepted=2, rejected=1, unchanged=4)],
            calls=[Calls(crm="hubspot", calls=9, retries=1, waited_s=2.5, retries_by_reason={"429": 1},
                         calls_by_budget={"general": 6, "search": 3})],
        )  # fmt: skip
        self.journal.end_run(report, now)
        ended = Ended("sync", now, report.exit_code, report=report)
        self.pulse.last_exit = report.exit_code
        self.metrics.observe(ended)
        return ended

    def series(self) -> dict[str, dict[tuple[str, ...], float]]:
        """Every sample of ours: name -> values of its labels, sorted by label -> value."""
        found: dict[str, dict[tuple[str, ...], float]] = {}
        for family in text_string_to_metric_families(self.get("/metrics").text):
            for sample in family.samples:
                found.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
        return found


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    settings = Settings(store=StoreSettings(path=tmp_path), hubspot=HubSpotSettings())
    (tmp_path / MIRROR_FILE).write_text("whoever opens this fails")
    clock, journal = FakeClock(NOW), Journal.in_folder(tmp_path)
    pulse = Pulse(clock)
    metrics = Metrics(lambda: settings, clock, pulse)
    server = listen(Health(lambda: settings, pulse, metrics).app(), "127.0.0.1", 0)
    while not server.started:
        time.sleep(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield Watched(f"http://127.0.0.1:{port}", clock, pulse, metrics, journal)
    server.should_exit = True
    journal.close()


def answer(found: requests.Response) -> tuple[int, Any]:
    return found.status_code, found.json()["status"]


def test_93_healthz_fails_when_no_progress_is_made(watched: Watched) -> None:
    assert answer(watched.get("/healthz")) == (200, "ok")
    watched.pulse.running = "sync"
    watched.clock.advance(3600)
    assert answer(watched.get("/healthz")) == (200, "ok")
    watched.clock.advance(1)
    assert answer(watched.get("/healthz")) == (503, "no progress is made")
    watched.pulse.move()
    assert answer(watched.get("/healthz")) == (200, "ok")


def test_readyz_fails_after_a_run_that_needs_a_person(watched: Watched, tmp_path: Path) -> None:
    assert answer(watched.get("/readyz")) == (200, "ok"), "nothing has run yet"
    watched.end(3)
    watched.pulse.last_exit = None
    assert answer(watched.get("/readyz"))[0] == 503, "the journal remembers, when the daemon is begun anew"
    watched.end(5)
    assert answer(watched.get("/readyz")) == (200, "ok"), "what waiting mends"
    watched.pulse.last_exit = 2
    assert answer(watched.get("/readyz")) == (503, "the last run needs somebody to act"), "no run could begin"
    watched.end(0)
    (tmp_path / "journal.db").write_text("no journal any more")
    for more in tmp_path.glob("journal.db-*"):
        more.unlink()
    assert answer(watched.get("/readyz")) == (503, "the journal cannot be used")


def test_metrics(watched: Watched) -> None:
    refused = Reject("contact", "9", "leadgrade_rating", "INVALID", "no such option", "hash")
    watched.end(given=(Given("51", "lead"),), rejected=(refused,))
    watched.journal.copy_cursors("hubspot", [Stored("records", "c", 7)], NOW)
    watched.pulse.next = Due("rescore", NOW + timedelta(minutes=10))
    watched.clock.advance(60)
    found = watched.series()
    assert found["leadgrade_runs_total"] == {("1", "sync"): 1}
    assert found["leadgrade_rows_total"] == {
        ("hubspot", "accepted"): 2, ("hubspot", "rejected"): 1, ("hubspot", "unknown"): 0, ("hubspot", "skipped"): 0,
        ("hubspot", "unchanged"): 4,
    }  # fmt: skip
    assert found["leadgrade_calls_total"] == {("general", "hubspot"): 6, ("search", "hubspot"): 3}
    assert found["leadgrade_retries_total"] == {("hubspot", "429"): 1}
    assert found["leadgrade_crossings_total"] == {("hubspot", "up", "lead"): 1}
    assert found["leadgrade_run_duration_seconds_sum"] == {("sync",): 42}
    assert found["leadgrade_last_success_age_seconds"] == {(): 60}
    assert found["leadgrade_stream_lag_seconds"] == {("hubspot", "records"): 60}
    assert found["leadgrade_rejects_open"] == {("hubspot",): 1}
    assert found["leadgrade_bulk_jobs_open"] == {("hubspot",): 0}
    assert found["leadgrade_lease_held"] == {(): 0}
    assert found["leadgrade_next_run_seconds"] == {("rescore",): 540}
    watched.end()
    assert watched.series()["leadgrade_rows_read_total"] == {("hubspot", "records"): 14}, "counters grow"


def test_every_metric_is_told_of(watched: Watched) -> None:
    watched.end()
    text = watched.get("/metrics").text
    assert [name for name in METRICS if f"# HELP {name} " not in text] == []
    told = {line.split()[2] for line in text.splitlines() if line.startswith("# HELP")}
    assert {name for name in told if not name.endswith("_created")} == set(METRICS)
