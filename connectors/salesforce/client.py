"""The transport: one `requests` session below our own door, and the few calls that everything else is made of.

simple-salesforce logs in (see `auth`). Calls do not go through it: its REST helper drops the answer's headers, on
which limits, locators and the server's time stand, repeats a call without our headers after a new login, and has
neither timeouts nor streaming.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

import requests
from requests.adapters import HTTPAdapter

from connectors.base import Usage
from connectors.budget import Budget
from connectors.door import Door, Request, Response
from connectors.errors import ConnectorBug, ConnectorError, SplitBatch, Unreachable
from connectors.salesforce import composite
from connectors.salesforce.auth import STAND_IN, SessionTokens, host_of
from connectors.salesforce.business_unit import BusinessUnit
from connectors.salesforce.errors import CRM, NotThere, judge
from connectors.salesforce.limits import Quota
from connectors.salesforce.network import LOOPBACK, exchange

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from config.settings import SalesforceSettings
    from connectors.clock import Clock

TIMEOUT_S: Final = (10.0, 150.0)
"""To connect, and between two pieces of an answer. A query may run for 120 s."""

CALLS_PER_S: Final = 50
"""Salesforce sets no rate for short calls; this only keeps a loop gone wrong from eating the day's quota."""

PAGE_ROWS: Final = 2_000
"""Records of one page of a query that we ask for; the most that is given."""


class _Adapter(HTTPAdapter):
    """Gives every call a timeout, and leads calls to `instead` where that is set. Never retries."""

    def __init__(self, prefix: str = "", instead: str = "") -> None:
        super().__init__()
        self._prefix = prefix
        self._instead = instead

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        if kwargs.get("timeout") is None:
            kwargs["timeout"] = TIMEOUT_S
        url = request.url or ""
        if self._instead and url.startswith(self._prefix):
            request.url = self._instead + url.removeprefix(self._prefix)
        return super().send(request, *args, **kwargs)


def make_session(loopback: str | None) -> requests.Session:
    """The session of all calls. Its own headers survive a new login; with `loopback` it speaks plain http to it."""
    session = requests.Session()
    session.headers.update(
        {
            "Sforce-Auto-Assign": "FALSE",  # else a written score may hand the lead to another owner
            "User-Agent": f"leadgrade/{version('leadgrade')}",
            "Accept-Encoding": "gzip",
        }
    )
    session.mount("https://", _Adapter())
    session.mount("http://", _Adapter())
    if loopback:
        session.trust_env = False  # a proxy has no business between us and this machine
        stand_in = f"https://{STAND_IN}.salesforce.com"
        session.mount(stand_in, _Adapter(stand_in, loopback))
        for host in LOOPBACK:
            name = f"[{host}]" if ":" in host else host
            session.mount(f"https://{name}", _Adapter("https://", "http://"))
    return session


