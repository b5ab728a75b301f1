"""A few seeds of `make soak`, and a process that is really killed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.soak.real_kills import killed_for_good
from tests.soak.scenario import soak

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_disturbed_runs_end_where_undisturbed_ones_do(seed: int, tmp_path: Path) -> None:
    soak(seed, tmp_path)


def test_a_backfill_that_is_killed_goes_on_and_ends_the_same(tmp_path: Path) -> None:
    told: list[str] = []
    killed_for_good(1, tmp_path, told.append)
    assert all("exit -9" in line for line in told), told
