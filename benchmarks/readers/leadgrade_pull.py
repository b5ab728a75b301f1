"""Leadgrade's own way: pull the portal's contacts into a fresh mirror. Arguments: the folder with leadgrade.yaml."""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from config.loading import load
from connectors.clock import SystemClock
from connectors.registry import connected
from sync import lease
from sync.progress import Silent
from sync.pull import pull
from sync.session import Session
from sync.stop import Stop
from sync.stores import open_journal, open_mirror

if TYPE_CHECKING:
    from connectors.base import Connector, Stream
    from sync.report import Pulled


class Contacts:
    """A connector of which nothing but the contacts is read, as by the other readers."""

    def __init__(self, connector: Connector) -> None:
        self._connector = connector

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connector, name)

    def streams(self) -> list[Stream]:
        """Contacts, with what stands on them."""
        return [stream for stream in self._connector.streams() if stream.name == "records"]


for module in ("connectors.hubspot.connector", "sqlalchemy.dialects.sqlite"):
    importlib.import_module(module)  # else the first use does it
settings = load(Path(sys.argv[1]) / "leadgrade.yaml", os.environ)
clock = SystemClock()
start = time.process_time()
journal = open_journal(settings)
pulled: list[Pulled] = []
with connected(settings, clock) as connectors, lease.held(journal, clock) as held:
    session = Session(open_mirror(settings, clock), journal, held, clock, Stop(), Silent())
    pull(cast("Connector", Contacts(connectors["hubspot"])), session, pulled, Counter())
journal.close()
rows = next(stream.rows for stream in pulled if stream.stream == "records")
sys.stdout.write(json.dumps({"contacts": rows, "cpu_s": time.process_time() - start}))
