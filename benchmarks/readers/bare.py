"""The least that a reader must do, page by page: urllib3, orjson, Arrow, and a table of texts in DuckDB, in which rows
are replaced by their id. Arguments: address, token, properties.
"""

from __future__ import annotations

import json
import operator
import sys
import tempfile
import time

import duckdb
import orjson
import pyarrow as pa
import urllib3

AT_ONCE = 40_000
"""Rows stored at a time, as many as ours."""

address, token, asked = sys.argv[1:]
names = asked.split(",")
columns = ["id", *names]
start = time.process_time()
http = urllib3.PoolManager(headers={"Authorization": f"Bearer {token}"})
values = operator.itemgetter(*names)
rows: list[tuple[str, ...]] = []
read = 0


def store() -> None:
    """Replace by id what was read since the last time."""
    arrays = [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
    con.register("batch", pa.table(arrays, names=columns))
    con.execute("BEGIN; DELETE FROM contacts WHERE id IN (SELECT id FROM batch)")
    con.execute("INSERT INTO contacts FROM batch; COMMIT")
    rows.clear()


with tempfile.TemporaryDirectory() as folder, duckdb.connect(f"{folder}/bare.duckdb") as con:
    con.execute("SET threads = 1")
    con.execute(f"CREATE TABLE contacts ({', '.join(f'{json.dumps(name)} VARCHAR' for name in columns)})")
    after: str | None = ""
    while after is not None:
        query = f"limit=100&properties={asked}" + (f"&after={after}" if after else "")
        page = orjson.loads(http.request("GET", f"{address}/crm/v3/objects/contacts?{query}").data)
        rows += [(item["id"], *values(item["properties"])) for item in page["results"]]
        read += len(page["results"])
        after = page["paging"]["next"]["after"] if "paging" in page else None
        if len(rows) >= AT_ONCE or after is None:
            store()
    cpu_s = time.process_time() - start
sys.stdout.write(json.dumps({"contacts": read, "cpu_s": cpu_s}))
