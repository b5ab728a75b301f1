"""HubSpot's sandbox as the conformance suite wants it."""

from __future__ import annotations

import contextlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Literal
from unittest import mock

from pydantic import SecretStr

from config.attributes import BUILT_IN
from config.settings import HubSpotSettings
from connectors.base import Change
from connectors.hubspot import ahead, fields, listing, marketing
from connectors.hubspot.connector import HubSpot
from sandbox.core import SandboxClock, Shared
from sandbox.hubspot import portal as portals
from sandbox.hubspot.portal import Portal
from sandbox.salesforce.org import Org
from sandbox.server import running
from tests.connectors.rig import SandboxTime

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime


class HubSpotRig:
    """A running portal without records."""

    crm = "hubspot"
    kind = "contact"
    record_streams = ("records",)
    activity_streams = ("activities.calls",)
    marketing_streams = ("activities.email_events",)

    limits = (
        {"name": "rate_429"},
        {"name": "rate_429", "retry_after": 5},
        {"name": "rate_429", "policy": "SECONDLY"},
        {"name": "rate_429", "policy": "SECONDLY", "as_category": True, "retry_after": 2},
        {"name": "rate_429", "policy": "TEN_SECONDLY_ROLLING", "as_category": True},
        {"name": "migration_477", "retry_after": 20},
    )
    daily_limit: ClassVar = {"name": "daily_429"}
    ways_to_push: ClassVar = ({},)
    own_stages = ("subscriber", "lead", "marketingqualifiedlead")

    def __init__(self, portal: Portal, url: str) -> None:
        self.portal = portal
        self.url = url
        self.shared = portal.shared
        self.clock = self.shared.clock
        self.journal = self.shared.journal
        self.troubles = self.shared.troubles
        self.account_id = str(portal.portal_id)
        self._open: list[HubSpot] = []

    def connector(self, **settings: Any) -> HubSpot:
        """OAuth by default, so that a refused token can be renewed; pass `access_token` for a private app's."""
        if "access_token" not in settings:
            settings = {
                "client_id": portals.CLIENT_ID,
                "client_secret": SecretStr(portals.CLIENT_SECRET),
                "refresh_token": SecretStr(portals.REFRESH_TOKEN),
            } | settings
        made = HubSpot(
            HubSpotSettings(base_url=self.url, **settings), types=BUILT_IN, mapping={}, clock=SandboxTime(self.clock)
        )
        self._open.append(made)
        return made

    def close(self) -> None:
        for connector in self._open:
            connector.close()

    def person(self, number: int, **attributes: str) -> str:
        properties = {"email": f"person{number}@example.com", **self._named(attributes)}
        return self.portal.create("contacts", properties, created=self.clock.now())

    def edit(self, record_id: str, **attributes: str) -> None:
        self.portal.update("contacts", record_id, self._named(attributes))

    def delete(self, record_id: str) -> None:
        self.portal.archive("contacts", record_id)

    def merge(self, keeper: str, other: str) -> str:
        return self.portal.merge(keeper, other)

    def convert(self, record_id: str) -> None:
        """A contact stays a contact."""

    def log_activity(self, record_id: str, number: int) -> None:
        now = self.clock.now()
        call = self.portal.create(
            "calls",
            {"hs_timestamp": now.isoformat(), "hs_call_title": f"call {number}", "hs_call_status": "COMPLETED"},
            created=now,
        )
        self.portal.associate("calls", call, "contacts", record_id)

    def customer(self, number: int) -> str:
        return self.person(number)

    def deal(
        self,
        person: str,
        state: Literal["open", "won", "lost"],
        amount: float,
        products: Mapping[str, float] | None = None,
    ) -> tuple[str, list[str]]:
        now = self.clock.now()
        stage = {"open": "contractsent", "won": "closedwon", "lost": "closedlost"}[state]
        deal = self.portal.create(
            "deals", {"dealname": "Deal", "amount": amount, "dealstage": stage, "closedate": now}, created=now
        )
        self.portal.associate("deals", deal, "contacts", person)
        lines = []
        for name, worth in (products or {}).items():
            lines.append(self.portal.create("line_items", {"name": name, "amount": worth}, created=now))
            self.portal.associate("deals", deal, "line_items", lines[-1])
        return deal, lines

    def reprice(self, line_id: str, amount: float) -> None:
        self.portal.update("line_items", line_id, {"amount": amount})

    def drop_line(self, line_id: str) -> None:
        self.portal.archive("line_items", line_id)

    def engage(self, record_id: str) -> None:
        address = self.portal.objects["contacts"][record_id].properties["email"]
        self.portal.email_event(address, "CLICK", self.clock.now(), campaign_id=1)

    def live(self) -> Mapping[str, str]:
        contacts = self.portal.objects["contacts"].values()
        return {one.id: one.properties["email"] for one in contacts if not one.archived}

    def stored(self, record_id: str, field: str) -> str | None:
        return self.portal.objects["contacts"][record_id].properties.get(fields.property_of(field)) or None

    def own_stage(self, record_id: str) -> str | None:
        return self.portal.objects["contacts"][record_id].properties.get("lifecyclestage") or None

    def set_own_stage(self, record_id: str, stage: str) -> None:
        self.portal.update("contacts", record_id, {"lifecyclestage": stage})

    def close_own_stage(self) -> None:
        self.portal.properties["contacts"]["lifecyclestage"]["modificationMetadata"]["readOnlyValue"] = True

    def refuse(self, record_id: str) -> None:
        self.portal.refuse("contacts", record_id)

    def bad_change(self, record_id: str) -> Change:
        return Change("contact", record_id, {"engagement_score": "many"})

    def expire_token(self, after_calls: int = 0, *, always: bool = False) -> None:
        if always:  # met by every second attempt
            self.troubles.set("expire_token", times=None, skip=after_calls, every=2)
        else:
            self.troubles.set("expire_token", skip=after_calls)

    def take_name(self, field: str) -> None:
        self.portal.define("contacts", fields.property_of(field), type="date", fieldType="date")

    def limit(self, times: int) -> None:
        self.troubles.set("rate_429", times=times)

    def cut(self, when: Literal["before", "after"], *, writes: bool = True) -> None:
        name = "no_answer" if when == "before" else "drop_after_write"
        self.troubles.set(name, match="/batch/update" if writes else "")

    def settle(self) -> None:
        self.clock.advance(timedelta(hours=1).total_seconds())

    @staticmethod
    def _named(attributes: Mapping[str, str]) -> dict[str, str]:
        return {fields.DEFAULTS[name]: value for name, value in attributes.items()}


@contextlib.contextmanager
def rig(server_time: datetime) -> Iterator[HubSpotRig]:
    """A running, empty portal. Batches are small, so that a few people fill several; slices of time are long."""
    shared = Shared(clock=SandboxClock(frozen=server_time))
    portal, org = Portal(shared), Org(shared)
    with (
        running(portal, org, shared) as urls,
        mock.patch.object(ahead, "CHUNK", 200),
        mock.patch.object(ahead, "BARE_CHUNK", 200),
        mock.patch.object(listing, "WORTH_SPLITTING", 400),
        mock.patch.object(marketing, "SLICE_MS", 100 * marketing.DAY_MS),
    ):
        made = HubSpotRig(portal, urls.hubspot)
        try:
            yield made
        finally:
            made.close()
