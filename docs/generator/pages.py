"""Which page of the reference is made by which function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from docs.generator.commands import commands, errors, exit_codes
from docs.generator.daemon import events, metrics
from docs.generator.model import model
from docs.generator.permissions import permissions
from docs.generator.report import report
from docs.generator.settings import settings
from docs.generator.vocabulary import activities, attributes, output_fields

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PAGES: Final[dict[str, Callable[[], str]]] = {
    "commands": commands,
    "exit-codes": exit_codes,
    "settings": settings,
    "model": model,
    "attributes": attributes,
    "activities": activities,
    "fields": output_fields,
    "permissions": permissions,
    "errors": errors,
    "report": report,
    "metrics": metrics,
    "events": events,
}
"""Name of the file in docs/reference/ -> its text."""


def write(folder: Path) -> None:
    """Write every page; one that has not changed is left alone, so that an unchanged site is built at once."""
    for name, make in PAGES.items():
        path, text = folder / f"{name}.md", make()
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
