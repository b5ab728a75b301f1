"""What every test may use: a clean environment and CRMs to talk to."""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests import postgres
from tests.sandboxes import NOW, Sandbox, started

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["NOW", "Sandbox"]


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings of the person who runs the tests do not leak into them."""
    for name in os.environ:
        if name.startswith("LEADGRADE_"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.Server]:
    """PostgreSQL's server, started when a test first asks for it."""
    found = postgres.binaries()
    if found is None:
        pytest.skip("PostgreSQL's programs (initdb, pg_ctl) are not installed")
    with postgres.running(found) as server:
        yield server


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest: a process works through a file alone, and the last one keeps all
    waiting.
    """
    tests = Counter(item.path for item in items)
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: (item.path not in slow, -tests[item.path], item.path))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--journal",
        choices=["sqlite", "postgresql"],
        default="sqlite",
        help="where tests keep their journal that do not say so themselves",
    )


@pytest.fixture
def journal_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty journal: in SQLite or PostgreSQL, as the test's parameter or --journal says."""
    if getattr(request, "param", request.config.getoption("--journal")) == "postgresql":
        server: postgres.Server = request.getfixturevalue("postgres_server")
        return server.new_url()
    return f"sqlite:///{tmp_path / 'journal.db'}"


@pytest.fixture
def logging_restored() -> Iterator[None]:
    """What the command line sets up of logging is undone after the test."""
    import logging

    import structlog

    from cli import logs

    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    root.handlers, root.level = handlers, level
    logs._secrets.clear()


@pytest.fixture
def sandbox() -> Iterator[Callable[..., Sandbox]]:
    """A factory of running sandboxes (see `tests.sandboxes.started`): `sandbox(people=200, seed=7, now=NOW)`.

    They are stopped after the test.
    """
    with contextlib.ExitStack() as stack:
        yield lambda **wishes: stack.enter_context(started(**wishes))
