"""HubSpot's error bodies (section 2.5 and 5 of the rules: B where recorded)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sandbox.hubspot.values import Problem


class ApiError(Exception):
    """An answer other than success. The correlation id is added when it is sent."""

    def __init__(self, status: int, body: dict[str, Any], headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{status} {body.get('message', '')}")
        self.status = status
        self.body = {"status": "error"} | body
        self.headers = dict(headers or {})


def bad_request(
    message: str, *, category: str | None = "VALIDATION_ERROR", context: Mapping[str, Sequence[str]] | None = None
) -> ApiError:
    """400. Some bodies have no category (B)."""
    body: dict[str, Any] = {"message": message}
    if context is not None:
        body["context"] = context
    if category is not None:
        body["category"] = category
    return ApiError(400, body)


def invalid_values(problems: Sequence[Problem], portal_id: int) -> dict[str, Any]:
    """The body for refused property values: it names properties and codes, never the record."""
    listed = [
        {
            "isValid": False,
            "message": problem.message,
            "error": problem.code,
            "name": problem.name,
            "localizedErrorMessage": problem.message,
            "portalId": portal_id,
        }
        for problem in problems
    ]
    return {
        "message": "Property values were not valid: " + orjson.dumps(listed).decode(),
        "errors": [
            {"message": problem.message, "code": problem.code, "context": {"propertyName": [problem.name]}}
            for problem in problems
        ],
        "category": "VALIDATION_ERROR",
    }


def not_found(message: str = "resource not found", *, category: str | None = None) -> ApiError:
    """404; often with nothing but a message (B)."""
    return ApiError(404, {"message": message} | ({"category": category} if category else {}))


def conflict(message: str, *, category: str = "CONFLICT") -> ApiError:
    """409. The id of what exists stands only in the text (B)."""
    return ApiError(409, {"message": message, "category": category})


def unauthorized(*, expired: bool = False) -> ApiError:
    """401. The category of an expired token is unproven (D)."""
    message = (
        "The OAuth token used to make this call has expired."
        if expired
        else "Authentication credentials not found. This API supports OAuth 2.0 and private app tokens."
    )
    category = "EXPIRED_AUTHENTICATION" if expired else "INVALID_AUTHENTICATION"
    return ApiError(401, {"message": message, "category": category})


def missing_scopes(scopes: Iterable[str], *, in_errors: bool) -> ApiError:
    """403. The scopes stand in the errors' context or in the body's own (A and B differ)."""
    context = {"requiredGranularScopes": list(scopes)}
    body: dict[str, Any] = {
        "message": "This app hasn't been granted all required scopes to make this call.",
        "category": "MISSING_SCOPES",
    }
    if in_errors:
        body["errors"] = [{"message": "One or more of the following scopes are required.", "context": context}]
    else:
        body["context"] = context
    return ApiError(403, body)


def rate_limited(
    policy: str, *, retry_after: int | None = None, as_category: bool = False, headers: Mapping[str, str] | None = None
) -> ApiError:
    """429. Normally without Retry-After; some bodies say `category` RATE_LIMITS instead of `errorType` (A, B)."""
    body: dict[str, Any] = {
        "message": f"You have reached your {policy.lower()} limit.",
        "policyName": policy,
        "groupName": "publicapi:crm:search" if policy == "SECONDLY" else "publicapi:private-apps",
    }
    body |= {"category": "RATE_LIMITS"} if as_category else {"errorType": "RATE_LIMIT"}
    extra = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return ApiError(429, body, {**(headers or {}), **extra})


def migrating(retry_after: int) -> ApiError:
    """477: the portal moves between data centres (A)."""
    return ApiError(
        477,
        {"message": "This account is being migrated between data centers; try again later.", "category": "MIGRATION"},
        {"Retry-After": str(retry_after)},
    )


def oauth_refused(status_word: str, error: str, message: str) -> ApiError:
    """400 of the token endpoint, which words things its own way (C)."""
    return ApiError(400, {"status": status_word, "message": message, "error": error, "error_description": message})
