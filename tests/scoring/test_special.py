"""The special models: the engine against the oracle, and what a reader should know of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.engine import score
from tests.scoring.mirror import fill, ledger_of, scores_of
from tests.scoring.oracle_special import score_crowd
from tests.scoring.strategies import AS_OF, ATTRIBUTES, NOW, models
from tests.scoring.strategies_special import crowds, light_models, special_sections
from tests.scoring.test_oracle import COMPARED, model_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from config.model import Model
    from tests.scoring.oracle import Person


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET threads = 1")
        yield connection


def run(con: Any, model: Model, crowd: list[Person], *, seed: int | None = None) -> tuple[list, list]:
    fill(con, crowd, ATTRIBUTES, seed=seed)
    score(con, model, AS_OF, attributes=ATTRIBUTES)
    return scores_of(con), ledger_of(con, len(crowd))


@settings(COMPARED, max_examples=16)
@given(data=light_models(), sections=special_sections(), crowd=crowds(), seed=st.integers(0, 1000))
def test_engine_and_oracle_agree_in_any_order(
    con: Any, data: dict, sections: dict, crowd: list[Person], seed: int
) -> None:
    agree(con, model_of(data | sections), crowd, seed, ahead=False)


@settings(COMPARED, max_examples=4)
@given(data=models(), sections=special_sections(), crowd=crowds())
def test_they_agree_beside_everything_else(con: Any, data: dict, sections: dict, crowd: list[Person]) -> None:
    agree(con, model_of(data | sections), crowd, None, ahead=True)


def agree(con: Any, model: Model, crowd: list[Person], seed: int | None, *, ahead: bool) -> None:
    scores, ledger = run(con, model, crowd, seed=seed)
    left_out = set() if ahead else {"valid_until", "rating_until", "stage_until"}
    for number, (row, lines) in enumerate(score_crowd(model, crowd, NOW, ahead=ahead)):
        assert ledger[number] == sorted(lines, key=repr)
        got = {name: value for name, value in scores[number].items() if name not in left_out}
        assert got == {name: value for name, value in row.items() if value is not None}
    lines_sum_to_scores(con, scores)


def lines_sum_to_scores(con: Any, scores: list[dict[str, Any]]) -> None:
    sums: dict[tuple[int, str], int] = {}
    for person, axis, total in con.execute("SELECT person, axis, SUM(micro) FROM ledger GROUP BY ALL").fetchall():
        sums[person, axis] = total
    for number, row in enumerate(scores):
        for axis in ("fit", "engagement", "rfm", "bant", "account"):
            assert sums.get((number, axis), 0) == 1_000_000 * row.get(f"{axis}_score", 0)
        best = max((total for (person, axis), total in sums.items() if person == number and ":" in axis), default=0)
        assert best == 1_000_000 * row.get("affinity_score", 0)
