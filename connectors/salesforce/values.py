"""Text columns, as Salesforce gives them, into facts: times, numbers, flags and canonical attribute texts.

A value that its field's type does not allow becomes null; the rest of the row stays.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

NUMBER_TYPES: Final = frozenset({"int", "long", "double", "currency", "percent"})

# Scheme, user, "www." before the host; port, path and the rest behind it.
_HOST: Final = r"^\s*(?:[a-z][a-z0-9+.-]*://)?(?:[^/@\s]*@)?(?:www\.)?([^/:?#\s]*).*$"


def text_of(value: object) -> str | None:
    """A JSON value as a Bulk job's CSV would write it."""
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def text_table(records: Sequence[dict[str, Any]], fields: Sequence[str]) -> pa.Table:
    """REST records as text columns, one per field."""
    columns = [pa.array([text_of(record.get(field)) for record in records], pa.string()) for field in fields]
    return pa.table(columns, names=list(fields))


def column(table: pa.Table, name: str) -> pa.ChunkedArray:
    """A text column of the raw table; all null where the field was not asked for."""
    if name in table.column_names:
        return table.column(name)
    return pa.chunked_array([pa.nulls(table.num_rows, pa.string())])


def times(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Date-times with any offset, or dates (midnight), as naive UTC timestamps."""
    try:
        return values.cast(pa.timestamp("us", "UTC")).cast(pa.timestamp("us"))
    except pa.ArrowInvalid:
        return _each(values, _time, pa.timestamp("us"))


def _time(text: str) -> datetime | None:
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return None
    return when.astimezone(UTC).replace(tzinfo=None) if when.tzinfo else when


def numbers(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Decimals, also ``5.0`` and ``1.0E7``, as doubles; never infinite."""
    try:
        found = values.cast(pa.float64())
    except pa.ArrowInvalid:
        return _each(values, _number, pa.float64())
    return pc.if_else(pc.is_finite(found), found, None)


def _number(text: str) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def flags(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """``true`` and ``false`` as booleans."""
    return pc.if_else(pc.is_valid(values), pc.equal(pc.utf8_lower(values), "true"), None)


def hosts(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """The host names in web addresses, lower case, without ``www.``; null where there is none."""
    found = pc.replace_substring_regex(pc.utf8_lower(values), _HOST, r"\1")
    return pc.if_else(pc.equal(found, ""), None, found)


def canonical(values: pa.ChunkedArray, described_type: str) -> pa.ChunkedArray:
    """An attribute's texts in canonical form: decimals without exponent, ``true``/``false``, ISO 8601 UTC."""
    if described_type in NUMBER_TYPES:
        return _each_distinct(values, _decimal)
    if described_type == "boolean":
        return pc.utf8_lower(values)
    if described_type == "datetime":
        return pc.strftime(times(values).cast(pa.timestamp("s"), safe=False), format="%Y-%m-%dT%H:%M:%SZ")
    return values


def _decimal(text: str) -> str | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    if not number.is_finite():
        return None
    plain = f"{number:f}"
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def _each(values: pa.ChunkedArray, change: Callable[[str], Any], kind: pa.DataType) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array([None if text is None else change(text) for text in values.to_pylist()], kind)])


def _each_distinct(values: pa.ChunkedArray, change: Callable[[str], str | None]) -> pa.ChunkedArray:
    """As `_each`, but each distinct text is worked on once: head counts and scores repeat."""
    coded = pc.dictionary_encode(values).combine_chunks()
    texts = pa.array([change(text) for text in coded.dictionary.to_pylist()], pa.string())
    return pa.chunked_array([pc.take(texts, coded.indices)])


def constant(value: str | None, rows: int) -> pa.Array:
    """A column that says the same of every row."""
    return pa.nulls(rows, pa.string()) if value is None else pa.repeat(pa.scalar(value), rows)


def table_of(schema: pa.Schema, columns: dict[str, Any], rows: int) -> pa.Table:
    """A batch of `schema` from the columns at hand; the rest is null."""
    return pa.table(
        [columns[field.name] if field.name in columns else pa.nulls(rows, field.type) for field in schema],
        schema=schema,
    )


def ids(values: Iterable[str | None]) -> list[str]:
    """The ids that are there, each once, in order of first appearance."""
    return list(dict.fromkeys(value for value in values if value))
