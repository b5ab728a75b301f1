"""Errors in what the user wrote, with the place where it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class ConfigError(Exception):
    """A settings or model file that cannot be used.

    `line` and `column` count from 1; `problems` holds every problem found, each already worded as
    ``file:line: what is wrong. What to do.``
    """

    exit_code = 2

    def __init__(
        self, message: str, *, file: Path | str | None = None, line: int | None = None, remedy: str = ""
    ) -> None:
        self.message = message
        self.file = file
        self.line = line
        self.remedy = remedy
        super().__init__(message)

    @property
    def problems(self) -> list[str]:
        """Every problem, worded for the person who must act."""
        return [str(self)]

    def __str__(self) -> str:
        place = "" if self.file is None else f"{self.file}:{self.line}: " if self.line else f"{self.file}: "
        return f"{place}{self.message}" + (f" {self.remedy}" if self.remedy else "")


class ConfigErrors(ConfigError):
    """Several problems at once, so that they can be mended in one go."""

    def __init__(self, errors: list[ConfigError]) -> None:
        self.errors = errors
        super().__init__("; ".join(map(str, errors)))

    @property
    def problems(self) -> list[str]:
        """Every problem, worded for the person who must act."""
        return [str(error) for error in self.errors]

    def __str__(self) -> str:
        return "\n".join(self.problems)
