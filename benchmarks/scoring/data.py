"""A mirror full of made-up people and activities, and a model of sixty rules to score them by.

Everything follows from hashes of row numbers, so that the same sizes give the same rows. 70 % of people ever do
anything, and how much they do is log-uniform: the keenest do a thousand times what the idlest do.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from config.attributes import BUILT_IN
from config.model import Model
from config.yaml_file import Document, validate
from connectors.clock import SystemClock
from scoring.facts import BASIC_FIELDS, OBSERVED_PREFIX
from sync import identity
from sync.mirror import views
from sync.mirror.store import Mirror
from sync.mirror.tables import quoted

TODAY: Final = datetime(2026, 6, 15, 6, tzinfo=UTC)
DAYS: Final = 730
ACTIVE: Final = 0.7
TYPES: Final = (
    "page_view", "email_open", "email_click", "form_submission", "download",
    "webinar_attended", "call", "chat", "email_reply", "unsubscribe",
)  # fmt: skip
URLS: Final = 200
CAMPAIGNS: Final = 50
SIGNATURES: Final = 1152
INDUSTRIES: Final = ("software", "fintech", "retail", "health", "energy", "education", "media", "travel")
TITLES: Final = (
    "CTO",
    "Head of IT",
    "Director",
    "Manager",
    "Engineer",
    "Student",
    "Analyst",
    "Founder",
    "Intern",
    "VP",
)
COUNTRIES: Final = ("DE", "AT", "CH", "FR", "IT", "PL", "SE", "UA", "GB", "US")
BATCH: Final = 5_000_000


def model() -> Model:
    """Thirty rules for activities (windows, half-lives, caps, groups, penalties) and thirty criteria for fit."""
    content = {
        "model": "bench",
        "fit": {"criteria": _criteria(), "grades": {"A": 60, "B": 40, "C": 25, "D": 5, "F": 0}},
        "engagement": {
            "decay": {"half_life": "90d"},
            "rules": [_rule(number) for number in range(30)],
            "groups": {"web": {"max": 50}, "mail": {"max": 40}, "talks": {"max": 60}},
            "levels": {"1": 75, "2": 50, "3": 25, "4": 0},
        },
    }
    return validate(Document(content, Path("bench.yaml"), {}), Model)


def _rule(number: int) -> dict[str, Any]:
    kind = TYPES[number % len(TYPES)]
    rule: dict[str, Any] = {"name": f"Rule {number}", "activity": kind, "points": 4 + number % 7}
    if kind in {"page_view", "email_click", "download"}:
        rule["when"] = {"url": {"path": f"/p{number % 9}*"}}
    elif number >= 10:
        rule["when"] = {"campaign": {"ends_with": str(number % 5)}}
    if number % 2:
        rule["group"] = ("web", "mail", "talks")[number % 3]
    if number % 5 == 2:
        rule["at_most"] = 10 + number
    if kind == "unsubscribe":
        return rule | {"points": -20 - number, "count": "first", "decay": "none"}
    if number % 3 == 0:
        rule["within"] = f"{90 + 10 * number}d"
    if number % 4 == 1:
        rule["decay"] = {"half_life": f"{30 + number}d"}
    return rule


def _criteria() -> list[dict[str, Any]]:
    industries = [
        {"name": f"Industry {industry}", "when": {"company.industry": industry}, "points": 2 + number}
        for number, industry in enumerate(INDUSTRIES)
    ]
    titles = [
        {"name": f"Title {title}", "when": {"job_title": {"contains": title}}, "points": 14 - 3 * number}
        for number, title in enumerate(TITLES)
    ]
    countries = [
        {"name": f"Country {country}", "when": {"country": country}, "points": 1 + number}
        for number, country in enumerate(COUNTRIES)
    ]
    size = {"name": "Size", "by": "company.employee_count", "bands": {50: 10, 250: 20, 5000: 5}}
    revenue = {"name": "Revenue", "by": "company.annual_revenue", "bands": {1_000_000: 5, 10_000_000: 12}}
    return [*industries, *titles, *countries, size, revenue]


def mirror(path: Path, *, memory_limit_mb: int, threads: int | None = None) -> Mirror:
    """The mirror at `path`."""
    return Mirror(
        path,
        types=BUILT_IN,
        mapping="",
        memory_limit_mb=memory_limit_mb,
        clock=SystemClock(),
        threads=threads,
    )


def fill(path: Path, people: int, activities: int) -> None:
    """Make a mirror of so many people, each with one HubSpot contact, and so many activities."""
    with mirror(path, memory_limit_mb=4000).open() as con:
        con.execute(
            f"""
            INSERT INTO store.records BY NAME
            SELECT 'hubspot' AS crm, 'contact' AS kind, CAST(n AS VARCHAR) AS record_id,
                   'p' || n || '@c' || n % 50000 || '.example' AS email,
                   TIMESTAMP '2024-01-01' AS created_at, TIMESTAMP '2026-06-01' AS modified_at,
                   {_pick("n * 7", TITLES)} AS "attr.job_title", {_pick("n * 11", COUNTRIES)} AS "attr.country",
                   {_pick("n * 13", INDUSTRIES)} AS "attr.company.industry",
                   CASE WHEN hash(n * 17) % 5 > 0 THEN CAST(hash(n * 19) % 8000 AS DOUBLE) END
                       AS "attr.company.employee_count",
                   CASE WHEN hash(n * 23) % 3 > 0 THEN CAST(hash(n * 29) % 50000000 AS DOUBLE) END
                       AS "attr.company.annual_revenue"
            FROM range(1, {people + 1}) r (n)
            """
        )
        con.execute(
            f"""
            INSERT INTO store.owners BY NAME
            SELECT CAST(n AS INTEGER) AS owner, hash(n) AS key, 'hubspot' AS crm, CAST(n AS VARCHAR) AS record_id
            FROM range(1, {int(people * ACTIVE) + 1}) r (n)
            """
        )
        con.execute(
            f"""
            INSERT INTO store.signatures BY NAME
            SELECT CAST(n AS INTEGER) AS signature, hash(n) AS key, {_pick("n", TYPES)} AS type,
                   'https://www.example.com/p' || hash(n * 3) % {URLS} AS url,
                   'campaign ' || hash(n * 5) % {CAMPAIGNS} AS campaign
            FROM range({SIGNATURES}) r (n)
            """
        )
        for start in range(0, activities, BATCH):
            con.execute(
                f"""
                INSERT INTO store.facts BY NAME
                SELECT hash(n) AS activity,
                       1 + CAST(FLOOR({int(people * ACTIVE) - 1}
                           * LN(1 + 999 * (hash(n * 31) % 10000000 / 10000000.0)) / LN(1000)) AS INTEGER) AS owner,
                       CAST(hash(n * 37) % {SIGNATURES} AS INTEGER) AS signature,
                       TIMESTAMP '2026-06-15' - INTERVAL 1 SECOND
                           * CAST(hash(n * 41) % {DAYS * 86400} AS BIGINT)
                           AS occurred_at,
                       TIMESTAMP '2026-06-15' AS seen_at, 1 AS count
                FROM range({start}, {min(start + BATCH, activities)}) r (n)
                """
            )


def _pick(seed: str, words: tuple[str, ...]) -> str:
    cases = " ".join(f"WHEN {place} THEN '{word}'" for place, word in enumerate(words))
    return f"CASE hash({seed}) % {len(words)} {cases} END"


def gather(con: Any) -> None:
    """Find out who is who and whose the activities are: what comes before scoring."""
    identity.resolve(con)
    views.build(con, precedence=("hubspot",))


DIGEST: Final = """
    SELECT COUNT(*), SUM(fit_score), SUM(engagement_score), SUM(ASCII(rating) * 100 + ASCII(SUBSTR(rating, 2))),
           COUNT(valid_until), SUM(DATE_DIFF('day', DATE '2026-06-15', valid_until)),
           SUM(ASCII(grade_best) * 100 + ASCII(grade_worst)), COUNT(next_fact), SUM(LENGTH(next_fact))
    FROM {table}
"""
"""By which two answers are seen to be the same."""


def observe(con: Any) -> None:
    """Let every record hold what ``scores`` says."""
    values = ", ".join(
        f"{quoted(OBSERVED_PREFIX + field.name)} = CAST(scores.{field.name} AS VARCHAR)" for field in BASIC_FIELDS
    )
    con.execute(
        f"UPDATE store.records SET {values} FROM scores JOIN members USING (person) "
        "WHERE members.record_id = records.record_id"
    )
