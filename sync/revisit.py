"""Records read again by id, a share of them each day, for what a CRM's streams do not tell of.

Everybody comes round once in `ROUND_DAYS`; whoever was deleted comes every day for as long as a CRM's bin keeps them,
since restoring them need not show anywhere else.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from connectors.base import Batch
from scoring.facts import Table, arrow_schema

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    import duckdb

    from connectors.base import Connector

STREAM: Final = "revisited"
ROUND_DAYS: Final = 30
BIN_DAYS: Final = 90
"""How long HubSpot's recycle bin keeps a record; the longest of all CRMs."""


def is_due(cursor: str | None, now: datetime) -> bool:
    """Whether today's share is still to be read."""
    return cursor is None or cursor.partition(" ")[0] != now.date().isoformat()


def share(connection: duckdb.DuckDBPyConnection, crm: str, now: datetime) -> list[str]:
    """Ids of the records whose turn is today (UTC), and of those that may have come back from the bin."""
    found = connection.execute(
        f"""
        SELECT record_id FROM store.records WHERE crm = $crm AND (
            (removed IS NULL AND md5_number_lower(record_id) % {ROUND_DAYS} = $day % {ROUND_DAYS})
            OR record_id IN (
                SELECT record_id FROM store.removals WHERE crm = $crm AND removed = 'deleted'
                    AND kind IN ('contact', 'lead') AND removed_at > $bin))
        ORDER BY record_id
        """,
        {"crm": crm, "day": now.toordinal(), "bin": now.replace(tzinfo=None) - timedelta(days=BIN_DAYS)},
    ).fetchall()
    return [record_id for (record_id,) in found]


def batches(connector: Connector, record_ids: Sequence[str], cursor: str, now: datetime) -> Iterator[Batch]:
    """The records as they are now; the cursor names today once all of them are read."""
    for batch in connector.revisit(record_ids) if record_ids else ():
        yield replace(batch, cursor=f"{cursor.partition(' ')[0]} {batch.cursor}")
    done = arrow_schema(Table.REMOVALS).empty_table()
    yield Batch(Table.REMOVALS, done, now.date().isoformat())
