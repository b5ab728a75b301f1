"""The standard objects of an Enterprise org with Enhanced Email, as far as lead scoring meets them, by topic."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from sandbox.salesforce.standard import activities, administration, deals, people

if TYPE_CHECKING:
    from sandbox.salesforce.schema import SObject


def standard_objects() -> dict[str, SObject]:
    """A fresh set of all objects; custom fields are added to it later."""
    topics = (people, deals, activities, administration)
    return {each.name: each for each in itertools.chain.from_iterable(topic.objects() for topic in topics)}
