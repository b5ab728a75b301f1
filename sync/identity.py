"""Who is who: records of both CRMs grouped into people.

Records are one person when they share an e-mail address, when one names the other (cross-CRM link, conversion), or
when one was merged into the other. Deleted and erased records, and those that they had taken in, unite nobody and
belong to nobody.

Grouping does not depend on the order of records: a person's number is that of the first of its records by
(crm, record id), and is good for one connection only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sync.mirror import normal, summary

if TYPE_CHECKING:
    import duckdb

SHARED_MAILBOXES: Final = (
    "abuse", "admin", "do-not-reply", "donotreply", "info", "mailer-daemon", "na", "no-reply", "none", "noreply",
    "office", "postmaster", "sales", "support", "test", "unknown", "webmaster",
)  # fmt: skip
"""Local parts that many people share or that stand for "no address"; RFC 2142 role names and usual placeholders.

The list is short on purpose: a shared mailbox taken for a person mixes strangers, a person taken for a shared mailbox
is merely counted twice.
"""

_ALIVE: Final = "coalesce(removed, 'live') IN ('live', 'merged', 'converted')"


def resolve(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the temporary table ``identities(crm, record_id, person BIGINT)``.

    It has every record that is live, merged or converted, and ids that only a merge or a link mentions.
    """
    _nodes(connection)
    _edges(connection)
    unite(connection)
    connection.execute("""
        CREATE OR REPLACE TEMP TABLE identities AS
        SELECT crm, record_id, coalesce(label, node) AS person
        FROM nodes LEFT JOIN labels USING (node) WHERE node NOT IN (FROM dead);
        DROP TABLE nodes; DROP TABLE dead; DROP TABLE edges; DROP TABLE labels;
    """)


def _nodes(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE gone AS
        WITH RECURSIVE told AS (
            SELECT crm, record_id, successor_id, removed IN ('merged', 'converted') AS lives_on
            FROM store.removals WHERE kind IN ('contact', 'lead')
        ), gone AS (
            (SELECT crm, record_id FROM store.records WHERE NOT {_ALIVE}
             UNION SELECT crm, record_id FROM told WHERE NOT lives_on)
            UNION
            SELECT told.crm, told.record_id FROM told
            JOIN gone ON gone.crm = told.crm AND gone.record_id = told.successor_id WHERE lives_on
        )
        FROM gone
    """)
    connection.execute("""
        CREATE OR REPLACE TEMP TABLE links AS
        SELECT crm, record_id, split_part(link, ':', 1) AS other_crm, substr(link, instr(link, ':') + 1) AS other_id
        FROM (SELECT crm, record_id, unnest(links) AS link FROM store.records ANTI JOIN gone USING (crm, record_id))
        WHERE link LIKE '%_:_%'
        UNION
        SELECT crm, record_id, crm, successor_id FROM store.removals
        WHERE kind IN ('contact', 'lead') AND removed IN ('merged', 'converted') AND successor_id IS NOT NULL
    """)
    connection.execute("""
        CREATE OR REPLACE TEMP TABLE nodes AS
        SELECT crm, record_id, row_number() OVER (ORDER BY crm, record_id) AS node FROM (
            SELECT crm, record_id FROM store.records
            UNION SELECT crm, record_id FROM links UNION SELECT other_crm, other_id FROM links);
        CREATE OR REPLACE TEMP TABLE dead AS SELECT node FROM nodes JOIN gone USING (crm, record_id);
        DROP TABLE gone;
    """)


def _edges(connection: duckdb.DuckDBPyConnection) -> None:
    """Links as they are; a shared address as a star around its first record, so that edges stay as few as records."""
    shared = ", ".join(f"'{name}'" for name in SHARED_MAILBOXES)
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE edges AS
        WITH addressed AS (
            SELECT node, {normal.email("email")} AS address
            FROM store.records JOIN nodes USING (crm, record_id) WHERE node NOT IN (FROM dead)
        ), stars AS (
            SELECT node AS a, min(node) OVER (PARTITION BY address) AS b FROM addressed
            WHERE address IS NOT NULL AND split_part(address, '@', 1) NOT IN ({shared})
        )
        SELECT a, b FROM stars WHERE a <> b
        UNION
        SELECT here.node, there.node FROM links
        JOIN nodes here ON here.crm = links.crm AND here.record_id = links.record_id
        JOIN nodes there ON there.crm = other_crm AND there.record_id = other_id
        WHERE here.node <> there.node AND here.node NOT IN (FROM dead) AND there.node NOT IN (FROM dead);
        DROP TABLE links;
    """)


def unite(connection: duckdb.DuckDBPyConnection) -> None:
    """Make ``labels(node, label)`` from ``edges(a, b)``: the least node of each connected component.

    In each round every component hooks itself to the least neighbouring one, and chains of hooks are halved until
    they are flat, so that even a path of n nodes takes about log n rounds.
    """
    connection.execute("""
        CREATE OR REPLACE TEMP TABLE labels AS
        SELECT DISTINCT node, node AS label FROM (SELECT a AS node FROM edges UNION ALL SELECT b FROM edges)
    """)
    while True:
        connection.execute("""
            CREATE OR REPLACE TEMP TABLE hooks AS
            SELECT greatest(la.label, lb.label) AS label, min(least(la.label, lb.label)) AS low
            FROM edges JOIN labels la ON la.node = a JOIN labels lb ON lb.node = b
            WHERE la.label <> lb.label GROUP BY 1
        """)
        if not summary.count(connection, "hooks"):
            break
        while summary.count(connection, "hooks JOIN hooks lower ON hooks.low = lower.label"):
            connection.execute("""
                CREATE OR REPLACE TEMP TABLE hooks AS
                SELECT hooks.label, coalesce(lower.low, hooks.low) AS low
                FROM hooks LEFT JOIN hooks lower ON hooks.low = lower.label
            """)
        connection.execute("UPDATE labels SET label = hooks.low FROM hooks WHERE hooks.label = labels.label")
    connection.execute("DROP TABLE hooks")
