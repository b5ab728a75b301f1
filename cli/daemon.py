"""daemon: on a schedule, until told to stop."""

from functools import partial

import typer

from cli.context import context_of


def daemon(context: typer.Context) -> None:
    """Sync on a schedule until told to stop.

    Every few minutes what changed, once a day all scores, once a week everybody compared with the CRMs, as `schedule:`
    in the settings says. SIGTERM or Ctrl-C ends it after the batch in hand, a second one at once. Settings, model and
    secrets are read anew for each run.

    Example: leadgrade daemon
    """
    given = context_of(context)
    settings = given.settings()
    given.model(settings)

    from cli.run import run_once
    from sync.daemon import Daemon, serve
    from sync.pulse import Pulse
    from sync.stop import Stop

    with Stop().listening() as stop:
        pulse = Pulse(given.clock)
        works = Daemon(
            run_once=partial(run_once, given, stop=stop, pulse=pulse),
            schedule=lambda: given.settings().schedule,
            clock=given.clock,
            stop=stop,
            pulse=pulse,
            pause=stop.wait,
        )
        code = serve(works, settings.schedule)
    raise typer.Exit(code)


COMMANDS = (daemon,)
