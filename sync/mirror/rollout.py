"""A staged roll-out: who is left out of a share of the people, always the same ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import duckdb

_LAST_DAY: Final = "TIMESTAMP '9999-12-31'"


def leave_out(connection: duckdb.DuckDBPyConnection, share: float) -> None:
    """Make the table ``outsiders`` (person): those who are not in the `share` (0 to 1); needs ``identities``.

    A person's place follows from the id of their oldest record, live or not, so it stays when a record is added or
    merged, and every share has in it all people of a smaller one.
    """
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE outsiders AS
        SELECT person FROM (
            SELECT person, min(strftime(coalesce(created_at, {_LAST_DAY}), '%Y%m%d%H%M%S') || crm || ':' || record_id)
                AS oldest
            FROM identities JOIN store.records USING (crm, record_id)
            WHERE $share < 1 GROUP BY person
        )
        WHERE ('0x' || left(md5(substr(oldest, 15)), 8))::UBIGINT >= $share * 4294967296
        """,
        {"share": share},
    )
