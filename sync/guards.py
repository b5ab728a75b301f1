"""What stops a run before it writes. By the time a guard stands up, nothing has been written.

Some refuse at once, by raising: the credentials open another account, the mirror is not whole, a golden example fails.
The others are asked together when the plan is made (`ask`), so that one report tells of all of them, and a person may
let the run pass with ``--approve``:

- too many of the people already rated would change rating or stage;
- most records of a CRM would be written for the first time: a first run, or fields that somebody emptied;
- a CRM gave suspiciously little: records gone by the hundred, a stream that is denied or empty and was not before, a
  full read that brought fewer records than are known, an attribute that nearly everybody lost.

What a CRM gave is held against what it gave to the runs of the last day that no guard stopped; their reports keep it.
A guard that cannot be asked counts as standing up.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from connectors.errors import ConfigProblem
from sync.errors import GuardTripped
from sync.mirror.store import is_whole, meta, set_meta
from sync.report import Source, Tripped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    import duckdb

    from config.settings import GuardSettings
    from connectors.base import Identity
    from scoring.golden import Failure
    from sync.mirror.census import FirstTime
    from sync.mirror.store import Mirror
    from sync.mirror.summary import Crowd

FEW: Final = 10
"""So many people may always change: in a crowd of twenty, five are a quarter and yet no accident."""

PLENTY: Final = 20
"""Values or rows from which on it is news when nearly all of them are gone."""

LOOK_BACK: Final = timedelta(days=1)
"""A source that dwindles from run to run is held against what it was a day ago, too."""


def same_account(connection: duckdb.DuckDBPyConnection, mirror: Mirror, identity: Identity) -> None:
    """The mirror holds facts of one account per CRM. Raises `ConfigProblem` when the credentials open another."""
    key = f"account.{identity.crm}"
    known = meta(connection, key)
    if known is None:
        set_meta(connection, key, identity.account_id)
    elif known != identity.account_id:
        raise _other_account(identity, f"{mirror.path} holds facts of account {known}")


def same_journal(identity: Identity, known: Mapping[str, str]) -> None:
    """The journal knows record ids of one account per CRM (`known`, of its last run). Raises `ConfigProblem`."""
    account = known.get(identity.crm, identity.account_id)
    if account != identity.account_id:
        raise _other_account(identity, f"the journal tells of account {account}")


def _other_account(identity: Identity, held: str) -> ConfigProblem:
    return ConfigProblem(
        f"the credentials open account {identity.account_id}, but {held}.",
        crm=identity.crm,
        remedy="Nothing was read. Use the credentials of that account, or a store.path (and journal) of its own for "
        "this one.",
    )


def whole_mirror(connection: duckdb.DuckDBPyConnection, crm: str) -> None:
    """Scores of half the facts are wrong: what was never read to its end is not scored without reading on."""
    if not is_whole(connection, crm):
        raise GuardTripped(
            f"{crm} has not been read to its end since the mirror was made or the attributes were mapped anew.",
            remedy="Nothing was written. Run `leadgrade sync`, which reads on and scores.",
        )


def golden_examples(failures: Sequence[Failure]) -> None:
    """The model's own examples must come out as it says."""
    if failures:
        listed = "; ".join(map(str, failures[:3])) + ("; ..." if len(failures) > 3 else "")
        raise GuardTripped(
            f"{len(failures)} of the model's examples do not come out as expected: {listed}.",
            remedy="Nothing was written. Mend the model, or what its examples expect.",
        )


def ask(
    limits: GuardSettings,
    *,
    crowd: Crowd,
    first: Iterable[FirstTime],
    now: Sequence[Source],
    before: Callable[[], Sequence[Sequence[Source]]],
) -> list[Tripped]:
    """The guards that stand up. `before` gives the numbers of earlier runs, as `earlier_sources` does."""
    guards: dict[str, Callable[[], Iterable[str]]] = {
        "changes": lambda: _changes(crowd, limits),
        "first run": lambda: _first_run(first, limits),
        "source": lambda: _sources(now, before(), limits),
    }
    tripped: list[Tripped] = []
    for name, guard in guards.items():
        try:
            tripped += [Tripped(guard=name, message=message) for message in guard()]
        except Exception as error:  # noqa: BLE001 - whatever keeps a guard from its answer, its answer is no
            message = f"It cannot be told whether this guard is content ({type(error).__name__})."
            tripped.append(Tripped(guard=name, message=message))
    return tripped


def stop(tripped: Sequence[Tripped]) -> None:
    """Raise `GuardTripped` when any guard stands up."""
    if tripped:
        raise GuardTripped(
            " ".join(one.message for one in tripped),
            remedy="Nothing was written. Look at `leadgrade plan`; if it is meant, run again with --approve.",
        )


