"""The pages of what the daemon tells: metrics and events."""

from __future__ import annotations

from docs.generator.markdown import code, page, table
from insights.metrics import METRICS
from sync.alerts.events import EVENTS


def metrics() -> str:
    """Every metric of `/metrics`."""
    rows = [
        (code(name), metric.kind, ", ".join(map(code, metric.labels)), metric.about) for name, metric in METRICS.items()
    ]
    return page(
        "Metrics",
        "What `/metrics` of the [daemon](../daemon.md) tells.",
        table(("metric", "kind", "labels", "meaning"), rows),
    )


def events() -> str:
    """Every event that alerts tell."""
    rows = [(code(name), about) for name, about in EVENTS.items()]
    return page("Events", "What the alerts of the [daemon](../daemon.md) tell.", table(("event", "sent when"), rows))
