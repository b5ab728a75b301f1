"""The door's order (retry, auth, budget, timeout, send) and its promises, on pure callables and a fake clock."""

from __future__ import annotations

import json
import threading
from collections import deque
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import structlog

from connectors.budget import Budget
from connectors.clock import FakeClock
from connectors.door import (
    FIRST_WAIT_S,
    JITTER_S,
    STRANGER_S,
    Again,
    Door,
    FixedToken,
    Good,
    Renew,
    Request,
    Response,
    TransportError,
)
from connectors.errors import AuthStop, LimitReached, OutcomeUnknown, Unreachable
from connectors.hubspot.auth import RefreshedToken

if TYPE_CHECKING:
    from connectors.door import Verdict

START = datetime(2026, 5, 1, tzinfo=UTC)
OK = Response(200, {}, b'{"ok": true}')
READ = Request("GET", "/things")


class Script:
    """Answers (or errors, or calls) one after the other; remembers the tokens and times of the attempts."""

    def __init__(self, clock: FakeClock, *steps: Any) -> None:
        self.clock = clock
        self.steps = deque(steps)
        self.tokens = []
        self.times = []

    def __call__(self, request: Request, token: str) -> Response:
        self.tokens.append(token)
        self.times.append(self.clock.monotonic())
        step = self.steps.popleft() if len(self.steps) > 1 else self.steps[0]
        if isinstance(step, Exception):
            raise step
        return step


class Tokens:
    def __init__(self, *tokens: str) -> None:
        self.left = deque(tokens)
        self.renewed = []

    def current(self) -> str:
        return self.left[0]

    def renew(self, refused: str) -> str:
        self.renewed.append(refused)
        self.left.popleft()
        if not self.left:
            raise AuthStop("no more tokens.", crm="test")
        return self.left[0]


def judge(request: Request, response: Response) -> Verdict:
    match response.status:
        case 401:
            return Renew(AuthStop("refused.", crm="test"))
        case 429:
            return Again("rate limit", float(response.headers["retry-after"]), pause=True)
        case 502:
            return Again("status 502", maybe_done=True)
        case 503:
            return Again("status 503")
        case 403:
            return LimitReached("the day is used up.", crm="test")
    return Good()


def door_of(
    script: Script, tokens: Any = None, *, limit: int = 1000, window_s: float = 10.0, deadline_s: float = 300.0
) -> Door:
    clock = script.clock
    return Door(
        crm="test",
        send=script,
        judge=judge,
        tokens=tokens or Tokens("t1"),
        budgets={"general": Budget(limit, window_s, clock)},
        clock=clock,
        deadline_s=deadline_s,
        seed=7,
    )


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(START)


def answer(status: int, **headers: str) -> Response:
    return Response(status, {name.replace("_", "-"): value for name, value in headers.items()}, b"")


def test_a_good_answer_is_given_back_at_once(clock: FakeClock) -> None:
    script = Script(clock, OK)
    assert door_of(script).call(READ).json() == {"ok": True}
    assert clock.slept == []


def test_backoff_doubles_with_jitter_and_is_drawn_once_per_attempt(clock: FakeClock) -> None:
    script = Script(clock, answer(503), answer(503), answer(503), OK)
    door = door_of(script)
    door.call(READ)
    for attempt, slept in enumerate(clock.slept):
        assert 0.5 * FIRST_WAIT_S * 2**attempt <= slept <= FIRST_WAIT_S * 2**attempt
    assert len(clock.slept) == 3
    usage = door.usage()
    assert (usage.calls, usage.retries, usage.by_reason) == (4, 3, {"status 503": 3})
    assert usage.waited_s == pytest.approx(sum(clock.slept))


def test_what_the_server_asks_for_is_granted_in_full(clock: FakeClock) -> None:
    script = Script(clock, answer(429, retry_after="120"), OK)
    door_of(script).call(READ)
    assert 120 <= script.times[1] <= 120 + JITTER_S


def test_a_wait_beyond_the_deadline_stops_the_run_at_once_instead_of_being_shortened(clock: FakeClock) -> None:
    script = Script(clock, answer(429, retry_after="3600"), OK)
    with pytest.raises(Unreachable, match="asked for 3600 s"):
        door_of(script).call(READ)
    assert clock.slept == []
    assert len(script.times) == 1


def test_a_zero_wait_asked_by_the_server_cannot_spin_for_ever(clock: FakeClock) -> None:
    script = Script(clock, answer(429, retry_after="0"))
    with pytest.raises(Unreachable):
        door_of(script, deadline_s=30.0).call(READ)
    assert clock.monotonic() <= 30.0


