"""HubSpot's own Node client talks to the sandbox (skipped where Node is not installed)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import node_kit
from conftest import NOW
from hubspot_kit import TOKEN, HubSpot

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Sandbox


def test_node_client_reads_and_writes(sandbox: Callable[..., Sandbox]) -> None:
    node_kit.installed()
    running = sandbox()
    server = HubSpot(running.portal, running.shared, running.hubspot_url)
    linked, alone, third = server.contacts(3)
    company = server.portal.create("companies", {"name": "Acme"}, created=NOW)
    server.portal.associate("contacts", linked, "companies", company)

    seen = node_kit.run("hubspot.mjs", server.url, TOKEN, linked, alone)

    assert seen["page"] == {"ids": [linked, alone], "after": third}
    assert seen["found"] == {"total": 1, "ids": [linked]}
    assert seen["updated"] == {"ids": [linked], "missing": ["999999"]}
    assert seen["links"] == {"from": [linked], "errors": ["crm.associations.NO_ASSOCIATIONS_FOUND"]}
    assert seen["stages"][:3] == ["subscriber", "lead", "marketingqualifiedlead"]
    assert seen["token"] == {"expiresIn": 1800, "refreshToken": "sandbox-refresh"}
    assert seen["refusal"] == {"code": 400, "category": "VALIDATION_ERROR"}
    assert server.portal.objects["contacts"][linked].properties["jobtitle"] == "CTO"
