"""What crosses a rating or a stage goes out before everything else, in both CRMs and in jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sync_rig import ago

from connectors.base import Change, no_job

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from connectors.base import OnJob, Outcome

    from .conftest import World


def test_rows_that_cross_go_out_before_others_across_both_crms_and_jobs(world: World) -> None:
    for number in range(6):  # a point more or less for them, at the same rating
        for crm in (world.hubspot, world.salesforce):
            crm.put(f"m{number}", email=f"m{number}@{crm.crm}.example")
    world.run(approve=True)
    for number in range(6):
        for crm in (world.hubspot, world.salesforce):
            crm.do(f"v{number}", f"m{number}", url="/pricing", occurred_at=ago(1))
    world.salesforce.do("d1", "B", type="form_submission", asset="demo")
    world.salesforce.do("d2", "B", url="/pricing")
    sent: list[tuple[str, str]] = []
    jobs: list[list[str]] = []
    for crm in (world.hubspot, world.salesforce):
        name = crm.crm
        crm.on_push = lambda change, name=name: sent.append((name, change.record_id))
    push = world.salesforce.push

    def by_job(changes: Iterable[Change], on_job: OnJob = no_job) -> Iterator[Outcome]:
        rows: list[Any] = list(changes)  # a CRM that takes all it is given as one job
        on_job(f"job{len(jobs)}", rows)
        jobs.append([row.record_id for row in rows])
        return push(rows, on_job)

    world.salesforce.push = by_job  # type: ignore[method-assign] # as a bulk API does
    report = world.run(approve=True)
    assert report.exit_code == 0
    assert set(sent[:2]) == {("hubspot", "2"), ("salesforce", "B")}, "Bob's rating changes in both CRMs"
    assert len(sent) == 14
    assert jobs[0] == ["B"]
    assert set(jobs[1]) == {f"m{number}" for number in range(6)}
    assert [row.accepted for row in report.written] == [7, 7]


def test_a_limit_takes_crossings_first(world: World) -> None:
    report = world.run(limit=1)
    assert [row.accepted for row in report.written] == [1, 1]
    assert [row.skipped_by_reason for row in report.written] == [{"over the limit": 2}] * 2