def test_the_deadline_ends_endless_trouble_and_says_what_the_trouble_was(clock: FakeClock) -> None:
    script = Script(clock, OK, TransportError("timeout"))
    door = door_of(script)
    door.call(READ)
    with pytest.raises(Unreachable, match=r"GET /things .* within 300 s \(last: timeout\)"):
        door.call(READ)
    assert clock.monotonic() <= 300.0
    assert len(script.times) > 5


@pytest.mark.parametrize(
    "trouble",
    [TransportError("no connection", sent=False), TransportError("connection lost"), answer(502)],
    ids=["nobody there", "hangs up", "an edge with nothing behind it"],
)
def test_a_server_that_never_made_sense_is_given_up_soon_and_the_address_is_doubted(
    clock: FakeClock, trouble: Any
) -> None:
    script = Script(clock, trouble)
    with pytest.raises(Unreachable, match=r"within 10 s .* Check the address"):
        door_of(script).call(READ)
    assert clock.monotonic() <= STRANGER_S


def test_a_server_that_says_when_to_come_back_is_no_stranger(clock: FakeClock) -> None:
    script = Script(clock, *[answer(429, retry_after="10")] * 5, OK)
    door_of(script).call(READ)
    assert clock.monotonic() > STRANGER_S


def test_a_server_that_was_reached_once_is_waited_for(clock: FakeClock) -> None:
    script = Script(clock, OK, TransportError("no connection", sent=False))
    door = door_of(script)
    door.call(READ)
    with pytest.raises(Unreachable, match="within 300 s"):
        door.call(READ)
    assert clock.monotonic() > STRANGER_S


def test_one_refused_token_means_one_renewal_and_one_more_try(clock: FakeClock) -> None:
    tokens = Tokens("old", "new")
    script = Script(clock, answer(401), OK)
    door_of(script, tokens).call(READ)
    assert script.tokens == ["old", "new"]
    assert tokens.renewed == ["old"]
    assert clock.slept == []


def test_a_second_refusal_stops_for_auth(clock: FakeClock) -> None:
    script = Script(clock, answer(401))
    with pytest.raises(AuthStop, match="refused"):
        door_of(script, Tokens("old", "new", "newer")).call(READ)
    assert script.tokens == ["old", "new"]


def test_a_fixed_token_cannot_be_renewed(clock: FakeClock) -> None:
    script = Script(clock, answer(401))
    with pytest.raises(AuthStop, match="was refused"):
        door_of(script, FixedToken("t", "test")).call(READ)
    assert len(script.tokens) == 1


def test_a_call_renews_once_however_often_it_is_tried_again(clock: FakeClock) -> None:
    tokens = Tokens("t1", "t2", "t3")
    with pytest.raises(AuthStop, match="refused"):
        door_of(Script(clock, answer(401), answer(503), answer(401)), tokens).call(READ)
    assert tokens.renewed == ["t1"]


def test_12_a_renewal_that_met_trouble_is_tried_again(clock: FakeClock) -> None:
    class Unreachable(Tokens):
        def renew(self, refused: str) -> str:
            if not self.renewed:
                self.renewed.append(refused)
                raise TransportError("no connection")
            return super().renew(refused)

    tokens = Unreachable("old", "new")
    script = Script(clock, answer(401), answer(401), OK)
    door_of(script, tokens).call(READ)
    assert script.tokens == ["old", "old", "new"]
    assert tokens.renewed == ["old", "old"]
    assert len(clock.slept) == 1


