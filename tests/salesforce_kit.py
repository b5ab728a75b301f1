"""Salesforce's sandbox with real clients on it: plain requests, and simple-salesforce on its own terms (https)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import requests
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce

if TYPE_CHECKING:
    from sandbox.core import Shared
    from sandbox.salesforce.org import Org

VERSION = "67.0"
MY_DOMAIN = "https://acme.my.salesforce.com"


class PlainHttp(HTTPAdapter):
    """simple-salesforce always says https; this takes its calls to the sandbox in plain http."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        _scheme, _, rest = str(request.url).partition("://")
        request.url = f"{self._url}/{rest.partition('/')[2]}"
        kwargs["timeout"] = kwargs.get("timeout") or 30
        return super().send(request, *args, **kwargs)


@dataclass(frozen=True, slots=True)
class Server:
    """A running sandbox org."""

    org: Org
    shared: Shared
    url: str

    def session(self) -> requests.Session:
        """A session on which simple-salesforce reaches the sandbox."""
        session = requests.Session()
        session.trust_env = False
        for host in (self.url.replace("http://", "https://"), MY_DOMAIN):
            session.mount(host, PlainHttp(self.url))
        return session

    def client(self, session: requests.Session | None = None, **credentials: Any) -> Salesforce:
        """simple-salesforce, logged in by client credentials unless told otherwise."""
        credentials = credentials or {"consumer_key": "sandbox-client", "consumer_secret": "sandbox-secret"}
        return Salesforce(domain="acme.my", version=VERSION, session=session or self.session(), **credentials)

    def token(self) -> str:
        """A fresh session's token."""
        return self.org.start_session(self.org.integration_user_id)

    def call(self, method: str, path: str, *, token: str | None = None, **more: Any) -> requests.Response:
        """A data call; `path` follows the version."""
        headers = {"Authorization": f"Bearer {token or self.token()}", **more.pop("headers", {})}
        base = f"{self.url}/services/data/v{more.pop('version', VERSION)}"
        return requests.request(method, base + path, headers=headers, timeout=30, **more)

    def query(self, soql: str, *, all_rows: bool = False, **more: Any) -> requests.Response:
        """GET /query or /queryAll."""
        return self.call("GET", "/queryAll" if all_rows else "/query", params={"q": soql}, **more)

    def error(self, soql: str) -> str:
        """The code with which a query is refused."""
        answer = self.query(soql)
        assert answer.status_code == 400, answer.text
        return str(answer.json()[0]["errorCode"])

    def save(self, *rows: dict[str, Any], sobject: str = "Lead", all_or_none: bool = False, **more: Any) -> Any:
        """PATCH /composite/sobjects; the row results. Assignment rules are off unless headers say otherwise."""
        records = [{"attributes": {"type": sobject}, **row} for row in rows]
        headers = more.pop("headers", {"Sforce-Auto-Assign": "FALSE"})
        body = {"allOrNone": all_or_none, "records": records}
        answer = self.call("PATCH", "/composite/sobjects", json=body, headers=headers, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def trouble(self, name: str, **settings: Any) -> None:
        """Turn a switch on."""
        self.shared.troubles.set(name, **settings)
