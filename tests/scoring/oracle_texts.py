"""The oracle's texts for people: the reason of a trend, the hand-off packet. Only the words are the engine's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scoring.words import WORDS

if TYPE_CHECKING:
    from datetime import date

    from config.model import Model
    from scoring.words import Words

ARROWS = {"rising": "↗", "steady": "→", "cooling": "↘"}


def noun(language: str, forms: tuple[str, str, str], number: int) -> str:
    one, few, many = forms
    number = abs(number)
    if language in {"en", "it", "sv"}:
        return one if number == 1 else many
    if number == 1 or (language == "uk" and number % 10 == 1 and number % 100 != 11):
        return one
    return few if number % 10 in {2, 3, 4} and number % 100 not in {12, 13, 14} else many


def trend_reason(model: Model, behaviour: int, decay: int, data: int) -> str | None:
    words = WORDS[model.hand_off.language if model.hand_off is not None else "en"]
    parts = [(words.behaviour, behaviour), (words.decay, decay), (words.data, data)]
    told = sorted((part for part in parts if part[1]), key=lambda part: -abs(part[1]))
    return ", ".join(f"{name} {points:+d}" for name, points in told) or None


def shown_day(words: Words, day: date) -> str:
    return f"{day.day} {words.months[day.month - 1]}"


def hand_off(
    model: Model,
    *,
    rating: str,
    reasons: str | None,
    gate: str | None,
    trend: str | None,
    change: int,
    until: date | None,
    interest: tuple[str | None, str | None],
) -> str:
    language = model.hand_off.language
    words = WORDS[language]
    if gate is not None:
        return f"{words.disqualified} · {gate}"
    tail = []
    if trend is not None:
        points = f"{change:+d}" if change else "0"
        days = f"{model.trend.over} {noun(language, words.days, model.trend.over)}"
        told = words.change.format(points=f"{points} {noun(language, words.points, change)}", days=days)
        tail.append(f"{ARROWS[trend]} {told}")
    if until is not None:
        tail.append(words.until.format(day=shown_day(words, until)))
    kept = reasons.split(" · ") if reasons else []
    product, content = interest
    about = words.interest.format(product=product) if product is not None else None
    sending = words.send.format(content=content) if about is not None and content is not None else ""
    while True:
        text = " · ".join([rating, *kept, *([about + sending] if about is not None else []), *tail])
        if len(text.encode("utf-16-le")) // 2 <= 255:
            return text
        if len(kept) > 1 or not sending:
            kept.pop()
        else:
            sending = ""
