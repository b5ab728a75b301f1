"""Product affinity: which product people look into, and what to send them next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from scoring import sql
from scoring.beside import SUFFIX
from scoring.events import put
from scoring.ledger import rule_lines, settling_lines

if TYPE_CHECKING:
    from config.model_special import Affinity


def judge(con: Any, affinity: Affinity) -> None:
    """Create `affinity_scores` and `affinity_best` from the tallied rules.

    `affinity_scores` (person, product, axis, raw, score): product is its place in the model. `affinity_best` (person,
    product, score, share, content): the highest score, the first in the model among equals; null product below the
    threshold; share in percent of all; content the place of the first that they have not seen.
    """
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE affinity_scores AS
        SELECT *, {sql.whole_points(sql.clamped("raw"))} AS score
        FROM (SELECT c.person, b.part AS product, b.axis, CAST(SUM(c.capped) AS BIGINT) AS raw
              FROM contributions{SUFFIX} c JOIN beside_rules b ON b.rule = c.rule
              WHERE b.section = 'affinity' GROUP BY c.person, b.part, b.axis)
        """
    )
    named = f"score >= {sql.number(affinity.at_least)}"
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE affinity_best AS
        WITH best AS (
            SELECT person, CASE WHEN {named} THEN product END AS product, score,
                   CASE WHEN {named} THEN CAST((200 * score + everything) // (2 * everything) AS INTEGER) END AS share
            FROM (SELECT person, product, score,
                         CAST(SUM(score) OVER (PARTITION BY person) AS BIGINT) AS everything,
                         ROW_NUMBER() OVER (PARTITION BY person ORDER BY score DESC, product) AS place
                  FROM affinity_scores WHERE score > 0)
            WHERE place = 1
        ), unseen AS (
            SELECT best.person, MIN(b.place) AS content
            FROM best JOIN beside_rules b ON b.section = 'content' AND b.part = best.product
            LEFT JOIN (SELECT person, rule FROM contributions{SUFFIX} WHERE nominal <> 0) c
                ON c.person = best.person AND c.rule = b.rule
            WHERE c.rule IS NULL
            GROUP BY best.person
        )
        SELECT best.*, unseen.content FROM best LEFT JOIN unseen ON unseen.person = best.person
        """
    )
    contents = [
        (number, place, content.name)
        for number, product in enumerate(affinity.products)
        for place, content in enumerate(product.content)
    ]
    names = {
        "product": pa.array([row[0] for row in contents], pa.int32()),
        "place": pa.array([row[1] for row in contents], pa.int32()),
        "name": pa.array([row[2] for row in contents], pa.string()),
    }
    put(con, "affinity_contents", pa.table(names))


def columns(affinity: Affinity) -> dict[str, str]:
    """The columns of `scores`, from `affinity_best` as ``aff`` and `affinity_contents` as ``send``."""
    return {
        "affinity_score": "CAST(aff.score AS INTEGER)",
        "product": sql.labels("aff.product", [product.name for product in affinity.products]),
        "product_share": "aff.share",
        "next_content": "send.name",
    }


JOIN: Final = (
    "LEFT JOIN affinity_best aff ON aff.person = s.person "
    "LEFT JOIN affinity_contents send ON send.product = aff.product AND send.place = aff.content"
)


def lines() -> list[str]:
    """The lines of the ledger: an axis for each product."""
    rules = rule_lines("t.axis", f"contributions{SUFFIX}", "(SELECT * FROM beside_rules WHERE section = 'affinity')")
    return [*rules, *settling_lines("axis", "affinity_scores", "raw", "score")]
