"""The vendors' Node clients: installed once beside the tests, then run as short scripts that print JSON."""

from __future__ import annotations

import fcntl
import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).parent / "sandbox" / "node"
_INSTALL_WITHIN_S = 150


def installed() -> Path:
    """The folder with the scripts and their `node_modules`; skips the test, and says why, where there can be none."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed; the Node clients cannot be tried")
    with (Path(tempfile.gettempdir()) / "leadgrade-tests-npm.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)  # tests run in several processes
        _install()
    return PROJECT


def _install() -> None:
    modules, lock = PROJECT / "node_modules", PROJECT / "package-lock.json"
    stamp = modules / ".installed-from"
    if stamp.exists() and stamp.read_bytes() == lock.read_bytes():
        return
    with tempfile.TemporaryDirectory() as place:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(PROJECT / name, place)
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        done = subprocess.run(
            command, cwd=place, capture_output=True, text=True, timeout=_INSTALL_WITHIN_S, check=False
        )
        if done.returncode:
            pytest.skip(f"the Node clients could not be installed: {done.stderr.strip()[-300:]}")
        shutil.copy(lock, Path(place) / "node_modules" / stamp.name)
        shutil.rmtree(modules, ignore_errors=True)
        shutil.move(Path(place) / "node_modules", modules)


def run(script: str, *arguments: str) -> Any:
    """What the script prints, read as JSON. Fails with the script's own words when it ends badly."""
    command = ["node", str(installed() / script), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
