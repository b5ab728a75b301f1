"""The bulk2 of simple-salesforce on the same jobs. Arguments: address, secret, way, query."""

from __future__ import annotations

import csv
import io
import json
import sys
import time

from benchmarks.readers.leads import FIELDS, SCORES, ids_of, signed_in
from benchmarks.shared import peak_mb

address, secret, way, query = sys.argv[1:]
leads = signed_in(address, secret).bulk2.Lead
ids = ids_of(address, secret) if way == "up" else []
before_mb, start, cpu = peak_mb(), time.perf_counter(), time.process_time()
rows = 0
if way == "down":
    for page in leads.query(query, wait=1):
        rows += sum(1 for _ in csv.DictReader(io.StringIO(page)))
else:
    named = {FIELDS[name]: value for name, value in SCORES.items()}
    for job in leads.update(records=[{"Id": record_id, **named} for record_id in ids], wait=1):
        for read in (leads.get_successful_records, leads.get_failed_records, leads.get_unprocessed_records):
            found = sum(1 for _ in csv.DictReader(io.StringIO(read(job["job_id"]))))
            rows += found if read == leads.get_successful_records else 0
used = {"wall_s": time.perf_counter() - start, "cpu_s": time.process_time() - cpu, "mb": peak_mb() - before_mb}
sys.stdout.write(json.dumps({"rows": rows, **used}))
