"""The engine against the oracle, over random models and random facts; and what must not change an answer."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from config.model import Model
from config.yaml_file import Document, validate
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from scoring.engine import score

from tests.scoring import oracle
from tests.scoring.mirror import fill, ledger_of, scores_of
from tests.scoring.strategies import AS_OF, ATTRIBUTES, NOW, models, people

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.scoring.oracle import Person

COMPARED = settings(
    max_examples=120,
    deadline=None,
    derandomize=True,
    phases=(Phase.generate,),  # add Phase.shrink when hunting a failure: it takes minutes
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)
crowd = st.lists(people(), min_size=1, max_size=5)


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET threads = 1")
        yield connection


def model_of(data: dict[str, Any]) -> Model:
    return validate(Document(data, Path("random.yaml"), {}), Model)


def run(con: Any, model: Model, crowd: list[Person], *, seed: int | None = None) -> tuple[list[dict], list[list[tuple]]]:
    fill(con, crowd, ATTRIBUTES, seed=seed)
    score(con, model, AS_OF, attributes=ATTRIBUTES)
    return scores_of(con), ledger_of(con, len(crowd))


@COMPARED
@given(data=models(), crowd=crowd)
def test_engine_and_oracle_agree(con: Any, data: dict[str, Any], crowd: list[Person]) -> None:
    model = model_of(data)
    scores, ledger = run(con, model, crowd)
    for number, person in enumerate(crowd):
        row, lines = oracle.score(model, person, NOW)
        assert ledger[number] == sorted(lines, key=repr)
        assert scores[number] == {name: value for name, value in row.items() if value is not None}
