"""Seven days of the daemon in an hour's worth of seconds: its own loop and agenda, under a clock that leaps.

People go on with their deeds, also while a run waits; the CRMs' limits bind; every few runs meet troubles, some end in
the death of the process, whose successor goes on; tokens expire; one day the credentials are refused for a while; for
six hours of another nobody can be reached. At the end all that `scenario` asks for must hold, and more: never longer
than an hour without a success but for the outage, and no more memory than after the first day. What the daemon serves
over HTTP, and whom it tells of what, an `onlooker` holds against what happened.
"""

from __future__ import annotations

import ctypes
import gc
import random
import re
import signal
import tempfile
import threading
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from config.daemon_settings import ScheduleSettings
from sync.daemon import Daemon, Ended
from sync.progress import Silent
from sync.pulse import Watched
from sync.stop import Stop
from tests.connectors.rig import SandboxTime
from tests.soak import disturbances
from tests.soak.kills import KINDS, Killed, Process
from tests.soak.onlooker import onlooker
from tests.soak.scenario import LIKELY_MOMENTS, Ending, Story, compare, must, until_quiet, words
from tests.soak.world import NOW, Wishes, World, world

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sandbox.core import SandboxClock
    from sync.report import Report, ScheduledKind
    from tests.soak.onlooker import Onlooker

DAYS: Final = 7
SCHEDULE: Final = ScheduleSettings(sync="*/30 * * * *", timezone="Europe/Warsaw")
DEEDS_A_DAY: Final = 10
DISTURBED: Final = 0.15
"""Share of the runs that meet troubles; of those, `KILLED` die."""
KILLED: Final = 0.3

REFUSED_ON: Final = 2
REFUSED_FOR: Final = timedelta(minutes=8)
OUTAGE_ON: Final = 4
OUTAGE: Final = timedelta(hours=6)
LONGEST_AGE: Final = timedelta(hours=1)
LOOK_EVERY_H: Final = 5
MORE_MEMORY: Final = 0.1

WITHOUT: Final = frozenset({"daily_429", "login_refused", "api_disabled", "refuse", "migration_477"})
"""Troubles that last for longer than an hour, or until somebody acts: the outage and the refusal stand for them."""


@dataclass
class Week:
    """What happened, and when."""

    story: Story
    outage: tuple[datetime, datetime]
    runs: Counter[str] = field(default_factory=Counter)  # "sync 0" -> how often a kind of run ended so
    succeeded: list[datetime] = field(default_factory=list)
    deaths: int = 0
    is_well: bool = True  # whether the last run did its work
    memory_mb: list[float] = field(default_factory=list)  # after each day
    served: Counter[str] = field(default_factory=Counter)  # "readyz 503" -> how often the daemon answered so
    told: Counter[str] = field(default_factory=Counter)  # events that the webhook took

    def judge(self) -> None:
        """Raises Broken when there was no success for too long, or memory grew."""
        must((age := self.longest_age) <= LONGEST_AGE, "too long without a success", age)
        first, last = self.memory_mb[0], self.memory_mb[-1]
        must(last <= first * (1 + MORE_MEMORY), "memory grows", self.memory_mb)

    @property
    def longest_age(self) -> timedelta:
        """The longest time without a success, before, after and but for the outage."""
        outage, ages = self.outage, []
        for before, after in zip(self.succeeded, self.succeeded[1:], strict=False):
            touched = before < outage[1] and after > outage[0]
            ages += [outage[0] - before, after - outage[1]] if touched else [after - before]
        return max(ages)


