"""dlt's HubSpot source into DuckDB. Arguments: address, token, properties, its folder, the format of what is loaded
(empty: dlt's own choice).

The folder holds the package `hubspot` of dlt's verified sources. Its address is a constant, which is replaced here.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
import tempfile

address, token, properties, folder, loaded_as = sys.argv[1:]
os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
sys.path.insert(0, folder)

import dlt  # noqa: E402 - telemetry is turned off before
from hubspot import helpers, hubspot  # noqa: E402 - found in the folder

for module in ("duckdb", "pyarrow.compute", "pyarrow.parquet"):
    importlib.import_module(module)  # else the first use does it


def cpu() -> float:
    """CPU seconds of this process and of the workers that it started."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


start = cpu()
helpers.BASE_URL = address + "/"
with tempfile.TemporaryDirectory() as state:
    pipeline = dlt.pipeline(
        "bench",
        destination=dlt.destinations.duckdb(f"{state}/bench.duckdb"),
        dataset_name="crm",
        pipelines_dir=state,
    )
    source = hubspot(api_key=token, properties={"contact": properties.split(",")}, include_custom_props=False)
    pipeline.run(source.with_resources("contacts"), loader_file_format=loaded_as or None)
    cpu_s = cpu() - start
    with pipeline.sql_client() as client, client.execute_query("SELECT count(*) FROM contacts") as found:
        rows = found.fetchall()[0][0]
sys.stdout.write(json.dumps({"contacts": rows, "cpu_s": cpu_s}))
