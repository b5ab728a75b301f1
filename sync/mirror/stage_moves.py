"""Which records' own stage in the CRM is to move: the table ``stage_moves`` of this connection.

The rules, in this order:

- a stage is written only where the model's has one in the CRM, and only one that a transition leads to;
- an empty stage is filled;
- a stage that is not the one we gave last was set by somebody else and stays. Where we have given none yet, whatever
  stands there is taken as the start;
- a stage that no rung names (customers, disqualified leads ...) stays;
- a later stage is written; an earlier one only where going back is wanted, and only from a stage that we gave.

A hold ends by itself once the record holds what we would have given: from then on it counts as given by us.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from sync.mirror import views

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import duckdb

GivenCrmStage = tuple[str, str, str]
"""crm, record id, the value of the CRM's own stage that we gave it last."""

_GIVEN: Final = pa.schema([("crm", pa.string()), ("record_id", pa.string()), ("value", pa.string())])
_RUNGS: Final = pa.schema([
    ("crm", pa.string()), ("kind", pa.string()), ("stage", pa.string()), ("value", pa.string()),
    ("place", pa.int32()), ("earned", pa.bool_()),
])  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rung:
    """A stage of the model and what stands for it in a CRM's records of a kind.

    `place` is that in the model's order; `earned` says that a transition leads to it.
    """

    crm: str
    kind: str
    stage: str
    value: str
    place: int
    earned: bool


@dataclass(frozen=True, slots=True)
class Ladder:
    """The rungs of all CRMs, and whether the way leads back, too. Without rungs nothing moves."""

    rungs: tuple[Rung, ...] = ()
    backward: bool = False


NO_LADDER: Final = Ladder()


def find(connection: duckdb.DuckDBPyConnection, ladder: Ladder, given: Iterable[Sequence[GivenCrmStage]]) -> None:
    """Make ``stage_moves`` (crm, record_id, wanted, seen, backward) from ``members`` and the engine's ``scores``.

    Needs ``not_handed_over`` (`sync.mirror.hand_over`). `given` comes in chunks.
    ``crm_stages_given`` stays, for `agreed`; so does ``stages_held`` (crm, record_id, seen,
    wanted): records whose person has a rung.
    """
    connection.execute("""
        CREATE OR REPLACE TEMP TABLE rungs
            (crm VARCHAR, kind VARCHAR, stage VARCHAR, value VARCHAR, place INTEGER, earned BOOLEAN);
        CREATE OR REPLACE TEMP TABLE crm_stages_given (crm VARCHAR, record_id VARCHAR, value VARCHAR);
    """)
    views.insert(connection, "rungs", _RUNGS, [astuple(rung) for rung in ladder.rungs])
    for chunk in given if ladder.rungs else ():
        views.insert(connection, "crm_stages_given", _GIVEN, chunk)
    # Without rungs nobody's stage is written, and it is known beforehand: all records need not be joined.
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE stages_held AS
        SELECT crm, record_id, kind, nullif(trim(records.stage), '') AS seen, rungs.value AS wanted, rungs.place, earned
        FROM members JOIN store.records USING (crm, record_id, kind) JOIN scores USING (person)
        JOIN rungs USING (crm, kind)
        WHERE {bool(ladder.rungs)} AND rungs.stage = scores.stage
    """)
    connection.execute(
        """
        CREATE OR REPLACE TEMP TABLE stage_moves AS
        WITH standing AS (SELECT crm, kind, value, max(place) AS place FROM rungs GROUP BY crm, kind, value)
        SELECT crm, record_id, wanted, seen, coalesce(held.place < standing.place, false) AS backward
        FROM stages_held held
        LEFT JOIN crm_stages_given given USING (crm, record_id)
        LEFT JOIN standing ON standing.crm = held.crm AND standing.kind = held.kind AND standing.value = seen
        WHERE wanted IS DISTINCT FROM seen AND (crm, record_id) NOT IN (SELECT crm, record_id FROM not_handed_over)
            AND CASE
            WHEN seen IS NULL THEN earned OR given.value IS NOT NULL
            WHEN given.value IS DISTINCT FROM seen AND given.value IS NOT NULL THEN false
            WHEN standing.place IS NULL THEN false
            WHEN held.place > standing.place THEN earned
            ELSE $backward AND given.value IS NOT NULL END
        """,
        {"backward": ladder.backward},
    )


def agreed(connection: duckdb.DuckDBPyConnection) -> list[GivenCrmStage]:
    """Records that were given another stage, and hold by now the one that we would give; needs `find`."""
    return connection.execute("""
        SELECT crm, record_id, wanted FROM stages_held JOIN crm_stages_given USING (crm, record_id)
        WHERE seen = wanted AND value <> wanted
    """).fetchall()
