"""Facts of the oracle as the relations the engine reads."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from config.attributes import COMPUTED
from scoring.golden import add_deal_events, create_relations

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from tests.scoring.oracle import Person

SIGNATURE = ("type", "url", "asset", "campaign", "user_agent")
ARROW = {"text": pa.string(), "number": pa.float64(), "boolean": pa.bool_(), "date": pa.timestamp("us")}


def fill(
    con: Any,
    people: Sequence[Person],
    attributes: Mapping[str, str],
    *,
    seed: int | None = None,
    outages: Sequence[tuple[str, date, date]] = (),
) -> None:
    """Put the facts into `con`; `seed` shuffles rows and renumbers signatures."""
    create_relations(con, attributes)
    for outage in outages:
        con.execute("INSERT INTO outages VALUES (?, ?, ?)", list(outage))
    rows = [(number, event) for number, person in enumerate(people) for event in person.activities]
    if seed is not None:
        random.Random(seed).shuffle(rows)
    signatures: dict[tuple[Any, ...], int] = {}
    for _, event in rows:
        signatures.setdefault(tuple(getattr(event, name) for name in SIGNATURE), len(signatures))
    columns = {"person": pa.array(range(len(people)), pa.int64())}
    for name, kind in {**COMPUTED, **attributes}.items():
        column = name if name in COMPUTED else f"attr.{name}"
        columns[column] = pa.array([person.attributes.get(name) for person in people], ARROW[kind])
    insert(con, "people", columns)
    events = {
        "person": pa.array([number for number, _ in rows], pa.int64()),
        "signature": [signatures[tuple(getattr(event, name) for name in SIGNATURE)] for _, event in rows],
        "occurred_at": pa.array([event.occurred_at for _, event in rows], pa.timestamp("us")),
        "seen_at": pa.array([event.seen_at or event.occurred_at for _, event in rows], pa.timestamp("us")),
        "count": pa.array([event.count for _, event in rows], pa.int32()),
        "duration_s": pa.array([event.duration_s for _, event in rows], pa.float64()),
        "since_send_s": pa.array([event.since_send_s for _, event in rows], pa.float64()),
        "flagged_machine": pa.array([event.flagged_machine for _, event in rows], pa.bool_()),
    }
    events["signature"] = pa.array(events["signature"], pa.int32())
    insert(con, "activities", events)
    distinct = {"signature": pa.array(range(len(signatures)), pa.int32())}
    for place, name in enumerate(SIGNATURE):
        distinct[name] = pa.array([signature[place] for signature in signatures], pa.string())
    insert(con, "signatures", distinct)
    staged = [(number, person) for number, person in enumerate(people) if person.stage is not None]
    stages = {
        "person": pa.array([number for number, _ in staged], pa.int64()),
        "stage": pa.array([person.stage for _, person in staged], pa.string()),
        "since": pa.array([person.since for _, person in staged], pa.timestamp("us")),
        "held_until": pa.array([person.held_until for _, person in staged], pa.date32()),
    }
    insert(con, "previous_stages", stages)
    entered = [
        (number, stage, times) for number, person in enumerate(people) for stage, times in person.entries.items()
    ]
    entries = {
        "person": pa.array([number for number, _, _ in entered], pa.int64()),
        "stage": pa.array([stage for _, stage, _ in entered], pa.string()),
        "entries": pa.array([times for _, _, times in entered], pa.int64()),
    }
    insert(con, "stage_entries", entries)
    _fill_deals(con, people)


def _fill_deals(con: Any, people: Sequence[Person]) -> None:
    deals = [(number, deal) for number, person in enumerate(people) for deal in person.deals]
    kinds = {"amount": pa.float64(), "is_won": pa.bool_(), "is_closed": pa.bool_()}
    kinds |= {"products": pa.list_(pa.string()), "created_at": pa.timestamp("us"), "closed_at": pa.timestamp("us")}
    columns = {"person": pa.array([number for number, _ in deals], pa.int64())}
    for name in ("amount", "currency", "is_won", "is_closed", "created_at", "closed_at", "products"):
        columns[name] = pa.array([getattr(deal, name) for _, deal in deals], kinds.get(name, pa.string()))
    insert(con, "deals", columns)
    add_deal_events(con)
    roles = [(number, role) for number, person in enumerate(people) for role in person.roles]
    insert(con, "deal_roles", pairs(roles, "role"))
    accounts = [(number, person.account) for number, person in enumerate(people) if person.account is not None]
    insert(con, "account_people", pairs(accounts, "account"))


def pairs(rows: Sequence[tuple[int, str]], name: str) -> dict[str, pa.Array]:
    numbers = pa.array([number for number, _ in rows], pa.int64())
    return {"person": numbers, name: pa.array([text for _, text in rows], pa.string())}


def insert(con: Any, table: str, columns: Mapping[str, pa.Array]) -> None:
    con.register("incoming", pa.table(columns))
    con.execute(f"INSERT INTO {table} BY NAME SELECT * FROM incoming")
    con.unregister("incoming")


def scores_of(con: Any) -> list[dict[str, Any]]:
    """The rows of `scores` by person, as dicts without the null fields."""
    rows = con.sql("SELECT * FROM scores ORDER BY person").to_arrow_table().to_pylist()
    return [{name: value for name, value in row.items() if value is not None and name != "person"} for row in rows]


def ledger_of(con: Any, people: int) -> list[list[tuple]]:
    """The lines of `ledger` by person, sorted."""
    lines: list[list[tuple]] = [[] for _ in range(people)]
    for person, *line in con.execute("SELECT * FROM ledger").fetchall():
        lines[person].append(tuple(line))
    return [sorted(one, key=repr) for one in lines]
