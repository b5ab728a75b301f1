"""Why a trend is what it is: what people did, what age took, and what was learnt late.

Three differences that make up the whole between what was known at the end of the past day and today's score. They are
differences of whole scores, so they sum exactly:

behaviour   today's score less today's score without what happened since that day
decay       today's score without it, less that day's score: the same events, so many days older
late data   that day's score less that day's score by what had been seen by then
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from scoring import sql
from scoring.words import WORDS, signed

if TYPE_CHECKING:
    from config.model import Model
    from scoring.events import Moment

WITHOUT: Final = "_without"
SEEN: Final = "_seen"


def explains(model: Model) -> bool:
    """Whether the model wants to know why."""
    return model.trend is not None and "trend_reason" in model.also_write


def moments(now: Moment, then: Moment) -> dict[str, Moment]:
    """The moments between which the differences are, beside the two of the trend, by the suffix of their tables."""
    return {WITHOUT: replace(now, until=then.until), SEEN: replace(then, seen_until=then.until)}


def tell_apart(con: Any) -> None:
    """Create `trend_parts` (person, behaviour, decay, data), in whole points, from `engagement` of all moments."""
    joins = " ".join(
        f"LEFT JOIN engagement{suffix} e{suffix} ON e{suffix}.person = p.person"
        for suffix in ("", "_then", WITHOUT, SEEN)
    )
    today, that_day, without, seen = (f"COALESCE(e{suffix}.score, 0)" for suffix in ("", "_then", WITHOUT, SEEN))
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE trend_parts AS
        SELECT p.person, {today} - {without} AS behaviour, {without} - {that_day} AS decay, {that_day} - {seen} AS data
        FROM people p {joins}
        """
    )


def reason(model: Model, *, is_new_model: bool) -> str:
    """SQL: the parts in words, the largest first, over `trend_parts` (``tp``): ``behaviour +12, decay -4``.

    Parts of no points are left out. `is_new_model` adds that the model has changed since that day, so that people saw
    another one's score then.
    """
    words = WORDS[model.hand_off.language if model.hand_off is not None else "en"]
    names = {"behaviour": words.behaviour, "decay": words.decay, "data": words.data}
    told = {part: f"{sql.text(name + ' ')} || {signed('tp.' + part)}" for part, name in names.items()}
    ranks = {part: _rank(part, list(names)) for part in names}
    cases = [
        " ".join(f"WHEN {ranks[part]} = {place} AND tp.{part} <> 0 THEN {told[part]}" for part in names)
        for place in range(len(names))
    ]
    parts = [*(f"CASE {case} END" for case in cases), *([sql.text(words.new_model)] if is_new_model else [])]
    return f"NULLIF(CONCAT_WS(', ', {', '.join(parts)}), '')"


def _rank(part: str, parts: list[str]) -> str:
    """SQL: how many of the others are larger, or as large and earlier in `parts`."""
    before = parts.index(part)
    terms = [
        f"CASE WHEN ABS(tp.{other}) {'>=' if place < before else '>'} ABS(tp.{part}) THEN 1 ELSE 0 END"
        for place, other in enumerate(parts)
        if other != part
    ]
    return f"({' + '.join(terms)})"
