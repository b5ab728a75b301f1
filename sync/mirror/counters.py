"""Counters become activities, in the transaction that stores the counter: no event is lost or counted twice.

At first sight the total is spread between the first and the last date; later only the increase is an activity, dated
by the last date. Which activities a counter gives is a function of (total before, total now, first date, last date)
alone.

When a CRM merges two records, the survivor's counters take in those of the other. What the mirror already knows of
the other's total is therefore no increase of the survivor: its activities follow it anyway.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sync.mirror import activities
from sync.mirror.tables import last_of

if TYPE_CHECKING:
    from datetime import datetime

    import duckdb

MAX_SLOTS: Final = 60
"""At most so many activities stand for one counter at first sight; each carries its part of the total."""


def spread(relation: str) -> str:
    """SQL: one row per activity of a counter.

    `relation` has crm, record_id, type, before (null at first sight), total, first_at, last_at; what else it has is
    passed on. The k slots lie evenly from the first date to the last, both included; k is the total, the number of
    days, or `MAX_SLOTS`, whichever is least. Slots differ by one at most, later ones hold the remainder, and together
    they hold the total.
    """
    return f"""
        WITH increases AS (
            SELECT *, greatest(total - coalesce(before, 0), 0) AS rise,
                least(coalesce(first_at, last_at), last_at) AS begin
            FROM {relation}
        ), sized AS (
            SELECT *, CASE WHEN before IS NULL
                THEN least(rise, date_diff('day', begin::DATE, last_at::DATE) + 1, {MAX_SLOTS}) ELSE 1 END AS slots
            FROM increases WHERE rise > 0 AND last_at IS NOT NULL
        ), slotted AS (
            SELECT *, unnest(generate_series(0, slots - 1)) AS slot FROM sized
        )
        SELECT * EXCLUDE (before, total, first_at, last_at, rise, begin, slots, slot),
            concat_ws(':', 'counter', record_id, type, total, epoch_us(last_at), slot) AS activity_id,
            CASE WHEN slots = 1 THEN last_at ELSE begin + to_microseconds(
                ((epoch_us(last_at) - epoch_us(begin)) * slot) // (slots - 1)) END AS occurred_at,
            rise // slots + CASE WHEN slot >= slots - rise % slots THEN 1 ELSE 0 END AS count
        FROM slotted
    """


def store(connection: duckdb.DuckDBPyConnection, now: datetime) -> None:
    """Upsert the counters of relation `batch` and store the activities they stand for.

    A total that cannot be one says nothing: what was known of that counter stays.
    """
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE counted AS
        WITH possible AS (FROM batch WHERE {activities.is_count("total")})
        SELECT crm, record_id, type, coalesce(total, 0) AS total, first_at, last_at, seen_at FROM possible
        WHERE {last_of("crm, record_id, type", "possible")}
    """)
    connection.execute("""
        CREATE OR REPLACE TEMP TABLE absorbed AS
        SELECT DISTINCT c.crm, c.record_id AS survivor_id, other_id AS record_id
        FROM (SELECT DISTINCT crm, record_id FROM counted) c JOIN (
            SELECT crm, record_id AS survivor_id, substr(link, length(crm) + 2) AS other_id
            FROM (SELECT crm, record_id, unnest(links) AS link FROM store.records)
            WHERE starts_with(link, crm || ':')
            UNION SELECT crm, successor_id, record_id FROM store.removals WHERE removed = 'merged'
        ) merges ON merges.crm = c.crm AND merges.survivor_id = c.record_id
        WHERE other_id <> c.record_id
    """)
    connection.execute("""
        CREATE OR REPLACE TEMP TABLE counting AS
        SELECT counted.*, known.before FROM counted LEFT JOIN (
            SELECT crm, record_id, type, sum(total)::BIGINT AS before FROM (
                SELECT crm, record_id, type, total FROM store.counters
                UNION ALL
                SELECT crm, survivor_id, type, total FROM store.counters JOIN absorbed USING (crm, record_id)
            ) GROUP BY crm, record_id, type
        ) known USING (crm, record_id, type)
    """)
    # The keys of the dictionaries are made per counter: there are several activities to each.
    connection.execute(f"""
        CREATE OR REPLACE TEMP VIEW keyed AS
        SELECT *, {activities.DICTIONARY_KEYS} FROM (
            SELECT *, NULL::VARCHAR AS email, NULL::VARCHAR AS url, NULL::VARCHAR AS asset, NULL::VARCHAR AS campaign,
                NULL::VARCHAR AS user_agent
            FROM counting WHERE record_id <> ''
        )
    """)
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE incoming AS
        SELECT * REPLACE (count::INTEGER AS count), {activities.activity_key("crm", "activity_id")} AS activity,
            NULL::DOUBLE AS duration_s, NULL::DOUBLE AS since_send_s, NULL::BOOLEAN AS flagged_machine,
            NULL::UBIGINT AS source
        FROM ({spread("keyed")})
    """)
    activities.file(connection, now)
    connection.execute("""
        DELETE FROM store.counters WHERE (crm, record_id, type) IN (SELECT crm, record_id, type FROM counting);
        DELETE FROM store.counters WHERE (crm, record_id, type) IN (
            SELECT absorbed.crm, absorbed.record_id, type FROM counting
            JOIN absorbed ON absorbed.crm = counting.crm AND absorbed.survivor_id = counting.record_id);
        INSERT INTO store.counters SELECT crm, record_id, type, total FROM counting;
    """)
    connection.execute("DROP VIEW keyed")
    for table in ("counted", "absorbed", "counting"):
        connection.execute(f"DROP TABLE {table}")
