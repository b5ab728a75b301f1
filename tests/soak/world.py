"""Both CRMs with Leadgrade beside them: a run, what it wrote, and what the CRMs and the mirror hold afterwards."""

from __future__ import annotations

import contextlib
import os
import threading
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final
from unittest import mock

from pydantic import SecretStr

from config.attributes import attribute_types
from config.model import load_model
from config.settings import HubSpotSettings, SalesforceSettings, Settings, StoreSettings
from connectors.clock import SystemClock
from connectors.registry import connected
from sandbox.population.bare import fill_bare
from scoring.facts import OUTPUT_FIELDS
from sync import pipeline, stores
from sync.mirror.store import Mirror
from tests.connectors.rig import SandboxTime
from tests.sandboxes import NOW, Sandbox, started
from tests.soak.history import History, live_contacts, live_rows
from tests.soak.kills import Process, living

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

    from config.model import Model
    from sync.report import Report, RunKind

APART: Final = timedelta(minutes=11)
"""Between two runs: more than a change takes to show up."""

SEEN: Final = timedelta(minutes=61)
"""After so long the next run sees all that happened: bins and logs of deletions are looked at once an hour."""

COMPARED: Final = frozenset(f"leadgrade_{field.name}" for field in OUTPUT_FIELDS if not field.rider)

MODEL: Final = """
model: small
fit:
  criteria:
    - {name: Decision maker, when: {job_title: {matches: "cto|head|chief"}}, points: 50}
    - {name: Company size, by: company.employee_count, bands: {50: 20, 500: 40}}
  grades: {A: 75, B: 50, C: 25, D: 1, F: 0}
engagement:
  decay: none
  rules:
    - {name: Any page, activity: page_view, points: 1}
    - {name: Click, activity: email_click, points: 5}
    - {name: Form, activity: form_submission, points: 30, count: first}
    - {name: Talk, activity: [call, meeting_held, task_done], points: 10}
    - {name: Campaign, activity: [webinar_attended, event_attended], points: 20}
  levels: {1: 75, 2: 50, 3: 25, 4: 0}
rating: {matrix: grade x level}
trend: {over: 14d, rising: 10, cooling: -10}
lifecycle:
  order: [subscriber, lead, customer]
  transitions:
    - {to: lead, enter: {engagement: {at_least: 40}}, exit: {engagement: {below: 40}}}
"""
"""The stage is left where it is entered: what is desired follows from the facts alone, not from when they were seen."""


@dataclass(frozen=True)
class Wishes:
    """How a world is made."""

    seed: int
    people: int = 12
    contacts: int = 0  # of HubSpot, without a story
    events: bool = True  # HubSpot's activities come as events; off: as counters
    visits: bool = False  # page views come as events, too
    bulk_above: int = 2000
    limits: bool = False  # whether the CRMs' limits bind
    now: datetime = NOW


