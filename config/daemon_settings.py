"""The sections of leadgrade.yaml that the daemon works by."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from pydantic import AfterValidator

from config.cron import next_time
from config.setting_values import Section
from config.yaml_file import Misfit

_SOME_DAY: Final = datetime(2026, 1, 1, tzinfo=UTC)


def _cron(expression: str) -> str:
    try:
        next_time(expression, ZoneInfo("UTC"), _SOME_DAY)
    except ValueError:
        raise Misfit(
            "this is not a schedule.", remedy='Write five fields, such as "*/10 * * * *" for every ten minutes.'
        ) from None
    return expression


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # an unknown name, or one that is a path
        raise Misfit("this is not a time zone.", remedy="Write its name, such as UTC or Europe/Warsaw.") from None
    return name


Cron = Annotated[str, AfterValidator(_cron)]
Zone = Annotated[str, AfterValidator(_zone)]


class ScheduleSettings(Section):
    """When the daemon works; cron in five fields, read in `timezone`."""

    sync: Cron = "*/10 * * * *"
    """When to sync: cron in five fields, days of the week from Sunday (0) or by name."""
    rescore: Cron = "15 3 * * *"
    """When to score everybody anew without reading: cron in five fields."""
    reconcile: Cron = "30 4 * * sun"
    """When to read everybody anew, for removals that no CRM told of and for formula fields: cron in five fields."""
    timezone: Zone = "UTC"
    """Where times of day are read, such as `Europe/Warsaw`. A job runs once on the days when clocks change, too."""

    @property
    def zone(self) -> ZoneInfo:
        """The zone in which times of day are read."""
        return ZoneInfo(self.timezone)
