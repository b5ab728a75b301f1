"""The hand-off packet and the reason of a trend, word by word."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from scoring.engine import score
from scoring.words import WORDS, counted, short_day
from tests.scoring.mirror import fill, scores_of
from tests.scoring.oracle import Person
from tests.scoring.oracle_conditions import Activity
from tests.scoring.strategies import AS_OF, NOW
from tests.scoring.test_oracle import model_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

TREND = {"over": "14d", "rising": 10, "cooling": -10}


@pytest.fixture(scope="module")
def con() -> Iterator[Any]:
    with duckdb.connect(":memory:") as connection:
        yield connection


def scored(
    con: Any,
    *events: Activity,
    names: tuple[str, ...] = ("Form",),
    model_since: datetime | None = None,
    **sections: Any,
) -> dict[str, Any]:
    """One person by a model in which each form is worth 20 points by every rule; half of them after 30 days."""
    rules = [{"name": name, "activity": "form_submission", "points": 20} for name in names]
    data = {"model": "m", "engagement": {"rules": rules, "decay": {"half_life": "30d"}}, "trend": TREND}
    fill(con, [Person({}, list(events))], {})
    score(con, model_of(data | sections), AS_OF, attributes={}, model_since=model_since)
    return scores_of(con)[0]


def form(days_ago: int, **facts: Any) -> Activity:
    return Activity("form_submission", NOW - timedelta(days=days_ago), **facts)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "?3 · Form +40 · ↗ +40 points in 14 days · until 30 Mar"),
        ("pl", "?3 · Form +40 · ↗ +40 punktów w 14 dni · do 30 mar"),
        ("it", "?3 · Form +40 · ↗ +40 punti in 14 giorni · fino al 30 mar"),
        ("uk", "?3 · Form +40 · ↗ +40 балів за 14 днів · до 30 бер."),  # noqa: RUF001 - Ukrainian
        ("sv", "?3 · Form +40 · ↗ +40 poäng på 14 dagar · till 30 mars"),
    ],
)
def test_the_packet_in_five_languages(con: Any, language: str, text: str) -> None:
    """40 points halve in 30 days; level 3 begins at 31, and 40 * 2 ** (-12 / 30) is 30.3."""
    levels = {"1": 75, "2": 50, "3": 31, "4": 0}
    rules = [{"name": "Form", "activity": "form_submission", "points": 20}]
    engagement = {"rules": rules, "decay": {"half_life": "30d"}, "levels": levels}
    row = scored(con, form(0), form(0), engagement=engagement, hand_off={"language": language})
    assert row["hand_off"] == text


@pytest.mark.parametrize(
    ("language", "number", "text"),
    [
        ("pl", 1, "1 punkt"), ("pl", 3, "3 punkty"), ("pl", 12, "12 punktów"), ("pl", -22, "-22 punkty"),
        ("uk", 1, "1 бал"), ("uk", 21, "21 бал"), ("uk", 11, "11 балів"), ("uk", 33, "33 бали"), ("uk", 0, "0 балів"),
        ("en", 1, "1 point"), ("en", 0, "0 points"), ("it", -1, "-1 punto"), ("it", 2, "2 punti"), ("sv", 1, "1 poäng"),
    ],
)  # fmt: skip
def test_plurals(con: Any, language: Any, number: int, text: str) -> None:
    query = counted(language, WORDS[language].points, f"CAST({number} AS INTEGER)")
    assert con.execute(f"SELECT {query}").fetchall() == [(text,)]


def test_every_month_has_its_name(con: Any) -> None:
    for words in WORDS.values():
        months = [f"SELECT {short_day(words, f'DATE {chr(39)}2026-{month:02}-05{chr(39)}')}" for month in range(1, 13)]
        found = con.execute(" UNION ALL ".join(months)).fetchall()
        assert sorted(text for (text,) in found) == sorted(f"5 {month}" for month in words.months)


def test_what_is_too_long_loses_whole_reasons(con: Any) -> None:
    names = ("😀" * 30, "Ä" * 60, "ß" * 59 + "!")
    row = scored(con, form(0), names=names, hand_off={})
    assert len(row["hand_off"].encode("utf-16-le")) // 2 <= 255
    assert all(name in row["hand_off"] for name in names)
    long_ones = tuple(f"{letter * 28}{number}" for number, letter in enumerate("🙂🙃😉"))
    trend = {**TREND, "over": "365d"}
    row = scored(con, form(0), names=(*long_ones, "x"), hand_off={"language": "it"}, trend=trend)
    assert len(row["hand_off"].encode("utf-16-le")) // 2 <= 255


INTERESTS = {
    "en": "interest: Storage, send: Case study",
    "pl": "zainteresowanie: Storage, wyślij: Case study",
    "it": "interesse: Storage, invia: Case study",
    "uk": "інтерес: Storage, надішліть: Case study",
    "sv": "intresse: Storage, skicka: Case study",
}


def interest(product: str = "Storage", *content: str) -> dict[str, Any]:
    rules = [{"name": "Own", "activity": "form_submission", "points": 30}]
    return {"products": [{"name": product, "rules": rules, "content": [{"name": name} for name in content]}]}


@pytest.mark.parametrize("language", INTERESTS)
def test_the_packet_names_the_product_and_what_to_send(con: Any, language: str) -> None:
    said = {"hand_off": {"language": language}, "affinity": interest("Storage", "Tour", "Case study")}
    seen = form(0, asset="Tour")
    viewed = Activity("page_view", NOW, asset="Tour")
    assert scored(con, seen, viewed, **said)["hand_off"].startswith(f"?4 · Form +20 · {INTERESTS[language]} · ↗ ")
    only = {"hand_off": {}, "affinity": interest()}
    assert scored(con, form(0), **only)["hand_off"].startswith("?4 · Form +20 · interest: Storage · ↗ ")


@pytest.mark.parametrize(
    ("reason", "product", "content", "kept", "sends"),
    [(30, 9, 9, 3, True), (55, 20, 20, 2, True), (50, 60, 60, 1, True), (60, 60, 60, 1, False)],
)
def test_reasons_go_before_what_to_send_and_the_first_of_them_stays(
    con: Any, reason: int, product: int, content: int, kept: int, *, sends: bool
) -> None:
    """Names of so many letters each; a product is never left out."""
    names = tuple(letter * reason for letter in "abc")
    sections = {
        "hand_off": {"language": "it"},
        "affinity": interest("P" * product, "C" * content),
        "trend": {**TREND, "over": "365d"},
        "rating": {"cells": {"?4": "Wait for another day"}},
    }
    text = scored(con, form(0), names=names, **sections)["hand_off"]
    assert len(text) <= 255
    assert [name in text for name in names] == [place < kept for place in range(3)]
    assert ("P" * product in text, "C" * content in text) == (True, sends)


def test_a_gate_is_told_instead(con: Any) -> None:
    gates = [{"name": "Complained", "activity": "form_submission", "effect": "disqualify"}]
    row = scored(con, form(0), gates=gates, hand_off={"language": "pl"})
    assert row["hand_off"] == "zdyskwalifikowany · Complained"


def test_the_parts_of_a_trend_sum_to_what_has_changed(con: Any) -> None:
    """Two forms 44 days ago were worth 20 points 14 days ago; one of them was seen only a week ago."""
    asked = {"also_write": ["trend_reason"]}
    row = scored(con, form(44), form(44, seen_at=NOW - timedelta(days=7)), form(0), **asked)
    # 14 days on, 20 points are 14 (14.47); with the new form 34. Seen by then was 10.
    assert row["engagement_score"] == 34
    assert row["trend_reason"] == "behaviour +20, late data +10, decay -6"
    assert scored(con, form(3), **asked)["trend_reason"] == "behaviour +19"
    assert "trend_reason" not in scored(con, **asked)


def test_a_new_model_is_told(con: Any) -> None:
    asked = {"also_write": ["trend_reason"], "hand_off": {"language": "sv"}}
    told = [scored(con, form(44), model_since=AS_OF - timedelta(days=days), **asked) for days in (13, 14)]
    assert [row["trend_reason"] for row in told] == ["åldrande -3, ny modell", "åldrande -3"]