@dataclass
class World:
    """`repeated` are values that were written to a record that held them already: CRM id, field and value."""

    crms: Sandbox
    settings: Settings
    model: Model
    history: History
    kept: Kept
    is_running: bool = False
    editor: int | None = None  # the thread in which somebody edits something
    written: set[tuple[str, str]] = field(default_factory=set)  # record and field, since the run began
    repeated: list[tuple[str, str, Any]] = field(default_factory=list)
    edits: int = 0  # since the history went on

    def new_model(self) -> Model:
        """Another model, by which most people have another score."""
        file = self.settings.store.path / "scoring.yaml"
        file.write_text(MODEL.replace("{50: 20, 500: 40}", "{1: 10, 50: 25, 500: 45}"))
        return load_model(file, attribute_types(self.settings))

    # --- runs

    def run(self, kind: RunKind = "sync", process: Process | None = None, **options: Any) -> Report:
        """One run, of a process of its own, and then the time to the next. Raises Killed when the process dies."""
        try:
            return self.run_now(kind, process, **options)
        finally:
            self.crms.shared.clock.advance(APART.total_seconds())

    def run_now(self, kind: RunKind, process: Process | None = None, **options: Any) -> Report:
        """One run, of a process of its own. Raises Killed when the process dies."""
        clock = SandboxTime(self.crms.shared.clock)
        given = {"settings": self.settings, "model": self.model, "clock": clock, "approve": True}
        self.written.clear()
        self.is_running = True
        try:
            with living(process or Process()), connected(self.settings, clock) as connectors:
                report = pipeline.run(kind, connectors=connectors, **(given | options))
        finally:
            self.is_running = False
        self._check_counts(report)
        return report

    def _check_counts(self, report: Report) -> None:
        """What the run says it wrote is what the CRMs saw. (That each row ends once, the report checks itself.)"""
        seen = Counter("hubspot" if record.isdigit() else "salesforce" for record in {key for key, _ in self.written})
        for part in report.written:
            assert part.accepted <= seen[part.crm] <= part.accepted + part.unknown, (part, seen)

    def edit(self) -> None:
        """Somebody edits something, maybe while a run is under way."""
        self.editor = threading.get_ident()
        self.edits += 1
        self.history.edit(self.crms.shared.clock.now())
        self.editor = None

    def do(self) -> None:
        """Somebody does something, maybe while a run is under way."""
        self.editor = threading.get_ident()
        self.history.go_on(1)
        self.editor = None

    def live_in_mirror(self) -> Counter[str]:
        """Live records per CRM, by the mirror."""
        return Counter(crm for crm, _ in self.mirrored()[0])

    def wait_until(self, at: datetime) -> None:
        """Let time pass."""
        clock = self.crms.shared.clock
        assert clock.now() <= at, "the runs took longer than they have time"
        clock.advance((at - clock.now()).total_seconds())

    # --- what there is

    def values(self) -> dict[tuple[str, str], dict[str, Any]]:
        """What our fields hold on every live record, but for riders: those tell of the record's last write."""
        portal, org = self.crms.portal, self.crms.org
        rows = {("hubspot", key): portal.objects["contacts"][key].properties for key in live_contacts(self.crms)}
        for sobject in ("Lead", "Contact"):
            rows |= {("salesforce", key): org.tables[sobject][key] for key in live_rows(self.crms, sobject)}
        return {
            key: {name: value for name, value in row.items() if name.lower().removesuffix("__c") in COMPARED and value}
            for key, row in rows.items()
        }

    def mirrored(self) -> tuple[set[tuple[str, str]], Counter[tuple[Any, ...]]]:
        """Live records; and all activities with whose they are, and all deals with who takes part, as the mirror has
        them.
        """
        with stores.open_mirror(self.settings, SandboxTime(self.crms.shared.clock)).open() as connection:
            records = connection.execute("SELECT crm, record_id FROM store.records WHERE removed IS NULL").fetchall()
            facts = connection.execute(
                "SELECT crm, record_id, email, type, url, asset, occurred_at, count FROM store.facts "
                "JOIN store.owners USING (owner) JOIN store.signatures USING (signature)"
            ).fetchall()
            deals = connection.execute(
                "SELECT crm, deal_id, list_sort(record_ids)::VARCHAR, stage, amount, is_won, is_closed FROM store.deals"
            ).fetchall()
        return set(records), Counter(facts + deals)

    def of_the_living(self) -> Counter[tuple[Any, ...]]:
        """How much of what live records and their addresses did, as the mirror has it.

        A counter's rise may be one activity or several, by how often it is read; of who is gone, a mirror holds what it
        saw while they were there.
        """
        with pipeline.open_mirror(self.settings, SandboxTime(self.crms.shared.clock)).open() as connection:
            sums = connection.execute(
                """
                SELECT crm, record_id, owners.email, type, url, asset, sum(count) FROM store.facts
                JOIN store.owners USING (owner) JOIN store.signatures USING (signature)
                WHERE (crm, coalesce(record_id, owners.email)) IN (
                    SELECT (crm, unnest([record_id, lower(trim(email))])) FROM store.records WHERE removed IS NULL)
                GROUP BY ALL
                """
            ).fetchall()
        return Counter({row[:-1]: int(row[-1]) for row in sums})

    def open_jobs(self) -> list[str]:
        """Jobs that write and were left behind: not ended in the org, or still in the journal."""
        ended = {"JobComplete", "Failed", "Aborted"}
        org = [job.id for job in self.crms.org.jobs.values() if job.kind == "ingest" and job.state not in ended]
        with contextlib.closing(stores.open_journal(self.settings)) as journal:
            return org + [job for job, _ in journal.jobs("salesforce")]

    # --- what is written

    def watch(self) -> None:
        """See every value that is written, from inside the CRMs."""
        contacts, org = self.crms.portal.stores["contacts"], self.crms.org
        self._spy(self.crms.portal, lambda _, record_id: contacts.records[contacts.resolve(record_id)].properties)
        self._spy(org, lambda sobject, row_id: org.tables[sobject][row_id])

    def _spy(self, crm: Any, held: Callable[[str, str], Any]) -> None:
        update = crm.update

        def watched(kind: str, record_id: str, values: Any, *args: Any, **more: Any) -> Any:
            if not self.is_running or self.editor == threading.get_ident():
                return update(kind, record_id, values, *args, **more)
            before = dict(held(kind, record_id))
            answer = update(kind, record_id, values, *args, **more)
            after = held(kind, record_id)
            for name in values:
                # A call whose answer is lost is repeated by the same run, and harms nobody.
                if (record_id, name) not in self.written and before.get(name) == after.get(name):
                    self.repeated.append((record_id, name, after.get(name)))
                self.written.add((record_id, name))
            return answer

        crm.update = watched


