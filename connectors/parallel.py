"""Several calls at a time, in bounded memory: a few threads work, the caller's thread gives out and takes in."""

from __future__ import annotations

import itertools
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

T = TypeVar("T")
R = TypeVar("R")


def in_parallel(work: Callable[[T], R], items: Iterable[T], workers: int) -> Iterator[R]:
    """`work` of every item, by so many threads; results as they come, in no order.

    Items are drawn in the caller's thread, and at most twice as many as there are workers ahead of the results: one
    to work on, one to go on with while the caller is busy with a result. After the first error, of `work` or of
    drawing, nothing new is begun; what is under way ends and its results are given; then that error is raised.
    Closing the iterator waits for what is under way.
    """
    source = iter(items)
    under_way: set[Future[R]] = set()
    failure: Exception | None = None
    with ThreadPoolExecutor(workers, thread_name_prefix="leadgrade") as pool:
        try:
            while True:
                try:
                    for item in itertools.islice(source, 0 if failure else 2 * workers - len(under_way)):
                        under_way.add(pool.submit(work, item))
                except Exception as error:  # noqa: BLE001 - raised below, once what is under way has ended
                    failure = error
                if not under_way:
                    break
                done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                for future in done:
                    try:
                        result = future.result()
                    except CancelledError:
                        continue
                    except Exception as error:  # noqa: BLE001 - as above
                        failure = failure or error
                        _cancel(under_way)
                    else:
                        yield result
        finally:
            _cancel(under_way)
    if failure:
        raise failure


def _cancel(under_way: Iterable[Future[R]]) -> None:
    """Keep those that nobody has begun from beginning."""
    for future in under_way:
        future.cancel()
