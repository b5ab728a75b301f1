"""jsforce talks to the sandbox (skipped where Node is not installed)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import node_kit
from conftest import NOW

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Sandbox


def test_jsforce_reads_and_writes(sandbox: Callable[..., Sandbox]) -> None:
    node_kit.installed()
    running = sandbox()
    org = running.org
    made = [
        org.insert("Lead", {"LastName": f"Lead {number}", "Company": "Acme", "Title": "CEO"}, created=NOW)
        for number in range(2_100)
    ]
    live, gone = made[:2]
    org.delete("Lead", gone)

    seen = node_kit.run("salesforce.mjs", running.salesforce_url, "sandbox-client", "sandbox-secret", live, gone)

    assert seen["newest"] == "68.0"
    assert seen["title"] == 128
    assert (seen["total"], seen["fetched"], seen["done"]) == (2_099, 2_099, True)
    assert seen["updated"] == [[True, None], [False, "ENTITY_IS_DELETED"]]
    assert seen["refusal"] == "INVALID_FIELD"
    assert seen["ingest"] == {
        "good": [[live, "false"]],
        "bad": [[gone, "ENTITY_IS_DELETED:entity is deleted:--"]],
        "left": 0,
        "failed": 1,
    }
    assert seen["hot"] == [{"Id": live, "Rating": "Hot"}]
    row = org.tables["Lead"][live]
    assert (row["Title"], row["Rating"]) == (None, "Hot")
    uploads = [call for call in running.shared.journal if call.method == "PUT"]
    assert uploads[0].headers["transfer-encoding"] == "chunked"
