"""SOQL texts, built from parts. Every text that we send is made here.

Names of fields and objects come from our own tables or have been found in a describe; values are quoted.
"""

from __future__ import annotations

import itertools
from datetime import UTC
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

IDS_PER_QUERY: Final = 180
"""Ids in one IN list: 21 characters each, below the 4,000 that a WHERE clause may have in its strictest reading."""


def moment(when: datetime) -> str:
    """A date-time literal: UTC, whole seconds (comparisons ignore milliseconds), unquoted."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def quoted(value: str) -> str:
    """A text literal, escaped."""
    from simple_salesforce.format import quote_soql_value

    return str(quote_soql_value(value))


def among(field: str, values: Iterable[str]) -> str:
    """The condition that `field` is one of `values`."""
    return f"{field} IN ({','.join(map(quoted, values))})"


def _where(conditions: Sequence[str]) -> str:
    return f" WHERE {' AND '.join(conditions)}" if conditions else ""


def select(fields: Sequence[str], sobject: str, conditions: Sequence[str] = (), *, order_by: Sequence[str] = ()) -> str:
    """A query for `fields`; without `order_by` in no order at all."""
    order = f" ORDER BY {', '.join(order_by)}" if order_by else ""
    return f"SELECT {', '.join(fields)} FROM {sobject}{_where(conditions)}{order}"


def count(sobject: str, conditions: Sequence[str] = ()) -> str:
    """A query whose answer holds nothing but the number of rows, in ``totalSize``."""
    return f"SELECT COUNT() FROM {sobject}{_where(conditions)}"


def by_ids(
    fields: Sequence[str], sobject: str, ids: Iterable[str], *, field: str = "Id", conditions: Sequence[str] = ()
) -> Iterator[str]:
    """As many queries as it takes to ask for all `ids` without an overlong address."""
    remaining = iter(ids)
    while chunk := list(itertools.islice(remaining, IDS_PER_QUERY)):
        yield select(fields, sobject, [among(field, chunk), *conditions])
