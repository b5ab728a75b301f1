"""Columns of Python values -> Arrow tables. Never one object per record: lists, column by column."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from connectors.base import Batch
from connectors.hubspot.errors import CRM
from connectors.hubspot.fields import canonical, instant_us
from scoring.facts import arrow_schema

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from connectors.hubspot.windows import Cursor
    from scoring.facts import Table

_TEXT = pa.string()
_TIME = pa.timestamp("us")
_ZONED = pa.timestamp("us", "UTC")

_schema = functools.lru_cache(arrow_schema)


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of a table of facts that no cursor stands beside yet."""

    table: Table
    arrow: pa.Table

    def under(self, cursor: Cursor, total: int | None = None) -> Batch:
        """A batch of them, with the cursor that is true once they are stored."""
        return Batch(self.table, self.arrow, cursor.text(), total, cursor.slices_left)


def rows(table: Table, columns: Mapping[str, Sequence[Any]], count: int, attributes: Iterable[str] = ()) -> Rows:
    """So many rows. Columns that are not given are null; times may be in either of HubSpot's formats, and what comes in
    a column of text becomes canonical text.
    """
    schema = _schema(table, tuple(attributes))
    arrays = []
    for field in schema:
        values = columns.get(field.name)
        if field.name == "crm":
            arrays.append(pa.repeat(pa.scalar(CRM, field.type), count))
        elif values is None:
            arrays.append(pa.nulls(count, field.type))
        elif field.type == _TIME:
            arrays.append(times(values))
        elif field.type == _TEXT:
            arrays.append(texts(values))
        else:
            arrays.append(pa.array(values, field.type))
    return Rows(table, pa.Table.from_arrays(arrays, schema=schema))


def texts(values: Sequence[Any]) -> pa.Array:
    """Values as they came -> canonical text."""
    try:  # the usual case, text throughout
        return pa.array(values, _TEXT)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.array(canonical(values, "text"), _TEXT)


def times(values: Sequence[Any]) -> pa.Array:
    """Times as they came -> timestamp[us], UTC. What is no time becomes null."""
    try:  # the usual case, ISO text throughout, is parsed by Arrow
        return pa.array(values, _TEXT).cast(_ZONED).view(_TIME)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.array([instant_us(value) for value in values], pa.int64()).cast(_TIME)
