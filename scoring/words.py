"""The words of texts for people, in the languages a model can choose: plurals, months, and what a trend comes from.

Plural categories are those of the Unicode CLDR: one and other for English, Italian and Swedish; one, few and many for
Polish and Ukrainian.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from scoring import sql

if TYPE_CHECKING:
    from config.model_decision import Language


@dataclass(frozen=True)
class Words:
    """One language. Nouns are given for one, for few and for many; `change` takes points and days, `until` a day,
    `interest` a product and `send` a content.
    """

    points: tuple[str, str, str]
    days: tuple[str, str, str]
    change: str
    until: str
    interest: str
    send: str
    months: tuple[str, ...]
    disqualified: str
    behaviour: str
    decay: str
    data: str
    new_model: str


WORDS: Final[dict[Language, Words]] = {
    "en": Words(
        ("point", "points", "points"), ("day", "days", "days"), "{points} in {days}", "until {day}",
        "interest: {product}", ", send: {content}",
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
        "disqualified", "behaviour", "decay", "late data", "new model",
    ),
    "pl": Words(
        ("punkt", "punkty", "punktów"), ("dzień", "dni", "dni"), "{points} w {days}", "do {day}",
        "zainteresowanie: {product}", ", wyślij: {content}",
        ("sty", "lut", "mar", "kwi", "maj", "cze", "lip", "sie", "wrz", "paź", "lis", "gru"),
        "zdyskwalifikowany", "zachowanie", "upływ czasu", "spóźnione dane", "nowy model",
    ),
    "it": Words(
        ("punto", "punti", "punti"), ("giorno", "giorni", "giorni"), "{points} in {days}", "fino al {day}",
        "interesse: {product}", ", invia: {content}",
        ("gen", "feb", "mar", "apr", "mag", "giu", "lug", "ago", "set", "ott", "nov", "dic"),
        "squalificato", "comportamento", "decadimento", "dati in ritardo", "nuovo modello",
    ),
    "uk": Words(
        ("бал", "бали", "балів"), ("день", "дні", "днів"), "{points} за {days}", "до {day}",
        "інтерес: {product}", ", надішліть: {content}",
        ("січ.", "лют.", "бер.", "квіт.", "трав.", "черв.", "лип.", "серп.", "вер.", "жовт.", "лист.", "груд."),  # noqa: RUF001 - Ukrainian
        "дискваліфіковано", "поведінка", "згасання", "запізнілі дані", "нова модель",
    ),
    "sv": Words(
        ("poäng", "poäng", "poäng"), ("dag", "dagar", "dagar"), "{points} på {days}", "till {day}",
        "intresse: {product}", ", skicka: {content}",
        ("jan.", "feb.", "mars", "apr.", "maj", "juni", "juli", "aug.", "sep.", "okt.", "nov.", "dec."),
        "diskvalificerad", "beteende", "åldrande", "sena data", "ny modell",
    ),
}  # fmt: skip


def plural(language: Language, forms: tuple[str, str, str], number: str) -> str:
    """SQL: the form of a noun that goes with a whole number, negative ones like positive."""
    size = f"ABS({number})"
    one, few, many = map(sql.text, forms)
    if language not in {"pl", "uk"}:
        return f"CASE WHEN {size} = 1 THEN {one} ELSE {many} END"
    is_one = f"{size} = 1" if language == "pl" else f"{size} % 10 = 1 AND {size} % 100 <> 11"
    is_few = f"{size} % 10 BETWEEN 2 AND 4 AND {size} % 100 NOT BETWEEN 12 AND 14"
    return f"CASE WHEN {is_one} THEN {one} WHEN {is_few} THEN {few} ELSE {many} END"


def counted(language: Language, forms: tuple[str, str, str], number: str) -> str:
    """SQL: a whole number with its noun."""
    return f"(CAST({number} AS VARCHAR) || ' ' || {plural(language, forms, number)})"


def signed(number: str) -> str:
    """SQL: a whole number with its sign, plus included."""
    return f"(CASE WHEN {number} > 0 THEN '+' ELSE '' END || CAST({number} AS VARCHAR))"


def short_day(words: Words, day: str) -> str:
    """SQL: a DATE as day and month: ``14 Dec``."""
    months = " ".join(f"WHEN {number} THEN {sql.text(name)}" for number, name in enumerate(words.months, 1))
    return f"(CAST(EXTRACT(DAY FROM {day}) AS VARCHAR) || ' ' || CASE EXTRACT(MONTH FROM {day}) {months} END)"


def filled(template: str, **parts: str) -> str:
    """SQL: a template of words with SQL expressions in its gaps."""
    pieces = []
    rest = template
    for name, expression in parts.items():
        before, _, rest = rest.partition("{" + name + "}")
        pieces += [sql.text(before), expression]
    return f"({' || '.join([*pieces, sql.text(rest)])})"
