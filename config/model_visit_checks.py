"""Visits and machines in the model: types that people do themselves, facts that only visits have, enough signs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from config.model_condition_checks import VISIT_FACTS, Findings
from config.vocabulary import ACTIVITY_TYPES, DERIVED, DONE_TO_THEM, PAGES, VISIT, is_activity_type

if TYPE_CHECKING:
    from collections.abc import Sequence

    from config.model import Model
    from config.model_sections import ActivityRule
    from config.yaml_file import Loc


def check_visits(model: Model, find: Findings) -> None:
    """Check the section `visits`."""
    for number, name in enumerate(model.visits.of):
        if not is_activity_type(name):
            find.add(("visits", "of", number), f"unknown activity type {name!r}.", find.near(name, ACTIVITY_TYPES))
        elif name in DONE_TO_THEM:
            find.add(("visits", "of", number), f"{name!r} is done to people, not by them.", "Remove it.")
        elif name in DERIVED:
            find.add(("visits", "of", number), f"{name!r} is itself made of other activities.", "Remove it.")
    if PAGES.isdisjoint(model.visits.of):
        find.add(("visits", "of"), "a visit needs pages.", "Add page_view.")


def check_gate_types(find: Findings, loc: Loc, types: Sequence[str]) -> None:
    """Check the activity types of a gate at `loc`: gates look at what the CRMs tell of."""
    for number, name in enumerate(types):
        if name in DERIVED:
            find.add((*loc, number), f"{name!r} is made of other activities.", "Let the gate ask for those.")


def check_rule_on_visits(model: Model, rule: ActivityRule, find: Findings, loc: Loc) -> None:
    """Check what the rule at `loc` asks of visits: facts, and chains of pages."""
    for place, fact, _ in rule.when.walk((*loc, "when")) if rule.when is not None else ():
        if fact in VISIT_FACTS and set(rule.activity) != {VISIT}:
            find.add(place, f"{fact!r} is a fact of visits.", f"Write `activity: {VISIT}`.")
    if rule.chain is None:
        return
    for number, name in enumerate(rule.activity):
        if is_activity_type(name) and name not in model.visits.of:
            remedy = "Add it to `visits: {of: [...]}`, or remove it."
            find.add((*loc, "activity", number), f"visits do not consist of {name!r}.", remedy)


def check_machine(model: Model, find: Findings) -> None:
    """Check the section `machine`: that its signs can be enough."""
    rules = model.machine
    signs = {*rules.signs, *(["crm_flag"] if rules.crm_flag == "sign" else [])}
    if rules.needed > len(signs):
        message = f"{rules.needed} signs are needed, and there are {len(signs)}."
        find.add(("machine", "needed"), message, "Lower it, or name more `signs`.")
