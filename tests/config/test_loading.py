from pathlib import Path

import pytest

from config.attributes import attribute_types
from config.errors import ConfigError
from config.loading import load, origins
from config.settings import Settings

BOTH = """\
hubspot: {portal_id: 12345678}
salesforce:
  login_url: https://acme.my.salesforce.com
  client_id: 3MVG9
"""
SECRETS = {"LEADGRADE_HUBSPOT__ACCESS_TOKEN": "pat-eu1-canary", "LEADGRADE_SALESFORCE__CLIENT_SECRET": "sf-canary"}


def settings_file(folder: Path, text: str) -> Path:
    path = folder / "leadgrade.yaml"
    path.write_text(text)
    return path


def settings_of(folder: Path, text: str, env: dict[str, str] | None = None) -> Settings:
    return load(settings_file(folder, text), SECRETS if env is None else env)


def refusal(folder: Path, text: str, env: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        settings_of(folder, text, env)
    assert caught.value.exit_code == 2
    problems = [problem.replace(f"{folder}/", "") for problem in caught.value.problems]
    assert not any("canary" in problem for problem in problems)
    return problems


def test_file_and_environment_together(tmp_path: Path) -> None:
    env = SECRETS | {
        "LEADGRADE_HUBSPOT__BASE_URL": "http://127.0.0.1:8080/",
        "LEADGRADE_HUBSPOT__FORMS": "false",
        "LEADGRADE_WRITES__GUARD__MAX_SHARE": "0.5",
        "LEADGRADE_PRECEDENCE": '["hubspot"]',
        "LEADGRADE_CONFIG": "elsewhere.yaml",
        "LEADGRADE_HUBSPOT__PORTAL_ID": "",
        "HOME": "/root",
    }
    settings = settings_of(tmp_path, BOTH, env)
    assert settings.crms == ("hubspot", "salesforce")
    assert settings.hubspot is not None
    assert settings.hubspot.portal_id == 12345678
    assert settings.hubspot.base_url == "http://127.0.0.1:8080"
    assert settings.hubspot.forms is False
    assert settings.hubspot.access_token is not None
    assert settings.hubspot.access_token.get_secret_value() == "pat-eu1-canary"
    assert settings.writes.guard.max_share == 0.5
    assert settings.precedence == ("hubspot",)
    assert sorted(settings.secrets()) == ["pat-eu1-canary", "sf-canary"]


def test_relative_paths_start_at_the_file(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, BOTH + "scoring: models/b2b.yaml\nstore: {path: ../state}\n")
    assert settings.scoring == tmp_path / "models/b2b.yaml"
    assert settings.store.path == tmp_path / "../state"
    assert settings_of(tmp_path, BOTH).store.path == tmp_path / ".leadgrade"
    assert settings_of(tmp_path, BOTH + "scoring: /etc/model.yaml\n").scoring == Path("/etc/model.yaml")


def test_a_crm_without_a_section_is_not_used_and_the_environment_alone_can_set_one_up(tmp_path: Path) -> None:
    assert settings_of(tmp_path, "hubspot: {}\n", {"LEADGRADE_HUBSPOT__ACCESS_TOKEN": "t"}).crms == ("hubspot",)
    assert settings_of(tmp_path, "", {"LEADGRADE_HUBSPOT__ACCESS_TOKEN": "t"}).crms == ("hubspot",)
    assert settings_of(tmp_path, "hubspot:\n", {"LEADGRADE_HUBSPOT__ACCESS_TOKEN": "t"}).crms == ("hubspot",)


def test_a_secret_may_come_from_a_file_and_the_environment_goes_first(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-file\n")
    text = "hubspot: {access_token_file: token}\n"
    from_file = settings_of(tmp_path, text, {})
    assert from_file.secrets() == ["from-file"]
    assert settings_of(tmp_path, text, {"LEADGRADE_HUBSPOT__ACCESS_TOKEN": "from-env"}).secrets() == ["from-env"]


def test_the_journals_url_may_come_from_a_file(tmp_path: Path) -> None:
    url = "postgresql://leadgrade:canary@db/leadgrade"
    (tmp_path / "url").write_text(f"{url}\n")
    settings = settings_of(tmp_path, BOTH + "store: {journal_url_file: url}\n")
    assert settings.store.journal_url == url
    assert ":canary@" in settings.secrets()


def test_what_is_only_looked_at_needs_no_credentials(tmp_path: Path) -> None:
    path = settings_file(tmp_path, BOTH)
    assert load(path, {}, credentials=False).crms == ("hubspot", "salesforce")


def test_a_moved_attribute_keeps_its_type(tmp_path: Path) -> None:
    text = BOTH + "attributes:\n  company.employee_count: {hubspot: staff}\n  tier: {hubspot: tier}\n"
    types = attribute_types(settings_of(tmp_path, text))
    assert (types["company.employee_count"], types["tier"]) == ("number", "text")


@pytest.mark.parametrize(
    ("text", "env", "expected"),
    [
        pytest.param(
            "hubspot:\n  acess_token_file: x\n",
            {},
            ["leadgrade.yaml:2: unknown key 'acess_token_file' in 'hubspot'. Did you mean 'access_token_file'?"],
            id="typo",
        ),
        pytest.param(
            "hubspot:\n  access_token: pat-canary\n",
            {},
            [
                (
                    "leadgrade.yaml:2: 'access_token' is a secret and may not stand in this file. Remove it here "
                    "(renew it if others saw the file) and set LEADGRADE_HUBSPOT__ACCESS_TOKEN in the environment, or "
                    "name a file that holds it as 'access_token_file'."
                )
            ],
            id="secret in the file",
        ),
        pytest.param(
            BOTH + "store: {journal_url: 'postgresql+psycopg://leadgrade:canary@db/leadgrade'}\n",
            {},
            [
                (
                    "leadgrade.yaml:5: 'journal_url' is a secret and may not stand in this file. Remove it here (renew "
                    "it if others saw the file) and set LEADGRADE_STORE__JOURNAL_URL in the environment, "
                    "or name a file that holds it as 'journal_url_file'."
                )
            ],
            id="password in a URL",
        ),
        pytest.param(
            "hubspot: {}\n",
            {},
            [
                (
                    "leadgrade.yaml: hubspot.access_token is missing: the service key's or private app's token. Set "
                    "LEADGRADE_HUBSPOT__ACCESS_TOKEN in the environment, or name a file that holds it as "
                    "hubspot.access_token_file."
                )
            ],
            id="no token",
        ),
        pytest.param(
            "hubspot: {client_id: c}\n",
            {"LEADGRADE_HUBSPOT__CLIENT_SECRET": "canary"},
            [
                (
                    "leadgrade.yaml: hubspot.refresh_token is missing: part of the OAuth credentials. Set "
                    "LEADGRADE_HUBSPOT__REFRESH_TOKEN in the environment, or name a file that holds it as "
                    "hubspot.refresh_token_file."
                )
            ],
            id="OAuth half done",
        ),
        pytest.param(
            "salesforce: {client_id: c}\n",
            {"LEADGRADE_SALESFORCE__CLIENT_SECRET": "canary"},
            [
                (
                    "leadgrade.yaml: the client credentials flow is not offered on https://login.salesforce.com. Set "
                    "salesforce.login_url (or LEADGRADE_SALESFORCE__LOGIN_URL) to your My Domain, "
                    "https://<yours>.my.salesforce.com."
                )
            ],
            id="shared login host",
        ),
        pytest.param(
            "salesforce: {auth: jwt, client_id: c, private_key_file: key.pem}\n",
            {},
            [
                (
                    "leadgrade.yaml: salesforce.username is missing: the integration user of the JWT flow. Set "
                    "LEADGRADE_SALESFORCE__USERNAME in the environment."
                ),
                (
                    "leadgrade.yaml: there is no file key.pem. salesforce.private_key_file names the PEM file of the "
                    "JWT flow's private key."
                ),
            ],
            id="JWT half done",
        ),
        pytest.param(
            "hubspot:\n  base_url: http://api.hubapi.com\n",
            {},
            [
                (
                    "leadgrade.yaml:2: plain http would show the credentials to the network. Use https:// (http:// is "
                    "for this machine only, 127.0.0.1)."
                )
            ],
            id="plain http",
        ),
        pytest.param(
            "hubspot: {}\n",
            {"LEADGRADE_HUBSPOT__BASE_URL": "http://127.0.0.1.rival.example"},
            [
                (
                    "LEADGRADE_HUBSPOT__BASE_URL: plain http would show the credentials to the network. Use https:// "
                    "(http:// is for this machine only, 127.0.0.1)."
                )
            ],
            id="plain http by environment to a host that only looks like loopback",
        ),
        pytest.param(
            "hubspot: {}\n",
            {"LEADGRADE_HUBSPOT__PORTAL_ID": "canary"},
            [
                (
                    "LEADGRADE_HUBSPOT__PORTAL_ID: 'hubspot.portal_id' should be a valid integer, unable to parse "
                    "string as an integer."
                )
            ],
            id="number that is none, by environment",
        ),
        pytest.param(
            "hubspot: {}\n",
            {"LEADGRADE_PRECEDENCE": "hubspot"},
            [
                (
                    "environment: a LEADGRADE_… variable does not hold what its key takes. Lists and mappings are "
                    "written as JSON."
                )
            ],
            id="list that is none, by environment",
        ),
        pytest.param(
            "hubspot: {}\n",
            {"LEADGRADE_HUBSPOTT__PORTAL_ID": "1"},
            ["LEADGRADE_HUBSPOTT__PORTAL_ID: this variable sets nothing. Did you mean 'LEADGRADE_HUBSPOT__PORTAL_ID'?"],
            id="typo in a variable's section",
        ),
        pytest.param(
            "hubspot: {}\n",
            {"LEADGRADE_HUBSPOT__PORTALID": "1"},
            ["LEADGRADE_HUBSPOT__PORTALID: unknown key 'portalid' in 'hubspot'. Did you mean 'portal_id'?"],
            id="typo in a variable's key",
        ),
        pytest.param(
            BOTH + "schedule: {sync: hourly}\n",
            {},
            [
                (
                    "leadgrade.yaml:5: this is not a schedule. "
                    'Write five fields, such as "*/10 * * * *" for every ten minutes.'
                )
            ],
            id="schedule",
        ),
        pytest.param(
            BOTH + "attributes:\n  email_domain: {hubspot: x}\n",
            {},
            ["leadgrade.yaml:6: 'email_domain' is known of every person and cannot be mapped. Choose another name."],
            id="computed attribute",
        ),
        pytest.param(
            "store: {}\n",
            {},
            ["leadgrade.yaml: no CRM is set up. Add a `hubspot:` or a `salesforce:` section, or both."],
            id="no CRM",
        ),
        pytest.param(
            "hubspot: {access_token_file: absent}\n",
            {},
            [
                (
                    "the file absent that 'access_token_file' names cannot be read (No such file or directory). Mend "
                    "the path or the file."
                )
            ],
            id="secret file that is missing",
        ),
    ],
)
def test_what_is_wrong_is_said_with_place_and_remedy(
    tmp_path: Path, text: str, env: dict[str, str], expected: list[str]
) -> None:
    assert refusal(tmp_path, text, env) == expected


@pytest.mark.parametrize("word", ["no", "on", "0", "1", "'true '", "''", "null", "FALSEY"])
def test_a_switch_takes_only_true_and_false(tmp_path: Path, word: str) -> None:
    [problem] = refusal(tmp_path, BOTH + f"writes:\n  enabled: {word}\n")
    assert problem == "leadgrade.yaml:6: a switch is either true or false. Write true or false."


def test_effective_settings_say_where_they_come_from_and_hide_secrets(tmp_path: Path) -> None:
    path = settings_file(tmp_path, BOTH)
    rows = {row.key: (row.value, row.source) for row in origins(path, SECRETS | {"LEADGRADE_WRITES__ENABLED": "false"})}
    assert rows["hubspot.portal_id"] == ("12345678", "leadgrade.yaml:1")
    assert rows["salesforce.login_url"] == ("https://acme.my.salesforce.com", "leadgrade.yaml:3")
    assert rows["hubspot.base_url"] == ("https://api.hubapi.com", "default")
    assert rows["writes.enabled"] == ("false", "LEADGRADE_WRITES__ENABLED")
    assert rows["hubspot.access_token"] == ("**********", "LEADGRADE_HUBSPOT__ACCESS_TOKEN")
    assert "canary" not in str(rows)


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("LEADGRADE_HUBSPOT_ACCESS_TOKEN", "LEADGRADE_HUBSPOT__ACCESS_TOKEN"),
        ("leadgrade_write__guard__max_share", "LEADGRADE_WRITES__GUARD__MAX_SHARE"),
    ],
)
def test_a_variable_that_sets_nothing_comes_with_the_one_that_was_meant(
    variable: str, meant: str, tmp_path: Path
) -> None:
    assert refusal(tmp_path, BOTH, SECRETS | {variable: "x"}) == [
        f"{variable}: this variable sets nothing. Did you mean {meant!r}?"
    ]


