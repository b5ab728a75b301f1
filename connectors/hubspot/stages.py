"""HubSpot's own lifecycle stage: which stages the portal has, and moving contacts to them.

The API lets a contact go forward only, in the portal's order; a step back is ignored without a word unless the stage
was cleared by a call of its own before. Others move it too (people, forms, deals, the sync with companies), so that
each contact is looked at right before it is moved.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connectors.base import CRM_STAGE, CrmStages
from connectors.hubspot.fields import LIFECYCLE_STAGE
from scoring.facts import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connectors.base import Change
    from connectors.hubspot.client import Client

FIELD = f"contacts.{LIFECYCLE_STAGE}"


def crm_stages(client: Client) -> CrmStages:
    """The portal's stages in its order. Raises AuthStop where the definitions of properties may not be read."""
    known = client.properties("contacts").get(LIFECYCLE_STAGE)
    if known is None:
        return CrmStages(Kind.CONTACT, FIELD, obstacle="does not exist", remedy="Ask the portal's administrator.")
    if (known.get("modificationMetadata") or {}).get("readOnlyValue") or known.get("calculated"):
        remedy = "Let integrations edit the property (Settings > Properties)."
        return CrmStages(Kind.CONTACT, FIELD, obstacle="is read-only", remedy=remedy)
    offered = [option for option in known.get("options") or [] if not option.get("hidden")]
    values = tuple(str(option["value"]) for option in sorted(offered, key=_place))
    return CrmStages(Kind.CONTACT, FIELD, values, forward_only=True)


def _place(option: Mapping[str, Any]) -> float:
    """HubSpot numbers options from 0; -1 puts one behind all others."""
    order = option.get("displayOrder")
    return float("inf") if order is None or int(order) < 0 else int(order)


def moved_by_others(change: Change, held: Mapping[str, Any] | None) -> bool:
    """Whether a contact holds a stage that is neither the one the move was decided upon nor the one it leads to."""
    if change.move is None or held is None:
        return False
    return (held.get(LIFECYCLE_STAGE) or None) not in {change.move.seen or None, change.values[CRM_STAGE]}


def must_be_cleared(change: Change, held: Mapping[str, Any] | None) -> bool:
    """Whether a contact goes back and still holds the later stage."""
    there = held.get(LIFECYCLE_STAGE) if held else None
    return change.move is not None and change.move.backward and bool(there) and there != change.values[CRM_STAGE]
