"""What every connector does when a call of it goes wrong, whichever call that is; see `rig.py` for the words.

A trouble strikes at call k of a small piece of work, for every k.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from connectors.base import Change, Status
from connectors.errors import ConfigProblem, ConnectorError, LimitReached
from connectors.hubspot import ahead
from tests.connectors.facts_of import Facts

if TYPE_CHECKING:
    from connectors.base import Outcome
    from tests.connectors.rig import Rig

CUTS = ({"name": "no_answer"}, {"name": "cut", "after": 0}, {"name": "cut", "after": 9})
"""The connection ends before the call has its effect, after it, and in the middle of the answer."""


def streams(rig: Rig) -> list[str]:
    """A few streams of every kind, so that a pull takes few calls."""
    return [*rig.record_streams, *rig.activity_streams, *rig.marketing_streams, "removals"]


def people(rig: Rig, count: int) -> list[str]:
    """People of whom one has done something; another, whom the ids do not hold, is gone."""
    ids = [rig.person(number) for number in range(count)]
    rig.log_activity(ids[0], 1)
    rig.engage(ids[1])
    rig.delete(rig.person(count))
    rig.settle()
    return ids


def push(rig: Rig, ids: list[str], way: int, score: int) -> tuple[list[Outcome], ConnectorError | None]:
    """Outcomes, at most one per record, and what ended the push early."""
    outcomes: list[Outcome] = []
    failure = None
    connector = rig.connector(**rig.ways_to_push[way])
    try:
        outcomes.extend(connector.push(Change(rig.kind, record_id, {"fit_score": score}) for record_id in ids))
    except ConnectorError as error:
        failure = error
    assert max(Counter(outcome.record_id for outcome in outcomes).values(), default=0) <= 1
    assert failure or len(outcomes) == len(ids)
    return outcomes, failure


def stored(rig: Rig, ids: list[str]) -> set[str | None]:
    return {rig.stored(record_id, "fit_score") for record_id in ids}


def way_of(rig: Rig, number: int) -> int:
    if number >= len(rig.ways_to_push):
        pytest.skip(f"{rig.crm} is written to in {len(rig.ways_to_push)} ways")
    return number


@pytest.mark.slow
def test_a_pull_survives_a_connection_that_is_cut_at_any_call(rig: Rig) -> None:
    people(rig, 3)
    rig.journal.clear()
    undisturbed = Facts().pull(rig.connector(), streams(rig))
    assert undisturbed.records()
    for at in range(len(rig.journal)):
        cut = CUTS[at % len(CUTS)]
        rig.troubles.set(skip=at, **cut)
        connector = rig.connector()
        assert Facts().pull(connector, streams(rig)).comparable() == undisturbed.comparable(), (at, cut)
        assert rig.troubles.names() == [], (at, cut)
        assert connector.usage().retries, (at, cut)


@pytest.mark.parametrize("number", [0, 1])
def test_a_push_survives_a_connection_that_is_cut_at_any_call(rig: Rig, number: int) -> None:
    """What must not be sent twice ends as unknown, and what is unknown is settled by sending it again."""
    way = way_of(rig, number)
    rig.connector().provision(dry_run=False)
    ids = people(rig, 5)
    rig.journal.clear()
    push(rig, ids, way, 1)
    score = 1
    for at in range(len(rig.journal)):
        for cut in CUTS:
            score += 1
            rig.troubles.set(skip=at, **cut)
            outcomes, _ = push(rig, ids, way, score)
            assert {outcome.status for outcome in outcomes} <= {Status.ACCEPTED, Status.UNKNOWN}, (at, cut)
            accepted = [outcome.record_id for outcome in outcomes if outcome.status is Status.ACCEPTED]
            assert stored(rig, accepted) <= {str(score)}, (at, cut)
            again, failure = push(rig, [record_id for record_id in ids if record_id not in accepted], way, score)
            assert failure is None, (at, cut)
            assert {outcome.status for outcome in again} <= {Status.ACCEPTED}, (at, cut)
            assert stored(rig, ids) == {str(score)}, (at, cut)


@pytest.mark.parametrize("number", [0, 1])
def test_a_push_survives_a_token_that_expires_at_any_call(rig: Rig, number: int) -> None:
    way = way_of(rig, number)
    rig.connector().provision(dry_run=False)
    ids = people(rig, 120)
    rig.journal.clear()
    push(rig, ids, way, 100)
    for at in range(len(rig.journal)):
        rig.troubles.clear()
        rig.expire_token(after_calls=at)
        outcomes, failure = push(rig, ids, way, at)
        assert failure is None, at
        assert {outcome.status for outcome in outcomes} == {Status.ACCEPTED}, at
        assert stored(rig, ids) == {str(at)}, at


def test_every_verb_gets_through_when_the_token_is_refused_at_every_call(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each call is renewed for by itself: none goes out by a way that has no second try, whatever came before it."""
    monkeypatch.setattr(ahead, "READERS", 1)  # of calls side by side one would be refused twice, another not at all
    ids = people(rig, 3)
    undisturbed = Facts().pull(rig.connector())
    rig.settle()  # what that pull took of the allowances is given back
    rig.expire_token(always=True)
    connector = rig.connector()
    assert connector.identify().account_id == rig.account_id
    assert {step.status for step in connector.provision(dry_run=False)} <= {"created", "exists"}
    assert [finding for finding in connector.check() if finding.level == "fail"] == []
    assert Facts().pull(connector).comparable() == undisturbed.comparable()
    assert [batch.rows.num_rows for batch in connector.revisit(ids)] in ([], [3])
    for number in range(len(rig.ways_to_push)):
        outcomes, failure = push(rig, ids, number, number)
        assert failure is None
        assert {outcome.status for outcome in outcomes} == {Status.ACCEPTED}
        assert stored(rig, ids) == {str(number)}
    refused = [call for call in rig.journal if call.status == 401]
    assert len(refused) > len(rig.journal) / 4


