"""Account Engagement (Pardot), version 5: one business unit, on a host and with allowances of its own.

It takes the organisation's sessions, and words its errors as one object with a number.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from connectors.budget import Budget
from connectors.door import Again, Door, Good, Renew, Request
from connectors.errors import AuthStop, ConfigProblem, ConnectorBug, LimitReached, Unreachable
from connectors.quota import DailyShare
from connectors.salesforce.errors import CRM
from connectors.salesforce.network import LOOPBACK, exchange

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import requests

    from config.settings import AccountEngagementSettings
    from connectors.base import Usage
    from connectors.clock import Clock
    from connectors.door import Response, TokenSource, Verdict

SETTING: Final = "salesforce.account_engagement"
CALLS_PER_S: Final = 5
"""Five calls may be under way at once; ours go one after another, and this keeps a loop gone wrong in bounds."""

_USAGE: Final = re.compile(r"(\d+)\s*/\s*(\d+)")


class BusinessUnit:
    """Reads from one business unit. Its day's calls are its own: using them up is no end of the organisation's day."""

    def __init__(
        self, settings: AccountEngagementSettings, session: requests.Session, tokens: TokenSource, clock: Clock
    ) -> None:
        self._base = _base(settings.base_url)
        self._headers = {"Pardot-Business-Unit-Id": settings.business_unit_id, "X-Return-Api-Usage": "1"}
        self._session = session
        self._day = DailyShare(settings.daily_share, clock, crm=CRM, setting=f"{SETTING}.daily_share")
        self._door = Door(
            crm=CRM,
            send=self._send,
            judge=judge,
            tokens=tokens,
            budgets={"general": Budget(CALLS_PER_S, 1.0, clock)},
            clock=clock,
        )

    def ask_before_calls(self, ask: Callable[[], object] | None) -> None:
        """As `Door.ask_before_calls`."""
        self._door.ask_before_calls(ask)

    def get(self, collection: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """A page of a collection such as ``visitor-activities``.

        Raises Unreachable, not LimitReached, when its day is used up: only its own stream has to wait.
        """
        request = Request("GET", f"/api/v5/objects/{collection}", params=params)
        try:
            body = self._door.call(request).json()
        except LimitReached as error:
            raise Unreachable(
                f"Account Engagement: {error.message}", crm=CRM, remedy=error.remedy, resets_at=error.resets_at
            ) from None
        if not isinstance(body, dict) or not isinstance(body.get("values"), list):
            raise ConnectorBug(f"{request} was answered without values.", crm=CRM)
        return body

    def usage(self) -> Usage:
        """Calls and retries so far."""
        return self._door.usage()

    def _send(self, request: Request, token: str) -> Response:
        self._day.spend()
        response = exchange(self._session, request, self._base + request.path, token, self._headers)
        if told := _USAGE.search(response.headers.get("x-api-usage", "")):
            self._day.learn(int(told[1]), int(told[2]))
        return response


def _base(url: str) -> str:
    """The address of the API. Raises ConfigProblem for one that the session must not be shown to."""
    host = urlsplit(url).hostname or ""
    if host in LOOPBACK or host == "pardot.com" or host.endswith(".pardot.com"):
        return url
    raise ConfigProblem(
        f"{SETTING}.base_url {url!r} is not an Account Engagement address.",
        crm=CRM,
        remedy="Use https://pi.pardot.com, or https://pi.demo.pardot.com for a sandbox's business unit.",
    )


def judge(request: Request, response: Response) -> Verdict:
    """What an answer asks us to do. The status is coarse; the number in the body says what is meant."""
    body = response.json()
    if response.status < 300:
        return Good() if isinstance(body, dict) else Again("no json")
    code = body.get("code") if isinstance(body, dict) else None
    match code:
        case 66:
            return Again("too many calls at once")
        case 122:
            return LimitReached(
                "the business unit's daily calls are used up.",
                crm=CRM,
                remedy="State is saved; run again tomorrow (by the time zone of the account).",
            )
        case 46:
            return AuthStop(
                f"{request}: the running user's role in Account Engagement does not allow it.",
                crm=CRM,
                remedy="Give the role the abilities Prospects > Visitors > View and Prospects > Prospects > View.",
            )
        case 181 | 201:
            return ConfigProblem(
                f"{request}: there is no such business unit, or it is not active.",
                crm=CRM,
                remedy=f"{SETTING}.business_unit_id stands in Setup under Business Unit Setup, and begins with 0Uv.",
            )
    if response.status >= 500 or response.status in {406, 408, 420, 425, 429}:
        return Again(f"status {response.status}")
    if response.status in {401, 403}:
        return Renew(
            AuthStop(
                f"{request}: Account Engagement refuses the session.",
                crm=CRM,
                remedy="Give the external client app the scope 'Manage Account Engagement services (pardot_api)', and "
                "sync the running user to the business unit.",
            )
        )
    if response.status < 400:
        return ConfigProblem(f"{request} was redirected.", crm=CRM, remedy=f"Correct {SETTING}.base_url.")
    return ConnectorBug(f"{request} was answered with status {response.status} (code {code}).", crm=CRM)
