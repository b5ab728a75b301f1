"""Why one person has their score: the ledger's lines, which sum, and what goes with them. Calls no CRM.

The mirror is opened once, for this one person, and let go: it works between two batches of a run in another process.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, fields
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Final

from config.attributes import attribute_types
from config.errors import ConfigError
from insights.status import opened_journal
from scoring.engine import score
from scoring.facts import BASIC_FIELDS, fields_of
from sync import rollback
from sync.mirror import normal, past, views
from sync.scores import gather
from sync.stores import open_mirror

if TYPE_CHECKING:
    import duckdb

    from config.model import Model
    from config.settings import Settings
    from connectors.clock import Clock
    from sync.journal.book import Journal

MICRO: Final = 1_000_000
"""Micro-points in a point; the ledger counts in whole ones."""
AXES: Final = ("fit", "engagement", "rfm", "bant", "affinity", "account")
"""In the order in which they are shown; an affinity goes on with a colon and its product."""


class NoSuchPerson(ConfigError):
    """Nobody in the mirror has that e-mail address or record id."""


@dataclass(frozen=True, slots=True)
class Record:
    """One of the person's records, live or not."""

    crm: str
    kind: str
    record_id: str
    stage: str | None
    removed: str | None


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the ledger. `points` may have a fraction; the lines of an axis sum to its whole score."""

    axis: str
    rule: str
    kind: str
    points: float
    occurrences: int | None
    last_at: datetime | None


@dataclass(frozen=True, slots=True)
class StageStep:
    """A stage that Leadgrade gave, on one record."""

    crm: str
    record_id: str
    stage: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Scores:
    """What the person's fields should hold now."""

    gate: str | None
    fit_score: int | None
    fit_grade: str | None
    grade_best: str | None
    grade_worst: str | None
    engagement_score: int | None
    level: str | None
    rating: str | None
    trend: str | None
    stage: str | None
    stage_before: str | None
    reasons: str | None
    next_fact: str | None
    valid_until: date | None
    model_version: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything about one person's score, as of `as_of`."""

    as_of: datetime
    records: list[Record]
    scores: Scores
    lines: list[Line]
    stages: list[StageStep]
    further: dict[str, Any]  # what the model writes beside the basic fields, by the names of the fields

    @property
    def axes(self) -> list[str]:
        """Fit, engagement, and the others that have lines, in order."""
        return list(dict.fromkeys([*AXES[:2], *(line.axis for line in self.lines)]))

    def sum_of(self, axis: str) -> float:
        """The points of an axis's lines together: its score."""
        return round(sum(round(line.points * MICRO) for line in self.lines if line.axis == axis) / MICRO, 6)

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def explain(settings: Settings, model: Model, who: str, *, clock: Clock, then: datetime | None = None) -> Explanation:
    """The explanation for the person with e-mail address or record id `who`.

    With `then`, aware UTC, what `model` makes of what was known by that time: who they were taken for, and all facts
    that had been pulled. Raises NoSuchPerson, and MirrorBusy when another process keeps the mirror for too long.
    """
    as_of = then or clock.now()
    with opened_journal(settings) as journal:
        if journal is None:
            raise NoSuchPerson("nothing has been pulled yet.", remedy="`leadgrade plan` pulls, and writes nothing.")
        model = rollback.in_force(journal, settings, model)
        with open_mirror(settings, clock).open() as connection, _mirror_at(connection, then):
            gather(connection, settings=settings, model=model, journal=journal, now=as_of, before=then)
            person = _find(connection, who)
            alone = views.Chosen((person,))
            looked_at = alone if model.account is None else views.with_colleagues(connection, person)
            views.show(connection, looked_at, types=attribute_types(settings))
            since = journal.model_since(model.version)
            score(connection, model, as_of, attributes=attribute_types(settings), model_since=since)
            records, scores = _records(connection, person), _scores(connection, person)
            lines = _lines(connection, person)
            further = _further(connection, model, person)
        return Explanation(as_of, records, scores, lines, _given_to(records, journal, as_of), further)


