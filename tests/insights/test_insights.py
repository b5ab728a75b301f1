"""Explain, status and rejects over a real run against the sandbox, in this process."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import ClassVar

import pytest
from cli_runner import pointing_at
from conftest import Sandbox

from cli.context import Context
from cli.run import run_once
from cli.setup import write_starting_files
from config.model import Model
from config.settings import Settings, StageSettings
from connectors.clock import FakeClock
from connectors.registry import connected
from insights.check import check_all, exit_code
from insights.explain import NoSuchPerson, explain
from insights.status import open_rejects, status
from sync.pipeline import run
from sync.report import Report
from sync.stop import Stop

EMAIL = "ada.lovelace@engines.example"


@dataclass(frozen=True)
class Scene:
    """A sandbox, and where its facts are kept."""

    crms: Sandbox
    given: Context
    settings: Settings
    model: Model

    def run(self, kind: str) -> Report:
        return run_once(self.given, kind, stop=Stop(), approve=True)  # a first run waits for that


@pytest.fixture
def scene(sandbox: Callable[..., Sandbox], tmp_path: Path, logging_restored: None) -> Scene:
    from sandbox.population import demo_troubles

    crms = sandbox(people=60)
    portal, now = crms.portal, crms.shared.clock.now()
    portal.create("contacts", {"email": EMAIL.title(), "jobtitle": "Director of Engineering"}, created=now)
    portal.form("f-demo", "Book a demo")
    portal.submission("f-demo", EMAIL, now - timedelta(days=1), "https://www.seller.example/demo")
    crms.org.insert("Lead", {"LastName": "Lovelace", "Company": "Engines", "Email": EMAIL}, created=now)
    demo_troubles(portal, crms.org)
    list(write_starting_files(tmp_path))
    given = Context(tmp_path / "leadgrade.yaml", pointing_at(crms), clock=FakeClock(now))
    settings = given.settings()
    with connected(settings, given.clock) as connectors:
        for connector in connectors.values():
            connector.provision(dry_run=False)
    return Scene(crms, given, settings, given.model(settings))


def test_before_the_first_run_nothing_is_known_and_looking_makes_no_file(scene: Scene) -> None:
    found = status(scene.settings, scene.given.clock)
    assert (found.runs, found.streams, found.running, found.rejects) == ([], [], None, {})
    assert open_rejects(scene.settings) == []
    with pytest.raises(NoSuchPerson, match="nothing has been pulled yet"):
        explain(scene.settings, scene.model, EMAIL, clock=scene.given.clock)
    assert not scene.settings.store.path.exists()


def test_explain_sums_to_what_the_crm_shows(scene: Scene) -> None:
    assert scene.run("backfill").failure is None
    found = explain(scene.settings, scene.model, EMAIL, clock=scene.given.clock)

    assert {(record.crm, record.kind) for record in found.records} == {("hubspot", "contact"), ("salesforce", "lead")}
    assert found.sum_of("fit") == found.scores.fit_score
    assert found.sum_of("engagement") == found.scores.engagement_score
    assert {"Decision maker", "Demo or contact form"} <= {line.rule for line in found.lines if line.points > 0}
    [contact] = [record.record_id for record in found.records if record.crm == "hubspot"]
    shown = scene.crms.portal.objects["contacts"][contact].properties
    assert shown["leadgrade_fit_score"] == str(found.scores.fit_score)
    assert shown["leadgrade_engagement_score"] == str(found.scores.engagement_score)
    assert shown["leadgrade_rating"] == found.scores.rating
    assert shown["leadgrade_reasons"] == found.scores.reasons
    assert {step.stage for step in found.stages} == {found.scores.stage}
    asked = scene.model.model_copy(update={"also_write": ("data_confidence",)})
    more = explain(scene.settings, asked, EMAIL, clock=scene.given.clock).further
    assert (found.further, set(more)) == ({}, {"data_confidence"})
    assert 0 < more["data_confidence"] <= 100


def test_a_person_is_found_by_any_record_id(scene: Scene) -> None:
    scene.run("plan")
    by_email = explain(scene.settings, scene.model, f"  {EMAIL.upper()}", clock=scene.given.clock)
    ids = {record.crm: record.record_id for record in by_email.records}
    hubspot, salesforce = ids["hubspot"], ids["salesforce"]
    for who in (f"hubspot:{hubspot}", hubspot, salesforce, salesforce[:15], f"salesforce:{salesforce}"):
        assert explain(scene.settings, scene.model, who, clock=scene.given.clock) == by_email


def test_a_stranger_is_not_found_and_not_named(scene: Scene) -> None:
    scene.run("plan")
    with pytest.raises(NoSuchPerson) as caught:
        explain(scene.settings, scene.model, "nobody@canary.example", clock=scene.given.clock)
    assert caught.value.exit_code == 2
    assert "canary" not in str(caught.value)


def test_while_a_backfill_is_under_way_all_three_answer(scene: Scene) -> None:
    scene.run("plan")
    answers = []

    class Looking:
        """Progress that asks in the midst of a running backfill's streams, as another process would."""

        asked: ClassVar[set[str]] = set()

        def start(self, step: object, total: int | None = None) -> None:
            found = status(scene.settings, scene.given.clock)
            answers.append((found.running, len(open_rejects(scene.settings))))

        def advance(self, step: object, rows: int, total: int | None = None) -> None:
            if str(step) in {"pull hubspot records", "pull salesforce removals"} - self.asked:
                self.asked.add(str(step))
                explain(scene.settings, scene.model, EMAIL, clock=scene.given.clock)
                answers.append(("explained", rows))

        def finish(self, step: object) -> None:
            pass

    with connected(scene.settings, scene.given.clock) as connectors:
        report = run(
            "backfill",
            settings=scene.settings,
            model=scene.model,
            connectors=connectors,
            clock=scene.given.clock,
            progress=Looking(),
            approve=True,
        )
    assert report.failure is None
    assert any(word == "explained" for word, _ in answers)
    assert all(word for word, _ in answers), "somebody was running all the time"


