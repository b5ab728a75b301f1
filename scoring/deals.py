"""Deals as activities: ``deal_created``, ``deal_won`` and ``deal_lost`` of each person who takes part in a deal.

Their asset are the deal's products, with semicolons between. So rules speak of deals as they speak of anything else.
"""

from __future__ import annotations

from typing import Any, Final

_ASSET: Final = "NULLIF(ARRAY_TO_STRING(products, '; '), '')"
_FIRST: Final = -1_000_000_000
"""Signatures of the mirror are numbered upward from 0, those that the engine derives downward."""

_MOMENTS: Final = f"""
    SELECT person, 'deal_created' AS type, {_ASSET} AS asset, created_at AS occurred_at FROM deals
    UNION ALL
    SELECT person, CASE WHEN is_won THEN 'deal_won' ELSE 'deal_lost' END AS type, {_ASSET} AS asset,
           closed_at AS occurred_at
    FROM deals WHERE is_won OR is_closed"""


def tell_deals(con: Any) -> None:
    """Create, from `deals`, the TEMP tables `deal_signatures` and `deal_events`.

    `deal_signatures` (signature, type, asset) have numbers apart from those of other activities;
    `deal_events` (person, signature, occurred_at) have a row for each step of a deal whose time is known.
    """
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE deal_signatures AS
        SELECT CAST({_FIRST} - ROW_NUMBER() OVER (ORDER BY type, asset) AS INTEGER) AS signature, type, asset
        FROM (SELECT DISTINCT type, asset FROM ({_MOMENTS}))
        """
    )
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE deal_events AS
        SELECT m.person, s.signature, m.occurred_at
        FROM ({_MOMENTS}) m JOIN deal_signatures s ON s.type = m.type AND COALESCE(s.asset, '') = COALESCE(m.asset, '')
        WHERE m.occurred_at IS NOT NULL
        """
    )
