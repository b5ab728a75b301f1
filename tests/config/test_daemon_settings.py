"""What the daemon works by: alerts and their secrets, the schedule's zone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from config.errors import ConfigError
from config.loading import load

if TYPE_CHECKING:
    from pathlib import Path

    from config.settings import Settings

TEXT = """\
hubspot: {}
schedule: {timezone: Europe/Warsaw}
alerts:
  webhook: {url: "https://hooks.acme.example/x", secret_file: key}
  mail: {host: mail.acme.example, sender: a@acme.example, to: [b@acme.example], username: leadgrade}
"""
TOKEN = {"LEADGRADE_HUBSPOT__ACCESS_TOKEN": "pat-eu1-canary"}
PASSWORD = {"LEADGRADE_ALERTS__MAIL__PASSWORD": "mail-canary"}


def settings_of(folder: Path, text: str, env: dict[str, str]) -> Settings:
    (folder / "leadgrade.yaml").write_text(text)
    return load(folder / "leadgrade.yaml", env)


def test_secrets_of_alerts_come_from_files_and_the_environment_and_are_struck_out(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("hook-canary\n")
    settings = settings_of(tmp_path, TEXT, TOKEN | PASSWORD)
    assert sorted(settings.secrets()) == ["hook-canary", "mail-canary", "pat-eu1-canary"]
    assert str(settings.schedule.zone) == "Europe/Warsaw"


@pytest.mark.parametrize(
    ("old", "new", "env", "said"),
    [
        ("secret_file: key", "", PASSWORD, "alerts.webhook.secret is missing"),
        ("secret_file: key", "", PASSWORD, "LEADGRADE_ALERTS__WEBHOOK__SECRET"),
        ("secret_file: key", "secret: canary", PASSWORD, "is a secret and may not stand in this file"),
        ("hubspot: {}", "hubspot: {}", {}, "alerts.mail.password is missing"),
        ("https://hooks", "http://hooks", PASSWORD, "plain http"),
        ("username: leadgrade", "security: none", {}, "plain SMTP"),
        ("Europe/Warsaw", "Europe/Atlantis", PASSWORD, "leadgrade.yaml:2: this is not a time zone."),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, old: str, new: str, env: dict[str, str], said: str) -> None:
    (tmp_path / "key").write_text("hook-canary")
    with pytest.raises(ConfigError) as caught:
        settings_of(tmp_path, TEXT.replace(old, new), TOKEN | env)
    assert said in str(caught.value)
    assert "canary" not in str(caught.value)
