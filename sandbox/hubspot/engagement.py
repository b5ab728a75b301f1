"""Marketing e-mail events and form submissions over HTTP (sections 3.5 and 3.7 of the rules)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sandbox.hubspot import times
from sandbox.hubspot.calls import Reply
from sandbox.hubspot.errors import ApiError, bad_request, not_found
from sandbox.hubspot.troubles import thin_page

if TYPE_CHECKING:
    from sandbox.hubspot.calls import Ask
    from sandbox.hubspot.marketing import EmailEvent, Form, Submission
    from sandbox.hubspot.portal import Portal

APP_ID: Final = "113"
"""HubSpot's own app that sends marketing e-mails in batches."""
_END_OF_TIME: Final = (2**62, 0)


def email_events(portal: Portal, ask: Ask) -> Reply:
    """GET email/public/v1/events: newest first, 10 a page unless said otherwise, 1000 at most.

    The bounds are inclusive milliseconds. A start of 0 makes the server fail (C).
    """
    limit = ask.limit(default=10, most=1000)
    start, end = ask.integer("startTimestamp", -1), ask.integer("endTimestamp", 2**62)
    if start == 0:
        raise ApiError(500, {"message": "internal error"})
    wanted_type, recipient = ask.query.get("eventType"), ask.query.get("recipient", "").lower()
    app = ask.query.get("appId")
    campaign, no_filtered = ask.query.get("campaignId"), ask.flag("excludeFilteredEvents")
    before = min(read_cursor(ask.query.get("offset")), (end + 1, 0))
    found: list[EmailEvent] = []
    more = False
    for event in portal.marketing.events.newest_first(before):
        if event.created_ms < start:
            break
        if (
            (wanted_type and event.type != wanted_type)
            or (recipient and event.recipient != recipient)
            or (app and app != APP_ID)
            or (campaign and str(event.campaign_id) != campaign)
            or (no_filtered and event.filtered)
        ):
            continue
        if len(found) == limit:
            more = True
            break
        found.append(event)
    thin = thin_page(portal, ask.path, len(found))
    if thin is not None:
        found, more = found[:thin], True
    body: dict[str, Any] = {"hasMore": more, "events": [_event(portal, event) for event in found]}
    if more:
        body["offset"] = cursor_of(found[-1].key if found else before)
    return Reply(body)


def forms(portal: Portal, ask: Ask) -> Reply:
    """GET marketing/v3/forms."""
    limit, start = ask.limit(default=20, most=1000), ask.integer("after", 0)
    every = list(portal.marketing.forms.values())
    body: dict[str, Any] = {"results": [_form(form) for form in every[start : start + limit]]}
    if start + limit < len(every):
        body["paging"] = {"next": {"after": str(start + limit), "link": f"{ask.url}?after={start + limit}"}}
    return Reply(body)


def form(portal: Portal, ask: Ask) -> Reply:
    """GET marketing/v3/forms/{guid}."""
    found = portal.marketing.forms.get(ask.params["guid"])
    if found is None:
        raise not_found("No form with this id")
    return Reply(_form(found))


def submissions(portal: Portal, ask: Ask) -> Reply:
    """GET form-integrations/v1/submissions/forms/{guid}: newest first, 50 a page at most."""
    found = portal.marketing.forms.get(ask.params["guid"])
    if found is None:
        raise not_found("No form with this id")
    if found.type == "blog_comment":
        raise bad_request("Submissions of this type of form cannot be read.", category="FORM_TYPE_NOT_ALLOWED")
    limit = ask.limit(default=20, most=50)
    before = read_cursor(ask.query.get("after"))
    page: list[Submission] = []
    more = False
    for submission in found.submissions.newest_first(before):
        if len(page) == limit:
            more = True
            break
        page.append(submission)
    thin = thin_page(portal, ask.path, len(page))
    if thin is not None:
        page, more = page[:thin], True
    body: dict[str, Any] = {"results": [_submission(one) for one in page]}
    if more:
        after = cursor_of(page[-1].key if page else before)
        body["paging"] = {"next": {"after": after, "link": f"{ask.url}?after={after}"}}
    return Reply(body)


def _event(portal: Portal, event: EmailEvent) -> dict[str, Any]:
    body: dict[str, Any] = {
        "id": event.id,
        "type": event.type,
        "recipient": event.recipient,
        "created": event.created_ms,
        "portalId": portal.portal_id,
        "appId": int(APP_ID),
        "appName": "Batch",
        "emailCampaignId": event.campaign_id,
        "emailCampaignGroupId": event.campaign_id,
    }
    if event.type == "UNBOUNCE":
        del body["type"]  # an event without type is an UNBOUNCE (C)
    if event.type == "STATUSCHANGE":
        body |= {"portalSubscriptionStatus": "UNSUBSCRIBED", "source": "SOURCE_RECIPIENT", "subscriptions": []}
    if event.type in {"OPEN", "CLICK"}:
        body["filteredEvent"] = event.filtered
    if event.url is not None:
        body["url"] = event.url
    if event.user_agent is not None:
        body["userAgent"] = event.user_agent
    if event.sent_ms is not None:
        body["sentBy"] = {"id": event.id[:8] + event.id[8:].replace("4000", "4001"), "created": event.sent_ms}
    return body


def _form(form: Form) -> dict[str, Any]:
    made = times.to_iso(form.made)
    return {
        "id": form.guid,
        "name": form.name,
        "formType": form.type,
        "createdAt": made,
        "updatedAt": made,
        "archived": False,
        "fieldGroups": [],
    }


def _submission(one: Submission) -> dict[str, Any]:
    return {
        "submittedAt": one.submitted_ms,
        "values": [{"name": name, "value": text, "objectTypeId": "0-1"} for name, text in one.fields.items()],
        "pageUrl": one.page_url,
    }


def cursor_of(key: tuple[int, int]) -> str:
    """The cursor that a page ending at this place hands out."""
    return f"{key[0]:x}.{key[1]:x}"


def read_cursor(text: str | None) -> tuple[int, int]:
    """The place that a cursor means. Raises a 400 for what is none."""
    if not text:
        return _END_OF_TIME
    try:
        moment, number = text.split(".")
        return int(moment, 16), int(number, 16)
    except ValueError:
        raise bad_request(f"Invalid paging cursor: {text}") from None
