"""What the daemon tells Prometheus: counters grow with each run, the rest is read from the journal when asked for.

The mirror is never opened, so a scrape answers while a run has it. No label holds a personal value.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily

from insights.status import opened_journal
from sync.alerts import outbox
from sync.lease import holder_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from config.settings import Settings
    from connectors.clock import Clock
    from sync.daemon import Ended
    from sync.journal.book import Journal
    from sync.pulse import Pulse
    from sync.report import Report

Kind = Literal["counter", "gauge", "histogram"]


@dataclass(frozen=True, slots=True)
class Metric:
    """Its kind, what it counts, and the labels that tell its series apart."""

    kind: Kind
    about: str
    labels: tuple[str, ...] = ()


METRICS: Final = {
    "leadgrade_runs_total": Metric("counter", "Runs that ended, by kind and exit code.", ("kind", "exit_code")),
    "leadgrade_run_duration_seconds": Metric("histogram", "How long runs took.", ("kind",)),
    "leadgrade_rows_read_total": Metric("counter", "Rows that streams brought.", ("crm", "stream")),
    "leadgrade_rows_total": Metric(
        "counter", "Records by what became of them: accepted, rejected, unknown, skipped, unchanged.",
        ("crm", "outcome"),
    ),
    "leadgrade_calls_total": Metric("counter", "Calls to a CRM, by the allowance that they spend.", ("crm", "budget")),
    "leadgrade_retries_total": Metric("counter", "Calls that were made again, by reason.", ("crm", "reason")),
    "leadgrade_waited_seconds_total": Metric("counter", "Time spent waiting for limits and between retries.", ("crm",)),
    "leadgrade_crossings_total": Metric(
        "counter", "Records that went up or down to a stage.", ("crm", "to_stage", "direction")
    ),
    "leadgrade_last_success_age_seconds": Metric(
        "gauge", "Since a run that reads and writes last ended with 0 or 1; absent before the first."
    ),
    "leadgrade_stream_lag_seconds": Metric("gauge", "Since a stream was last read.", ("crm", "stream")),
    "leadgrade_rejects_open": Metric("gauge", "Rows that stand refused.", ("crm",)),
    "leadgrade_bulk_jobs_open": Metric("gauge", "Jobs whose end nobody has seen yet.", ("crm",)),
    "leadgrade_alerts_waiting": Metric("gauge", "Alerts that are not delivered yet.", ("channel",)),
    "leadgrade_lease_held": Metric("gauge", "1 while a process holds the lease, also one of another machine."),
    "leadgrade_run_active": Metric("gauge", "1 while this daemon runs a job.", ("kind",)),
    "leadgrade_still_seconds": Metric("gauge", "Since the daemon, or its run under way, last made progress."),
    "leadgrade_next_run_seconds": Metric("gauge", "Until the next job is due; negative when it is late.", ("kind",)),
}  # fmt: skip
"""Every metric by name."""

MINUTES: Final = 60.0
BUCKETS: Final = (1, 5, 15, 30, MINUTES, 2 * MINUTES, 5 * MINUTES, 10 * MINUTES, 30 * MINUTES, 60 * MINUTES)
"""Seconds of a run: a usual sync takes some, a backfill of a large portal hours."""


class Metrics:
    """The daemon's metrics. `observe` is called after each run, `render` by whoever scrapes."""

    def __init__(self, settings: Callable[[], Settings], clock: Clock, pulse: Pulse) -> None:
        self._settings = settings
        self._clock = clock
        self._pulse = pulse
        self._lock = threading.Lock()  # two scrapes at once
        self._registry = CollectorRegistry()
        self._counters = {
            name: Counter(name, metric.about, metric.labels, registry=self._registry)
            for name, metric in METRICS.items()
            if metric.kind == "counter"
        }
        self._durations = Histogram(
            "leadgrade_run_duration_seconds", METRICS["leadgrade_run_duration_seconds"].about, ("kind",),
            buckets=BUCKETS, registry=self._registry,
        )  # fmt: skip
        self._registry.register(self)

    def observe(self, ended: Ended) -> None:
        """Count what a run did."""
        self._counters["leadgrade_runs_total"].labels(ended.kind, str(ended.exit_code)).inc()
        if ended.report is None:
            return
        self._durations.labels(ended.kind).observe(ended.report.duration_s)
        for name, labels, value in _counts(ended.report):
            self._counters[name].labels(*labels).inc(value)
        with opened_journal(self._settings()) as journal:
            for edge in journal.crossings(run_id=ended.report.run_id) if journal else ():
                labels = (edge["crm"], edge["to_stage"], edge["direction"])
                self._counters["leadgrade_crossings_total"].labels(*labels).inc()

    def render(self) -> bytes:
        """All metrics in Prometheus' text format."""
        with self._lock:
            return generate_latest(self._registry)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The gauges, as they are now: prometheus_client asks for them."""
        families = {
            name: GaugeMetricFamily(name, metric.about, labels=metric.labels)
            for name, metric in METRICS.items()
            if metric.kind == "gauge"
        }
        for name, labels, value in self._now():
            families[name].add_metric(list(labels), value)
        yield from families.values()

    def _now(self) -> Iterator[tuple[str, Sequence[str], float]]:
        now, pulse = self._clock.now(), self._pulse
        yield "leadgrade_still_seconds", (), pulse.still_s
        if pulse.running:
            yield "leadgrade_run_active", (pulse.running,), 1
        if pulse.next:
            yield "leadgrade_next_run_seconds", (pulse.next.kind,), (pulse.next.at - now).total_seconds()
        with opened_journal(self._settings()) as journal:
            if journal is not None:
                yield from self._of_journal(journal)

    def _of_journal(self, journal: Journal) -> Iterator[tuple[str, Sequence[str], float]]:
        now, holder, success = self._clock.now(), holder_of(journal), journal.last_success()
        if success is not None:
            yield "leadgrade_last_success_age_seconds", (), (now - success).total_seconds()
        yield "leadgrade_lease_held", (), float(holder is not None and holder[1] >= now)
        for row in journal.cursors():
            if row["stored_at"] is not None:
                lag_s = (now - row["stored_at"]).total_seconds()
                yield "leadgrade_stream_lag_seconds", (row["crm"], row["stream"]), lag_s
        refused = journal.counts()
        for crm in self._settings().crms:
            yield "leadgrade_rejects_open", (crm,), refused.get(crm, 0)
            yield "leadgrade_bulk_jobs_open", (crm,), len(journal.jobs(crm))
        with journal.reading() as connection:
            waiting = outbox.waiting(connection)
        for channel, count in waiting.items():
            yield "leadgrade_alerts_waiting", (channel,), count


def _counts(report: Report) -> Iterable[tuple[str, tuple[str, ...], float]]:
    for stream in report.pulled:
        yield "leadgrade_rows_read_total", (stream.crm, stream.stream), stream.rows
    for part in report.written:
        for outcome in ("accepted", "rejected", "unknown", "skipped", "unchanged"):
            yield "leadgrade_rows_total", (part.crm, outcome), getattr(part, outcome)
    for used in report.calls:
        for budget, calls in used.calls_by_budget.items():
            yield "leadgrade_calls_total", (used.crm, budget), calls
        for reason, retries in used.retries_by_reason.items():
            yield "leadgrade_retries_total", (used.crm, reason), retries
        yield "leadgrade_waited_seconds_total", (used.crm,), used.waited_s
