"""Golden examples: people written into the model with what must come of them, run through the engine itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from config.attributes import BUILT_IN, COMPUTED
from config.model_values import AGO, days_ago
from scoring import sql
from scoring.deals import tell_deals
from scoring.engine import score
from scoring.facts import ATTRIBUTE_PREFIX

if TYPE_CHECKING:
    from collections.abc import Mapping

    from config.model import Model
    from config.model_sections import Example, ExampleDeal, Expected

AS_OF: Final = datetime(2026, 6, 15, 12, tzinfo=UTC)
"""The day of all examples: ages are relative, and dates can be written so, so that any day would do."""

NUMBERS: Final = {
    "fit": "fit_score", "engagement": "engagement_score", "rfm_score": "rfm_score", "bant": "bant_score",
    "product_share": "product_share", "account": "account_score", "role_coverage": "role_coverage",
}  # fmt: skip
LABELS: Final = {
    "grade": "fit_grade", "level": "level", "rating": "rating", "trend": "trend", "stage": "stage", "gate": "gate",
    "profile": "fit_profile", "skip": "skip",
    "rfm": "rfm_code", "segment": "rfm_segment", "bant_met": "bant_met", "bant_status": "bant_status",
    "product": "product", "next_content": "next_content", "buying_role": "buying_role",
    "missing_roles": "missing_roles",
}  # fmt: skip
"""What an example can expect -> column of `scores`."""

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
        add_deal_events(con)
        score(con, model, AS_OF, attributes=attributes)
        results = con.sql("SELECT * FROM scores ORDER BY person").to_arrow_table().to_pylist()
    compared = [_problems(model, example.expect, got) for example, got in zip(model.examples, results, strict=True)]
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
        CREATE OR REPLACE TABLE stage_entries (person BIGINT, stage VARCHAR, entries BIGINT);
        CREATE OR REPLACE TABLE outages (type VARCHAR, first_day DATE, last_day DATE);
        CREATE OR REPLACE TABLE deals (
            person BIGINT, amount DOUBLE, currency VARCHAR, is_won BOOLEAN, is_closed BOOLEAN,
            created_at TIMESTAMP, closed_at TIMESTAMP, products VARCHAR[]);
        CREATE OR REPLACE TABLE deal_roles (person BIGINT, role VARCHAR);
        CREATE OR REPLACE TABLE account_people (person BIGINT, account VARCHAR);
        CREATE OR REPLACE VIEW everyones_activities AS SELECT person, signature, occurred_at, seen_at FROM activities;
        """
    )


def add_deal_events(con: Any) -> None:
    """Add to the activities what `deals` tell, as the mirror does."""
    tell_deals(con)
    con.execute(
        """
        INSERT INTO signatures BY NAME SELECT signature, type, asset FROM deal_signatures;
        INSERT INTO activities BY NAME
        SELECT person, signature, occurred_at, occurred_at AS seen_at, 1 AS count FROM deal_events;
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
    for deal in example.deals:
        con.execute("INSERT INTO deals VALUES (?, ?, ?, ?, ?, ?, ?, ?)", [person, *_deal(deal)])
        if deal.role is not None:
            con.execute("INSERT INTO deal_roles VALUES (?, ?)", [person, deal.role.strip().lower()])
    account = facts.get("company.domain") or facts.get("email_domain")
    if account is not None:
        con.execute("INSERT INTO account_people VALUES (?, ?)", [person, str(account).lower()])
    if example.stage is not None:
        con.execute("INSERT INTO previous_stages VALUES (?, ?, NULL, NULL)", [person, example.stage])
    for stage, entries in example.entries.items():
        con.execute("INSERT INTO stage_entries VALUES (?, ?, ?)", [person, stage, entries])


def _deal(deal: ExampleDeal) -> list[Any]:
    """Values in the order of the columns of `deals`, from the amount on."""
    closed = _at(deal.closed) if deal.closed is not None else None
    created = _at(deal.created) if deal.created is not None else closed or _at(0)
    products = [deal.product] if deal.product is not None else []
    return [deal.amount, deal.currency, deal.won, closed is not None, created, closed, products]


def _at(days: int) -> datetime:
    return (AS_OF - timedelta(days=days)).replace(tzinfo=None)


def _fact(value: Any, kind: str) -> Any:
    if kind == "date" and isinstance(value, str) and value.endswith(AGO):
        return _at(days_ago(value))
    return value


def _problems(model: Model, expect: Expected, got: Mapping[str, Any]) -> list[str]:
    problems = []
    for name, column in NUMBERS.items():
        wanted = getattr(expect, name)
        if wanted is None:
            continue
        value = got.get(column)
        for operator, bound in (("", wanted.is_), ("at least ", wanted.at_least), ("at most ", wanted.at_most)):
            if bound is not None and not _holds(operator, value, bound):
                problems.append(f"{name}: expected {operator}{bound:g}, got {_shown(value)}")
    labels = {name: (getattr(expect, name), got.get(column)) for name, column in LABELS.items()}
    ratings = [rating.name for rating in model.ratings]
    labels |= {
        name: (label, got.get(f"rating_{ratings.index(name)}")) for name, label in (expect.ratings or {}).items()
    }
    for name, (label, value) in labels.items():
        if label is not None and label != value:
            problems.append(f"{name}: expected {label}, got {_shown(value)}")
    return problems


def _holds(operator: str, value: float | None, bound: float) -> bool:
    if value is None:
        return False
    if operator == "at least ":
        return value >= bound
    return value <= bound if operator == "at most " else value == bound


def _shown(value: object) -> str:
    return "none" if value is None else str(value)
