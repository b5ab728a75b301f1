"""The plan: which records differ from what they should hold, and by enough to be worth a write.

A field of a record is set, cleared, or left alone. A record is written when one of its fields calls for it:

- a score, when it was set or cleared, or moved by ``writes.min_change`` points or more;
- a rider (reasons, valid until, model version), only when it is empty and should not be, or is a day that has passed;
- any other field, when it differs;
- the CRM's own stage, when it is to move (`sync.mirror.stage_moves`).

Then all its differing fields go out together, riders and small moves included. What does not differ is left alone.
Records whose rating or stage changes go first, those of one account together. A record that was refused with the
same values before, and has not changed in the CRM since, is planned, but not sent; nor is one whose person is outside
the share that is asked for (`sync.mirror.rollout`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date
from typing import TYPE_CHECKING, Any, Final

from connectors.base import CLEAR, CRM_STAGE, Change, StageMove
from scoring.facts import OUTPUT_FIELDS, OutputField
from sync.journal.stages import Given
from sync.mirror import hand_over, plan, rollout, stage_moves
from sync.mirror.stage_moves import NO_LADDER

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    import duckdb

    from connectors.base import Clear
    from sync.mirror.hand_over import HandOver
    from sync.mirror.plan import Planned, RefusedRow
    from sync.mirror.stage_moves import GivenCrmStage, Ladder
    from sync.mirror.store import Mirror

SLICE: Final = 10_000
"""Rows of the plan in memory at a time; also the most that one call of `push` is given, enough for a bulk job."""


@dataclass(frozen=True, slots=True)
class PlannedChange:
    """A change and what is needed to note its outcome."""

    change: Change
    why: str  # the fields that call for the write
    given: Given  # the stage the record will have, and since when its person has it
    values_hash: str


def trigger(field: OutputField, min_change: int, today: date) -> str:
    """The condition, as SQL over desired and observed values, under which `field` calls for a write."""
    if field.rider:
        overdue = f" OR {plan.passed(field, today)}" if field.type == "date" else ""
        return plan.healed(field) + overdue
    return plan.moved(field, min_change) if field.type == "integer" else plan.differs(field)


def make(
    connection: duckdb.DuckDBPyConnection,
    *,
    fields: Sequence[OutputField],
    min_change: int,
    today: date,
    refused: Iterable[Sequence[RefusedRow]],
    fence: int,
    ladder: Ladder = NO_LADDER,
    given: Iterable[Sequence[GivenCrmStage]] = (),
    share: float = 1.0,
    handed: HandOver | None = None,
) -> list[Planned]:
    """Plan the changes of all live records, in the mirror; counts per CRM. Needs the engine's ``scores``.

    `fields` are those that the model writes; others that records still hold, from an earlier model, are cleared.
    `today` is the UTC day for which they were scored. `ladder` says which of the CRMs' own stages are written, `given`
    which we wrote before. `share` of the people may be written to, 0 to 1. `handed` says who is handed over to
    sales; None: everybody.

    Raises `LeaseLost` when a later holder of the lease, whose `fence` is greater, has written to the mirror.
    """
    abandoned = plan.still_held(connection, [field for field in OUTPUT_FIELDS if field not in fields])
    triggers = {field: trigger(field, min_change, today) for field in fields}
    triggers |= {field: plan.differs(field) for field in abandoned}
    hand_over.find(connection, handed)
    stage_moves.find(connection, ladder, given)
    rollout.leave_out(connection, share)
    return plan.make(connection, triggers=triggers, abandoned=abandoned, refused=refused, fence=fence)


def unnoted(connection: duckdb.DuckDBPyConnection) -> dict[str, list[Given]]:
    """Per CRM the stages that records hold as they should, but that the journal never heard of being accepted.

    Left alone, the journal would be wrong for as long as the record need not be written, and the stage machine would
    go on from the stage before.
    """
    found = plan.unnoted(connection)
    return {crm: [_given(*row) for row in rows] for crm, rows in found.items()}


def _given(record_id: str, stage: str | None, since: datetime | None) -> Given:
    return Given(record_id, stage, None if since is None else since.replace(tzinfo=UTC))


def slices(
    mirror: Mirror, crm: str, last: int, *, first: int = 1, size: int | None = None
) -> Iterator[list[PlannedChange]]:
    """The rows of the plan with tags `first` to `last` in slices; the mirror is open only while one is read."""
    size = size or SLICE
    for begin in range(first, last + 1, size):
        with mirror.open() as connection:
            rows = plan.read(connection, crm, begin, min(begin + size - 1, last))
        yield [_planned(row) for row in rows]


def _planned(row: Mapping[str, Any]) -> PlannedChange:
    values = {name: _value(row[plan.DESIRED + name]) for name in plan.names(row) if row[plan.WRITE + name]}
    move = None
    if row["crm_stage"] is not None:
        values[CRM_STAGE] = row["crm_stage"]
        move = StageMove(row["crm_stage_seen"], row["crm_stage_back"])
    change = Change(
        kind=row["kind"],
        record_id=row["record_id"],
        values=values,
        account_id=row["account_id"],
        tag=row["tag"],
        move=move,
    )
    return PlannedChange(
        change=change,
        why=row["why"],
        given=replace(
            _given(row["record_id"], row["desired.stage"], row["stage_since"]),
            crm_stage=row["crm_stage"],
            quiet=row["quiet"],
        ),
        values_hash=row["values_hash"],
    )


def _value(desired: object) -> str | int | Clear:
    if desired is None:
        return CLEAR
    if isinstance(desired, int):
        return desired
    return desired.isoformat() if isinstance(desired, date) else str(desired)
