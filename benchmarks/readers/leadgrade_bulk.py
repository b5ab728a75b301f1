"""Leadgrade's Bulk API: all leads down, or a change of every lead up. Arguments: address, secret, way, query."""

from __future__ import annotations

import json
import sys
import time

from benchmarks.readers.leads import SCORES, ids_of
from benchmarks.shared import peak_mb
from config.settings import SalesforceSettings
from connectors.base import Change, Status
from connectors.clock import SystemClock
from connectors.salesforce import bulk_query
from connectors.salesforce.client import Client
from connectors.salesforce.connector import Salesforce

address, secret, way, query = sys.argv[1:]
settings = SalesforceSettings(login_url=address, client_id="sandbox-client", client_secret=secret, daily_share=1)
clock = SystemClock()
crm = Salesforce(settings, types={}, mapping={}, clock=clock)
crm.identify()
ids = ids_of(address, secret) if way == "up" else []
before_mb, start, cpu = peak_mb(), time.perf_counter(), time.process_time()
if way == "down":
    rows = sum(part.num_rows for part in bulk_query.download(Client(settings, clock), query, clock))
else:
    changes = (Change("lead", record_id, SCORES, tag=tag) for tag, record_id in enumerate(ids))
    rows = sum(outcome.status is Status.ACCEPTED for outcome in crm.push(changes))
used = {"wall_s": time.perf_counter() - start, "cpu_s": time.process_time() - cpu, "mb": peak_mb() - before_mb}
sys.stdout.write(json.dumps({"rows": rows, **used}))
