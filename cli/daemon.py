"""daemon: on a schedule, until told to stop."""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import typer

from cli.context import Context, context_of

if TYPE_CHECKING:
    from config.daemon_settings import ScheduleSettings
    from config.settings import Settings


def daemon(context: typer.Context) -> None:
    """Sync on a schedule until told to stop.

    Every few minutes what changed, once a day all scores, once a week everybody compared with the CRMs, as `schedule:`
    in the settings says. SIGTERM or Ctrl-C ends it after the batch in hand, a second one at once. Settings, model and
    secrets are read anew for each run. With `health.port` it answers /healthz, /readyz and /metrics; `alerts:` says
    who is told of failures and of people who become hot.

    Example: leadgrade daemon
    """
    given = context_of(context)
    settings = given.settings()
    given.model(settings)

    from cli.run import run_once
    from insights.health import Health, listen
    from insights.metrics import Metrics
    from sync.alerts.watch import Alerts
    from sync.daemon import Daemon, Ended, serve
    from sync.pulse import Pulse
    from sync.stop import Stop

    latest = _Latest(given, settings)
    pulse = Pulse(given.clock)
    metrics = Metrics(latest.settings, given.clock, pulse)

    def on_end(ended: Ended) -> None:
        metrics.observe(ended)
        Alerts(latest.settings(), given.clock).after(ended)

    def tend() -> None:
        alerts = Alerts(latest.settings(), given.clock)
        alerts.look(pulse)
        alerts.deliver()

    with Stop().listening() as stop:
        works = Daemon(
            run_once=partial(run_once, given, stop=stop, pulse=pulse),
            schedule=latest.schedule,
            clock=given.clock,
            stop=stop,
            pulse=pulse,
            pause=stop.wait,
            on_end=on_end,
        )
        if settings.health.port is not None:
            listen(Health(latest.settings, pulse, metrics).app(), settings.health.host, settings.health.port)
        code = serve(works, settings.schedule, tend=tend)
    raise typer.Exit(code)


@dataclass
class _Latest:
    """The settings as they could last be read."""

    given: Context
    known: "Settings"

    def settings(self) -> "Settings":
        return self.known

    def schedule(self) -> "ScheduleSettings":
        """Read anew. Raises ConfigErrors."""
        self.known = self.given.settings()
        return self.known.schedule


COMMANDS = (daemon,)
