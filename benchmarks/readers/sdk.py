"""The vendor's SDK as its documentation shows it: typed pages, nothing stored. Arguments: address, token,
properties.
"""

from __future__ import annotations

import json
import sys
import time

from hubspot.crm.contacts import ApiClient, BasicApi, Configuration

address, token, properties = sys.argv[1:]
start = time.process_time()
configuration = Configuration(host=address)
configuration.access_token = token
api = BasicApi(ApiClient(configuration))
rows, after = 0, None
while True:
    page = api.get_page(limit=100, after=after, properties=properties.split(","))
    rows += len(page.results)
    if page.paging is None:
        break
    after = page.paging.next.after
sys.stdout.write(json.dumps({"contacts": rows, "cpu_s": time.process_time() - start}))
