"""People who were erased: what the journal knew of them goes, and tombstones stay.

A tombstone is a salted SHA-256 of an address or of a record id: it tells whether somebody is meant, and names nobody.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson
from sqlalchemy import delete, func, insert, select, update

from sync.journal import tables
from sync.journal.rows import forget, parts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from sqlalchemy import Column, Connection

_BY_RECORD: Final = (tables.rejects, tables.stages, tables.crossings, tables.holds, tables.crm_stages)
_TOLD: Final = (tables.runs.c.report, tables.outbox.c.body)
"""JSON in which lists name records."""


@dataclass(frozen=True, slots=True)
class Person:
    """All records of a person, by CRM, and all their addresses in normal form."""

    records: Mapping[str, tuple[str, ...]]
    addresses: tuple[str, ...] = ()

    @property
    def names(self) -> frozenset[str]:
        """The records as reports name them, such as ``hubspot:51``."""
        return frozenset(f"{crm}:{record_id}" for crm, ids in self.records.items() for record_id in ids)


@dataclass(frozen=True, slots=True)
class Tombstones:
    """The digests, and the salt that they were made with. A digest is of ``salt + word``."""

    salt: str
    digests: tuple[str, ...]

    @property
    def mark(self) -> str:
        """A text that changes when the tombstones do."""
        return hashlib.sha256("".join((self.salt, *self.digests)).encode()).hexdigest()


def of_address(address: str) -> str:
    """The word of an address in normal form."""
    return f"mail {address}"


def tombstones(connection: Connection) -> Tombstones:
    """All there are, in order."""
    digests = connection.execute(select(tables.erasures.c.digest).order_by(tables.erasures.c.digest)).scalars()
    return Tombstones(_salt(connection), tuple(digests))


def bury(connection: Connection, person: Person, now: datetime) -> None:
    """Set the tombstones of a person that are not there yet."""
    salt = _salt(connection)
    words = [*map(of_address, person.addresses), *(f"id {name}" for name in sorted(person.names))]
    digests = [_digest(salt, word) for word in words]
    known = set(connection.execute(select(tables.erasures.c.digest)).scalars())
    rows = [{"digest": one, "person": digests[0], "erased_at": now} for one in digests if one not in known]
    if rows:
        connection.execute(insert(tables.erasures), rows)


def lift(connection: Connection, address: str) -> int:
    """Take away the tombstones of all who were erased together with this address; how many there were."""
    stones = tables.erasures.c
    meant = select(stones.person).where(stones.digest == _digest(_salt(connection), of_address(address)))
    persons = list(connection.execute(meant).scalars())
    return connection.execute(delete(tables.erasures).where(stones.person.in_(persons))).rowcount


def count(connection: Connection, person: Person) -> Counter[str]:
    """Rows that name one of the person's records, per table; those of jobs, runs and messages are counted whole."""
    found: Counter[str] = Counter()
    for table in _BY_RECORD:
        for crm, ids in person.records.items():
            for some in parts(ids):
                here = (table.c.crm == crm) & table.c.record_id.in_(some)
                found[table.name] += (
                    connection.execute(select(func.count()).select_from(table).where(here)).scalar() or 0
                )
    found["jobs"] += sum(1 for _ in _jobs(connection, person))
    for column in _TOLD:
        found[column.table.name] += sum(1 for _ in _told(connection, column, person))
    return +found


def erase(connection: Connection, person: Person) -> Counter[str]:
    """Remove what `count` counts; a job loses the person's rows, reports and messages the parts that name them."""
    found = count(connection, person)
    for job, rows in list(_jobs(connection, person)):
        here = (tables.jobs.c.crm == job.crm) & (tables.jobs.c.job == job.job)
        connection.execute(update(tables.jobs).where(here).values(rows=orjson.dumps(rows).decode()))
    for column in _TOLD:
        (key,) = column.table.primary_key
        for number, text in list(_told(connection, column, person)):
            connection.execute(update(column.table).where(key == number).values({column.name: text}))
    for table in _BY_RECORD:
        for crm, ids in person.records.items():
            forget(connection, table, crm, ids)
    return found


def _jobs(connection: Connection, person: Person) -> Iterator[tuple[Any, list[Any]]]:
    """Jobs that hold rows of the person, with the rows that stay."""
    for job in connection.execute(select(tables.jobs)):
        ids = set(person.records.get(job.crm, ()))
        rows = orjson.loads(job.rows)
        stay = [row for row in rows if row[1] not in ids]
        if len(stay) < len(rows):
            yield job, stay


def _told(connection: Connection, column: Column[Any], person: Person) -> Iterator[tuple[int, str]]:
    """Key and text of the rows whose `column`, JSON, names the person; the text without what does."""
    (key,) = column.table.primary_key
    words = [f'"{word}"' for ids in person.records.values() for word in ids] + [f'"{name}"' for name in person.names]
    for number, text in connection.execute(select(key, column).where(column.is_not(None))):
        if any(word in text for word in words):
            whole = orjson.loads(text)
            rest = _without(whole, person.names)
            if rest != whole:
                yield number, orjson.dumps(rest).decode()


def _without(value: Any, names: frozenset[str]) -> Any:
    """Plain data without the entries of its lists that name one of these records."""
    if isinstance(value, list):
        return [_without(entry, names) for entry in value if not _mentions(entry, names)]
    if isinstance(value, dict):
        return {key: _without(inner, names) for key, inner in value.items()}
    return value


def _mentions(entry: Any, names: frozenset[str]) -> bool:
    """Whether it is such a name, or holds one: as a value, in a list, or in two parts."""
    if isinstance(entry, dict):
        said = {f"{entry.get('crm')}:{entry.get('record_id')}"}
        for inner in entry.values():
            said.update(inner if isinstance(inner, list) and all(isinstance(one, str) for one in inner) else [])
            said.update([inner] if isinstance(inner, str) else [])
        return not names.isdisjoint(said)
    return isinstance(entry, str) and entry in names


def _salt(connection: Connection) -> str:
    return str(connection.execute(select(tables.erasure_salt.c.salt)).scalars().one())


def _digest(salt: str, word: str) -> str:
    return hashlib.sha256((salt + word).encode()).hexdigest()
