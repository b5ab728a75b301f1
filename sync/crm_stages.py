"""The CRMs' own stages, where they are to be written: which stage of the model stands for which of a CRM's.

`rungs` holds what the settings say against the model and against what the CRM has; `check` tells its findings one by
one, a run refuses to begin with one that failed. Which records move is decided in `sync.mirror.stage_moves`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from connectors.base import Finding
from connectors.errors import ConfigProblem
from sync.mirror.stage_moves import NO_LADDER, Ladder, Rung

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from config.model import Model
    from config.settings import Settings, StageSettings
    from connectors.base import Connector, CrmStages

KEY: Final = "writes.lifecycle_stage"


def ladder(settings: Settings, model: Model, connectors: Mapping[str, Connector]) -> Ladder:
    """The rungs of all CRMs in use; no ladder while own stages are not to be written.

    Raises ConfigProblem for the first finding that failed, and what the connectors raise.
    """
    wanted = settings.writes.lifecycle_stage
    if not wanted.enabled:
        return NO_LADDER
    found: list[Rung] = []
    for crm, connector in connectors.items():
        stages = connector.crm_stages()
        for finding in findings(crm, wanted, model, stages):
            if finding.level == "fail":
                raise ConfigProblem(f"{finding.subject} {finding.message}", crm=crm, remedy=finding.remedy)
        found += rungs(crm, wanted, model, stages)
    return Ladder(tuple(found), backward=wanted.backward)


def rungs(crm: str, wanted: StageSettings, model: Model, stages: CrmStages) -> list[Rung]:
    """The model's stages that have one in the CRM, lowest first. Those that a transition leads to are earned."""
    if model.lifecycle is None:
        return []
    earned = {way.to for way in model.lifecycle.transitions}
    named = wanted.named(crm)
    return [
        Rung(crm, stages.kind, stage, value, place, stage in earned)
        for place, stage in enumerate(model.lifecycle.order)
        if (value := named.get(stage, stage)) in stages.values
    ]


def findings(crm: str, wanted: StageSettings, model: Model, stages: CrmStages) -> Iterator[Finding]:
    """What stands in the way of writing the CRM's own stage."""
    if stages.obstacle:
        yield Finding("fail", stages.field, f"{stages.obstacle}.", f"{stages.remedy} Or set {KEY} to false.".strip())
        return
    order = model.stage_order
    refused = False
    for stage, value in wanted.named(crm).items():
        if problem := _misnamed(stage, value, order, stages):
            refused = True
            yield Finding("fail", f"{KEY}.{crm}.{stage}", *problem)
    found = rungs(crm, wanted, model, stages)
    if not any(rung.earned for rung in found):
        remedy = f"Name them under {KEY}.{crm}: there are {_listed(stages.values)}."
        yield Finding("fail", stages.field, "has none of the stages that the model's transitions lead to.", remedy)
        return
    named = {rung.stage for rung in found} | set(wanted.named(crm))
    if missing := tuple(stage for stage in order if stage not in named):
        remedy = f"Name some under {KEY}.{crm} if they should be written or moved on from."
        yield Finding("warn", stages.field, f"has nothing for stages of the model: {_listed(missing)}.", remedy)
    places = [stages.values.index(rung.value) for rung in found]
    if stages.forward_only and places != sorted(places):
        message = f"has its stages in another order than the model: {_listed(stages.values)}."
        yield Finding("fail", stages.field, message, "Bring the model's lifecycle.order in line, or the CRM's stages.")
    elif not refused:
        said = ", ".join(f"{rung.stage} as {rung.value}" if rung.value != rung.stage else rung.stage for rung in found)
        yield Finding("pass", stages.field, f"can be written: {said}.")


def _misnamed(stage: str, value: str, order: tuple[str, ...], stages: CrmStages) -> tuple[str, str] | None:
    """What is wrong with an entry of the settings, and what to do."""
    if stage not in order:
        known = f"It has: {_listed(order)}." if order else "It has no lifecycle."
        return "names no stage of the model's lifecycle.", known
    if value in stages.never:
        return f"{value} is set by the CRM alone.", f"Choose one of {_listed(stages.values)}."
    if value not in stages.values:
        return f"{stages.field} has no value {value}.", f"Choose one of {_listed(stages.values)}."
    return None


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names)
