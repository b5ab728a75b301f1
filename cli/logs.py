"""Logging: readable lines on a terminal, JSON otherwise, on stderr; secrets and e-mail addresses never get through."""

from __future__ import annotations

import logging
import re
import secrets
import sys
from typing import TYPE_CHECKING, Any, Final

import structlog

from cli.context import LogFormat

if TYPE_CHECKING:
    from collections.abc import Iterable

    from structlog.typing import EventDict, Processor, WrappedLogger

STARS: Final = "***"
EMAIL: Final = re.compile(r"[\w.+%'-]+(?:@|%40)[\w-]+(?:\.[\w-]+)+", re.IGNORECASE)
BEARER: Final = re.compile(r"(?i)(bearer\s+|pat-[a-z]{2,3}\d?-)[\w.!-]+")

QUIET: Final = -1
"""Verbosity of a command that tells its own story: warnings alone."""

_PROCESS: Final = secrets.token_hex(3)
_secrets: list[str] = []


def strike_out(values: Iterable[str]) -> None:
    """From now on, none of these values is printed."""
    # The longest first, so that no rest of one remains when another is part of it.
    _secrets[:] = sorted({value for value in (*_secrets, *values) if value}, key=len, reverse=True)


def redacted(text: str) -> str:
    """The text without secrets and e-mail addresses."""
    for secret in _secrets:
        text = text.replace(secret, STARS)
    return EMAIL.sub(STARS, BEARER.sub(STARS, text))


def set_up(log_format: LogFormat, verbosity: int) -> None:
    """Configure structlog, and send the libraries' own log records through it."""
    as_text = log_format is LogFormat.TEXT or (log_format is LogFormat.AUTO and sys.stderr.isatty())
    render: Processor = (
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()) if as_text else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            _name_process,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%H:%M:%S" if as_text else "iso", utc=not as_text),
            structlog.processors.format_exc_info,
            render,
            _last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_level(verbosity)),
        logger_factory=_Stderr,
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers = [_Through()]
    root.setLevel(logging.INFO if verbosity > 1 else logging.WARNING)


def _level(verbosity: int) -> int:
    """On a terminal progress bars say enough; elsewhere the log is all there is."""
    if verbosity > 0:
        return logging.DEBUG
    return logging.WARNING if verbosity == QUIET or sys.stderr.isatty() else logging.INFO


def _name_process(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    """Lines of several processes may stand in one file. Threads are of the same process."""
    line["process"] = _PROCESS
    return line


def _last(_logger: WrappedLogger, _method: str, line: EventDict | str | bytes) -> str:
    """Whatever the steps before did, what is printed is struck of secrets and addresses."""
    return redacted(str(line))


class _Stderr:
    """Writes to whatever stderr is at that moment: a progress bar puts its own in place while it is drawn."""

    def __init__(self, *_names: Any) -> None:
        self._lines = sys

    def msg(self, line: str) -> None:
        self._lines.stderr.write(f"{line}\n")

    debug = info = warning = error = critical = log = exception = fatal = msg


class _Through(logging.Handler):
    """Log records of libraries, as events of ours."""

    def emit(self, record: logging.LogRecord) -> None:
        structlog.get_logger().log(record.levelno, record.getMessage(), logger=record.name)
