"""scoring.yaml: the whole model, loaded strictly.

`load_model` reads the file, `json_schema` describes it to editors. What a key means stands with its field in
`config.model_sections` and, by example, in docs/model/; what cannot be right together is found by
`config.model_checks`.
"""

from __future__ import annotations

import hashlib
import json
from functools import cached_property
from importlib import resources
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import Field, StrictStr

from config.errors import ConfigErrors
from config.model_decision import HandOff, Skip
from config.model_fit import Fit
from config.model_machine import Machine
from config.model_sections import Engagement, Example, Gate, Lifecycle, Rating, Trend
from config.model_special import Account, Affinity, Bant, CombinedRating, Rfm
from config.model_values import Part
from config.model_visits import Visits
from config.sensitive import SENSITIVE
from config.vocabulary import EXTRA_FIELDS
from config.yaml_file import Document, read, validate

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from config.attributes import AttributeType

SCANNERS: Final = "scanner_user_agents"
"""The list of user agents that are taken for machines; a list of this name in the model replaces the shipped one."""

PRIVACY_PROXIES: Final = "privacy_user_agents"
"""The list of user agents of proxies that load every mail's pictures; a list of the model replaces it likewise."""


class Model(Part):
    """A scoring model: gates, then fit and engagement, then rating, trend and lifecycle stage."""

    model: Annotated[
        str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=31, description="Name; part of the version we write.")
    ]
    lists: dict[str, tuple[StrictStr, ...] | Literal["preset"]] = Field(
        default={}, description="Named lists for `in: $name`; preset: the list of that name that comes with Leadgrade."
    )
    acknowledge: tuple[StrictStr, ...] = Field(
        default=(), description="Sensitive attributes that this model may use: " + ", ".join(SENSITIVE) + "."
    )
    gates: tuple[Gate, ...] = ()
    fit: Fit = Fit()
    engagement: Engagement = Engagement()
    machine: Machine = Machine()
    visits: Visits = Visits()
    rating: Rating = Rating()
    trend: Trend | None = None
    lifecycle: Lifecycle | None = None
    skip: Skip | None = None
    hand_off: HandOff | None = None
    rfm: Rfm | None = None
    bant: Bant | None = None
    affinity: Affinity | None = None
    account: Account | None = None
    ratings: Annotated[tuple[CombinedRating, ...], Field(max_length=5, description="Ratings by any axes.")] = ()
    also_write: tuple[StrictStr, ...] = Field(
        default=(), description="Fields to write that no model writes unasked: " + ", ".join(EXTRA_FIELDS) + "."
    )
    examples: tuple[Example, ...] = ()

    @cached_property
    def version(self) -> str:
        """Name and a digest of everything that can move a score: ``b2b-saas@1f3a9c2e``.

        Examples do not count, nor does the choice of fields, nor what is left at its default: a key that a later
        Leadgrade knows changes the version of the models alone that use it.
        """
        beside = {"examples", "also_write", "acknowledge"}
        content = self.model_dump(mode="json", by_alias=True, exclude=beside, exclude_defaults=True)
        content["lists"] = {name: sorted(self.list_values(name)) for name in {*self.lists, SCANNERS, PRIVACY_PROXIES}}
        digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
        return f"{self.model}@{digest[:8]}"

    @property
    def stage_order(self) -> tuple[str, ...]:
        """The lifecycle stages, first to last; none without a lifecycle."""
        return self.lifecycle.order if self.lifecycle is not None else ()

    @property
    def limited_stages(self) -> tuple[str, ...]:
        """The stages that may be entered only so often."""
        ways = self.lifecycle.transitions if self.lifecycle is not None else ()
        return tuple(way.to for way in ways if way.max_entries is not None)

    def list_values(self, name: str) -> tuple[str, ...]:
        """The values of list `name` (without dollar sign), shipped ones included. Raises KeyError when unknown."""
        values = self.lists.get(name, "preset")
        return preset_list(name) if values == "preset" else tuple(values)


def preset_list(name: str) -> tuple[str, ...]:
    """The list `name` that comes with Leadgrade. Raises KeyError when there is none."""
    if name not in preset_lists():
        raise KeyError(name)
    text = (resources.files("config") / "presets" / "lists" / f"{name}.txt").read_text(encoding="utf-8")
    return tuple(line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#"))


def preset_lists() -> list[str]:
    """The names of the lists that come with Leadgrade."""
    folder = resources.files("config") / "presets" / "lists"
    return sorted(entry.name.removesuffix(".txt") for entry in folder.iterdir() if entry.name.endswith(".txt"))


def load_model(path: Path, attributes: Mapping[str, AttributeType]) -> Model:
    """The model in the file at `path`.

    `attributes` are the mapped attributes with their types (`config.attributes.attribute_types`); conditions may use
    these and the computed ones. Raises ConfigError (or ConfigErrors with every problem) naming file and line.
    """
    return checked_model(read(path), attributes)


def checked_model(document: Document, attributes: Mapping[str, AttributeType]) -> Model:
    """As `load_model`, from a document already read."""
    from config.model_checks import problems
    from config.model_special_checks import special_problems

    model = validate(document, Model)
    found = [*problems(model, document, attributes), *special_problems(model, document, attributes)]
    found.sort(key=lambda problem: problem.line or 0)
    if found:
        raise ConfigErrors(found)
    return model


def json_schema() -> dict[str, Any]:
    """JSON Schema of scoring.yaml, for completion and checks in editors."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Leadgrade scoring model",
        **Model.model_json_schema(by_alias=True),
    }
