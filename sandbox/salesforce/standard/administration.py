"""Users, the organisation, and who may do what."""

from __future__ import annotations

from typing import Final

from sandbox.salesforce.schema import Field, SObject, flag, kept, pick, ref, sobject, system_fields, text
from sandbox.salesforce.standard.people import full_name

SYSTEM_PERMISSIONS: Final = (
    "PermissionsCustomizeApplication", "PermissionsModifyMetadata", "PermissionsViewSetup",
    "PermissionsManageProfilesPermissionsets", "PermissionsAssignPermissionSets",
)  # fmt: skip


def _user() -> list[Field]:
    system = [field for field in system_fields(owner=False) if field.name != "IsDeleted"]
    return [
        *system,
        text("Username", 80, nillable=False),
        text("LastName", 80, nillable=False),
        text("FirstName", 40),
        kept(text("Name", 121, computed=full_name)),
        Field("Email", "email", 128, nillable=False),
        flag("IsActive"),
        pick("UserType", "Standard", "AutomatedProcess", length=40),
        text("TimeZoneSidKey", 40),
    ]


def _organization() -> list[Field]:
    system = [field for field in system_fields(owner=False) if field.name != "IsDeleted"]
    return [
        *system,
        text("Name", 80, nillable=False),
        pick("OrganizationType", "Enterprise Edition", "Unlimited Edition", "Developer Edition", length=40),
        text("InstanceName", 5),
        kept(flag("IsSandbox")),
        pick("DefaultLocaleSidKey", "en_US", length=40),
        pick("TimeZoneSidKey", "UTC", length=40),
    ]


def _user_permission_access() -> list[Field]:
    """What the session's own user may do: one row, which everybody may read."""
    return [
        *(field for field in system_fields(owner=False) if field.name == "Id"),
        *(flag(name) for name in SYSTEM_PERMISSIONS),
    ]


def _permission_set() -> list[Field]:
    system = [field for field in system_fields(owner=False) if field.name != "IsDeleted"]
    return [
        *system,
        text("Name", 80, nillable=False),
        text("Label", 80, nillable=False),
        text("Description", 255),
        kept(flag("IsOwnedByProfile")),
        flag("PermissionsModifyAllData"),
        flag("PermissionsViewAllData"),
        flag("PermissionsApiEnabled"),
    ]


def _permission_set_assignment() -> list[Field]:
    return [
        kept(Field("Id", "id", 18, nillable=False)),
        ref("PermissionSetId", "PermissionSet", nillable=False),
        ref("AssigneeId", "User", nillable=False),
        kept(Field("SystemModstamp", "datetime", nillable=False)),
    ]


def _field_permissions() -> list[Field]:
    return [
        kept(Field("Id", "id", 18, nillable=False)),
        ref("ParentId", "PermissionSet", relationship="Parent", nillable=False),
        pick("SobjectType", length=40, nillable=False),
        pick("Field", nillable=False),
        flag("PermissionsRead"),
        flag("PermissionsEdit"),
        kept(Field("SystemModstamp", "datetime", nillable=False)),
    ]


def _object_permissions() -> list[Field]:
    return [
        kept(Field("Id", "id", 18, nillable=False)),
        ref("ParentId", "PermissionSet", relationship="Parent", nillable=False),
        pick("SobjectType", length=40, nillable=False),
        flag("PermissionsRead"),
        flag("PermissionsEdit"),
        flag("PermissionsViewAllRecords"),
        kept(Field("SystemModstamp", "datetime", nillable=False)),
    ]


def _custom_field() -> list[Field]:
    """Tooling's view of a custom field."""
    return [
        kept(Field("Id", "id", 18, nillable=False)),
        text("DeveloperName", 40),
        text("TableEnumOrId", 40),
        text("NamespacePrefix", 15),
        text("FullName", 255),
        Field("Metadata", "complexvalue"),
        *[field for field in system_fields(owner=False) if field.name not in {"Id", "IsDeleted"}],
    ]


def objects() -> list[SObject]:
    """Users, the organisation, rights."""
    return [
        sobject("User", "Users", _user(), setup=True),
        sobject("Organization", "Organizations", _organization(), setup=True, updateable=False),
        sobject("PermissionSet", "Permission Sets", _permission_set(), setup=True),
        sobject("PermissionSetAssignment", "Permission Set Assignments", _permission_set_assignment(), setup=True),
        sobject("FieldPermissions", "Field Permissions", _field_permissions(), setup=True),
        sobject("ObjectPermissions", "Object Permissions", _object_permissions(), setup=True),
        sobject(
            "UserPermissionAccess", "User Permission Access", _user_permission_access(), setup=True, updateable=False
        ),
    ]


def tooling_objects() -> dict[str, SObject]:
    """What the tooling API serves."""
    return {"CustomField": sobject("CustomField", "Custom Fields", _custom_field(), setup=True)}