class Leaping:
    """The clock of a world in which things happen at their times, whoever moves it and however far."""

    def __init__(self, clock: SandboxClock) -> None:
        self._advance = clock.advance
        self._clock = clock
        self._coming: list[tuple[datetime, Callable[[], object]]] = []
        self._lock = threading.RLock()
        clock.advance = self.advance  # type: ignore[method-assign] # whoever sleeps on it lives through what happens

    def at(self, when: datetime, happens: Callable[[], object]) -> None:
        """Have something happen."""
        self._coming.append((when, happens))
        self._coming.sort(key=lambda item: item[0])

    def advance(self, seconds: float) -> None:
        """Move on, and let happen what is due on the way."""
        with self._lock:
            end = self._clock.now() + timedelta(seconds=seconds)
            while self._coming and self._coming[0][0] <= end:
                when, happens = self._coming.pop(0)
                self._advance(max(0.0, (when - self._clock.now()).total_seconds()))
                happens()
            self._advance(max(0.0, (end - self._clock.now()).total_seconds()))


def live_through_a_week(seed: int, tell: Callable[[str], None], *, days: int = DAYS) -> Week:
    """Seven days, one world in peace and one not. Raises Broken when they do not end alike."""
    wishes = Wishes(seed=seed)
    with tempfile.TemporaryDirectory(prefix="week") as folder:
        with world(Path(folder) / "calm", wishes) as calm:
            calm_end = _in_peace(calm, seed, days)
        with world(Path(folder) / "rough", wishes) as rough:
            rough.crms.shared.limits = True
            rough.run("backfill")  # approved by a person, as first runs are
            week = _of_the_daemon(rough, seed, days, tell)
            rough.crms.shared.troubles.clear()
            rough.run("reconcile")  # of people who were erased no stream tells
            until_quiet(rough, week.story, "the last evening")
            compare(calm_end, _ending(rough, "rough"))
    return week


def _outage(days: int) -> tuple[datetime, datetime]:
    begin = NOW + timedelta(days=min(OUTAGE_ON, days - 1), hours=2)
    return begin, begin + OUTAGE


def _deeds(house: World, clock: Leaping, seed: int, days: int) -> None:
    """The same deeds at the same times in both worlds, none within the last hours: the last runs see them all."""
    chance = random.Random(f"deeds {seed}")
    for day in range(days):
        for _ in range(DEEDS_A_DAY):
            when = NOW + timedelta(days=day, seconds=chance.randrange(3600, 20 * 3600))
            clock.at(when, house.do)


def _in_peace(calm: World, seed: int, days: int) -> Ending:
    story = Story(lambda _: None)
    clock = Leaping(calm.crms.shared.clock)
    _deeds(calm, clock, seed, days)
    calm.run("backfill")
    for day in range(1, days + 1):
        calm.wait_until(NOW + timedelta(days=day))
        calm.run("reconcile" if day == days else "sync")
    until_quiet(calm, story, "the last evening, calm")
    return _ending(calm, "calm")


def _ending(house: World, name: str) -> Ending:
    return replace(Ending.of(house, name), facts=house.of_the_living())


def _of_the_daemon(rough: World, seed: int, days: int, tell: Callable[[str], None]) -> Week:
    """The daemon from its first run on, and each of its successors when it has died."""
    with onlooker(rough.settings, SandboxTime(rough.crms.shared.clock), random.Random(f"receiver {seed}")) as looks:
        week = _watched(rough, seed, days, tell, looks)
        looks.judge(week.outage)
        week.served, week.told = looks.served, looks.told
    return week


def _looking(leaping: Leaping, looks: Onlooker, week: Week, days: int) -> None:
    """When somebody asks the daemon how it is: before, in and after the outage, and every few hours."""
    begin, end = week.outage
    often = [NOW + timedelta(hours=hours) for hours in range(2, 24 * days, LOOK_EVERY_H)]
    for at in [begin - timedelta(minutes=50), end - timedelta(minutes=35), end + timedelta(minutes=95), *often]:
        leaping.at(at, looks.look)


