"""What a run costs in calls when nothing happened since the last one. A killed process costs as much again."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from tests.soak.world import SEEN, Wishes, world

if TYPE_CHECKING:
    from pathlib import Path

    from tests.soak.world import World

FORMS = 5
IDLE = {"hubspot": 16 + FORMS, "salesforce": 15}
"""Both log in by OAuth, which is a call of each."""

HOURLY = {"hubspot": 10, "salesforce": 4}
"""More, once an hour: the list of what is in the bin by type of object; the logs of deletions, and whether what four of
them name is still in the bin."""


def calls_of_a_sync(house: World) -> dict[str, int]:
    house.crms.shared.journal.clear()
    assert house.run("sync").exit_code == 0
    return dict(Counter(call.crm for call in house.crms.shared.journal))


def test_a_sync_that_finds_nothing_costs_as_few_calls_as_the_docs_say(tmp_path: Path) -> None:
    with world(tmp_path / "state", Wishes(seed=1)) as house:
        assert len(house.crms.portal.marketing.forms) == FORMS
        assert house.run("backfill").exit_code == 0
        calls_of_a_sync(house)  # what was written comes back
        assert calls_of_a_sync(house) == IDLE
        house.crms.shared.clock.advance(SEEN.total_seconds())
        hourly = calls_of_a_sync(house)
        assert {crm: hourly[crm] - calls for crm, calls in IDLE.items()} == HOURLY
        assert calls_of_a_sync(house) == IDLE
