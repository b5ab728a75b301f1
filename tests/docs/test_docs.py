"""What the pages name is what the code has: commands, exit codes, settings, attributes, files."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

import config.errors
import connectors.errors
import sync.errors
from cli.app import BUG, app
from config.attributes import BUILT_IN, COMPUTED
from config.settings import AttributeSetting, Settings
from config.yaml_file import known_types
from sync.errors import Stopped

ROOT = Path(__file__).parents[2]
COMMANDS_PAGE = (ROOT / "docs" / "commands.md").read_text()
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def table(page: str, heading: str) -> list[list[str]]:
    """The cells of the first table under a heading, its own head left out."""
    section = page.split(f"\n## {heading}\n")[1].split("\n## ", maxsplit=1)[0]
    rows = [line.strip().strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


def test_commands() -> None:
    named = [row[0].strip("`").removeprefix("leadgrade ") for row in table(COMMANDS_PAGE, "Commands")]
    assert named == [command.callback.__name__ for command in app.registered_commands]


def test_exit_codes() -> None:
    def codes(kind: type[Any]) -> Iterator[int]:
        yield kind.exit_code
        for below in kind.__subclasses__():
            if below is not Stopped:
                yield from codes(below)

    of_errors = {
        code
        for base in (config.errors.ConfigError, connectors.errors.ConnectorError, sync.errors.SyncError)
        for code in codes(base)
    }
    # 0 and 1 are those of a report that no error ended.
    expected = sorted({0, 1, BUG} | of_errors)
    assert Stopped(15).exit_code == 128 + 15
    assert [row[0] for row in table(COMMANDS_PAGE, "Exit codes")] == [*map(str, expected), "128 + n"]


def leaves(model: type[BaseModel], above: str = "") -> Iterator[tuple[str, str]]:
    """Key and default of every setting, as the page writes them."""
    for name, info in model.model_fields.items():
        key = above + name
        sections = [
            kind
            for kind in known_types(model, (name,))
            if isinstance(kind, type) and issubclass(kind, BaseModel) and kind is not AttributeSetting
        ]
        if name == "attributes":
            yield from leaves(AttributeSetting, "attributes.<name>.")
        elif sections:
            yield from leaves(sections[0], f"{key}.")
        else:
            default = None if info.is_required() else info.default
            text = ", ".join(default) if isinstance(default, tuple) else "" if default is None else str(default)
            yield key, text.lower() if isinstance(default, bool) else text


def test_settings_and_their_defaults() -> None:
    named = {row[0].strip("`"): row[1].strip("`") for row in table(COMMANDS_PAGE, "Settings")}
    assert named == dict(leaves(Settings))


def test_attributes() -> None:
    sentence = COMMANDS_PAGE.split("Attributes known without a mapping:")[1]
    assert re.findall(r"`([^`]+)`", sentence) == [*COMPUTED, *BUILT_IN]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_and_pictures_exist(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text())
    missing = [target for target in targets if "://" not in target and not (page.parent / target).exists()]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_files_and_folders_named_exist(page: Path) -> None:
    named = re.findall(
        r"`((?:config|scoring|connectors|sync|insights|cli|sandbox|tests|docs)/[\w./-]*)`", page.read_text()
    )
    assert [path for path in named if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_spoken_of_exist(page: Path) -> None:
    known = {command.callback.__name__ for command in app.registered_commands}
    spoken_of = re.findall(r"`leadgrade ([^`]*)`", page.read_text())
    named = {re.sub(r"^(--\w+ [\w.]+ )+", "", words).split()[0] for words in spoken_of}
    assert {name for name in named if not name.startswith("--")} <= known
