"""A PostgreSQL server of our own: a throw-away cluster made from the installed binaries, reached by a Unix socket."""

from __future__ import annotations

import contextlib
import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from sqlalchemy import URL

if TYPE_CHECKING:
    from collections.abc import Iterator

OWNER = "leadgrade"
GUARDED = "guarded"
"""A role that needs a password; all others are trusted."""

_SPEED = ("fsync=off", "full_page_writes=off", "shared_buffers=16MB", "max_connections=40")
_ACCESS = f"local all {GUARDED} scram-sha-256\nlocal all all trust\n"


def binaries() -> Path | None:
    """Where initdb and pg_ctl are: Debian keeps them by version, out of the path."""
    kept = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    found = str(kept[-1]) if kept else shutil.which("initdb")
    return Path(found).parent if found else None


@dataclass
class Server:
    """A running server. Every journal in it has a schema of its own."""

    bin: Path
    folder: Path
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def start(self) -> None:
        settings = (f"unix_socket_directories={self.folder}", "listen_addresses=", *_SPEED)
        options = " ".join(f"-c {setting}" for setting in settings)
        self._run("pg_ctl", "-D", self._data, "-l", str(self.folder / "log"), "-o", options, "-w", "start")

    def stop(self) -> None:
        """At once, as when the machine loses power."""
        self._run("pg_ctl", "-D", self._data, "-m", "immediate", "-w", "stop")

    def make(self) -> None:
        self._run("initdb", "-D", self._data, "-U", OWNER, "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
        (self.folder / "data" / "pg_hba.conf").write_text(_ACCESS)

    def new_url(self) -> str:
        """The URL of an empty journal."""
        schema = f"journal_{next(self._numbers)}"
        self.execute(f"CREATE SCHEMA {schema}")
        return self.url(options=f"-csearch_path={schema}")

    def url(self, *, user: str = OWNER, password: str | None = None, **query: str) -> str:
        url = URL.create("postgresql", user, password, database="postgres", query={"host": str(self.folder), **query})
        return url.render_as_string(hide_password=False)

    def execute(self, statement: str) -> None:
        with psycopg.connect(host=str(self.folder), user=OWNER, dbname="postgres", autocommit=True) as connection:
            connection.execute(statement.encode())

    @property
    def _data(self) -> str:
        return str(self.folder / "data")

    def _run(self, program: str, *arguments: str) -> None:
        # The server refuses to run as root.
        other = {"user": _somebody(), "group": pwd.getpwnam(_somebody()).pw_gid} if os.geteuid() == 0 else {}
        env = {"PATH": os.defpath, "LC_ALL": "C"}
        done = subprocess.run(
            [self.bin / program, *arguments],
            cwd=self.folder, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            text=True, check=False, **other,
        )  # fmt: skip
        assert done.returncode == 0, f"{program}: {done.stderr}"


@contextlib.contextmanager
def running(found: Path) -> Iterator[Server]:
    """A new server of the binaries that were `found`, stopped and wiped at the end."""
    # A socket's path may be 107 bytes long, which a test's own folder easily exceeds.
    with tempfile.TemporaryDirectory(prefix="lg-pg-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        if os.geteuid() == 0:
            shutil.chown(folder, _somebody())
        server = Server(found, Path(folder))
        server.make()
        server.start()
        try:
            yield server
        finally:
            server.stop()


def _somebody() -> str:
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"
