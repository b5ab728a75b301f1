"""Runs that are disturbed in every way end where undisturbed ones do.

Two sandboxes live through one history. One is synced in peace, the other with troubles of servers and network, changes
that show late, and runs that die and are begun again. Four things hold: every record is in the mirror, counts add up,
no value is written twice without a change, and both CRMs end with the same values.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest
from cli_runner import LEADGRADE, environment, leadgrade, pointing_at
from conftest import NOW, Sandbox
from pydantic import SecretStr

from config.attributes import attribute_types
from config.model import Model, load_model
from config.settings import HubSpotSettings, SalesforceSettings, Settings, StoreSettings
from connectors.clock import SystemClock
from connectors.registry import connected
from scoring.facts import OUTPUT_FIELDS
from sync import pipeline
from tests.connectors.rig import SandboxTime
from tests.integration.history import History, live_contacts, live_rows

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sandbox.core import Call
    from sync.progress import Step
    from sync.report import Report, RunKind

PEOPLE: Final = 25
DEEDS: Final = 40
ATTEMPTS: Final[dict[RunKind, int]] = {"backfill": 1, "sync": 2}
COMPARED: Final = frozenset(f"leadgrade_{field.name}" for field in OUTPUT_FIELDS if not field.rider)
APART: Final = timedelta(minutes=11)
"""Between two runs: more than a change takes to show up."""

MODEL: Final = """
model: small
fit:
  criteria:
    - {name: Decision maker, when: {job_title: {matches: "cto|head|chief"}}, points: 50}
    - {name: Company size, by: company.employee_count, bands: {50: 20, 500: 40}}
  grades: {A: 75, B: 50, C: 25, D: 1, F: 0}
engagement:
  decay: {half_life: 30d}
  rules:
    - {name: Any page, activity: page_view, points: 1, at_most: 10 per 7d}
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
    - {to: lead, enter: {engagement: {at_least: 40}}, exit: {engagement: {below: 20}}}
