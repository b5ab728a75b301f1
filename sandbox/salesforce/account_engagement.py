"""Account Engagement (Pardot), version 5: what prospects did on web sites and with marketing e-mails.

In life it listens on a host of its own (pi.pardot.com), here on the org's port. It takes the org's sessions, words its
errors as one object with a number, and tells times in the zone of the API user.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

import orjson

from sandbox.core import Window
from sandbox.salesforce.api import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sandbox.salesforce.org import Org

TYPES: Final = {
    1: "Click", 2: "View", 3: "Error", 4: "Success", 5: "Session", 6: "Sent", 7: "Search", 8: "New Opportunity",
    9: "Opportunity Won", 10: "Opportunity Lost", 11: "Open", 12: "Unsubscribe Page", 13: "Bounced",
    14: "Spam Complaint", 15: "Email Preference Page", 16: "Resubscribed", 17: "Click (Third Party)",
    18: "Opportunity Reopened", 19: "Opportunity Linked", 20: "Visit", 21: "Custom URL Click", 22: "Olark Chat",
    23: "Invited to Webinar", 24: "Attended Webinar", 25: "Registered for Webinar", 26: "Social Post Click",
    27: "Video View", 28: "Event Registered", 29: "Event Checked In", 30: "Video Conversion",
    31: "UserVoice Suggestion", 32: "UserVoice Comment", 33: "UserVoice Ticket", 34: "Video Watched (75%+)",
    35: "Indirect Unsubscribe Open", 36: "Indirect Bounce", 37: "Indirect Resubscribed", 38: "Opportunity Unlinked",
}  # fmt: skip
REFERENCES: Final = frozenset({
    "customRedirectId", "emailId", "emailTemplateId", "fileId", "formHandlerId", "formId", "landingPageId",
    "listEmailId", "paidSearchAdId", "siteSearchQueryId", "visitId",
})  # fmt: skip
"""What an activity may have been done with, by id."""

PAGE: Final = 200
LARGEST_PAGE: Final = 1000
TOKEN_LIFE: Final = timedelta(hours=4)
MOST_BY_TOKEN: Final = 100_000
"""Rows of one sequence of pages; after them no token is given."""
_DAY_S: Final = 86_400.0
_ENDINGS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "GreaterThanOrEqualTo": lambda value, bound: value >= bound,
    "GreaterThan": lambda value, bound: value > bound,
    "LessThanOrEqualTo": lambda value, bound: value <= bound,
    "LessThan": lambda value, bound: value < bound,
    "AfterOrEqualTo": lambda value, bound: value >= bound,
    "After": lambda value, bound: value > bound,
    "BeforeOrEqualTo": lambda value, bound: value <= bound,
    "Before": lambda value, bound: value < bound,
    "": lambda value, bound: value == bound,
}


@dataclass(frozen=True, slots=True)
class VisitorActivity:
    """Something a visitor did.

    `person` is the id of the lead or contact that the prospect is synced to, `email` the address of a prospect who is
    neither; without both, nobody knows who it was. `refers` are the ids of what it was done with, such as ``emailId``.
    """

    id: int
    type: int
    at: datetime
    updated: datetime
    person: str | None
    email: str | None
    details: str
    campaign: str | None
    refers: Mapping[str, int]


class AccountEngagement:
    """One business unit and its visitor activities, in the order in which they came."""

    def __init__(self, org: Org) -> None:
        self.business_unit_id = "0Uv000000000001CAA"
        self.zone = timezone(timedelta(hours=-7))  # of the API user
        self.daily = 25_000  # calls a day of the Growth edition
        self.may_view = True  # whether the integration user's role has the ability
        self.activities: list[VisitorActivity] = []
        self._org = org
        self._prospects: dict[str, int] = {}  # lead, contact or address -> number
        self._window = Window(self.daily, _DAY_S, org.shared.clock)

    def add(
        self,
        kind: int,
        at: datetime,
        person: str | None,
        *,
        email: str | None = None,
        details: str = "",
        campaign: str | None = None,
        **refers: int,
    ) -> int:
        """Add an activity of a type of `TYPES`; its id. Raises KeyError for an unknown one."""
        number = len(self.activities) + 1
        activity = VisitorActivity(number, kind, at, at, person, email, details, campaign, refers)
        if kind not in TYPES or not refers.keys() <= REFERENCES:
            raise KeyError(kind, *refers)
        self.activities.append(activity)
        return activity.id

    def recognise(self, activity_id: int, person: str | None, at: datetime, *, email: str | None = None) -> None:
        """A visitor becomes a prospect, or a prospect another one: what was done is told as theirs from now on."""
        before = self.activities[activity_id - 1]
        self.activities[activity_id - 1] = replace(before, person=person, email=email, updated=at)

    def shown(self) -> list[VisitorActivity]:
        """What reads have caught up with."""
        lag = timedelta(seconds=self._org.shared.commit_delay_s)
        return [activity for activity in self.activities if activity.updated + lag <= self._org.now()]

    def used(self) -> int:
        """Calls of the last day."""
        return self.daily - self._window.remaining()

    def spend(self) -> bool:
        """Count one call; False when the day's calls are used up."""
        self._window.limit = self.daily
        return self._window.take() or not self._org.shared.limits

    def show(self, activity: VisitorActivity) -> dict[str, Any]:
        """The activity with every field that can be asked for. A prospect follows its lead into the contact."""
        at, updated = (
            moment.astimezone(self.zone).isoformat(timespec="seconds") for moment in (activity.at, activity.updated)
        )
        who = activity.person or activity.email
        prospect = None if who is None else self._prospects.setdefault(who, 9_000 + len(self._prospects))
        campaign = None if activity.campaign is None else zlib.crc32(activity.campaign.encode())
        return {
            "id": activity.id, "type": activity.type, "typeName": TYPES[activity.type], "details": activity.details,
            "createdAt": at, "updatedAt": updated, "campaignId": campaign, "campaign.name": activity.campaign,
            "prospectId": prospect, "visitorId": activity.id + 100_000, "prospect.id": prospect,
            "prospect.salesforceId": self._now_known_as(activity.person),
            "prospect.email": self._email(activity.person) or activity.email,
            **{name: activity.refers.get(name) for name in REFERENCES},
        }  # fmt: skip

    def _now_known_as(self, person: str | None) -> str | None:
        while person is not None and (found := self._org.find(person)) is not None:
            following = found[1].get("ConvertedContactId") or found[1].get("MasterRecordId")
            if following is None:
                return person
            person = following
        return None

    def _email(self, person: str | None) -> str | None:
        found = self._org.find(person) if person is not None else None
        return None if found is None else found[1].get("Email")


