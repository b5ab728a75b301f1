"""Reading several places at a time: nothing is lost or counted as read too early, and memory stays bounded."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from connectors.clock import FakeClock
from connectors.errors import LimitReached
from connectors.hubspot import ahead, listing
from connectors.hubspot.ahead import overlapped
from connectors.hubspot.listing import list_pages
from tests.connectors.facts_of import Facts
from tests.sandboxes import NOW

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.connectors.hubspot_rig import HubSpotRig

Place = tuple[int, int]

CLOCK = FakeClock(NOW)


def numbers(place: Place, seed: int) -> Iterator[tuple[list[dict[str, Any]], Sequence[Place]]]:
    """The numbers of a half-open interval in pages of three, which now and then ends by splitting what is left."""
    chance = random.Random(hash((place, seed)))
    start, end = place
    while True:
        page = [{"n": n} for n in range(start, min(end, start + 3))]
        start = min(end, start + 3)
        if end - start > 6 and chance.random() < 0.2:
            middle = (start + end) // 2
            yield page, [(start, middle), (middle, end)]
            return
        yield page, [(start, end)] if start < end else []
        if start >= end:
            return


@given(st.integers(1, 400), st.integers(0, 10**6), st.integers(0, 60))
def test_91_what_is_left_and_what_was_handed_out_are_always_the_whole(size: int, seed: int, killed: int) -> None:
    def read(place: Place, _: Callable[[], bool]) -> Iterator[tuple[list[dict[str, Any]], Sequence[Place]]]:
        return numbers(place, seed)

    stored: list[int] = []
    left: Sequence[Place] = [(0, size)]
    chunks = overlapped(CLOCK, left, read)
    for _, chunk in zip(range(killed), chunks, strict=False):
        stored += [item["n"] for item in chunk.made]
        left = chunk.left
    chunks.close()
    for chunk in overlapped(CLOCK, left, read):
        stored += [item["n"] for item in chunk.made]
        left = chunk.left
    assert sorted(stored) == list(range(size)), "each once, since what is left is exactly what was not handed out"
    assert list(left) == []


@pytest.mark.parametrize(("page_s", "chunk"), [(0.2, ahead.BARE_CHUNK), (0.0, ahead.CHUNK)])
def test_27_a_reader_that_takes_its_time_holds_up_the_reading(page_s: float, chunk: int) -> None:
    pages, clock = 0, FakeClock(NOW)

    def read(_: int, __: Callable[[], bool]) -> Iterator[tuple[list[dict[str, Any]], Sequence[int]]]:
        nonlocal pages
        while True:
            pages += 1
            clock.advance(page_s)
            yield [{}] * 100, [0]

    chunks = overlapped(clock, range(50), read)
    for _ in range(5):
        next(chunks)
    chunks.close()
    assert pages <= (5 + ahead.AHEAD) * chunk // 100


@pytest.mark.parametrize(("page_s", "counts"), [(0.0, {1000}), (0.03, {400}), (0.2, {200})])
def test_91_few_pages_wait_for_others_that_take_their_time(page_s: float, counts: set[int]) -> None:
    clock = FakeClock(NOW)

    def read(_: int, __: Callable[[], bool]) -> Iterator[tuple[list[dict[str, Any]], Sequence[int]]]:
        for number in range(39, -1, -1):
            clock.advance(page_s)
            yield [{}] * 100, [0] if number else []

    assert {chunk.count for chunk in overlapped(clock, [0], read)} == counts


def test_an_error_comes_in_its_turn_and_ends_the_reading() -> None:
    def read(place: int, _: Callable[[], bool]) -> Iterator[tuple[list[dict[str, Any]], Sequence[int]]]:
        if place == 2:
            raise LimitReached("the day is used up.", crm="hubspot")
        yield [{"n": place}], []

    seen = []
    with pytest.raises(LimitReached):
        seen += [chunk.made[0]["n"] for chunk in overlapped(CLOCK, [0, 1, 2, 3], read)]
    chunks = overlapped(CLOCK, [0, 1, 2, 3], read)
    first = [next(chunks), next(chunks)]
    assert [chunk.left for chunk in first] == [[1, 2, 3], [2, 3]]


def crowd(hub: HubSpotRig, *counts: int) -> set[str]:
    """Contacts in clumps of ids that lie far apart: an old portal's small numbers and a new one's huge ones."""
    store = hub.portal.stores["contacts"]
    made = set()
    for number, count in enumerate(counts):
        store._next_id = 10 ** (3 + 4 * number)
        made |= {hub.person(number * 10_000 + n) for n in range(count)}
    hub.settle()
    return made


def lists(hub: HubSpotRig) -> int:
    return sum(call.path.endswith("/objects/contacts") and "archived" not in call.query for call in hub.journal)


def test_a_first_load_is_split_where_the_records_are(hub: HubSpotRig) -> None:
    made = crowd(hub, 700, 1500, 800)
    hub.journal.clear()
    facts = Facts().pull(hub.connector(), ["records"])
    assert set(facts.records()) == made
    assert facts.rows_in == len(made)
    assert lists(hub) < 30 + 60, "each split costs a call or two"
    starts = {call.query.split("after=")[1].split("&")[0] for call in hub.journal if "after=" in call.query}
    assert len(starts - made) > 10, "ranges begin at ids of our own making"
    assert (max(facts.slices_left) > 5, facts.slices_left[-1]) == (True, 0)


def test_a_list_may_refuse_ids_of_our_making(hub: HubSpotRig) -> None:
    made = crowd(hub, 900)
    for record_id in sorted(made)[100:800:7]:  # so that hardly any guess is a record's id
        hub.delete(record_id)
        made.discard(record_id)
    store = hub.portal.stores["contacts"]
    store._next_id = 10**9
    made.add(hub.person(99_999))
    hub.settle()
    hub.troubles.set("strict_after", times=None)
    with structlog.testing.capture_logs() as logs:
        facts = Facts().pull(hub.connector(), ["records"])
    assert set(facts.records()) == made
    assert [line["why"] for line in logs if "one piece" in line["event"]] == ["ranges are refused"]


@pytest.mark.parametrize("how", ["text", "shuffled"])
def test_3_a_list_in_another_order_than_that_of_numbers_is_read_whole(
    hub: HubSpotRig, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = crowd(hub, 700, 300)
    order = sorted(made) if how == "text" else random.Random(3).sample(sorted(made), len(made))

    def pages(client: Any, source: Any, after: str | None, **rest: Any) -> Iterator[tuple[list[Any], str | None]]:
        """The same list as a server gives it that keeps its ids in this order."""
        by_id = {item["id"]: item for objects, _ in list_pages(client, source, None, **rest) for item in objects}
        start = 0 if after is None else next((n for n, one in enumerate(order) if one >= after), len(order))
        if how == "shuffled":
            start = order.index(after) if after in by_id else 0
        for at in range(start, len(order), 100):
            following = order[at + 100] if at + 100 < len(order) else None
            yield [by_id[record_id] for record_id in order[at : at + 100]], following

    monkeypatch.setattr(listing, "list_pages", pages)
    facts = Facts().pull(hub.connector(), ["records"])
    assert set(facts.records()) == made
