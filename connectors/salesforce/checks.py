"""What stands in the way, one finding at a time: objects, fields, permissions, quota, clocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from connectors.base import Finding
from connectors.errors import ConnectorError
from connectors.salesforce import activities, permissions, soql, streams
from connectors.salesforce.client import server_time
from connectors.salesforce.fields import COMPOUND_TYPES, WRITTEN, clash, mapped
from connectors.salesforce.provision import running_user
from connectors.salesforce.visitor_activities import FIELDS
from connectors.salesforce.windows import STAMP

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from config.settings import AttributeSetting, SalesforceSettings
    from connectors.base import Permission
    from connectors.clock import Clock
    from connectors.salesforce.business_unit import BusinessUnit
    from connectors.salesforce.client import Client
    from scoring.facts import OutputField

STANDARD: Final = {
    "Lead": streams.LEAD_FIELDS,
    "Contact": streams.CONTACT_FIELDS,
    "Account": streams.ACCOUNT_FIELDS,
    "Task": activities.TASK_FIELDS,
    "Event": activities.EVENT_FIELDS,
    "Opportunity": streams.DEAL_FIELDS,
    "OpportunityLineItem": streams.LINE_FIELDS,
    "CampaignMember": activities.MEMBER_FIELDS,
}
"""The fields without which a stream cannot be read, by object."""
PROVISION: Final = "Run `leadgrade provision`"
MOST_SKEW_S: Final = 60.0
FEW_CALLS: Final = 0.2
"""Part of the day's calls below which `check` warns."""


def findings(
    client: Client,
    settings: SalesforceSettings,
    mapping: Mapping[str, AttributeSetting],
    types: Mapping[str, str],
    written: Sequence[OutputField],
    clock: Clock,
) -> Iterator[Finding]:
    """All findings; a refused login ends the list."""
    client.forget_describes()
    try:
        yield from _organisation(client, settings, clock)
    except ConnectorError as error:
        yield Finding("fail", "login", error.message, error.remedy)
        return
    for access in permissions.READING:
        yield _readable(client, access)
    yield from _standard_fields(client)
    if written:
        yield from _editable(client)
    yield from _seeing_all(client)
    if client.engagement is not None:
        yield _visitor_activities(client.engagement)
    to_provision = False
    for sobject in ("Lead", "Contact", "Account"):
        description = client.describe(sobject)
        if description is None:
            continue
        yield from _mapped_fields(sobject, description["fields"], mapping, types)
        if sobject != "Account":
            fields = list(_written_fields(sobject, description, written))
            to_provision = to_provision or any(PROVISION in finding.remedy for finding in fields)
            yield from fields
    if to_provision:
        yield from _provisioning(client)


def _organisation(client: Client, settings: SalesforceSettings, clock: Clock) -> Iterator[Finding]:
    row = next(client.rows("SELECT Id, Name, IsSandbox FROM Organization"))
    kind = "sandbox" if row["IsSandbox"] else "production"
    yield Finding("pass", "login", f"organisation {row['Id']}, {kind}")
    if settings.org_id and settings.org_id[:15] != row["Id"][:15]:
        remedy = "Correct salesforce.org_id, or use the credentials of the other organisation."
        yield Finding("fail", "organisation", f"it is {row['Id']}, not {settings.org_id}", remedy)
    yield _skew(client, clock)
    yield _quota(client.get("/limits"))


def _skew(client: Client, clock: Clock) -> Finding:
    told = server_time(client.headers)
    if told is None:
        return Finding("warn", "clock", "Salesforce did not tell the time")
    skew = (clock.now() - told).total_seconds()
    if abs(skew) <= MOST_SKEW_S:
        return Finding("pass", "clock", "agrees with Salesforce's to a minute")
    way = "ahead of" if skew > 0 else "behind"
    message = f"this machine's clock is {abs(skew):.0f} s {way} Salesforce's"
    return Finding("warn", "clock", message, "Set the clock by NTP: signed logins and ages of activities depend on it.")


def _quota(limits: Mapping[str, Any]) -> Finding:
    daily = limits.get("DailyApiRequests") or {}
    most, left = daily.get("Max"), daily.get("Remaining")
    if not most or left is None:
        return Finding("warn", "daily calls", "Salesforce did not tell how many are left")
    message = f"{left} of {most} are left"
    if left < FEW_CALLS * most:
        return Finding("warn", "daily calls", message, "Wait, or find out which app uses so many.")
    return Finding("pass", "daily calls", message)


def _missing(right: Permission, message: str) -> Finding:
    return Finding(
        "fail" if right.needed else "warn",
        right.name,
        f"{message}; it is for {right.purpose}",
        f"Grant it: {right.where}.",
    )


def _readable(client: Client, access: permissions.Access) -> Finding:
    unseen = [sobject for sobject in access.sobjects if not _queryable(client.describe(sobject))]
    if unseen:
        return _missing(access.right, f"{', '.join(unseen)} cannot be read")
    return Finding("pass", access.right.name, "granted")


def _queryable(description: Mapping[str, Any] | None) -> bool:
    return description is not None and description.get("queryable", True) and STAMP in description["fields"]


