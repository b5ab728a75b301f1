"""`make kills`: real processes, killed by SIGKILL at random points of backfill, sync and apply, and begun again.

A life is one backfill, one sync after people did things, and one plan that is applied. In each of the three a process
dies, and so do the next two: before a call, after its answer, at a commit of the mirror, or at a write to
the journal. What is left of it is what is on disk. Another one ends its work, and then both CRMs hold what they hold
after a life in peace.

Every process is a fork of one that has everything imported and no threads: both CRMs live in one, each run in
another. So a life costs seconds, and each begins with the same people.

Beside a few people a kill costs many calls. With ``--contacts`` the lives are those of a portal of so many, in small:
there are a twentieth of them, and whatever is counted in records (pages, batches, commits) is a twentieth, too, so that
every life takes as many calls as the whole portal would. Each is cut short once; all kills together may cost
1 % of the calls.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import logging
import math
import os
import random
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from multiprocessing import Pipe, get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from unittest import mock

import structlog

from connectors.clock import FakeClock
from connectors.hubspot import ahead, links, listing, objects, revisit, searching, writer
from connectors.registry import connected
from sync import apply, changes, lease, pipeline, pull
from tests.sandboxes import NOW
from tests.soak.kills import KINDS, NEVER, Process, living
from tests.soak.world import APART, SEEN, Wishes, World, world

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime
    from multiprocessing.connection import Connection

    from config.model import Model
    from config.settings import Settings

PEOPLE: Final = 60
DEEDS: Final = 40
COMMIT_ROWS: Final = 100
"""Rows that are stored at a time, as small beside this world as the real 40,000 are beside a real one."""

PHASES: Final = ("backfill", "sync", "apply")
AFTERWARDS: Final = "sync afterwards"
DEATHS: Final = 3
"""So often a phase is cut short, once or while it goes on, before it is left to end."""

LIKELY_DEATHS: Final = 7
"""Of a life at least: a process that goes on has less to do, and may come to its end before it is killed."""

SPARE: Final = 10
"""Lives beyond twice those that should do, after which too few kills are no chance any more."""

PROCESSES: Final = 2
HISTORIES: Final = 2
"""So many different lives; in the odd ones Salesforce is written by Bulk jobs."""

CALL_S: Final = 1 / 19
"""What a call takes of the runs' time, as at HubSpot's limit: what is read is stored by time as well."""

IN_SMALL: Final = 20
"""So many contacts of a portal are one of its life in small."""

COUNTED: Final = (
    (ahead, "BARE_CHUNK"), (ahead, "CHUNK"), (apply, "NOTE_EVERY"), (changes, "SLICE"), (links, "AT_ONCE"),
    (listing, "LIST_PAGE"), (listing, "WORTH_SPLITTING"), (objects, "READ_AT_ONCE"), (revisit, "AT_ONCE"),
    (searching, "CAP"), (searching, "SEARCH_PAGE"), (writer, "AT_ONCE"),
)  # fmt: skip
"""What is counted in records of HubSpot, but for what is stored at a time."""

ALLOWED: Final = 0.01
"""Calls that all kills of large portals may cost, as a share of those in peace."""


@dataclass(frozen=True, slots=True)
class Life:
    """Whose life, and what happens in it."""

    wishes: Wishes
    commit_rows: int = COMMIT_ROWS
    new_model: bool = False  # whether what is applied is the plan of another model, which changes most people


@dataclass(frozen=True, slots=True)
class Kill:
    """Where the process of a phase dies: at the so-manieth moment of a kind."""

    phase: str
    at: str
    after: int


@dataclass
class Ending:
    """What a life came to: values in both CRMs, calls and deaths by phase, moments by phase and kind, rows written by
    jobs.
    """

    values: Mapping[Any, Any] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    moments: dict[str, dict[str, int]] = field(default_factory=dict)
    job_rows: Counter[tuple[str, str]] = field(default_factory=Counter)
    died: Counter[str] = field(default_factory=Counter)


class _Mortal(Process):
    """This very process, which ends itself so that nothing of it can run any more. Its time passes with its calls."""

    clock: FakeClock | None = None

    def moment(self, kind: str) -> None:
        if self.clock is not None and kind == "call":
            self.clock.sleep(CALL_S)
        with self._lock:
            self.moments[kind] = count = self.moments.get(kind, 0) + 1
            if kind == self.at and count >= self.after:
                os.kill(os.getpid(), signal.SIGKILL)


def main() -> int:
    """0 when every life ends like the one in peace."""
    parser = argparse.ArgumentParser(prog="make kills", description=__doc__)
    parser.add_argument(
        "--kills", type=int, default=200, help=f"so many or a few more, up to {len(PHASES) * DEATHS} to a life"
    )
    parser.add_argument("--seed", type=int, default=1, help="of the first life; each has the next one")
    parser.add_argument("--contacts", type=int, help="lives of portals of so many HubSpot contacts, in small")
    wanted = parser.parse_args()
    began = time.monotonic()
    each = 1 if wanted.contacts else LIKELY_DEATHS
    calm, rough, died = Counter[str](), Counter[str](), Counter[str]()
    lives = 0
    with get_context("spawn").Pool(PROCESSES) as pool:
        live = functools.partial(_live, wanted.contacts)
        while died.total() < wanted.kills:  # a process may come to its end before it is killed
            first = wanted.seed + lives
            count = math.ceil((wanted.kills - died.total()) / each)
            if lives > 2 * math.ceil(wanted.kills / each) + SPARE:
                print(f"Only {died.total()} kills in {lives} lives: processes are not killed where they should be.")
                return 1
            for seed, calm_calls, ended, trouble in pool.imap_unordered(live, range(first, first + count)):
                if trouble:
                    again = f"KILLS=1 SEED={seed}" + (f" CONTACTS={wanted.contacts}" if wanted.contacts else "")
                    print(f"{trouble}\nSeed {seed} failed; again: make kills {again}")
                    return 1
                lives += 1
                calm, rough, died = calm + calm_calls, rough + ended.calls, died + ended.died
                if lives % 10 == 0:
                    print(f"{died.total()} kills in {lives} lives, {time.monotonic() - began:.0f} s", flush=True)
    for phase in PHASES:
        extra = (rough[phase] - calm[phase]) / max(1, died[phase])
        print(f"{phase}: {calm[phase] / lives:.0f} calls in peace, each of {died[phase]} kills costs {extra:.0f} more")
    extra = (rough.total() - calm.total()) / max(1, died.total())
    share = (rough.total() - calm.total()) / calm.total()
    print(f"{AFTERWARDS}: {calm[AFTERWARDS] / lives:.0f} calls in peace, {rough[AFTERWARDS] / lives:.0f} after kills")
    print(f"all: {calm.total() / lives:.0f} calls in peace, a kill costs {extra:.0f} more, all together {share:.2%}")
    spent = f"{time.monotonic() - began:.0f} s"
    print(f"{died.total()} kills in {lives} lives, {spent}: both CRMs end as they do in peace.")
    return 0 if not wanted.contacts or share <= ALLOWED else 1


def _live(contacts: int | None, seed: int) -> tuple[int, Counter[str], Ending, str]:
    """The life of a seed: calls of the same one in peace, how it ended, and what is wrong with that."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    chance = random.Random(seed)
    history = 0 if contacts else seed % HISTORIES
    calm = _in_peace(history, contacts)
    places = (
        [(PHASES[seed % len(PHASES)], chance.choice(KINDS))]
        if contacts
        else [(phase, at) for phase in PHASES for at in _kinds(chance)]
    )
    kills = [Kill(phase, at, chance.randint(1, calm.moments[phase][at])) for phase, at in places]
    said = " ".join(f"{kill.phase}@{kill.at}:{kill.after}" for kill in kills)
    try:
        with _in_small(contacts):
            ended = _life(_of_history(history, contacts), kills)
    except Exception:  # noqa: BLE001 - whatever goes wrong in a life is news
        return seed, calm.calls, Ending(), f"{said}: {traceback.format_exc()}"
    trouble = _trouble(calm, ended)
    return seed, calm.calls, ended, trouble and f"{said}: {trouble}"


