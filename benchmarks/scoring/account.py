"""What a measured part of a process used, without its start and without what was made ready before."""

from __future__ import annotations

import json
import resource
import time
from typing import Any

from benchmarks.shared import peak_mb


class Account:
    """Begins when it is made; `close` prints wall and CPU seconds, the process's peak and a digest of the answer."""

    def __init__(self) -> None:
        self._began, self._cpu_s = time.perf_counter(), _cpu_s()

    def close(self, digest: Any) -> None:
        """Print one line of JSON."""
        used = {"wall_s": time.perf_counter() - self._began, "cpu_s": _cpu_s() - self._cpu_s, "peak_mb": peak_mb()}
        print(json.dumps(used | {"digest": [str(part) for part in digest]}))


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
