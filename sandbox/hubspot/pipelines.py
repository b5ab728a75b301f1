"""Pipelines and their stages; owners. Stage metadata is text, as HubSpot sends it (B)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sandbox.hubspot.calls import Reply
from sandbox.hubspot.errors import bad_request, not_found
from sandbox.hubspot.options import LIFECYCLE_STAGES
from sandbox.hubspot.records import object_type

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sandbox.hubspot.calls import Ask
    from sandbox.hubspot.portal import Portal

_MADE: Final = "2019-08-06T02:41:52.114Z"
_DEAL_STAGES: Final = (
    ("appointmentscheduled", "Appointment Scheduled", "0.2"),
    ("qualifiedtobuy", "Qualified To Buy", "0.4"),
    ("presentationscheduled", "Presentation Scheduled", "0.6"),
    ("decisionmakerboughtin", "Decision Maker Bought-In", "0.8"),
    ("contractsent", "Contract Sent", "0.9"),
    ("closedwon", "Closed Won", "1.0"),
    ("closedlost", "Closed Lost", "0.0"),
)

Pipeline = dict[str, Any]


def built_in() -> dict[str, list[Pipeline]]:
    """The pipelines of a new portal, by object type."""
    deals = [
        _stage(name, label, order, {"isClosed": str(name.startswith("closed")).lower(), "probability": probability})
        for order, (name, label, probability) in enumerate(_DEAL_STAGES)
    ]
    contacts = [_stage(name, label, order, {}) for order, (name, label) in enumerate(LIFECYCLE_STAGES.items())]
    return {
        "deals": [_pipeline("default", "Sales Pipeline", deals)],
        "contacts": [_pipeline("contacts-lifecycle-pipeline", "Lifecycle Stage Pipeline", contacts)],
    }


def deal_flags(pipelines: Iterable[Pipeline], stage_id: str) -> dict[str, str]:
    """The calculated properties of a deal that its stage decides."""
    for pipeline in pipelines:
        for stage in pipeline["stages"]:
            if stage["id"] == stage_id:
                closed = stage["metadata"]["isClosed"] == "true"
                probability = stage["metadata"]["probability"]
                won = closed and float(probability) == 1
                return {
                    "hs_is_closed": str(closed).lower(),
                    "hs_is_closed_won": str(won).lower(),
                    "hs_is_closed_lost": str(closed and not won).lower(),
                    "hs_deal_stage_probability": probability,
                }
    return {}


def list_pipelines(portal: Portal, ask: Ask) -> Reply:
    """GET pipelines/{type}."""
    kind = object_type(ask.params["type"])
    if kind is None:
        raise bad_request(f"Unable to infer object type from: {ask.params['type']}", category=None)
    return Reply({"results": portal.pipelines.get(kind, [])})


def get_pipeline(portal: Portal, ask: Ask) -> Reply:
    """GET pipelines/{type}/{id}."""
    for pipeline in portal.pipelines.get(object_type(ask.params["type"]) or "", []):
        if pipeline["id"] == ask.params["id"]:
            return Reply(pipeline)
    raise not_found("The pipeline does not exist")


def list_owners(portal: Portal, ask: Ask) -> Reply:
    """GET owners: 100 a page unless said otherwise; `archived` ones apart, `email` narrows."""
    archived = ask.flag("archived")
    email = ask.query.get("email")
    owners = [owner for owner in portal.owners if owner["archived"] == archived and email in {None, owner["email"]}]
    limit, start = ask.limit(default=100, most=500), ask.integer("after", 0)
    body: dict[str, Any] = {"results": owners[start : start + limit]}
    if start + limit < len(owners):
        body["paging"] = {"next": {"after": str(start + limit)}}
    return Reply(body)


def get_owner(portal: Portal, ask: Ask) -> Reply:
    """GET owners/{id}; `archived` must be asked for."""
    for owner in portal.owners:
        if owner["id"] == ask.params["id"] and owner["archived"] == ask.flag("archived"):
            return Reply(owner)
    raise not_found("The owner does not exist")


def _stage(name: str, label: str, order: int, metadata: Mapping[str, str]) -> dict[str, Any]:
    return {
        "id": name, "label": label, "displayOrder": order, "metadata": dict(metadata), "archived": False,
        "createdAt": _MADE, "updatedAt": _MADE,
    }  # fmt: skip


def _pipeline(name: str, label: str, stages: list[dict[str, Any]]) -> Pipeline:
    return {
        "id": name, "label": label, "displayOrder": 0, "stages": stages, "archived": False,
        "createdAt": _MADE, "updatedAt": _MADE,
    }  # fmt: skip