class Client:
    """Calls to one organisation, through the door."""

    def __init__(self, settings: SalesforceSettings, clock: Clock) -> None:
        host = host_of(settings.login_url)
        self._session = make_session(host.loopback)
        self._tokens = SessionTokens(settings, host, self._session)
        self._clock = clock
        self._base = f"/services/data/v{settings.api_version}"
        self._describes: dict[str, dict[str, Any] | None] = {}
        self.quota = Quota(settings.daily_share, clock)
        self.headers: Mapping[str, str] = {}  # of the last answer
        self._seen: tuple[datetime, float] | None = None  # the server's time, and ours when we learned it
        self._door = Door(
            crm=CRM,
            send=self._send,
            judge=judge,
            tokens=self._tokens,
            budgets={"general": Budget(CALLS_PER_S, 1.0, clock)},
            clock=clock,
        )
        unit = settings.account_engagement
        self.engagement = BusinessUnit(unit, self._session, self._tokens, clock) if unit else None

    def ask_before_calls(self, ask: Callable[[], object] | None) -> None:
        """As `Door.ask_before_calls`."""
        self._door.ask_before_calls(ask)
        if self.engagement:
            self.engagement.ask_before_calls(ask)

    # --- calls

    def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        body_from: Path | None = None,
        headers: Mapping[str, str] | None = None,
        stream_to: Path | None = None,
        repeatable: bool = True,
        label: str = "",
    ) -> Any:
        """The parsed answer to a call of `path` (below the versioned base, or absolute); None when it is no JSON.

        Raises what `errors.judge` and the door raise.
        """
        full = path if path.startswith("/services") else f"{self._base}{path}"
        request = Request(
            method,
            full,
            params=params,
            json=json,
            body_from=body_from,
            headers=headers or {},
            stream_to=stream_to,
            repeatable=repeatable,
            label=label or path.partition("?")[0],
        )
        response = self._door.call(request)
        self.headers = response.headers
        if date := server_time(response.headers):
            self._seen = date, self._clock.monotonic()
        return response.json() if stream_to is None and response.content else None

    def get(self, path: str, **params: Any) -> Any:
        """Read `path`."""
        return self.call("GET", path, params=params or None)

    def get_together(self, parts: Sequence[composite.Part]) -> list[Any]:
        """What each part reads, in their order, in as few calls as it takes: the parsed answer, or the ConnectorError
        that it would have met by itself.
        """
        found: list[Any] = []
        for some in composite.calls(parts):
            found += self._composite(some) if len(some) > 1 else [self._alone(part) for part in some]
        return found

    def _composite(self, parts: Sequence[composite.Part]) -> list[Any]:
        try:
            answer = self.call("POST", "/composite", json=composite.body(self._base, parts))
        except SplitBatch:  # too long all together
            return [self._alone(part) for part in parts]
        told = composite.told(answer, parts)
        return [self._alone(part) if one is composite.AGAIN else one for part, one in zip(parts, told, strict=True)]

    def _alone(self, part: composite.Part) -> Any:
        try:
            return self.get(part.path, **part.params)
        except ConnectorError as error:
            return error

    def _send(self, request: Request, token: str) -> Response:
        self.quota.spend()
        response = exchange(self._session, request, f"https://{self._tokens.instance}{request.path}", token, {})
        self.quota.note(response.headers)
        return response

    # --- what everything else is made of

    def server_now(self) -> datetime:
        """The server's time, by the last answer's Date header; never ahead of it, since an answer takes its time.

        When no answer has come yet the list of versions is asked for, which costs no call of the quota.
        """
        if self._seen is None:
            self.call("GET", "/services/data")
        if self._seen is None:  # an answer without a date: our clock must do
            return self._clock.now()
        then, at = self._seen
        return then + timedelta(seconds=self._clock.monotonic() - at)

    def query_pages(self, soql: str, *, all_rows: bool = False) -> Iterator[tuple[list[dict[str, Any]], int]]:
        """Pages of at most 2,000 records, each with the whole query's number of rows.

        `all_rows` also gives deleted rows and archived activities. Raises LocatorExpired when the cursor is gone.
        """
        page = self._query(soql, all_rows=all_rows)
        while True:
            yield page["records"], page["totalSize"]
            if page["done"]:
                return
            page = self.call("GET", page["nextRecordsUrl"], headers=_paged(), label="/query/<locator>")

    def _query(self, soql: str, *, all_rows: bool) -> Any:
        path = "/queryAll" if all_rows else "/query"
        return self.call("GET", path, params={"q": soql}, headers=_paged())

    def rows(self, soql: str, *, all_rows: bool = False) -> Iterator[dict[str, Any]]:
        """Records of a query whose answer is small. Raises Unreachable when it takes too long all the same."""
        try:
            for records, _ in self.query_pages(soql, all_rows=all_rows):
                yield from records
        except SplitBatch as error:  # there is nothing to halve
            remedy = "Run again; if it stays so, the org is overloaded: ask its administrator."
            raise Unreachable(error.message, crm=CRM, remedy=remedy) from None

    def counts(self, asked: Sequence[tuple[str, bool]]) -> list[int | ConnectorError]:
        """The answers to some ``SELECT COUNT()``, each with whether it goes to queryAll, or the error that one met."""
        parts = [composite.Part("/queryAll" if all_rows else "/query", {"q": text}) for text, all_rows in asked]
        return [one if isinstance(one, ConnectorError) else _total(one) for one in self.get_together(parts)]

    def describe(self, sobject: str) -> dict[str, Any] | None:
        """The object's description with ``fields`` by name, as the running user sees it; None when unseen.

        Kept until `forget_describes`.
        """
        if sobject not in self._describes:
            try:
                self._describes[sobject] = _by_name(self.get(f"/sobjects/{sobject}/describe"))
            except NotThere:
                self._describes[sobject] = None
        return self._describes[sobject]

    def describe_together(self, sobjects: Iterable[str]) -> None:
        """Ask for the descriptions that `describe` does not know yet, in as few calls as it takes.

        What goes wrong with one is left to the `describe` that needs it.
        """
        new = [sobject for sobject in sobjects if sobject not in self._describes]
        answers = self.get_together([composite.Part(f"/sobjects/{sobject}/describe") for sobject in new])
        for sobject, answer in zip(new, answers, strict=True):
            if isinstance(answer, NotThere):
                self._describes[sobject] = None
            elif not isinstance(answer, ConnectorError):
                self._describes[sobject] = _by_name(answer)

    def forget_describes(self) -> None:
        """Look anew at the next `describe`: fields and permissions change while a daemon runs."""
        self._describes.clear()

    def usage(self) -> Usage:
        """Calls and retries so far, of Account Engagement too."""
        own = self._door.usage()
        if self.engagement is None:
            return own
        more = self.engagement.usage()
        by_reason = Counter(own.by_reason) + Counter(more.by_reason)
        by_budget = {**own.by_budget, "account_engagement": more.calls}
        waited_s = own.waited_s + more.waited_s
        return Usage(own.calls + more.calls, own.retries + more.retries, waited_s, by_reason, by_budget)

    def close(self) -> None:
        """Give back connections."""
        self._session.close()


def server_time(headers: Mapping[str, str]) -> datetime | None:
    """The time of an answer's Date header, aware, UTC; None without a usable one."""
    try:
        return parsedate_to_datetime(headers["date"])
    except (KeyError, ValueError):
        return None


def _by_name(description: dict[str, Any]) -> dict[str, Any]:
    return description | {"fields": {field["name"]: field for field in description["fields"]}}


def _total(page: Any) -> int:
    if not isinstance(page, dict) or "totalSize" not in page:
        raise ConnectorBug("a count was answered without a total.", crm=CRM)
    return int(page["totalSize"])


def _paged() -> dict[str, str]:
    return {"Sforce-Query-Options": f"batchSize={PAGE_ROWS}"}