@contextlib.contextmanager
def world(folder: Path, wishes: Wishes, *, runs_here: bool = True) -> Iterator[World]:
    """A world whose fields are provisioned; the state of its runs is kept in `folder`, and those `runs_here` are of
    this process.
    """
    with (
        started(people=wishes.people, seed=wishes.seed, now=wishes.now, limits=wishes.limits) as crms,
        mock.patch.object(os, "cpu_count", return_value=1),  # for a few rows, several threads of DuckDB's only cost
    ):
        crms.portal.enterprise = wishes.visits
        if wishes.contacts:
            fill_bare(crms.portal, crms.org, contacts=wishes.contacts, leads=0, now=wishes.now)
        settings = Settings(
            store=StoreSettings(path=folder),
            hubspot=HubSpotSettings(
                base_url=crms.hubspot_url, client_id="sandbox-client", client_secret=SecretStr("sandbox-secret"),
                refresh_token=SecretStr("sandbox-refresh"), email_events=wishes.events, forms=wishes.events,
                engagements=wishes.events, web_events=wishes.visits,
            ),
            salesforce=SalesforceSettings(
                login_url=crms.salesforce_url, client_id="sandbox-client", client_secret=SecretStr("sandbox-secret"),
                bulk_above=wishes.bulk_above,
            ),
        )  # fmt: skip
        with connected(settings, SandboxTime(crms.shared.clock)) as connectors:
            for connector in connectors.values():
                connector.provision(dry_run=False)
        folder.mkdir(parents=True)
        (folder / "scoring.yaml").write_text(MODEL)
        model = load_model(folder / "scoring.yaml", attribute_types(settings))
        made = World(crms, settings, model, History(crms, wishes.seed), Kept(settings))
        made.watch()
        if runs_here:
            made.kept.open()
        with contextlib.closing(made.kept), made.kept.let_go_of_while_rewritten():
            yield made


class Kept:
    """A connection to the mirror that stays open. DuckDB keeps a file's pages while there is one, and half of a small
    run's time is spent opening it.
    """

    def __init__(self, settings: Settings) -> None:
        self._mirror = pipeline.open_mirror(settings, SystemClock())
        self._connection: Any = None

    def open(self) -> None:
        self._connection = self._mirror._connect()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    @contextlib.contextmanager
    def let_go_of_while_rewritten(self) -> Iterator[None]:
        """A run that makes the file anew finds nobody at the old one, as where runs have processes of their own."""
        rewrite = Mirror.rewrite

        def alone(mirror: Mirror) -> None:
            self.close()
            try:
                rewrite(mirror)
            finally:
                if self._connection is not None:
                    self.open()

        with mock.patch.object(Mirror, "rewrite", alone):
            yield
