"""Erases a person from all that Leadgrade keeps, and keeps them from coming back.

The tombstones are set first: should the process die after that, the next run goes on from them. The mirror knows that
something was erased until its file has been made anew, which comes last: so long, journal and mirror are cleaned up by
the runs to come. The CRMs are not touched; what stands in their records is for their own tools to delete.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb
import structlog

from sync import identity, lease
from sync.errors import JournalBusy, StateUnusable
from sync.journal.erasures import Person
from sync.mirror import acknowledged, forgotten, normal
from sync.mirror.store import meta, rewrite_is_due, set_meta
from sync.stores import open_journal, open_mirror

if TYPE_CHECKING:
    from collections.abc import Mapping

    from config.settings import Settings
    from connectors.clock import Clock
    from sync.journal.book import Journal
    from sync.mirror.store import Mirror
    from sync.session import Session

log = structlog.get_logger()

_PASSED_ON = "erasures_passed_on"


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What there was of a person: records per CRM, rows of the mirror and of the journal per table."""

    records: Mapping[str, int]
    mirror: Mapping[str, int]
    journal: Mapping[str, int]
    dry_run: bool

    @property
    def is_nothing(self) -> bool:
        """Whether nothing was known of the address."""
        return not (self.records or self.mirror or self.journal)


class NoAddress(Exception):
    """What was given is no e-mail address."""

    exit_code = 2

    def __init__(self) -> None:
        super().__init__("This is no e-mail address. Give the person's whole address, name and domain.")


def forget(settings: Settings, clock: Clock, address: str, *, dry_run: bool = False) -> Forgotten:
    """Erase the person with this address, with all their records; with `dry_run` only count.

    Raises `NoAddress`, `Busy` while a run is under way, `JournalBusy`, `StateUnusable`. Repeatable: a second time does
    what a first one that was killed left to do; so does the next run, but it makes the files anew at most once a day.
    """
    journal, mirror = open_journal(settings), open_mirror(settings, clock)
    try:
        with lease.held(journal, clock) as held:
            book, mirror = journal.under(held.fence), mirror.under(held.fence)
            with mirror.open() as connection:
                person = _person(connection, address)
                acknowledged.take_over(connection, held.fence)
                rows = _rows(connection, person)
            counted = Forgotten(
                records={crm: len(ids) for crm, ids in person.records.items()},
                mirror=rows,
                journal=journal.count(person),
                dry_run=dry_run,
            )
            if not dry_run:
                book.erase(person, clock.now())
                with mirror.open() as connection:
                    forgotten.heed(connection, journal.tombstones(), held.fence)
                _clean_up(journal, mirror)
            return counted
    finally:
        journal.close()


def lift(settings: Settings, clock: Clock, address: str) -> bool:
    """Let a person in again who was erased; whether there was one. What was erased stays so, until it is read anew."""
    journal, mirror = open_journal(settings), open_mirror(settings, clock)
    try:
        with lease.held(journal, clock) as held:
            with mirror.under(held.fence).open() as connection:
                found = journal.under(held.fence).lift(_normal(connection, address))
                forgotten.heed(connection, journal.tombstones(), held.fence)
            return found > 0
    finally:
        journal.close()


def pass_on(session: Session) -> None:
    """Erase from the journal whom a CRM has told to be erased; the mirror did so as it heard of it.

    Then, at most once a day, the files of both are made anew, as after `forget`, whoever erased somebody since. Where
    they cannot be (no room for a second file), the log says so, and it is tried again a day later.
    """
    with session.mirror.open() as connection:
        told = connection.execute("""
            WITH RECURSIVE same AS (
                SELECT crm, record_id FROM store.removals WHERE removed = 'erased' AND kind IN ('contact', 'lead')
                UNION
                SELECT removals.crm, removals.record_id FROM store.removals
                JOIN same ON removals.crm = same.crm AND removals.successor_id = same.record_id
            )
            SELECT crm, record_id FROM same ORDER BY crm, record_id
        """).fetchall()
        is_news = bool(told) and meta(connection, _PASSED_ON) != str(len(told))
        is_due = rewrite_is_due(connection, session.clock.now())
    if is_news:
        session.journal.erase(Person(_by_crm(told)), session.clock.now(), tombstones=False)
        with session.mirror.open() as connection:
            set_meta(connection, _PASSED_ON, str(len(told)))
    if is_due:
        try:
            _clean_up(session.journal, session.mirror)
        except (duckdb.Error, OSError, JournalBusy, StateUnusable) as error:
            log.warning("erased values stay in free blocks of journal and mirror for now", why=type(error).__name__)


def _clean_up(journal: Journal, mirror: Mirror) -> None:
    """Have both files give up what was erased; the mirror last, since it knows that there is something to do."""
    journal.sweep()
    mirror.rewrite()


def _person(connection: duckdb.DuckDBPyConnection, address: str) -> Person:
    """The records that hold the address, those of the same person, and all their addresses but shared mailboxes."""
    meant = _normal(connection, address)
    identity.resolve(connection)
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE found AS
        WITH named AS (SELECT crm, record_id FROM store.records WHERE {normal.email("email")} = $address)
        SELECT crm, record_id FROM identities
            WHERE person IN (SELECT person FROM identities JOIN named USING (crm, record_id))
        UNION FROM named
        """,
        {"address": meant},
    )
    addresses = connection.execute(
        f"SELECT DISTINCT {normal.email('email')} AS address FROM store.records JOIN found USING (crm, record_id)"
    ).fetchall()
    own = {one for (one,) in addresses if one and one.partition("@")[0] not in identity.SHARED_MAILBOXES}
    rows = connection.execute("SELECT crm, record_id FROM found ORDER BY crm, record_id").fetchall()
    return Person(_by_crm(rows), (meant, *sorted(own - {meant})))


def _normal(connection: duckdb.DuckDBPyConnection, address: str) -> str:
    found: str | None = connection.execute(
        f"SELECT {normal.email('address')} FROM (SELECT $address AS address)", {"address": address}
    ).fetchall()[0][0]
    if found is None:
        raise NoAddress
    return found


def _rows(connection: duckdb.DuckDBPyConnection, person: Person) -> Counter[str]:
    """Rows of the mirror per table; needs `_person`."""
    counts: Counter[str] = Counter()
    for table in forgotten.of_records(connection):
        there = connection.execute(f"SELECT count(*) FROM store.{table} JOIN found USING (crm, record_id)").fetchall()
        counts[table] = there[0][0]
    counts["activities"] = connection.execute(
        """
        SELECT count(*) FROM store.facts JOIN store.owners USING (owner)
        WHERE (crm, record_id) IN (FROM found) OR list_contains($addresses::VARCHAR[], email)
        """,
        {"addresses": list(person.addresses)},
    ).fetchall()[0][0]
    return +counts


def _by_crm(rows: list[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    return {crm: tuple(record_id for at, record_id in rows if at == crm) for crm in sorted({crm for crm, _ in rows})}
