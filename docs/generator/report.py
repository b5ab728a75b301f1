"""The page of the end-of-run record, from its classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from docs.generator.markdown import code, docstring, page, table
from sync.report import VERSION, Part, Report

if TYPE_CHECKING:
    from collections.abc import Iterator

INTRODUCTION = f"""\
Every run ends with one record, of the same shape whatever the run did. `--output json` prints it, and the journal keeps
it. It names people by record ids alone. This is version {VERSION}: fields may be added, but none changes its meaning.
"""


def report() -> str:
    """Every field of the record and of its parts."""
    parts = []
    for part in _classes():
        rows = [(code(name), info.description or "") for name, info in part.model_fields.items()]
        rows += [(code(name), info.description or "") for name, info in part.model_computed_fields.items()]
        parts += [f"## {part.__name__}", docstring(part), table(("field", "meaning"), rows)]
    return page("The record of a run", INTRODUCTION, *parts)


def _classes() -> Iterator[type[Part]]:
    yield Report
    yield from sorted((part for part in Part.__subclasses__() if part is not Report), key=lambda part: part.__name__)
