"""Every line of the table of features names a test, and that test exists."""

import ast
import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs" / "model" / "features.md"


def test_every_line_names_a_test_that_exists() -> None:
    sections = dict(section.split("\n", 1) for section in PAGE.read_text(encoding="utf-8").split("\n## ")[1:])
    lines = [line for name in sections if name != "Not offered" for line in sections[name].splitlines()]
    rows = [line for line in lines if line.startswith("| ") and not line.startswith("| you want")]
    named = [re.findall(r"`([\w/]+\.py)::(\w+)`", row.rsplit("|", 2)[1]) for row in rows]
    assert len(rows) > 80
    assert [row for row, tests in zip(rows, named, strict=True) if not tests] == []
    known = {file: _functions(file) for tests in named for file, _ in tests}
    assert [f"{file}::{test}" for tests in named for file, test in tests if test not in known[file]] == []


def _functions(file: str) -> set[str]:
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
