"""Figures for the end-of-run record, from the relations of `sync.mirror.views` and the engine's ``scores``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from connectors.base import CRM_STAGE
from scoring.facts import OBSERVED_PREFIX
from sync.mirror import plan
from sync.mirror.tables import quoted
from sync.report import Conversion, Move, Shift, TopPerson

if TYPE_CHECKING:
    import duckdb

CUSTOMER_STAGES: Final = ("customer", "evangelist")
"""Record stages of people who have bought, in lower case."""


@dataclass(frozen=True, slots=True)
class Crowd:
    """How many people there are, and how many of those already rated would change rating or stage."""

    people: int
    in_both: int
    rated: int
    changing: int


def count(connection: duckdb.DuckDBPyConnection, relation: str) -> int:
    """Rows of a relation."""
    rows: int = connection.execute(f"SELECT count(*) FROM {relation}").fetchall()[0][0]
    return rows


def crowd(connection: duckdb.DuckDBPyConnection) -> Crowd:
    """Count the people; needs ``store.plan`` of this run and ``to_send``. First ratings are no changes."""
    people, in_both = connection.execute("""
        SELECT count(*), count(*) FILTER (crms > 1)
        FROM (SELECT count(DISTINCT crm) AS crms FROM members GROUP BY person)
    """).fetchall()[0]
    rated, changing = connection.execute("""
        SELECT count(DISTINCT person), count(DISTINCT person) FILTER (
            coalesce("write.rating", false) OR (coalesce("write.stage", false) AND trim("observed.stage") <> '')
            OR crm_stage IS NOT NULL)
        FROM members JOIN store.records USING (crm, record_id)
        LEFT JOIN (SELECT crm, record_id, "write.rating", "write.stage", crm_stage FROM to_send)
            USING (crm, record_id)
        WHERE trim("observed.rating") <> ''
    """).fetchall()[0]
    return Crowd(people, in_both, rated, changing)


def top(connection: duckdb.DuckDBPyConnection, most: int = 10) -> list[TopPerson]:
    """The best-rated people; equals are ordered by engagement, fit, then record id."""
    rows = connection.execute(f"""
        WITH best AS (
            SELECT * FROM scores WHERE rating IS NOT NULL
            ORDER BY rating_rank, engagement_score DESC, fit_score DESC, person LIMIT {most}
        )
        SELECT list(crm || ':' || record_id ORDER BY place), any_value(rating), any_value(stage), any_value(trend),
            any_value(fit_score), any_value(engagement_score), any_value(reasons)
        FROM best JOIN members USING (person)
        GROUP BY person
        ORDER BY any_value(rating_rank), any_value(engagement_score) DESC, any_value(fit_score) DESC, person
    """).fetchall()
    return [
        TopPerson(
            records=records, rating=rating, stage=stage, trend=trend, fit_score=fit, engagement_score=engagement,
            reasons=reasons,
        )
        for records, rating, stage, trend, fit, engagement, reasons in rows
    ]  # fmt: skip


def moves(connection: duckdb.DuckDBPyConnection, *, first: int | None = None, most: int = 10) -> list[Move]:
    """A sample of ``store.plan``: records whose known rating or stage changes, then other crossings, then the rest.

    With `first`, of so many records alone that are sent first in each CRM.
    """
    names = plan.names_planned(connection)
    now = ", ".join([*(quoted(OBSERVED_PREFIX + name) for name in names), "crm_stage_seen"])
    then = ", ".join([*(f"{quoted(plan.DESIRED + name)}::VARCHAR" for name in names), "crm_stage"])
    differs = ", ".join([*(quoted(plan.WRITE + name) for name in names), "crm_stage IS NOT NULL"])
    names.append(CRM_STAGE)
    rows = connection.execute(f"""
        SELECT crm || ':' || record_id, crossing, why, [{now}], [{then}], [{differs}]
        FROM store.plan JOIN store.records USING (crm, record_id)
        WHERE {"true" if first is None else f"tag <= {first}"}
        ORDER BY crossing AND trim("observed.rating") <> '' DESC NULLS LAST, crossing DESC, crm, tag LIMIT {most}
    """).fetchall()
    return [
        Move(
            record=record,
            crossing=crossing,
            why=why,
            now={name: value for name, value, write in zip(names, before, moved, strict=True) if write},
            then={name: value for name, value, write in zip(names, after, moved, strict=True) if write},
        )
        for record, crossing, why, before, after, moved in rows
    ]


def shifts(connection: duckdb.DuckDBPyConnection, *, most: int = 40) -> list[Shift]:
    """How many records of ``to_send`` go from which rating, stage and own stage of the CRM to which."""
    rows = connection.execute(f"""
        WITH planned AS (FROM to_send JOIN store.records USING (crm, record_id)), told AS (
            SELECT 'rating' AS field, nullif(trim("observed.rating"), '') AS held, "desired.rating" AS wanted
            FROM planned WHERE "write.rating"
            UNION ALL
            SELECT 'stage', nullif(trim("observed.stage"), ''), "desired.stage" FROM planned WHERE "write.stage"
            UNION ALL
            SELECT '{CRM_STAGE}', crm_stage_seen, crm_stage FROM planned WHERE crm_stage IS NOT NULL
        )
        SELECT field, held, wanted, count(*) FROM told GROUP BY ALL ORDER BY 4 DESC, 1, 2, 3 LIMIT {most}
    """).fetchall()
    return [Shift(field=field, now=held, then=wanted, records=records) for field, held, wanted, records in rows]


def conversions(connection: duckdb.DuckDBPyConnection) -> list[Conversion]:
    """Per rating, best first, how many people are customers, won a deal or were converted from a lead."""
    stages = ", ".join(f"'{stage}'" for stage in CUSTOMER_STAGES)
    rows = connection.execute(f"""
        WITH converted AS (
            SELECT person FROM identities JOIN store.records USING (crm, record_id)
            WHERE removed = 'converted' OR (removed IS NULL AND lower(trim(records.stage)) IN ({stages}))
            UNION SELECT person FROM identities JOIN store.removals USING (crm, record_id) WHERE removed = 'converted'
            UNION SELECT person FROM deals WHERE is_won
        )
        SELECT rating, count(*), count(converted.person)
        FROM scores LEFT JOIN converted USING (person)
        WHERE rating IS NOT NULL GROUP BY rating ORDER BY min(rating_rank), rating
    """).fetchall()
    return [Conversion(rating=rating, people=people, converted=converted) for rating, people, converted in rows]
