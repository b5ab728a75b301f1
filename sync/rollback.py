"""Back to an earlier version of the model, and how long that holds.

The journal keeps the file of every version that a run has used. A rollback runs with an earlier one, and from then on
every run does (the daemon's as well), as long as the model's file is the one that was rolled back from: a change of the
file ends it, and so does ``rollback --forward``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from config.attributes import attribute_types
from config.errors import ConfigError
from config.model import checked_model
from config.yaml_file import parse

if TYPE_CHECKING:
    from config.model import Model
    from config.settings import Settings
    from sync.journal.book import Journal


def in_force(journal: Journal, settings: Settings, model: Model) -> Model:
    """The model that runs use while the file says `model`: that one, or the one it was rolled back to."""
    standing = journal.rollback()
    if standing is None or standing.from_version != model.version:
        return model
    return earlier(journal, settings, standing.to_version)


def earlier(journal: Journal, settings: Settings, version: str) -> Model:
    """The model of a version that was used before; its digest alone is enough. Raises ConfigError."""
    known = [row["version"] for row in journal.models()]
    found = [one for one in known if version in {one, one.partition("@")[2]}]
    if not found:
        raise ConfigError(
            f"no run has used the model {version}.",
            remedy=f"Known are {', '.join(known)}." if known else "Nothing has run yet.",
        )
    (chosen, *_) = found
    try:
        model = checked_model(parse(journal.model_file(chosen), Path(chosen)), attribute_types(settings))
    except ConfigError as error:
        raise ConfigError(
            f"the model {chosen} cannot be used any more: {error}",
            remedy="Mend the settings it needs, or bring its file back from Git.",
        ) from None
    if model.version != chosen:
        raise ConfigError(
            f"this Leadgrade reads the model {chosen} as {model.version}.",
            remedy="Bring its file back from Git, and look at `leadgrade plan`.",
        )
    return model
