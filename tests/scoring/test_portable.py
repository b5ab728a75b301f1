"""Every statement of the engine can be rendered for Spark, and reads what Spark is given; `tests/spark` runs them."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
import sqlglot
from sqlglot import exp

from config.attributes import BUILT_IN
from config.model import load_model
from scoring.engine import score
from scoring.portable import RELATIONS, rendered
from scoring.sql import DIALECT
from tests.scoring import rich
from tests.scoring.mirror import fill
from tests.scoring.strategies import AS_OF, ATTRIBUTES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from config.model import Model


class Heard:
    """A connection that keeps what is asked of it."""

    def __init__(self, con: Any) -> None:
        self._con = con
        self.statements: list[str] = []

    def execute(self, statement: str) -> Any:
        self.statements.append(statement)
        return self._con.execute(statement)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._con, name)


def shipped() -> Model:
    return load_model(Path(str(resources.files("config") / "presets" / "b2b-saas.yaml")), BUILT_IN)


@pytest.mark.parametrize(("model", "attributes"), [(shipped, BUILT_IN), (rich.model, ATTRIBUTES)], ids=["b2b", "rich"])
def test_every_statement_can_be_rendered_for_spark(model: Any, attributes: Mapping[str, str]) -> None:
    with duckdb.connect(":memory:") as con:
        con.execute("SET TimeZone = 'UTC'")
        fill(con, rich.crowd(10, 3), attributes)
        heard = Heard(con)
        score(heard, model(), AS_OF, attributes=attributes)
    made = {"incoming_rows"}
    for tree in (tree for text in heard.statements for tree in sqlglot.parse(text, read=DIALECT)):
        query = tree if isinstance(tree, exp.Query) else tree.args.get("expression")
        if isinstance(query, exp.Query):
            assert rendered(query)
            assert query.find(exp.GenerateSeries) is None, "sqlglot names its column in a way that Spark does not know"
            named = {table.name for table in query.find_all(exp.Table) if table.name}
            assert named - {cte.alias for cte in query.find_all(exp.CTE)} <= made | set(RELATIONS)
        if isinstance(tree, exp.Create):
            made.add(tree.find(exp.Table).name)
    assert len(made) > 20
