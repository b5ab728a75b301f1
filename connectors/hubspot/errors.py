"""What HubSpot's answers mean: error bodies of every shape, and the verdict on each status."""

from __future__ import annotations

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from connectors.door import Again, Good, Renew, Request, Response, Verdict
from connectors.errors import AuthStop, ConfigProblem, ConnectorBug, LimitReached
from connectors.hubspot.permissions import GRANT

if TYPE_CHECKING:
    from collections.abc import Iterable

CRM = "hubspot"

BURST_WAIT_S = 10.0  # the rolling window of the general limit
SEARCH_WAIT_S = 1.0
LOCKED_WAIT_S = 2.0  # asked for by the documentation of status 423
MIGRATION_WAIT_S = 60.0
MIGRATING = 477
LONGEST_MESSAGE = 200

TEMPORARY = ("migration in progress", "temporarily unavailable", "try again later")
"""Texts that make a 4xx a passing trouble."""

_ADDRESS = re.compile(r"[^\s\"'<>:,;()\[\]]+@[^\s\"'<>,;()\[\]]+")
_TOKEN = re.compile(r"pat-[\w-]+|Bearer\s+\S+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Problem:
    """What an error body says, whatever its shape. Missing parts are empty."""

    category: str = ""
    message: str = ""
    policy: str = ""
    request_id: str = ""
    codes: tuple[str, ...] = ()
    properties: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()


class Refused(ConnectorBug):
    """A 4xx that only the caller can judge: 404 of a record, 400 of a batch. Unforeseen when nobody catches it."""

    def __init__(self, request: Request, status: int, problem: Problem) -> None:
        super().__init__(
            f"{request} was refused with status {status} ({problem.category or 'no category'}): {problem.message}",
            crm=CRM,
            request_id=problem.request_id,
        )
        self.status = status
        self.problem = problem


class MissingScope(AuthStop):
    """A 403: `scopes` are those that the answer names as missing; it need not name any."""

    def __init__(self, request: Request, problem: Problem) -> None:
        what = f"scope {', '.join(problem.scopes)} is missing" if problem.scopes else "permission is missing"
        super().__init__(f"{request} is not allowed: {what}.", crm=CRM, remedy=GRANT, request_id=problem.request_id)
        self.scopes = problem.scopes


def safe(text: object) -> str:
    """The text without addresses and tokens, short enough for a line of a report."""
    cleaned = _TOKEN.sub("<token>", _ADDRESS.sub("<address>", str(text)))
    return cleaned if len(cleaned) <= LONGEST_MESSAGE else cleaned[: LONGEST_MESSAGE - 1] + "…"


def entries(body: Any) -> list[dict[str, Any]]:
    """The `errors` list of a body, without what is not an object."""
    errors = body.get("errors") if isinstance(body, dict) else None
    return [entry for entry in errors if isinstance(entry, dict)] if isinstance(errors, list) else []


def context(entry: dict[str, Any], key: str) -> tuple[str, ...]:
    """A list in an error's context, as text; empty when it is absent or odd."""
    found = entry.get("context")
    values = found.get(key) if isinstance(found, dict) else None
    if isinstance(values, list):
        return tuple(str(value) for value in values)
    return () if values is None else (str(values),)


def parse(body: Any) -> Problem:
    """Read an error body or one entry of its `errors`; anything that is not an object tells nothing."""
    if not isinstance(body, dict):
        return Problem()
    inner = entries(body)
    parts = [body, *inner]
    message = next((entry["message"] for entry in inner if entry.get("message")), body.get("message", ""))
    return Problem(
        category=str(body.get("category") or body.get("errorType") or ""),
        message=safe(message),
        policy=str(body.get("policyName") or ""),
        request_id=str(body.get("correlationId") or body.get("requestId") or ""),
        codes=_unique(str(part["code"]) for part in parts if part.get("code")),
        properties=_unique(name for part in parts for name in context(part, "propertyName")),
        scopes=_unique(name for part in parts for name in context(part, "requiredGranularScopes")),
    )


def _unique(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))


def judge(request: Request, response: Response) -> Verdict:
    """What to do about an answer; `connectors.door` says how."""
    status = response.status
    if 200 <= status < 300:
        whole = status == HTTPStatus.NO_CONTENT or response.json() is not None
        return Good() if whole else Again("answer is not whole", maybe_done=True)
    problem = parse(response.json())
    if status == HTTPStatus.UNAUTHORIZED:
        return Renew(_refused_token(problem))
    if status == HTTPStatus.FORBIDDEN:
        return MissingScope(request, problem)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return _too_many(request, response, problem)
    passing = _passing(response, problem)
    if passing:
        return passing
    if response.json() is None and status == HTTPStatus.NOT_FOUND:
        return ConfigProblem(
            f"{request}: no HubSpot API answers there.", crm=CRM, remedy="Check `base_url` in the hubspot section."
        )
    return Refused(request, status, problem)


def _passing(response: Response, problem: Problem) -> Again | None:
    """The troubles that pass by themselves."""
    status, asked = response.status, _asked(response)
    if status == MIGRATING:
        return Again("data centre migration", asked or MIGRATION_WAIT_S, pause=True)
    if status == HTTPStatus.LOCKED:
        return Again("locked", max(LOCKED_WAIT_S, asked or 0.0))
    if status >= 500:
        return Again(f"status {status}", asked, maybe_done=True)
    if any(text in problem.message.lower() for text in TEMPORARY):
        return Again("temporarily unavailable", asked)
    if response.json() is None and status != HTTPStatus.NOT_FOUND:
        return Again(f"status {status} without a reason", asked)
    return None


def _refused_token(problem: Problem) -> AuthStop:
    return AuthStop(
        "the access token was refused.",
        crm=CRM,
        remedy="A new one was refused as well; connect the app to the portal again.",
        request_id=problem.request_id,
    )


def _too_many(request: Request, response: Response, problem: Problem) -> Verdict:
    if problem.policy == "DAILY" or "daily limit" in problem.message.lower():
        return LimitReached(
            "the account's daily allowance of API calls is used up.",
            crm=CRM,
            remedy="State is saved; run again after midnight in the account's time zone.",
            request_id=problem.request_id,
        )
    search = request.budget == "search" or problem.policy == "SECONDLY"
    usual = SEARCH_WAIT_S if search else BURST_WAIT_S
    return Again("search limit" if search else "rate limit", _asked(response) or usual, pause=True)


def _asked(response: Response) -> float | None:
    """Retry-After in seconds. HubSpot gives no other form; what is no number is as good as absent."""
    try:
        return max(0.0, float(response.headers["retry-after"]))
    except (KeyError, ValueError):
        return None
