"""The folder that holds the mirror and the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sync.errors import StateUnusable

if TYPE_CHECKING:
    from pathlib import Path


def ensure(folder: Path) -> None:
    """Make the folder, for this user alone, where there is none. Raises `StateUnusable` when it cannot be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise StateUnusable(
            f"The folder {folder} cannot be made ({error.strerror}).",
            remedy="Set store.path to a folder that this user may write to.",
        ) from None
