"""Time as HubSpot tells it: milliseconds since 1970 and ISO 8601 with milliseconds, UTC."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Final

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


def to_ms(moment: datetime) -> int:
    """Whole milliseconds since 1970."""
    return (moment - EPOCH) // _MILLISECOND


def from_ms(milliseconds: int) -> datetime:
    """Aware UTC."""
    return EPOCH + milliseconds * _MILLISECOND


def to_iso(moment: datetime) -> str:
    """Such as ``2026-03-01T09:30:00.250Z``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def whole_ms(moment: datetime) -> datetime:
    """HubSpot keeps no finer time than milliseconds. Raises ValueError for a time without zone."""
    if moment.tzinfo is None:
        raise ValueError("HubSpot's times need a time zone")
    return moment.astimezone(UTC).replace(microsecond=moment.microsecond // 1000 * 1000)


def parse(text: str) -> datetime:
    """A time as a client may write it: epoch milliseconds, a date, or ISO 8601. Raises ValueError."""
    if text.lstrip("-").isdigit():
        return from_ms(int(text))
    moment = datetime.fromisoformat(text)
    return whole_ms(moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC))


def parse_date(text: str) -> date:
    """A day as a client may write it: YYYY-MM-DD or epoch milliseconds of midnight UTC. Raises ValueError."""
    if text.lstrip("-").isdigit():
        moment = from_ms(int(text))
        if moment.time() != EPOCH.time():
            raise ValueError("not midnight UTC")
        return moment.date()
    return date.fromisoformat(text)
