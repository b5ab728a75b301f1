"""The switches of this server, beside the transport's (`sandbox.wire.TROUBLES`), and how they act on a call.

Each is taken with the call's path, so that ``match`` can aim it; those that act on a change rather than a call are
taken with the object type.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson

from sandbox.core import CutConnection
from sandbox.hubspot.errors import ApiError, migrating, missing_scopes, rate_limited, unauthorized

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandbox.hubspot.calls import Reply
    from sandbox.hubspot.portal import Portal, Token

TROUBLES: Final = {
    "rate_429": "answers 429 of `policy` (TEN_SECONDLY_ROLLING; SECONDLY on searches), with `retry_after` seconds if "
    "given; `as_category` words it the other way",
    "daily_429": "answers 429 of policy DAILY",
    "refuse": "answers `status` (423), as JSON with `message` (temporarily unavailable) and, if given, `category`",
    "missing_scope": "answers 403 and names `scope` (sales-email-read) as missing",
    "noisy_neighbour": "another program spends `calls` (all that is left) of the same allowance just before the call, "
    "or `per_s` calls for each second since the last call; works only while limits bind",
    "no_rate_headers": "the answer says nothing of the limits",
    "expire_token": "the token that the call carries is refused from now on, this call included",
    "html_error": "answers an HTML page with `status` (502); with `applied` the call has its effect first",
    "migration_477": "answers 477 with Retry-After `retry_after` (3600)",
    "drop_after_write": "the call has its effect, then the connection is closed without an answer",
    "empty_success": "a batch call has no effect, yet is answered 200 with empty results and errors",
    "lose_row": "the answer, of associations too, lacks the row of record `id` (the first row), without an error; "
    "the effect stays",
    "odd_json": "answers 200 with the first half of the JSON",
    "empty_page": "a page has only its first `rows` (0) rows and still a cursor, from which the rest can be had",
    "stuck_cursor": "a page starts where the page before it started, whatever cursor the call brings",
    "strict_after": "a list refuses an `after` that is not the id of one of its records",
    "blanks": "properties without a value come as empty text (`style` empty) or not at all (absent)",
    "search_lag": "a change stays invisible to search for `seconds` (40); taken at the change, with the object type",
    "search_order": "with `ids` text, ids are compared and sorted as text; with `shuffle` sorted results come unsorted",
    "search_past_window": "the upper bound of the modified time in a search is ignored",
    "same_millisecond": "changes are stamped with one and the same millisecond (that of the first, or the time `at`); "
    "taken at the change, with the object type",
    "no_207": "a batch that succeeded in part is answered like one that succeeded, the errors in its body",
    "ignore_trace_ids": "trace ids do not save the good rows of a batch: one bad value refuses all",
    "restless": "`property` has another value at each read that asks for it",
    "deprecated": "answers carry a header that says this version of the API ends on `on` (2027-09-30)",
}
"""Name -> what it does and its settings (with defaults)."""

PARTIAL: Final = 207
_HTML: Final = (
    b"<!DOCTYPE html><html><head><title>Error</title></head><body><h1>Something went wrong</h1></body></html>"
)


@dataclass(frozen=True, slots=True)
class HtmlPage:
    """The edge answers instead of the API; `applied`: the call has its effect all the same."""

    status: int
    applied: bool
    page: bytes = _HTML


def at_the_edge(portal: Portal, path: str) -> HtmlPage | None:
    """Troubles before anybody looks at the token. Raises ApiError; an HTML page is returned, as it may come later."""
    take = portal.shared.troubles.take
    if (moving := take("migration_477", path)) is not None:
        raise migrating(int(moving.get("retry_after", 3600)))
    if (refusal := take("refuse", path)) is not None:
        category = {"category": refusal["category"]} if "category" in refusal else {}
        message = refusal.get("message", "This part of the account is temporarily unavailable; try again.")
        raise ApiError(int(refusal.get("status", 423)), {"message": message} | category)
    if (html := take("html_error", path)) is not None:
        return HtmlPage(int(html.get("status", 502)), bool(html.get("applied")))
    return None


def at_the_gate(portal: Portal, path: str, token: Token, *, search: bool) -> None:
    """Troubles with token and limits. Raises ApiError."""
    take = portal.shared.troubles.take
    if take("expire_token", path) is not None:
        token.expires_at = portal.shared.clock.now()
        raise unauthorized(expired=True)
    if (missing := take("missing_scope", path)) is not None:
        raise missing_scopes([str(missing.get("scope", "sales-email-read"))], in_errors=True)
    if take("daily_429", path) is not None:
        raise rate_limited("DAILY")
    if (limited := take("rate_429", path)) is not None:
        policy = limited.get("policy", "SECONDLY" if search else "TEN_SECONDLY_ROLLING")
        raise rate_limited(policy, retry_after=limited.get("retry_after"), as_category=bool(limited.get("as_category")))


def after_the_deed(portal: Portal, path: str, reply: Reply) -> bytes:
    """The answer's bytes. Raises CutConnection."""
    take = portal.shared.troubles.take
    if take("drop_after_write", path) is not None:
        raise CutConnection
    if (notice := take("deprecated", path)) is not None:
        reply.headers["Deprecation"] = "true"
        reply.headers["Sunset"] = str(notice.get("on", "2027-09-30"))
    results = reply.body.get("results") if isinstance(reply.body, dict) else None
    if results and (lost := take("lose_row", path)) is not None:
        wanted = str(lost.get("id", _id_of(results[0])))
        reply.body["results"] = [row for row in results if _id_of(row) != wanted]
    if reply.status == PARTIAL and take("no_207", path) is not None:
        reply.status = 200
    text = b"" if reply.body is None else orjson.dumps(reply.body)
    return text[: len(text) // 2] if text and take("odd_json", path) is not None else text


def _id_of(row: Mapping[str, Any]) -> str | None:
    return row["from"]["id"] if "from" in row else row.get("id")


def cursor(portal: Portal, path: str, given: str | None) -> str | None:
    """The cursor to go by: the one of the call, or none when the paging is stuck."""
    return None if given and portal.shared.troubles.take("stuck_cursor", path) is not None else given


def thin_page(portal: Portal, path: str, rows: int) -> int | None:
    """How many of its rows a page may show, when it is to be a thin one."""
    thin = portal.shared.troubles.take("empty_page", path)
    return None if thin is None else min(int(thin.get("rows", 0)), rows)


def same_place(cursor: str) -> str:
    """Another spelling of a numeric cursor: a client that compares cursors sees that it goes on."""
    return "0" + cursor
