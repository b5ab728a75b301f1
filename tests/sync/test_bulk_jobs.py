"""A run that dies while Salesforce works on its job: the next one takes the job's results (row 78)."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from config.attributes import attribute_types
from config.model import load_model
from config.settings import SalesforceSettings, Settings, StoreSettings
from connectors.registry import connected
from connectors.salesforce import bulk, bulk_ingest
from connectors.salesforce.client import Client
from sync import pipeline, stores
from tests.connectors.rig import SandboxTime

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Sandbox

    from sync.report import Report

MODEL = """
model: small
fit:
  criteria:
    - {name: Decision maker, when: {job_title: {matches: "cto|head|chief"}}, points: 50, otherwise: 10}
  grades: {A: 75, B: 50, C: 25, D: 1, F: 0}
engagement:
  rules:
    - {name: Talk, activity: [call, meeting_held, task_done], points: 10}
  levels: {1: 75, 2: 50, 3: 25, 4: 0}
rating: {matrix: grade x level}
"""


class Killed(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("when", ["before its id is heard", "before it is closed", "while it runs"])
def test_78_a_killed_runs_job_is_collected_and_no_row_is_sent_again(
    sandbox: Callable[..., Sandbox], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    crms = sandbox(people=20, seed=3)
    (tmp_path / "scoring.yaml").write_text(MODEL)
    settings = Settings(
        store=StoreSettings(path=tmp_path / "state"),
        salesforce=SalesforceSettings(
            login_url=crms.salesforce_url, client_id="sandbox-client", client_secret=SecretStr("sandbox-secret"),
            bulk_above=0,
        ),
    )  # fmt: skip
    model = load_model(tmp_path / "scoring.yaml", attribute_types(settings))
    clock = SandboxTime(crms.shared.clock)

    def run() -> Report:
        with connected(settings, clock) as connectors:
            given = {"settings": settings, "model": model, "connectors": connectors, "clock": clock}
            return pipeline.run("sync", **given, approve=True)

    def ingests() -> list[Any]:
        return [job for job in crms.org.jobs.values() if job.kind == "ingest"]

    with connected(settings, clock) as connectors:
        connectors["salesforce"].provision(dry_run=False)
    refused = next(row["Id"] for row in crms.org.tables["Contact"].values() if not row["IsDeleted"])
    crms.org.validation_rules.append(lambda _, row: "Frozen." if row["Id"] == refused else None)

    with monkeypatch.context() as patched:
        whole = bulk.wait
        if when == "while it runs":

            def die(client: Any, path: str, at: Any) -> Any:
                if "/ingest/" in path:
                    raise Killed
                return whole(client, path, at)

            patched.setattr(bulk, "wait", die)
        elif when == "before its id is heard":

            def unheard(client: Any, method: str, path: str, **more: Any) -> Any:
                answer = call(client, method, path, **more)
                if (method, path) == ("POST", bulk_ingest.JOBS):
                    raise Killed
                return answer

            call = Client.call
            patched.setattr(Client, "call", unheard)
        else:  # killed so hard that nothing could be aborted any more
            patched.setattr(bulk, "abort", lambda *_: None)
            crms.shared.troubles.set("daily_limit", match="/batches")
        with contextlib.nullcontext() if when == "before it is closed" else pytest.raises(Killed):
            run()
    [begun] = ingests()
    journal = stores.open_journal(settings)
    if when == "before its id is heard":
        [(wish, rows)] = journal.jobs("salesforce")
        assert (wish.startswith(f"{bulk_ingest.WISH}{begun.sobject}:"), rows) == (True, [])
        somebody = replace(begun, id="7500000000000001", created_by="005000000000000AAA")
        earlier = replace(begun, id="7500000000000002", created=begun.created - timedelta(hours=1))
        crms.org.jobs |= {job.id: job for job in (somebody, earlier)}
    else:
        assert [job for job, _ in journal.jobs("salesforce")] == [begun.id]

    crms.shared.clock.advance(60)
    report = run()
    assert journal.jobs("salesforce") == []
    if when == "while it runs":
        sent = {row[0] for job in ingests()[1:] for row in job.succeeded}
        assert not sent & {row[0] for row in begun.succeeded}
        assert refused in {row["record_id"] for row in journal.rejects()}
        assert [row["attempts"] for row in journal.rejects()] == [1]
    if when == "before its id is heard":
        assert [crms.org.jobs.pop(job.id).state for job in (somebody, earlier)] == ["Open", "Open"]
        assert begun.state == "Aborted"
    assert {job.state for job in ingests()} <= {"JobComplete", "Aborted"}
    assert report.failure is None
    journal.close()
