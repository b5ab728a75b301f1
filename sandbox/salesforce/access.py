"""Field-level security: what the user of a session may see and edit."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sandbox.salesforce.org import Org
    from sandbox.salesforce.schema import Field


class Access:
    """Answers per user and field.

    Standard fields are open unless the org hides them. A custom field is closed until a FieldPermissions row of a
    permission set assigned to the user opens it.
    """

    def __init__(self, org: Org) -> None:
        self._org = org
        self._key: tuple[int, int, int] = (0, 0, 0)
        self._granted: dict[str, dict[str, bool]] = {}  # user -> "Lead.Score__c" -> may edit

    def can_read(self, user_id: str, sobject: str, field: Field) -> bool:
        """Whether the field exists for the user at all."""
        if (sobject, field.name) in self._org.hidden_fields:
            return False
        return not field.custom or f"{sobject}.{field.name}" in self._grants(user_id)

    def can_edit(self, user_id: str, sobject: str, field: Field) -> bool:
        """Whether the user may change it in existing records."""
        if not field.updateable or (sobject, field.name) in self._org.read_only_fields:
            return False
        if sobject in self._org.read_only_objects:
            return False
        if not self.can_read(user_id, sobject, field):
            return False
        return not field.custom or self._grants(user_id)[f"{sobject}.{field.name}"]

    def readable(self, user_id: str, sobject: str) -> list[Field]:
        """The fields that describe shows the user."""
        fields = (self._org.schema.get(sobject) or self._org.tooling[sobject]).fields.values()
        return [field for field in fields if self.can_read(user_id, sobject, field)]

    def _grants(self, user_id: str) -> dict[str, bool]:
        permissions = self._org.tables["FieldPermissions"]
        assignments = self._org.tables["PermissionSetAssignment"]
        key = (permissions.version, assignments.version, len(self._org.schema))
        if key != self._key:
            self._key = key
            self._granted = {}
        if user_id not in self._granted:
            sets = {
                row["PermissionSetId"]
                for row in assignments.values()
                if row["AssigneeId"] == user_id and not row["IsDeleted"]
            }
            granted: dict[str, bool] = {}
            for row in permissions.values():
                if row["ParentId"] in sets and not row["IsDeleted"] and row.get("PermissionsRead"):
                    granted[row["Field"]] = granted.get(row["Field"], False) or bool(row.get("PermissionsEdit"))
            self._granted[user_id] = granted
        return self._granted[user_id]
