"""One seed: two worlds live through one history, one of them in peace; four things must hold.

Every source record is in the mirror. Counts add up. No value is written twice without a change. Both CRMs end with the
same values, wherever the troubles struck and the process died.

Some seeds in a row share a history, so that the world that lives it in peace need not do so for each of them.
"""

from __future__ import annotations

import functools
import logging
import random
import tempfile
import time
import traceback
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from unittest import mock

import structlog

from connectors.hubspot import ahead
from tests.sandboxes import NOW
from tests.soak import disturbances
from tests.soak.kills import KINDS, Killed, Process
from tests.soak.real_kills import killed_for_good
from tests.soak.world import APART, SEEN, Wishes, World, world

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Mapping, Sequence

    from sync.report import Report, RunKind

DEEDS: Final = 25
DISTURBED_SYNCS: Final = 2
SHARED_BY: Final = 4
"""So many seeds share a history."""

REALLY_KILLED: Final = 50
"""Every seed that this divides has the installed command killed as well."""

LIKELY_MOMENTS: Final = {"call": 110, "answer": 110, "commit": 9, "committed": 9, "journal": 36}
"""About as many as a run has; beyond its last one a run ends alive."""


class Broken(AssertionError):
    """An invariant does not hold."""


@dataclass
class Story:
    """What happened so far, for whoever has to find out why."""

    tell: Callable[[str], None]
    steps: list[str] = field(default_factory=list)

    def add(self, step: str) -> None:
        """Note a step."""
        self.steps.append(step)
        self.tell(step)


def wishes_of(seed: int) -> Wishes:
    """The world of a seed, and of those that share its history."""
    history = seed // SHARED_BY
    chance = random.Random(-history)
    events = chance.random() < 0.6
    return Wishes(
        seed=history,
        events=events,
        visits=events and chance.random() < 0.3,
        bulk_above=chance.choice((2000, 2000, 3)),
    )


@dataclass(frozen=True, slots=True)
class Ending:
    """What a world holds at the end: values in the CRMs, records, activities and deals in the mirror."""

    values: Mapping[tuple[str, str], Mapping[str, Any]]
    records: set[tuple[str, str]]
    facts: Counter[tuple[Any, ...]]

    @classmethod
    def of(cls, house: World, name: str) -> Ending:
        """The world's end. Raises Broken when it wrote a value again, or left a job open."""
        must(not house.repeated, f"{name}: values were written again", house.repeated)
        must(not (left := house.open_jobs()), f"{name}: jobs were left open", left)
        return cls(house.values(), *house.mirrored())


@functools.lru_cache(maxsize=1)
def lived_in_peace(wishes: Wishes) -> Ending:
    """The end of a history that nothing disturbed."""
    story = Story(lambda _: None)
    try:
        with tempfile.TemporaryDirectory(prefix="soak") as folder, world(Path(folder) / "calm", wishes) as calm:
            _in_peace(calm, "backfill", story, "day 0, calm")
            _wake(calm)
            calm.history.go_on(DEEDS)
            for _ in range(DISTURBED_SYNCS):
                calm.edit()
            calm.crms.shared.clock.advance(SEEN.total_seconds())
            report = _in_peace(calm, "sync", story, "day 1, calm")
            if any(part.accepted < part.planned for part in report.written):  # records that turned out to be gone
                _in_peace(calm, "sync", story, "day 1, calm again")
            return Ending.of(calm, "calm")
    except BaseException as error:
        error.add_note("\n".join(["In peace:", *story.steps]))
        raise


def soak(seed: int, folder: Path, tell: Callable[[str], None] = lambda _: None) -> None:
    """Live through the seed's history. Raises Broken, or whatever a run should never raise, with the story noted."""
    wishes = wishes_of(seed)
    calm = lived_in_peace(wishes)
    chance = random.Random(seed)
    limits = chance.random() < 0.3
    story = Story(tell)
    story.add(f"{wishes} limits={limits}")
    try:
        with world(folder / "rough", wishes) as rough:
            rough.crms.shared.limits = limits
            # One thread reads, so that the same seed meets the same troubles at the same calls.
            with mock.patch.object(ahead, "READERS", 1 if chance.random() < 0.8 else ahead.READERS):
                _first_day(rough, chance, story)
                _second_day(rough, chance, story)
            compare(calm, Ending.of(rough, "rough"))
    except BaseException as error:
        error.add_note("\n".join([f"Seed {seed}:", *story.steps]))
        raise


def live_through(seed: int, *, loud: bool = False) -> tuple[str, float]:
    """What went wrong, empty when nothing did, and the CPU time it took."""
    began = time.process_time()
    if not loud:
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    failure = ""
    try:
        with tempfile.TemporaryDirectory(prefix="soak") as folder:
            tell = print if loud else lambda _: None
            soak(seed, Path(folder) / "disturbed", tell)
            if seed % REALLY_KILLED == 0:
                killed_for_good(seed, Path(folder) / "killed", tell)
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001 - whatever a run raises is news
        failure = traceback.format_exc()
    return failure, time.process_time() - began


