"""From scores to what people see: grade, level, rating, stage.

Everything here is an expression over columns of one row, used both for today and for days to come.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from config.vocabulary import DISQUALIFIED, UNKNOWN_GRADE
from scoring import sql
from scoring.events import put

if TYPE_CHECKING:
    from config.model import Model
    from config.model_sections import Enter, Exit, Transition


def grade_index(model: Model, score: str, is_known: str = "TRUE") -> str:
    """SQL: place of the grade for whole points `score`, 0 being best; null while nothing is known."""
    place = sql.ladder(score, model.fit.scale.values())
    return place if is_known == "TRUE" else f"CASE WHEN {is_known} THEN {place} END"


def level_index(model: Model, score: str) -> str:
    """SQL: place of the level for whole points `score`, 0 being best."""
    return sql.ladder(score, model.engagement.levels.values())


def tabulate_ratings(con: Any, model: Model) -> None:
    """Create `ratings` (grade_place, level_place, rating, rating_rank): a cell for each grade (-1: unknown) and level.

    Cells are ranked by the sum of both places, then by grade; an unknown grade ranks as the middle one does.
    Disqualified people rank after them all, with as many as there are cells.
    """
    grades, levels = list(model.fit.scale), list(model.engagement.levels)
    cells = [(grade, level) for grade in range(-1, len(grades)) for level in range(len(levels))]

    def order(cell: tuple[int, int]) -> tuple[int, int, bool]:
        grade = cell[0] if cell[0] >= 0 else len(grades) // 2
        return (grade + cell[1], grade, cell[0] < 0)

    cells.sort(key=order)
    codes = [(UNKNOWN_GRADE if grade < 0 else grades[grade]) + levels[level] for grade, level in cells]
    text = [model.rating.cells.get(code, code) for code in codes]
    columns = {
        "grade_place": pa.array([grade for grade, _ in cells], pa.int32()),
        "level_place": pa.array([level for _, level in cells], pa.int32()),
        "rating": pa.array(text, pa.string()),
        "rating_rank": pa.array(range(len(cells)), pa.int32()),
    }
    put(con, "ratings", pa.table(columns))


def rating_count(model: Model) -> int:
    """How many cells the matrix has; also the rank of disqualified people."""
    return (len(model.fit.scale) + 1) * len(model.engagement.levels)


def disqualified(model: Model, gate: str = "gate") -> str:
    """SQL: whether a gate disqualifies."""
    return _gate_effect(model, "disqualify", gate)


def not_scored(model: Model, gate: str = "gate") -> str:
    """SQL: whether a gate keeps them from being scored."""
    return _gate_effect(model, "do_not_score", gate)


def _gate_effect(model: Model, effect: str, gate: str) -> str:
    numbers = [str(number) for number, item in enumerate(model.gates) if item.effect == effect]
    return f"COALESCE({gate} IN ({', '.join(numbers)}), FALSE)" if numbers else "FALSE"


def exit_sql(model: Model, transition: Transition) -> str:
    """SQL: whether a person leaves the stage of `transition`; over fit_score, engagement_score, grade, level."""
    leave: Exit | None = transition.exit
    if leave is None:
        return "FALSE"
    parts = []
    if leave.fit is not None:
        parts.append(f"fit_score < {leave.fit.lowest_kept}")
    if leave.engagement is not None:
        parts.append(f"engagement_score < {leave.engagement.lowest_kept}")
    if leave.grade is not None:
        parts.append(f"COALESCE(grade > {list(model.fit.scale).index(leave.grade.below)}, FALSE)")
    if leave.level is not None:
        parts.append(f"level > {list(model.engagement.levels).index(leave.level.below)}")
    return f"({' OR '.join(parts)})" if parts else "FALSE"


def enter_sql(model: Model, transition: Transition, number: int, day: str) -> str:
    """SQL: whether a person may enter the stage of `transition`; also over r<n>, entries<n>, before, since."""
    enter: Enter = transition.enter
    parts = [f"r{number}", f"NOT {exit_sql(model, transition)}"]
    if enter.fit is not None:
        parts.append(f"fit_score >= {enter.fit.lowest}")
    if enter.engagement is not None:
        parts.append(f"engagement_score >= {enter.engagement.lowest}")
    if enter.grade is not None:
        parts.append(f"COALESCE(grade <= {list(model.fit.scale).index(enter.grade.at_least)}, FALSE)")
    if enter.level is not None:
        parts.append(f"level <= {list(model.engagement.levels).index(enter.level.at_least)}")
    if transition.max_entries is not None:
        parts.append(f"entries{number} < {transition.max_entries}")
    if transition.cool_down is not None:
        rested = sql.days_between("CAST(since AS DATE)", day)
        parts.append(f"(before = 0 OR COALESCE({rested} >= {transition.cool_down}, TRUE))")
    return " AND ".join(parts)


def _limited(model: Model) -> list[tuple[int, Transition]]:
    ways = model.lifecycle.transitions if model.lifecycle is not None else ()
    return [(number, way) for number, way in enumerate(ways) if way.max_entries is not None]


def entries_columns(model: Model) -> str:
    """SQL: further columns, how often they have entered each stage that has a limit; with `entries_join`."""
    return "".join(f", COALESCE(en.entries{number}, 0) AS entries{number}" for number, _ in _limited(model))


def entries_join(model: Model) -> str:
    """Joins `stage_entries` (as ``en``) to people (``f``), where a stage may be entered only so often."""
    columns = ", ".join(
        f"MAX(CASE WHEN stage = {sql.text(way.to)} THEN entries END) AS entries{number}"
        for number, way in _limited(model)
    )
    if not columns:
        return ""
    return f"LEFT JOIN (SELECT person, {columns} FROM stage_entries GROUP BY person) en ON en.person = f.person"


def stage_before_index(model: Model) -> str:
    """SQL: place of the stage that people were in before; those without one, or with a foreign one, begin at 0."""
    order = model.stage_order
    cases = " ".join(f"WHEN {sql.text(stage)} THEN {index}" for index, stage in enumerate(order))
    return f"CASE stage_before {cases} ELSE 0 END" if cases else "CAST(NULL AS INTEGER)"


def stage_index(model: Model, day: str) -> str:
    """SQL: place of the stage, from `before` (the place of the previous one), gate, and what the others are over.

    First down, as long as the exit of the stage holds; then up to the highest stage whose conditions hold.
    """
    if model.lifecycle is None:
        return "CAST(NULL AS INTEGER)"
    ways = {model.lifecycle.order.index(way.to): way for way in model.lifecycle.transitions}
    fallen = "0"
    landing = ["WHEN 0 THEN 0"]
    for place in range(1, len(model.lifecycle.order)):
        leaves = exit_sql(model, ways[place]) if place in ways else "FALSE"
        fallen = f"CASE WHEN {leaves} THEN {fallen} ELSE {place} END" if leaves != "FALSE" else str(place)
        landing.append(f"WHEN {place} THEN {fallen}")
    numbers = {way.to: number for number, way in enumerate(model.lifecycle.transitions)}
    climbs = [
        f"WHEN {enter_sql(model, way, numbers[way.to], day)} THEN {place}"
        for place, way in sorted(ways.items(), reverse=True)
    ]
    down = f"CASE before {' '.join(landing)} END"
    up = f"CASE {' '.join(climbs)} ELSE 0 END" if climbs else "0"
    stays = f"WHEN NOT {_has_dwelt(model, 'before', 'CAST(since AS DATE)', day)} THEN before" if _dwells(model) else ""
    held = f"WHEN COALESCE({day} < held_until, FALSE) THEN before" if model.lifecycle.hold is not None else ""
    return f"CASE {held} WHEN {disqualified(model)} THEN 0 {stays} ELSE GREATEST({down}, {up}) END"


def is_detained(model: Model) -> bool:
    """Whether somebody may have to stay in a stage for a time."""
    return model.lifecycle is not None and (model.lifecycle.hold is not None or _dwells(model))


def may_leave(model: Model, day: str) -> str:
    """SQL: whether a stage may be left on `day`, as far as holds and dwelling go; over a row of `standings` (``s``).

    Needs `is_detained`. Who has changed stage today dwells from today on.
    """
    parts = []
    if model.lifecycle is not None and model.lifecycle.hold is not None:
        parts.append(f"NOT COALESCE({day} < s.held_until, FALSE)")
    if _dwells(model):
        parts.append(_has_dwelt(model, "s.stage_rank", "s.entered", day))
    return " AND ".join(parts)


def entered(day: str) -> str:
    """SQL: the day since when they are in the stage of ``stage_rank``; null when that is not known."""
    return f"CASE WHEN stage_rank = before THEN CAST(since AS DATE) ELSE {day} END"


def _dwells(model: Model) -> bool:
    return model.lifecycle is not None and any(way.dwell is not None for way in model.lifecycle.transitions)


def _has_dwelt(model: Model, stage: str, since: str, day: str) -> str:
    ways = model.lifecycle.transitions if model.lifecycle is not None else ()
    order = model.stage_order
    cases = " ".join(
        f"WHEN {order.index(way.to)} THEN COALESCE({sql.days_between(since, day)} >= {way.dwell}, TRUE)"
        for way in ways
        if way.dwell is not None
    )
    return f"(CASE {stage} {cases} ELSE TRUE END)"


def exits_from(model: Model, stage: str) -> str:
    """SQL: whether the exit of the stage at place `stage` holds."""
    if model.lifecycle is None:
        return "FALSE"
    ways = [(model.lifecycle.order.index(way.to), exit_sql(model, way)) for way in model.lifecycle.transitions]
    cases = " ".join(f"WHEN {place} THEN {leaves}" for place, leaves in ways)
    return f"CASE {stage} {cases} ELSE FALSE END" if cases else "FALSE"


def level_kept(model: Model, level: str) -> str:
    """SQL: the least whole points of engagement with the level at place `level`."""
    lowest = enumerate(model.engagement.levels.values())
    return f"CASE {level} {' '.join(f'WHEN {place} THEN {math.ceil(bound)}' for place, bound in lowest)} END"


def stage_kept(model: Model, stage: str) -> str:
    """SQL: the least whole points of engagement that keep the stage at place `stage`; null where they do not matter."""
    ways = model.lifecycle.transitions if model.lifecycle is not None else ()
    cases = [
        f"WHEN {model.stage_order.index(way.to)} THEN {way.exit.engagement.lowest_kept}"
        for way in ways
        if way.exit is not None and way.exit.engagement is not None
    ]
    return f"CASE {stage} {' '.join(cases)} END" if cases else "CAST(NULL AS INTEGER)"


def rating_text(model: Model) -> str:
    """SQL: the rating, over gate and the joined `ratings` row (as ``rt``)."""
    return f"CASE WHEN {disqualified(model)} THEN {sql.text(DISQUALIFIED)} ELSE rt.rating END"


def rating_rank(model: Model) -> str:
    """SQL: the rank of the rating, 0 being best."""
    return f"CASE WHEN {disqualified(model)} THEN {rating_count(model)} ELSE rt.rating_rank END"
