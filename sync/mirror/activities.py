"""Activities in star form: two dictionaries (whose it is, what it was) and a narrow table of facts.

Rules are decided once per signature, of which there are thousands, instead of once per event, of which there are
millions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from config.model_values import MOST_TIMES
from sync.mirror import normal, past
from sync.mirror.tables import last_of

if TYPE_CHECKING:
    from datetime import datetime

    import duckdb

# \x1f cannot stand in any of the parts, so different signatures never share a text.
_SIGNATURE_TEXT: Final = "type, '\x1f', url, '\x1f', asset, '\x1f', campaign, '\x1f', user_agent"
DICTIONARY_KEYS: Final = (
    "md5_number_lower(concat(crm, coalesce(' id ' || record_id, ' mail ' || email))) AS owner_key, "
    f"md5_number_lower(concat({_SIGNATURE_TEXT})) AS signature_key"
)
"""SQL: under which keys an activity's owner and signature stand in the dictionaries."""

_SAME_FACT: Final = " AND ".join(
    f"seen.{column} IS NOT DISTINCT FROM known.{column}"
    for column in ("owner", "signature", "occurred_at", "count", "duration_s", "since_send_s", "flagged_machine")
)


def activity_key(crm: str, activity_id: str) -> str:
    """SQL for the number under which an activity is stored; arguments are SQL expressions."""
    return f"md5_number_lower({crm} || ':' || {activity_id})"


def is_count(column: str) -> str:
    """SQL: whether a number can be one of events; true where it is null."""
    return f"coalesce({column} BETWEEN 0 AND {MOST_TIMES}, true)"


def store(connection: duckdb.DuckDBPyConnection, now: datetime) -> None:
    """Upsert the activities of relation `batch`.

    An activity that is read again keeps the time at which it was first seen. Those of one source come together: what
    it gave before and gives no more (somebody was unlinked from a call) goes. Rows that belong to nobody (neither a
    record nor a valid address), and rows without type or time, cannot move a score and are left out. One whose number
    of events is unknown, or cannot be one, is one event.
    """
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE incoming AS
        SELECT *, {DICTIONARY_KEYS}
        FROM (
            SELECT {activity_key("crm", "activity_id")} AS activity, crm, nullif(record_id, '') AS record_id,
                {normal.email("email")} AS email, type, {normal.url("url")} AS url, nullif(asset, '') AS asset,
                nullif(campaign, '') AS campaign, nullif(user_agent, '') AS user_agent, occurred_at, seen_at,
                coalesce(CASE WHEN {is_count("count")} THEN count END, 1)::INTEGER AS count,
                duration_s, since_send_s, flagged_machine,
                {activity_key("crm", "source_id")} AS source
            FROM batch WHERE {last_of("crm, activity_id", "batch")}
        )
        WHERE coalesce(record_id, email) IS NOT NULL AND type IS NOT NULL AND occurred_at IS NOT NULL
    """)
    file(connection, now)


def file(connection: duckdb.DuckDBPyConnection, now: datetime) -> None:
    """Upsert the activities of relation `incoming`, one row each, which is dropped: as `store` makes it."""
    connection.execute("""
        INSERT INTO store.owners
        SELECT (SELECT coalesce(max(owner), 0) FROM store.owners) + row_number() OVER (ORDER BY owner_key),
            owner_key, any_value(crm), any_value(record_id),
            CASE WHEN any_value(record_id) IS NULL THEN any_value(email) END
        FROM incoming WHERE owner_key NOT IN (SELECT key FROM store.owners) GROUP BY owner_key
    """)
    connection.execute("""
        INSERT INTO store.signatures
        SELECT (SELECT coalesce(max(signature), 0) FROM store.signatures) + row_number() OVER (ORDER BY signature_key),
            signature_key, any_value(type), any_value(url), any_value(asset), any_value(campaign), any_value(user_agent)
        FROM incoming WHERE signature_key NOT IN (SELECT key FROM store.signatures) GROUP BY signature_key
    """)
    connection.execute("""
        CREATE OR REPLACE TEMP TABLE seen AS
        SELECT activity, owner, signature, occurred_at, seen_at, count, duration_s, since_send_s, flagged_machine,
            source, NULL::TIMESTAMP AS known_from
        FROM incoming
        JOIN store.owners ON owners.key = owner_key
        JOIN store.signatures ON signatures.key = signature_key
    """)
    lost = (
        "source IN (SELECT source FROM seen WHERE source IS NOT NULL) AND activity NOT IN (SELECT activity FROM seen)"
    )
    past.remove(connection, "facts", lost, now)
    _replace_changed(connection, now)
    connection.execute("DROP TABLE incoming; DROP TABLE seen;")


def _replace_changed(connection: duckdb.DuckDBPyConnection, now: datetime) -> None:
    """Put `seen` in place of what is stored, touching only what is new or different."""
    connection.execute("""
        CREATE OR REPLACE TEMP TABLE known AS
        SELECT * FROM store.facts WHERE activity IN (SELECT activity FROM seen)
    """)
    if connection.execute("SELECT count(*) FROM known").fetchall()[0][0]:
        changed = "activity IN (SELECT activity FROM seen INTERSECT SELECT activity FROM known)"
        connection.execute(f"DELETE FROM seen USING known WHERE seen.activity = known.activity AND {_SAME_FACT}")
        connection.execute(
            "UPDATE seen SET seen_at = known.seen_at, known_from = $now FROM known "
            "WHERE seen.activity = known.activity",
            {"now": now.replace(tzinfo=None)},
        )
        past.remove(connection, "facts", changed, now)
    connection.execute("INSERT INTO store.facts SELECT * FROM seen")
    connection.execute("DROP TABLE known")
