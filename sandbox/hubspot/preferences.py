"""Who may be written to: types of subscription and people's choices (section 3.8 of the rules)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sandbox.hubspot import times
from sandbox.hubspot.calls import Reply
from sandbox.hubspot.errors import ApiError, bad_request

if TYPE_CHECKING:
    from sandbox.hubspot.calls import Ask
    from sandbox.hubspot.portal import Portal

MOST_INPUTS: Final = 100
_MADE: Final = "2019-08-06T02:41:52.114Z"


def definitions_v3(portal: Portal, _ask: Ask) -> Reply:
    """GET communication-preferences/v3/definitions."""
    return Reply({"subscriptionDefinitions": [_definition(*one) for one in portal.marketing.subscriptions.items()]})


def status_v3(portal: Portal, ask: Ask) -> Reply:
    """GET communication-preferences/v3/status/email/{email}: an address that never chose is NOT_SUBSCRIBED."""
    address = ask.params["email"].strip().lower()
    chosen = portal.marketing.choices.get(address, {})
    statuses = [
        {
            "id": str(number),
            "name": name,
            "description": "",
            "status": "SUBSCRIBED" if number in chosen and chosen[number].subscribed else "NOT_SUBSCRIBED",
            "sourceOfStatus": "SUBSCRIPTION_STATUS" if number in chosen else "PORTAL_WIDE_STATUS",
        }
        for number, name in portal.marketing.subscriptions.items()
    ]
    return Reply({"recipient": address, "subscriptionStatuses": statuses})


def definitions(portal: Portal, _ask: Ask) -> Reply:
    """GET communication-preferences/{version}/definitions."""
    return _complete(portal, [_definition(*one) for one in portal.marketing.subscriptions.items()])


def status(portal: Portal, ask: Ask) -> Reply:
    """GET communication-preferences/{version}/statuses/{email}?channel=EMAIL."""
    _need_channel(ask)
    return _complete(portal, _statuses(portal, ask.params["email"].strip().lower()))


def batch_read(portal: Portal, ask: Ask) -> Reply:
    """POST communication-preferences/{version}/statuses/batch/read: Marketing Hub Enterprise only (A)."""
    if not portal.enterprise:
        raise ApiError(403, {"message": "This account's subscription does not include batch reads of statuses."})  # (D)
    _need_channel(ask)
    addresses = ask.json().get("inputs")
    if not isinstance(addresses, list) or not all(isinstance(one, str) for one in addresses):
        raise bad_request("Invalid input JSON: inputs must be a list of subscribers.")
    if not 1 <= len(addresses) <= MOST_INPUTS:
        raise bad_request(f"A batch holds 1 to {MOST_INPUTS} inputs, not {len(addresses)}.")
    return _complete(
        portal,
        [
            {"subscriberIdString": address, "statuses": _statuses(portal, address)}
            for address in (one.strip().lower() for one in addresses)
        ],
    )


def _need_channel(ask: Ask) -> None:
    if ask.query.get("channel") != "EMAIL":
        raise bad_request("channel is required; the only one known here is EMAIL.")


def _statuses(portal: Portal, address: str) -> list[dict[str, Any]]:
    chosen = portal.marketing.choices.get(address, {})
    statuses = []
    for number, name in portal.marketing.subscriptions.items():
        choice = chosen.get(number)
        status: dict[str, Any] = {
            "channel": "EMAIL",
            "subscriberIdString": address,
            "subscriptionId": number,
            "subscriptionName": name,
            "status": "NOT_SPECIFIED",
            "source": "",
        }
        if choice is not None:
            status["status"] = "SUBSCRIBED" if choice.subscribed else "UNSUBSCRIBED"
            status["source"] = "Email preferences page"
            status["timestamp"] = times.to_iso(times.from_ms(choice.at_ms))
        statuses.append(status)
    return statuses


def _definition(number: int, name: str) -> dict[str, Any]:
    return {
        "id": str(number), "name": name, "description": "", "purpose": "Marketing", "communicationMethod": "Email",
        "isActive": True, "isDefault": False, "isInternal": False, "createdAt": _MADE, "updatedAt": _MADE,
    }  # fmt: skip


def _complete(portal: Portal, results: list[dict[str, Any]]) -> Reply:
    now = portal.now_iso()
    return Reply({"status": "COMPLETE", "results": results, "startedAt": now, "completedAt": now})
