"""Rolling out with care, by the installed command: a share, a plan that is looked at, a model that is taken back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from cli_runner import leadgrade, pointing_at

from connectors.clock import SystemClock
from tests.soak.world import MODEL

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Sandbox

PEOPLE = 40
SCORES = ("fit_score", "fit_grade", "engagement_score", "rating")


class House:
    """A folder with settings and model for HubSpot alone, beside a portal of some people."""

    def __init__(self, crms: Sandbox, folder: Path) -> None:
        self.crms = crms
        self.folder = folder
        hubspot = {name: value for name, value in pointing_at(crms).items() if "HUBSPOT" in name}
        # What was just written can be read at once, without a minute to settle.
        self.env = hubspot | {"LEADGRADE_HUBSPOT__SETTLE_S": "0"}
        (folder / "leadgrade.yaml").write_text("hubspot: {}\n")
        self.model("points: 50")

    def model(self, points: str) -> None:
        """What a decision maker is worth by the model's file."""
        (self.folder / "scoring.yaml").write_text(MODEL.replace("points: 50", points))

    def call(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        """The command, which must end so."""
        self.crms.shared.clock.advance(60)  # for the search's index
        done = leadgrade(*arguments, cwd=self.folder, env=self.env)
        assert done.returncode == code, (done.stdout[-2000:], done.stderr[-2000:])
        return done

    def report(self, *arguments: str, code: int = 0) -> Any:
        """What the command tells as JSON."""
        return json.loads(self.call(*arguments, "--output", "json", code=code).stdout)

    def ours(self) -> dict[str, dict[str, str]]:
        """What our fields hold, by the ids of the contacts where they hold anything."""
        found = {
            key: {name: value for name, value in contact.properties.items() if name.startswith("leadgrade_") and value}
            for key, contact in self.crms.portal.objects["contacts"].items()
        }
        return {key: values for key, values in found.items() if values}


def scores_of(held: dict[str, dict[str, str]]) -> dict[str, list[str | None]]:
    return {key: [values.get(f"leadgrade_{name}") for name in SCORES] for key, values in held.items()}


@pytest.mark.slow
def test_75_a_share_then_exactly_a_plan_then_a_model_that_is_taken_back(
    sandbox: Callable[..., Sandbox], tmp_path: Path
) -> None:
    house = House(sandbox(people=PEOPLE, now=SystemClock().now()), tmp_path)
    house.call("provision")
    house.call("sync", "--share", "20%")
    few = house.ours()
    house.call("sync", "--share", "60%")
    more = house.ours()
    assert 0 < len(few) < len(more) < PEOPLE
    assert few.keys() < more.keys(), "always the same people, and then others"
    _plan_and_apply(house)
    _back_and_forth(house)


def _plan_and_apply(house: House) -> None:
    plan, before = house.folder / "plan.jsonl", house.ours()
    house.call("plan", "--out", "plan.jsonl")
    assert house.ours() == before, "a plan writes nothing"
    moved = json.loads(plan.read_text().splitlines()[1])["record_id"]
    house.crms.portal.update("contacts", moved, {"leadgrade_rating": "F4"}, at=house.crms.shared.clock.now())
    before = house.ours()
    refused = house.call("apply", "plan.jsonl", "--approve", code=4)
    assert f"hubspot:{moved}" in refused.stderr
    assert "are not what they were" in refused.stderr
    assert house.ours() == before

    house.call("plan", "--out", "plan.jsonl")
    header, *rows = map(json.loads, plan.read_text().splitlines())
    report = house.report("apply", "plan.jsonl", "--approve")
    assert [(part["planned"], part["accepted"]) for part in report["written"]] == [(len(rows), len(rows))]
    assert header["rows"] == {"hubspot": len(rows)}
    after = house.ours()
    for row in rows:
        wanted = {name: str(row[f"desired.{name}"]) for name in SCORES if row[f"write.{name}"]}
        assert wanted
        assert {name: after[row["record_id"]][f"leadgrade_{name}"] for name in wanted} == wanted
    others = before.keys() - {row["record_id"] for row in rows}
    assert {key: after[key] for key in others} == {key: before[key] for key in others}, "and nothing else"
    assert moved in {row["record_id"] for row in rows}

    calls = len(house.crms.shared.journal.writes())
    again = house.report("apply", "plan.jsonl", "--approve")
    assert [part["skipped_by_reason"] for part in again["written"]] == [{"holds it already": len(rows)}]
    assert len(house.crms.shared.journal.writes()) == calls


def _back_and_forth(house: House) -> None:
    old = scores_of(house.ours())
    older = json.loads((house.folder / "plan.jsonl").read_text().splitlines()[0])["model_version"]
    house.model("points: 20")
    newer = house.report("sync", "--approve")["model_version"]
    new = scores_of(house.ours())
    assert new != old

    report = house.report("rollback", older, "--approve")
    assert (report["model_version"], report["rolled_back_from"]) == (older, newer)
    assert scores_of(house.ours()) == old
    told = house.call("status").stdout
    assert f"runs use the model {older} instead of {newer}" in told

    assert all(row[""] == "" for row in house.report("rollback", "--forward"))
    assert house.report("sync", "--approve")["model_version"] == newer
    assert scores_of(house.ours()) == new