def test_12_calls_that_meet_the_refusal_at_once_share_one_renewal(clock: FakeClock) -> None:
    together, renewals = threading.Barrier(6, timeout=10), []

    def send(request: Request, token: str) -> Response:
        if token == "old":
            together.wait()
            return answer(401)
        return OK

    def post(*_: Any) -> Response:
        renewals.append(1)
        name = "new" if len(renewals) > 1 else "old"
        return Response(200, {}, json.dumps({"access_token": name, "expires_in": 1800}).encode())

    door = door_of(Script(clock, OK), RefreshedToken({}, post, clock))
    door._send = send
    threads = [threading.Thread(target=door.call, args=(READ,)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(renewals) == 2, "the first token, and one renewal"
    assert door.usage().calls == 12


def test_every_retry_takes_a_fresh_token(clock: FakeClock) -> None:
    tokens = Tokens("t1", "t2")
    script = Script(clock, answer(503), OK)
    send = script.__call__

    def expire_between(request: Request, token: str) -> Response:
        try:
            return send(request, token)
        finally:
            if len(tokens.left) > 1:
                tokens.left.popleft()

    door = door_of(script, tokens)
    door._send = expire_between
    door.call(READ)
    assert script.tokens == ["t1", "t2"]


def test_trouble_at_the_token_endpoint_is_tried_again(clock: FakeClock) -> None:
    class Flaky(Tokens):
        def __init__(self) -> None:
            super().__init__("t1")
            self.troubles = 2

        def current(self) -> str:
            if self.troubles:
                self.troubles -= 1
                raise TransportError("token endpoint: status 502", sent=False)
            return super().current()

    script = Script(clock, OK)
    door = door_of(script, Flaky())
    door.call(READ)
    assert door.usage().by_reason == {"token endpoint: status 502": 2}
    assert len(script.times) == 1


@pytest.mark.parametrize("trouble", [TransportError("connection lost"), answer(502)])
def test_what_must_not_be_repeated_ends_unknown_when_it_may_have_arrived(clock: FakeClock, trouble: Any) -> None:
    script = Script(clock, trouble, OK)
    with pytest.raises(OutcomeUnknown):
        door_of(script).call(Request("POST", "/things", repeatable=False))
    assert len(script.times) == 1


@pytest.mark.parametrize("trouble", [TransportError("no connection", sent=False), answer(503)])
def test_a_request_that_did_not_arrive_is_sent_again_even_when_not_repeatable(clock: FakeClock, trouble: Any) -> None:
    script = Script(clock, trouble, OK)
    door_of(script).call(Request("POST", "/things", repeatable=False))
    assert len(script.times) == 2


def test_a_used_up_day_ends_the_run_without_a_retry(clock: FakeClock) -> None:
    script = Script(clock, answer(403))
    with pytest.raises(LimitReached):
        door_of(script).call(READ)
    assert len(script.times) == 1


@pytest.mark.parametrize(("limit", "window_s"), [(1, 1.0), (5, 1.0), (19, 10.0)])
def test_no_window_holds_more_calls_than_the_budget(clock: FakeClock, limit: int, window_s: float) -> None:
    script = Script(clock, OK)
    door = door_of(script, limit=limit, window_s=window_s)
    for _ in range(4 * limit):
        door.call(READ)
        clock.advance(0.013)
    times = script.times
    assert all(later - earlier >= window_s - 1e-9 for earlier, later in zip(times, times[limit:], strict=False))
    assert times[-1] <= 4 * window_s + 1


def test_a_retry_pays_its_budget_again(clock: FakeClock) -> None:
    script = Script(clock, answer(503), OK)
    door = door_of(script, limit=1, window_s=10.0)
    door.call(READ)
    assert script.times[1] >= 10.0


def test_a_429_pauses_all_who_share_the_budget(clock: FakeClock) -> None:
    budget = Budget(100, 10.0, clock)
    first = Script(clock, answer(429, retry_after="10"), OK)
    door = door_of(first)
    door._budgets = {"general": budget}
    door.call(READ)
    budget.pause(5.0)
    before = clock.monotonic()
    assert budget.acquire() >= 5.0
    assert clock.monotonic() - before >= 5.0


def test_11_a_pause_longer_than_anybodys_patience_stops_the_others_too_and_says_when_it_may_go_on(
    clock: FakeClock,
) -> None:
    script = Script(clock, answer(429, retry_after="3600"), OK)
    door = door_of(script)
    for _ in range(2):  # the call that was told, and the next one, which is not even sent
        with pytest.raises(Unreachable, match="asked for 3600 s") as stopped:
            door.call(READ)
        assert stopped.value.resets_at == START + timedelta(hours=1)
        assert "It may go on at 2026-05-01 01:00 UTC." in str(stopped.value)
    assert len(script.times) == 1
    clock.advance(3600)
    assert door.call(READ) == OK


def test_logs_and_errors_hold_neither_token_nor_parameters_nor_labelled_paths(clock: FakeClock) -> None:
    secret, address = "pat-canary-123", "canary@example.com"
    request = Request(
        "GET", f"/contacts/{address}", params={"email": address}, json={"email": address}, label="contact"
    )
    script = Script(clock, TransportError("timeout"))
    with structlog.testing.capture_logs() as logs, pytest.raises(Unreachable) as caught:
        door_of(script, Tokens(secret)).call(request)
    text = json.dumps(logs) + str(caught.value)
    assert logs
    assert "GET contact" in text
    assert secret not in text
    assert "canary" not in text


@pytest.mark.parametrize("body", [b"<html>", b"", b"\xff\xfe", b'{"cut": '])
def test_what_is_not_json_reads_as_nothing(body: bytes) -> None:
    assert Response(200, {}, body).json() is None


def test_83_a_token_that_the_server_repeats_in_its_error_is_struck_before_anybody_reads_it(clock: FakeClock) -> None:
    secret = "CLvaCanaryOAuthToken"
    said = Response(400, {}, b'{"message": "the token %s has expired"}' % secret.encode())
    door = door_of(Script(clock, said), Tokens(secret))
    assert door.call(READ).json() == {"message": "the token <token> has expired"}
