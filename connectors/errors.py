"""Errors of connectors, by the reaction they ask for.

    ConnectorError
    ├── ConfigProblem      something the user must mend: a field, an id, a URL            exit 2
    ├── AuthStop           credentials refused, or a scope or permission missing          exit 3
    ├── LimitReached       the day's quota (or our share of it) is used up                exit 5
    ├── Unreachable        retries and deadline are spent; nothing is wrong with the data exit 5
    ├── SplitBatch         the request was refused as a whole; halve it
    ├── RowRejected        one row was refused
    ├── OutcomeUnknown     the request may or may not have taken effect
    └── ConnectorBug       an answer nobody foresaw                                       exit 70

The middle three never leave a connector: they become outcomes. No message holds a personal value or a secret.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


class ConnectorError(Exception):
    """Base: what happened, where, and what to do about it."""

    exit_code = 70

    def __init__(
        self, message: str, *, crm: str, remedy: str = "", request_id: str = "", resets_at: datetime | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.crm = crm
        self.remedy = remedy
        self.request_id = request_id  # the vendor's, for a support ticket
        self.resets_at = resets_at  # when it may go on, where the CRM tells

    def __str__(self) -> str:
        text = f"{self.crm}: {self.message}"
        if self.remedy:
            text += f" {self.remedy}"
        if self.resets_at:
            text += f" It may go on at {self.resets_at:%Y-%m-%d %H:%M} UTC."
        if self.request_id:
            text += f" (request id {self.request_id})"
        return text


class ConfigProblem(ConnectorError):
    """The settings ask for something the CRM does not have."""

    exit_code = 2


class AuthStop(ConnectorError):
    """The CRM refuses us, for good until somebody acts."""

    exit_code = 3


class LimitReached(ConnectorError):
    """A quota is used up; `resets_at` says when it may go on, where known."""

    exit_code = 5


class Unreachable(ConnectorError):
    """No usable answer within the deadline."""

    exit_code = 5


class SplitBatch(ConnectorError):
    """The whole batch was refused because of some of its rows."""


class RowRejected(ConnectorError):
    """A row was refused, and would be refused again."""


class OutcomeUnknown(ConnectorError):
    """The connection broke after the request was sent."""


class ConnectorBug(ConnectorError):
    """An answer that the connector does not understand."""