@pytest.mark.parametrize("text", ["hubspot: 3\n", "hubspot: [a]\n"])
def test_a_section_spelled_wrongly_is_told_though_the_environment_sets_keys_of_it(text: str, tmp_path: Path) -> None:
    [problem] = refusal(tmp_path, text)
    assert problem.startswith("leadgrade.yaml:1: 'hubspot' should be")


@pytest.mark.parametrize("token", ["pat-eu1-canary…", "pat-eu1-cana\nry", "pat-eu1-cänary"])
def test_a_secret_that_was_not_copied_as_it_is_is_refused_before_it_is_sent(token: str, tmp_path: Path) -> None:
    said = "this holds a character that no token or secret has, such as … or a line break. Copy the whole of it"
    [problem] = refusal(tmp_path, "hubspot: {}\n", {"LEADGRADE_HUBSPOT__ACCESS_TOKEN": token})
    assert problem.startswith(f"LEADGRADE_HUBSPOT__ACCESS_TOKEN: {said}")
    (tmp_path / "token").write_text(token)
    [problem] = refusal(tmp_path, "hubspot: {access_token_file: token}\n", {})
    assert problem.startswith(f"token: {said}")


@pytest.mark.parametrize("version", ["v67.0", "67", "67.5", "latest"])
def test_a_version_that_salesforce_never_had_is_refused(version: str, tmp_path: Path) -> None:
    [problem] = refusal(
        tmp_path, f"salesforce: {{client_id: x, login_url: https://a.my.salesforce.com, api_version: '{version}'}}"
    )
    assert problem.endswith("this is not a version of Salesforce's API. Write it as 67.0.")


