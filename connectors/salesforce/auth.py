"""Credentials: client credentials or JWT bearer by simple-salesforce's login, or a refresh token; never a password.

Tokens have no stated life (two hours of idleness by default), so that a token is renewed when it is refused, by one
thread at a time. A refused grant is final: asking again would only lock the user out.
"""

from __future__ import annotations

import threading
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from connectors.door import TransportError
from connectors.errors import AuthStop, ConfigProblem, ConnectorError
from connectors.salesforce.network import LOOPBACK, reason
from connectors.salesforce.refresh import CRM, GrantRefused, TokenFile, refresh

if TYPE_CHECKING:
    from pathlib import Path

    import requests
    from pydantic import SecretStr

    from config.settings import SalesforceSettings

STAND_IN: Final = "loopback-stand-in"
"""simple-salesforce logs in at ``https://<name>.salesforce.com`` and nowhere else; calls to this name are led to a
server on this machine by the session's adapter."""

_PASSING: Final = frozenset({"server_error", "temporarily_unavailable", "unknown_error", "rate_limit_exceeded"})


@dataclass(frozen=True, slots=True)
class Host:
    """Where to log in: the name below salesforce.com, and the loopback address behind the stand-in, if that it is."""

    name: str
    loopback: str | None = None


def host_of(login_url: str) -> Host:
    """The login host of `login_url`. Raises ConfigProblem for anything but https and plain http on loopback."""
    parts = urlsplit(login_url)
    host = parts.hostname or ""
    if host in LOOPBACK and parts.scheme == "http":
        return Host(STAND_IN, f"http://{parts.netloc}")
    if parts.scheme != "https":
        raise ConfigProblem(
            f"salesforce.login_url {login_url!r} is not https.",
            crm=CRM,
            remedy="Plain http is taken on loopback only; use https://NAME.my.salesforce.com.",
        )
    if not host.endswith(".salesforce.com"):
        raise ConfigProblem(
            f"salesforce.login_url {login_url!r} is not a Salesforce address.",
            crm=CRM,
            remedy="Use the organisation's My Domain: https://NAME.my.salesforce.com.",
        )
    return Host(host.removesuffix(".salesforce.com"))


def secret(value: SecretStr | None, file: Path | None) -> str:
    """A secret from the environment or from its file; empty when there is none."""
    if value is not None:
        return value.get_secret_value().strip()
    if file is None:
        return ""
    try:
        return file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigProblem(f"{file} cannot be read ({error.strerror}).", crm=CRM, remedy="Check the path.") from None


def login_arguments(settings: SalesforceSettings, host: Host) -> dict[str, Any]:
    """What the flow's login is to be called with, beside the session. Raises ConfigProblem for what is missing."""
    if not settings.client_id:
        raise ConfigProblem(
            "no client id is set.",
            crm=CRM,
            remedy="Set salesforce.client_id to the external client app's consumer key.",
        )
    if settings.auth == "jwt":
        return _jwt_arguments(settings, host, settings.client_id)
    if settings.auth == "refresh_token":
        return _refresh_arguments(settings, host, settings.client_id)
    client_secret = secret(settings.client_secret, settings.client_secret_file)
    if not client_secret:
        raise ConfigProblem(
            "no client secret is set.",
            crm=CRM,
            remedy="Set LEADGRADE_SALESFORCE__CLIENT_SECRET, or salesforce.client_secret_file.",
        )
    if host.name in {"login", "test"}:
        raise ConfigProblem(
            f"{settings.login_url} does not serve client credentials.",
            crm=CRM,
            remedy="Set salesforce.login_url to the organisation's My Domain (https://NAME.my.salesforce.com).",
        )
    return {"domain": host.name, "consumer_key": settings.client_id, "consumer_secret": client_secret}


def _jwt_arguments(settings: SalesforceSettings, host: Host, client_id: str) -> dict[str, Any]:
    if not settings.username or not settings.private_key_file:
        raise ConfigProblem(
            "JWT bearer needs a user name and a private key.",
            crm=CRM,
            remedy="Set salesforce.username and salesforce.private_key_file.",
        )
    audience = "test" if host.name == "test" or ".sandbox." in f"{host.name}." else "login"
    return {
        "domain": audience,  # whom the assertion addresses; the request itself goes to `instance_url`
        "instance_url": host.name,
        "username": settings.username,
        "consumer_key": client_id,
        "privatekey": secret(None, settings.private_key_file),
    }