class _Refused(Exception):
    def __init__(self, code: int, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.body = {"code": code, "message": message}
        self.status = status


def answer(org: Org, path: str, base_url: str, params: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
    """The answer to GET /api/v5/objects/<path>. Errors are an object with `code` and `message`."""
    full, take = f"/api/v5/objects/{path}", org.shared.troubles.take
    if take("html_503", full) is not None or take("server_unavailable", full) is not None:
        return Answer(raw=b"<html><body>Service Unavailable</body></html>", status=503, media_type="text/html")
    if (empty := take("status", full)) is not None:
        return Answer(status=int(empty.get("code", 503)))
    try:
        _admit(org, full, headers)
        told = _route(org, path, base_url, params)
    except _Refused as refusal:
        return Answer(refusal.body, refusal.status)
    if "x-return-api-usage" in headers:
        usage = {"x-api-usage": f"{org.engagement.used()}/{org.engagement.daily}"}
        return replace(told, headers={**told.headers, **usage})
    return told


def _admit(org: Org, path: str, headers: Mapping[str, str]) -> None:
    take = org.shared.troubles.take
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if take("session_expired", path) is not None:
        org.end_session(token)
    if scheme.lower() != "bearer" or org.user_of_session(token) is None:
        raise _Refused(184, "access_token is invalid, unknown, or malformed", 401)
    unit = headers.get("pardot-business-unit-id")
    if unit is None:
        raise _Refused(181, "A required header is missing: Pardot-Business-Unit-Id")
    if unit != org.engagement.business_unit_id:
        raise _Refused(201, "Business Unit specified in Pardot-Business-Unit-Id header not found or inactive.")
    if not org.engagement.may_view:
        raise _Refused(46, "This API user lacks sufficient permissions for the requested operation", 403)
    if take("concurrent_limit", path) is not None:
        raise _Refused(66, "You have exceeded your concurrent request limit. Please wait, before trying again")
    if take("daily_limit", path) is not None or not org.engagement.spend():
        raise _Refused(122, "Daily API rate limit met")


def _route(org: Org, path: str, base_url: str, params: Mapping[str, str]) -> Answer:
    collection, _, activity_id = path.rstrip("/").partition("/")
    if collection != "visitor-activities":
        raise _Refused(198, "Endpoint not found", 404)
    return _read(org, activity_id, params) if activity_id else _query(org, base_url, params)


def _read(org: Org, activity_id: str, params: Mapping[str, str]) -> Answer:
    names = _fields(params)
    for activity in org.engagement.shown():
        if str(activity.id) == activity_id:
            return Answer(_shape(org.engagement.show(activity), names))
    raise _Refused(109, "The requested record was not found.", 404)


def _fields(params: Mapping[str, str]) -> list[str]:
    names = [name.strip() for name in params.get("fields", "").split(",") if name.strip()]
    if not names:
        raise _Refused(13, "One or more required parameters are missing: fields")
    return names


def _shape(shown: Mapping[str, Any], names: list[str]) -> dict[str, Any]:
    """The fields asked for, those of a related object inside it."""
    shaped: dict[str, Any] = {}
    for name in names:
        if name not in shown:
            raise _Refused(224, f"Invalid fields for request type: {name}")
        parent, _, child = name.partition(".")
        if child:
            shaped.setdefault(parent, {})[child] = shown[name]
        else:
            shaped[name] = shown[name]
    return shaped


def _query(org: Org, base_url: str, params: Mapping[str, str]) -> Answer:
    """Rows from the place that the page token names, or from the first."""
    names = _fields(params)
    asked, start = _resumed(org, params)
    limit = asked.get("limit", str(PAGE))
    if not limit.isdigit() or not 1 <= int(limit) <= LARGEST_PAGE:
        raise _Refused(23, "Invalid value specified for limit")
    rows = _found(org, asked)
    end = start + int(limit)
    values = [_shape(org.engagement.show(activity), names) for activity in rows[start:end]]
    body: dict[str, Any] = {"nextPageToken": None, "nextPageUrl": None, "values": values}
    headers: dict[str, str] = {}
    if end >= MOST_BY_TOKEN and end < len(rows):
        headers["Pardot-Warning"] = "203;Record count for nextPageToken sequence has been exceeded."
    elif end < len(rows):
        token = base64.urlsafe_b64encode(orjson.dumps([asked, end, org.now()])).decode()
        query = urlencode({"fields": ",".join(names), "nextPageToken": token})
        body |= {"nextPageToken": token, "nextPageUrl": f"{base_url}/api/v5/objects/visitor-activities?{query}"}
    return Answer(body, headers=headers)


def _resumed(org: Org, params: Mapping[str, str]) -> tuple[dict[str, str], int]:
    """The question and the first row wanted. Beside a page token only `fields` may stand."""
    asked = {name: text for name, text in params.items() if name not in {"fields", "nextPageToken"}}
    if (token := params.get("nextPageToken")) is None:
        return asked, 0
    if asked:
        raise _Refused(5, f"Invalid query parameters beside nextPageToken: {', '.join(sorted(asked))}")
    try:
        resumed, start, issued = orjson.loads(base64.urlsafe_b64decode(token))
    except (binascii.Error, ValueError):
        raise _Refused(211, "Page token is invalid.") from None
    if org.now() - datetime.fromisoformat(issued) > TOKEN_LIFE:
        raise _Refused(210, "Page token has expired.")
    return resumed, start


def _found(org: Org, asked: Mapping[str, str]) -> list[VisitorActivity]:
    tests = [_test(org, name, text) for name, text in asked.items() if name not in {"limit", "orderBy"}]
    rows = [activity for activity in org.engagement.shown() if all(test(activity) for test in tests)]
    order, _, way = asked.get("orderBy", "id").partition(" ")
    if order not in {"id", "createdAt", "updatedAt"} or way.upper() not in {"", "ASC", "DESC"}:
        raise _Refused(19, "Invalid value specified for orderBy")
    at = {"createdAt": attrgetter("at", "id"), "updatedAt": attrgetter("updated", "id"), "id": attrgetter("id")}
    rows.sort(key=at[order], reverse=way.upper() == "DESC")
    return rows


def _test(org: Org, name: str, text: str) -> Callable[[VisitorActivity], bool]:
    """A filter: a field's name, and how it is compared."""
    ending = next((ending for ending in _ENDINGS if name.endswith(ending)), "")
    field, compare = name.removesuffix(ending), _ENDINGS[ending]
    bound: Any
    if field in {"createdAt", "updatedAt"}:
        try:
            bound = datetime.fromisoformat(text.replace(" ", "+"))
        except ValueError:
            raise _Refused(7, "Invalid timestamp") from None
        bound = bound.astimezone(UTC) if bound.tzinfo else bound.replace(tzinfo=org.engagement.zone)
        moment = attrgetter("at" if field == "createdAt" else "updated")
        return lambda activity: compare(moment(activity).replace(microsecond=0), bound)
    if field not in {"id", "type", "prospectId", "campaignId"}:
        raise _Refused(5, f"Invalid query parameters: {name}")
    if not text.isdigit():
        raise _Refused(16, "Invalid ID")
    bound = int(text)

    def test(activity: VisitorActivity) -> bool:
        value = org.engagement.show(activity)[field]
        return value is not None and compare(value, bound)

    return test
