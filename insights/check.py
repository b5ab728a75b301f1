"""What stands in the way of a run: settings, model, store, and each CRM, every line with its remedy. Reads only."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from config.attributes import attribute_types
from config.errors import ConfigError
from config.model import load_model
from connectors.errors import ConnectorError
from connectors.registry import confirm_account, pinned
from scoring.facts import BASIC_FIELDS, fields_of
from sync import crm_stages

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from config.model import Model
    from config.settings import Settings, StageSettings
    from connectors.base import Connector, Identity


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was looked at. `exit_code` is 0 unless it failed."""

    level: Literal["pass", "warn", "fail"]
    where: str  # settings, model, store, or a CRM
    subject: str
    message: str
    remedy: str = ""
    exit_code: int = 0

    @property
    def text(self) -> str:
        """What was found and what to do about it."""
        return f"{self.message.rstrip('.')}. {self.remedy}".strip()


def check_all(settings: Settings, connectors: Mapping[str, Connector]) -> list[Line]:
    """Everything, in the order in which a run would meet it. Never raises for what it finds."""
    model = None
    try:
        model = load_model(settings.scoring, attribute_types(settings))
    except ConfigError as error:
        lines = [*_unusable(settings, error)]
    else:
        lines = [*_model(settings, model)]
    lines += _store(settings.store.path)
    for crm, connector in connectors.items():
        lines += _crm(settings, crm, connector, model)
    return lines


def exit_code(lines: Iterable[Line]) -> int:
    """0 when nothing failed, else the code of the failure that has to be mended first."""
    return min((line.exit_code for line in lines if line.exit_code), default=0)


def _unusable(settings: Settings, error: ConfigError) -> Iterator[Line]:
    for problem in getattr(error, "errors", [error]):
        place = f"{settings.scoring.name}:{problem.line}" if problem.line else settings.scoring.name
        yield Line("fail", "model", place, problem.message, problem.remedy, error.exit_code)


def _model(settings: Settings, model: Model) -> Iterator[Line]:
    from scoring.golden import run_examples

    yield Line("pass", "model", settings.scoring.name, f"{model.version} can be used.")
    failures = run_examples(model, attribute_types(settings))
    for failure in failures:
        yield Line("fail", "model", "golden example", str(failure), "Mend the rule, or the example.", 2)
    if not failures and model.examples:
        yield Line("pass", "model", "golden examples", f"all {len(model.examples)} hold.")


def _store(path: Path) -> Iterator[Line]:
    existing = next(folder for folder in (path, *path.parents) if folder.exists())
    if existing.is_dir() and os.access(existing, os.W_OK | os.X_OK):
        yield Line("pass", "store", str(path), "can be written.")
    else:
        yield Line("fail", "store", str(path), "cannot be written.", "Change its rights, or store.path.", 2)


def _crm(settings: Settings, crm: str, connector: Connector, model: Model | None) -> Iterator[Line]:
    try:
        identity = connector.identify()
        confirm_account(settings, identity)
    except ConnectorError as error:
        yield Line("fail", crm, "account", error.message, error.remedy, error.exit_code)
        return
    yield from _account(settings, identity)
    written = fields_of(model) if model else BASIC_FIELDS
    for found in connector.check(written if settings.writes.enabled else ()):
        yield Line(found.level, crm, found.subject, found.message, found.remedy, 3 if found.level == "fail" else 0)
    wanted = settings.writes.lifecycle_stage
    if wanted.enabled and model is not None:
        yield from _stages(crm, wanted, model, connector)


def _stages(crm: str, wanted: StageSettings, model: Model, connector: Connector) -> Iterator[Line]:
    try:
        stages = connector.crm_stages()
    except ConnectorError as error:
        yield Line("fail", crm, "own stage", error.message, error.remedy, error.exit_code)
        return
    mended_in = 3 if stages.obstacle else 2  # a permission in the CRM, else the settings
    for found in crm_stages.findings(crm, wanted, model, stages):
        code = mended_in if found.level == "fail" else 0
        yield Line(found.level, crm, found.subject, found.message, found.remedy, code)


def _account(settings: Settings, identity: Identity) -> Iterator[Line]:
    crm = identity.crm
    kind = "a sandbox" if identity.is_sandbox else "production"
    left = "" if identity.calls_left_today is None else f", {identity.calls_left_today:,} calls left today"
    yield Line("pass", crm, "account", f"{identity.account_id} ({identity.name}), {kind}{left}.")
    key, value = pinned(settings, crm)
    if value is None:
        yield Line("warn", crm, key, "is not pinned.", f"Set {key.split('.')[1]}: {identity.account_id}.")
