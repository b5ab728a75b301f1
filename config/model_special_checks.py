"""Checks of the special models: what a section names must be there, and what it asks for must be possible."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from config.attributes import COMPUTED
from config.model_checks import check_activity_rule, check_ladder, check_names, check_types
from config.model_condition_checks import ACTIVITY_ATTRIBUTES, Findings, check_when
from config.model_fit import Fit
from config.model_fit_checks import check_trait
from config.model_values import crm_length

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from config.attributes import AttributeType
    from config.errors import ConfigError
    from config.model import Model
    from config.model_conditions import When
    from config.model_sections import ActivityRule, Example
    from config.model_special import Account, Affinity, Bands, Bant, CombinedRating, Rfm
    from config.yaml_file import Document, Loc

LONGEST: Final = 255
"""Characters of the CRM fields that hold several names."""

SECTION_OF: Final = {
    "rfm": "rfm", "rfm_score": "rfm", "segment": "rfm", "bant": "bant", "bant_met": "bant", "bant_status": "bant",
    "product": "affinity", "product_share": "affinity", "next_content": "affinity", "account": "account",
    "buying_role": "account", "role_coverage": "account", "missing_roles": "account",
}  # fmt: skip
"""What an example can expect -> the section that gives it."""


def special_problems(model: Model, document: Document, attributes: Mapping[str, AttributeType]) -> list[ConfigError]:
    """Everything that makes the special sections of `model` unusable, in the order of the file."""
    find = Findings(document)
    known: dict[str, str] = {**attributes, **COMPUTED}
    if model.rfm is not None:
        _rfm(model.rfm, find)
    if model.bant is not None:
        _bant(model, model.bant, find, known)
    if model.affinity is not None:
        _affinity(model, model.affinity, find)
    if model.account is not None:
        _account(model, model.account, find, known)
    for number, rating in enumerate(model.ratings):
        _rating(model, rating, find, ("ratings", number))
    check_names(find, ("ratings",), [rating.name for rating in model.ratings])
    _ratings_fit(model, find)
    for number, example in enumerate(model.examples):
        _example(model, example, find, ("examples", number))
    return find.in_order()


def _rfm(rfm: Rfm, find: Findings) -> None:
    check_types(find, ("rfm", "activities"), rfm.activities)
    if not rfm.recency.points + rfm.frequency.points + rfm.monetary.points:
        find.add(("rfm",), "none of the three digits gives a point.", "Give points to one of them.")
    for number, segment in enumerate(rfm.segments):
        for digit in ("recency", "frequency", "monetary"):
            bounds = getattr(segment, digit)
            if bounds is not None and bounds[0] > bounds[1]:
                find.add(("rfm", "segments", number, digit), "the larger digit stands first.", "Swap them.")


def _bant(model: Model, bant: Bant, find: Findings, known: Mapping[str, str]) -> None:
    names: list[str] = []
    for name, dimension in bant.dimensions.items():
        loc: Loc = ("bant", name)
        if not dimension.criteria and not dimension.rules:
            find.add(loc, f"nothing speaks for {name}.", "Write `criteria`, `rules` or both.")
        for number, trait in enumerate(Fit(criteria=dimension.criteria).traits):
            check_trait(model, trait, find, (*loc, "criteria", number), known)
        _rules(model, dimension.rules, find, (*loc, "rules"))
        if dimension.threshold > dimension.at_most:
            find.add((*loc, "met_from"), f"{name} gives at most {dimension.at_most:g} points.", "Ask for fewer.")
        items = [
            *((("criteria", number), item.name) for number, item in enumerate(dimension.criteria)),
            *((("rules", number), item.name) for number, item in enumerate(dimension.rules)),
        ]
        for place, item in items:
            if item in names:
                find.add((*loc, *place, "name"), f"the name {item!r} stands here a second time.", "Rename one of them.")
            names.append(item)
    most = sum(dimension.at_most for dimension in bant.dimensions.values())
    if bant.gate.sum is not None and bant.gate.sum > min(100, most):
        find.add(
            ("bant", "gate", "sum"), f"all four together give at most {min(100, most):g} points.", "Ask for fewer."
        )


def _rules(model: Model, rules: Sequence[ActivityRule], find: Findings, loc: Loc) -> None:
    for number, rule in enumerate(rules):
        if rule.group is not None:
            find.add((*loc, number, "group"), "groups are of engagement alone.", "Remove it.")
        check_activity_rule(model, rule.model_copy(update={"group": None}), find, (*loc, number))


def _affinity(model: Model, affinity: Affinity, find: Findings) -> None:
    _rules(model, affinity.rules, find, ("affinity", "rules"))
    for number, product in enumerate(affinity.products):
        loc: Loc = ("affinity", "products", number)
        _rules(model, product.rules, find, (*loc, "rules"))
        if product.when is not None:
            _about(model, product.when, find, (*loc, "when"))
        shared = affinity.rules if product.when is not None else ()
        if not shared and not product.rules:
            remedy = "Write `when`, and `rules` beside `products`; or rules of its own."
            find.add(loc, f"nothing gives points to {product.name!r}.", remedy)
        check_names(find, (*loc, "rules"), [rule.name for rule in (*product.rules, *shared)])
        for place, content in enumerate(product.content):
            check_types(find, (*loc, "content", place, "activity"), content.activity)
            if content.when is not None:
                _about(model, content.when, find, (*loc, "content", place, "when"))
        check_names(find, (*loc, "content"), [content.name for content in product.content])
    check_names(find, ("affinity", "rules"), [rule.name for rule in affinity.rules])
    check_names(find, ("affinity", "products"), [product.name for product in affinity.products])


def _about(model: Model, when: When, find: Findings, loc: Loc) -> None:
    """A condition that is decided by what an activity is about, not by the single event."""
    facts = {name: ACTIVITY_ATTRIBUTES[name] for name in ("url", "asset", "campaign", "user_agent")}
    check_when(find, model, when, loc, facts, what="fact of an activity")


def _account(model: Model, account: Account, find: Findings, known: Mapping[str, str]) -> None:
    _has_section(model, account.of, find, ("account", "of"))
    for number, role in enumerate(account.roles):
        loc: Loc = ("account", "roles", number)
        if role.when is not None:
            check_when(find, model, role.when, (*loc, "when"), known)
        elif not role.deal_roles:
            find.add(loc, f"nothing tells who is a {role.name!r}.", "Write `deal_roles`, `when` or both.")
    check_names(find, ("account", "roles"), [role.name for role in account.roles])
    if account.roll_up.mode == "roles" and not any([*(role.weight for role in account.roles), account.others]):
        find.add(("account", "roles"), "nobody has any weight.", "Give one of the roles a `weight`.")
    if account.roll_up.mode == "roles" and not account.roles:
        find.add(("account", "roll_up"), "there are no roles to weigh by.", "Add `roles`, or write mean.")
    if crm_length(", ".join(role.name for role in account.roles if role.needed)) > LONGEST:
        find.add(("account", "roles"), f"their names do not fit {LONGEST} characters together.", "Shorten them.")


def _has_section(model: Model, axis: str, find: Findings, loc: Loc) -> None:
    if axis not in {"fit", "engagement"} and getattr(model, axis) is None:
        find.add(loc, f"the model has no {axis}.", f"Add the section `{axis}:`, or use another axis.")


def _rating(model: Model, rating: CombinedRating, find: Findings, loc: Loc) -> None:
    sizes = []
    for key in ("rows", "columns"):
        side: Bands | None = getattr(rating, key)
        if side is None:
            sizes.append(1)
            continue
        _has_section(model, side.axis, find, (*loc, key, "axis"))
        if side.bands is not None:
            check_ladder(find, (*loc, key, "bands"), side.bands)
        elif side.axis not in {"fit", "engagement"}:
            find.add((*loc, key), f"{side.axis} has no bands of its own.", "Write `bands`.")
        if side.bands is not None and side.unknown in side.bands:
            find.add((*loc, key, "unknown"), f"{side.unknown!r} is one of the bands.", "Rename it.")
        bands = side.bands or (model.fit.scale if side.axis == "fit" else model.engagement.levels)
        sizes.append(len(bands) + (side.unknown is not None))
    rows, columns = sizes
    cells = rating.cells
    if cells is not None and (len(cells) != rows or any(len(row) != columns for row in cells)):
        message = f"this rating has {rows} rows of {columns} cells."
        find.add((*loc, "cells"), message, "Write a list per row, best first; that of the unknown comes last.")


def _ratings_fit(model: Model, find: Findings) -> None:
    longest = [
        f" · {rating.name}: {max((name for row in rating.cells for name in row), key=crm_length)}"
        for rating in model.ratings
        if rating.cells
    ]
    if crm_length("".join(longest)) > LONGEST:
        find.add(("ratings",), f"their names and cells do not fit {LONGEST} characters together.", "Shorten them.")


def _example(model: Model, example: Example, find: Findings, loc: Loc) -> None:
    for number, deal in enumerate(example.deals):
        place = (*loc, "deals", number)
        if deal.won and deal.closed is None:
            find.add((*place, "won"), "this deal is won and not closed.", "Say when: `closed: 10d ago`.")
        if deal.created is not None and deal.closed is not None and deal.created < deal.closed:
            find.add((*place, "created"), "this deal was closed before it was created.", "Swap the days.")
    expect = example.expect
    for name, section in SECTION_OF.items():
        if getattr(expect, name) is not None and getattr(model, section) is None:
            find.add((*loc, "expect", name), f"the model has no {section}.", f"Add the section `{section}:`.")
    for name, allowed in _choices(model).items():
        value = getattr(expect, name)
        if value is not None and value not in allowed:
            find.add((*loc, "expect", name), f"unknown {name} {value!r}.", find.near(value, allowed))
    ratings = [rating.name for rating in model.ratings]
    for name in expect.ratings or {}:
        if name not in ratings:
            find.add((*loc, "expect", "ratings", name), f"unknown rating {name!r}.", find.near(name, ratings))


def _choices(model: Model) -> dict[str, list[str]]:
    """What an example can expect of the sections that are there -> the values it can have."""
    choices: dict[str, list[str]] = {}
    if model.rfm is not None:
        choices["segment"] = [segment.name for segment in model.rfm.segments]
    if model.affinity is not None:
        choices["product"] = [product.name for product in model.affinity.products]
        choices["next_content"] = [content.name for product in model.affinity.products for content in product.content]
    if model.account is not None:
        choices["buying_role"] = [role.name for role in model.account.roles]
    return choices
