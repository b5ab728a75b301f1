"""HubSpot behind the five verbs."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from connectors.base import (
    Batch,
    Change,
    CrmStages,
    Finding,
    Identity,
    Outcome,
    Provisioned,
    Stream,
    Usage,
    no_job,
)
from connectors.errors import ConfigProblem, ConnectorBug
from connectors.hubspot import (
    checks,
    marketing,
    occurrences,
    paths,
    provision,
    removals,
    revisit,
    stages,
    streams,
    writer,
)
from connectors.hubspot.client import Client
from connectors.hubspot.engagement import ENGAGEMENTS, engagements
from connectors.hubspot.errors import CRM
from scoring.facts import BASIC_FIELDS, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from config.attributes import AttributeType
    from config.settings import AttributeSetting, HubSpotSettings
    from connectors.base import OnJob
    from connectors.clock import Clock
    from scoring.facts import OutputField

SANDBOXES = frozenset({"SANDBOX", "DEVELOPER_TEST", "APP_DEVELOPER"})


class HubSpot:
    """One portal. `types` gives the attributes and the order of their columns, `mapping` the user's own places."""

    crm = CRM

    def __init__(
        self,
        settings: HubSpotSettings,
        *,
        types: Mapping[str, AttributeType],
        mapping: Mapping[str, AttributeSetting],
        clock: Clock,
    ) -> None:
        self._clock = clock
        self._settings = settings
        self._client = Client(settings, clock)
        self._reading = streams.Reading(self._client, settings, types, mapping)
        self._pulls = self._streams()

    def count_in(self, earlier: Iterable[tuple[datetime, int]]) -> None:
        """Calls of earlier runs, for our share of the day's."""
        self._client.day.ours.count_in(earlier)

    def ask_before_calls(self, ask: Callable[[], object] | None) -> None:
        """Who has to be asked before each call."""
        self._client.ask_before_calls(ask)

    def identify(self) -> Identity:
        """The portal that the credentials open, and when its day ends."""
        details = self._client.get(paths.ACCOUNT)
        self._client.day.utc_offset = timedelta(milliseconds=int(details.get("utcOffsetMilliseconds") or 0))
        return Identity(
            crm=CRM,
            account_id=str(details["portalId"]),
            name=str(details.get("uiDomain") or f"portal {details['portalId']}"),
            is_sandbox=details.get("accountType") in SANDBOXES,
            calls_left_today=self._client.day.left,
            server_time=self._client.server_now(),
        )

    def check(self, fields: Sequence[OutputField] = BASIC_FIELDS) -> list[Finding]:
        """Clock, scopes, mapped and written properties."""
        return list(checks.findings(self._reading, fields, self._clock.now()))

    def provision(self, fields: Sequence[OutputField] = BASIC_FIELDS, *, dry_run: bool) -> list[Provisioned]:
        """The property group and the properties; see `hubspot.provision`."""
        return provision.provision(self._client, fields, dry_run=dry_run)

    def crm_stages(self) -> CrmStages:
        """The portal's lifecycle stages."""
        return stages.crm_stages(self._client)

    def streams(self) -> Sequence[Stream]:
        """Companies before the contacts that name them, people before their deeds, removals last."""
        return [stream for stream, _ in self._pulls.values()]

    def pull(self, stream: str, cursor: str | None) -> Iterator[Batch]:
        """Batches of one stream since `cursor`. Raises ConfigProblem for a stream that this portal has not."""
        if stream not in self._pulls:
            raise ConfigProblem(
                f"there is no stream {stream}.", crm=CRM, remedy=f"There are: {', '.join(self._pulls)}."
            )
        return self._pulls[stream][1](cursor)

    def revisit(self, record_ids: Sequence[str]) -> Iterator[Batch]:
        """Contacts read again by id; see `hubspot.revisit`."""
        return revisit.revisit(self._reading, record_ids)

    def push(self, changes: Iterable[Change], on_job: OnJob = no_job) -> Iterator[Outcome]:  # noqa: ARG002 - no jobs
        """Batch updates of contacts, each answered at once; see `hubspot.writer`."""
        return writer.push(self._client, changes)

    def collect(self, job: str, rows: Sequence[Change]) -> Iterator[Outcome]:
        """HubSpot has no jobs, so that none is ever asked for."""
        raise ConnectorBug(f"there are no jobs to collect ({job}, {len(rows)} rows).", crm=CRM)

    def usage(self) -> Usage:
        """Calls and retries so far."""
        return self._client.usage()

    def close(self) -> None:
        """Give back connections."""
        self._client.close()

    def _streams(self) -> dict[str, tuple[Stream, Callable[[str | None], Iterator[Batch]]]]:
        found: dict[str, tuple[Stream, Callable[[str | None], Iterator[Batch]]]] = {}

        def add(name: str, table: Table, read: Callable[..., Iterator[Batch]], *first: Any) -> None:
            stream = Stream(name, table, optional=name.startswith(("activities.", "line_items")))
            found[name] = stream, lambda cursor: read(self._reading, *first, cursor)

        add("accounts", Table.ACCOUNTS, streams.accounts)
        add("records", Table.RECORDS, streams.records)
        add("deals", Table.DEALS, streams.deals)
        if self._settings.line_items:
            add("line_items", Table.LINE_ITEMS, streams.line_items)
        if self._settings.email_events:
            add("activities.email_events", Table.ACTIVITIES, marketing.email_events)
        if self._settings.forms:
            add("activities.forms", Table.ACTIVITIES, marketing.form_submissions)
        if self._settings.web_events:
            add("activities.web_events", Table.ACTIVITIES, occurrences.web_events)
        if self._settings.engagements:
            for object_type in ENGAGEMENTS:
                add(f"activities.{object_type}", Table.ACTIVITIES, engagements, object_type)
        add("removals", Table.REMOVALS, removals.removals)
        return found
