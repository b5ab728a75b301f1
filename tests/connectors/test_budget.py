"""The allowance that all threads share: never overspent, fair, and smaller when others use it too."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest

from connectors.budget import EASE, LONGER, Budget, PauseTooLong
from connectors.clock import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(datetime(2026, 5, 1, tzinfo=UTC))


def spend(budget: Budget, clock: FakeClock, calls: int) -> list[float]:
    times = []
    for _ in range(calls):
        budget.acquire()
        times.append(clock.monotonic())
    return times


@pytest.mark.parametrize(("limit", "window_s"), [(1, 1.0), (5, 1.0), (190, 10.0)])
def test_nearly_all_of_the_allowance_is_used_and_never_more(clock: FakeClock, limit: int, window_s: float) -> None:
    times = spend(Budget(limit, window_s, clock), clock, 5 * limit)
    assert all(later - earlier >= window_s for earlier, later in zip(times, times[limit:], strict=False))
    assert times[-1] <= 4 * window_s * (1 + LONGER) + 0.01
    assert limit * 5 / (times[-1] + window_s) >= 0.965 * limit / window_s


def test_threads_share_one_budget_and_come_in_the_order_in_which_they_asked(clock: FakeClock) -> None:
    budget = Budget(1, 10.0, clock)
    budget.acquire()
    asleep, order, taken = threading.Semaphore(0), [], []

    class Sleeper(FakeClock):
        """Sleeps only once everybody has asked."""

        def sleep(self, seconds: float) -> None:
            asleep.release()
            gate.wait(10)
            super().sleep(seconds)

    gate = threading.Event()
    budget._clock = Sleeper(clock.now())

    def work(number: int) -> None:
        order.append(number)
        budget.acquire()
        taken.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
        assert asleep.acquire(timeout=10)
    gate.set()
    for thread in threads:
        thread.join(10)
    assert taken == order == list(range(6))


def test_many_threads_do_not_overspend(clock: FakeClock) -> None:
    budget = Budget(10, 10.0, clock)
    threads = [threading.Thread(target=spend, args=(budget, clock, 5)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert clock.monotonic() >= 30.0


def test_10_a_stop_pauses_everybody_and_leaves_room_for_others_until_it_is_quiet_again(clock: FakeClock) -> None:
    budget = Budget(100, 10.0, clock)
    for _ in range(8):  # eight calls under way are all told so
        budget.pause(10.0)
    assert budget.size == 100 * EASE
    [first] = spend(budget, clock, 1)
    assert first >= 10.0
    clock.advance(15.0)
    budget.acquire()
    assert budget.size == 80
    for _ in range(5):
        clock.advance(10.0)
        budget.acquire()
    assert budget.size == 100


def test_10_a_second_stop_soon_after_leaves_still_less(clock: FakeClock) -> None:
    budget = Budget(100, 10.0, clock)
    for _ in range(20):
        budget.pause(10.0)
        clock.advance(25.0)
    assert budget.size < 20
    assert budget.acquire() == 0.0


def test_10_calls_that_others_make_are_left_to_them(clock: FakeClock) -> None:
    budget = Budget(100, 10.0, clock)
    spend(budget, clock, 10)
    budget.learn(limit=100, remaining=90)  # our own calls, nobody else's
    budget.learn(limit=100, remaining=92)  # an answer that was overtaken
    assert spend(budget, clock, 1) == [0.0]
    budget.learn(limit=100, remaining=20)
    assert spend(budget, clock, 20)[-1] == 0.0
    assert spend(budget, clock, 1)[0] >= 10.0


def test_10_when_the_servers_count_holds_none_but_ours_all_of_the_allowance_is_back_at_once(clock: FakeClock) -> None:
    budget = Budget(100, 10.0, clock)
    budget.pause(10.0)
    clock.advance(10.0)
    spend(budget, clock, 5)
    budget.learn(limit=100, remaining=40)
    assert budget.size == 75, "somebody else is there"
    clock.advance(11.0)
    spend(budget, clock, 5)
    budget.learn(limit=100, remaining=96)
    assert budget.size == 100
    assert spend(budget, clock, 95)[-1] == clock.monotonic() == 21.0
    assert budget.acquire() > 0


def test_10_a_lower_limit_is_believed_and_a_higher_one_is_not_used(clock: FakeClock) -> None:
    budget = Budget(190, 10.0, clock)
    budget.learn(limit=250)
    assert budget.size == 190
    budget.learn(limit=100, remaining=99)
    assert spend(budget, clock, 101)[-1] >= 10.0


def test_11_nobody_waits_longer_than_he_has_patience_nor_less_than_was_asked(clock: FakeClock) -> None:
    budget = Budget(5, 1.0, clock)
    budget.pause(3600.0)
    with pytest.raises(PauseTooLong) as stopped:
        budget.acquire(300.0)
    assert stopped.value.seconds == 3600.0
    assert clock.slept == []
    assert budget.acquire(4000.0) >= 3600.0


def test_who_gave_up_does_not_keep_the_others_waiting(clock: FakeClock) -> None:
    budget = Budget(5, 1.0, clock)
    budget.pause(60.0)
    with pytest.raises(PauseTooLong):
        budget.acquire(1.0)
    clock.advance(60.0)
    assert budget.acquire() == 0.0
