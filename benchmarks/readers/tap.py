"""tap-hubspot (Singer): the contacts stream, as JSON lines to a file. Arguments: address, token, properties.

Its address is a constant of the module, which is replaced here; nothing else of it is touched.
"""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
import time

import singer
import tap_hubspot

address, token, properties = sys.argv[1:]
start = time.process_time()
tap_hubspot.BASE_URL = address
tap_hubspot.CONFIG |= {"api_key": token, "start_date": "2000-01-01T00:00:00Z"}
wanted = {f"property_{name}" for name in properties.split(",")} | {"id", "createdAt", "updatedAt", "archived"}
stream = next(stream for stream in tap_hubspot.STREAMS if stream.tap_stream_id == "contacts")
schema, metadata = tap_hubspot.load_discovered_schema(stream)
for entry in metadata:
    entry["metadata"]["selected"] = not entry["breadcrumb"] or entry["breadcrumb"][-1] in wanted
catalog = {"streams": [{"stream": "contacts", "tap_stream_id": "contacts", "schema": schema, "metadata": metadata}]}
state = singer.set_currently_syncing({}, "contacts")
with tempfile.TemporaryFile("w+") as lines:
    with contextlib.redirect_stdout(lines):
        tap_hubspot.sync_contacts(state, tap_hubspot.Context(catalog))
    cpu_s = time.process_time() - start
    lines.seek(0)
    rows = sum(line.startswith('{"type": "RECORD"') for line in lines)
sys.stdout.write(json.dumps({"contacts": rows, "cpu_s": cpu_s}))
