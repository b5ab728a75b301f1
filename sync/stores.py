"""Where a run keeps what it knows: the mirror and the journal, as the settings name them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import orjson

from config.attributes import attribute_types
from sync.journal.book import Journal
from sync.mirror.store import Mirror

if TYPE_CHECKING:
    from config.settings import Settings
    from connectors.clock import Clock

MIRROR_FILE: Final = "mirror.duckdb"


def open_journal(settings: Settings) -> Journal:
    """The journal that the settings name. Close it after use."""
    return Journal.in_folder(settings.store.path, settings.store.journal_url)


def open_mirror(settings: Settings, clock: Clock) -> Mirror:
    """The mirror that the settings name; its file is touched only inside ``open()``."""
    mapping = {name: setting.model_dump(mode="json") for name, setting in settings.attributes.items()}
    return Mirror(
        settings.store.path / MIRROR_FILE,
        types=attribute_types(settings),
        mapping=orjson.dumps(mapping, option=orjson.OPT_SORT_KEYS).decode(),
        memory_limit_mb=settings.store.memory_limit_mb,
        clock=clock,
    )
