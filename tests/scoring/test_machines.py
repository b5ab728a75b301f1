"""What tells machines from people, sign by sign."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from tests.scoring.oracle_conditions import Activity
from tests.scoring.test_visits import DAY, run

if TYPE_CHECKING:
    from collections.abc import Iterator

RULES = [
    {"name": "Click", "activity": "email_click", "points": 5, "unless": "machine"},
    {"name": "Open", "activity": "email_open", "points": 1, "unless": "machine"},
]
MAIL = {"campaign": "Spring"}


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:") as connection:
        yield connection


def click(second: float = 0, url: str = "/a", **facts: Any) -> Activity:
    return Activity("email_click", DAY + timedelta(seconds=second), url=url, **MAIL | facts)


def opened(second: float = 0, **facts: Any) -> Activity:
    return Activity("email_open", DAY + timedelta(seconds=second), **MAIL | facts)


SCAN = {"since_send_s": 1.0}
CLICK, OPEN = ("Click", "points", 5, 1), ("Open", "points", 1, 1)


@pytest.mark.parametrize(
    ("section", "activities", "lines"),
    [
        ({}, [click()], [CLICK]),  # pictures are off: one sign is not enough
        ({}, [click(**SCAN)], [("Click", "machine: fast+no_open", 0, 1)]),
        ({}, [opened(), click(**SCAN)], [CLICK, OPEN]),
        ({}, [click(), opened(60)], [CLICK, OPEN]),
        ({}, [click(**SCAN), opened(61)], [("Click", "machine: fast+no_open", 0, 1), OPEN]),
        ({}, [click(**SCAN, user_agent="Mimecast")], [("Click", "machine: fast+user_agent", 0, 1)]),
        ({}, [click(n, f"/{n}") for n in range(3)], [("Click", "machine: many_links+no_open", 0, 3)]),
        ({}, [opened(-9), *(click(n, f"/{n}") for n in range(3))], [("Click", "points", 15, 3), OPEN]),
        ({"needed": 1, "links": 2}, [opened(-9), click(), click(1, "/b")],
         [("Click", "machine: many_links", 0, 2), OPEN]),
        ({"needed": 1, "signs": ["fast"], "fast": 10}, [click(since_send_s=9.5)], [("Click", "machine: fast", 0, 1)]),
        ({"signs": ["fast", "user_agent"]}, [click(**SCAN)], [CLICK]),
        ({}, [click(flagged_machine=True)], [("Click", "machine: crm_flag", 0, 1)]),
        ({"crm_flag": "sign"}, [opened(), click(flagged_machine=True)], [CLICK, OPEN]),
        ({"crm_flag": "sign"}, [click(flagged_machine=True)], [("Click", "machine: crm_flag+no_open", 0, 1)]),
        ({"crm_flag": "ignored"}, [click(flagged_machine=True)], [CLICK]),
        ({}, [opened(user_agent="mozilla/5.0")], [("Open", "machine: privacy_open", 0, 1)]),
        ({}, [opened(user_agent="Mozilla/5.0 (Windows NT 10.0)")], [OPEN]),
        ({"privacy_opens": "person"}, [opened(user_agent="Mozilla/5.0")], [OPEN]),
    ],
)  # fmt: skip
def test_the_verdict_and_its_reason(
    con: Any, section: dict[str, Any], activities: list[Activity], lines: list[tuple]
) -> None:
    assert run(con, RULES, *activities, machine=section)[1] == lines


def test_privacy_opens_can_count_for_less(con: Any) -> None:
    behind = {"user_agent": {"in": "$privacy_user_agents"}}
    rules = [*RULES, {"name": "Behind a proxy", "activity": "email_open", "points": 0.5, "when": behind}]
    lines = run(con, rules, opened(user_agent="Mozilla/5.0"), lists={"privacy_user_agents": "preset"})[1]
    assert ("Behind a proxy", "points", 0.5, 1) in lines
    assert ("Open", "machine: privacy_open", 0, 1) in lines


def test_a_verdict_changes_when_more_is_known(con: Any) -> None:
    """The third link comes to light a day later, and the first two turn out to be a scanner's."""
    assert run(con, RULES, click(), click(1, "/b"))[1] == [("Click", "points", 10, 2)]
    assert run(con, RULES, click(), click(1, "/b"), click(2, "/c"))[1] == [
        ("Click", "machine: many_links+no_open", 0, 3)
    ]  # fmt: skip
