"""One value on its way into a field: whether the field would take it, and how REST and Bulk write it.

Set, clear and leave are three things: a value, null or ``#N/A``, and absence or an empty cell. No value is ever cut
to fit.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from config.model_values import crm_length
from connectors.base import CLEAR
from connectors.salesforce.values import NUMBER_TYPES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connectors.base import Change, Clear

EMPTY_CELL: Final = ""  # leaves a field alone
CLEARED_CELL: Final = "#N/A"


@dataclass(frozen=True, slots=True)
class Target:
    """A field that is written, and what it takes as far as its description tells. `length` 0 is unlimited."""

    name: str
    is_number: bool
    is_date: bool
    length: int
    choices: frozenset[str] | None = None

    @classmethod
    def described(cls, field: Mapping[str, Any]) -> Target:
        """From an entry of describe's ``fields``."""
        choices = {each["value"] for each in field["picklistValues"] if each.get("active", True)}
        return cls(
            name=field["name"],
            is_number=field["type"] in NUMBER_TYPES,
            is_date=field["type"] == "date",
            length=field.get("length", 0),
            choices=frozenset(choices) if field.get("restrictedPicklist") else None,
        )

    def refusal(self, value: str | int | Clear) -> str:
        """The code with which the field would refuse `value`; empty when it takes it.

        A value of a wrong type would have the whole call refused, not only its row.
        """
        if value is CLEAR or value == "":
            return ""
        if not self._of_type(value):
            return "INVALID_TYPE_ON_FIELD_IN_RECORD"
        if isinstance(value, str) and 0 < self.length < crm_length(value):
            return "STRING_TOO_LONG"
        if self.choices is not None and str(value) not in self.choices:
            return "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"
        return ""

    def _of_type(self, value: str | int | Clear) -> bool:
        if self.is_number:
            return isinstance(value, int)
        try:
            return not self.is_date or bool(date.fromisoformat(str(value)))
        except ValueError:
            return False


def rest_value(value: str | int | Clear) -> str | int | None:
    """What JSON says: null to clear; a field that is to be left alone is absent."""
    if value is CLEAR or value == "":
        return None
    return value if isinstance(value, int) else str(value)


def bulk_cell(change: Change, output: str) -> str:
    """What the CSV says of one output field of a row."""
    if output not in change.values:
        return EMPTY_CELL
    value = rest_value(change.values[output])
    return CLEARED_CELL if value is None else str(value)