def _refresh_arguments(settings: SalesforceSettings, host: Host, client_id: str) -> dict[str, Any]:
    if not settings.refresh_token_file:
        raise ConfigProblem(
            "no refresh token is set.",
            crm=CRM,
            remedy="Set salesforce.refresh_token_file to a file that holds it; Leadgrade keeps it up to date.",
        )
    form = {"client_id": client_id}
    if client_secret := secret(settings.client_secret, settings.client_secret_file):
        form["client_secret"] = client_secret  # an app may ask for none
    return {
        "url": f"https://{host.name}.salesforce.com/services/oauth2/token",
        "form": form,
        "file": TokenFile(settings.refresh_token_file),
    }


def _by_library(session: requests.Session, **arguments: Any) -> tuple[str, str]:
    """Client credentials and JWT bearer. Raises GrantRefused, ConfigProblem for a key that is none."""
    from jwt import PyJWTError
    from simple_salesforce.exceptions import SalesforceAuthenticationFailed
    from simple_salesforce.login import SalesforceLogin

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns before it raises, with the client id in the text
            token, instance = SalesforceLogin(session=session, **arguments)
    except SalesforceAuthenticationFailed as error:
        raise GrantRefused(error.code or 0, str(error.auth_message)) from None
    except (AttributeError, TypeError):  # it looks into the body before it knows the shape
        return "", ""
    except (ValueError, PyJWTError):
        raise ConfigProblem(
            "the private key cannot be used.",
            crm=CRM,
            remedy="salesforce.private_key_file must hold an RSA key (PEM).",
        ) from None
    return str(token), str(instance)


class SessionTokens:
    """The session of one running user. One login at a time; a refused one is final."""

    def __init__(self, settings: SalesforceSettings, host: Host, session: requests.Session) -> None:
        self._arguments = login_arguments(settings, host)
        self._flow = settings.auth
        self._session = session
        self._lock = threading.Lock()
        self._token = ""
        self._instance = ""
        self._final: ConnectorError | None = None

    @property
    def instance(self) -> str:
        """Host, with port if any, that serves the session's organisation; empty before the first login."""
        return self._instance

    def current(self) -> str:
        """The session's token; logs in when there is none yet."""
        with self._lock:
            return self._token or self._login()

    def renew(self, refused: str) -> str:
        """Another token than `refused`; whoever comes second gets what the first one fetched."""
        with self._lock:
            return self._login() if self._token in {refused, ""} else self._token

    def _login(self) -> str:
        if self._final is not None:
            raise self._final
        self._token, self._instance = self._exchange()
        return self._token

    def _exchange(self) -> tuple[str, str]:
        import requests

        grant = refresh if self._flow == "refresh_token" else _by_library
        try:
            token, instance = grant(self._session, **self._arguments)
        except GrantRefused as error:
            raise self._refusal(error.code, error.description) from None
        except requests.RequestException as error:
            raise TransportError(f"login: {reason(error)}", sent=False) from None
        except ConnectorError as error:
            self._final = error
            raise
        if not token or not instance:
            raise TransportError("login: an answer without token and instance", sent=False)
        return token, instance.rstrip("/")

    def _refusal(self, code: Any, description: str) -> Exception:
        if not isinstance(code, str) or code in _PASSING:  # no JSON, no OAuth error: an edge's page
            return TransportError(f"login: {code or 'no answer of a Salesforce login'}", sent=False)
        if "client" in code:
            remedy = "Check salesforce.client_id and the client secret."
        elif "approved" in description:
            remedy = "Pre-authorise the running user for the external client app."
        elif self._flow == "refresh_token":
            remedy = "It is used up or revoked: authorise the app again and put the new token into the file."
        elif "expired" in description:
            remedy = "Check this machine's clock: the assertion lives three minutes."
        elif self._flow == "jwt":
            remedy = "Check salesforce.username, the certificate of the app, and that the user is active."
        else:
            remedy = "Check that the app allows client credentials and has an active run-as user."
        self._final = AuthStop(f"login was refused ({code}).", crm=CRM, remedy=remedy)
        return self._final
