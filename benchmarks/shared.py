"""What every benchmark needs: the sandbox in a process of its own, a measured command, a printed table.

The sandbox shares the machine with what is measured. So CPU seconds (of the measured process alone) are the steady
figures, wall seconds the rough ones, and a comparison is made within one run. Nothing here asserts a figure.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
MODEL = ROOT / "config" / "presets" / "b2b-saas.yaml"

TOKEN = "pat-sandbox-leadgrade"
CLIENT_ID = "sandbox-client"
CLIENT_SECRET = "sandbox-secret"


@dataclass(frozen=True)
class Call:
    """One call as a sandbox's server saw it: when it arrived (ISO, UTC), and how it was answered."""

    at: str
    method: str
    path: str
    query: str
    status: int

    @property
    def at_s(self) -> float:
        """When it arrived, in seconds since 1970."""
        return datetime.fromisoformat(self.at).timestamp()


@dataclass(frozen=True)
class Sandbox:
    """Both servers: their addresses, and the questions that a benchmark asks of them."""

    hubspot: str
    salesforce: str

    def size(self, crm: str, kind: str) -> int:
        """How many records of a kind are there."""
        return int(self._ask("GET", "/summary")["records"][crm].get(kind, 0))

    def slow_down(self, seconds: float) -> None:
        """Let every call from now on wait so long before it is handled."""
        self._ask("POST", "/troubles", {"name": "latency", "times": None, "seconds": seconds})

    def advance(self, seconds: float) -> None:
        """Move the servers' time on."""
        self._ask("POST", "/clock", {"advance_s": seconds})

    def calls(self, crm: str) -> list[Call]:
        """What was called since the last `forget`, in order of arrival."""
        seen = self._ask("GET", f"/journal?crm={crm}&limit=1000000&brief=true")
        return [Call(*(one[name] for name in ("at", "method", "path", "query", "status"))) for one in seen]

    def forget(self) -> None:
        """Begin a new account of calls."""
        self._ask("DELETE", "/journal")

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.hubspot}/_sandbox{path}", data=data, method=method)
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.load(answer)


@contextlib.contextmanager
def sandbox(*, limits: bool = False, **filling: float) -> Iterator[Sandbox]:
    """Both servers, filled as the options of `python -m sandbox` in `filling` say (people, contacts, leads ...)."""
    command = [sys.executable, "-m", "sandbox", "--ports", "0", "0", *([] if limits else ["--no-limits"])]
    command += [word for name, value in filling.items() for word in (f"--{name}", str(value))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()  # comes when both are filled and listen
            if not line:
                raise SystemExit(f"the sandbox ended with {process.wait()}")
            yield Sandbox(**json.loads(line))
        finally:
            process.terminate()


@contextlib.contextmanager
def home(place: Sandbox, *, salesforce: bool = True, limits: bool = False) -> Iterator[Path]:
    """A folder with settings for the sandbox and the starter model, gone afterwards."""
    pace = [] if limits else ["  requests_per_10_s: 1000000", "  searches_per_s: 1000000"]
    lines = ["scoring: scoring.yaml", "store: {path: state}", "hubspot:", f"  base_url: {place.hubspot}", *pace]
    lines += ["  access_token_file: token"]
    if salesforce:
        lines += ["salesforce:", f"  login_url: {place.salesforce}", "  auth: client_credentials"]
        lines += [f"  client_id: {CLIENT_ID}", "  client_secret_file: secret", "  daily_share: 1"]
    with tempfile.TemporaryDirectory(prefix="leadgrade-bench-") as path:
        folder = Path(path)
        (folder / "leadgrade.yaml").write_text("\n".join(lines) + "\n")
        (folder / "scoring.yaml").write_text(MODEL.read_text())
        for name, content in (("token", TOKEN), ("secret", CLIENT_SECRET)):
            (folder / name).touch(mode=0o600)
            (folder / name).write_text(content)
        yield folder


class Failed(SystemExit):
    """A measured command ended otherwise than it should."""


@dataclass(frozen=True)
class Measured:
    """One finished command: what it printed, and what the operating system says it used."""

    output: str
    wall_s: float
    cpu_s: float
    peak_mb: float

    @property
    def json(self) -> Any:
        """The output, read as JSON."""
        return json.loads(self.output)


def measure(
    command: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path = ROOT,
    codes: frozenset[int] = frozenset({0}),
    heard: Callable[[int, str], None] = lambda _pid, _line: None,
) -> Measured:
    """Run a command to its end and account for it alone; `heard` gets its process id and each line of its stderr.

    Raises Failed with the end of what it said when its exit code is not among `codes`.
    """
    said: list[str] = []
    start = time.perf_counter()
    with (
        tempfile.TemporaryFile() as stdout,
        subprocess.Popen(
            command,
            stdout=stdout,
            stderr=subprocess.PIPE,
            cwd=cwd,
            env={**os.environ, **(env or {})},
            text=True,
        ) as process,
    ):

        def listen() -> None:
            assert process.stderr is not None
            for line in process.stderr:
                said.append(line)
                del said[:-30]
                heard(process.pid, line)

        listener = threading.Thread(target=listen)
        listener.start()
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        listener.join()
        if process.returncode not in codes:
            raise Failed(f"{' '.join(command[:2])} ended with {process.returncode}: {''.join(said).rstrip()}")
        stdout.seek(0)
        output = stdout.read().decode()
    return Measured(output, wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def leadgrade(folder: Path, *arguments: str, heard: Callable[[int, str], None] = lambda _pid, _line: None) -> Measured:
    """Run the installed command in a folder of `home`; rejected rows are no failure of a benchmark."""
    command = [str(BIN / "leadgrade"), "--config", str(folder / "leadgrade.yaml"), *arguments]
    return measure(command, codes=frozenset({0, 1}), heard=heard)


def peak_mb(pid: int | str = "self") -> float:
    """The most memory that a process has had since it began; Linux only.

    What `getrusage` says of a process holds what its parent had when it was started.
    """
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows under their columns: the first to the left, the others to the right."""
    texts = [[cell(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(columns, *texts, strict=True)]
    print(f"\n{title}")
    for line in [list(columns), *texts]:
        cells = [
            line[0].ljust(widths[0]),
            *(text.rjust(width) for text, width in zip(line[1:], widths[1:], strict=True)),
        ]
        print("  ".join(cells).rstrip())
    sys.stdout.flush()


def cell(value: object) -> str:
    """A value as a table shows it: None is empty, whole numbers have separators, others two decimals."""
    if value is None:
        return ""
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.2f}" if isinstance(value, float) else str(value)


def rate(rows: float, seconds: float) -> int | None:
    """Rows per second, or nothing where there is nothing to divide."""
    return round(rows / seconds) if rows and seconds > 0 else None