def lost_people(crm: str, lost: int, living: int, *, may_lose: float) -> None:
    """A CRM may say nothing any more of a few people whom no stream removed; of many, and we cannot see them.

    `may_lose` is the share that may be gone.
    """
    if lost > FEW and lost / living > may_lose:
        raise GuardTripped(
            f"{crm} shows nothing of {lost} of the {living} people in the mirror; writes.guard.max_lost_share is "
            f"{may_lose:.0%}.",
            remedy="Nothing was written. Look whether the integration user may still see all people; "
            "`leadgrade check` names missing permissions. If they are meant to be gone, raise it.",
        )


def _changes(crowd: Crowd, limits: GuardSettings) -> Iterator[str]:
    """Of the people who hold a rating, only so many may change rating or stage in one run."""
    share = crowd.changing / crowd.rated if crowd.rated else 0.0
    if crowd.changing > FEW and not share <= limits.max_share:
        yield (
            f"The rating or stage of {crowd.changing} of {crowd.rated} people ({share:.0%}) would change; "
            f"writes.guard.max_share is {limits.max_share:.0%}."
        )
    if crowd.changing > limits.max_people:
        yield (
            f"The rating or stage of {crowd.changing} people would change; writes.guard.max_people is "
            f"{limits.max_people}."
        )


def _first_run(first: Iterable[FirstTime], limits: GuardSettings) -> Iterator[str]:
    for crm in first:
        if crm.first > FEW and not crm.first <= limits.max_first_share * crm.records:
            yield (
                f"{crm.first} of {crm.records} records in {crm.crm} hold nothing of Leadgrade's and would be written "
                f"for the first time; writes.guard.max_first_share is {limits.max_first_share:.0%}."
            )


def _sources(now: Iterable[Source], before: Sequence[Sequence[Source]], limits: GuardSettings) -> Iterator[str]:
    for source in now:
        earlier = [one for sources in before for one in sources if one.crm == source.crm]
        yield from _little(source, limits)
        # What holds against the last run is not told again of the run a day ago.
        told: set[str] = set()
        for one in earlier:
            for key, message in _less(source, one, limits):
                if key not in told:
                    told.add(key)
                    yield message


def _little(now: Source, limits: GuardSettings) -> Iterator[str]:
    """A read from the beginning that brought far fewer records than the mirror has."""
    read = sum(rows for stream, rows in now.streams.items() if stream.partition(".")[0] == "records")
    if now.live - read > max(FEW, limits.max_lost_share * now.live):
        yield f"{now.crm} was read from its beginning and gave {read} records, but {now.live} are known to be live."


def _less(now: Source, before: Source, limits: GuardSettings) -> Iterator[tuple[str, str]]:
    """What is missing of what was there before, each with a key of its own."""
    lost = max(before.live - now.live, now.gone - before.gone)
    if lost > max(FEW, limits.max_lost_share * before.live):
        yield (
            "lost",
            (
                f"{lost} of {before.live} records in {now.crm} are gone all at once; writes.guard.max_lost_share is "
                f"{limits.max_lost_share:.0%}."
            ),
        )
    for stream in now.denied:
        if stream in before.streams and stream not in before.denied:
            yield stream, f"{now.crm} no longer lets {stream} be read, which it did before."
    for stream, rows in before.streams.items():
        if rows >= PLENTY and not now.streams.get(stream) and stream not in now.denied:
            yield stream, f"{now.crm} gives nothing of {stream}, of which it gave {rows} rows before."
    for attribute, known in now.known.items():
        had = before.known.get(attribute, 0)
        # As many as there would be now, were they as frequent as before.
        expected = had * min(1.0, now.live / before.live) if before.live else 0.0
        if expected >= PLENTY and not known >= (1 - limits.max_emptied_share) * expected:
            yield (
                attribute,
                (
                    f"{attribute} is known of {known} records in {now.crm}, and was of {had}; "
                    f"writes.guard.max_emptied_share is {limits.max_emptied_share:.0%}."
                ),
            )


def earlier_sources(reports: Iterable[tuple[datetime, Mapping[str, object]]], now: datetime) -> list[list[Source]]:
    """The numbers that a run is held against: those of the last run that no guard stopped, and of the first one of
    the last day; not from before a run that was approved, for from then on its numbers are the usual ones.

    `reports` are runs with their start and their record, newest first. Raises ValidationError for a damaged one.
    """
    found: list[list[Source]] = []
    for started_at, report in reports:
        if not report.get("sources"):
            continue
        if found and now - started_at > LOOK_BACK:
            break
        sources = [Source.model_validate(source) for source in _list(report["sources"])]
        found = [*found[:1], sources]
        if report.get("guards") or now - started_at > LOOK_BACK:
            break
    return found


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise TypeError
    return value
