"""What the environment says about the settings, and the secrets that may stand only there or in files of their own."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import urlsplit

from pydantic import BaseModel, SecretStr, create_model
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsError

from config.errors import ConfigError
from config.yaml_file import Loc, Misfit, known_keys, known_types

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from config.yaml_file import Document

PREFIX: Final = "LEADGRADE_"
NESTED: Final = "__"


def variable(loc: Loc) -> str:
    """The environment variable of the setting at `loc`."""
    return PREFIX + NESTED.join(str(part).upper() for part in loc)


def overlay(model: type[BaseModel], env: Mapping[str, str]) -> dict[str, Any]:
    """The part of the settings that the environment gives, nested as `model` is. Empty variables count as unset.

    Lists and mappings are JSON. Raises ConfigError naming the variable's key when one cannot be read.
    """

    class Source(EnvSettingsSource):
        def _load_env_vars(self) -> Mapping[str, str | None]:
            return {name.lower(): value for name, value in env.items() if value}

    fields = {name: (info.annotation, info) for name, info in model.model_fields.items()}
    # The stubs of create_model want each field spelled out.
    shape = cast("type[BaseSettings]", create_model("FromEnvironment", __base__=BaseSettings, **cast("Any", fields)))
    try:
        return Source(shape, env_prefix=PREFIX.lower(), env_nested_delimiter=NESTED)()
    except SettingsError:
        raise ConfigError(
            f"a {PREFIX}… variable does not hold what its key takes.",
            file="environment",
            remedy="Lists and mappings are written as JSON.",
        ) from None


def with_environment(document: Document, model: type[BaseModel], env: Mapping[str, str]) -> Document:
    """The document with the environment's settings laid over those of the file; errors in them name the variable."""
    above = overlay(model, env)
    return dataclasses.replace(document, data=_merged(document.data, above), elsewhere=dict(_variables((), above)))


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    result = {key: value for key, value in below.items() if value is not None or key not in above}
    for key, value in above.items():
        under = result.get(key)
        if not isinstance(value, dict) or under is None:
            result[key] = value
        elif isinstance(under, dict):
            result[key] = _merged(under, value)
        # A section that the file spells wrongly stays, to be told with its line.
    return result


def _variables(loc: Loc, value: Any) -> Iterator[tuple[Loc, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _variables((*loc, key), inner)
    else:
        yield loc, variable(loc)


def secrets_in_file(document: Document, model: type[BaseModel]) -> list[ConfigError]:
    """A problem for each secret that stands in the YAML; the value itself is not repeated."""
    found = []
    for loc in document.lines:
        value = document.value_at(loc)
        if value is None or not _is_secret(model, loc, value):
            continue
        remedy = f"Remove it here (renew it if others saw the file) and set {variable(loc)} in the environment"
        if f"{loc[-1]}_file" in known_keys(model, loc[:-1]):
            remedy += f", or name a file that holds it as '{loc[-1]}_file'"
        found.append(document.error(loc, f"{loc[-1]!r} is a secret and may not stand in this file.", f"{remedy}."))
    return found


def _is_secret(model: type[BaseModel], loc: Loc, value: object) -> bool:
    if isinstance(value, str) and "://" in value:
        return urlsplit(value).password is not None
    return bool(loc) and SecretStr in known_types(model, loc)


def whole_secret(value: SecretStr) -> SecretStr:
    """The secret without surrounding blanks. Raises Misfit for one that was not copied as it is.

    Tokens and client secrets are printable ASCII; anything else (an ellipsis of a screen or a manual, a line break)
    could not even be sent.
    """
    text = value.get_secret_value().strip()
    if not (text.isascii() and text.isprintable()):
        raise Misfit(
            "this holds a character that no token or secret has, such as … or a line break.",
            remedy="Copy the whole of it once more.",
        )
    return SecretStr(text)


def secret_from_file(path: Path, key: str) -> SecretStr:
    """The secret kept in the file at `path`, without surrounding blanks; `key` names the setting in messages."""
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = "is not text" if isinstance(error, UnicodeDecodeError) else f"cannot be read ({error.strerror})"
        raise ConfigError(
            f"the file {path} that {key!r} names {reason}.", remedy="Mend the path or the file."
        ) from None
    if not text:
        raise ConfigError(f"the file {path} that {key!r} names is empty.", remedy="Put the secret into it.")
    try:
        return whole_secret(SecretStr(text))
    except Misfit as misfit:
        raise ConfigError(str(misfit), file=path, remedy=misfit.remedy) from None
