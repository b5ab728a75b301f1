"""What the CRM acknowledged of ``store.plan``: noted while it is sent, taken over into the records afterwards.

Rows are sent in the order of the plan, which is not that of ``store.records``: to mark each batch there would rewrite
the whole table every time. ``store.accepted`` (crm, tag) collects them, and `take_over` marks all of them in one pass,
when a CRM's plan is sent, or, had that run been killed, by the next one before it reads anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pyarrow as pa

from scoring.facts import OBSERVED_PREFIX
from sync.mirror.plan import DESIRED, WRITE, names_planned
from sync.mirror.removals import bury
from sync.mirror.store import transaction
from sync.mirror.tables import quoted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import duckdb

WRITTEN_AFTER: Final = "date_trunc('millisecond', records.modified_at) + INTERVAL 1 MICROSECOND"
"""The version of a record after our write, until it is read. CRMs count no finer than milliseconds."""

PART: Final = 100_000
"""Records that are marked at a time, so that memory does not grow with them."""


def note(
    connection: duckdb.DuckDBPyConnection,
    *,
    crm: str,
    accepted: Sequence[int],
    gone: Sequence[tuple[str, str, str, str | None]],
    now: datetime,
    fence: int,
) -> None:
    """Note the `accepted` tags of the plan, and the records that are `gone`.

    `gone` has (kind, record id, why, successor id). All in one transaction; raises `LeaseLost`.
    """
    with transaction(connection, fence):
        connection.execute("CREATE TABLE IF NOT EXISTS store.accepted (crm VARCHAR, tag BIGINT)")
        if accepted:
            connection.register("tags", pa.table({"tag": pa.array(accepted, pa.int64())}))
            connection.execute("INSERT INTO store.accepted SELECT $crm, tag FROM tags", {"crm": crm})
            connection.unregister("tags")
        if gone:
            at = now.replace(tzinfo=None)
            connection.execute("CREATE OR REPLACE TEMP TABLE found_gone AS FROM store.removals LIMIT 0")
            connection.executemany(
                "INSERT INTO found_gone BY NAME SELECT ? AS crm, ? AS kind, ? AS record_id, ? AS removed, "
                "? AS successor_id, ? AS removed_at",
                [[crm, kind, record_id, why, successor, at] for kind, record_id, why, successor in gone],
            )
            bury(connection, "found_gone", now)
            connection.execute("DROP TABLE found_gone")


def take_over(connection: duckdb.DuckDBPyConnection, fence: int) -> None:
    """Have the records hold what was noted as accepted, and forget the notes, some at a time. Raises `LeaseLost`.

    What was written is newer in the CRM than the version we read, and is marked so by the least step of time: should
    the old version come once more, from a search index that lags, it does not undo what is taken over here.
    """
    if not _is_noted(connection):
        return
    values = ", ".join(
        f"CASE WHEN {quoted(WRITE + name)} THEN {quoted(DESIRED + name)}::VARCHAR "
        f"ELSE {quoted(OBSERVED_PREFIX + name)} END AS {quoted(OBSERVED_PREFIX + name)}"
        for name in names_planned(connection)
    )
    highest = connection.execute("SELECT crm, max(tag) FROM store.accepted GROUP BY crm ORDER BY crm").fetchall()
    for crm, last in highest:
        for first in range(0, last + 1, PART):
            part = f"crm = '{crm}' AND tag BETWEEN {first} AND {first + PART - 1}"
            with transaction(connection, fence):
                # An UPDATE of so many texts, in an order that is not the table's, takes twenty times as long.
                connection.execute(f"""
                    CREATE OR REPLACE TEMP TABLE written AS
                    SELECT records.* REPLACE ({values}, coalesce(crm_stage, stage) AS stage,
                        {WRITTEN_AFTER} AS modified_at)
                    FROM store.records JOIN (
                        FROM store.plan SEMI JOIN (FROM store.accepted WHERE {part}) USING (crm, tag) WHERE {part}
                    ) sent USING (crm, record_id);
                    DELETE FROM store.records WHERE (crm, record_id) IN (SELECT crm, record_id FROM written);
                    INSERT INTO store.records BY NAME FROM written;
                    DELETE FROM store.accepted WHERE {part};
                    DROP TABLE written;
                """)
    with transaction(connection, fence):
        connection.execute("DROP TABLE store.accepted")


def _is_noted(connection: duckdb.DuckDBPyConnection) -> bool:
    tables = "FROM duckdb_tables() WHERE schema_name = 'store' AND table_name = 'accepted'"
    return bool(connection.execute(f"SELECT count(*) {tables}").fetchall()[0][0])
