"""What the values of settings are made of: strict sections, switches, addresses, secrets."""

from __future__ import annotations

import ipaddress
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, SecretStr

from config.environment import whole_secret
from config.yaml_file import Misfit


def _flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if value in {"true", "false"}:
        return value == "true"
    raise Misfit("a switch is either true or false.", remedy="Write true or false.")


def _safe_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"https", "http"} or not parts.hostname:
        raise Misfit("this is not a web address.", remedy="Write it as https://host.")
    if parts.username or parts.password:
        raise Misfit("an address may not carry a user or a password.", remedy="Credentials have keys of their own.")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise Misfit(
            "plain http would show the credentials to the network.",
            remedy="Use https:// (http:// is for this machine only, 127.0.0.1).",
        )
    return url.rstrip("/")


def is_loopback(host: str) -> bool:
    """Whether a host's name or address is this machine's own."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


Flag = Annotated[bool, BeforeValidator(_flag)]
"""Only true and false: the text "no" must never come to mean yes."""
Url = Annotated[str, AfterValidator(_safe_url)]
Secret = Annotated[SecretStr, AfterValidator(whole_secret)]


class Section(BaseModel):
    """A part of the settings: strict about keys, fixed once read. The text under a key tells users what it means."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
