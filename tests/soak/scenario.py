"""One seed: two worlds live through one history, one of them in peace; four things must hold.

Every source record is in the mirror. Counts add up. No value is written twice without a change. Both CRMs end with the
same values, wherever the troubles struck and the process died.
"""

from __future__ import annotations

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
from tests.soak.world import APART, Wishes, World, world

if TYPE_CHECKING:
    from collections.abc import Callable

    from sync.report import Report, RunKind

DEEDS: Final = 25
DAYS: Final[tuple[RunKind, ...]] = ("backfill", "sync")
REALLY_KILLED: Final = 50
"""Every seed that this divides has the installed command killed as well."""

LIKELY_MOMENTS: Final = {"call": 130, "answer": 130, "commit": 30, "committed": 30, "journal": 70}
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


def soak(seed: int, folder: Path, tell: Callable[[str], None] = lambda _: None) -> None:
    """Live through the seed's history. Raises Broken, or whatever a run should never raise, with the story noted."""
    chance = random.Random(seed)
    wishes = Wishes(
        seed=seed,
        events=chance.random() < 0.6,
        bulk_above=chance.choice((2000, 2000, 3)),
    )
    limits = chance.random() < 0.3
    story = Story(tell)
    story.add(f"{wishes} limits={limits}")
    try:
        with world(folder / "calm", wishes) as calm, world(folder / "rough", wishes) as rough:
            rough.crms.shared.limits = limits
            # One thread reads, so that the same seed meets the same troubles at the same calls.
            with mock.patch.object(ahead, "WORKERS", 1 if chance.random() < 0.8 else ahead.WORKERS):
                for number, kind in enumerate(DAYS):
                    _day(number, kind, calm, rough, chance, story)
            _compare(calm, rough)
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


def _day(number: int, kind: RunKind, calm: World, rough: World, chance: random.Random, story: Story) -> None:
    """People do their deeds; the rough world is disturbed until the day's work is done, the calm one lives it again."""
    morning = NOW + timedelta(days=number)
    for each in (calm, rough):
        each.wait_until(morning)
    if number:
        late = disturbances.of_a_history(chance)
        for trouble in late:
            story.add(f"day {number}: the history has {trouble}")
            trouble.turn_on(rough.crms.shared.troubles)
        rough.history.go_on(DEEDS)
        rough.crms.shared.troubles.clear()
        calm.history.go_on(DEEDS)
    done = any(_disturbed(f"day {number}, run {attempt}", rough, kind, chance, story) for attempt in range(1 + number))
    if number:
        _until_quiet(rough, story, f"day {number}, in peace")
    elif not done:
        _in_peace(rough, kind, story, f"day {number}, in peace")
    for at in rough.meanwhile:
        calm.wait_until(at)
        calm.history.edit(at)
    rough.meanwhile.clear()
    calm.crms.shared.clock.advance(APART.total_seconds())
    report = _in_peace(calm, kind, story, f"day {number}, calm")
    if any(part.accepted < part.planned for part in report.written):  # records that turned out to be gone
        _in_peace(calm, "sync", story, f"day {number}, calm again")


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
        process.on_call = lambda count: rough.edit_meanwhile() if count == edited else None
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
    story.add(f"{name}: {_words(report)}")
    allowed = {0, 1, 5, *(code for trouble in drawn if (code := disturbances.STOPS.get(trouble.name)))}
    _must(report.exit_code in allowed, f"{name} ended with {report.exit_code}", report.failure)
    _must(not any(part.rejected for part in report.written), f"{name} had rows rejected", report.written)
    return report.exit_code == 0


def _in_peace(house: World, kind: RunKind, story: Story, name: str) -> Report:
    report = house.run(kind)
    story.add(f"{name}: {_words(report)}")
    _must(report.exit_code == 0, f"{name} ended with {report.exit_code}", report.failure)
    return report


def _until_quiet(house: World, story: Story, name: str) -> None:
    """Run until there is nothing left to write; a record that turns out to be gone may take a second run."""
    for _ in range(4):
        report = _in_peace(house, "sync", story, name)
        if not any(part.planned for part in report.written):
            unchanged = {part.crm: part.unchanged for part in report.written}
            live = house.live_in_mirror()
            _must(unchanged == live, f"{name}: records in the plan are not those in the mirror", (unchanged, live))
            return
    raise Broken(f"{name}: every run finds something to write")


def _compare(calm: World, rough: World) -> None:
    live = calm.values()
    records, facts = rough.mirrored()
    known, all_facts = calm.mirrored()
    _must(any(live.values()), "nothing was written", live)
    _must(live.keys() <= records, "records are not in the mirror", live.keys() - records)
    _must(records == known, "the mirrors hold other records", records ^ known)
    _must(facts == all_facts, "the mirrors hold other activities (lost, added)", (all_facts - facts, facts - all_facts))
    found = rough.values()
    pairs = {key: (live.get(key), found.get(key)) for key in live.keys() | found.keys()}
    other = {key: pair for key, pair in pairs.items() if pair[0] != pair[1]}
    _must(not other, "the CRMs end with other values (calm, rough)", other)
    _must(not calm.repeated, "values were written again in peace", calm.repeated)
    _must(not rough.repeated, "values were written again", rough.repeated)


def _must(holds: bool, what: str, difference: Any) -> None:
    if not holds:
        raise Broken(f"{what}: {difference}")


def _words(report: Report) -> str:
    parts = [
        f"{part.crm} planned={part.planned} accepted={part.accepted} rejected={part.rejected_by_reason} "
        f"unknown={part.unknown_by_reason} skipped={part.skipped_by_reason}"
        for part in report.written
    ]
    skipped = [f"{stream.stream} skipped: {stream.skipped}" for stream in report.pulled if stream.skipped]
    failure = [str(report.failure)] if report.failure else []
    return "; ".join([f"{report.kind} exit {report.exit_code}", *parts, *skipped, *failure])
