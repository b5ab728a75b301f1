"""daemon: on a schedule, until told to stop."""

import typer

from cli.context import context_of


def daemon(context: typer.Context) -> None:
    """Sync on a schedule until told to stop.

    Every few minutes what changed, once a day all scores, as `schedule:` in the settings says. SIGTERM or Ctrl-C
    ends it after the batch in hand.

    Example: leadgrade daemon
    """
    raise NotImplementedError(context_of(context))


COMMANDS = (daemon,)
