"""The command `leadgrade`: global options, and the one place where errors become messages and exit codes.

Modules that a command does not need are imported inside the command, so that `--help` is fast.
"""

import os
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from cli import daemon, demo, forget, look, rejects, run, sandbox, setup
from cli.context import Context, LogFormat
from cli.exit_codes import BUG

app = typer.Typer(
    name="leadgrade",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="New here? `leadgrade demo` shows everything on this machine, then `leadgrade init`.",
)
for group in (demo, setup, run, daemon, look, rejects, forget, sandbox):
    for command in group.COMMANDS:
        app.command()(command)


def _show_version(asked: bool) -> None:  # noqa: FBT001 - the value of an option
    if asked:
        from importlib.metadata import version

        typer.echo(f"leadgrade {version('leadgrade')}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    *,
    config: Annotated[
        Path, typer.Option(envvar="LEADGRADE_CONFIG", help="The settings file.", show_default="leadgrade.yaml")
    ] = Path("leadgrade.yaml"),
    log_format: Annotated[
        LogFormat, typer.Option(help="Logs on stderr: text, json, or auto (text on a terminal).")
    ] = LogFormat.AUTO,
    version: Annotated[  # noqa: ARG001 - its callback does it
        bool, typer.Option("--version", help="Show the version and exit.", is_eager=True, callback=_show_version)
    ] = False,
    verbose: Annotated[
        int, typer.Option("--verbose", "-v", count=True, help="Say more; twice: also what libraries say.")
    ] = 0,
) -> None:
    """Score leads of HubSpot and Salesforce with one model, and write the scores back."""
    context.obj = Context(config=config, env=os.environ, log_format=log_format, verbosity=verbose)


def main() -> NoReturn:
    """Run the command line; every way out is an exit code of `cli.exit_codes`."""
    try:
        app()
    except SystemExit:
        raise
    except KeyboardInterrupt:
        sys.exit(130)
    except BaseException as error:  # noqa: BLE001 - the last line of defence: a message, never a traceback
        sys.exit(tell(error))
    sys.exit(0)


def tell(error: BaseException) -> int:
    """Print what went wrong on stderr and give the exit code.

    Errors that were foreseen carry `exit_code` and say what, where and what to do. Any other is a bug: its traceback
    goes to a file that only this user can read, struck of secrets and e-mail addresses.
    """
    from cli.logs import redacted

    code = getattr(error, "exit_code", None)
    if isinstance(code, int):
        for problem in getattr(error, "problems", [str(error)]):
            sys.stderr.write(f"leadgrade: {redacted(problem)}\n")
        return code
    sys.stderr.write(
        f"leadgrade: this is a bug in Leadgrade ({type(error).__name__}). Nothing more was written.\n"
        f"leadgrade: please send the report {_bug_report(error)} to the maintainers.\n"
    )
    return BUG


def _bug_report(error: BaseException) -> str:
    import platform
    import tempfile
    import traceback
    from importlib.metadata import version

    from cli.logs import redacted

    command = sys.argv[1] if len(sys.argv) > 1 else ""
    with tempfile.NamedTemporaryFile(
        "w", prefix="leadgrade-bug-", suffix=".txt", delete=False, encoding="utf-8"
    ) as report:
        report.write(f"leadgrade {version('leadgrade')}, Python {platform.python_version()}, {platform.platform()}\n")
        report.write(f"command: {redacted(command)}\n\n")
        report.write(redacted("".join(traceback.format_exception(error))))
    return report.name