def test_77_status_and_rejects_after_a_run(scene: Scene) -> None:
    report = scene.run("backfill")
    scene.given.clock.sleep(3600)  # connectors may have slept a few seconds before
    found = status(scene.settings, scene.given.clock)
    [run] = found.runs
    assert (run.kind, run.exit_code, run.failure) == ("backfill", 1, "")
    assert run.accepted == sum(part.accepted for part in report.written)
    assert {(line.crm, line.stream) for line in found.streams} == {(line.crm, line.stream) for line in report.pulled}
    assert all(3600 <= line.lag_s <= 3610 for line in found.streams)
    assert found.last_success_s == 3600.0
    assert found.running is None
    rejects = open_rejects(scene.settings)
    assert found.rejects == {"hubspot": 2, "salesforce": 5}
    assert len(rejects) == 7
    assert all(row["record_id"] and row["reason"] and row["attempts"] == 1 for row in rejects)
    assert any("postal code" in row["reason"] for row in rejects)


def test_check_holds_the_own_stages_against_what_each_crm_has(scene: Scene) -> None:
    def found(**stages: object) -> dict[str, tuple[str, str]]:
        wanted = StageSettings.model_validate({"enabled": True} | stages)
        writes = scene.settings.writes.model_copy(update={"lifecycle_stage": wanted})
        settings = scene.settings.model_copy(update={"writes": writes})
        with connected(settings, scene.given.clock) as connectors:
            lines = check_all(settings, connectors)
        return {line.subject: (line.level, line.text) for line in lines if line.exit_code or "tage" in line.subject}

    assert found()["contacts.lifecyclestage"][0] == "pass"
    level, text = found()["Lead.Status"]
    assert level == "fail"
    assert "Working - Contacted" in text
    assert "Closed - Converted" not in text
    named = {"lead": "Open - Not Contacted", "marketingqualifiedlead": "Working - Contacted"}
    assert not any(level == "fail" for level, _ in found(salesforce=named).values())
    converted = found(salesforce=named | {"salesqualifiedlead": "Closed - Converted"})
    assert converted["writes.lifecycle_stage.salesforce.salesqualifiedlead"][0] == "fail"


def test_check_collects_what_is_wrong_in_the_model_and_in_the_crms(scene: Scene) -> None:
    with connected(scene.settings, scene.given.clock) as connectors:
        fine = check_all(scene.settings, connectors)
    assert exit_code(fine) == 0
    assert any(line.subject == "golden examples" and line.level == "pass" for line in fine)

    text = scene.settings.scoring.read_text()
    scene.settings.scoring.write_text(text.replace("job_title", "job_titel", 1))
    scene.crms.portal.scopes.discard("crm.objects.contacts.write")
    with connected(scene.settings, scene.given.clock) as connectors:
        lines = check_all(scene.settings, connectors)
    failed = [line for line in lines if line.level == "fail"]
    assert {line.where for line in failed} == {"model", "hubspot"}
    assert all(line.remedy for line in failed)
    assert exit_code(failed) == 2
    assert exit_code([line for line in failed if line.where == "hubspot"]) == 3
