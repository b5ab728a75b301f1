"""Record ids: three characters for the object, twelve for the record, three that make the case of the rest safe."""

from __future__ import annotations

import functools
from typing import Final

_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CHECK: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_UPPER: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ")

PREFIXES: Final = {
    "Account": "001",
    "Product2": "01t",
    "Contact": "003",
    "User": "005",
    "Opportunity": "006",
    "OpportunityLineItem": "00k",
    "Organization": "00D",
    "Profile": "00e",
    "OpportunityContactRole": "00K",
    "LeadStatus": "01J",
    "CustomField": "00N",
    "Lead": "00Q",
    "Task": "00T",
    "Event": "00U",
    "CampaignMember": "00v",
    "FieldPermissions": "01k",
    "EmailMessage": "02s",
    "ObjectPermissions": "110",
    "PermissionSet": "0PS",
    "PermissionSetAssignment": "0Pa",
    "UserPermissionAccess": "000",
    "TaskRelation": "0RT",
    "EventRelation": "0RE",
    "EmailMessageRelation": "0Tm",
    "Campaign": "701",
}
OBJECT_BY_PREFIX: Final = {prefix: sobject for sobject, prefix in PREFIXES.items()}


def checksum(short: str) -> str:
    """The three characters that follow a 15-character id: one per five, each telling which of them are capitals."""
    return _check(short[:5]) + _check(short[5:10]) + _check(short[10:])


@functools.lru_cache(maxsize=4096)
def _check(five: str) -> str:
    return _CHECK[sum(1 << place for place, letter in enumerate(five) if letter in _UPPER)]


def make_id(prefix: str, number: int) -> str:
    """The 18-character id of the `number`-th record of a kind."""
    digits = ""
    while number:
        number, digit = divmod(number, 62)
        digits = _DIGITS[digit] + digits
    short = prefix + digits.rjust(12, "0")
    return short + checksum(short)


def full_id(text: str) -> str | None:
    """The 18-character form of a 15- or 18-character id; None when `text` is neither."""
    if not text.isascii() or not text.isalnum():
        return None
    if len(text) == 15:
        return text + checksum(text)
    return text if len(text) == 18 and checksum(text[:15]) == text[15:].upper() else None


def object_of(record_id: str) -> str | None:
    """The object an id belongs to, by its first three characters."""
    return OBJECT_BY_PREFIX.get(record_id[:3])