def _kinds(chance: random.Random) -> list[str]:
    return [chance.choice(KINDS) for _ in range(DEATHS)]


@functools.lru_cache
def _in_peace(history: int, contacts: int | None) -> Ending:
    with _in_small(contacts):
        return _life(_of_history(history, contacts), [])


def _of_history(history: int, contacts: int | None) -> Life:
    if contacts:
        wishes = Wishes(seed=history, people=PEOPLE, contacts=contacts // IN_SMALL)
        return Life(wishes, commit_rows=pull.COMMIT_ROWS // IN_SMALL, new_model=True)
    return Life(Wishes(seed=history, people=PEOPLE, bulk_above=5 if history % 2 else 2000))


@contextlib.contextmanager
def _in_small(contacts: int | None) -> Iterator[None]:
    """What is counted in records is as small as the lives of so many contacts are, if there are to be such lives."""
    with contextlib.ExitStack() as stack:
        if contacts:
            for module, name in COUNTED:
                stack.enter_context(mock.patch.object(module, name, getattr(module, name) // IN_SMALL))
        yield


def _trouble(calm: Ending, ended: Ending) -> str:
    keys = calm.values.keys() | ended.values.keys()
    pairs = {key: (calm.values.get(key), ended.values.get(key)) for key in keys}
    differing = {key: pair for key, pair in pairs.items() if pair[0] != pair[1]}
    if differing or not any(calm.values.values()):
        return f"the CRMs end with other values (calm, killed): {differing}"
    if ended.left:
        return f"jobs were left open: {ended.left}"
    twice = {row: times for row, times in ended.job_rows.items() if times > 1}
    return f"rows were sent by two jobs: {twice}" if twice else ""


# --- a life


def _life(life: Life, kills: Sequence[Kill]) -> Ending:
    """From an empty store to the end of the last phase, in processes that die as `kills` say."""
    ended = Ending()
    with tempfile.TemporaryDirectory(prefix="kills") as folder, _crms(Path(folder) / "state", life.wishes) as ask:
        settings, model = ask("settings"), ask("model")
        file = Path(folder) / "plan.jsonl"
        for phase in PHASES:
            if phase != "backfill":
                ask("history")
            if phase == "apply":
                model = ask("new model") if life.new_model else model
                _must(_process(ask, settings, model, "plan", None, ended, life.commit_rows, file=file), {0})
            before = ask("calls")
            options = {"file": file} if phase == "apply" else {}
            for kill in [*(kill for kill in kills if kill.phase == phase), None]:
                code = _process(ask, settings, model, phase, kill, ended, life.commit_rows, **options)
                if code != -signal.SIGKILL:
                    break
                ended.died[phase] += 1
            _must(code, {0})
            ended.calls[phase] = ask("calls") - before
        before = ask("calls")
        # What a killed apply wrote, the next process has read: in peace, the sync that follows does.
        _must(_process(ask, settings, model, "sync", None, Ending(), life.commit_rows), {0})
        ended.calls[AFTERWARDS] = ask("calls") - before
        ended.values, ended.left, ended.job_rows = ask("values"), ask("left"), ask("job_rows")
    return ended


def _must(code: int, allowed: set[int]) -> None:
    if code not in allowed:
        raise AssertionError(f"a run ended with {code}")


def _process(
    ask: Callable[[str], Any],
    settings: Settings,
    model: Model,
    kind: Any,
    kill: Kill | None,
    ended: Ending,
    commit_rows: int,
    **options: Any,
) -> int:
    """One run in a process of its own; its exit code, negative when a signal ended it. Time passes afterwards."""
    ours, theirs = Pipe(duplex=False)
    now = ask("now")
    pid = os.fork()
    if pid == 0:
        _in_child(lambda: theirs.send(_run(settings, model, kind, kill, now, commit_rows, options)))
    theirs.close()
    try:
        code, moments = ours.recv()
        ended.moments[kind] = moments
    except EOFError:
        code = None
    _, status = os.waitpid(pid, 0)
    ours.close()
    ask("wait")
    return code if code is not None else os.waitstatus_to_exitcode(status)


def _run(
    settings: Settings,
    model: Model,
    kind: Any,
    kill: Kill | None,
    now: datetime,
    commit_rows: int,
    options: dict[str, Any],
) -> tuple[int, dict[str, int]]:
    process = _Mortal(kill.at if kill else "", kill.after if kill else NEVER)
    process.clock = clock = FakeClock(now)
    with (
        mock.patch.object(pull, "COMMIT_ROWS", commit_rows),
        mock.patch.object(os, "cpu_count", return_value=1),
        living(process, holder=lease.this_process()),
        connected(settings, clock) as connectors,
    ):
        report = pipeline.run(
            kind, settings=settings, model=model, connectors=connectors, clock=clock, approve=True, **options
        )
    if report.exit_code:
        print(report.failure or report.written, file=sys.stderr)
    return report.exit_code, process.moments


def _in_child(work: Callable[[], object]) -> None:
    """Do it and end, whatever happens: the parent's blocks of `finally` are not ours."""
    try:
        work()
    except BaseException:  # noqa: BLE001 - told on the way out
        traceback.print_exc()
        os._exit(99)
    os._exit(0)


# --- both CRMs, in a process of their own


@contextlib.contextmanager
def _crms(folder: Path, wishes: Wishes) -> Iterator[Callable[[str], Any]]:
    """A process that serves both CRMs, and the way to ask it something."""
    ours, theirs = Pipe()
    pid = os.fork()
    if pid == 0:
        ours.close()
        _in_child(lambda: _serve(folder, wishes, theirs))
    theirs.close()

    def ask(what: str) -> Any:
        ours.send(what)
        return ours.recv()

    try:
        yield ask
    finally:
        ours.close()
        os.waitpid(pid, 0)


def _serve(folder: Path, wishes: Wishes, questions: Connection) -> None:
    with world(folder, wishes, runs_here=False) as house:
        answers: dict[str, Callable[[], Any]] = {
            "settings": lambda: house.settings,
            "model": lambda: house.model,
            "new model": house.new_model,
            "now": house.crms.shared.clock.now,
            "wait": lambda: house.crms.shared.clock.advance(APART.total_seconds()),
            "history": lambda: _go_on(house),
            "calls": house.crms.shared.journal.counts.total,
            "values": house.values,
            "left": house.open_jobs,
            "job_rows": lambda: _rows_of_jobs(house),
        }
        with contextlib.suppress(EOFError):
            while True:
                questions.send(answers[questions.recv()]())


def _go_on(house: World) -> None:
    """People do things for a day."""
    house.wait_until(NOW + timedelta(days=(house.crms.shared.clock.now() - NOW).days + 1))
    house.history.go_on(DEEDS)
    house.crms.shared.clock.advance(SEEN.total_seconds())


def _rows_of_jobs(house: World) -> Counter[tuple[str, str]]:
    """How often each record was given the same values by a job."""
    jobs = [job for job in house.crms.org.jobs.values() if job.kind == "ingest"]
    return Counter((row[0], "|".join(row[2:])) for job in jobs for row in job.succeeded)


if __name__ == "__main__":
    sys.exit(main())