"""

TROUBLES: Final[list[tuple[str, str, dict[str, Any]]]] = [
    ("html_502", "", {}),
    ("html_502", "/batch/update", {"applied": True}),
    ("html_502", "/composite/sobjects", {"applied": True}),
    ("no_answer", "", {}),
    ("cut", "", {"after": 7}),
    ("drop_after_write", "/batch/update", {}),
    ("drop_after_write", "/composite/sobjects", {}),
    ("expire_token", "", {}),
    ("rate_429", "", {"retry_after": 5}),
    ("daily_429", "", {}),
    ("odd_json", "", {}),
    ("empty_page", "/objects/", {"rows": 3}),
    ("lose_row", "/batch/update", {}),
    ("empty_success", "/batch/update", {}),
    ("migration_477", "", {}),
    ("session_expired", "", {}),
    ("server_unavailable", "", {}),
    ("concurrent_limit", "", {}),
    ("daily_limit", "", {}),
    ("locator_expired", "", {}),
    ("repeat_row", "", {}),
    ("row_lock", "", {}),
    ("row_missing", "", {}),
    ("batch_too_slow", "", {"over": 10}),
    ("job_failed", "", {}),
    ("job_slow", "", {"polls": 2}),
    ("results_expired", "", {}),
]
"""Name of the switch, the paths it is aimed at, its settings."""

ONCE: Final = frozenset({"expire_token", "session_expired"})
"""A token that is refused twice running is no passing trouble."""

UNSAID: Final = dict.fromkeys(("SystemModstamp", "LastModifiedDate", "LastModifiedById"))
"""Fields that every write moves."""

LATE: Final = (("search_lag", "contacts", 40), ("late_commit", "Lead", 300), ("late_commit", "Task", 300))
"""Switches by which a change shows late, of what, and by how many seconds."""


class Killed(BaseException):
    """The process is gone."""


class Killer:
    """Progress that ends the run when it is told of its `after`-th piece of work."""

    def __init__(self, after: int) -> None:
        self._left = after

    def start(self, step: Step, total: int | None = None) -> None:
        self._count()

    def advance(self, step: Step, rows: int, total: int | None = None) -> None:
        self._count()

    def finish(self, step: Step) -> None:
        """Nothing: this is called on the way out, too."""

    def _count(self) -> None:
        self._left -= 1
        if self._left == 0:
            raise Killed


@dataclass
class House:
    """A sandbox with Leadgrade beside it. `repeated` are records that were written with what they held already."""

    crms: Sandbox
    settings: Settings
    model: Model
    history: History
    is_running: bool = False
    written: set[str] = field(default_factory=set)  # since the run began
    repeated: list[str] = field(default_factory=list)

    def watch(self) -> None:
        """See every write to a record from inside the CRMs."""
        portal, org = self.crms.portal, self.crms.org
        self._spy(portal, lambda kind, record_id: portal.objects[kind][record_id].properties)
        self._spy(org, lambda sobject, row_id: {**org.tables[sobject][row_id], **UNSAID})

    def _spy(self, crm: Any, state: Callable[[str, str], Any]) -> None:
        update = crm.update

        def watched(kind: str, record_id: str, *args: Any, **more: Any) -> Any:
            before = state(kind, record_id)
            answer = update(kind, record_id, *args, **more)
            if self.is_running:
                self._wrote(record_id, changed=state(kind, record_id) != before)
            return answer

        crm.update = watched

    def _wrote(self, record_id: str, *, changed: bool) -> None:
        # A call whose answer is lost is repeated by the same run, and harms nobody.
        if not changed and record_id not in self.written:
            self.repeated.append(record_id)
        self.written.add(record_id)

    def run(self, kind: RunKind = "sync", **options: Any) -> Report:
        self.written.clear()
        self.is_running = True
        clock = SandboxTime(self.crms.shared.clock)
        given = {"settings": self.settings, "model": self.model, "clock": clock, "approve": True}
        try:
            with connected(self.settings, clock) as connectors:
                return pipeline.run(kind, connectors=connectors, **(given | options))
        finally:
            self.is_running = False
            clock.sleep(APART.total_seconds())

    def run_until_quiet(self) -> None:
        """Run until there is nothing left to write; a record that turns out to be gone may take a second run."""
        for _ in range(3):
            report = self.run()
            assert report.exit_code == 0, report.failure
            if not any(part.planned for part in report.written):
                live = Counter(crm for crm, _ in self.mirrored()[0])
                assert {part.crm: part.unchanged for part in report.written} == live
                return
        raise AssertionError("every run finds something to write")

    def wait_until(self, at: datetime) -> None:
        clock = self.crms.shared.clock
        assert clock.now() <= at, "the runs took longer than they have time"
        clock.advance((at - clock.now()).total_seconds())

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
        """Live records, and all activities with whose they are, as the mirror has them."""
        with pipeline.open_mirror(self.settings, SandboxTime(self.crms.shared.clock)).open() as connection:
            records = connection.execute("SELECT crm, record_id FROM store.records WHERE removed IS NULL").fetchall()
            facts = connection.execute(
                "SELECT crm, record_id, email, type, url, asset, occurred_at, count FROM store.facts "
                "JOIN store.owners USING (owner) JOIN store.signatures USING (signature)"
            ).fetchall()
        return set(records), Counter(facts)


@pytest.fixture
def build(sandbox: Callable[..., Sandbox], tmp_path: Path) -> Callable[..., House]:
    (tmp_path / "scoring.yaml").write_text(MODEL)

    def make(name: str, seed: int, *, events: bool = True, bulk_above: int = 2000, now: datetime = NOW) -> House:
        crms = sandbox(people=PEOPLE, seed=seed, now=now)
        settings = Settings(
            store=StoreSettings(path=tmp_path / name),
            hubspot=HubSpotSettings(
                base_url=crms.hubspot_url, client_id="sandbox-client", client_secret=SecretStr("sandbox-secret"),
                refresh_token=SecretStr("sandbox-refresh"), email_events=events, forms=events, engagements=events,
            ),
            salesforce=SalesforceSettings(
                login_url=crms.salesforce_url, client_id="sandbox-client", client_secret=SecretStr("sandbox-secret"),
                bulk_above=bulk_above,
            ),
        )  # fmt: skip
        model = load_model(tmp_path / "scoring.yaml", attribute_types(settings))
        with connected(settings, SandboxTime(crms.shared.clock)) as connectors:
            for connector in connectors.values():
                connector.provision(dry_run=False)
        house = House(crms, settings, model, History(crms, seed))
        house.watch()
        return house

    return make


def disturbed(house: House, kind: RunKind, chance: random.Random) -> None:
    """A run that meets troubles and may die."""
    troubles = house.crms.shared.troubles
    for name, match, settings in chance.sample(TROUBLES, chance.randrange(4)):
        times = 1 if name in ONCE else chance.choice((1, 2))
        troubles.set(name, times=times, match=match, skip=chance.randrange(10), **settings)
    progress = Killer(chance.randrange(5, 90)) if chance.random() < 0.6 else None
    try:
        report = house.run(kind, progress=progress)
    except Killed:
        return
    finally:
        troubles.clear()
    assert report.exit_code in {0, 1, 5}, report.failure
    assert not any(part.rejected for part in report.written)


@pytest.mark.parametrize(
    ("seed", "options"),
    [(1, {}), (2, {"events": False, "bulk_above": 10})],
    ids=["events, by REST", "counters, in bulk"],
)
def test_disturbed_runs_end_where_undisturbed_ones_do(
    build: Callable[..., House], seed: int, options: dict[str, Any]
) -> None:
    chance = random.Random(seed)
    calm, rough = build("calm", seed, **options), build("rough", seed, **options)
    for day, kind in enumerate(ATTEMPTS):
        for house in (calm, rough):
            house.wait_until(NOW + timedelta(days=day))
        if day:
            for name, what, seconds in LATE:
                rough.crms.shared.troubles.set(name, times=None, match=what, seconds=seconds)
            for house in (calm, rough):
                house.history.go_on(DEEDS)
            rough.crms.shared.troubles.clear()
            calm.wait_until(NOW + timedelta(days=day) + APART)
        for _ in range(ATTEMPTS[kind]):
            disturbed(rough, kind, chance)
        for house in (calm, rough):
            if day:
                house.run_until_quiet()
            else:
                assert house.run(kind).exit_code == 0

    live = calm.values()
    assert any(live.values())
    assert live.keys() <= rough.mirrored()[0]
    assert rough.mirrored() == calm.mirrored()
    assert rough.values() == live
    assert calm.repeated == rough.repeated == []


def test_a_backfill_that_is_killed_goes_on_and_ends_the_same(build: Callable[..., House], tmp_path: Path) -> None:
    """SIGKILL in the middle of writing: HubSpot's rows are noted, Salesforce's are not."""
    now = SystemClock().now()
    calm, rough = build("calm", 1, now=now), build("rough", 1, now=now)
    assert calm.run("backfill").exit_code == 0
    (tmp_path / "leadgrade.yaml").write_text("hubspot: {}\nsalesforce: {}\nstore: {path: rough}\n")
    assert _killed_at(rough.crms, "/composite/sobjects", tmp_path) == -signal.SIGKILL
    assert rough.values() != calm.values()
    done = leadgrade("backfill", cwd=tmp_path, env=pointing_at(rough.crms))
    assert done.returncode == 0, done.stderr
    assert rough.values() == calm.values()


def _killed_at(crms: Sandbox, path: str, folder: Path) -> int:
    """The exit code of a backfill that is killed when its first call of `path` has had its effect."""
    journal = crms.shared.journal
    add = journal.add

    def watched(call: Call) -> None:
        add(call)
        if path in call.path:
            os.kill(process.pid, signal.SIGKILL)

    journal.add = watched  # type: ignore[method-assign] # a test's spy
    with subprocess.Popen(
        [LEADGRADE, "backfill"], cwd=folder, env=environment(pointing_at(crms)), stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        process.wait(timeout=60)
    journal.add = add  # type: ignore[method-assign] # as above
    return process.returncode
