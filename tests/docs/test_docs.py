"""What the pages name is what the code has: commands, exit codes, settings, attributes, files.

The reference is made from the code; the site's build finds broken links between pages (`make docs`).
"""

import re
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.exit_codes import EXITS, SIGNALS
from config.attributes import BUILT_IN, COMPUTED
from config.settings import Settings
from config.yaml_file import parse, validate
from connectors.hubspot import permissions as hubspot
from connectors.salesforce import permissions as salesforce
from docs.generator.commands import error_classes, names
from docs.generator.pages import PAGES as REFERENCE
from docs.generator.settings import keys
from insights.metrics import METRICS
from scoring.facts import OUTPUT_FIELDS
from sync.errors import Stopped
from sync.report import Part

ROOT = Path(__file__).parents[2]
MADE = {ROOT / "docs" / "reference" / f"{name}.md" for name in REFERENCE}
PAGES = [ROOT / "README.md", *sorted(set((ROOT / "docs").rglob("*.md")) - MADE)]
SETTINGS = {key for key, _ in keys()}
every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def test_every_setting_says_what_it_means() -> None:
    assert [key for key, info in keys() if not info.description] == []


def test_every_field_of_the_record_says_what_it_means() -> None:
    parts = {part.__name__: part.model_fields | part.model_computed_fields for part in Part.__subclasses__()}
    assert [
        (part, name) for part, fields in parts.items() for name, info in fields.items() if not info.description
    ] == []


def test_every_command_says_what_it_does_with_an_example() -> None:
    text = REFERENCE["commands"]()
    assert [name for name in names() if f"Example: leadgrade {name}" not in text] == []


def test_every_error_ends_with_a_code_that_the_page_explains() -> None:
    known = {each.code for each in EXITS}
    codes = {kind.__name__: kind.exit_code for kind in error_classes() if not issubclass(kind, Stopped)}
    assert {name: code for name, code in codes.items() if code not in known} == {}
    assert Stopped(15).exit_code == SIGNALS + 15


@pytest.mark.parametrize(
    ("page", "named"),
    [
        ("settings", sorted(SETTINGS)),
        ("attributes", [*COMPUTED, *BUILT_IN]),
        ("fields", [f"leadgrade_{field.name}" for field in OUTPUT_FIELDS]),
        ("permissions", [right.name for right in (*hubspot.SCOPES, *salesforce.PERMISSIONS)]),
        ("metrics", [*METRICS]),
        ("errors", [kind.__name__ for kind in error_classes()]),
    ],
)
def test_the_reference_names_all_there_is(page: str, named: list[str]) -> None:
    rows = re.findall(r"^\| (.*) \|$", REFERENCE[page](), flags=re.MULTILINE)
    cells = {cell.strip("`* ") for row in rows for cell in row.split(" | ")}
    assert set(named) <= cells


@pytest.mark.parametrize("make", REFERENCE.values(), ids=REFERENCE)
def test_a_page_of_the_reference_has_a_table_or_a_help(make: Callable[[], str]) -> None:
    assert re.search(r"^\| --- |^```text", make(), flags=re.MULTILINE)


def test_links_and_pictures_of_the_readme_exist() -> None:
    targets = re.findall(r"\]\(([^)#]+)[^)]*\)", (ROOT / "README.md").read_text())
    assert [target for target in targets if "://" not in target and not (ROOT / target).exists()] == []


@every_page
def test_files_and_folders_named_exist(page: Path) -> None:
    named = re.findall(
        r"`((?:config|scoring|connectors|sync|insights|cli|sandbox|tests|docs|deploy)/[\w./-]*)`", page.read_text()
    )
    made = {str(path.relative_to(ROOT)) for path in MADE} | {"docs/_site/"}
    assert [path for path in named if path not in made and not (ROOT / path).exists()] == []


@every_page
def test_commands_spoken_of_exist(page: Path) -> None:
    known = {name.split()[0] for name in names()}
    spoken_of = re.findall(r"`leadgrade ([^`]*)`", page.read_text())
    named = {re.sub(r"^(--\w+ [\w.]+ )+", "", words).split()[0] for words in spoken_of}
    assert {name for name in named if not name.startswith("--")} <= known


@every_page
def test_settings_spoken_of_exist(page: Path) -> None:
    """Keys with a dot whose first word is a section: `writes.guard.max_share`, and the sections themselves."""
    sections = {key.rsplit(".", maxsplit=1)[0] for key in SETTINGS if "." in key}
    known = SETTINGS | sections | {".".join(key.split(".")[:n]) for key in SETTINGS for n in range(1, 4)}
    tops = {key.split(".")[0] for key in SETTINGS if "." in key} - {"attributes"}
    named = re.findall(rf"`((?:{'|'.join(sorted(tops))})\.[a-z_0-9.]+[a-z_0-9])", page.read_text())
    assert sorted({name for name in named if not name.endswith((".py", ".md"))} - known) == []


@every_page
def test_environment_variables_spoken_of_are_settings(page: Path) -> None:
    known = {"CONFIG", *(key.upper().replace(".", "__") for key in SETTINGS)}
    named = set(re.findall(r"LEADGRADE_([A-Z0-9_]*[A-Z0-9])\b", page.read_text()))
    assert named <= known


@every_page
def test_metrics_and_fields_spoken_of_exist(page: Path) -> None:
    known = {*METRICS, *(f"leadgrade_{field.name}" for field in OUTPUT_FIELDS)}
    assert set(re.findall(r"`(leadgrade_[a-z_]+)`", page.read_text())) <= known


def test_the_guide_to_hubspot_names_every_scope() -> None:
    table = (ROOT / "docs" / "how-to" / "hubspot.md").read_text().split("## Scopes")[1].split("\n## ")[0]
    named = re.findall(r"^\| `([^`]+)` \|", table, flags=re.MULTILINE)
    scopes = [scope for scope in hubspot.SCOPES if scope is not hubspot.EVENT_OCCURRENCES]
    assert named == [scope.name for scope in scopes]
    assert all(scope.setting in table for scope in scopes)


def test_the_guide_to_salesforce_names_every_right() -> None:
    text = " ".join((ROOT / "docs" / "how-to" / "salesforce.md").read_text().split())
    system = [
        right.name for right in (salesforce.API_ENABLED, salesforce.VIEW_SETUP, *salesforce.PROVISIONING.values())
    ]
    objects = [access.right for access in salesforce.READING if access.right.name.startswith("Read on ")]
    labels = [salesforce.LABELS[right.name.removeprefix("Read on ")] for right in objects]
    assert [name for name in [*system, "Access Activities", *labels] if name not in text] == []


SETTINGS_BLOCKS = [
    (page, block)
    for page in PAGES
    if page.parent.name == "how-to"
    for block in re.findall(r"^ *```yaml\n(.*?)^ *```", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    if not block.lstrip().startswith("examples:")
]


@pytest.mark.parametrize(("page", "block"), SETTINGS_BLOCKS, ids=lambda value: getattr(value, "stem", ""))
def test_settings_shown_in_the_guides_can_be_used(page: Path, block: str) -> None:
    text = textwrap.dedent(block).replace("…", "000000000001")
    assert validate(parse(text, page), Settings)
