"""The refresh-token flow, for apps that rotate: every use of the token ends it and gives a new one.

A token that is used twice counts as leaked, and Salesforce revokes the whole grant. So the token lives in a file of
its own, readable by its owner alone; whoever refreshes holds the file's lock meanwhile, in whatever process, takes
the token that is in the file by then, and saves the new one before the session is used.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from connectors.errors import AuthStop, ConfigProblem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import requests

CRM: Final = "salesforce"


class GrantRefused(Exception):
    """The token endpoint said no. `code` is OAuth's error; no JSON and no OAuth error leave it the status."""

    def __init__(self, code: str | int, description: str = "") -> None:
        super().__init__(str(code))
        self.code = code
        self.description = description


class TokenFile:
    """A file that holds one refresh token and nothing else."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()  # a link stays one: what it leads to is replaced

    def read(self) -> str:
        """The token. Raises ConfigProblem when there is none, or when others could read it too."""
        try:
            mode = self.path.stat().st_mode
            token = self.path.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ConfigProblem(
                f"{self.path} cannot be read ({error.strerror}).",
                crm=CRM,
                remedy="Put the refresh token into it, or correct salesforce.refresh_token_file.",
            ) from None
        if mode & 0o077:
            raise ConfigProblem(
                f"{self.path} is open to other users of this machine.", crm=CRM, remedy=f"Run chmod 600 {self.path}"
            )
        if not token:
            raise ConfigProblem(f"{self.path} is empty.", crm=CRM, remedy="Put the refresh token into it.")
        return token

    def save(self, token: str) -> None:
        """Put `token` in the place of the old one, whole or not at all. Raises AuthStop when that fails."""
        fresh = self.path.with_name(f"{self.path.name}.new")
        try:
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(f"{token}\n")
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self.path)
        except OSError as error:
            raise AuthStop(
                f"the new refresh token could not be saved to {self.path} ({error.strerror}).",
                crm=CRM,
                remedy="Make room for it, then authorise the app again: the old token is used up.",
            ) from None

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One process at a time. Raises ConfigProblem when the folder cannot be written, before a token is spent."""
        import fcntl

        try:
            descriptor = os.open(self.path.with_name(f"{self.path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise ConfigProblem(
                f"the folder of {self.path} cannot be written ({error.strerror}).",
                crm=CRM,
                remedy="Salesforce replaces the refresh token at every use: keep it where Leadgrade may write.",
            ) from None
        with os.fdopen(descriptor) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # given back when the file is closed, also by a crash
            yield


def refresh(session: requests.Session, url: str, form: Mapping[str, str], file: TokenFile) -> tuple[str, str]:
    """A new session's token and the instance's host, for the token in `file`; a new one is in the file by then.

    `form` names the client. Raises GrantRefused, ConfigProblem, AuthStop, and what `requests` raises.
    """
    with file.locked():
        token = file.read()
        answer = session.post(
            url, data={**form, "grant_type": "refresh_token", "refresh_token": token}, allow_redirects=False
        )
        try:
            body = answer.json()
        except ValueError:
            body = None
        if not isinstance(body, dict) or not (body.get("access_token") or body.get("error")):
            raise GrantRefused(answer.status_code)
        if "error" in body:
            raise GrantRefused(str(body["error"]), str(body.get("error_description") or ""))
        following = body.get("refresh_token")
        if following and following != token:
            file.save(str(following))
        return str(body["access_token"]), str(body.get("instance_url") or "").partition("://")[2]
