"""What the pages of docs/model/ show is a model that loads, and its example comes out as written."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

from config.attributes import BUILT_IN
from config.model import checked_model
from config.model_conditions import OPERATORS
from config.yaml_file import parse
from scoring.golden import run_examples

DOCS = Path(__file__).parents[2] / "docs"
PAGES = [page.read_text(encoding="utf-8") for page in sorted((DOCS / "model").glob("*.md"))]
SETTINGS = "# leadgrade.yaml\n"
"""What a block begins with that is no part of a model."""
BLOCKS = [
    block
    for page in PAGES
    for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    if not block.startswith(SETTINGS)
]
RULES = [block for block in BLOCKS if block.startswith("rules:")]
CONDITIONS = [line for block in BLOCKS for line in block.splitlines() if line.startswith("when:")]


def test_the_sections_of_the_pages_make_a_model_whose_example_passes() -> None:
    sections = [block for block in BLOCKS if not block.startswith(("when:", "rules:", "writes:"))]
    text = "\n".join([*sections, "rating: {matrix: grade x level}", "trend: {over: 14d, rising: 10, cooling: -10}"])
    model = checked_model(parse(text, Path("scoring.yaml")), BUILT_IN)
    assert len(model.examples) == 1
    assert run_examples(model) == []


def test_the_sections_of_the_page_of_special_models_make_a_model_whose_examples_pass() -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", (DOCS / "special.md").read_text(encoding="utf-8"), re.DOTALL)
    model = checked_model(parse("\n".join(["model: special", *blocks]), Path("scoring.yaml")), BUILT_IN)
    assert len(model.examples) == 2
    assert run_examples(model) == []


@pytest.mark.parametrize("rules", RULES)
def test_the_rules_of_the_pages_load(rules: str) -> None:
    text = "model: page\nengagement:\n" + textwrap.indent(rules, "  ")
    assert checked_model(parse(text, Path("scoring.yaml")), BUILT_IN).engagement.rules


@pytest.mark.parametrize("condition", CONDITIONS)
def test_the_conditions_of_the_pages_load(condition: str) -> None:
    text = (
        f"model: page\nlists: {{free_mail: preset}}\ngates:\n  - name: One\n    effect: disqualify\n    {condition}\n"
    )
    assert checked_model(parse(text, Path("scoring.yaml")), BUILT_IN).gates


def test_every_operator_is_on_the_page() -> None:
    text = (DOCS / "model" / "conditions.md").read_text(encoding="utf-8")
    assert [name for name in OPERATORS if f"`{name}" not in text] == []
