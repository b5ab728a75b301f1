"""Deals, as the oracle sees them: also as activities."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.scoring.oracle_conditions import Activity

if TYPE_CHECKING:
    from datetime import datetime


@dataclass
class Deal:
    amount: float | None = None
    currency: str | None = None
    is_won: bool | None = False
    is_closed: bool | None = False
    created_at: datetime | None = None
    closed_at: datetime | None = None
    products: list[str] = field(default_factory=list)


def told(deals: list[Deal]) -> list[Activity]:
    """What a deal's steps are as activities; their asset is what the deal is about."""
    steps = []
    for deal in deals:
        if deal.created_at is not None:
            steps.append(("deal_created", deal.created_at, deal))
        if deal.closed_at is not None and (deal.is_won or deal.is_closed):
            steps.append(("deal_won" if deal.is_won else "deal_lost", deal.closed_at, deal))
    return [Activity(kind, at, asset="; ".join(deal.products) or None) for kind, at, deal in steps]
