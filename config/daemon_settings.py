"""The sections of leadgrade.yaml that the daemon works by."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path  # noqa: TC003 - pydantic reads the annotations
from typing import Annotated, Final, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, model_validator

from config.cron import next_time
from config.setting_values import Flag, Secret, Section, Url, is_loopback
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


class HealthSettings(Section):
    """Where the daemon answers `/healthz`, `/readyz` and `/metrics`. They tell counts and times, no personal value."""

    port: int | None = Field(default=None, ge=1, le=65535)
    """The port; without one nothing listens."""
    host: str = "127.0.0.1"
    """The address to listen on; `0.0.0.0` in a container."""
    stuck_after_min: int = Field(default=60, ge=1)
    """Minutes without any progress after which a run counts as stuck: an alert is sent, and `/healthz` fails."""


class WebhookSettings(Section):
    """Alerts as signed HTTP requests: see [the daemon](../daemon.md)."""

    url: Url
    """Where alerts are posted to."""
    secret: Secret | None = None
    """The key of the signature."""
    secret_file: Path | None = None
    """A file that holds the key of the signature."""


class MailSettings(Section):
    """Alerts by e-mail."""

    host: str
    """The SMTP server."""
    port: int = Field(default=587, ge=1, le=65535)
    """Its port: 587 for `starttls`, 465 for `tls`."""
    security: Literal["starttls", "tls", "none"] = "starttls"
    """How the connection is kept secret; `none` for a server on this machine only."""
    username: str | None = None
    """Whom to log in as; without a name, nobody."""
    password: Secret | None = None
    """The password of `username`."""
    password_file: Path | None = None
    """A file that holds the password."""
    sender: str
    """The address that alerts come from."""
    to: tuple[str, ...] = Field(min_length=1)
    """Who gets them."""

    @model_validator(mode="after")
    def _keeps_secrets(self) -> Self:
        if self.security == "none" and not is_loopback(self.host):
            raise Misfit(
                "plain SMTP would show alerts and password to the network.",
                loc=("security",),
                remedy="Write starttls or tls (none is for this machine only, 127.0.0.1).",
            )
        return self


class AlertSettings(Section):
    """Who is told when runs fail, stay away or stand still, and when somebody becomes hot."""

    webhook: WebhookSettings | None = None
    mail: MailSettings | None = None
    stale_after_min: int = Field(default=180, ge=1)
    """Minutes since the last successful run after which an alert is sent."""
    crossings: Flag = True
    """Also tell of people who rise to a stage and are handed over."""
    stages: tuple[str, ...] = ()
    """The stages of the model that are told of; none named: all."""
