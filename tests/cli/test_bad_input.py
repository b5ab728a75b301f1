"""What is wrong ends with its exit code, a message that says what, where and what to do, and no write."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cli_runner import leadgrade, pointing_at
from conftest import Sandbox

from cli.setup import write_starting_files
from connectors.clock import SystemClock

NOWHERE = "http://127.0.0.1:9"  # the discard service's port: nobody listens


@dataclass(frozen=True)
class Case:
    """A change to a set-up that works, and what comes of it."""

    exit_code: int
    says: list[str]  # what, where, what to do
    model: tuple[str, str] = ("", "")  # a line of scoring.yaml, and what stands there instead
    settings: tuple[str, str] = ("", "")
    env: dict[str, str | None] = field(default_factory=dict)  # None takes a variable away
    crm: Callable[[Sandbox], object] = lambda _crms: None


CASES = {
    "model: typo": Case(
        2,
        [r"scoring\.yaml:\d+: unknown key 'critera' in 'fit'\.", "Did you mean 'criteria'"],
        model=("criteria:", "critera:"),
    ),
    "model: unknown attribute": Case(
        2,
        [r"scoring\.yaml:\d+: ", "'job_titel'", "Did you mean 'job_title'"],
        model=("job_title", "job_titel"),
    ),
    "model: impossible threshold": Case(
        2, [r"scoring\.yaml:\d+: ", "100"], model=("engagement: {at_least: 35}", "engagement: {at_least: 135}")
    ),
    "model: bad regular expression": Case(
        2, [r"scoring\.yaml:\d+: ", "regular expression"], model=(r"matches: '\b(", r"matches: '\b((")
    ),
    "model: no file": Case(
        2, [r"absent\.yaml: there is no such file", "leadgrade init"], env={"LEADGRADE_SCORING": "absent.yaml"}
    ),
    "settings: missing secret": Case(
        2,
        ["salesforce.client_secret is missing", "Set LEADGRADE_SALESFORCE__CLIENT_SECRET"],
        env={"LEADGRADE_SALESFORCE__CLIENT_SECRET": None},
    ),
    "settings: secret in the file": Case(
        2,
        [r"leadgrade\.yaml:\d+: 'access_token' is a secret", "set LEADGRADE_HUBSPOT__ACCESS_TOKEN"],
        settings=("hubspot:", "hubspot:\n  access_token: pat-canary"),
    ),
    "settings: secret not copied as it is": Case(
        2,
        ["LEADGRADE_HUBSPOT__ACCESS_TOKEN: this holds a character that no token", "Copy the whole"],
        env={"LEADGRADE_HUBSPOT__ACCESS_TOKEN": "pat-eu1-canary…"},
    ),
    "settings: state kept in a file": Case(
        2, [r"folder .*scoring\.yaml cannot be made", r"Set store\.path"], env={"LEADGRADE_STORE__PATH": "scoring.yaml"}
    ),
    "settings: journal in a database nobody knows": Case(
        2,
        ["cannot be kept in nosuch", r"Check store\.journal_url"],
        env={"LEADGRADE_STORE__JOURNAL_URL": "nosuch://u:canary@127.0.0.1/x"},
    ),
    "settings: typo": Case(
        2, [r"leadgrade\.yaml:\d+: unknown key 'writs'", "Did you mean 'writes'"], settings=("writes:", "writs:")
    ),
    "settings: no file": Case(
        2, [r"absent\.yaml: there is no such file", "leadgrade init"], env={"LEADGRADE_CONFIG": "absent.yaml"}
    ),
    "wrong token": Case(3, ["hubspot: ", "token"], env={"LEADGRADE_HUBSPOT__ACCESS_TOKEN": "pat-eu1-canary"}),
    "wrong client secret": Case(3, ["salesforce: "], env={"LEADGRADE_SALESFORCE__CLIENT_SECRET": "canary"}),
    "missing scope": Case(
        3,
        ["hubspot: ", r"crm\.objects\.contacts\.read"],
        crm=lambda crms: crms.portal.scopes.discard("crm.objects.contacts.read"),
    ),
    "wrong portal": Case(
        2,
        ["hubspot: ", "12345678", "pinned to 87654321", r"hubspot\.portal_id"],
        env={"LEADGRADE_HUBSPOT__PORTAL_ID": "87654321"},
    ),
    "wrong organisation": Case(
        2, ["salesforce: ", r"salesforce\.org_id"], env={"LEADGRADE_SALESFORCE__ORG_ID": "00D000000000002"}
    ),
    "HubSpot unreachable": Case(
        5, ["hubspot: ", "no connection", "address"], env={"LEADGRADE_HUBSPOT__BASE_URL": NOWHERE}
    ),
    "Salesforce unreachable": Case(
        5, ["salesforce: ", "login: no connection", "address"], env={"LEADGRADE_SALESFORCE__LOGIN_URL": NOWHERE}
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_each_ends_with_its_code_and_message_and_nothing_is_written(
    case: Case, sandbox: Callable[..., Sandbox], tmp_path: Path
) -> None:
    crms = sandbox(people=20, now=SystemClock().now())
    list(write_starting_files(tmp_path))
    env = pointing_at(crms)
    _edit(tmp_path / "scoring.yaml", *case.model)
    _edit(tmp_path / "leadgrade.yaml", *case.settings)
    case.crm(crms)
    changed = {name: value for name, value in (env | case.env).items() if value is not None}

    done = leadgrade("sync", cwd=tmp_path, env=changed)

    assert done.returncode == case.exit_code, done.stderr
    message = "\n".join(line for line in done.stderr.splitlines() if line.startswith("leadgrade: "))
    assert [words for words in case.says if not re.search(words, message)] == [], message
    assert "Traceback" not in done.stderr + done.stdout
    assert "canary" not in done.stderr + done.stdout
    assert crms.shared.journal.writes() == []


def _edit(path: Path, line: str, instead: str) -> None:
    if line:
        text = path.read_text()
        assert line in text
        path.write_text(text.replace(line, instead, 1))


def test_a_port_that_is_taken_is_said(sandbox: Callable[..., Sandbox], tmp_path: Path) -> None:
    taken = sandbox().hubspot_url.rsplit(":", 1)[1]
    done = leadgrade("sandbox", "--people", "5", "--port-hubspot", taken, "--port-salesforce", "0", cwd=tmp_path)
    assert done.returncode == 2
    assert "port" in done.stderr
    assert "Traceback" not in done.stderr
