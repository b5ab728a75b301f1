"""Loading leadgrade.yaml: the file, the environment laid over it, secrets from their files, credentials complete."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import SecretStr

from config.environment import secret_from_file, secrets_in_file, variable, with_environment
from config.errors import ConfigError, ConfigErrors
from config.setting_values import Section
from config.settings import HubSpotSettings, SalesforceSettings, Settings
from config.yaml_file import did_you_mean, known_keys, known_places, known_types, read, validate

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from config.yaml_file import Document, Loc

S = TypeVar("S", bound=Section)

SHARED_LOGIN_HOSTS = ("https://login.salesforce.com", "https://test.salesforce.com")
"""The client credentials flow is not offered there, only on an org's own My Domain (Salesforce's documentation)."""


@dataclass(frozen=True)
class Origin:
    """One effective setting: its key, its value (a secret as stars) and where it was set."""

    key: str
    value: str
    source: str


def load(path: Path, env: Mapping[str, str], *, credentials: bool = True) -> Settings:
    """The settings in the file at `path` with those of `env` laid over them; relative paths start at the file.

    With `credentials` off the CRMs' sections need not be complete: enough to look at what is stored. Raises
    ConfigErrors with every problem, each with its file and line or its environment variable.
    """
    settings, _ = _load(path, env)
    missing = list(_missing_credentials(path, settings)) if credentials else []
    if missing:
        raise ConfigErrors(missing)
    return settings


def origins(path: Path, env: Mapping[str, str]) -> list[Origin]:
    """Every effective setting and where it comes from. Raises as `load` does, incomplete credentials aside."""
    settings, document = _load(path, env)
    rows = []
    for loc, value in _leaves((), settings.model_dump(mode="json")):
        source = f"{path.name}:{document.lines[loc]}" if loc in document.lines else "default"
        # As the file would have it: JSON is YAML, too.
        text = value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False)
        rows.append(Origin(".".join(map(str, loc)), text, document.elsewhere.get(loc, source)))
    return rows


def _leaves(loc: Loc, value: Any) -> Iterator[tuple[Loc, Any]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _leaves((*loc, key), inner)
    else:
        yield loc, value


def _load(path: Path, env: Mapping[str, str]) -> tuple[Settings, Document]:
    document = read(path)
    if secrets := secrets_in_file(document, Settings):
        raise ConfigErrors(secrets)
    if unknown := list(_unknown_variables(env)):
        raise ConfigErrors(unknown)
    document = with_environment(document, Settings, env)
    settings = _anchored(validate(document, Settings), path.absolute().parent)
    return _with_secret_files(settings), document


def _unknown_variables(env: Mapping[str, str]) -> Iterator[ConfigError]:
    for name in env:
        key = name.upper().removeprefix("LEADGRADE_").split("__")[0].lower()
        if name.upper().startswith("LEADGRADE_") and key not in {"config", *Settings.model_fields}:
            known = [variable(loc) for loc in known_places(Settings)]
            yield ConfigError("this variable sets nothing.", file=name, remedy=did_you_mean(name.upper(), known))


def _anchored(section: S, base: Path) -> S:
    """The section with every relative path in it made absolute from `base`."""
    changes: dict[str, Any] = {}
    for name, value in section:
        if isinstance(value, Path):
            changes[name] = base / value.expanduser()
        elif isinstance(value, Section):
            changes[name] = _anchored(value, base)
    return section.model_copy(update=changes)


def _with_secret_files(section: S) -> S:
    """The section, and those in it, with secrets read from their files; what the environment gives goes before."""
    changes: dict[str, SecretStr | str | Section] = {}
    for name, value in section:
        file = getattr(section, f"{name}_file", None)
        if isinstance(value, Section):
            changes[name] = _with_secret_files(value)
        elif value is None and file is not None:
            secret = secret_from_file(file, f"{name}_file")
            # The journal's URL is a secret only when there is a password in it.
            changes[name] = secret if SecretStr in known_types(type(section), (name,)) else secret.get_secret_value()
    return section.model_copy(update=changes)


def _missing_credentials(path: Path, settings: Settings) -> Iterator[ConfigError]:
    if not settings.crms:
        yield ConfigError(
            "no CRM is set up.", file=path, remedy="Add a `hubspot:` or a `salesforce:` section, or both."
        )
    if settings.hubspot is not None:
        yield from _missing_for_hubspot(path, settings.hubspot)
    if settings.salesforce is not None:
        yield from _missing_for_salesforce(path, settings.salesforce)
    webhook, mail = settings.alerts.webhook, settings.alerts.mail
    if webhook is not None and webhook.secret is None:
        yield _unset(path, "alerts.webhook", "secret", "the key that alerts are signed with")
    if mail is not None and mail.username is not None and mail.password is None:
        yield _unset(path, "alerts.mail", "password", "that of alerts.mail.username")


def _missing_for_hubspot(path: Path, section: HubSpotSettings) -> Iterator[ConfigError]:
    oauth = ("client_id", "client_secret", "refresh_token")
    if section.access_token is not None:
        return
    if all(getattr(section, name) is None for name in oauth):
        yield _unset(path, "hubspot", "access_token", "the service key's or private app's token")
        return
    for name in oauth:
        if getattr(section, name) is None:
            yield _unset(path, "hubspot", name, "part of the OAuth credentials")


def _missing_for_salesforce(path: Path, section: SalesforceSettings) -> Iterator[ConfigError]:
    if section.client_id is None:
        yield _unset(path, "salesforce", "client_id", "the consumer key of the External Client App")
    if section.auth == "client_credentials":
        if section.client_secret is None:
            yield _unset(path, "salesforce", "client_secret", "the consumer secret of the External Client App")
        if section.login_url in SHARED_LOGIN_HOSTS:
            yield ConfigError(
                f"the client credentials flow is not offered on {section.login_url}.",
                file=path,
                remedy=f"Set salesforce.login_url (or {variable(('salesforce', 'login_url'))}) to your My Domain, "
                "https://<yours>.my.salesforce.com.",
            )
    elif section.auth == "refresh_token":
        file = section.refresh_token_file
        yield from _missing_file(path, "refresh_token_file", file, "the file that holds the refresh token")
    else:
        if section.username is None:
            yield _unset(path, "salesforce", "username", "the integration user of the JWT flow")
        file = section.private_key_file
        yield from _missing_file(path, "private_key_file", file, "the PEM file of the JWT flow's private key")


def _missing_file(path: Path, key: str, file: Path | None, what: str) -> Iterator[ConfigError]:
    if file is None:
        yield _unset(path, "salesforce", key, what)
    elif not file.is_file():
        remedy = f"salesforce.{key} names {what}."
        yield ConfigError(f"there is no file {file}.", file=path, remedy=remedy)


def _unset(path: Path, section: str, key: str, what: str) -> ConfigError:
    above = tuple(section.split("."))
    remedy = f"Set {variable((*above, key))} in the environment"
    if f"{key}_file" in known_keys(Settings, above):
        remedy += f", or name a file that holds it as {section}.{key}_file"
    return ConfigError(f"{section}.{key} is missing: {what}.", file=path, remedy=f"{remedy}.")
