"""Where each resource lives. The API's versions stand here and nowhere else."""

from __future__ import annotations

from urllib.parse import quote

ACCOUNT = "/account-info/v3/details"
TOKEN = "/oauth/v1/token"  # noqa: S105 - an address, not a token
EMAIL_EVENTS = "/email/public/v1/events"
FORMS = "/marketing/v3/forms"


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
