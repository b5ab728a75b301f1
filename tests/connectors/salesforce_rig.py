"""Salesforce's sandbox as the conformance suite wants it."""

from __future__ import annotations

import contextlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Literal
from unittest import mock

from pydantic import SecretStr

from config.attributes import BUILT_IN
from config.settings import AccountEngagementSettings, AttributeSetting, SalesforceSettings
from connectors.base import Change
from connectors.salesforce import client, fields, visitor_activities
from connectors.salesforce.connector import Salesforce
from sandbox.core import SandboxClock, Shared
from sandbox.hubspot.portal import Portal
from sandbox.salesforce.org import Org
from sandbox.server import running
from tests.connectors.rig import SandboxTime

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime


class SalesforceRig:
    """A running organisation without people."""

    crm = "salesforce"
    kind = "lead"
    record_streams = ("records.lead", "records.contact")
    activity_streams = ("activities.tasks",)
    marketing_streams = ("activities.visitor_activities",)

    limits = (
        {"name": "concurrent_limit"},
        {"name": "server_unavailable"},
        {"name": "status", "code": 420},
        {"name": "status", "code": 429},
    )
    daily_limit: ClassVar = {"name": "daily_limit"}
    ways_to_push: ClassVar = ({}, {"bulk_above": 3})
    own_stages = ("Open - Not Contacted", "Working - Contacted", "Closed - Not Converted")

    def __init__(self, org: Org, url: str) -> None:
        self.org = org
        self.url = url
        self.shared = org.shared
        self.clock = self.shared.clock
        self.journal = self.shared.journal
        self.troubles = self.shared.troubles
        self.account_id = org.org_id
        self._open: list[Salesforce] = []

    def connector(
        self,
        *,
        mapping: Mapping[str, AttributeSetting] | None = None,
        **settings: Any,
    ) -> Salesforce:
        unit = AccountEngagementSettings(business_unit_id=self.org.engagement.business_unit_id, base_url=self.url)
        settings = {
            "client_id": "sandbox-client",
            "client_secret": SecretStr("sandbox-secret"),
            "account_engagement": unit,
        } | settings
        mapping = mapping or {}
        made = Salesforce(
            SalesforceSettings(login_url=self.url, **settings),
            types=BUILT_IN | {name: setting.type for name, setting in mapping.items()},
            mapping=mapping,
            clock=SandboxTime(self.clock),
        )
        self._open.append(made)
        return made

    def close(self) -> None:
        for connector in self._open:
            connector.close()

    def person(self, number: int, **attributes: str) -> str:
        values = {
            "LastName": f"Person {number}",
            "Company": f"Company {number}",
            "Email": f"person{number}@example.com",
        }
        return self.org.insert("Lead", values | self._named(attributes), created=self.clock.now())

    def edit(self, record_id: str, **attributes: str) -> None:
        self.org.update("Lead", record_id, self._named(attributes))

    def delete(self, record_id: str) -> None:
        self.org.delete("Lead", record_id)

    def merge(self, keeper: str, other: str) -> str:
        self.org.merge("Lead", keeper, [other])
        return keeper

    def convert(self, record_id: str) -> str:
        return self.org.convert(record_id)

    def log_activity(self, record_id: str, number: int) -> None:
        now = self.clock.now()
        values = {
            "WhoId": record_id, "Subject": f"call {number}", "Status": "Completed", "TaskSubtype": "Call",
            "ActivityDate": now,
        }  # fmt: skip
        self.org.insert("Task", values, created=now)

    def customer(self, number: int) -> str:
        values = {"LastName": f"Person {number}", "Email": f"person{number}@example.com"}
        return self.org.insert("Contact", values, created=self.clock.now())

    def deal(
        self,
        person: str,
        state: Literal["open", "won", "lost"],
        amount: float,
        products: Mapping[str, float] | None = None,
    ) -> tuple[str, list[str]]:
        now = self.clock.now()
        stage = {"open": "Prospecting", "won": "Closed Won", "lost": "Closed Lost"}[state]
        fields = {"Name": "Deal", "StageName": stage, "Amount": amount, "CloseDate": now}
        deal = self.org.insert("Opportunity", fields, created=now)
        self.org.insert("OpportunityContactRole", {"OpportunityId": deal, "ContactId": person}, created=now)
        lines = []
        for name, worth in (products or {}).items():
            product = self.org.insert("Product2", {"Name": name, "ProductCode": name[:3].upper()}, created=now)
            line = {"OpportunityId": deal, "Product2Id": product, "Quantity": 1, "TotalPrice": worth}
            lines.append(self.org.insert("OpportunityLineItem", line, created=now))
        return deal, lines

    def reprice(self, line_id: str, amount: float) -> None:
        self.org.update("OpportunityLineItem", line_id, {"TotalPrice": amount})

    def drop_line(self, line_id: str) -> None:
        self.org.delete("OpportunityLineItem", line_id)

    def engage(self, record_id: str) -> None:
        self.org.engagement.add(1, self.clock.now(), record_id, emailId=7)

    def live(self) -> Mapping[str, str]:
        rows = [row for sobject in ("Lead", "Contact") for row in self.org.tables[sobject].values()]
        return {row["Id"]: row["Email"] for row in rows if not row["IsDeleted"]}

    def stored(self, record_id: str, field: str) -> str | None:
        found = self.org.find(record_id)
        assert found is not None
        value = found[1].get(fields.WRITTEN[field])
        return None if value is None else str(int(value) if isinstance(value, float) else value)

    def own_stage(self, record_id: str) -> str | None:
        status = self.org.tables["Lead"][record_id].get("Status")
        return None if status is None else str(status)

    def set_own_stage(self, record_id: str, stage: str) -> None:
        self.org.update("Lead", record_id, {"Status": stage})

    def close_own_stage(self) -> None:
        self.org.read_only_fields.add(("Lead", "Status"))

    def refuse(self, record_id: str) -> None:
        self.org.validation_rules.append(
            lambda _, row: "Leads of this territory are frozen." if row["Id"] == record_id else None
        )

    def bad_change(self, record_id: str) -> Change:
        return Change("lead", record_id, {"engagement_score": "many"})

    def expire_token(self, after_calls: int = 0, *, always: bool = False) -> None:
        if always:  # met by every second attempt
            self.troubles.set("session_expired", times=None, skip=after_calls, every=2)
        else:
            self.troubles.set("session_expired", skip=after_calls)

    def take_name(self, field: str) -> None:
        self.org.define("Lead", fields.WRITTEN[field], "date")

    def limit(self, times: int) -> None:
        self.troubles.set("concurrent_limit", times=times)

    def cut(self, when: Literal["before", "after"], *, writes: bool = True) -> None:
        name = "no_answer" if when == "before" else "drop_after_write"
        self.troubles.set(name, match="/composite/sobjects" if writes else "")

    def settle(self) -> None:
        self.clock.advance(timedelta(hours=1).total_seconds())

    @staticmethod
    def _named(attributes: Mapping[str, str]) -> dict[str, str | None]:
        return {fields.DEFAULTS[name]["Lead"]: value or None for name, value in attributes.items()}


@contextlib.contextmanager
def rig(server_time: datetime) -> Iterator[SalesforceRig]:
    """A running organisation without people. Pages are small, so that a few people fill several."""
    shared = Shared(clock=SandboxClock(frozen=server_time))
    portal, org = Portal(shared), Org(shared)
    with (
        running(portal, org, shared) as urls,
        mock.patch.object(client, "PAGE_ROWS", 200),
        mock.patch.object(visitor_activities, "PAGE_ROWS", 3),
    ):
        made = SalesforceRig(org, urls.salesforce)
        try:
            yield made
        finally:
            made.close()
