"""Where each resource lives. The API's versions stand here and nowhere else.

Paths are written as the undated versions (v1 to v4) have them; `in_version` gives the address in the version that the
settings name. HubSpot serves a dated version for 18 months, v4 until March and v1 to v3 until September 2027.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote

if TYPE_CHECKING:
    from config.settings import HubSpotVersion

DATED: Final = {
    "/crm/v3/objects": "/crm/objects/{date}",
    "/crm/v4/associations": "/crm/associations/{date}",
    "/crm/v3/properties": "/crm/properties/{date}",
    "/crm/v3/pipelines": "/crm/pipelines/{date}",
    "/account-info/v3": "/account-info/{date}",
    "/oauth/v1": "/oauth/{date}",
    "/events/v3/events": "/events/event-occurrences/{date}",
}
"""Undated prefix -> dated one. Forms, form submissions and marketing e-mail events have no dated twin."""

ACCOUNT = "/account-info/v3/details"
TOKEN = "/oauth/v1/token"  # noqa: S105 - an address, not a token
EMAIL_EVENTS = "/email/public/v1/events"
FORMS = "/marketing/v3/forms"
OCCURRENCES = "/events/v3/events"


def in_version(path: str, version: HubSpotVersion) -> str:
    """The address of `path` in this version of the API."""
    if version != "v3":
        for undated, dated in DATED.items():
            if path.startswith(undated):
                return dated.replace("{date}", version) + path.removeprefix(undated)
    return path


def objects(object_type: str, tail: str = "") -> str:
    """The list of a type, or with a tail such as ``search`` or ``batch/update`` what hangs below it."""
    return f"/crm/v3/objects/{object_type}" + (f"/{tail}" if tail else "")


def one(object_type: str, record_id: str) -> str:
    """One record. The id is escaped: it may come from anywhere."""
    return objects(object_type, quote(record_id, safe=""))


def associations(from_type: str, to_type: str) -> str:
    """Batch read of the links from one type to another."""
    return f"/crm/v4/associations/{from_type}/{to_type}/batch/read"


def properties(object_type: str, tail: str = "") -> str:
    """Property definitions of a type; with a tail ``groups``, ``batch/create`` or a property's name."""
    return f"/crm/v3/properties/{object_type}" + (f"/{tail}" if tail else "")


def submissions(form_id: str) -> str:
    """Submissions of one form, newest first."""
    return f"/form-integrations/v1/submissions/forms/{quote(form_id, safe='')}"
