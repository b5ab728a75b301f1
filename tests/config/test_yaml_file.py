from pathlib import Path
from typing import Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, model_validator

from config.errors import ConfigError, ConfigErrors
from config.yaml_file import Document, Misfit, parse, read, validate


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class When(Strict):
    at_least: int | None = None
    in_: list[str] | None = Field(default=None, alias="in")


class Rule(Strict):
    name: str
    points: int
    when: dict[str, When | str] = {}

    @model_validator(mode="after")
    def _sane(self) -> "Rule":
        if self.points > 100:
            raise Misfit("points above 100 can never count.", loc=("points",), remedy="Use 100 or less.")
        return self


class Card(Strict):
    title: str = ""
    mode: Literal["sum", "max"] = "sum"
    rules: list[Rule] = []
    nested: Rule | None = None


def document(text: str) -> Document:
    return parse(text, Path("card.yaml"))


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigErrors) as caught:
        validate(document(text), Card)
    return caught.value.problems


def test_words_of_yaml_1_1_stay_text_and_scalars_are_plain() -> None:
    data = document("country: no\nswitch: on\nyes: 010\nflag: true\nsize: 1_000\nshare: 0.5\nnothing: null\n").data
    assert data == {
        "country": "no", "switch": "on", "yes": 10, "flag": True, "size": 1000, "share": 0.5, "nothing": None,
    }  # fmt: skip
    assert [type(data[key]) for key in ("country", "yes", "flag", "share")] == [str, int, bool, float]


def test_every_key_and_item_knows_its_line() -> None:
    read = document("title: x\nrules:\n  - name: a\n    points: 1\n  - {name: b,\n     points: 2}\n")
    assert read.line_of(("title",)) == 1
    assert read.line_of(("rules", 0, "points")) == 4
    assert read.line_of(("rules", 1)) == 5
    assert read.line_of(("rules", 1, "points")) == 6
    assert read.line_of(("rules", 1, "absent")) == 5
    assert read.line_of(("rules", 1, "Union tag", "points")) == 6


def test_merged_keys_take_the_line_of_what_holds_them() -> None:
    read = document("base: &base {name: a, points: 1}\nrules:\n  - <<: *base\n    points: 2\n")
    assert read.data["rules"] == [{"name": "a", "points": 2}]
    assert read.line_of(("rules", 0, "name")) == 3
    assert read.line_of(("rules", 0, "points")) == 4


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "'a' stands here a second time"),
        ("rules:\n  - {name: x\ntitle: y\n", 3, "not YAML"),
        ("a: 1\n\tb: 2\n", 2, "a tab stands here. YAML is indented with spaces alone."),
        ("- a\n- b\n", 1, "no mapping"),
        ("just text\n", 1, "no mapping"),
    ],
)
def test_what_is_not_sound_yaml_is_refused_with_its_line(text: str, line: int, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as caught:
        document(text)
    assert caught.value.line == line
    assert str(caught.value).startswith(f"card.yaml:{line}: ")


def test_a_missing_file_and_a_folder_and_a_binary_say_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        read(tmp_path / "absent.yaml")
    with pytest.raises(ConfigError, match="folder"):
        read(tmp_path)
    (tmp_path / "latin.yaml").write_bytes(b"name: caf\xe9\n")
    with pytest.raises(ConfigError, match="UTF-8"):
        read(tmp_path / "latin.yaml")


def test_an_empty_file_is_an_empty_mapping() -> None:
    assert validate(document("# nothing yet\n"), Card) == Card()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("titel: x\n", ["card.yaml:1: unknown key 'titel'. Did you mean 'title'?"]),
        (
            "rules:\n  - name: a\n    pionts: 3\n",
            [
                "card.yaml:2: 'points' is missing in 'rules[0]'. Add it.",
                "card.yaml:3: unknown key 'pionts' in 'rules[0]'. Did you mean 'points'?",
            ],
        ),
        (
            "nested: {name: a, points: 1, nam: b}\n",
            ["card.yaml:1: unknown key 'nam' in 'nested'. Did you mean 'name'?"],
        ),
        (
            "rules:\n  - {name: a, points: 1, when: {title: {at_last: 3}}}\n",
            ["card.yaml:2: unknown key 'at_last' in 'rules[0].when.title'. Did you mean 'at_least'?"],
        ),
        (
            "rules:\n  - name: a\n    points: 1\n    when:\n      title: {ni: [x]}\n",
            ["card.yaml:5: unknown key 'ni' in 'rules[0].when.title'. Known here: at_least, in."],
        ),
        ("mode: avg\n", ["card.yaml:1: 'mode' should be 'sum' or 'max'."]),
        (
            "rules:\n  - {name: a, points: many}\n",
            ["card.yaml:2: 'rules[0].points' should be a valid integer, unable to parse string as an integer."],
        ),
        (
            "rules:\n  - name: a\n    points: 101\n",
            ["card.yaml:3: points above 100 can never count. Use 100 or less."],
        ),
    ],
)
def test_problems_name_place_and_remedy(text: str, expected: list[str]) -> None:
    assert problems(text) == expected


def test_all_problems_come_at_once_in_the_order_of_the_file() -> None:
    found = problems("mode: avg\nrules:\n  - {name: a, points: x}\n  - {name: b, points: 1, wen: {}}\ntitl: y\n")
    assert [problem.split(": ")[0] for problem in found] == ["card.yaml:1", "card.yaml:3", "card.yaml:4", "card.yaml:5"]


def test_no_problem_repeats_the_value() -> None:
    assert not any("hunter2" in problem for problem in problems("mode: hunter2\nrules: [{name: a, points: hunter2}]\n"))
