"""Records of each CRM as the pages show them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from sandbox.pages.views import Record, split_scores

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.hubspot.portal import Portal
    from sandbox.hubspot.records import Record as Contact
    from sandbox.salesforce.org import Org

_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_SHOWN_ABOVE = frozenset({"firstname", "lastname", "FirstName", "LastName"})
_SYSTEM = frozenset({
    "Id", "OwnerId", "CreatedDate", "CreatedById", "LastModifiedDate", "LastModifiedById", "SystemModstamp",
})  # fmt: skip


def hubspot_records(portal: Portal) -> Iterator[Record]:
    """The live contacts."""
    for record in list(portal.objects["contacts"].values()):
        if not record.archived:
            yield _contact(portal, record, detailed=False)


def hubspot_record(portal: Portal, kind: str, record_id: str) -> Record | None:
    """One contact, archived ones included; None when there is none."""
    record = portal.find("contacts", record_id) if kind == "contacts" else None
    return _contact(portal, record, detailed=True) if record is not None else None


def salesforce_records(org: Org) -> Iterator[Record]:
    """The live leads and contacts."""
    for sobject in ("Lead", "Contact"):
        for row in list(org.tables[sobject].values()):
            if not row["IsDeleted"] and not row.get("IsConverted"):
                yield _person(org, sobject, row, detailed=False)


def salesforce_record(org: Org, sobject: str, record_id: str) -> Record | None:
    """One lead or contact, deleted and converted ones included; None when there is none."""
    row = org.tables[sobject].get(record_id) if sobject in {"Lead", "Contact"} else None
    return _person(org, sobject, row, detailed=True) if row is not None else None


def _contact(portal: Portal, record: Contact, *, detailed: bool) -> Record:
    score, others = split_scores(record.properties)
    sections: dict[str, list[tuple[str, str]]] = {}
    if detailed:
        for name, definition in portal.properties["contacts"].items():
            if name in others and name not in _SHOWN_ABOVE:
                group = portal.groups["contacts"][definition["groupName"]]
                sections.setdefault(group, []).append((definition["label"], others[name]))
    company = portal.objects["companies"].get(others.get("associatedcompanyid", ""))
    return Record(
        type="contacts",
        id=record.id,
        name=_name(others.get("firstname"), others.get("lastname"), others.get("email")),
        job_title=others.get("jobtitle", ""),
        company=company.properties.get("name", "") if company is not None else others.get("company", ""),
        email=others.get("email", ""),
        stage=others.get("lifecyclestage", ""),
        gone="archived" if record.archived else "",
        score=score,
        sections=list(sections.items()),
    )


def _person(org: Org, sobject: str, row: dict[str, Any], *, detailed: bool) -> Record:
    texts = {name: _text(value) for name, value in row.items()}
    score, others = split_scores({name: text for name, text in texts.items() if text})
    account = org.tables["Account"].get(row.get("AccountId"))  # type: ignore[arg-type]  # None is no account's id
    sections: dict[str, list[tuple[str, str]]] = {"Details": [], "System information": []}
    if detailed:
        for name, value in others.items():
            if name not in _SHOWN_ABOVE:
                sections["System information" if name in _SYSTEM else "Details"].append((_label(name), value))
    gone = "deleted" if row["IsDeleted"] else "converted" if row.get("IsConverted") else ""
    return Record(
        type=sobject,
        id=row["Id"],
        name=_name(row.get("FirstName"), row.get("LastName"), row.get("Email")),
        job_title=others.get("Title", ""),
        company=_text(account.get("Name") if account is not None else row.get("Company")),
        email=others.get("Email", ""),
        stage=others.get("Status", ""),
        gone=gone,
        score=score,
        sections=list(sections.items()),
    )


def _name(given: str | None, family: str | None, email: str | None) -> str:
    return " ".join(part for part in (given, family) if part) or email or "No name"


def _text(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if value is None or value is False:
        return ""
    return "Yes" if value is True else str(value)


def _label(name: str) -> str:
    return _CAPITAL.sub(" ", name.removesuffix("__c").replace("_", " "))
