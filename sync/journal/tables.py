"""The journal's tables. No column holds a personal value: records are named by their CRM's id."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Integer, MetaData, String, Table, Text, TypeDecorator

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect


MESSAGE_LENGTH: Final = 500
"""Longest message of a CRM that is kept, in characters."""


class UtcTime(TypeDecorator[datetime]):
    """An aware UTC time, stored without zone so that every database keeps it alike."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Aware to stored."""
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Stored to aware."""
        return None if value is None else value.replace(tzinfo=UTC)


class Words(TypeDecorator[str]):
    """A text that others wrote, at most `length` characters of it.

    Kept without what databases cannot hold: the NUL character, and halves of surrogate pairs.
    """

    impl = String
    cache_ok = True

    def __init__(self, length: int) -> None:
        super().__init__(length)
        self.length = length

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Cut and cleaned."""
        if value is None:
            return None
        whole = value.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
        return whole[: self.length]


metadata: Final = MetaData()

journal_version: Final = Table("journal_version", metadata, Column("version", Integer, nullable=False))

runs: Final = Table(
    "runs",
    metadata,
    Column("run_id", Integer, primary_key=True, autoincrement=True),
    Column("kind", String(20), nullable=False),
    Column("started_at", UtcTime, nullable=False),
    Column("ended_at", UtcTime),  # null while running, and for ever when the process was killed
    Column("exit_code", Integer),
    Column("holder", Words(200), nullable=False),
    Column("model_version", String(80), nullable=False),
    Column("report", Text),  # the end-of-run record as JSON
)

rejects: Final = Table(
    "rejects",
    metadata,
    Column("crm", String(40), primary_key=True),
    Column("record_id", String(80), primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("field", Words(120), nullable=False),
    Column("code", Words(120), nullable=False),
    Column("message", Words(MESSAGE_LENGTH), nullable=False),
    Column("values_hash", String(32), nullable=False),
    Column("first_seen", UtcTime, nullable=False),
    Column("last_seen", UtcTime, nullable=False),
    Column("attempts", Integer, nullable=False),
)

stages: Final = Table(
    "stages",
    metadata,
    Column("crm", String(40), primary_key=True),
    Column("record_id", String(80), primary_key=True),
    Column("stage", String(60), nullable=False),
    Column("since", UtcTime, nullable=False),
    Column("stage_before", String(60)),  # the one that we gave before this one
    Column("quiet", Boolean),  # given without handing the person over to sales; null: not
)

crossings: Final = Table(
    "crossings",
    metadata,
    Column("crossing_id", Integer, primary_key=True, autoincrement=True),
    Column("run_id", Integer, nullable=False, index=True),
    Column("crm", String(40), nullable=False),
    Column("record_id", String(80), nullable=False),
    Column("from_stage", String(60)),  # null: the first stage that we gave
    Column("to_stage", String(60), nullable=False),
    Column("direction", String(4), nullable=False),  # up or down
    Column("by_hand", Boolean, nullable=False),  # people moved it in the CRM
    Column("at", UtcTime, nullable=False),
    Column("told_at", UtcTime),  # when it went into the outbox, or turned out to be no news
)

holds: Final = Table(
    "holds",
    metadata,
    Column("crm", String(40), primary_key=True),
    Column("record_id", String(80), primary_key=True),
    Column("stage", String(60), nullable=False),  # as people set it
    Column("since", UtcTime, nullable=False),
    Column("until", UtcTime, nullable=False),
)

crm_stages: Final = Table(
    "crm_stages",
    metadata,
    Column("crm", String(40), primary_key=True),
    Column("record_id", String(80), primary_key=True),
    Column("value", String(255), nullable=False),  # of the CRM's own stage, as we set it last
    Column("given_at", UtcTime, nullable=False),
)

leases: Final = Table(
    "leases",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("fence", BigInteger, nullable=False),  # grows with every holder
    Column("pid", Integer),  # null while nobody holds it
    Column("host", Words(200)),
    Column("acquired_at", UtcTime),
    Column("heartbeat_at", UtcTime),
    Column("expires_at", UtcTime),
)

cursors: Final = Table(
    "cursors",
    metadata,
    Column("crm", String(40), primary_key=True),
    Column("stream", String(80), primary_key=True),
    Column("cursor", Text, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("stored_at", UtcTime, nullable=False),
    Column("slices_left", Integer),  # to be read until the stream is read to its end; null: all of it
)

jobs: Final = Table(
    "jobs",
    metadata,
    Column("crm", String(40), primary_key=True),
    Column("job", String(80), primary_key=True),
    Column("begun_at", UtcTime, nullable=False),
    Column("rows", Text, nullable=False),  # kind, record id and values hash of each, as JSON
)

model_versions: Final = Table(
    "model_versions",
    metadata,
    Column("version", String(80), primary_key=True),
    Column("first_used_at", UtcTime, nullable=False),
    Column("content", Text, nullable=False),  # the model's file
)

rollbacks: Final = Table(
    "rollbacks",
    metadata,
    Column("rollback_id", Integer, primary_key=True, autoincrement=True),
    Column("to_version", String(80), nullable=False),
    Column("from_version", String(80), nullable=False),  # of the model's file at that time
    Column("begun_at", UtcTime, nullable=False),
    Column("ended_at", UtcTime),  # null while it holds
)

calls: Final = Table(
    "calls",
    metadata,
    Column("run_id", Integer, primary_key=True),
    Column("crm", String(40), primary_key=True),
    Column("calls", BigInteger, nullable=False),  # of the run so far
    Column("noted_at", UtcTime, nullable=False),
)

outbox: Final = Table(
    "outbox",
    metadata,
    Column("message_id", Integer, primary_key=True, autoincrement=True),
    Column("event_id", String(80), nullable=False),  # the same on every channel and at every attempt
    Column("channel", String(20), nullable=False),
    Column("subject", String(20), nullable=False),  # what it goes on about: runs, movement, crossings
    Column("event", String(40), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("body", Text, nullable=False),  # JSON
    Column("attempts", Integer, nullable=False),
    Column("next_at", UtcTime),  # null: delivered, or given up
    Column("delivered_at", UtcTime),
)

erasures: Final = Table(
    "erasures",
    metadata,
    Column("digest", String(64), primary_key=True),  # of an address or a record id, with the journal's salt
    Column("person", String(64), nullable=False),  # the digest by which all of one person's are found
    Column("erased_at", UtcTime, nullable=False),
)

erasure_salt: Final = Table("erasure_salt", metadata, Column("salt", String(64), nullable=False))
