"""The property group and the properties that Leadgrade writes, created where they are missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from connectors.base import Provisioned
from connectors.errors import ConfigProblem, ConnectorBug
from connectors.hubspot import paths
from connectors.hubspot.errors import CRM, entries, parse
from connectors.hubspot.fields import GROUP, GROUP_LABEL, definition, options, property_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from connectors.hubspot.client import Client
    from scoring.facts import OutputField

EXISTS = "OBJECT_ALREADY_EXISTS"


def provision(client: Client, fields: Sequence[OutputField], *, dry_run: bool) -> list[Provisioned]:
    """Group first, then properties, then options of those that stood there with fewer. Repeatable.

    Raises ConfigProblem before anything is written when a property of ours has another type.
    """
    known = client.properties("contacts")
    clashes = [text for field in fields if (text := clash(field, known.get(property_of(field.name))))]
    if clashes:
        raise ConfigProblem(
            "; ".join(clashes) + ".",
            crm=CRM,
            remedy="Rename or delete the property in HubSpot (Settings > Properties), then provision again.",
        )
    groups = client.get(paths.properties("contacts", "groups"))["results"]
    has_group = any(group["name"] == GROUP for group in groups)
    missing = [field for field in fields if property_of(field.name) not in known]
    short = [field for field in fields if _lacks_options(field, known.get(property_of(field.name)))]
    if not dry_run:
        if not has_group:
            client.post(
                paths.properties("contacts", "groups"), {"name": GROUP, "label": GROUP_LABEL, "displayOrder": -1}
            )
        _create(client, missing)
        for field in short:
            _add_options(client, field, known[property_of(field.name)])
    made: Literal["created", "would create"] = "would create" if dry_run else "created"
    return [
        Provisioned(f"property group {GROUP}", "exists" if has_group else made),
        *(
            Provisioned(f"property {property_of(field.name)}", made if field in missing else "exists")
            for field in fields
        ),
        *(Provisioned(f"options of {property_of(field.name)}", made) for field in short),
    ]


def clash(field: OutputField, known: dict[str, Any] | None) -> str:
    """What keeps an existing property from being ours; empty when nothing does or there is none."""
    if known is None:
        return ""
    name, wanted = property_of(field.name), definition(field)["type"]
    if known.get("type") != wanted:
        return f"property {name} exists with type {known.get('type')}, not {wanted}"
    read_only = (known.get("modificationMetadata") or {}).get("readOnlyValue")
    if known.get("calculated") or read_only:
        return f"property {name} is calculated or read-only"
    return ""


def _create(client: Client, missing: list[OutputField]) -> None:
    if not missing:
        return
    answer = client.post(
        paths.properties("contacts", "batch/create"), {"inputs": [definition(field) for field in missing]}
    )
    refused = [problem for entry in entries(answer) if (problem := parse(entry)).category != EXISTS]
    if refused:
        raise ConnectorBug(f"properties were not created: {refused[0].message}", crm=CRM)


def _present(known: dict[str, Any]) -> list[dict[str, Any]]:
    return list(known.get("options") or [])


def _lacks_options(field: OutputField, known: dict[str, Any] | None) -> bool:
    return known is not None and not set(field.choices) <= {option["value"] for option in _present(known)}


def _add_options(client: Client, field: OutputField, known: dict[str, Any]) -> None:
    """Add ours; options that somebody else added stay."""
    ours = options(field)
    others = [option for option in _present(known) if option["value"] not in field.choices]
    client.patch(paths.properties("contacts", property_of(field.name)), {"options": ours + others})
