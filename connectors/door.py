"""The one door through which every call to a CRM goes.

From outside in: retry > auth > budget > timeout > send. A retry gets a fresh token and pays its budget again. What an
answer means is the vendor's business (`judge`); how to react is here, once.
"""

from __future__ import annotations

import collections
import functools
import random
import threading
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

import orjson
import structlog
import tenacity

from connectors.base import Usage
from connectors.budget import PauseTooLong
from connectors.errors import AuthStop, ConnectorError, OutcomeUnknown, Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from connectors.budget import Budget
    from connectors.clock import Clock

log = structlog.get_logger(__name__)

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 60.0
STRANGER_S = 10.0
"""A server that has never given a sensible answer is given up so soon: somebody may be waiting at the terminal, and a
wrong address is likelier than passing trouble."""
DEADLINE_S = 300.0
"""A call that has no good answer after this long, its next wait included, is given up: the run stops and goes on later.
What a server asks for is granted in full or not at all, never shortened."""

JITTER_S = 0.5
"""Added to what the server asks for, so that all who were sent away do not come back at once."""


@dataclass(frozen=True, slots=True)
class Request:
    """One call. `path` is relative to the CRM's base; `budget` names whose allowance it spends.

    `repeatable` says that sending it twice does no harm (reads, and updates to absolute values). The body of
    `body_from` is read from that file as it is sent; with `stream_to` the body of a good answer is written to that one
    and `Response.content` stays empty. `label` replaces the path in
    logs and errors where the path holds an id or an address.
    """

    method: str
    path: str
    params: Mapping[str, Any] | None = None
    json: Any = None
    body: bytes | None = None
    body_from: Path | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    budget: str = "general"
    repeatable: bool = True
    stream_to: Path | None = None
    label: str = ""

    def __str__(self) -> str:
        return f"{self.method} {self.label or self.path}"


