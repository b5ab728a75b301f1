"""What the model says of visits: types that people do themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from config.vocabulary import ACTIVITY_TYPES, DONE_TO_THEM, PAGES, is_activity_type

if TYPE_CHECKING:
    from config.model import Model
    from config.model_condition_checks import Findings


def check_visits(model: Model, find: Findings) -> None:
    """Check the section `visits`."""
    for number, name in enumerate(model.visits.of):
        if not is_activity_type(name):
            find.add(("visits", "of", number), f"unknown activity type {name!r}.", find.near(name, ACTIVITY_TYPES))
        elif name in DONE_TO_THEM:
            find.add(("visits", "of", number), f"{name!r} is done to people, not by them.", "Remove it.")
    if PAGES.isdisjoint(model.visits.of):
        find.add(("visits", "of"), "a visit needs pages.", "Add page_view.")
