"""Every right of both tables, taken away one at a time: `check` names it and the menu path that grants it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from connectors.errors import AuthStop
from connectors.hubspot import permissions as hubspot
from connectors.salesforce import permissions as salesforce
from connectors.salesforce.checks import STANDARD
from connectors.salesforce.streams import SOMETIMES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connectors.base import Finding, Permission
    from tests.connectors.hubspot_rig import HubSpotRig
    from tests.connectors.salesforce_rig import SalesforceRig


def found(findings: list[Finding], right: Permission) -> Finding:
    [finding] = [one for one in findings if one.subject == right.name]
    return finding


# --- HubSpot ---------------------------------------------------------------------------------------------------


SCOPES = [scope for scope in hubspot.SCOPES if scope is not hubspot.EVENT_OCCURRENCES]
"""The other is a part of a plan and no scope: tests/connectors/test_hubspot_facts.py."""


@pytest.mark.parametrize("scope", SCOPES, ids=lambda scope: scope.name)
def test_22_each_scope_that_is_missing_is_named_with_where_it_is_granted(hub: HubSpotRig, scope: Permission) -> None:
    hub.portal.scopes.discard(scope.name)
    findings = hub.connector().check()
    finding = found(findings, scope)
    assert finding.level == ("fail" if scope.needed else "warn")
    assert hubspot.WHERE in finding.remedy
    assert scope.setting in finding.remedy
    others = [one for one in findings if one.subject in {each.name for each in SCOPES} - {scope.name}]
    assert [one for one in others if one.level != "pass"] == []


def test_with_all_scopes_and_fields_nothing_is_missing_and_without_writing_less_is_asked(hub: HubSpotRig) -> None:
    hub.connector().provision(dry_run=False)
    findings = hub.connector().check()
    assert {one.level for one in findings if one.subject in {scope.name for scope in SCOPES}} == {"pass"}
    hub.portal.scopes -= {hubspot.CREATE_PROPERTIES.name}
    assert found(hub.connector().check(), hubspot.CREATE_PROPERTIES).level == "pass"
    hub.portal.scopes -= {hubspot.WRITE_CONTACTS.name}
    assert [one for one in hub.connector().check(()) if one.level == "fail"] == []


def test_a_scope_that_only_this_portal_asks_for_is_named_too(hub: HubSpotRig) -> None:
    hub.troubles.set("missing_scope", match="/objects/emails", scope="sales-email-read")
    findings = hub.connector().check()
    [finding] = [one for one in findings if one.subject == "sales-email-read"]
    assert finding.level == "fail"
    assert hubspot.WHERE in finding.remedy
    assert "hubspot.engagements" in finding.remedy


# --- Salesforce ------------------------------------------------------------------------------------------------


def test_every_right_in_the_table_has_its_way_to_be_taken_away() -> None:
    walked = [access.right for access in salesforce.READING] + [*salesforce.EDITING, *salesforce.SEEING_ALL]
    beside = [salesforce.API_ENABLED, salesforce.VIEW_SETUP, salesforce.ACCOUNT_ENGAGEMENT]
    assert {right.name for right in salesforce.PERMISSIONS} == {right.name for right in [*walked, *beside]}


@pytest.fixture(scope="module")
def org() -> Iterator[SalesforceRig]:
    """One organisation for all: each test gives back what it takes."""
    from tests.connectors.salesforce_rig import rig as salesforce_rig

    with salesforce_rig(datetime(2026, 6, 15, 12, tzinfo=UTC)) as rig:
        rig.connector().provision(dry_run=False)
        yield rig


def test_with_all_rights_nothing_is_missing(org: SalesforceRig) -> None:
    findings = org.connector().check()
    names = {right.name for right in salesforce.PERMISSIONS}
    assert {one.level for one in findings if one.subject in names} == {"pass"}


@pytest.mark.parametrize("access", salesforce.READING, ids=lambda access: access.right.name)
def test_each_object_that_may_not_be_read_is_named(org: SalesforceRig, access: salesforce.Access) -> None:
    for sobject in access.sobjects:
        hidden = org.org.schema.pop(sobject)
        finding = found(org.connector().check(), access.right)
        org.org.schema[sobject] = hidden
        assert finding.level == ("fail" if access.right.needed else "warn")
        assert sobject in finding.message
        assert access.right.where in finding.remedy


@pytest.mark.parametrize("right", salesforce.EDITING, ids=lambda right: right.name)
def test_each_object_that_may_not_be_edited_is_named_once(org: SalesforceRig, right: Permission) -> None:
    org.org.read_only_objects = {right.name.removeprefix("Edit on ")}
    failed = [one for one in org.connector().check() if one.level == "fail"]
    assert [one for one in org.connector().check(()) if one.level == "fail"] == []
    org.org.read_only_objects = set()
    assert [one.subject for one in failed] == [right.name]
    assert right.where in failed[0].remedy


def test_each_object_whose_records_sharing_may_hide_is_named(org: SalesforceRig) -> None:
    base = org.org.permission_set_id
    org.org.update("PermissionSet", base, {"PermissionsViewAllData": False})
    for right in salesforce.SEEING_ALL:
        finding = found(org.connector().check(), right)
        assert (finding.level, right.where in finding.remedy) == ("warn", True)
        row = {
            "ParentId": base,
            "SobjectType": right.name.removeprefix("View All Records on "),
            "PermissionsRead": True,
            "PermissionsViewAllRecords": True,
        }
        org.org.insert("ObjectPermissions", row, created=org.clock.now(), committed=True)
        assert found(org.connector().check(), right).level == "pass"
    org.org.update("PermissionSet", base, {"PermissionsViewAllData": True})


@pytest.mark.parametrize("flag", salesforce.PROVISIONING)
def test_each_right_that_provisioning_lacks_is_named_while_there_is_something_to_provision(
    org: SalesforceRig, flag: str
) -> None:
    right = salesforce.PROVISIONING[flag]
    fields = org.org.hidden_fields

    def told() -> list[Finding]:
        names = {one.name for one in salesforce.PROVISIONING.values()}
        return [one for one in org.connector().check() if one.subject in names]

    org.org.update("UserPermissionAccess", org.org.rights_id, {flag: False})
    assert told() == [], "everything is there"
    fields.add(("Lead", "Leadgrade_Rating__c"))
    findings = told()
    assert [one for one in org.connector().check(()) if one.subject == right.name] == [], "nothing is written"
    org.org.update("UserPermissionAccess", org.org.rights_id, {flag: True})
    assert {one.level for one in told()} == {"pass"}
    fields.clear()
    [finding] = [one for one in findings if one.level == "fail"]
    assert finding.subject == right.name
    assert right.where in finding.remedy
    assert "administrator" in finding.remedy
    assert len(findings) == len(salesforce.PROVISIONING)


def test_where_no_right_can_be_seen_all_are_named(org: SalesforceRig) -> None:
    hidden = org.org.schema.pop("UserPermissionAccess")
    org.org.hidden_fields.add(("Contact", "Leadgrade_Rating__c"))
    failed = {one.subject for one in org.connector().check() if one.level == "fail"}
    org.org.hidden_fields.clear()
    org.org.schema["UserPermissionAccess"] = hidden
    assert {right.name for right in salesforce.PROVISIONING.values()} < failed


def test_what_cannot_be_looked_up_is_said(org: SalesforceRig) -> None:
    hidden = org.org.schema.pop("ObjectPermissions")
    org.org.update("PermissionSet", org.org.permission_set_id, {"PermissionsViewAllData": False})
    finding = found(org.connector().check(), salesforce.VIEW_SETUP)
    org.org.schema["ObjectPermissions"] = hidden
    org.org.update("PermissionSet", org.org.permission_set_id, {"PermissionsViewAllData": True})
    assert (finding.level, salesforce.SYSTEM in finding.remedy) == ("warn", True)


def test_without_the_api_the_first_call_says_which_right_is_missing(org: SalesforceRig) -> None:
    org.troubles.set("api_disabled")
    with pytest.raises(AuthStop) as refused:
        org.connector().identify()
    assert salesforce.API_ENABLED.name in refused.value.remedy
    assert salesforce.API_ENABLED.where in refused.value.remedy


def test_each_field_that_a_stream_cannot_do_without_is_named(org: SalesforceRig) -> None:
    never_hidden = {"Id", "SystemModstamp", "CreatedDate", "IsDeleted", *SOMETIMES}
    wanted = {(sobject, name) for sobject, names in STANDARD.items() for name in names if name not in never_hidden}
    org.org.hidden_fields |= wanted
    findings = {one.subject: one for one in org.connector().check()}
    org.org.hidden_fields.clear()
    for sobject, name in wanted:
        finding = findings[f"{sobject}.{name}"]
        assert finding.level == "fail"
        assert salesforce.object_settings(salesforce.LABELS[sobject]) in finding.remedy


def test_a_mapped_and_a_written_field_that_are_hidden_are_named(org: SalesforceRig) -> None:
    org.org.hidden_fields.add(("Account", "Industry"))
    org.org.read_only_fields.add(("Contact", "Leadgrade_Rating__c"))
    findings = {one.subject: one for one in org.connector().check()}
    org.org.hidden_fields.clear()
    org.org.read_only_fields.clear()
    assert (findings["Account.Industry"].level, findings["Contact.Leadgrade_Rating__c"].level) == ("warn", "fail")
    assert salesforce.object_settings("Accounts") in findings["Account.Industry"].remedy
    assert salesforce.object_settings("Contacts") in findings["Contact.Leadgrade_Rating__c"].remedy


def test_account_engagement_without_the_role_is_named(org: SalesforceRig) -> None:
    org.org.engagement.may_view = False
    unit = {"business_unit_id": org.org.engagement.business_unit_id, "base_url": org.url}
    finding = found(org.connector(account_engagement=unit).check(), salesforce.ACCOUNT_ENGAGEMENT)
    org.org.engagement.may_view = True
    assert (finding.level, salesforce.ACCOUNT_ENGAGEMENT.where in finding.remedy) == ("fail", True)
    assert salesforce.ACCOUNT_ENGAGEMENT.setting in finding.remedy
