"""The sandbox in a process of its own, for measurements that must not count its memory."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from typing import TYPE_CHECKING

from sandbox.server import Urls

if TYPE_CHECKING:
    from collections.abc import Iterator

_STOP_WITHIN_S = 20


@contextlib.contextmanager
def spawned(*, people: int, activities: float = 20, seed: int = 7, limits: bool = False) -> Iterator[Urls]:
    """A filled sandbox on free ports, until the block ends. Raises RuntimeError when it does not come up."""
    command = [sys.executable, "-m", "sandbox", "--ports", "0", "0", "--people", str(people), "--seed", str(seed)]
    command += ["--activities", str(activities), *([] if limits else ["--no-limits"])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - no outside input
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                raise RuntimeError(f"the sandbox ended with exit code {process.wait()} before it was ready")
            yield Urls(**json.loads(line))
        finally:
            process.terminate()
            process.wait(_STOP_WITHIN_S)