def _mirror_at(connection: duckdb.DuckDBPyConnection, then: datetime | None) -> AbstractContextManager[None]:
    return nullcontext() if then is None else past.as_of(connection, then)


def _given_to(records: list[Record], journal: Journal, as_of: datetime) -> list[StageStep]:
    own = {(record.crm, record.record_id) for record in records}
    steps = [
        StageStep(crm, record_id, stage, since.replace(tzinfo=UTC))
        for chunk in journal.stages()
        for crm, record_id, stage, since in chunk
        if (crm, record_id) in own and since <= as_of.replace(tzinfo=None)
    ]
    return sorted(steps, key=lambda step: step.since)


def _find(connection: duckdb.DuckDBPyConnection, who: str) -> int:
    wanted = who.split(":", 1)[-1] if who.startswith(("hubspot:", "salesforce:")) else who
    found = connection.execute(
        f"""
        SELECT DISTINCT person FROM identities JOIN store.records USING (crm, record_id)
        WHERE record_id = $wanted OR {normal.email("records.email")} = {normal.email("$wanted")}
            OR (length(record_id) = 18 AND length($wanted) = 15 AND record_id[:15] = $wanted)
        ORDER BY person
        """,
        {"wanted": wanted},
    ).fetchall()
    if not found:
        raise NoSuchPerson(
            "nobody in the mirror has that e-mail address or record id.",
            remedy="Check the spelling; a record that is new in the CRM arrives with the next sync.",
        )
    if len(found) > 1:
        raise NoSuchPerson(
            f"{len(found)} people share it.", remedy="Name one of them by a record id, such as hubspot:51."
        )
    return int(found[0][0])


def _records(connection: duckdb.DuckDBPyConnection, person: int) -> list[Record]:
    rows = connection.execute(
        """
        SELECT crm, kind, record_id, stage, removed FROM identities JOIN store.records USING (crm, record_id)
        WHERE person = ? ORDER BY crm, kind, record_id
        """,
        [person],
    ).fetchall()
    return [Record(*row) for row in rows]


def _scores(connection: duckdb.DuckDBPyConnection, person: int) -> Scores:
    columns = ", ".join(field.name for field in fields(Scores))
    rows = connection.execute(f"SELECT {columns} FROM scores WHERE person = ?", [person]).fetchall()
    if not rows:
        raise NoSuchPerson("that person has no live record any more.", remedy="Deleted records are not scored.")
    return Scores(*rows[0])


def _further(connection: duckdb.DuckDBPyConnection, model: Model, person: int) -> dict[str, Any]:
    names = [field.name for field in fields_of(model) if field not in BASIC_FIELDS]
    if not names:
        return {}
    rows = connection.execute(f"SELECT {', '.join(names)} FROM scores WHERE person = ?", [person]).fetchall()
    return dict(zip(names, rows[0], strict=True))


_BY_RULE: Final = ["points", "machine", "decay", "cap"]
_SETTLING: Final = ["group_cap", "inactivity", "adjusted", "floor", "ceiling", "rounding"]
"""Kinds of lines in the order of the sum: a rule's own, then what is done to all rules together."""


def _lines(connection: duckdb.DuckDBPyConnection, person: int) -> list[Line]:
    rows = connection.execute(
        """
        SELECT axis, rule, kind, micro, occurrences, last_at FROM ledger
        WHERE person = $person
        ORDER BY list_position($axes, split_part(axis, ':', 1)), axis, coalesce(list_position($settling, kind), 0),
            abs(sum(micro) OVER (PARTITION BY axis, rule)) DESC, rule,
            list_position($by_rule, split_part(kind, ':', 1)), kind
        """,
        {"person": person, "axes": list(AXES), "by_rule": _BY_RULE, "settling": _SETTLING},
    ).fetchall()
    return [
        Line(axis, rule, kind, micro / MICRO, occurrences, None if last_at is None else last_at.replace(tzinfo=UTC))
        for axis, rule, kind, micro, occurrences, last_at in rows
    ]
