"""The status of leads: which values the organisation has, and whether somebody set one while we decided.

A converted status is set by a conversion alone; contacts and converted leads have no status of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.base import CRM_STAGE, CrmStages
from connectors.salesforce import soql
from connectors.salesforce.bulk_ingest import short
from connectors.salesforce.fields import LEAD_STATUS, need_object
from scoring.facts import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from connectors.base import Change
    from connectors.salesforce.client import Client

SOBJECT = "Lead"
FIELD = f"{SOBJECT}.{LEAD_STATUS}"


def crm_stages(client: Client) -> CrmStages:
    """The active values in the picklist's order. Raises AuthStop when the running user does not see leads."""
    described = need_object(SOBJECT, client.describe(SOBJECT)).get(LEAD_STATUS)
    if described is None or not described["updateable"]:
        obstacle = "may not be edited by the running user"
        remedy = f"Grant 'Edit' on {SOBJECT} and on {FIELD} in a permission set."
        return CrmStages(Kind.LEAD, FIELD, obstacle=obstacle, remedy=remedy)
    converted = {row["ApiName"] for row in client.rows(soql.select(["ApiName"], "LeadStatus", ["IsConverted = true"]))}
    active = [each["value"] for each in described["picklistValues"] if each.get("active", True)]
    return CrmStages(
        Kind.LEAD,
        FIELD,
        values=tuple(value for value in active if value not in converted),
        never=tuple(value for value in active if value in converted),
    )


def moved_by_others(client: Client, sobject: str, rows: Sequence[Change]) -> set[str]:
    """Short ids of leads whose status is neither the one a move was decided upon nor the one it leads to.

    Leads that are gone are left to the write, which tells what became of them.
    """
    moves = {short(row.record_id): (row.move.seen, row.values[CRM_STAGE]) for row in rows if row.move}
    texts = soql.by_ids(["Id", LEAD_STATUS], sobject, [row.record_id for row in rows if row.move])
    found = {short(record["Id"]): record[LEAD_STATUS] for text in texts for record in client.rows(text)}
    return {record_id for record_id, status in found.items() if status not in moves[record_id]}
