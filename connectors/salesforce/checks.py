"""What stands in the way, one finding at a time: objects, fields, permissions, quota, clocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from connectors.base import Finding
from connectors.errors import ConnectorError
from connectors.salesforce.client import server_time
from connectors.salesforce.fields import COMPOUND_TYPES, WRITTEN, clash, mapped
from connectors.salesforce.visitor_activities import FIELDS
from connectors.salesforce.windows import STAMP

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from config.settings import AttributeSetting, SalesforceSettings
    from connectors.clock import Clock
    from connectors.salesforce.business_unit import BusinessUnit
    from connectors.salesforce.client import Client
    from scoring.facts import OutputField

NEEDED: Final = ("Lead", "Contact", "Account", "Task", "Event")
USEFUL: Final = {
    "Opportunity": "deals",
    "OpportunityContactRole": "deals",
    "OpportunityLineItem": "products of deals",
    "Product2": "names of products",
    "CampaignMember": "responses to campaigns",
    "Campaign": "responses to campaigns",
    "EmailMessage": "e-mails (needs Enhanced Email)",
}
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
    for sobject in NEEDED:
        yield _object(client, sobject, "fail", "it is needed")
    for sobject, purpose in USEFUL.items():
        yield _object(client, sobject, "warn", f"without it there are no {purpose}")
    if client.engagement is not None:
        yield _visitor_activities(client.engagement)
    for sobject in ("Lead", "Contact", "Account"):
        description = client.describe(sobject)
        if description is None:
            continue
        yield from _mapped_fields(sobject, description["fields"], mapping, types)
        if sobject != "Account":
            yield from _written_fields(sobject, description, written)


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


def _object(client: Client, sobject: str, level: Any, why: str) -> Finding:
    description = client.describe(sobject)
    if description is not None and description.get("queryable", True) and STAMP in description["fields"]:
        return Finding("pass", sobject, "can be read")
    remedy = f"Grant 'Read' and 'View All' on {sobject} to the running user in a permission set."
    return Finding(level, sobject, f"cannot be read; {why}", remedy)


def _visitor_activities(unit: BusinessUnit) -> Finding:
    try:
        unit.get("visitor-activities", {"fields": ",".join(FIELDS), "limit": 1})
    except ConnectorError as error:
        off = " Or remove salesforce.account_engagement from the settings."
        return Finding("fail", "Account Engagement", error.message, error.remedy + off)
    return Finding("pass", "Account Engagement", "visitor activities can be read")


def _mapped_fields(
    sobject: str, fields: Mapping[str, Any], mapping: Mapping[str, AttributeSetting], types: Mapping[str, str]
) -> Iterator[Finding]:
    for item in mapped(sobject, mapping, types):
        subject = f"{sobject}.{item.field}"
        described = fields.get(item.field)
        if described is None:
            level: Any = "fail" if item.configured else "warn"
            message = f"does not exist or may not be read, so that {item.attribute} is unknown"
            remedy = f"Correct the mapping, or grant 'Read' on {subject} in a permission set."
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
            yield Finding("fail", subject, "does not exist or may not be read", "Run `leadgrade provision`.")
        elif reason := clash(output.name, described):
            yield Finding("fail", subject, f"cannot be written: {reason}", "Delete or rename that field in Setup.")
        elif not described["updateable"] or not description.get("updateable", True):
            remedy = f"Run `leadgrade provision`, or grant 'Edit' on {subject} in a permission set."
            yield Finding("fail", subject, "may not be edited by the running user", remedy)
        else:
            yield Finding("pass", subject, "can be written")
