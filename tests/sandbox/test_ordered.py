"""The index by stamp against a plain mapping, over random histories."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.ordered import ByStamp

STEPS = st.lists(st.tuples(st.integers(0, 8), st.none() | st.integers(0, 5)), max_size=300)  # None drops the key


@settings(max_examples=100, deadline=None)
@given(STEPS, st.integers(0, 5), st.integers(0, 6), st.integers(1, 40))
def test_keys_come_in_the_order_of_their_stamps(
    steps: list[tuple[int, int | None]], low: int, high: int, read_every: int
) -> None:
    index: ByStamp[int, int] = ByStamp()
    held: dict[int, int] = {}
    for number, (key, stamp) in enumerate(steps):
        if stamp is None:
            index.drop(key)
            held.pop(key, None)
        else:
            index.put(key, stamp)
            held[key] = stamp
        if number % read_every == 0 or number == len(steps) - 1:
            expected = sorted((stamp, key) for key, stamp in held.items() if low <= stamp < high)
            assert index.between(low, high) == [key for _, key in expected]
