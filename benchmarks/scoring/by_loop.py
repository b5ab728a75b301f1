"""The same scores by a plain Python loop: `python -m benchmarks.scoring.by_loop MIRROR --every N`.

Facts are taken out of the mirror as dictionaries; one person at a time is scored, rule by rule. The day of the next
drop is found by halving.
"""

from __future__ import annotations

import argparse
import hashlib
import math
from collections import defaultdict
from datetime import timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks.scoring import data
from benchmarks.scoring.account import Account
from benchmarks.scoring.by_hand import CALLING, unknowns
from config.model_values import MICRO, micro
from scoring.events import HORIZON_DAYS

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

MODEL: Final = data.model()
LOWEST: Final = list(MODEL.engagement.levels)[-1]

TESTS: Final[dict[str, Callable[[str, str], bool]]] = {
    "path": lambda value, wanted: fnmatchcase(value.split("//", 1)[1].partition("/")[2], wanted.lstrip("/")),
    "ends_with": lambda value, wanted: value.lower().endswith(wanted.lower()),
    "contains": lambda value, wanted: wanted.lower() in value.lower(),
    "is": lambda value, wanted: value.lower() == wanted.lower(),
}


def matches(when: Any, facts: dict[str, Any]) -> bool:
    """Whether facts answer a condition of the model."""
    return all(
        facts.get(name) is not None and TESTS[operator](facts[name], wanted)
        for name, tests in when.tests.items()
        for operator, wanted in tests.written()
    )


def fit(person: dict[str, Any], reasons: list[tuple[float, str]]) -> float:
    """Points for who they are."""
    total = 0.0
    for criterion in MODEL.fit.criteria:
        if criterion.when is not None:
            points = (criterion.points or 0) if matches(criterion.when, person) else 0
        else:
            value = person.get(criterion.by or "")
            reached = [
                points for bound, points in (criterion.bands or {}).items() if value is not None and value >= bound
            ]
            points = reached[-1] if reached else 0
        total += points
        reasons.append((points, criterion.name))
    return total


def counted(events: list[dict[str, Any]]) -> list[list[tuple[int, int]]]:
    """Age in days and number of the events that answer each rule."""
    return [
        [
            ((data.TODAY.date() - event["occurred_at"].date()).days, event["count"])
            for event in events
            if event["type"] in rule.activity and (rule.when is None or matches(rule.when, event))
        ]
        for rule in MODEL.engagement.rules
    ]


