"""Back to an earlier version of the model, which later runs use as well, until the file changes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import update
from sync_rig import TYPES

from config.errors import ConfigError
from config.model import checked_model
from config.settings import GuardSettings, WriteSettings
from config.yaml_file import parse
from insights.status import status
from sync.journal import tables
from sync.journal.models import Rollback
from sync.stores import open_journal

from .conftest import MODEL

if TYPE_CHECKING:
    from sync.report import Report

    from .conftest import World

OLD, NEW, NEWEST = MODEL, MODEL.replace("points: 60", "points: 20"), MODEL.replace("points: 60", "points: 30")


def version(text: str) -> str:
    return checked_model(parse(text, Path("scoring.yaml")), TYPES).version


def run(world: World, text: str, **options: Any) -> Report:
    """A run while the model's file says `text`."""
    world.clock.advance(600)
    return world.run(model=checked_model(parse(text, Path("scoring.yaml")), TYPES), source=text, **options)


def fit(world: World) -> str:
    return world.salesforce.observed("D")["fit_score"]


def test_a_rollback_holds_for_later_runs_until_the_file_changes(world: World) -> None:
    run(world, OLD)
    run(world, NEW, approve=True)
    assert fit(world) == "20"
    report = run(world, NEW, roll_back_to=version(OLD).partition("@")[2], approve=True)
    assert (report.model_version, report.rolled_back_from, report.exit_code) == (version(OLD), version(NEW), 0)
    assert fit(world) == "60"
    standing = status(world.settings, world.clock).rollback
    assert standing == Rollback(version(OLD), version(NEW), world.clock.now())
    for kind in ("sync", "rescore"):
        report = run(world, NEW, kind=kind)
        assert (report.model_version, sum(row.planned for row in report.written)) == (version(OLD), 0)
    report = run(world, NEWEST, approve=True)
    assert (report.model_version, report.rolled_back_from, fit(world)) == (version(NEWEST), "", "30")
    assert status(world.settings, world.clock).rollback is None
    assert run(world, NEW).model_version == version(NEW), "the rollback has ended for good"


def test_forward_ends_a_rollback(world: World) -> None:
    run(world, OLD)
    run(world, NEW, approve=True)
    run(world, NEW, roll_back_to=version(OLD), approve=True)
    journal = open_journal(world.settings)
    journal.end_rollback(world.clock.now())
    assert [(row["version"], row["runs"]) for row in journal.models()] == [(version(NEW), 1), (version(OLD), 2)]
    journal.close()
    assert run(world, NEW, approve=True).model_version == version(NEW)
    assert fit(world) == "20"


def test_a_rollback_that_a_guard_stops_or_that_is_dry_does_not_hold(world: World) -> None:
    for number in range(20):
        world.hubspot.put(f"x{number}", email=f"x{number}@acme.example", attr={"job_title": "CEO"})
    run(world, OLD, approve=True)
    run(world, NEW, approve=True)
    strict = world.settings.model_copy(update={"writes": WriteSettings(guard=GuardSettings(max_share=0.1))})
    report = run(world, NEW, roll_back_to=version(OLD), settings=strict)
    assert (report.exit_code, report.failure.kind) == (4, "GuardTripped")
    assert run(world, NEW, roll_back_to=version(OLD), dry_run=True).exit_code == 0
    assert run(world, NEW).model_version == version(NEW)


def test_a_version_that_is_not_known_or_no_longer_readable_is_refused(world: World) -> None:
    run(world, OLD)
    with pytest.raises(ConfigError, match=r"no run has used the model other@1. Known are test@"):
        run(world, NEW, roll_back_to="other@1")
    run(world, NEW, approve=True)
    journal = open_journal(world.settings)
    with journal.engine.begin() as connection:
        connection.execute(update(tables.model_versions).values(content='{"model": "test"}'))
    journal.close()
    with pytest.raises(ConfigError, match=r"[bB]ring its file back from Git"):
        run(world, NEW, roll_back_to=version(OLD))
