"""When what was read is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sync_rig import MemoryCrm

from sync import pull
from sync.mirror.load import load

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator

    from connectors.base import Batch
    from sync.mirror.load import Part

    from .conftest import World


@pytest.mark.parametrize(("commit_s", "apart"), [(0.0625, 4), (0.3125, 13)])
def test_91_commits_take_a_tenth_of_the_time_at_most(
    world: World, commit_s: float, apart: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored: list[int] = []

    def slowly(connection: Any, parts: list[Part], **options: Any) -> Counter[str]:
        stored.append(sum(part.rows() for part in parts))
        world.clock.advance(commit_s)
        return load(connection, parts, **options)

    def each_quarter(stream: str, cursor: str | None) -> Iterator[Batch]:
        for batch in MemoryCrm.pull(world.hubspot, stream, cursor):
            world.clock.advance(0.25)
            yield batch

    world.hubspot.page = 1
    for number in range(100, 160):
        world.hubspot.put(str(number))
    monkeypatch.setattr(pull, "load", slowly)
    monkeypatch.setattr(world.hubspot, "pull", each_quarter)
    world.run()
    assert set(stored[1:4]) == {apart + 1}, "the batch that comes when it is time goes with those before it"
