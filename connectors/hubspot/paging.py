"""Following page tokens to the end of a list, however thin its pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connectors.errors import ConnectorBug
from connectors.hubspot.errors import CRM

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

IDLE_PAGES = 20
"""More pages in a row than this without a row or with a token that came before are not a slow server but a loop."""


def next_token(body: dict[str, Any]) -> str | None:
    """The token of the next page; only its absence ends a list, never a short or empty page."""
    token = ((body.get("paging") or {}).get("next") or {}).get("after")
    return None if token is None else str(token)


def follow(
    what: str,
    ask: Callable[[str | None], dict[str, Any]],
    *,
    after: str | None = None,
    rows: str = "results",
    token: Callable[[dict[str, Any]], str | None] = next_token,
) -> Iterator[tuple[list[dict[str, Any]], str | None]]:
    """Pages of rows from `after` on, each with the token of the page after it (None for the last).

    Raises ConnectorBug naming `what` when the list does not move on.
    """
    idle = 0
    while True:
        body = ask(after)
        found = body.get(rows) or []
        following = token(body)
        idle = idle + 1 if not found or following == after else 0
        if following is not None and idle > IDLE_PAGES:
            raise ConnectorBug(f"the list of {what} does not move on.", crm=CRM)
        yield found, following
        if following is None:
            return
        after = following
