"""What every command is given: where the settings are, the environment, the clock, how to log."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from connectors.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import typer

    from config.model import Model
    from config.settings import Settings
    from connectors.clock import Clock


class LogFormat(StrEnum):
    """How log lines look."""

    AUTO = "auto"
    TEXT = "text"
    JSON = "json"


class Output(StrEnum):
    """How results look."""

    TABLE = "table"
    JSON = "json"


@dataclass(frozen=True)
class Context:
    """The options that stand before the command, and what they lead to."""

    config: Path
    env: Mapping[str, str]
    log_format: LogFormat = LogFormat.AUTO
    verbosity: int = 0
    clock: Clock = field(default_factory=SystemClock)

    def settings(self, *, credentials: bool = True) -> Settings:
        """The settings; from now on none of their secrets can be printed. Raises ConfigErrors."""
        from cli import logs
        from config.loading import load

        settings = load(self.config, self.env, credentials=credentials)
        logs.strike_out(settings.secrets())
        return settings

    def model(self, settings: Settings) -> Model:
        """The scoring model that the settings name; what of it can hardly be meant is logged. Raises ConfigErrors."""
        import structlog

        from config.attributes import attribute_types
        from config.model import checked_model
        from config.model_lint import hints
        from config.yaml_file import read

        document = read(settings.scoring)
        model = checked_model(document, attribute_types(settings))
        if odd := hints(model, document):
            lines = [hint.line for hint in odd]
            structlog.get_logger().warning("parts of the model can hardly be meant; see `leadgrade check`", lines=lines)
        return model


def context_of(context: typer.Context) -> Context:
    """Our context, out of the command line's own, with logging set up as it says. Called once, as a command begins."""
    from cli import logs

    found = context.find_object(Context)
    if found is None:
        raise RuntimeError("a command was called without the global options")
    logs.set_up(found.log_format, found.verbosity)
    return found
