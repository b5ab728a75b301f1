"""Our share of the account's daily calls: over all runs of the day, with an early end that says when it goes on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from connectors.clock import FakeClock
from connectors.errors import LimitReached
from connectors.quota import DailyShare
from sandbox.hubspot import portal as portals
from tests.connectors.facts_of import Facts

if TYPE_CHECKING:
    from collections.abc import Callable

    from connectors.hubspot.connector import HubSpot
    from tests.connectors.hubspot_rig import HubSpotRig

NOON = datetime(2026, 6, 15, 12, tzinfo=UTC)
MIDNIGHT = datetime(2026, 6, 16, tzinfo=UTC)


def midnight(now: datetime) -> datetime:
    return now.replace(hour=0, minute=0, second=0, microsecond=0)


def share_of(clock: FakeClock, share: float = 0.25, day: Callable[[datetime], datetime] | None = None) -> DailyShare:
    made = DailyShare(share, clock, crm="test", setting="test.daily_share", midnight=day)
    made.learn(used=0, limit=100)
    return made


@pytest.mark.parametrize(("day", "goes_on"), [(None, NOON + timedelta(days=1)), (midnight, MIDNIGHT)])
def test_41_our_share_ends_early_and_begins_anew_with_the_day(
    day: Callable[[datetime], datetime] | None, goes_on: datetime
) -> None:
    clock = FakeClock(NOON)
    ours = share_of(clock, day=day)
    for _ in range(25):
        ours.spend()
        clock.advance(7)
    for _ in range(2):
        with pytest.raises(LimitReached, match=r"share .* \(25 of 25\).*test\.daily_share.*It may go on at") as stop:
            ours.spend()
        assert stop.value.resets_at == goes_on
    clock.advance((goes_on - clock.now()).total_seconds() + 1)
    ours.spend()


@pytest.mark.parametrize("day", [None, midnight])
def test_41_calls_of_earlier_runs_of_the_day_count_and_those_of_yesterday_do_not(
    day: Callable[[datetime], datetime] | None,
) -> None:
    ours = share_of(FakeClock(NOON), day=day)
    ours.count_in([(NOON - timedelta(hours=30), 500), (NOON - timedelta(hours=3), 20)])
    for _ in range(5):
        ours.spend()
    with pytest.raises(LimitReached, match="25 of 25"):
        ours.spend()


def test_41_the_last_tenth_is_left_to_others_unless_our_share_reaches_into_it() -> None:
    clock = FakeClock(NOON)
    ours, greedy = share_of(clock, day=midnight), share_of(clock, 1.0, day=midnight)
    for one in (ours, greedy):
        one.learn(used=90, limit=100)
    greedy.spend()
    with pytest.raises(LimitReached, match="left to others") as stop:
        ours.spend()
    assert stop.value.resets_at == MIDNIGHT
    ours.spend()  # only a new answer can tell whether it is still so
    ours.learn(used=95, limit=100)
    clock.advance(13 * 3600)
    ours.spend()  # that was yesterday's count


def test_9_hubspots_day_ends_early_with_the_cursor_kept_and_goes_on_after_the_accounts_midnight(
    hub: HubSpotRig,
) -> None:
    for number in range(2500):
        hub.person(number)
    hub.portal.limits.per_day = 100

    def connector(share: float = 0.25) -> HubSpot:
        made = hub.connector(access_token=SecretStr(portals.DEFAULT_TOKEN), daily_share=share)
        made.identify()
        return made

    facts = Facts()
    with pytest.raises(LimitReached, match=r"our share .* of 25") as stop:
        facts.pull(connector(), ["records"])
    assert stop.value.resets_at == datetime(2026, 6, 16, 5, tzinfo=UTC), "midnight in Bogota"
    assert 0 < len(facts.records()) < 2500
    assert len(hub.journal) <= 25
    hub.clock.advance(18 * 3600)
    facts.pull(connector(0.9), ["records"])
    assert facts.column("email") == hub.live()


def test_9_a_day_that_others_used_up_says_when_it_is_renewed(hub: HubSpotRig) -> None:
    connector = hub.connector()
    connector.identify()
    hub.troubles.set("daily_429", times=None)
    with pytest.raises(LimitReached, match=r"used up.* It may go on at 2026-06-16 05:00 UTC") as stop:
        next(connector.pull("records", None))
    assert stop.value.resets_at == datetime(2026, 6, 16, 5, tzinfo=UTC)
    assert connector.usage().retries == 0


def test_10_calls_of_a_neighbour_are_seen_in_the_headers_before_they_hurt(hub: HubSpotRig) -> None:
    connector = hub.connector(access_token=SecretStr(portals.DEFAULT_TOKEN))
    connector.identify()
    hub.troubles.set("noisy_neighbour", times=3, calls=60)
    for _ in range(60):
        connector.identify()
    assert sum(call.status == 429 for call in hub.journal) <= 1
    assert connector.usage().waited_s > 0


def test_10_a_neighbour_who_takes_the_whole_window_is_waited_out(hub: HubSpotRig) -> None:
    connector = hub.connector()
    connector.identify()
    hub.troubles.set("noisy_neighbour", times=2)
    for _ in range(200):
        connector.identify()
    assert connector.usage().by_reason == {"rate limit": 2}
