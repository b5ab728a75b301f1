"""daemon: on a schedule, until told to stop."""

from functools import partial

import typer

from cli.context import context_of


def daemon(context: typer.Context) -> None:
    """Sync on a schedule until told to stop.

    Every few minutes what changed, once a day all scores, as `schedule:` in the settings says. SIGTERM or Ctrl-C
    ends it after the batch in hand. Settings and model are read anew for each run.

    Example: leadgrade daemon
    """
    given = context_of(context)
    settings = given.settings()
    given.model(settings)

    from cli.run import run_once
    from sync.daemon import serve
    from sync.stop import Stop

    with Stop().listening() as stop:
        code = serve(settings.schedule, partial(run_once, given, stop=stop), stop, begin_at=given.clock.now())
    raise typer.Exit(code)


COMMANDS = (daemon,)
