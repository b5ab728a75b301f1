"""What `leadgrade explain` shows of a model with every section."""

from datetime import UTC
from typing import Any

import duckdb
import pytest

from cli.context import Output
from cli.explanation import show_explanation
from insights.explain import Explanation, Line, Record, Scores
from scoring.engine import score
from scoring.facts import fields_of
from tests.scoring import rich
from tests.scoring.mirror import fill
from tests.scoring.strategies import AS_OF, ATTRIBUTES

AXES = ("fit", "engagement", "rfm", "bant", "affinity", "account")
TITLES = ("Fit", "Engagement", "RFM", "BANT", "Affinity for A", "Affinity for B", "Account")


def explained(con: Any) -> Explanation:
    """The person of the crowd who is told a product, with lines on most axes."""
    fill(con, rich.crowd(20, 7), ATTRIBUTES)
    score(con, rich.model(), AS_OF, attributes=ATTRIBUTES)
    most = """
        SELECT person FROM ledger JOIN scores USING (person) WHERE product IS NOT NULL
        GROUP BY person ORDER BY count(DISTINCT axis) DESC, person"""
    person = con.execute(most).fetchall()[0][0]
    ledger = con.execute("SELECT * EXCLUDE person FROM ledger WHERE person = ?", [person]).fetchall()
    row = con.sql(f"SELECT * FROM scores WHERE person = {person}").to_arrow_table().to_pylist()[0]
    lines = [
        Line(axis, rule, kind, micro / 1e6, times, None if last is None else last.replace(tzinfo=UTC))
        for axis, rule, kind, micro, times, last in sorted(ledger, key=lambda line: AXES.index(line[0].split(":")[0]))
    ]
    further = {field.name: row[field.name] for field in fields_of(rich.model()) if field.section}
    scores = Scores(**{name: row[name] for name in Scores.__dataclass_fields__})
    return Explanation(AS_OF, [Record("hubspot", "contact", "1", None, None)], scores, lines, [], further)


def test_each_axis_has_its_table_and_each_table_its_sum(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with duckdb.connect(":memory:", config={"threads": 1}) as con:
        found = explained(con)
    show_explanation(found, Output.TABLE)
    shown = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert [line for line in shown if line in TITLES] == list(TITLES)
    sums = [float(line.split()[-1]) for line in shown if line.startswith("Score ")]
    scores = [found.sum_of(axis) for axis in found.axes]
    assert sums == scores
    assert scores[:2] == [found.scores.fit_score, found.scores.engagement_score]
    for line in ("RFM code:", "BANT met:", "Product of interest:", "Account score:", "Combined ratings:", "Hand-off:"):
        assert any(one.startswith(line) for one in shown), line
