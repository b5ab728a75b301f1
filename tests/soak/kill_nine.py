"""`make kills`: real processes, killed by SIGKILL at random points of backfill, sync and apply, and begun again.

A life is one backfill, one sync after people did things, and one plan that is applied. In each of the three a process
dies, and so do the next two: before a call, after its answer, at a commit of the mirror, or at a write to
the journal. What is left of it is what is on disk. Another one ends its work, and then both CRMs hold what they hold
after a life in peace.

Every process is a fork of one that has everything imported and no threads: both CRMs live in one, each run in
another. So a life costs seconds, and each begins with the same people.

Beside a few people a kill costs many calls; what it costs beside many tells ``--contacts``: the life of a portal of so
many, its backfill and the sync that follows, in which processes are killed at random calls.
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
from connectors.registry import connected
from sync import lease, pipeline, pull
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
"""Rows that are stored at a time, as small beside this world as the real 20,000 are beside a real one."""

PHASES: Final = ("backfill", "sync", "apply")
DEATHS: Final = 3
"""So often a phase is cut short, once or while it goes on, before it is left to end."""

LIKELY_DEATHS: Final = 7
"""Of a life at least: a process that goes on has less to do, and may come to its end before it is killed."""

PROCESSES: Final = 2
HISTORIES: Final = 2
"""So many different lives; in the odd ones Salesforce is written by Bulk jobs."""

CALL_S: Final = 1 / 19
"""What a call takes of the runs' time, as at HubSpot's limit: what is read is stored by time as well."""

ALLOWED: Final = 100
"""Calls that a kill may cost beside many contacts: 1 % of the 10,000 that the backfill of 400,000 and the next sync
take. It does not grow with them.
"""


@dataclass(frozen=True, slots=True)
class Life:
    """Whose life, and what happens in it."""

    wishes: Wishes
    phases: Sequence[str] = PHASES
    commit_rows: int = COMMIT_ROWS
    deeds: bool = True  # whether people do things between the phases


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
    parser.add_argument("--kills", type=int, default=200, help=f"so many, up to {len(PHASES) * DEATHS} to a life")
    parser.add_argument("--seed", type=int, default=1, help="of the first life; each has the next one")
    parser.add_argument("--contacts", type=int, help="instead, a life with so many HubSpot contacts")
    wanted = parser.parse_args()
    return _beside_many(wanted.contacts, wanted.kills, wanted.seed) if wanted.contacts else _many_lives(wanted)


def _many_lives(wanted: argparse.Namespace) -> int:
    began = time.monotonic()
    count = math.ceil(wanted.kills / LIKELY_DEATHS)
    calm, rough, died = Counter[str](), Counter[str](), Counter[str]()
    lives = 0
    with get_context("spawn").Pool(PROCESSES) as pool:
        for seed, calm_calls, ended, trouble in pool.imap_unordered(_live, range(wanted.seed, wanted.seed + count)):
            if trouble:
                print(f"{trouble}\nSeed {seed} failed; again: make kills KILLS=1 SEED={seed}")
                return 1
            lives += 1
            calm, rough, died = calm + calm_calls, rough + ended.calls, died + ended.died
            if lives % 10 == 0:
                print(f"{died.total()} kills in {lives} lives, {time.monotonic() - began:.0f} s", flush=True)
    for phase in PHASES:
        extra = (rough[phase] - calm[phase]) / max(1, died[phase])
        print(f"{phase}: {calm[phase] / lives:.0f} calls in peace, each of {died[phase]} kills costs {extra:.0f} more")
    extra = (rough.total() - calm.total()) / max(1, died.total())
    share = f"which is 1 % of {100 * extra:,.0f} calls (see --contacts)"
    print(f"all: {calm.total() / lives:.0f} calls in peace, a kill costs {extra:.0f} more, {share}")
    spent = f"{time.monotonic() - began:.0f} s"
    print(f"{died.total()} kills in {lives} lives, {spent}: both CRMs end as they do in peace.")
    return 0


def _beside_many(contacts: int, kills: int, seed: int) -> int:
    """A life in peace and one with so many kills at random calls of it; what one of them costs."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    wishes = Wishes(seed=seed, people=0, contacts=contacts)
    life = Life(wishes, ("backfill", "sync"), pull.COMMIT_ROWS, deeds=False)
    began = time.monotonic()
    calm = _life(life, [])
    print(f"{contacts:,} contacts in peace: {dict(calm.calls)} calls, {time.monotonic() - began:.0f} s", flush=True)
    ended = _life(life, _at_any_call(calm, kills, random.Random(seed)))
    extra = (ended.calls.total() - calm.calls.total()) / max(1, ended.died.total())
    share = extra / calm.calls.total()
    died = ", ".join(f"{count} in the {phase}" for phase, count in ended.died.items())
    print(f"each of {ended.died.total()} kills ({died}) costs {extra:.0f} calls more, {share:.2%} of all", flush=True)
    print(f"that is 1 % of the life of {100 * share * contacts:,.0f} contacts", flush=True)
    if trouble := _trouble(calm, ended):
        print(trouble)
        return 1
    return 0 if extra <= ALLOWED else 1


def _at_any_call(calm: Ending, kills: int, chance: random.Random) -> list[Kill]:
    """Kills all over a life, each phase's in turn: what is left of a phase after one is less than before it."""
    phases = sorted(chance.choices([*calm.calls], [*calm.calls.values()], k=kills))
    return [
        Kill(phase, "call", chance.randint(1, calm.moments[phase]["call"] // phases.count(phase))) for phase in phases
    ]


def _live(seed: int) -> tuple[int, Counter[str], Ending, str]:
    """The life of a seed: calls of the same one in peace, how it ended, and what is wrong with that."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    chance = random.Random(seed)
    calm = _in_peace(seed % HISTORIES)
    kills = [Kill(phase, at, chance.randint(1, calm.moments[phase][at])) for phase in PHASES for at in _kinds(chance)]
    said = " ".join(f"{kill.phase}@{kill.at}:{kill.after}" for kill in kills)
    try:
        ended = _life(_of_history(seed % HISTORIES), kills)
    except Exception:  # noqa: BLE001 - whatever goes wrong in a life is news
        return seed, calm.calls, Ending(), f"{said}: {traceback.format_exc()}"
    trouble = _trouble(calm, ended)
    return seed, calm.calls, ended, trouble and f"{said}: {trouble}"


def _kinds(chance: random.Random) -> list[str]:
    return [chance.choice(KINDS) for _ in range(DEATHS)]


@functools.lru_cache
def _in_peace(history: int) -> Ending:
    return _life(_of_history(history), [])


def _of_history(history: int) -> Life:
    return Life(Wishes(seed=history, people=PEOPLE, bulk_above=5 if history % 2 else 2000))


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
        for phase in life.phases:
            if phase != "backfill" and life.deeds:
                ask("history")
            if phase == "apply":
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
