"""The hand-off packet: one text for whoever takes a lead over.

``A1 · Demo form +50 · interest: Storage, send: Case study · ↗ +12 points in 14 days · until 14 Dec``: rating, reasons,
product with what to send next, trend, and how long it holds. It fits a CRM field of 255 characters as the CRMs count
them (an emoji is two): of what is too long, whole parts are left out: reasons from the last on to the first, then what
to send, then the first reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from scoring import sql
from scoring.stages import disqualified
from scoring.words import WORDS, counted, filled, plural, short_day, signed

if TYPE_CHECKING:
    from config.model import Model
    from config.model_decision import Language
    from scoring.words import Words

LONGEST: Final = 255
NOTHING: Final = "CAST(NULL AS VARCHAR)"
ARROWS: Final = {"rising": "↗", "steady": "→", "cooling": "↘"}


def hand_off(model: Model, language: Language, trend: str, change: str, interest: tuple[str, str] | None = None) -> str:
    """SQL: the packet, over standings, the gate's name and the reasons (``s``), and `valid_until` (``v``).

    `trend` is the SQL of the trend's word, `change` of the points by which engagement moved, `interest` of the product
    and of what to send next.
    """
    words = WORDS[language]
    tail = _joined([_trend(model, language, words, trend, change), _until(words)])
    product = filled(words.interest, product=interest[0]) if interest else NOTHING
    parts = [(reasons, product) for reasons in ("s.reasons", "s.two", "s.one")]
    if interest:
        sending = f"({product} || COALESCE({filled(words.send, content=interest[1])}, ''))"
        parts = [(reasons, sending) for reasons, _ in parts] + parts[-1:]
    packets = [f"(s.rating || {_joined(list(each))} || {tail})" for each in parts]
    cases = " ".join(f"WHEN {_length(packet)} <= {LONGEST} THEN {packet}" for packet in packets)
    stopped = f"{sql.text(words.disqualified)} || ' · ' || s.gate_name"
    return f"CASE WHEN {disqualified(model)} THEN {stopped} {cases} ELSE s.rating || {_joined([product])} || {tail} END"


def _joined(parts: list[str]) -> str:
    return " || ".join(f"COALESCE(' · ' || {part}, '')" for part in parts)


def _trend(model: Model, language: Language, words: Words, trend: str, change: str) -> str:
    if model.trend is None:
        return NOTHING
    arrows = " ".join(f"WHEN {sql.text(word)} THEN {sql.text(arrow)}" for word, arrow in ARROWS.items())
    points = f"({signed(change)} || ' ' || {plural(language, words.points, change)})"
    phrase = filled(words.change, points=points, days=counted(language, words.days, str(model.trend.over)))
    return f"(CASE {trend} {arrows} END || ' ' || {phrase})"


def _until(words: Words) -> str:
    return filled(words.until, day=short_day(words, "v.valid_until"))


def _length(text: str) -> str:
    """SQL: characters as the CRMs count them, UTF-16 code units."""
    return f"LENGTH(REGEXP_REPLACE({text}, '[\\x{{10000}}-\\x{{10FFFF}}]', '??', 'g'))"
