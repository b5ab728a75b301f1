import json
from collections.abc import Callable
from pathlib import Path

import pytest
from cli_runner import CREDENTIALS, leadgrade, pointing_at
from conftest import Sandbox

from cli.setup import write_starting_files
from config.attributes import attribute_types
from config.environment import overlay
from config.loading import load
from config.model import load_model
from config.settings import Settings
from connectors.clock import SystemClock
from scoring.golden import run_examples

FILES = ["leadgrade.yaml", "scoring.yaml", ".env.example"]


def test_init_writes_three_files_and_leaves_what_is_there_alone(tmp_path: Path) -> None:
    first = leadgrade("init", cwd=tmp_path)
    assert first.returncode == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(FILES)
    (tmp_path / "scoring.yaml").write_text("model: mine\n")
    (tmp_path / ".env.example").unlink()
    second = leadgrade("init", cwd=tmp_path)
    assert second.returncode == 0
    assert "leadgrade.yaml exists and was left alone" in second.stdout
    assert ".env.example written" in second.stdout
    assert (tmp_path / "scoring.yaml").read_text() == "model: mine\n"


def test_what_init_writes_can_be_used_as_it_is(tmp_path: Path) -> None:
    leadgrade("init", "new/folder", cwd=tmp_path)
    folder = tmp_path / "new" / "folder"
    own = CREDENTIALS | {"LEADGRADE_SALESFORCE__LOGIN_URL": "https://acme.my.salesforce.com"}
    settings = load(folder / "leadgrade.yaml", own)
    assert settings.crms == ("hubspot", "salesforce")
    model = load_model(settings.scoring, attribute_types(settings))
    assert run_examples(model) == []
    assert model.examples
    variables = [line.split("=")[0] for line in (folder / ".env.example").read_text().splitlines() if "=" in line]
    variables = [name for name in variables if not name.startswith("#")]
    for name in variables:
        [crm] = overlay(Settings, {name: "x"}).values()
        assert crm, f"{name} sets nothing"
    assert set(variables) == set(CREDENTIALS)


def test_schema_is_printed_or_written(tmp_path: Path) -> None:
    printed = leadgrade("schema", cwd=tmp_path)
    schema = json.loads(printed.stdout)
    assert {"gates", "fit", "engagement", "lifecycle", "examples"} <= schema["properties"].keys()
    written = leadgrade("schema", "--write", "model.schema.json", cwd=tmp_path)
    assert written.returncode == 0
    assert written.stdout == ""
    assert json.loads((tmp_path / "model.schema.json").read_text()) == schema


@pytest.mark.parametrize(
    "command", [("schema", "--write", "here"), ("rejects", "export", "--to", "here"), ("init", "here/leadgrade.yaml/x")]
)
def test_a_file_that_cannot_be_written_is_named(command: tuple[str, ...], tmp_path: Path) -> None:
    list(write_starting_files(tmp_path))
    list(write_starting_files(tmp_path / "here"))
    done = leadgrade(*command, cwd=tmp_path, env=CREDENTIALS)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"leadgrade: {command[-1]}: this cannot be written" in done.stderr


def test_the_starting_settings_ask_for_the_organisations_own_address(tmp_path: Path) -> None:
    list(write_starting_files(tmp_path))
    done = leadgrade("check", cwd=tmp_path, env=CREDENTIALS)
    assert done.returncode == 2
    assert "Set salesforce.login_url" in done.stderr


@pytest.fixture
def crms(sandbox: Callable[..., Sandbox], tmp_path: Path) -> Sandbox:
    leadgrade("init", cwd=tmp_path)
    return sandbox(people=30, now=SystemClock().now())


def test_check_says_what_is_missing_provision_makes_it_and_check_is_content(crms: Sandbox, tmp_path: Path) -> None:
    env = pointing_at(crms)
    before = leadgrade("check", "--output", "json", cwd=tmp_path, env=env)
    assert before.returncode == 3
    failed = [row for row in json.loads(before.stdout) if row["level"] == "fail"]
    assert any("leadgrade_rating" in row["what"] for row in failed)
    assert any("Lead.Leadgrade_Rating__c" in row["what"] for row in failed)
    assert all("leadgrade provision" in row["finding"] for row in failed)

    # To learn whether contacts may be written, and properties made, an update and a creation of nothing are tried.
    assert {call.body for call in crms.shared.journal.writes()} == {b'{"inputs": []}'}
    crms.shared.journal.clear()
    dry = leadgrade("provision", "--dry-run", "--output", "json", cwd=tmp_path, env=env)
    assert dry.returncode == 0
    assert {row["status"] for row in json.loads(dry.stdout)} == {"would create"}
    assert crms.shared.journal.writes() == []

    made = leadgrade("provision", "--output", "json", cwd=tmp_path, env=env)
    assert {row["status"] for row in json.loads(made.stdout)} == {"created"}
    again = leadgrade("provision", "--output", "json", cwd=tmp_path, env=env)
    assert {row["status"] for row in json.loads(again.stdout)} == {"exists"}

    after = leadgrade("check", cwd=tmp_path, env=env)
    assert after.returncode == 0, after.stdout
    assert "0 to mend" in after.stdout
    assert "12345678" in after.stdout


def test_settings_says_where_each_value_comes_from_and_hides_secrets(tmp_path: Path) -> None:
    list(write_starting_files(tmp_path))
    done = leadgrade("settings", "--output", "json", cwd=tmp_path, env=CREDENTIALS)
    rows = {row["key"]: row for row in json.loads(done.stdout)}
    assert rows["hubspot.access_token"]["source"] == "LEADGRADE_HUBSPOT__ACCESS_TOKEN"
    assert rows["salesforce.daily_share"]["source"].startswith("leadgrade.yaml:")
    assert rows["hubspot.base_url"]["source"] == "default"
    assert not any(secret in done.stdout for secret in ("pat-sandbox-leadgrade", "sandbox-secret"))