def test_an_attribute_must_stand_in_a_crm_but_a_built_in_one_may_change_its_type_alone(tmp_path: Path) -> None:
    [problem] = refusal(tmp_path, BOTH + "attributes:\n  budget: {type: number}\n")
    assert problem.startswith("leadgrade.yaml:6: 'budget' stands in neither CRM and would always be unknown. Name the")
    settings = settings_of(tmp_path, BOTH + "attributes:\n  seniority: {type: number}\n")
    assert attribute_types(settings)["seniority"] == "number"


def test_an_attributes_name_fits_the_field_that_may_show_it(tmp_path: Path) -> None:
    longest, longer = "n" * 98 + "\U0001f680", "n" * 99 + "\U0001f680"
    assert longest in settings_of(tmp_path, f"{BOTH}attributes:\n  {longest}: {{hubspot: x}}\n").attributes
    [problem] = refusal(tmp_path, f"{BOTH}attributes:\n  {longer}: {{hubspot: x}}\n")
    assert problem.startswith("leadgrade.yaml:6: an attribute's name of more than 100 characters")


def test_a_path_through_a_file_is_no_settings_file(tmp_path: Path) -> None:
    settings_file(tmp_path, BOTH)
    with pytest.raises(ConfigError, match=r"cannot be read \(Not a directory\)"):
        load(tmp_path / "leadgrade.yaml" / "x", SECRETS)
