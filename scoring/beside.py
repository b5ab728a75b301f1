"""Activity rules that stand beside those of engagement: of BANT's dimensions and of products, tallied as they are.

They are gathered into one model of their own and run through the same steps, so that everything an engagement rule
can say (counts, caps, windows, decay, machines) means the same here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from config.model_conditions import When
from config.model_fit import Fit
from config.model_sections import ActivityRule, Engagement
from config.model_values import NO_DECAY
from scoring.events import put

if TYPE_CHECKING:
    from config.model import Model
    from config.model_special import Affinity, Bant, Content
    from config.model_values import Decay

SUFFIX: Final = "_beside"
"""What the names of their tables end with: `contributions_beside`."""

TERMS: Final = """
    (SELECT r.*, b.axis FROM rule_terms r JOIN beside_rules b ON b.rule = r.part_of WHERE b.section <> 'content')"""
"""While they are tallied: the terms of the rules that give points, with their axes."""

LINE: Final = "person, axis, rule, kind, micro, occurrences, last_at"
"""The columns of a line of the ledger."""


@dataclass(frozen=True)
class BesideRule:
    """A rule and what its points are for: `axis` of the ledger, and which part (dimension, product) of which section.

    For section ``content`` the rule only says whether they have seen it; `place` is its place in the product's list.
    """

    section: str
    axis: str
    part: int
    rule: ActivityRule
    place: int = 0


def beside_rules(model: Model) -> list[BesideRule]:
    """All of them; their numbers are their places here."""
    found: list[BesideRule] = []
    if model.bant is not None:
        found += _of_bant(model.bant)
    if model.affinity is not None:
        found += _of_affinity(model.affinity)
    return found


def beside_model(model: Model) -> Model | None:
    """A model whose engagement are these rules; None when there are none."""
    rules = tuple(found.rule for found in beside_rules(model))
    if not rules:
        return None
    alone = {"engagement": Engagement(rules=rules), "fit": Fit(), "gates": (), "trend": None, "lifecycle": None}
    return model.model_copy(update=alone)


def tabulate_beside(con: Any, model: Model) -> None:
    """Create `beside_rules` (rule, name, section, axis, part, place)."""
    rules = beside_rules(model)
    columns = {
        "rule": pa.array(range(len(rules)), pa.int32()),
        "name": pa.array([found.rule.name for found in rules], pa.string()),
        "section": pa.array([found.section for found in rules], pa.string()),
        "axis": pa.array([found.axis for found in rules], pa.string()),
        "part": pa.array([found.part for found in rules], pa.int32()),
        "place": pa.array([found.place for found in rules], pa.int32()),
    }
    put(con, "beside_rules", pa.table(columns))


def _of_bant(bant: Bant) -> list[BesideRule]:
    return [
        BesideRule("bant", "bant", number, _decaying(rule, bant.decay))
        for number, dimension in enumerate(bant.dimensions.values())
        for rule in dimension.rules
    ]


def _of_affinity(affinity: Affinity) -> list[BesideRule]:
    found = []
    for number, product in enumerate(affinity.products):
        axis = f"affinity:{product.name}"
        shared = affinity.rules if product.when is not None else ()
        rules = [rule.model_copy(update={"when": _both(rule.when, product.when)}) for rule in shared]
        rules += product.rules
        found += [BesideRule("affinity", axis, number, _decaying(rule, affinity.decay)) for rule in rules]
        found += [
            BesideRule("content", axis, number, _seen(content), place) for place, content in enumerate(product.content)
        ]
    return found


def _decaying(rule: ActivityRule, default: Decay) -> ActivityRule:
    return rule if rule.decay is not None else rule.model_copy(update={"decay": default})


def _both(own: When | None, about: When | None) -> When | None:
    """Both conditions; the first keeps its tests at the top, where those of the single event must stand."""
    if own is None or about is None:
        return own if about is None else about
    return own.model_copy(update={"all": [*(own.all or ()), about]})


def _seen(content: Content) -> ActivityRule:
    when = content.when if content.when is not None else When.model_validate({"asset": {"is": content.name}})
    return ActivityRule(
        name=content.name,
        activity=content.activity,
        when=when,
        points=1,
        count="first",
        decay=NO_DECAY,
        unless="machine",
    )