def engagement(found: list[list[tuple[int, int]]], ahead: int, reasons: list[tuple[float, str]]) -> int:
    """The score for what they do, so many days ahead."""
    groups: dict[str | None, float] = defaultdict(float)
    for rule, events in zip(MODEL.engagement.rules, found, strict=True):
        half_life = (rule.decay or MODEL.engagement.decay).half_life
        points = 0
        for age, count in events:
            if rule.within is not None and age + ahead >= rule.within:
                continue
            worth = rounded(micro(rule.points[0]) * (0.5 ** ((age + ahead) / half_life) if half_life else 1))
            points = worth if rule.count.mode == "first" else points + worth * count
        cap = micro(rule.at_most[0].points) if rule.at_most else None
        if cap is not None:
            points = max(-cap, min(cap, points))
        groups[rule.group] += points
        reasons.append((points / MICRO, rule.name))
    limits = {name: micro(group.max[0].points) for name, group in MODEL.engagement.groups.items()}
    total = sum(min(points, limits.get(name or "", points)) for name, points in groups.items())
    return int((max(0, min(100 * MICRO, total)) + MICRO // 2) // MICRO)


def rounded(value: float) -> int:
    """To the nearest whole number, halves away from nought."""
    return math.floor(value + 0.5) if value >= 0 else math.ceil(value - 0.5)


def label(score: int, ladder: dict[str, float]) -> str:
    """The label of a score."""
    return next(name for name, lowest in ladder.items() if score >= lowest)


def next_drop(found: list[list[tuple[int, int]]], level: str) -> date | None:
    """The first day with a lower level, if nothing happens; no score of this model rises by waiting."""
    low, high = 0, HORIZON_DAYS + 1
    while level < LOWEST and high - low > 1:
        middle = (low + high) // 2
        worse = label(engagement(found, middle, []), MODEL.engagement.levels) > level
        low, high = (low, middle) if worse else (middle, high)
    return data.TODAY.date() + timedelta(days=high) if high <= HORIZON_DAYS and level < LOWEST else None


def score(person: dict[str, Any], events: list[dict[str, Any]]) -> dict[str, Any]:
    """What a person's record should hold."""
    reasons: list[tuple[float, str]] = []
    facts = {name.removeprefix("attr."): value for name, value in person.items()}
    points = fit(facts, reasons)
    open_points = {name: pair for name, pair in unknowns().items() if facts[name] is None}
    grades = [
        label(max(0, min(100, int(points + sum(pair[place] for pair in open_points.values())))), MODEL.fit.grades)
        for place in (0, 1)
    ]
    found = counted(events)
    engaged = engagement(found, 0, reasons)
    fit_score, level = max(0, min(100, int(points))), label(engaged, MODEL.engagement.levels)
    widest = max(open_points, key=lambda name: open_points[name][1] - open_points[name][0], default=None)
    top = sorted(reasons, key=lambda reason: -abs(reason[0]))[:3]
    return {
        "fit_score": fit_score,
        "fit_grade": label(fit_score, MODEL.fit.grades),
        "engagement_score": engaged,
        "rating": label(fit_score, MODEL.fit.grades) + level,
        "next_fact": None if widest is None else widest.replace(".", " ").replace("_", " ").capitalize(),
        "reasons": " · ".join(f"{name} {points:+.0f}" for points, name in top if abs(points) >= 0.5),
        "valid_until": next_drop(found, level),
        "grade_worst": grades[0],
        "grade_best": grades[1],
    }


def planned(person: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any] | None:
    """What is to be written to a person's record, if it does not hold it."""
    held = {name: person[f"observed.{name}"] for name in CALLING}
    why = [name for name in CALLING if held[name] != (None if wanted[name] is None else str(wanted[name]))]
    if not why:
        return None
    key = "|".join(str(wanted[name]) for name in (*CALLING, "valid_until"))
    return wanted | {"why": ", ".join(why), "values_hash": hashlib.md5(key.encode(), usedforsecurity=False).hexdigest()}


def digest(scores: list[dict[str, Any]]) -> list[int]:
    """As `data.DIGEST`."""
    days = [(row["valid_until"] - data.TODAY.date()).days for row in scores if row["valid_until"]]
    facts = [row["next_fact"] for row in scores if row["next_fact"]]
    return [
        len(scores),
        sum(row["fit_score"] for row in scores),
        sum(row["engagement_score"] for row in scores),
        sum(ord(row["rating"][0]) * 100 + ord(row["rating"][1]) for row in scores),
        len(days),
        sum(days),
        sum(ord(row["grade_best"]) * 100 + ord(row["grade_worst"]) for row in scores),
        len(facts),
        sum(map(len, facts)),
    ]


def main() -> None:
    """Score and print what it took."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scoring.by_loop", description=__doc__)
    parser.add_argument("mirror", type=Path)
    parser.add_argument("--every", type=int, required=True, help="each so-manieth person")
    options = parser.parse_args()
    with data.mirror(options.mirror, memory_limit_mb=2000).open() as con:
        data.gather(con)
        account = Account()
        people = dicts(
            con, f"SELECT * FROM members JOIN store.records USING (crm, record_id) WHERE person % {options.every} = 0"
        )
        signatures = {row["signature"]: row for row in dicts(con, "SELECT * FROM store.signatures")}
        events: dict[int, list[dict[str, Any]]] = defaultdict(list)
        for row in dicts(
            con,
            "SELECT person, signature, occurred_at, count FROM store.facts JOIN owners_now USING (owner) "
            f"WHERE person % {options.every} = 0 AND occurred_at <= TIMESTAMP '{data.TODAY:%Y-%m-%d %H:%M}'",
        ):
            events[row["person"]].append(signatures[row["signature"]] | row)
        scores = [score(person, events[person["person"]]) for person in people]
        rows = filter(None, map(planned, people, scores))
        sorted(rows, key=lambda row: ("rating" not in row["why"], row["values_hash"]))
        account.close(digest(scores))


def dicts(con: Any, query: str) -> list[dict[str, Any]]:
    """The rows of a query."""
    return con.sql(query).to_arrow_table().to_pylist()  # type: ignore[no-any-return]


if __name__ == "__main__":
    main()
