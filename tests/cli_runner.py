"""Runs the installed command as a user would, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.sandboxes import Sandbox

LEADGRADE = Path(sys.executable).with_name("leadgrade")
CREDENTIALS = {
    "LEADGRADE_HUBSPOT__ACCESS_TOKEN": "pat-sandbox-leadgrade",
    "LEADGRADE_SALESFORCE__CLIENT_ID": "sandbox-client",
    "LEADGRADE_SALESFORCE__CLIENT_SECRET": "sandbox-secret",
}


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """A plain environment: nothing of Leadgrade's but `extra`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LEADGRADE_")}
    return kept | {"PATH": f"{LEADGRADE.parent}:{kept.get('PATH', '')}", "COLUMNS": "100"} | dict(extra or {})


def pointing_at(sandbox: Sandbox) -> dict[str, str]:
    """Environment variables that make the command use the running sandbox."""
    return CREDENTIALS | {
        "LEADGRADE_HUBSPOT__BASE_URL": sandbox.hubspot_url,
        "LEADGRADE_SALESFORCE__LOGIN_URL": sandbox.salesforce_url,
    }


def leadgrade(
    *arguments: str, cwd: Path | None = None, env: Mapping[str, str] | None = None, timeout: float = 120
) -> subprocess.CompletedProcess[str]:
    """`leadgrade arguments…` in `cwd`, with `env` beside the plain environment."""
    return subprocess.run(
        [LEADGRADE, *arguments],
        cwd=cwd,
        env=environment(env),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        stdin=subprocess.DEVNULL,
    )
