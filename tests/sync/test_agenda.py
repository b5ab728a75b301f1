"""When jobs are due: by cron in a zone, missed ones once, after limits and refusals."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sync_rig import NOW

from config.cron import next_time
from config.daemon_settings import ScheduleSettings
from sync.agenda import Agenda, Due

MIN = timedelta(minutes=1)


def times(cron: str, zone: str, begin: str, hours: int) -> list[str]:
    """Every time in so many hours, UTC."""
    at = datetime.fromisoformat(begin).replace(tzinfo=UTC)
    end, found = at + timedelta(hours=hours), []
    while (at := next_time(cron, ZoneInfo(zone), at)) < end:
        found.append(f"{at:%d %H:%M}")
    return found


@pytest.mark.parametrize(
    ("zone", "day", "cron", "due"),
    [
        ("Europe/Warsaw", "2026-03-28T12:00", "30 2 * * *", ["29 01:30"]),  # 02:30 is left out: 03:30 summer time
        ("Europe/Warsaw", "2026-10-24T12:00", "30 2 * * *", ["25 00:30"]),  # 02:30 comes twice: the first
        ("America/New_York", "2026-03-07T12:00", "30 2 * * *", ["08 07:30"]),
        ("America/New_York", "2026-10-31T12:00", "30 1 * * *", ["01 05:30"]),
        ("UTC", "2026-10-24T12:00", "30 2 * * *", ["25 02:30"]),
    ],
)
def test_86_a_daily_job_is_due_once_on_the_days_when_clocks_change(
    zone: str, day: str, cron: str, due: list[str]
) -> None:
    assert times(cron, zone, day, 24) == due


@pytest.mark.parametrize("day", ["2026-03-28T12:00", "2026-10-24T12:00"])
def test_86_a_job_of_every_ten_minutes_leaves_no_gap_when_clocks_change(day: str) -> None:
    assert len(times("*/10 * * * *", "Europe/Warsaw", day, 24)) == 24 * 6 - 1


def test_days_of_the_week_are_counted_as_cron_does() -> None:
    sunday = "2026-06-14T00:00"
    assert times("0 4 * * 0", "UTC", sunday, 7 * 24) == ["14 04:00"]
    assert times("0 4 * * 7", "UTC", sunday, 7 * 24) == ["14 04:00"]
    assert times("0 4 * * 1-2", "UTC", sunday, 7 * 24) == ["15 04:00", "16 04:00"]


def test_a_schedule_that_is_never_due_is_refused() -> None:
    with pytest.raises(ValueError, match="not a schedule"):
        ScheduleSettings(sync="0 0 30 2 *")
    with pytest.raises(ValueError, match="not a time zone"):
        ScheduleSettings(timezone="Mars/Olympus")


def test_85_six_hours_missed_are_one_run() -> None:
    agenda = Agenda(ScheduleSettings(), begin_at=NOW)
    assert agenda.next() == Due("sync", NOW)
    awake = NOW + timedelta(hours=6)
    agenda.ended("sync", awake, 0)
    assert agenda.next() == Due("sync", awake + 10 * MIN)


def test_88_jobs_that_come_due_during_a_run_are_one_run_each() -> None:
    agenda = Agenda(ScheduleSettings(rescore="15 12 * * *", reconcile="20 12 * * mon"), begin_at=NOW)
    ended = NOW + 50 * MIN
    agenda.ended("sync", ended, 0)
    assert agenda.next() == Due("rescore", NOW + 15 * MIN)
    agenda.ended("rescore", ended, 0)
    assert agenda.next() == Due("reconcile", NOW + 20 * MIN)
    agenda.ended("reconcile", ended, 0)
    assert agenda.next() == Due("sync", NOW + 60 * MIN)


def test_a_limit_is_waited_for_by_all_jobs() -> None:
    agenda = Agenda(ScheduleSettings(rescore="15 12 * * *"), begin_at=NOW)
    reset = NOW + timedelta(hours=5)
    agenda.ended("sync", NOW, 5, reset)
    assert agenda.waits_until == reset
    assert agenda.next() == Due("rescore", reset)
    agenda.ended("rescore", reset, 0)
    assert agenda.next() == Due("sync", NOW + 10 * MIN), "missed since"
    agenda.ended("sync", reset, 0)
    assert agenda.waits_until is None
    assert agenda.next() == Due("sync", reset + 10 * MIN)


def test_a_limit_without_end_is_asked_again_after_a_day() -> None:
    agenda = Agenda(ScheduleSettings(), begin_at=NOW)
    agenda.ended("sync", NOW, 5, NOW + timedelta(days=400))
    assert agenda.next().at == NOW + timedelta(days=1)


def test_a_crm_that_cannot_be_reached_is_tried_at_the_next_time() -> None:
    agenda = Agenda(ScheduleSettings(), begin_at=NOW)
    agenda.ended("sync", NOW, 5)
    assert agenda.next() == Due("sync", NOW + 10 * MIN)


def test_refused_credentials_are_tried_less_and_less_often_until_they_are_mended() -> None:
    agenda = Agenda(ScheduleSettings(), begin_at=NOW)
    now, waits = NOW, []
    for _ in range(6):
        agenda.ended("sync", now, 3)
        waits.append((agenda.next().at - now) / MIN)
        now = agenda.next().at
    assert waits == [10, 20, 40, 60, 60, 60]
    agenda.ended("sync", now, 0)
    assert agenda.next().at - now == 10 * MIN
    agenda.ended("sync", now, 3)
    assert agenda.next().at - now == 10 * MIN, "it begins anew"


def test_a_weekly_job_that_was_cut_short_comes_again_soon_and_one_that_failed_for_good_at_its_time() -> None:
    agenda = Agenda(ScheduleSettings(sync="0 0 1 1 *"), begin_at=NOW)
    agenda.ended("sync", NOW, 0)
    agenda.ended("reconcile", NOW, 6)
    assert agenda.next() == Due("reconcile", NOW + 10 * MIN)
    agenda.ended("reconcile", NOW, 4)
    assert agenda.next().kind == "rescore"


def test_a_new_schedule_counts_from_the_next_turn() -> None:
    agenda = Agenda(ScheduleSettings(), begin_at=NOW)
    agenda.ended("sync", NOW, 0)
    agenda.follow(ScheduleSettings(sync="*/2 * * * *"), NOW)
    assert agenda.next() == Due("sync", NOW + 2 * MIN)
    agenda.follow(ScheduleSettings(sync="0 0 1 1 *"), NOW)
    agenda.ended("sync", NOW, 5)
    assert agenda.next() == Due("sync", NOW + 10 * MIN), "it is tried again all the same"
