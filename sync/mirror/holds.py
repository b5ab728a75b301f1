"""Stages that people set by hand in our field of the CRM, told from what we wrote ourselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pyarrow as pa

from sync.mirror import views
from sync.mirror.tables import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import duckdb

_BEFORE: Final = pa.schema([("crm", pa.string()), ("record_id", pa.string()), ("before", pa.string())])


def find(
    connection: duckdb.DuckDBPyConnection, order: Sequence[str], before: Iterable[Sequence[tuple[str, str, str]]]
) -> dict[str, list[tuple[str, str]]]:
    """Per CRM the live records, with the stage, whose field shows a stage of `order` that we did not put there.

    It is neither the stage that the journal gave last (``given_stages``), nor the one `before` that (crm, record id,
    stage; in chunks), for a search index may lag behind our own write; nor what we planned last, for a write may take
    effect without our hearing of it. A record that was never given a stage tells nothing.
    Needs `sync.mirror.views.build`.
    """
    is_planned = connection.execute(
        "SELECT count(*) FROM duckdb_tables() WHERE schema_name = 'store' AND table_name = 'plan'"
    ).fetchall()[0][0]
    planned = f"""
        AND NOT EXISTS (FROM store.plan WHERE plan.crm = records.crm AND plan.record_id = records.record_id
            AND plan.{quoted("desired.stage")} = shown)
    """
    connection.execute("CREATE OR REPLACE TEMP TABLE stages_before (crm VARCHAR, record_id VARCHAR, before VARCHAR)")
    for chunk in before:
        views.insert(connection, "stages_before", _BEFORE, chunk)
    found: dict[str, list[tuple[str, str]]] = {}
    for crm, record_id, stage in connection.execute(
        f"""
        SELECT crm, record_id, shown
        FROM (SELECT *, nullif(trim({quoted("observed.stage")}), '') AS shown FROM store.records) records
        JOIN given_stages USING (crm, record_id) LEFT JOIN stages_before USING (crm, record_id)
        WHERE removed IS NULL AND list_contains($order::VARCHAR[], shown)
            AND shown <> given_stages.stage AND shown IS DISTINCT FROM before
            {planned if is_planned else ""}
        ORDER BY crm, record_id
        """,
        {"order": list(order)},
    ).fetchall():
        found.setdefault(crm, []).append((record_id, stage))
    return found