def _watched(rough: World, seed: int, days: int, tell: Callable[[str], None], looks: Onlooker) -> Week:
    clock, shared = rough.crms.shared.clock, rough.crms.shared
    chance = random.Random(seed)
    leaping, stop, week = Leaping(clock), Stop(), Week(Story(tell), _outage(days))
    outage = week.outage
    _deeds(rough, leaping, seed, days)
    for day in range(days):
        at = NOW + timedelta(days=day + 1)
        leaping.at(at, lambda: week.memory_mb.append(_memory_mb(rough)))
        token = chance.choice(("expire_token", "session_expired"))
        leaping.at(at - timedelta(hours=chance.uniform(4, 20)), lambda token=token: shared.troubles.set(token))
    _looking(leaping, looks, week, days)
    refused = NOW + timedelta(days=min(REFUSED_ON, days - 1), hours=12)
    leaping.at(refused, lambda: shared.troubles.set("login_refused", times=None))
    leaping.at(refused + REFUSED_FOR / 2, looks.look)
    leaping.at(refused + REFUSED_FOR, lambda: shared.troubles.clear("login_refused"))
    for trouble in ("no_answer", "html_502"):
        leaping.at(outage[0], lambda trouble=trouble: shared.troubles.set(trouble, times=None, every=2))
        leaping.at(outage[1], lambda trouble=trouble: shared.troubles.clear(trouble))
    leaping.at(NOW + timedelta(days=days), lambda: stop.request(signal.SIGTERM))

    def run_once(kind: ScheduledKind) -> Report:
        process = Process()
        # What fails twice running is no passing trouble: that is the outage's part.
        drawn = _drawn(chance, process) if week.is_well else []
        for trouble in drawn:
            trouble.turn_on(shared.troubles)
        began = clock.now()
        try:
            progress = Watched(Silent(), looks.pulse)
            report = rough.run_now(kind, process, approve=False, stop=stop, progress=progress)
        except Killed:
            week.deaths += 1
            week.is_well = False
            week.story.add(f"{began:%d %H:%M} {kind} died at {process.at} {process.after}")
            raise
        finally:
            for trouble in drawn:
                shared.troubles.clear(trouble.name)
        told = ", ".join(map(str, drawn))
        week.story.add(f"{began:%d %H:%M} {words(report)} {told}")
        must(report.exit_code in {0, 1, 3, 5, 143}, "a run ended otherwise than it may", words(report))
        must(not any(part.rejected for part in report.written), "rows were rejected", report.written)
        return report

    def on_end(ended: Ended) -> None:
        week.runs[f"{ended.kind} {ended.exit_code}"] += 1
        must(ended.exit_code != 70, "a bug", ended.why)
        week.is_well = ended.exit_code in {0, 1}
        if week.is_well:
            week.succeeded.append(ended.at)
        looks.heard(ended)

    def pause(seconds: float) -> None:
        looks.clock.sleep(seconds)
        looks.tend()

    while not stop.requested:
        with looks.life():
            daemon = Daemon(
                run_once=run_once, schedule=lambda: SCHEDULE, clock=looks.clock, stop=stop, pulse=looks.pulse,
                pause=pause, on_end=on_end,
            )  # fmt: skip
            try:
                daemon.go_on(SCHEDULE)
            except Killed:
                looks.died()
        if not stop.requested:
            looks.clock.sleep(10)  # until the service manager starts it again
    return week


def _drawn(chance: random.Random, process: Process) -> list[disturbances.Disturbance]:
    """What this run meets, and maybe the moment at which it dies."""
    if chance.random() >= DISTURBED:
        return []
    if chance.random() < KILLED:
        process.at = chance.choice(KINDS)
        process.after = chance.randrange(1, LIKELY_MOMENTS[process.at])
    return [trouble for trouble in disturbances.of_a_run(chance) if trouble.name not in WITHOUT]


def _memory_mb(house: World) -> float:
    """What the process holds in memory, without what only a test has: the sandboxes' record of calls, and the pages of
    the mirror that stay open between runs.
    """
    house.crms.shared.journal.clear()
    house.kept.close()
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    [kilobytes] = re.findall(r"VmRSS:\s+(\d+)", Path("/proc/self/status").read_text(encoding="ascii"))
    house.kept.open()
    return int(kilobytes) / 1024
