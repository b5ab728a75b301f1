"""A plan in a file, as JSON lines: out of ``store.plan``, and back into it.

A line has what a row of ``store.plan`` has, and beside it what the record held and which version it was then.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from scoring.facts import OBSERVED_PREFIX, OUTPUT_BY_NAME, Removed
from sync.mirror import plan
from sync.mirror.store import transaction
from sync.mirror.tables import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    import duckdb

    from sync.mirror.plan import Planned, RefusedRow

MOVED: Final = "moved since the plan"
GONE: Final = "gone since the plan"
HELD_ALREADY: Final = "holds it already"

_COLUMNS: Final = {
    "tag": "BIGINT", "crm": "VARCHAR", "kind": "VARCHAR", "record_id": "VARCHAR", "account_id": "VARCHAR",
    "crossing": "BOOLEAN", "why": "VARCHAR", "stage_since": "TIMESTAMP", "crm_stage": "VARCHAR",
    "crm_stage_seen": "VARCHAR", "crm_stage_back": "BOOLEAN", "values_hash": "VARCHAR", "quiet": "BOOLEAN",
}  # fmt: skip
"""Of ``store.plan``; ``version`` and a column ``now.<field>`` per field are the record's."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A plan that was read back: counts per CRM, and the records that moved, such as ``hubspot:51``."""

    planned: list[Planned]
    moved: list[str]


def dump(connection: duckdb.DuckDBPyConnection, path: Path) -> list[str]:
    """Write the rows of ``store.plan`` that are to be sent, in that order; the fields that they have."""
    fields = plan.names_planned(connection)
    columns = [f"plan.{name}" for name in _COLUMNS]
    columns += [f"plan.{quoted(part + name)}" for name in fields for part in (plan.DESIRED, plan.WRITE)]
    columns += [f"records.{quoted(OBSERVED_PREFIX + name)} AS {quoted('now.' + name)}" for name in fields]
    connection.execute(f"""
        COPY (
            SELECT {", ".join(columns)}, records.modified_at AS version
            FROM store.plan JOIN store.records USING (crm, record_id, kind)
            WHERE held IS NULL ORDER BY plan.crm, plan.tag
        ) TO '{str(path).replace("'", "''")}' (FORMAT json)
    """)
    return fields


def take(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    *,
    fields: Sequence[str],
    refused: Iterable[Sequence[RefusedRow]],
    fence: int,
) -> Taken:
    """Make ``store.plan`` of the file's rows. Raises `LeaseLost`.

    Held back are rows that were refused before, those whose record holds the values already (an earlier attempt sent
    them), those whose record was deleted (an earlier attempt may have found that out), and those whose record has
    moved: another version, other values in our fields, or now part of another record.
    """
    plan.load_refused(connection, refused)
    types = {name: plan.SQL_TYPES[OUTPUT_BY_NAME[name].type] for name in fields}
    columns = _COLUMNS | {"version": "TIMESTAMP"}
    for name, sql_type in types.items():
        columns |= {plan.DESIRED + name: sql_type, plan.WRITE + name: "BOOLEAN", "now." + name: "VARCHAR"}
    given = "{" + ", ".join(f"'{name}': '{sql_type}'" for name, sql_type in columns.items()) + "}"
    lacks = " OR ".join(f"({quoted(plan.WRITE + name)} AND {plan.differs(OUTPUT_BY_NAME[name])})" for name in fields)
    same = " AND ".join(
        f"{quoted(OBSERVED_PREFIX + name)} IS NOT DISTINCT FROM {quoted('now.' + name)}" for name in fields
    )
    observed = ", ".join(quoted(OBSERVED_PREFIX + name) for name in fields)
    now = [quoted("now." + name) for name in fields]
    beside = ", ".join(["version", "found", "gone", "standing", "modified_at", *now])
    with transaction(connection, fence):
        connection.execute("DROP TABLE IF EXISTS store.drafts")
    # A version that we set ourselves after a write (`acknowledged`) is read as another one: then the values decide.
    connection.execute(
        f"""
        CREATE TABLE store.drafts AS
        WITH saved AS (
            FROM read_json($file, format = 'newline_delimited', columns = {given}) WHERE record_id IS NOT NULL
        ), compared AS (
            SELECT saved.*, {observed}, records.kind IS NOT NULL AND removed IS NULL AS found,
                removed IN ('{Removed.DELETED}', '{Removed.ERASED}') AS gone,
                nullif(trim(records.stage), '') AS standing, records.modified_at
            FROM saved LEFT JOIN store.records USING (crm, record_id, kind)
        )
        SELECT compared.* EXCLUDE (tag, {beside}, {observed}), CASE
            WHEN gone THEN '{GONE}'
            WHEN found AND NOT ({lacks}) AND (crm_stage IS NULL OR crm_stage = standing) THEN '{HELD_ALREADY}'
            WHEN found AND {same} AND (crm_stage IS NULL OR standing IS NOT DISTINCT FROM crm_stage_seen)
                AND (modified_at = version OR version <> date_trunc('millisecond', version))
                THEN CASE WHEN refusals.record_id IS NOT NULL THEN '{plan.REFUSED_BEFORE}' END
            ELSE '{MOVED}' END AS held
        FROM compared LEFT JOIN refusals USING (crm, record_id, values_hash)
        """,
        {"file": str(path)},
    )
    plan.put_in_order(connection)
    moved = connection.execute(
        f"SELECT crm || ':' || record_id FROM store.plan WHERE held = '{MOVED}' ORDER BY crm, tag"
    ).fetchall()
    return Taken(plan.counts(connection, "store.plan"), [record for (record,) in moved])
