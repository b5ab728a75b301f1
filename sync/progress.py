"""How a run tells what it is doing, so that a terminal can draw bars and a log can have a line every few seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a run: ``pull`` (per CRM and stream), ``identity``, ``score``, ``plan`` or ``write`` (per CRM)."""

    name: str
    crm: str = ""
    stream: str = ""

    def __str__(self) -> str:
        return " ".join(part for part in (self.name, self.crm, self.stream) if part)


class Progress(Protocol):
    """Told of every step; `rows` are those done since the last call, `total` is None where nobody knows."""

    def start(self, step: Step, total: int | None = None) -> None:
        """A step begins."""
        ...

    def advance(self, step: Step, rows: int, total: int | None = None) -> None:
        """Some rows of it are done."""
        ...

    def finish(self, step: Step) -> None:
        """It is over, whether it went well or not."""
        ...


class Silent:
    """Progress that nobody watches."""

    def start(self, step: Step, total: int | None = None) -> None:
        """Say nothing."""

    def advance(self, step: Step, rows: int, total: int | None = None) -> None:
        """Say nothing."""

    def finish(self, step: Step) -> None:
        """Say nothing."""
