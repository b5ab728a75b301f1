"""A HubSpot sandbox to talk to: its insides, plain calls, and the vendor's own Python client."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import hubspot
import requests
from conftest import NOW

if TYPE_CHECKING:
    from sandbox.core import Shared
    from sandbox.hubspot.portal import Portal

TOKEN = "pat-sandbox-leadgrade"


@dataclass(frozen=True, slots=True)
class HubSpot:
    """A running sandbox portal."""

    portal: Portal
    shared: Shared
    url: str

    def call(self, method: str, path: str, *, token: str | None = TOKEN, **options: Any) -> requests.Response:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return requests.request(method, self.url + path, headers=headers, timeout=10, **options)

    def get(self, path: str, **params: Any) -> requests.Response:
        return self.call("GET", path, params=params)

    def post(self, path: str, body: Any) -> requests.Response:
        return self.call("POST", path, json=body)

    def search(self, kind: str = "contacts", **body: Any) -> requests.Response:
        return self.post(f"/crm/v3/objects/{kind}/search", body)

    def update(self, *inputs: dict[str, Any], kind: str = "contacts", version: str = "") -> requests.Response:
        base = f"/crm/objects/{version}/" if version else "/crm/v3/objects/"
        return self.post(f"{base}{kind}/batch/update", {"inputs": list(inputs)})

    def contact(self, number: int = 0, *, days_ago: float = 10, **properties: Any) -> str:
        created = NOW - timedelta(days=days_ago)
        return self.portal.create("contacts", {"email": f"person{number}@example.com"} | properties, created=created)

    def contacts(self, count: int, **properties: Any) -> list[str]:
        return [self.contact(number, **properties) for number in range(count)]

    def client(self, token: str = TOKEN) -> Any:
        """`hubspot-api-client`, as its users build it."""
        return hubspot.Client(access_token=token, host=self.url, base_url=self.url)


def walk(server: HubSpot, path: str, **params: Any) -> list[dict[str, Any]]:
    """All rows of a paged GET."""
    rows: list[dict[str, Any]] = []
    after: str | None = None
    for _ in range(1000):
        body = server.get(path, **params, **({} if after is None else {"after": after})).json()
        rows += body["results"]
        after = body.get("paging", {}).get("next", {}).get("after")
        if after is None:
            return rows
    raise AssertionError("the pages never end")


def filtered(name: str, operator: str, value: Any = None, **more: Any) -> dict[str, Any]:
    """A search filter."""
    return {"propertyName": name, "operator": operator} | ({} if value is None else {"value": value}) | more


def ids(response: requests.Response) -> list[str]:
    """Record ids of an answer, as ordered there."""
    return [row["id"] for row in response.json()["results"]]


def ms(moment: datetime) -> str:
    """Epoch milliseconds."""
    return str(round(moment.timestamp() * 1000))
