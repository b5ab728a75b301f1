"""Golden examples: people written into the model with what must come of them, run through the engine itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from config.attributes import BUILT_IN, COMPUTED
from config.model_condition_checks import AGO, days_ago
from scoring import sql
from scoring.engine import score
from scoring.facts import ATTRIBUTE_PREFIX

if TYPE_CHECKING:
    from collections.abc import Mapping

    from config.model import Model
    from config.model_sections import Example, Expected

AS_OF: Final = datetime(2026, 6, 15, 12, tzinfo=UTC)
"""The day of all examples: ages are relative, and dates can be written so, so that any day would do."""

COLUMNS: Final = {
    "fit": "fit_score", "grade": "fit_grade", "engagement": "engagement_score", "level": "level", "rating": "rating",
    "trend": "trend", "stage": "stage", "gate": "gate", "profile": "fit_profile", "skip": "skip",
}  # fmt: skip
"""What an example can expect -> the column of `scores`; some are there only for models that have the section."""

SQL_TYPES: Final = {"text": "VARCHAR", "number": "DOUBLE", "boolean": "BOOLEAN", "date": "TIMESTAMP"}


@dataclass(frozen=True)
class Failure:
    """An example that did not come out as written. `problems` say, for each field, what was expected and what came."""

    example: str
    problems: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.example}: {'; '.join(self.problems)}"


def run_examples(model: Model, attributes: Mapping[str, str] = BUILT_IN) -> list[Failure]:
    """Score the model's examples; the ones that fail, in the order of the file."""
    if not model.examples:
        return []
    import duckdb

    with duckdb.connect(":memory:") as con:
        con.execute("SET TimeZone = 'UTC'")
        create_relations(con, attributes)
        for person, example in enumerate(model.examples):
            _insert(con, person, example, attributes)
        score(con, model, AS_OF, attributes=attributes)
        rows = con.sql("SELECT * FROM scores ORDER BY person").to_arrow_table().to_pylist()
    results = [{name: row.get(column) for name, column in COLUMNS.items()} for row in rows]
    compared = [_problems(example.expect, got) for example, got in zip(model.examples, results, strict=True)]
    return [
        Failure(example.name, tuple(problems))
        for example, problems in zip(model.examples, compared, strict=True)
        if problems
    ]


def create_relations(con: Any, attributes: Mapping[str, str]) -> None:
    """Create the relations that the engine reads, empty: a mirror in small."""
    mapped = ", ".join(f"{sql.name(ATTRIBUTE_PREFIX + name)} {SQL_TYPES[kind]}" for name, kind in attributes.items())
    con.execute(
        f"""
        CREATE OR REPLACE TABLE people (
            person BIGINT, email VARCHAR, email_domain VARCHAR, created_at TIMESTAMP{", " + mapped if mapped else ""});
        CREATE OR REPLACE TABLE activities (
            person BIGINT, signature INTEGER, occurred_at TIMESTAMP, seen_at TIMESTAMP, count INTEGER,
            duration_s DOUBLE, since_send_s DOUBLE, flagged_machine BOOLEAN);
        CREATE OR REPLACE TABLE signatures (
            signature INTEGER, type VARCHAR, url VARCHAR, asset VARCHAR, campaign VARCHAR, user_agent VARCHAR);
        CREATE OR REPLACE TABLE previous_stages (person BIGINT, stage VARCHAR, since TIMESTAMP, held_until DATE);
        CREATE OR REPLACE TABLE outages (type VARCHAR, first_day DATE, last_day DATE);
        """
    )


def _insert(con: Any, person: int, example: Example, attributes: Mapping[str, str]) -> None:
    facts: dict[str, Any] = {**example.person, **{f"company.{name}": value for name, value in example.company.items()}}
    if "email" in facts and "email_domain" not in facts:
        facts["email_domain"] = str(facts["email"]).rpartition("@")[2].lower()
    columns = {name if name in COMPUTED else ATTRIBUTE_PREFIX + name: value for name, value in facts.items()}
    kinds = [(COMPUTED | dict(attributes))[name] for name in facts]
    values = [_fact(value, kind) for value, kind in zip(columns.values(), kinds, strict=True)]
    names = ", ".join(["person", *map(sql.name, columns)])
    marks = ", ".join(["?", *(f"CAST(? AS {SQL_TYPES[kind]})" for kind in kinds)])
    con.execute(f"INSERT INTO people ({names}) VALUES ({marks})", [person, *values])
    for number, activity in enumerate(example.activities):
        signature = person * 10_000 + number
        at = (AS_OF - timedelta(days=activity.days_ago, seconds=activity.earlier)).replace(tzinfo=None)
        con.execute(
            "INSERT INTO signatures VALUES (?, ?, ?, ?, ?, ?)",
            [signature, activity.type, activity.url, activity.asset, activity.campaign, activity.user_agent],
        )
        con.execute(
            "INSERT INTO activities VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [person, signature, at, at, activity.count, activity.duration_s, activity.since_send_s, activity.machine],
        )
    if example.stage is not None:
        con.execute("INSERT INTO previous_stages VALUES (?, ?, NULL, NULL)", [person, example.stage])


def _fact(value: Any, kind: str) -> Any:
    if kind == "date" and isinstance(value, str) and value.endswith(AGO):
        return (AS_OF - timedelta(days=days_ago(value))).replace(tzinfo=None)
    return value


def _problems(expect: Expected, got: Mapping[str, Any]) -> list[str]:
    problems = []
    for name in ("fit", "engagement"):
        wanted = getattr(expect, name)
        if wanted is None:
            continue
        for operator, bound in (("", wanted.is_), ("at least ", wanted.at_least), ("at most ", wanted.at_most)):
            if bound is not None and not _holds(operator, got[name], bound):
                problems.append(f"{name}: expected {operator}{bound:g}, got {_shown(got[name])}")
    for name in COLUMNS:
        if name in {"fit", "engagement"}:
            continue
        label = getattr(expect, name)
        if label is not None and label != got[name]:
            problems.append(f"{name}: expected {label}, got {_shown(got[name])}")
    return problems


def _holds(operator: str, value: float | None, bound: float) -> bool:
    if value is None:
        return False
    if operator == "at least ":
        return value >= bound
    return value <= bound if operator == "at most " else value == bound


def _shown(value: object) -> str:
    return "none" if value is None else str(value)
