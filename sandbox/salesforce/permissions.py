"""What set-up checks when permission sets, their assignments and field permissions are made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.salesforce.errors import RowError

if TYPE_CHECKING:
    from sandbox.salesforce.org import Org
    from sandbox.salesforce.schema import Row


def check_permission_row(org: Org, sobject: str, row: Row) -> RowError | None:
    """Why a new set-up row is refused; None when it is fine, or is no set-up row."""
    if sobject == "PermissionSet":
        return _unique(org, sobject, row, ("Name",), "DUPLICATE_DEVELOPER_NAME")
    if sobject == "PermissionSetAssignment":
        return _exists(org, "PermissionSet", row, "PermissionSetId") or _unique(
            org, sobject, row, ("PermissionSetId", "AssigneeId"), "DUPLICATE_VALUE"
        )
    if sobject == "FieldPermissions":
        return _field_permission(org, row)
    return None


def _field_permission(org: Org, row: Row) -> RowError | None:
    sobject, _, name = str(row["Field"]).partition(".")
    field = org.schema[sobject].fields.get(name) if sobject in org.schema else None
    if field is None or sobject != row["SobjectType"]:
        message = f"Field Name: bad value for restricted picklist field: {row['Field']}"
        return RowError("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, ("Field",))
    if not field.nillable:
        return RowError("FIELD_INTEGRITY_EXCEPTION", "You cannot deploy to a required field", ("Field",))
    if row.get("PermissionsEdit") and not row.get("PermissionsRead"):
        return RowError("FIELD_INTEGRITY_EXCEPTION", "Edit depends on Read", ("PermissionsEdit",))
    if row.get("PermissionsEdit") and field.calculated:
        return RowError("FIELD_INTEGRITY_EXCEPTION", "Field is not editable", ("PermissionsEdit",))
    return _exists(org, "PermissionSet", row, "ParentId") or _unique(
        org, "FieldPermissions", row, ("ParentId", "Field"), "DUPLICATE_VALUE"
    )


def _exists(org: Org, sobject: str, row: Row, reference: str) -> RowError | None:
    if row[reference] in org.tables[sobject]:
        return None
    return RowError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", (reference,))


def _unique(org: Org, sobject: str, row: Row, names: tuple[str, ...], code: str) -> RowError | None:
    for other in org.tables[sobject].values():
        if all(other.get(name) == row.get(name) for name in names):
            return RowError(
                code, f"duplicate value found: {names[0]} duplicates value on record with id: {other['Id']}", names
            )
    return None
