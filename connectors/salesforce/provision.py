"""Creates the custom fields that Leadgrade writes, and a permission set that opens them to the running user.

A field made by API is hidden from everybody until it is granted. Page layouts are left to the administrator.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from connectors.base import Provisioned
from connectors.errors import AuthStop, ConfigProblem, ConnectorBug
from connectors.salesforce import soql
from connectors.salesforce.errors import CRM
from connectors.salesforce.fields import WRITTEN, clash, metadata, need_object
from scoring.facts import OUTPUT_BY_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from connectors.salesforce.client import Client
    from scoring.facts import OutputField

SOBJECTS: Final = ("Lead", "Contact")
PERMISSION_SET: Final = "Leadgrade"
_SUFFIX: Final = "__c"


def provision(client: Client, fields: Sequence[OutputField], *, dry_run: bool) -> list[Provisioned]:
    """Fields, permission set, field permissions and assignment, each created where missing; safe to repeat.

    Raises ConfigProblem, before anything is created, when a field of ours exists with another type.
    """
    client.forget_describes()
    existing = {(sobject, name): found for sobject in SOBJECTS for name, found in _existing(client, sobject)}
    written = {field.name: WRITTEN[field.name] for field in fields}
    _refuse_clashes(client, existing, written)
    report = []
    for sobject in SOBJECTS:
        for output, name in written.items():
            missing = (sobject, name) not in existing
            if missing and not dry_run:
                definition = {"FullName": f"{sobject}.{name}", "Metadata": metadata(OUTPUT_BY_NAME[output])}
                _create(client, "/tooling/sobjects/CustomField", definition)
            report.append(Provisioned(f"field {sobject}.{name}", _status(missing=missing, dry_run=dry_run)))
    report += _permissions(client, written, dry_run=dry_run)
    client.forget_describes()
    return report


def _status(*, missing: bool, dry_run: bool) -> Any:
    return "exists" if not missing else "would create" if dry_run else "created"


def _existing(client: Client, sobject: str) -> Iterator[tuple[str, str]]:
    """API names of the object's custom fields, hidden ones too, each with its tooling id."""
    text = soql.select(
        ["Id", "DeveloperName"], "CustomField", [f"TableEnumOrId = {soql.quoted(sobject)}", "NamespacePrefix = null"]
    )
    page = client.get("/tooling/query", q=text)
    while True:
        for row in page["records"]:
            yield row["DeveloperName"] + _SUFFIX, row["Id"]
        if page["done"]:
            return
        page = client.get(page["nextRecordsUrl"])


def _refuse_clashes(client: Client, existing: Mapping[tuple[str, str], str], written: Mapping[str, str]) -> None:
    for sobject in SOBJECTS:
        described = need_object(sobject, client.describe(sobject))
        for output, name in written.items():
            if (sobject, name) not in existing:
                continue
            if name in described:
                reason = clash(output, described[name])
            else:
                reason = _hidden_clash(client, existing[sobject, name], output)
            if reason:
                raise ConfigProblem(
                    f"{sobject}.{name} exists already, but {reason}.",
                    crm=CRM,
                    remedy="Delete or rename that field in Setup, then provision again.",
                )


def _hidden_clash(client: Client, field_id: str, output: str) -> str:
    """As `fields.clash`, for a field that describe does not show yet: by its definition."""
    answer = client.call("GET", f"/tooling/sobjects/CustomField/{field_id}", label="/tooling/sobjects/CustomField/<id>")
    found = answer.get("Metadata") or {}
    wanted = metadata(OUTPUT_BY_NAME[output])
    if found.get("formula"):
        return "it is a formula"
    if found.get("type") != wanted["type"]:
        return f"it is of type {found.get('type')}, not {wanted['type']}"
    if (found.get("length") or 0) < wanted.get("length", 0):
        return f"it holds {found.get('length')} characters, not {wanted['length']}"
    return ""


def _create(client: Client, path: str, record: Mapping[str, Any]) -> str:
    """A new record; its id. Not repeated after a lost answer: the next run finds out what is there."""
    answer = client.call("POST", path, json=record, repeatable=False)
    if not isinstance(answer, dict) or not answer.get("success"):
        raise ConnectorBug(f"POST {path} did not create the record.", crm=CRM)
    return str(answer["id"])


def _permissions(client: Client, written: Mapping[str, str], *, dry_run: bool) -> Iterator[Provisioned]:
    found = client.rows(soql.select(["Id"], "PermissionSet", [f"Name = {soql.quoted(PERMISSION_SET)}"]))
    set_id = next((row["Id"] for row in found), None)
    yield Provisioned(f"permission set {PERMISSION_SET}", _status(missing=set_id is None, dry_run=dry_run))
    if set_id is None and not dry_run:
        record = {
            "Name": PERMISSION_SET,
            "Label": PERMISSION_SET,
            "Description": "Reads and edits the fields that Leadgrade writes.",
        }
        set_id = _create(client, "/sobjects/PermissionSet", record)
    yield from _field_permissions(client, set_id, written, dry_run=dry_run)
    yield _assignment(client, set_id, dry_run=dry_run)


def _field_permissions(
    client: Client, set_id: str | None, written: Mapping[str, str], *, dry_run: bool
) -> Iterator[Provisioned]:
    granted: dict[str, dict[str, Any]] = {}
    if set_id is not None:
        fields = ["Id", "Field", "PermissionsRead", "PermissionsEdit"]
        text = soql.select(fields, "FieldPermissions", [f"ParentId = {soql.quoted(set_id)}"])
        granted = {row["Field"]: row for row in client.rows(text)}
    rights = {"PermissionsRead": True, "PermissionsEdit": True}
    for sobject in SOBJECTS:
        for name in written.values():
            field = f"{sobject}.{name}"
            row = granted.get(field)
            is_open = row is not None and row["PermissionsRead"] and row["PermissionsEdit"]
            if not is_open and not dry_run:
                if row is None:
                    whole = {"ParentId": set_id, "SobjectType": sobject, "Field": field, **rights}
                    _create(client, "/sobjects/FieldPermissions", whole)
                else:
                    client.call("PATCH", f"/sobjects/FieldPermissions/{row['Id']}", json=rights)
            yield Provisioned(f"permission to edit {field}", _status(missing=not is_open, dry_run=dry_run))


def _assignment(client: Client, set_id: str | None, *, dry_run: bool) -> Provisioned:
    user = running_user(client)
    found = None
    if set_id is not None:
        conditions = [f"PermissionSetId = {soql.quoted(set_id)}", f"AssigneeId = {soql.quoted(user)}"]
        found = next(client.rows(soql.select(["Id"], "PermissionSetAssignment", conditions)), None)
        if found is None and not dry_run:
            record = {"PermissionSetId": set_id, "AssigneeId": user}
            _create(client, "/sobjects/PermissionSetAssignment", record)
    what = f"permission set {PERMISSION_SET} for the running user"
    return Provisioned(what, _status(missing=found is None, dry_run=dry_run))


def running_user(client: Client) -> str:
    """The id of the user whom the session belongs to, from the list of the version's resources."""
    identity = str((client.get("/") or {}).get("identity") or "")
    user = identity.rstrip("/").rpartition("/")[2]
    if not user:
        raise AuthStop(
            "Salesforce does not tell who the running user is.",
            crm=CRM,
            remedy=f"Assign the permission set {PERMISSION_SET} to the running user in Setup.",
        )
    return user
