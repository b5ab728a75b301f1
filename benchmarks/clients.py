"""HubSpot contacts read per CPU second, beside other ways to read them: same sandbox, same run, limits off.

Each reader is a script of `benchmarks/readers` in a process of its own; CPU seconds are counted from when its imports
are done. Ours goes from the wire into the mirror, of contacts alone as the others do. The least that such a reader must
do (`readers/bare.py`) puts texts into a table, and knows nothing of types, activities, versions or restarts; the SDK
only builds its objects, the tap only prints. All ask for the properties that ours asks for, of contacts that hold what
those of a portal in use hold (`sandbox/population/bare.py`). dlt runs twice: as it comes, and by Parquet, the fastest
way it has into DuckDB. tap-hubspot and dlt are installed by pip into environments below `.bench/`, dlt's HubSpot source
is downloaded by `dlt init` or taken from `--dlt-source`; what cannot be had is named in the table.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import urllib.parse
import venv
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.shared import ROOT, TOKEN, Failed, Measured, home, leadgrade, measure, sandbox, table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.shared import Sandbox

READERS = Path(__file__).parent / "readers"
TOOLS = ROOT / ".bench"
DOWNLOAD_S = 180
COLUMNS = ("reader", "contacts", "CPU s", "contacts/CPU s", "ours is", "peak MB")


class NotHad(Exception):
    """A tool cannot be had here; the text says why."""


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.clients", description=__doc__)
    parser.add_argument("--contacts", type=int, default=50_000)
    parser.add_argument("--dlt-source", type=Path, help="folder that holds dlt's verified source `hubspot`")
    options = parser.parse_args(arguments)
    with sandbox(contacts=options.contacts) as place:
        ours, asked = read_ourselves(place)
        readers: list[tuple[str, Callable[[], Measured]]] = [
            ("the least: texts into a table", lambda: read(sys.executable, "bare.py", place, asked)),
            ("hubspot-api-client, get_page", lambda: read(sys.executable, "sdk.py", place, asked)),
            ("tap-hubspot, JSON lines", lambda: read(installed("tap-hubspot"), "tap.py", place, asked)),
            ("dlt, into DuckDB", lambda: read_by_dlt(options.dlt_source, place, asked, "")),
            ("dlt, into DuckDB by Parquet", lambda: read_by_dlt(options.dlt_source, place, asked, "parquet")),
        ]
        rows = [row("leadgrade, into the mirror", ours, ours)]
        failures: list[str] = []
        for name, reader in readers:
            try:
                rows.append(row(name, reader(), ours))
            except (NotHad, Failed) as reason:
                rows.append((name, *["not measured"] * (len(COLUMNS) - 1)))
                failures.append(f"{name}: {str(reason).splitlines()[-1]}")
    table(f"reading {options.contacts:,} HubSpot contacts, {len(asked)} properties each", COLUMNS, rows)
    for failure in failures:
        print(failure)


def read_ourselves(place: Sandbox) -> tuple[Measured, list[str]]:
    """Our own reading, and the properties that it asked for."""
    with home(place, salesforce=False) as folder:
        leadgrade(folder, "provision")
        place.forget()
        ours = measure([sys.executable, str(READERS / "leadgrade_pull.py"), str(folder)], env={"PYTHONPATH": str(ROOT)})
    queries = [urllib.parse.parse_qs(call.query) for call in place.calls("hubspot") if call.path.endswith("/contacts")]
    return ours, next(query["properties"][0].split(",") for query in queries if "properties" in query)


def read(python: str, script: str, place: Sandbox, asked: Sequence[str], *more: str) -> Measured:
    """What a reader's script used."""
    return measure([python, str(READERS / script), place.hubspot, TOKEN, ",".join(asked), *more])


def read_by_dlt(source: Path | None, place: Sandbox, asked: Sequence[str], loaded_as: str) -> Measured:
    """By dlt with its HubSpot source, downloaded unless it is given; with its own choice of format or in another."""
    python = installed("dlt[duckdb,parquet]")
    return read(python, "dlt_source.py", place, asked, str(source or downloaded(Path(python))), loaded_as)


def installed(requirement: str) -> str:
    """The Python of an environment below `.bench/` that has a package. Raises NotHad."""
    folder = TOOLS / requirement.partition("[")[0]
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        venv.create(folder, with_pip=True, clear=True)
        run([str(python), "-m", "pip", "install", "--quiet", requirement], "pip could not install it")
        (folder / "ready").touch()
    return str(python)


def downloaded(python: Path) -> Path:
    """The folder with dlt's HubSpot source. Raises NotHad."""
    folder = TOOLS / "dlt-source"
    if not (folder / "hubspot").exists():
        folder.mkdir(parents=True, exist_ok=True)
        command = [str(python.with_name("dlt")), "--non-interactive", "init", "hubspot", "duckdb"]
        run(command, "`dlt init` could not download its source (see --dlt-source)", cwd=folder)
    return folder


def run(command: Sequence[str], failure: str, cwd: Path = ROOT) -> None:
    """Run a command that needs the network. Raises NotHad."""
    try:
        subprocess.run(command, cwd=cwd, check=True, timeout=DOWNLOAD_S, capture_output=True)
    except (OSError, subprocess.SubprocessError):
        raise NotHad(failure) from None


def row(name: str, measured: Measured, ours: Measured) -> Sequence[object]:
    """One line of the table."""
    pace, our_pace = (one.json["contacts"] / one.json["cpu_s"] for one in (measured, ours))
    times = f"{our_pace / pace:.1f} times" if measured is not ours else ""
    return (name, measured.json["contacts"], measured.json["cpu_s"], round(pace), times, measured.peak_mb)


if __name__ == "__main__":
    main()
