"""The pages of the commands, the exit codes and the errors."""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING, Any

from typer.testing import CliRunner

import config
import connectors
import sync
from cli.app import app
from cli.exit_codes import EXITS, SIGNALS
from config.errors import ConfigError
from connectors.errors import ConnectorError, OutcomeUnknown, RowRejected, SplitBatch
from docs.generator.markdown import code, first_paragraph, page, table
from sync.errors import Stopped, SyncError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import typer

INTRODUCTION = """\
Results go to stdout, logs and progress to stderr. On a terminal logs are readable text, elsewhere one JSON object per
line (`--log-format` decides otherwise). No log line holds a secret or an e-mail address. Global options stand before
the command: `leadgrade --config prod.yaml sync`. Every command ends with one of these [exit codes](exit-codes.md).
"""

CODES = f"""\
Beside these, `{SIGNALS} + n` says that signal n stopped the command at a checkpoint; everything so far is kept, and
running it again goes on from there. The first SIGINT or SIGTERM ends a run after the batch in hand; the second ends
the process at once. Both are safe: rows and cursors are stored together or not at all.
"""

ERRORS = """\
Errors are classed by the reaction they ask for, not by where they come from. Each says what happened, where, and what
to do about it; none shows a secret or a personal value. A run that an error ended tells its class in the report
(`failure.kind`) and ends with its [exit code](exit-codes.md). Those without a code never end a run: they become the
outcome of a row.
"""


BASES = (ConfigError, ConnectorError, SyncError)
OF_ROWS = (SplitBatch, RowRejected, OutcomeUnknown)
"""They become outcomes of rows."""


def commands() -> str:
    """The help of every command, as the command line prints it."""
    parts = ["## Global options", _help()]
    for name in names():
        parts += [f"## leadgrade {name}", _help(*name.split())]
    return page("Commands", INTRODUCTION, *parts)


def names() -> list[str]:
    """Every command that does something, by its words after `leadgrade`."""
    return [*_commands_of(app, "")]


def _commands_of(group: typer.Typer, above: str) -> Iterator[str]:
    for command in group.registered_commands:
        assert command.callback is not None
        yield above + (command.name or command.callback.__name__.replace("_", "-"))
    for inner in group.registered_groups:
        assert inner.typer_instance is not None
        yield from _commands_of(inner.typer_instance, f"{above}{inner.name or inner.typer_instance.info.name} ")


def _help(*command: str) -> str:
    shown = CliRunner().invoke(app, [*command, "--help"], prog_name="leadgrade", env={"COLUMNS": "100"})
    assert shown.exit_code == 0, f"no help for {command}"
    return f"```text\n{shown.stdout.strip()}\n```"


def exit_codes() -> str:
    """Every exit code with its meaning."""
    rows = [(str(each.code), each.meaning, each.again) for each in EXITS]
    return page("Exit codes", table(("code", "meaning", "run again?"), rows), CODES)


def errors() -> str:
    """Every class of error that a run may end with, or a row."""
    rows = [(code(kind.__name__), _exit_of(kind), first_paragraph(kind)) for kind in error_classes()]
    return page("Errors", ERRORS, table(("error", "exit code", "meaning"), rows))


def error_classes() -> list[type[Any]]:
    """Our classes of errors, base before derived; those that never leave a CRM's folder are left out."""
    for room in (config, connectors, sync):
        for module in pkgutil.walk_packages(room.__path__, f"{room.__name__}."):
            importlib.import_module(module.name)
    found = [kind for base in BASES for kind in _derived(base)]
    return [kind for kind in dict.fromkeys(found) if kind.__module__.count(".") == 1]


def _derived(kind: type[Any]) -> Iterator[type[Any]]:
    for below in kind.__subclasses__():
        yield below
        yield from _derived(below)


def _exit_of(kind: type[Any]) -> str:
    if issubclass(kind, OF_ROWS):
        return ""
    return f"{SIGNALS} + n" if issubclass(kind, Stopped) else str(kind.exit_code)
