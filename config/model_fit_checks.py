"""What gates, criteria and profiles must have in common with each other and with the attributes there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from config.model_condition_checks import check_when
from config.model_values import MICRO
from config.sensitive import SENSITIVE, unacknowledged

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from config.model import Model
    from config.model_condition_checks import Findings
    from config.model_fit import Criterion, Trait
    from config.yaml_file import Loc

WHOLE = 100.0
"""The weights of all criteria that one person can meet, in percent."""


def check_fit(model: Model, find: Findings, known: Mapping[str, str]) -> None:
    """Every criterion by itself, the weights of those that stand together, and the conditions of profiles."""
    for loc, trait in _placed(model):
        check_trait(model, trait, find, loc, known)
    for place, profile in enumerate(model.fit.profiles):
        check_when(find, model, profile.when, ("fit", "profiles", place, "when"), known)
    if model.fit.criteria:
        _check_weights(find, ("fit", "criteria"), model.fit.criteria, whole=not model.fit.profiles)
    for place, profile in enumerate(model.fit.profiles):
        _check_weights(find, ("fit", "profiles", place), [*model.fit.criteria, *profile.criteria])


def check_trait(model: Model, trait: Trait, find: Findings, loc: Loc, known: Mapping[str, str]) -> None:
    """One criterion, which stands at `loc`."""
    criterion = trait.criterion
    if criterion.when is not None:
        check_when(find, model, criterion.when, (*loc, "when"), known)
    if criterion.by is not None:
        _check_bands(find, loc, criterion.by, known)
    if not any(trait.outcomes):
        find.add(loc, f"criterion {criterion.name!r} never gives a point.", "Give it points, or remove it.")


def check_sensitive(model: Model, find: Findings) -> None:
    """No protected attribute decides unless the model acknowledges it."""
    for loc, attribute in _deciding(model):
        for name, kind in unacknowledged([attribute], model.acknowledge).items():
            as_kind = "" if name == kind else f" (it tells of {kind})"
            find.add(
                loc,
                f"{name!r} is a sensitive attribute{as_kind}: scoring people by it can be unlawful.",
                f"Leave it out; or, when you may use it, write at the top: acknowledge: [{kind}]",
            )
    used = {attribute for _, attribute in _deciding(model)}
    for number, name in enumerate(model.acknowledge):
        if name not in SENSITIVE and name not in used:
            find.add(("acknowledge", number), f"nothing is called {name!r}.", find.near(name, SENSITIVE))


def highest_fit(model: Model) -> float:
    """The most points that one person can get for fit, at most 100."""

    def best(profile: int | None) -> float:
        return sum(max(0, *trait.outcomes) for trait in model.fit.traits if trait.profile == profile) / MICRO

    segments = [best(place) for place in range(len(model.fit.profiles))]
    return min(100.0, model.fit.start / MICRO + best(None) + max(segments, default=0.0))


def _placed(model: Model) -> Iterator[tuple[Loc, Trait]]:
    """Every criterion with its place in the file."""
    places: list[Loc] = [("fit", "criteria", number) for number in range(len(model.fit.criteria))]
    for place, profile in enumerate(model.fit.profiles):
        places += [("fit", "profiles", place, "criteria", number) for number in range(len(profile.criteria))]
    return zip(places, model.fit.traits, strict=True)


def _check_bands(find: Findings, loc: Loc, attribute: str, known: Mapping[str, str]) -> None:
    find.attribute((*loc, "by"), attribute, known)
    if known.get(attribute, "number") != "number":
        find.add(
            (*loc, "by"),
            f"bands need a number, and {attribute!r} is a {known[attribute]}.",
            "Use `when`, or map it with `type: number`.",
        )


def _check_weights(find: Findings, loc: Loc, criteria: Sequence[Criterion], *, whole: bool = True) -> None:
    weights = [criterion.weight for criterion in criteria if criterion.weight is not None]
    if not weights:
        return
    total = round(sum(weights), 6)
    if len(weights) < len(criteria):
        find.add(loc, "some criteria have a weight and some have points.", "Give all of them a weight, or none.")
    elif total != WHOLE if whole else total > WHOLE:
        find.add(loc, f"the weights make {total:g}%, not 100%.", "Let them make 100% together.")


def _deciding(model: Model) -> Iterator[tuple[Loc, str]]:
    """Every attribute that decides something, with its place in the file."""
    for number, gate in enumerate(model.gates):
        if gate.when is not None:
            yield from ((place, name) for place, name, _ in gate.when.walk(("gates", number, "when")))
    for loc, trait in _placed(model):
        criterion = trait.criterion
        if criterion.when is not None:
            yield from ((place, name) for place, name, _ in criterion.when.walk((*loc, "when")))
        elif criterion.by is not None:
            yield (*loc, "by"), criterion.by
    for place, profile in enumerate(model.fit.profiles):
        yield from ((at, name) for at, name, _ in profile.when.walk(("fit", "profiles", place, "when")))
    for number, way in enumerate(model.lifecycle.transitions if model.lifecycle is not None else ()):
        for place, name in enumerate(way.requires):
            yield ("lifecycle", "transitions", number, "requires", place), name
    yield from _deciding_beside(model)


def _deciding_beside(model: Model) -> Iterator[tuple[Loc, str]]:
    for name, dimension in (model.bant.dimensions if model.bant is not None else {}).items():
        for number, criterion in enumerate(dimension.criteria):
            yield from ((("bant", name, "criteria", number), attribute) for attribute in criterion.attributes())
    for number, role in enumerate(model.account.roles if model.account is not None else ()):
        if role.when is not None:
            yield from ((at, name) for at, name, _ in role.when.walk(("account", "roles", number, "when")))
