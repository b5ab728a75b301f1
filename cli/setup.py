"""init, settings, check, provision, schema: from nothing to a first run."""

import sys
from collections.abc import Iterator
from enum import StrEnum
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from cli.context import Output, context_of

ENV_EXAMPLE = """\
# Copy to .env, fill in, keep out of Git, and load it with:  set -a; . ./.env; set +a
LEADGRADE_HUBSPOT__ACCESS_TOKEN=
LEADGRADE_SALESFORCE__CLIENT_ID=
LEADGRADE_SALESFORCE__CLIENT_SECRET=
"""


class Preset(StrEnum):
    """The models that come with Leadgrade, by the names of their files."""

    B2B_SAAS = "b2b-saas"
    E_COMMERCE = "e-commerce"
    ACCOUNT_ENGAGEMENT = "account-engagement"
    ELOQUA = "eloqua"
    BASICS = "basics"


def init(
    folder: Annotated[Path, typer.Argument(help="Where to write.", file_okay=False)] = Path(),
    model: Annotated[Preset, typer.Option(help="The model to start from.", show_default=True)] = Preset.B2B_SAAS,
) -> None:
    """Write the files to start from; existing ones are left alone.

    They are leadgrade.yaml, scoring.yaml (a complete model with examples) and .env.example. Models to start from:
    b2b-saas, e-commerce (with RFM and products), account-engagement (the points and grades of Pardot), eloqua (its
    example card) and basics (what most introductions to lead scoring name, with their points).

    Example: leadgrade init --model e-commerce
    """
    for path, written in write_starting_files(folder, model):
        sys.stdout.write(f"{path} {'written' if written else 'exists and was left alone'}\n")
    sys.stdout.write("Next: fill in leadgrade.yaml, set the secrets of .env.example, then `leadgrade check`.\n")


def write_starting_files(folder: Path, model: Preset = Preset.B2B_SAAS) -> Iterator[tuple[Path, bool]]:
    """Write the files to start from; each path, and whether it was written (False: it was there)."""
    from cli.output import writing

    files = {
        "leadgrade.yaml": (resources.files("cli") / "templates" / "leadgrade.yaml").read_text(encoding="utf-8"),
        "scoring.yaml": (resources.files("config") / "presets" / f"{model}.yaml").read_text(encoding="utf-8"),
        ".env.example": ENV_EXAMPLE,
    }
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        path = folder / name
        # "x" refuses an existing file, also one that appeared a moment ago.
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError:
            yield path, False
        else:
            yield path, True


def schema(
    write: Annotated[Path | None, typer.Option(help="Write it to this file instead of printing it.")] = None,
) -> None:
    """Print the JSON Schema of scoring.yaml, for editors.

    With it an editor completes the model and marks mistakes while you type.

    Example: leadgrade schema --write scoring.schema.json
    """
    import json

    from cli.output import writing
    from config.model import json_schema

    text = json.dumps(json_schema(), indent=2) + "\n"
    if write is None:
        sys.stdout.write(text)
    else:
        with writing(write):
            write.write_text(text, encoding="utf-8")
        sys.stderr.write(f"{write} written\n")


def settings(
    context: typer.Context,
    output: Annotated[Output, typer.Option("--output", "-o", help="How to print them.")] = Output.TABLE,
) -> None:
    """Show every setting in force, and where it was set.

    Secrets show as stars.

    Example: leadgrade settings
    """
    from dataclasses import asdict

    from cli.output import listing
    from config.loading import origins

    given = context_of(context)
    rows = [asdict(origin) for origin in origins(given.config, given.env)]
    listing(rows, output, title="Settings", empty="")


def check(
    context: typer.Context,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Also list each thing that is in order.")] = False,
    output: Annotated[Output, typer.Option("--output", "-o", help="How to print the findings.")] = Output.TABLE,
) -> None:
    """Check settings, model and both CRMs; say what to mend.

    Looks at the model's golden examples, at what of the model can hardly be meant (also by what it makes of the people
    in the mirror), and at each CRM's account, scopes and fields. Writes nothing.

    Example: leadgrade check
    """
    from cli.output import console, listing
    from connectors.registry import connected
    from insights.check import check_all, exit_code
    from insights.lint import lint

    given = context_of(context)
    loaded = given.settings()
    with connected(loaded, given.clock) as connectors:
        lines = [*check_all(loaded, connectors), *lint(loaded, given.clock)]
    told = [line for line in lines if everything or line.level != "pass" or line.subject == "account"]
    rows = [{"level": line.level, "where": line.where, "what": line.subject, "finding": line.text} for line in told]
    listing(rows, output, title="Check", empty="")
    if output is Output.TABLE:
        passed, warned, failed = (sum(line.level == level for line in lines) for level in ("pass", "warn", "fail"))
        console().print(f"{passed} in order, {warned} to look at, {failed} to mend.")
    raise typer.Exit(exit_code(lines))


def provision(
    context: typer.Context,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be created.")] = False,
    output: Annotated[Output, typer.Option("--output", "-o", help="How to print what was done.")] = Output.TABLE,
) -> None:
    """Create the fields that the model writes, where missing.

    In both CRMs, with the permission to read them in Salesforce. Can be repeated at will, but not while a run is under
    way, unless with --dry-run.

    Example: leadgrade provision --dry-run
    """
    from cli.output import listing
    from connectors.registry import connected
    from sync.provision import provision as provision_all

    given = context_of(context)
    loaded = given.settings()
    model = given.model(loaded)
    with connected(loaded, given.clock) as connectors:
        made = provision_all(loaded, model, connectors, given.clock, dry_run=dry_run)
    rows = [{"crm": crm, "what": one.what, "status": one.status} for crm, things in made.items() for one in things]
    listing(rows, output, title="Fields", empty="Nothing to create.")


COMMANDS = (init, settings, check, provision, schema)