def live_through_all(seeds: Sequence[int]) -> list[tuple[int, str, float]]:
    """Seeds one after the other, each with what `live_through` says of it."""
    return [(seed, *live_through(seed)) for seed in seeds]


def _wake(house: World) -> None:
    house.wait_until(NOW + timedelta(days=1))


def _first_day(rough: World, chance: random.Random, story: Story) -> None:
    if not _disturbed("day 0", rough, "backfill", chance, story):
        _in_peace(rough, "backfill", story, "day 0, in peace")


def _second_day(rough: World, chance: random.Random, story: Story) -> None:
    """People do their deeds, and an edit more around each disturbed run; then runs in peace end the day's work."""
    _wake(rough)
    troubles = rough.crms.shared.troubles
    for late in disturbances.of_a_history(chance):
        story.add(f"day 1: the history has {late}")
        late.turn_on(troubles)
    rough.history.go_on(DEEDS)
    troubles.clear()
    for number in range(1, DISTURBED_SYNCS + 1):
        _disturbed(f"day 1, run {number}", rough, "sync", chance, story)
        while rough.edits < number:  # nobody edited anything while it ran
            rough.edit()
            rough.crms.shared.clock.advance(APART.total_seconds())
    rough.crms.shared.clock.advance(SEEN.total_seconds())
    until_quiet(rough, story, "day 1, in peace")


def _disturbed(name: str, rough: World, kind: RunKind, chance: random.Random, story: Story) -> bool:
    """A run that meets troubles and may die; whether its work was done to the end."""
    troubles = rough.crms.shared.troubles
    drawn = disturbances.of_a_run(chance)
    for trouble in drawn:
        story.add(f"{name}: {trouble}")
        trouble.turn_on(troubles)
    process = Process()
    if kind == "sync" and chance.random() < 0.5:
        edited = chance.randrange(1, LIKELY_MOMENTS["call"])
        story.add(f"{name}: somebody edits something at call {edited}")
        process.on_call = lambda number: rough.edit() if number == edited else None
    if chance.random() < 0.6:
        process.at = chance.choice(KINDS)
        process.after = chance.randrange(1, LIKELY_MOMENTS[process.at])
        story.add(f"{name}: dies at {process.at} {process.after}")
    try:
        report = rough.run(kind, process)
    except Killed:
        story.add(f"{name}: died")
        return False
    finally:
        troubles.clear()
    story.add(f"{name}: {words(report)}")
    allowed = {0, 1, 5, *(code for trouble in drawn if (code := disturbances.STOPS.get(trouble.name)))}
    must(report.exit_code in allowed, f"{name} ended with {report.exit_code}", report.failure)
    must(not any(part.rejected for part in report.written), f"{name} had rows rejected", report.written)
    return report.exit_code == 0


def _in_peace(house: World, kind: RunKind, story: Story, name: str) -> Report:
    report = house.run(kind)
    story.add(f"{name}: {words(report)}")
    must(report.exit_code == 0, f"{name} ended with {report.exit_code}", report.failure)
    return report


def until_quiet(house: World, story: Story, name: str) -> None:
    """Run until there is nothing left to write; a record that turns out to be gone may take a second run."""
    for _ in range(4):
        report = _in_peace(house, "sync", story, name)
        if not any(part.planned for part in report.written):
            unchanged = {part.crm: part.unchanged for part in report.written}
            live = house.live_in_mirror()
            must(unchanged == live, f"{name}: records in the plan are not those in the mirror", (unchanged, live))
            return
    raise Broken(f"{name}: every run finds something to write")


def compare(calm: Ending, rough: Ending) -> None:
    """Raises Broken when the rough world lost something, or ended with other values than the calm one."""
    must(any(calm.values.values()), "nothing was written", calm.values)
    missing = calm.values.keys() - rough.records
    must(not missing, "records are not in the mirror", missing)
    others = (calm.records - rough.records, rough.records - calm.records)
    must(not any(others), "the mirrors hold other records (lost, added)", others)
    other = (calm.facts - rough.facts, rough.facts - calm.facts)
    must(not any(other), "the mirrors hold other activities or deals (lost, added)", other)
    pairs = {key: (calm.values.get(key), rough.values.get(key)) for key in calm.values.keys() | rough.values.keys()}
    differing = {key: pair for key, pair in pairs.items() if pair[0] != pair[1]}
    must(not differing, "the CRMs end with other values (calm, rough)", differing)


def must(holds: bool, what: str, difference: Any) -> None:
    """Raises Broken unless it holds."""
    if not holds:
        raise Broken(f"{what}: {difference}")


def words(report: Report) -> str:
    """A run in a line."""
    parts = [
        f"{part.crm} planned={part.planned} accepted={part.accepted} rejected={part.rejected_by_reason} "
        f"unknown={part.unknown_by_reason} skipped={part.skipped_by_reason}"
        for part in report.written
    ]
    skipped = [f"{stream.stream} skipped: {stream.skipped}" for stream in report.pulled if stream.skipped]
    failure = [str(report.failure)] if report.failure else []
    return "; ".join([f"{report.kind} exit {report.exit_code}", *parts, *skipped, *failure])
