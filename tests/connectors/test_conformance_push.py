"""What every connector does when it writes; see `rig.py` for the words."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from connectors.base import CLEAR, Change, Status
from connectors.errors import Unreachable
from scoring.facts import OBSERVED_PREFIX, Removed
from tests.connectors.facts_of import Facts

if TYPE_CHECKING:
    from connectors.base import Outcome
    from tests.connectors.rig import Rig

VALUES = {
    "fit_score": 75, "fit_grade": "A", "engagement_score": 0, "rating": "A1", "trend": "rising",
    "stage": "marketingqualifiedlead", "reasons": "Demo form +50 · Décideur +25", "next_fact": "company.industry",
    "valid_until": "2026-07-01", "model_version": "b2b-saas@0a1b2c3d",
}  # fmt: skip


@pytest.fixture
def ready(rig: Rig) -> Rig:
    rig.connector().provision(dry_run=False)
    return rig


def changes_for(rig: Rig, ids: list[str], **values: Any) -> list[Change]:
    return [Change(rig.kind, record_id, values or VALUES, tag=number) for number, record_id in enumerate(ids)]


def push(rig: Rig, changes: list[Change], **settings: Any) -> dict[str, Outcome]:
    """Outcomes by record id, having checked that each change has exactly one."""
    outcomes = list(rig.connector(**settings).push(changes))
    assert Counter(outcome.record_id for outcome in outcomes) == Counter(change.record_id for change in changes)
    tags = {change.record_id: change.tag for change in changes}
    assert all(outcome.tag == tags[outcome.record_id] and outcome.kind == rig.kind for outcome in outcomes)
    return {outcome.record_id: outcome for outcome in outcomes}


def people(rig: Rig, count: int) -> list[str]:
    return [rig.person(number) for number in range(count)]


def test_what_is_pushed_is_stored_and_comes_back_as_observed(ready: Rig) -> None:
    ids = people(ready, 250)
    outcomes = push(ready, changes_for(ready, ids))
    assert {outcome.status for outcome in outcomes.values()} == {Status.ACCEPTED}
    for name, value in VALUES.items():
        assert ready.stored(ids[249], name) == str(value), name
    ready.settle()
    records = Facts().pull(ready.connector(), ready.record_streams).records()
    for name, value in VALUES.items():
        assert records[ids[0]][OBSERVED_PREFIX + name] == str(value), name


def test_64_set_clear_and_leave_are_three_different_things(ready: Rig) -> None:
    [record_id] = people(ready, 1)
    push(ready, changes_for(ready, [record_id]))
    push(ready, changes_for(ready, [record_id], rating="B2", trend=CLEAR, fit_score=CLEAR, valid_until=CLEAR))
    assert ready.stored(record_id, "rating") == "B2"
    assert ready.stored(record_id, "trend") is None
    assert ready.stored(record_id, "fit_score") is None
    assert ready.stored(record_id, "valid_until") is None
    assert ready.stored(record_id, "reasons") == VALUES["reasons"]
    assert ready.stored(record_id, "engagement_score") == "0"


def test_65_rows_with_different_fields_share_a_batch(ready: Rig) -> None:
    ids = people(ready, 3)
    changes = [
        Change(ready.kind, ids[0], {"rating": "A1"}),
        Change(ready.kind, ids[1], {"trend": "cooling", "fit_score": 12}),
        Change(ready.kind, ids[2], {"rating": CLEAR, "stage": "lead"}),
    ]
    push(ready, changes)
    assert [ready.stored(record_id, "rating") for record_id in ids] == ["A1", None, None]
    assert [ready.stored(record_id, "fit_score") for record_id in ids] == [None, "12", None]
    assert ready.stored(ids[2], "stage") == "lead"


@pytest.mark.parametrize("number", [0, 1])
def test_accepted_rejected_and_gone_rows_in_one_batch(ready: Rig, number: int) -> None:
    if number >= len(ready.ways_to_push):
        pytest.skip(f"{ready.crm} is written to in {len(ready.ways_to_push)} ways")
    ids = people(ready, 60)
    ready.refuse(ids[5])
    ready.delete(ids[6])
    survivor = ready.merge(ids[7], ids[8])
    changes = [*changes_for(ready, ids[:59]), ready.bad_change(ids[59])]
    outcomes = push(ready, changes, **ready.ways_to_push[number])
    dead = {record_id for record_id in (ids[7], ids[8]) if record_id != survivor}
    good = set(ids) - {ids[5], ids[6], ids[59]} - dead
    assert {record_id for record_id, one in outcomes.items() if one.status is Status.ACCEPTED} == good
    for record_id in (ids[5], ids[59]):
        assert outcomes[record_id].status is Status.REJECTED
        assert outcomes[record_id].code
        assert outcomes[record_id].message
        assert outcomes[record_id].gone is None
    assert outcomes[ids[59]].field == "engagement_score"
    assert outcomes[ids[6]].gone == Removed.DELETED
    for record_id in dead:
        assert outcomes[record_id].status is Status.REJECTED
        assert (outcomes[record_id].gone, outcomes[record_id].successor_id) == (Removed.MERGED, survivor)
    assert all(ready.stored(record_id, "rating") == "A1" for record_id in good)
    assert ready.stored(ids[5], "rating") is None


@pytest.mark.parametrize("odd", ["1/2", "a+b c", "名前", "../contacts", "1?archived=true"])
def test_82_an_id_that_is_none_reaches_no_other_record(ready: Rig, odd: str) -> None:
    record_id, other = people(ready, 2)
    outcomes = push(ready, changes_for(ready, [odd, record_id]))
    assert outcomes[record_id].status is Status.ACCEPTED
    assert outcomes[odd].status is Status.REJECTED
    assert ready.stored(other, "rating") is None


def test_nothing_to_push_is_nothing_called(ready: Rig) -> None:
    ready.journal.clear()
    assert push(ready, []) == {}
    assert ready.journal.writes() == []


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_connection_cut_around_a_write_leaves_every_row_written(ready: Rig, when: str) -> None:
    ids = people(ready, 150)
    ready.cut(when)
    outcomes = push(ready, changes_for(ready, ids))
    assert {outcome.status for outcome in outcomes.values()} == {Status.ACCEPTED}
    assert {ready.stored(record_id, "rating") for record_id in ids} == {"A1"}


def test_limits_delay_a_push_but_lose_nothing(ready: Rig) -> None:
    ids = people(ready, 150)
    connector = ready.connector()
    ready.limit(2)
    outcomes = list(connector.push(changes_for(ready, ids)))
    assert {outcome.status for outcome in outcomes} == {Status.ACCEPTED}
    assert len(outcomes) == 150
    assert connector.usage().waited_s > 0


def test_a_crm_that_stays_away_stops_the_push_with_state_known(ready: Rig) -> None:
    ids = people(ready, 5)
    connector = ready.connector()
    connector.identify()
    ready.limit(10_000)
    outcomes: list[Outcome] = []
    with pytest.raises(Unreachable):
        outcomes.extend(connector.push(changes_for(ready, ids)))
    assert {outcome.status for outcome in outcomes} <= {Status.UNKNOWN}
    assert {ready.stored(record_id, "rating") for record_id in ids} == {None}


def test_87_once_it_may_not_go_on_nothing_more_is_sent(ready: Rig) -> None:
    """The lease is asked for before each call; at most the calls that had been let pass are still on their way."""
    ids = people(ready, 700)
    asked = 0

    class Lost(Exception):
        pass

    def ask() -> None:
        nonlocal asked
        asked += 1
        if asked > 3:
            raise Lost

    connector = ready.connector()
    connector.ask_before_calls(ask)
    ready.journal.clear()
    with pytest.raises(Lost):
        list(connector.push(changes_for(ready, ids)))
    assert 1 <= len(ready.journal.writes()) <= 3
    connector.ask_before_calls(None)
    outcomes = list(connector.push(changes_for(ready, ids)))
    assert {outcome.status for outcome in outcomes} == {Status.ACCEPTED}
