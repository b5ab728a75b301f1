"""The same scores by a plain Python loop: `python -m benchmarks.scoring.by_loop MIRROR --every N`.

Facts are taken out of the mirror as dictionaries; one person at a time is scored, rule by rule. Neither the day of the
next drop nor the plan is made.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks.scoring import data
from benchmarks.scoring.account import Account

if TYPE_CHECKING:
    from collections.abc import Callable

MODEL: Final = data.model()


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


def engagement(events: list[dict[str, Any]], reasons: list[tuple[float, str]]) -> float:
    """Points for what they do."""
    groups: dict[str | None, float] = defaultdict(float)
    for rule in MODEL.engagement.rules:
        half_life = (rule.decay or MODEL.engagement.decay).half_life
        points = 0.0
        for event in events:
            if event["type"] not in rule.activity or (rule.when is not None and not matches(rule.when, event)):
                continue
            age = (data.TODAY.date() - event["occurred_at"].date()).days
            if rule.within is not None and age >= rule.within:
                continue
            worth = rule.points[0] * (0.5 ** (age / half_life) if half_life else 1)
            points = rule.points[0] if rule.count.mode == "first" else points + worth * event["count"]
        cap = rule.at_most[0].points if rule.at_most else None
        if cap is not None:
            points = max(-cap, min(cap, points))
        groups[rule.group] += points
        reasons.append((points, rule.name))
    limits = {name: group.max[0].points for name, group in MODEL.engagement.groups.items()}
    return sum(min(points, limits.get(name or "", points)) for name, points in groups.items())


def main() -> None:
    """Score and print what it took."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scoring.by_loop", description=__doc__)
    parser.add_argument("mirror", type=Path)
    parser.add_argument("--every", type=int, required=True, help="each so-manieth person")
    options = parser.parse_args()
    with data.mirror(options.mirror, memory_limit_mb=2000).open() as con:
        data.gather(con)
        account = Account()
        totals = [0, 0, 0]
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
        for person in people:
            reasons: list[tuple[float, str]] = []
            facts = {name.removeprefix("attr."): value for name, value in person.items()}
            scores = [
                min(100, max(0, int(points + 0.5)))
                for points in (fit(facts, reasons), engagement(events[person["person"]], reasons))
            ]
            top = sorted(reasons, key=lambda reason: -abs(reason[0]))[:3]
            text = " · ".join(f"{name} {points:+.0f}" for points, name in top if abs(points) >= 0.5)
            totals = [totals[0] + scores[0], totals[1] + scores[1], totals[2] + len(text)]
        account.close([len(people), *totals])


def dicts(con: Any, query: str) -> list[dict[str, Any]]:
    """The rows of a query."""
    return con.execute(query).to_arrow_table().to_pylist()  # type: ignore[no-any-return]


if __name__ == "__main__":
    main()
