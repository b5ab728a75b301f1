"""How values are kept and compared: as the REST API shows them.

Date-times are text like ``2013-05-20T20:49:32.000+0000`` (always UTC, so that text order is time order), dates are
``YYYY-MM-DD``, numbers are int or float, checkboxes are bool, nothing is None.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime
from typing import Any, Final

STAMP_SECONDS: Final = 19
"""Characters of a date-time that comparisons look at: whole seconds, milliseconds are ignored."""

_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}\Z")


def stamp(moment: datetime) -> str:
    """A date-time as the API writes it."""
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return moment.isoformat(timespec="milliseconds")[:23] + "+0000"


def moment_of(text: str) -> datetime:
    """The instant a date-time text names."""
    return datetime.fromisoformat(text).astimezone(UTC)


def bulk_stamp(text: str) -> str:
    """A date-time as bulk results write it."""
    return text[:23] + "Z"


class WrongValue(ValueError):
    """The value is not of the field's type."""


def coerce(kind: str, value: Any) -> Any:
    """`value` as it is kept in a field of type `kind`; raises WrongValue when it cannot be."""
    if value is None or value == "":
        return None
    convert = _CONVERTERS.get(kind, _text)
    return convert(value)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, (bool, dict, list)):
        raise WrongValue("not a text")
    return str(value)


def _flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in {"true", "1", "false", "0"}:
        return value.lower() in {"true", "1"}
    raise WrongValue("not a boolean")


def _whole(value: Any) -> int:
    number = _number(value)
    if number != int(number):
        raise WrongValue("not a whole number")
    return int(number)


def _number(value: Any) -> float:
    if isinstance(value, bool):
        raise WrongValue("not a number")
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise WrongValue("not a number") from None
    if not math.isfinite(number):
        raise WrongValue("not a finite number")
    return number


def _date(value: Any) -> str:
    if isinstance(value, datetime):
        return stamp(value)[:10]
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str):
        try:
            text = value if _DATE.match(value) else stamp(moment_of(value))[:10]
            date.fromisoformat(text)
        except ValueError:
            raise WrongValue("not a date") from None
        return text
    raise WrongValue("not a date")


def _moment(value: Any) -> str:
    if isinstance(value, datetime):
        return stamp(value)
    if isinstance(value, date):
        return f"{value.isoformat()}T00:00:00.000+0000"
    if isinstance(value, str):
        try:
            parsed = datetime.fromisoformat(value)
        except ValueError:
            raise WrongValue("not a date-time") from None
        return stamp(parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC))
    raise WrongValue("not a date-time")


_CONVERTERS: Final = {
    "boolean": _flag,
    "int": _whole,
    "double": _number,
    "currency": _number,
    "percent": _number,
    "date": _date,
    "datetime": _moment,
}
