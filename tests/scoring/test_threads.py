"""Threads: what several of them do at once comes out as what one does alone."""

from __future__ import annotations

import duckdb

from scoring.engine import score
from tests.scoring import rich
from tests.scoring.mirror import fill, ledger_of, scores_of
from tests.scoring.strategies import AS_OF, ATTRIBUTES


def test_threads_do_not_matter() -> None:
    """All sections at once; each thread gets a few rows at a time, so that a small crowd is spread over them all."""
    crowd, model = rich.crowd(150, 7), rich.model()
    answers = []
    for threads in (1, 2, 8):
        with duckdb.connect(":memory:", config={"threads": threads}) as fresh:
            fresh.execute("PRAGMA verify_parallelism")
            fill(fresh, crowd, ATTRIBUTES, seed=threads)
            score(fresh, model, AS_OF, attributes=ATTRIBUTES)
            answers.append((scores_of(fresh), ledger_of(fresh, len(crowd))))
    assert answers[0] == answers[1] == answers[2]
    rows, lines = answers[0]
    for field in ("rating", "stage", "rfm_code", "bant_met", "product", "account_score", "ratings", "trend_reason"):
        assert len({row[field] for row in rows if field in row}) >= 2, field
    kinds = {(axis.split(":")[0], kind.split(":")[0]) for one in lines for axis, _, kind, *_ in one}
    assert {("engagement", kind) for kind in ("folded", "machine", "group_cap", "inactivity", "decay")} <= kinds
    assert {axis for axis, _ in kinds} == {"fit", "engagement", "rfm", "bant", "affinity", "account"}
    rules = {rule for one in lines for axis, rule, kind, *_ in one if (axis, kind) == ("engagement", "points")}
    assert rules == {rule["name"] for rule in rich.RULES}
