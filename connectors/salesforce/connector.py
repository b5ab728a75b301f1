"""Salesforce behind the five verbs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.base import Identity, no_job
from connectors.errors import AuthStop
from connectors.salesforce import checks, stages, streams
from connectors.salesforce.client import Client, server_time
from connectors.salesforce.errors import CRM
from connectors.salesforce.provision import provision
from connectors.salesforce.writer import Writer
from scoring.facts import BASIC_FIELDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from config.attributes import AttributeType
    from config.settings import AttributeSetting, SalesforceSettings
    from connectors.base import Batch, Change, CrmStages, Finding, OnJob, Outcome, Provisioned, Stream, Usage
    from connectors.clock import Clock
    from scoring.facts import OutputField


class Salesforce:
    """One organisation."""

    crm = CRM

    def __init__(
        self,
        settings: SalesforceSettings,
        *,
        types: Mapping[str, AttributeType],
        mapping: Mapping[str, AttributeSetting],
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._types = types
        self._mapping = mapping
        self._clock = clock
        self._client = Client(settings, clock)
        self._writer = Writer(self._client, clock, bulk_above=settings.bulk_above)

    def count_in(self, earlier: Iterable[tuple[datetime, int]]) -> None:
        """Calls of earlier runs, for our share of the day's."""
        self._client.quota.ours.count_in(earlier)

    def ask_before_calls(self, ask: Callable[[], object] | None) -> None:
        """Who has to be asked before each call."""
        self._client.ask_before_calls(ask)

    def identify(self) -> Identity:
        """Which organisation the credentials open, by one query. What describe said before is forgotten."""
        self._client.forget_describes()
        row = next(self._client.rows("SELECT Id, Name, IsSandbox FROM Organization"), None)
        if row is None:
            raise AuthStop(
                "the running user may not see the organisation.",
                crm=CRM,
                remedy="Grant 'API Enabled' and 'View Setup'.",
            )
        usage = self._client.quota.usage
        return Identity(
            CRM,
            row["Id"],
            row["Name"],
            bool(row["IsSandbox"]),
            calls_left_today=usage.limit - usage.used if usage else None,
            server_time=server_time(self._client.headers),
        )

    def check(self, fields: Sequence[OutputField] = BASIC_FIELDS) -> list[Finding]:
        """Objects, permissions, each mapped and each written field, quota and clock."""
        return list(checks.findings(self._client, self._settings, self._mapping, self._types, fields, self._clock))

    def provision(self, fields: Sequence[OutputField] = BASIC_FIELDS, *, dry_run: bool) -> list[Provisioned]:
        """Fields on Lead and Contact, and the permission set that opens them to the running user."""
        return provision(self._client, fields, dry_run=dry_run)

    def crm_stages(self) -> CrmStages:
        """The values of a lead's status; contacts have none."""
        return stages.crm_stages(self._client)

    def streams(self) -> Sequence[Stream]:
        """Accounts before people before what people do; removals last, so that nothing brings them back."""
        return streams.offered(self._settings)

    def pull(self, stream: str, cursor: str | None) -> Iterator[Batch]:
        """What changed in `stream` since `cursor`, up to the server's time at the first call.

        Raises ConfigProblem for a configured field that is hidden, AuthStop for an object that is, LimitReached when
        the share of the day's calls is used up.
        """
        now = self._client.server_now()
        context = streams.Context(self._client, self._settings, self._types, self._mapping, self._clock, now)
        yield from streams.pull(context, stream, cursor)

    def revisit(self, record_ids: Sequence[str]) -> Iterator[Batch]:  # noqa: ARG002 - the protocol's parameter
        """Nothing: deletion, return from the bin and a change of account all move a record's SystemModstamp."""
        return iter(())

    def push(self, changes: Iterable[Change], on_job: OnJob = no_job) -> Iterator[Outcome]:
        """Update the records; one outcome per change."""
        return self._writer.push(changes, on_job)

    def collect(self, job: str, rows: Sequence[Change]) -> Iterator[Outcome]:
        """What a Bulk ingest job did that another process began."""
        return self._writer.collect(job, rows)

    def usage(self) -> Usage:
        """Calls and retries so far."""
        return self._client.usage()

    def close(self) -> None:
        """Give back connections."""
        self._client.close()
