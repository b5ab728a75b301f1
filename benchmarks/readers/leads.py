"""What both ways of the Bulk benchmark share: the values to write, the ids of all leads, the memory used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simple_salesforce.api import Salesforce

from connectors.salesforce.client import make_session

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connectors.base import Clear

SCORES: Mapping[str, str | int | Clear] = {
    "fit_score": 55,
    "fit_grade": "B",
    "engagement_score": 40,
    "rating": "B2",
    "trend": "rising",
}
FIELDS = {name: f"Leadgrade_{name.title()}__c" for name in SCORES}


def signed_in(address: str, secret: str) -> Any:
    """Simple-salesforce against the sandbox, which has no https: the session leads its calls there."""
    return Salesforce(
        domain="loopback-stand-in",
        consumer_key="sandbox-client",
        consumer_secret=secret,
        session=make_session(address),
        version="67.0",
    )


def ids_of(address: str, secret: str) -> list[str]:
    """The ids of all leads, read page by page."""
    return [row["Id"] for row in signed_in(address, secret).query_all_iter("SELECT Id FROM Lead")]
