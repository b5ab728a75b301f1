"""What is sent again, what is not, and what has to be read before anything is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sync_rig import SETTINGS, ago

from config.attributes import attribute_types
from config.settings import AttributeSetting
from connectors.errors import LimitReached
from sync.mirror import acknowledged

from .conftest import counts

if TYPE_CHECKING:
    import duckdb

    from .conftest import World


def test_a_refused_row_is_sent_again_when_its_record_has_changed(world: World) -> None:
    """The rule asked for a telephone number, and somebody has written one down."""
    world.hubspot.refuse = lambda change: "must have a phone" if change.record_id == "2" else None
    world.run()
    assert counts(world.run())["hubspot"].skipped_by_reason == {"refused before": 1}
    world.hubspot.refuse = lambda change: None
    world.hubspot.put("2", attr={"phone": "12345"})
    assert counts(world.run())["hubspot"].accepted == 1
    assert world.rejects() == {}


def test_a_backfill_sends_refused_rows_once_more(world: World) -> None:
    """The rule of the CRM was mended, which no record tells."""
    world.hubspot.refuse = lambda change: "forbidden by a rule" if change.record_id == "2" else None
    world.run()
    world.hubspot.refuse = lambda change: None
    assert counts(world.run())["hubspot"].skipped == 1
    assert counts(world.run("backfill"))["hubspot"].accepted == 1
    assert world.rejects() == {}


def test_refused_rows_do_not_use_up_the_limit(world: World) -> None:
    world.hubspot.refuse = lambda change: "no" if change.record_id in {"1", "2"} else None
    world.run(limit=2)
    row = counts(world.run(limit=1))["hubspot"]
    assert (row.planned, row.accepted) == (3, 1)
    assert row.skipped_by_reason == {"refused before": 2}


def test_an_old_version_that_shows_up_again_is_no_reason_to_write_again(world: World) -> None:
    """A search index that lags answers with the record as it was before our write."""
    old = dict(world.hubspot.records["1"])
    world.run()
    written = world.writes
    world.hubspot.version += 1
    world.hubspot.rows["records"].append((world.hubspot.version, old))
    report = world.run()
    assert {row.stream: row.rows for row in report.pulled if row.crm == "hubspot"}["records"] >= 1
    assert (world.writes, counts(report)["hubspot"].planned) == (written, 0)
    world.hubspot.put("1", email="ann@acme.example", attr={"job_title": "Clerk"})
    assert counts(world.run())["hubspot"].accepted == 1, "a newer version counts"


def test_what_was_accepted_before_a_kill_is_known_before_anything_is_read(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The CRM's index lags, so the next run reads nothing of what this one wrote."""

    class Killed(BaseException):
        pass

    def die_after_sending(connection: duckdb.DuckDBPyConnection, fence: int) -> None:
        if world.writes:
            raise Killed
        take_over(connection, fence)

    old, take_over = list(world.hubspot.rows["records"]), acknowledged.take_over
    monkeypatch.setattr(acknowledged, "take_over", die_after_sending)
    with pytest.raises(Killed):
        world.run()
    monkeypatch.setattr(acknowledged, "take_over", take_over)
    assert world.query("SELECT count(*) FROM store.accepted") == [(3,)]
    world.hubspot.rows["records"] = old
    written = len(world.hubspot.written)
    assert counts(world.run())["hubspot"].planned == 0
    assert len(world.hubspot.written) == written == 3


def test_a_change_with_the_stamp_of_the_version_we_wrote_upon_is_seen(world: World) -> None:
    """Salesforce counts in seconds, and so may a late transaction have ours and theirs in one version."""
    crm, stamp = world.hubspot, world.hubspot.records["1"]["modified_at"]
    world.run()
    before = crm.observed("1")["fit_score"]
    crm.records["1"] = late = {**crm.records["1"], "attr.job_title": "Clerk", "modified_at": stamp}
    crm.rows["records"] = [row for row in crm.rows["records"] if row[1]["record_id"] != "1"]
    crm.rows["records"].append((crm.version + 1, late))
    assert counts(world.run())["hubspot"].accepted == 1
    assert crm.observed("1")["fit_score"] != before


def test_a_rescore_waits_until_every_crm_has_been_read_to_its_end(world: World) -> None:
    """Half the facts would make wrong scores, and a rescore pulls nothing."""
    world.hubspot.optional = set()
    world.hubspot.broken = {"activities.web": LimitReached("quota.", crm="hubspot")}
    assert world.run().exit_code == 5
    report = world.run("rescore")
    assert (report.exit_code, report.failure.kind) == (4, "GuardTripped")
    assert "hubspot has not been read to its end" in report.failure.message
    assert world.writes == 0
    world.hubspot.broken = {}
    assert world.run().exit_code == 0
    assert world.run("rescore").exit_code == 0


def test_a_rescore_waits_until_attributes_that_are_mapped_anew_have_been_read(world: World) -> None:
    world.run()
    mapped = SETTINGS.attributes | {"job_title": AttributeSetting(hubspot="headline")}
    anew = world.settings.model_copy(update={"attributes": mapped})
    assert attribute_types(anew) == attribute_types(world.settings)
    assert world.run("rescore", settings=anew).exit_code == 4
    assert world.run("plan", settings=anew).exit_code == 0
    assert world.run("rescore", settings=anew).exit_code == 0
    assert world.hubspot.observed("1")["fit_grade"] == "A"


def test_a_mirror_that_was_lost_is_read_anew_and_nothing_is_written(world: World) -> None:
    """The journal keeps the stages: a person between both thresholds stays where it was."""
    world.salesforce.put("E", email="eve@acme.example", kind="lead")
    for number in range(2):
        world.salesforce.do(f"e{number}", "E", url="/pricing", occurred_at=ago(0.1))
    world.run()
    world.clock.advance(25 * 86_400)
    world.run(approve=True)
    assert 20 <= int(world.salesforce.observed("E")["engagement_score"]) < 40
    written = world.writes
    for file in world.settings.store.path.glob("mirror.duckdb*"):
        file.unlink()
    assert world.run("rescore").exit_code == 4
    report = world.run()
    assert (report.exit_code, world.writes) == (0, written)
    assert world.salesforce.observed("E")["stage"] == "lead"
