"""Several at a time: bounded, every result given, the first error raised last."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from connectors import crew
from connectors.crew import Crew, in_parallel

if TYPE_CHECKING:
    from collections.abc import Iterator

WORKERS = 4


def test_every_item_is_worked_once_and_so_many_at_a_time() -> None:
    together = threading.Barrier(WORKERS, timeout=10)  # passes only while all workers are inside

    def work(item: int) -> int:
        together.wait()
        return 2 * item

    assert sorted(in_parallel(work, range(4 * WORKERS), WORKERS)) == [2 * item for item in range(4 * WORKERS)]


def test_a_thread_that_is_busy_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew, "PATIENCE_S", 60.0)
    monkeypatch.setattr(crew, "BUSY", 0.0)
    with Crew(WORKERS, "test", at_first=1) as few:
        jobs = [few.submit(lambda: threading.current_thread().name) for _ in range(100)]
        for job in jobs:
            few.first_of({job})
    assert len({job.result() for job in jobs}) == 1


def test_one_that_waits_for_answers_gets_company(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew, "PATIENCE_S", 60.0)
    monkeypatch.setattr(crew, "BUSY", 2.0)
    together = threading.Barrier(2, timeout=10)
    with Crew(WORKERS, "test", at_first=1) as few:
        few.first_of({few.submit(lambda: None)})
        jobs = [few.submit(together.wait) for _ in range(2)]
        few.first_of(jobs)
    assert sorted(job.result() for job in jobs) == [0, 1]


def test_one_that_gets_no_answer_gets_company(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew, "PATIENCE_S", 0.01)
    together = threading.Barrier(WORKERS, timeout=10)
    with Crew(WORKERS, "test", at_first=1) as few:
        jobs = [few.submit(together.wait) for _ in range(WORKERS)]
        few.first_of({jobs[0]})
    assert sorted(job.result() for job in jobs) == [*range(WORKERS)]


def test_items_are_drawn_only_a_little_ahead_of_the_results() -> None:
    drawn = 0

    def items() -> Iterator[int]:
        nonlocal drawn
        for item in range(1000):
            drawn += 1
            yield item

    for taken, _ in enumerate(in_parallel(lambda item: item, items(), WORKERS), start=1):
        assert drawn - taken < 2 * WORKERS
    assert taken == 1000


def test_after_an_error_what_is_under_way_ends_and_nothing_new_begins() -> None:
    failed, begun, results = threading.Event(), [], []

    def work(item: int) -> int:
        begun.append(item)
        if item == 1:
            failed.set()
            raise ValueError("one")
        assert failed.wait(10)
        return item

    with pytest.raises(ValueError, match="one"):
        results.extend(in_parallel(work, range(1000), WORKERS))
    assert set(results) == set(begun) - {1}
    assert len(begun) <= 2 * WORKERS


def test_an_error_of_drawing_comes_after_the_results() -> None:
    def items() -> Iterator[int]:
        yield from range(3)
        raise ValueError("no more")

    results = []
    with pytest.raises(ValueError, match="no more"):
        results.extend(in_parallel(lambda item: item, items(), WORKERS))
    assert sorted(results) == [0, 1, 2]


def test_closing_early_waits_for_what_is_under_way() -> None:
    ended: list[int] = []
    results = in_parallel(lambda item: ended.append(item) or item, range(1000), WORKERS)
    next(results)
    results.close()
    count = len(ended)
    assert count <= 2 * WORKERS
    assert not [one for one in threading.enumerate() if one.name.startswith("leadgrade")]
    assert len(ended) == count
