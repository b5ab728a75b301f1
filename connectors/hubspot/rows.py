"""Columns of Python values -> Arrow batches. Never one object per record: lists, column by column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from connectors.base import Batch
from connectors.hubspot.errors import CRM
from connectors.hubspot.fields import instant_us
from scoring.facts import arrow_schema

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from connectors.hubspot.windows import Cursor
    from scoring.facts import Table

_TIME = pa.timestamp("us")
_ZONED = pa.timestamp("us", "UTC")


def batch(
    table: Table,
    columns: Mapping[str, Sequence[Any]],
    count: int,
    cursor: Cursor,
    *,
    attributes: Iterable[str] = (),
    total: int | None = None,
) -> Batch:
    """A batch of `count` rows. Columns that are not given are null; times may be in either of HubSpot's formats."""
    arrays = []
    schema = arrow_schema(table, attributes)
    for field in schema:
        values = columns.get(field.name)
        if field.name == "crm":
            arrays.append(pa.repeat(pa.scalar(CRM, field.type), count))
        elif values is None:
            arrays.append(pa.nulls(count, field.type))
        elif field.type == _TIME:
            arrays.append(times(values))
        else:
            arrays.append(pa.array(values, field.type))
    rows = pa.Table.from_arrays(arrays, schema=schema)
    return Batch(table, rows, cursor.text(), total, cursor.slices_left)


def times(values: Sequence[Any]) -> pa.Array:
    """Times as they came -> timestamp[us], UTC. What is no time becomes null."""
    try:  # the usual case, ISO text throughout, is parsed by Arrow
        return pc.cast(pc.cast(pa.array(values, pa.string()), _ZONED), _TIME)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.array([instant_us(value) for value in values], pa.int64()).cast(_TIME)