def _standard_fields(client: Client) -> Iterator[Finding]:
    for sobject, names in STANDARD.items():
        description = client.describe(sobject)
        seen = names if description is None else (*description["fields"], *streams.SOMETIMES)
        for name in names:
            if name not in seen:
                remedy = permissions.field_right(sobject, name, "Read")
                yield Finding("fail", f"{sobject}.{name}", "may not be read, and is needed", f"Please {remedy}.")


def _editable(client: Client) -> Iterator[Finding]:
    for right in permissions.EDITING:
        description = client.describe(right.name.removeprefix("Edit on "))
        if description is None:
            continue
        if description.get("updateable", True):
            yield Finding("pass", right.name, "granted")
        else:
            yield _missing(right, "its records may not be edited")


def _seeing_all(client: Client) -> Iterator[Finding]:
    """Whether sharing can hide records: nothing else tells, since a query just answers with fewer rows."""
    try:
        user = soql.quoted(running_user(client))
        own = client.rows(soql.select(["PermissionSetId"], "PermissionSetAssignment", [f"AssigneeId = {user}"]))
        sets = [row["PermissionSetId"] for row in own]
        everything = soql.select(
            ["Id"], "PermissionSet", ["PermissionsViewAllData = true", soql.among("Id", sets or [""])]
        )
        of_objects = soql.select(
            ["SobjectType"],
            "ObjectPermissions",
            ["PermissionsViewAllRecords = true", soql.among("ParentId", sets or [""])],
        )
        if any(client.rows(everything)):
            seen = set(permissions.VIEW_ALL_OF)
        else:
            seen = {row["SobjectType"] for row in client.rows(of_objects)}
    except ConnectorError:
        yield _missing(permissions.VIEW_SETUP, "whether View All Records is granted cannot be seen")
        return
    for sobject, right in zip(permissions.VIEW_ALL_OF, permissions.SEEING_ALL, strict=True):
        if sobject in seen:
            yield Finding("pass", right.name, "granted")
        elif client.describe(sobject) is not None:
            yield _missing(right, "is not granted")


def _provisioning(client: Client) -> Iterator[Finding]:
    """Whether the running user may make what is missing."""
    described = client.describe("UserPermissionAccess") or {"fields": {}}
    flags = [flag for flag in permissions.PROVISIONING if flag in described["fields"]]
    granted = next(client.rows(soql.select(flags, "UserPermissionAccess")), {}) if flags else {}
    for flag, right in permissions.PROVISIONING.items():
        if granted.get(flag):
            yield Finding("pass", right.name, "granted")
        else:
            remedy = f"{permissions.ADMINISTRATOR}, or grant it: {right.where}."
            yield Finding("fail", right.name, f"is not granted; it is for {right.purpose}", remedy)


def _visitor_activities(unit: BusinessUnit) -> Finding:
    try:
        unit.get("visitor-activities", {"fields": ",".join(FIELDS), "limit": 1})
    except ConnectorError as error:
        off = " Or remove salesforce.account_engagement from the settings."
        where = f" ({permissions.ACCOUNT_ENGAGEMENT.where})"
        return Finding("fail", permissions.ACCOUNT_ENGAGEMENT.name, error.message, error.remedy + where + off)
    return Finding("pass", permissions.ACCOUNT_ENGAGEMENT.name, "visitor activities can be read")


def _mapped_fields(
    sobject: str, fields: Mapping[str, Any], mapping: Mapping[str, AttributeSetting], types: Mapping[str, str]
) -> Iterator[Finding]:
    for item in mapped(sobject, mapping, types):
        subject = f"{sobject}.{item.field}"
        described = fields.get(item.field)
        if described is None and item.field in STANDARD[sobject]:
            continue  # told already
        if described is None:
            level: Any = "fail" if item.configured else "warn"
            message = f"does not exist or may not be read, so that {item.attribute} is unknown"
            remedy = f"Correct the mapping, or {permissions.field_right(sobject, item.field, 'Read')}."
            yield Finding(level, subject, message, remedy)
        elif described["type"] in COMPOUND_TYPES:
            yield Finding("fail", subject, "is a compound field", "Map one of its parts, such as MailingCity.")
        elif described.get("calculated"):
            message = "is a formula: its changes do not show as changes of the record"
            remedy = "It is read anew every salesforce.formula_refresh_h hours; or map the fields that it is made of."
            yield Finding("warn", subject, message, remedy)
        else:
            yield Finding("pass", subject, f"is read as {item.attribute}")


def _written_fields(sobject: str, description: Mapping[str, Any], written: Sequence[OutputField]) -> Iterator[Finding]:
    for output in written:
        name = WRITTEN[output.name]
        subject = f"{sobject}.{name}"
        described = description["fields"].get(name)
        if described is None:
            yield Finding("fail", subject, "does not exist or may not be read", f"{PROVISION}.")
        elif reason := clash(output.name, described):
            yield Finding("fail", subject, f"cannot be written: {reason}", "Delete or rename that field in Setup.")
        elif not described["updateable"] and description.get("updateable", True):
            remedy = f"{PROVISION}, or {permissions.field_right(sobject, name, 'Edit')}."
            yield Finding("fail", subject, "may not be edited by the running user", remedy)
        else:
            yield Finding("pass", subject, "can be written")
