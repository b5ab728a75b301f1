"""The engine against the oracle, over random models and random facts; and what must not change an answer."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from config.model import Model
from config.yaml_file import Document, validate
from scoring import crossing
from scoring.engine import score
from tests.scoring import oracle
from tests.scoring.mirror import fill, ledger_of, scores_of
from tests.scoring.strategies import AS_OF, ATTRIBUTES, NOW, TYPES, events, models, people
from tests.scoring.strategies_counting import outages

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from tests.scoring.oracle import Person

COMPARED = settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    phases=(Phase.generate,),  # add Phase.shrink when hunting a failure: it takes minutes
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)
Outage = tuple[str, "date", "date"]
Answer = tuple[list[dict[str, Any]], list[list[tuple]]]
FEWER = settings(COMPARED, max_examples=8)
crowd = st.lists(people(), min_size=1, max_size=6)


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET threads = 1")
        yield connection


def model_of(data: dict[str, Any]) -> Model:
    return validate(Document(data, Path("random.yaml"), {}), Model)


def run(
    con: Any, model: Model, crowd: list[Person], *, seed: int | None = None, outages: Sequence[Outage] = ()
) -> tuple[list[dict], list[list[tuple]]]:
    fill(con, crowd, ATTRIBUTES, seed=seed, outages=outages)
    score(con, model, AS_OF, attributes=ATTRIBUTES)
    return scores_of(con), ledger_of(con, len(crowd))


@COMPARED
@given(data=models(), crowd=crowd, lost=outages(TYPES, NOW.date()), questions=st.sampled_from([1, 40, crossing.FEW]))
def test_engine_and_oracle_agree(
    con: Any, data: dict[str, Any], crowd: list[Person], lost: list[Outage], questions: int
) -> None:
    """However many days are asked about at once to find that of the next drop."""
    model = model_of(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(crossing, "FEW", questions)
        scores, ledger = run(con, model, crowd, outages=lost)
    for number, person in enumerate(crowd):
        row, lines = oracle.score(model, person, NOW, lost)
        assert ledger[number] == sorted(lines, key=repr)
        assert scores[number] == {name: value for name, value in row.items() if value is not None}


@FEWER
@given(data=models(), crowd=crowd, seed=st.integers(0, 1000))
def test_order_of_rows_and_numbers_of_signatures_do_not_matter(
    con: Any, data: dict[str, Any], crowd: list[Person], seed: int
) -> None:
    model = model_of(data)
    assert run(con, model, crowd, seed=seed) == run(con, model, crowd)


@FEWER
@given(data=models(), crowd=crowd, late=st.lists(events(), max_size=3))
def test_late_events_count_as_if_they_had_come_in_time(
    con: Any, data: dict[str, Any], crowd: list[Person], late: list[oracle.Activity]
) -> None:
    """A score computed before they were seen changes nothing in the score computed after."""
    model = model_of(data)
    run(con, model, crowd)
    crowd[0].activities.extend(late)
    after = run(con, model, crowd)
    with duckdb.connect(":memory:") as fresh:
        assert run(fresh, model, crowd) == after


@FEWER
@given(data=models(), crowd=crowd)
def test_lines_sum_to_scores_exactly(con: Any, data: dict[str, Any], crowd: list[Person]) -> None:
    run(con, model_of(data), crowd)
    sums = con.execute(
        """
        SELECT s.person,
               COALESCE(s.fit_score, 0) * 1000000 - COALESCE(SUM(l.micro) FILTER (l.axis = 'fit'), 0),
               COALESCE(s.engagement_score, 0) * 1000000 - COALESCE(SUM(l.micro) FILTER (l.axis = 'engagement'), 0)
        FROM scores s LEFT JOIN ledger l ON l.person = s.person
        GROUP BY s.person, s.fit_score, s.engagement_score
        """
    ).fetchall()
    assert sorted(sums) == [(number, 0, 0) for number in range(len(crowd))]


@FEWER
@given(data=models(), crowd=crowd)
def test_scores_are_constant_through_a_day(con: Any, data: dict[str, Any], crowd: list[Person]) -> None:
    """Two runs on one UTC day write the same, unless something happened between them."""
    model = model_of(data)
    for person in crowd:
        person.activities = [event for event in person.activities if event.occurred_at.date() < NOW.date()]
    fill(con, crowd, ATTRIBUTES)
    score(con, model, AS_OF.replace(hour=0, minute=0), attributes=ATTRIBUTES)
    morning = scores_of(con), ledger_of(con, len(crowd))
    score(con, model, AS_OF.replace(hour=23, minute=59), attributes=ATTRIBUTES)
    assert (scores_of(con), ledger_of(con, len(crowd))) == morning


def test_dates_from_before_the_calendar_cost_no_table_of_all_days_since(con: Any) -> None:
    """The age is cut where no worth changes any more, which changes no score."""
    rules = [
        {"name": "For ever", "activity": "page_view", "points": 5, "decay": "none", "at_most": "10 per 7d"},
        {"name": "Steps", "activity": "page_view", "points": 3, "decay": {"steps": {"7d": 0.5, "30d": 0.25}}},
        {"name": "Window", "activity": "page_view", "points": 7, "within": "30d", "decay": "none"},
        {"name": "Half-life", "activity": "page_view", "points": 9, "decay": {"half_life": "7d"}},
        {"name": "Linear", "activity": "page_view", "points": -8, "decay": {"linear": "90d"}},
    ]
    model = model_of({"model": "old", "engagement": {"rules": rules}})
    dates = [datetime(1, 1, 1), datetime(1700, 5, 6), datetime(1969, 12, 27), datetime(1969, 12, 30)]  # noqa: DTZ001 - UTC
    ages = [0, 6, 7, 29, 30, 31, 89, 90, 91, 300]
    crowd = [oracle.Person({}, [oracle.Activity("page_view", at)]) for at in dates]
    crowd += [oracle.Person({}, [oracle.Activity("page_view", NOW - timedelta(days=age))]) for age in ages]
    crowd.append(oracle.Person({}, [oracle.Activity("page_view", at, count=2) for at in dates]))
    scores, ledger = run(con, model, crowd)
    for number, person in enumerate(crowd):
        row, lines = oracle.score(model, person, NOW)
        assert ledger[number] == sorted(lines, key=repr)
        assert scores[number] == {name: value for name, value in row.items() if value is not None}
    assert con.execute("SELECT count(*) FROM rule_ages").fetchall()[0][0] < 1000
