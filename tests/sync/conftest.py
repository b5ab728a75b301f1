"""A small world: two CRMs in memory, a model, and runs over them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from sync_rig import NOW, SETTINGS, TYPES, MemoryCrm, ago

from config.model import load_model
from config.settings import StoreSettings, WriteSettings
from connectors.clock import FakeClock
from sync import pipeline
from sync.stores import open_journal, open_mirror

if TYPE_CHECKING:
    from pathlib import Path

    from config.model import Model
    from config.settings import Settings
    from sync.report import Report, RunKind, Written

MODEL = """
model: test
gates:
  - {name: Objected to profiling, when: {profiling_objection: true}, effect: do_not_score}
fit:
  criteria:
    - {name: Decision maker, when: {job_title: {matches: "cto|ceo"}}, points: 60}
    - {name: Software, when: {company.industry: {in: [software]}}, points: 20}
  grades: {A: 75, B: 50, C: 25, D: 1, F: 0}
engagement:
  decay: {half_life: 30d}
  rules:
    - {name: Pricing, activity: page_view, when: {url: {path: "/pricing*"}}, points: 20}
    - {name: Demo, activity: form_submission, points: 50, decay: none}
  levels: {1: 75, 2: 50, 3: 25, 4: 0}
rating: {matrix: grade x level}
trend: {over: 14d, rising: 10, cooling: -10}
lifecycle:
  order: [subscriber, lead, customer]
  transitions:
    - {to: lead, enter: {engagement: {at_least: 40}}, exit: {engagement: {below: 20}}}
"""


@dataclass
class World:
    """Both CRMs, the settings, and what runs need."""

    settings: Settings
    model: Model
    clock: FakeClock = field(default_factory=lambda: FakeClock(NOW))
    hubspot: MemoryCrm = field(default_factory=lambda: MemoryCrm("hubspot"))
    salesforce: MemoryCrm = field(default_factory=lambda: MemoryCrm("salesforce", "00D"))

    def run(self, kind: RunKind = "sync", **options: Any) -> Report:
        crms = {"hubspot": self.hubspot, "salesforce": self.salesforce}
        given = {
            "settings": self.settings,
            "model": self.model,
            "connectors": crms,
            "clock": self.clock,
            "hand_over": True,
        }
        return pipeline.run(kind, **(given | options))

    @property
    def writes(self) -> int:
        """Rows that reached a CRM."""
        return len(self.hubspot.written) + len(self.salesforce.written)

    def rejects(self) -> dict[tuple[str, str], Any]:
        """Standing rejects by CRM and record."""
        journal = open_journal(self.settings)
        found = {(row["crm"], row["record_id"]): row for row in journal.rejects()}
        journal.close()
        return found

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Ask the mirror."""
        with open_mirror(self.settings, self.clock).open() as con:
            return con.execute(sql).fetchall()


def counts(report: Report) -> dict[str, Written]:
    """What became of the rows, by CRM."""
    return {crm.crm: crm for crm in report.written}


@pytest.fixture
def world(tmp_path: Path, journal_url: str) -> World:
    """Ann and Bob are in both CRMs, Cy in HubSpot, Di in Salesforce as a lead; Ann and Di are active."""
    (tmp_path / "scoring.yaml").write_text(MODEL)
    settings = SETTINGS.model_copy(update={
        "store": StoreSettings(path=tmp_path / "state", journal_url=journal_url),
        "writes": WriteSettings(min_change=1),
    })  # fmt: skip
    made = World(settings, load_model(tmp_path / "scoring.yaml", TYPES))
    industry = {"company.industry": "software"}
    made.hubspot.put("1", email="ann@acme.example", attr={"job_title": "CTO"})
    made.hubspot.put("2", email="bob@acme.example", attr={"job_title": "Clerk"} | industry)
    made.hubspot.put("3", email="cy@acme.example")
    made.salesforce.put("A", email="Ann@acme.example", attr=industry, stage="Customer")
    made.salesforce.put("B", email="bob@acme.example", kind="lead")
    made.salesforce.put("D", email="di@acme.example", kind="lead", attr={"job_title": "CEO"})
    made.hubspot.do("h1", "1", url="https://acme.example/pricing?x=1")
    made.hubspot.do("h2", "1", type="form_submission", asset="demo", occurred_at=ago(3))
    made.salesforce.do("s1", "A", url="/pricing", occurred_at=ago(40))
    made.salesforce.do("s2", "D", type="form_submission", asset="demo", occurred_at=ago(3))
    return made