def test_every_limit_delays_a_pull_and_a_push_but_loses_nothing(rig: Rig) -> None:
    rig.connector().provision(dry_run=False)
    ids = people(rig, 3)
    undisturbed = Facts().pull(rig.connector(), streams(rig))
    for limit in rig.limits:
        rig.troubles.set(times=2, skip=2, **limit)
        connector = rig.connector()
        assert Facts().pull(connector, streams(rig)).comparable() == undisturbed.comparable(), limit
        assert rig.troubles.names() == [], limit
        assert connector.usage().retries >= 2, limit
        assert connector.usage().waited_s >= 2 * limit.get("retry_after", 0.2), limit
    for number, limit in enumerate(rig.limits):
        rig.troubles.set(times=2, **limit)
        outcomes, failure = push(rig, ids, 0, number)
        assert failure is None, limit
        assert {outcome.status for outcome in outcomes} == {Status.ACCEPTED}, limit
        assert stored(rig, ids) == {str(number)}, limit


def test_a_used_up_day_stops_a_pull_at_any_call_and_another_day_goes_on(rig: Rig) -> None:
    people(rig, 3)
    rig.journal.clear()
    few = [*rig.record_streams, *rig.activity_streams]
    undisturbed = Facts().pull(rig.connector(), few)
    stops = 0
    for at in range(len(rig.journal)):
        rig.troubles.clear()
        rig.troubles.set(skip=at, **rig.daily_limit)
        facts = Facts()
        with contextlib.suppress(LimitReached):
            facts.pull(rig.connector(), few)
        stopped = not rig.troubles.names()
        assert (facts.comparable() == undisturbed.comparable()) or stopped, at
        stops += stopped
        rig.troubles.clear()
        assert facts.pull(rig.connector(), few).comparable() == undisturbed.comparable(), at
    # Logins, and whatever else the quota does not count, leave places behind the last call.
    assert stops > 5


@pytest.mark.parametrize("number", [0, 1])
def test_a_used_up_day_stops_a_push_at_any_call_with_state_known(rig: Rig, number: int) -> None:
    way = way_of(rig, number)
    rig.connector().provision(dry_run=False)
    ids = people(rig, 5)
    rig.journal.clear()
    push(rig, ids, way, 100)
    for at in range(len(rig.journal)):
        rig.troubles.clear()
        rig.troubles.set(skip=at, **rig.daily_limit)
        outcomes, failure = push(rig, ids, way, at)
        assert isinstance(failure, LimitReached) or rig.troubles.names(), at
        accepted = [outcome.record_id for outcome in outcomes if outcome.status is Status.ACCEPTED]
        assert stored(rig, accepted) <= {str(at)}, at
        rig.troubles.clear()
        again, _ = push(rig, [record_id for record_id in ids if record_id not in accepted], way, at)
        assert {outcome.status for outcome in again} <= {Status.ACCEPTED}, at
        assert stored(rig, ids) == {str(at)}, at


def test_provisioning_that_is_cut_at_any_call_is_completed_by_the_next(rig: Rig) -> None:
    """Once all is there, no call makes anything; so each place is tried on what the places before it have left."""
    at = 0
    while True:
        rig.troubles.set("cut", skip=at, after=0)
        connector = rig.connector()
        try:
            made = connector.provision(dry_run=False)
        except ConnectorError:
            assert rig.troubles.names() == []
            made = rig.connector().provision(dry_run=False)
        assert len({step.what for step in made}) == len(made)
        if rig.troubles.names():
            break
        at += 1
    assert {step.status for step in rig.connector().provision(dry_run=False)} == {"exists"}
    assert [finding for finding in rig.connector().check() if finding.level == "fail"] == []


def test_provisioning_refuses_a_name_that_is_taken_before_it_writes_anything(rig: Rig) -> None:
    rig.take_name("engagement_score")
    for dry_run in (True, False):
        with pytest.raises(ConfigProblem, match=r"(?i)engagement_score") as refused:
            rig.connector().provision(dry_run=dry_run)
        assert refused.value.remedy
    assert rig.journal.writes(rig.crm) == []
