"""Numbers that the guards go by: what each CRM has given, and how much a run would write for the first time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scoring.facts import ATTRIBUTE_PREFIX, OBSERVED_PREFIX, OUTPUT_FIELDS, Table
from sync.mirror.tables import quoted, typed_columns
from sync.report import Source

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import duckdb

    from config.attributes import AttributeType
    from sync.report import Pulled


@dataclass(frozen=True, slots=True)
class FirstTime:
    """Of the live records of one CRM, how many hold none of our fields and are about to be written."""

    crm: str
    records: int
    first: int


def count_sources(
    connection: duckdb.DuckDBPyConnection, *, types: Mapping[str, AttributeType], pulled: Iterable[Pulled]
) -> list[Source]:
    """What each CRM has given so far, in the order of their names; `pulled` is what this run read."""
    denied: dict[str, list[str]] = {}
    for stream in pulled:
        if stream.denied:
            denied.setdefault(stream.crm, []).append(stream.stream)
    known = _known(connection, types)
    gone = dict(
        connection.execute("""
            SELECT crm, count(*) FROM store.removals
            WHERE kind IN ('contact', 'lead') AND removed IN ('deleted', 'erased') GROUP BY crm
        """).fetchall()
    )
    live = dict(
        connection.execute("SELECT crm, count(*) FROM store.records WHERE removed IS NULL GROUP BY crm").fetchall()
    )
    streams: dict[str, dict[str, int]] = {}
    for crm, stream, rows in connection.execute(
        "SELECT crm, stream, rows FROM store.cursors ORDER BY crm, stream"
    ).fetchall():
        streams.setdefault(crm, {})[stream] = rows
    return [
        Source(
            crm=crm,
            live=live.get(crm, 0),
            gone=gone.get(crm, 0),
            streams=streams.get(crm, {}),
            denied=sorted(denied.get(crm, [])),
            known=known.get(crm, {}),
        )
        for crm in sorted({*live, *gone, *streams, *denied})
    ]


def _known(connection: duckdb.DuckDBPyConnection, types: Mapping[str, AttributeType]) -> dict[str, dict[str, int]]:
    """Per CRM and attribute, live records and companies that have a value."""
    found: dict[str, dict[str, int]] = {}
    for table, live in ((Table.RECORDS, "removed IS NULL"), (Table.ACCOUNTS, "true")):
        names = [name for name in typed_columns(table, types) if name.startswith(ATTRIBUTE_PREFIX)]
        counts = ", ".join(f"count({quoted(name)})" for name in names)
        rows = connection.execute(f"SELECT crm, {counts} FROM store.{table} WHERE {live} GROUP BY crm").fetchall()
        for crm, *values in rows if names else ():
            here = found.setdefault(crm, {})
            for name, value in zip(names, values, strict=True):
                attribute = name.removeprefix(ATTRIBUTE_PREFIX)
                here[attribute] = here.get(attribute, 0) + value
    return found


def to_send(connection: duckdb.DuckDBPyConnection, limit: int | None) -> None:
    """Make the view ``to_send``: the rows of ``store.plan`` that this run would send."""
    first = "true" if limit is None else f"tag <= {limit}"
    connection.execute(f"CREATE OR REPLACE TEMP VIEW to_send AS FROM store.plan WHERE held IS NULL AND {first}")


def first_time(connection: duckdb.DuckDBPyConnection) -> list[FirstTime]:
    """Records written for the first time, per CRM; needs ``members`` and ``to_send``."""
    empty = " AND ".join(f"nullif(trim({quoted(OBSERVED_PREFIX + field.name)}), '') IS NULL" for field in OUTPUT_FIELDS)
    return [
        FirstTime(*row)
        for row in connection.execute(f"""
            SELECT crm, count(*), count(planned.record_id)
            FROM members LEFT JOIN (
                SELECT crm, record_id FROM to_send JOIN store.records USING (crm, record_id) WHERE {empty}
            ) planned USING (crm, record_id)
            GROUP BY crm ORDER BY crm
        """).fetchall()
    ]