@dataclass(frozen=True)
class Response:
    """An answer of any status. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    def json(self) -> Any:
        """The body as JSON, parsed once; None when it is not JSON (an edge's HTML page, an empty body)."""
        return self._parsed

    @functools.cached_property
    def _parsed(self) -> Any:
        try:
            return orjson.loads(self.content)
        except orjson.JSONDecodeError:
            return None


class TransportError(Exception):
    """No answer came. `reason` is a short word; `sent` says whether the request may have arrived."""

    def __init__(self, reason: str, *, sent: bool = True) -> None:
        super().__init__(reason)
        self.reason = reason
        self.sent = sent


@dataclass(frozen=True, slots=True)
class Good:
    """Take the answer as it is."""


@dataclass(frozen=True, slots=True)
class Again:
    """Try again: after `after_s` when the server said so, else with backoff.

    `pause` holds the whole budget back. `maybe_done` says that the call may have taken effect all the same (a gateway
    that lost patience), so that only a repeatable request may be sent again.
    """

    reason: str
    after_s: float | None = None
    pause: bool = False
    maybe_done: bool = False


@dataclass(frozen=True, slots=True)
class Renew:
    """The token was refused; renew it once and try again. `refusal` is raised when that does not help."""

    refusal: ConnectorError


Verdict = Good | Again | Renew | ConnectorError


class TokenSource(Protocol):
    """Where the credentials come from. Safe to use from several threads.

    Both methods may raise TransportError when the place that gives out tokens cannot be reached; that is tried again.
    """

    def current(self) -> str:
        """A token believed to be valid, fetched or renewed ahead of its expiry when needed."""
        ...

    def renew(self, refused: str) -> str:
        """A token other than `refused`; raises AuthStop when there can be none."""
        ...


class FixedToken:
    """A token that never changes: a private app's or service key's."""

    def __init__(
        self, token: str, crm: str, *, remedy: str = "Create a new one and set it in the environment."
    ) -> None:
        self._token = token
        self._crm = crm
        self._remedy = remedy

    def current(self) -> str:
        """The token."""
        return self._token

    def renew(self, refused: str) -> str:  # noqa: ARG002 - the protocol's parameter
        """Cannot be renewed."""
        raise AuthStop("the access token was refused.", crm=self._crm, remedy=self._remedy)


def _granted() -> None:
    """Nobody wants to be asked."""


_NO_ANSWER = Response(0, {}, b"")


def _without(token: str, response: Response) -> Response:
    """The answer without our token: some servers repeat it in their errors, and errors are logged and kept."""
    secret = token.encode()
    if secret not in response.content:
        return response
    return Response(response.status, response.headers, response.content.replace(secret, b"<token>"))


class _Retry(Exception):
    def __init__(self, verdict: Again) -> None:
        super().__init__(verdict.reason)
        self.verdict = verdict


@dataclass(slots=True)
class _Call:
    """What one call remembers from attempt to attempt."""

    request: Request
    renewed: bool = False


class Door:
    """Calls one CRM. Thread-safe as far as `send` and the token source are: each call keeps its own state."""

    def __init__(
        self,
        *,
        crm: str,
        send: Callable[[Request, str], Response],
        judge: Callable[[Request, Response], Verdict],
        tokens: TokenSource,
        budgets: Mapping[str, Budget],
        clock: Clock,
        deadline_s: float = DEADLINE_S,
        seed: int = 0,
    ) -> None:
        self._crm = crm
        self._send = send
        self._judge = judge
        self._tokens = tokens
        self._budgets = budgets
        self._clock = clock
        self._deadline_s = deadline_s
        self._ask: Callable[[], object] = _granted
        self._met = False  # whether the server has ever talked sense, if only to say "later"
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self._calls: collections.Counter[str] = collections.Counter()  # by budget
        self._waited_s = 0.0
        self._retries: collections.Counter[str] = collections.Counter()

    def ask_before_calls(self, ask: Callable[[], object] | None) -> None:
        """Have `ask` called right before each attempt from now on, by whichever thread makes it; None: nothing."""
        self._ask = ask or _granted

    def call(self, request: Request) -> Response:
        """The answer to `request`, once the vendor's judge takes it as good.

        Raises what the judge raises; Unreachable when the deadline is spent, or would be by the time the server asks
        for; OutcomeUnknown when a request that must not be repeated was sent and no answer came.
        """
        start = self._clock.monotonic()

        def stop(state: tenacity.RetryCallState) -> bool:
            return self._clock.monotonic() - start + state.upcoming_sleep > self._patience_s()

        def note(state: tenacity.RetryCallState) -> None:
            reason = str(state.outcome.exception()) if state.outcome else ""
            with self._lock:
                self._retries[reason] += 1
                self._waited_s += state.upcoming_sleep
            log.info("retry", crm=self._crm, call=str(request), reason=reason, wait_s=round(state.upcoming_sleep, 2))

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(_Retry),
            wait=self._wait,
            stop=stop,
            before_sleep=note,
            sleep=self._clock.sleep,
            reraise=True,
        )
        try:
            return retrying(self._with_auth, _Call(request))
        except _Retry as last:
            raise self._given_up(request, last.verdict.reason, last.verdict.after_s) from None
        except PauseTooLong as pause:
            raise self._given_up(request, "pause", pause.seconds) from None

    def _given_up(self, request: Request, reason: str, asked_s: float | None) -> Unreachable:
        wish = f"; it asked for {asked_s:.0f} s of patience" if asked_s else ""
        return Unreachable(
            f"{request} got no usable answer within {self._patience_s():.0f} s (last: {reason}{wish}).",
            crm=self._crm,
            remedy="Nothing was lost; run again when the CRM can be reached."
            if self._met
            else "Check the address in the settings, and the network.",
            resets_at=self._clock.now() + timedelta(seconds=asked_s) if asked_s else None,
        )

    def _wait(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.verdict.after_s if isinstance(error, _Retry) else None
        with self._lock:  # one source of chance for all threads
            if asked is not None:
                return asked + self._random.uniform(0.0, JITTER_S)
            backoff = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(state.attempt_number - 1, 10))
            return backoff * self._random.uniform(0.5, 1.0)

    def _with_auth(self, call: _Call) -> Response:
        """One attempt with a fresh token, and a second one with a renewed token when the first was refused.

        A call renews once, however often it is tried again.
        """
        request = call.request
        token = self._token(self._tokens.current)
        verdict, response = self._attempt(request, token)
        if isinstance(verdict, Renew) and not call.renewed:
            token = self._token(lambda: self._tokens.renew(token))
            call.renewed = True  # not before: where no new one could be had, none was refused
            verdict, response = self._attempt(request, token)
        match verdict:
            case Good():
                return response
            case Renew():
                raise verdict.refusal
            case Again():
                if verdict.pause:
                    self._budgets[request.budget].pause(verdict.after_s or FIRST_WAIT_S)
                if verdict.maybe_done and not request.repeatable:
                    raise self._unknown(request, verdict.reason)
                raise _Retry(verdict)
            case ConnectorError():
                raise verdict

    def _patience_s(self) -> float:
        return self._deadline_s if self._met else min(self._deadline_s, STRANGER_S)

    def _token(self, source: Callable[[], str]) -> str:
        try:
            return source()
        except TransportError as error:
            raise _Retry(Again(error.reason)) from None

    def _attempt(self, request: Request, token: str) -> tuple[Verdict, Response]:
        waited = self._budgets[request.budget].acquire(self._patience_s())
        self._ask()
        with self._lock:
            self._calls[request.budget] += 1
            self._waited_s += waited
        try:
            response = self._send(request, token)
        except TransportError as error:
            return Again(error.reason, maybe_done=error.sent), _NO_ANSWER
        response = _without(token, response)
        verdict = self._judge(request, response)
        self._met = self._met or not isinstance(verdict, Again) or verdict.after_s is not None
        return verdict, response

    def _unknown(self, request: Request, reason: str) -> OutcomeUnknown:
        return OutcomeUnknown(f"{request} was sent and no usable answer came ({reason}).", crm=self._crm)

    def usage(self) -> Usage:
        """Calls, retries and seconds waited so far."""
        with self._lock:
            calls, retries = dict(self._calls), dict(self._retries)
            return Usage(sum(calls.values()), sum(retries.values()), self._waited_s, retries, calls)
