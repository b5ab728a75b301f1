"""What both kinds of Bulk API 2.0 job share: waiting for their end, giving them up, reading their files from disk."""

from __future__ import annotations

import csv
import os
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import pyarrow as pa
import structlog
from pyarrow import csv as arrow_csv

from connectors.errors import ConnectorBug, ConnectorError, Unreachable
from connectors.salesforce.errors import CRM

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from connectors.clock import Clock
    from connectors.salesforce.client import Client

log = structlog.get_logger(__name__)

PIECE_BYTES: Final = 128 << 10
"""What is parsed of a file at a time. Arrow's own streaming reader reads far ahead: it took 60 MB for a file of 18."""

PART_ROWS: Final = 5_000
"""Rows of one part of a file, give or take those of one piece."""

FIRST_POLL_S: Final = 0.25
LONGEST_POLL_S: Final = 30.0
PATIENCE_S: Final = 6 * 3600.0
"""A job that is not done by then is given up for this run."""

SKEW: Final = timedelta(seconds=5)
"""By how much the clocks of the server's machines, and what we make of them, may differ."""

ENDED: Final = frozenset({"JobComplete", "Failed", "Aborted"})


def wait(client: Client, path: str, clock: Clock) -> dict[str, Any]:
    """The job's last state, once it is done in whatever way. Raises Unreachable when patience ends."""
    deadline = clock.monotonic() + PATIENCE_S
    pause = FIRST_POLL_S
    while True:
        job: dict[str, Any] = client.call("GET", path, label="/jobs/<job>")
        if job["state"] in ENDED:
            return job
        if clock.monotonic() + pause > deadline:
            raise Unreachable(
                f"Bulk job {job['id']} is still {job['state']} after {PATIENCE_S / 3600:.0f} hours.",
                crm=CRM,
                remedy="Look at Setup > Bulk Data Load Jobs; run again later.",
            )
        clock.sleep(pause)
        pause = min(pause * 1.5, LONGEST_POLL_S)


def abort(client: Client, path: str) -> None:
    """Give a job up. That this fails must not hide why it was given up."""
    try:
        client.call("PATCH", path, json={"state": "Aborted"}, label="/jobs/<job>")
    except ConnectorError as error:
        log.warning("Bulk job could not be aborted", crm=CRM, error=type(error).__name__)


@contextmanager
def scratch() -> Iterator[Path]:
    """A private directory for the jobs' files, gone afterwards."""
    with TemporaryDirectory(prefix="leadgrade-") as name:
        os.chmod(name, 0o700)  # noqa: PTH101 - said once more where it matters: the files hold personal data
        yield Path(name)


def fetch_csv(client: Client, path: str, target: Path, *, label: str, **params: Any) -> None:
    """Stream a job's result to `target`, without the NUL bytes that occur in texts and end a value early elsewhere."""
    client.call("GET", path, params=params, headers={"Accept": "text/csv"}, stream_to=target, label=label)
    drop_nul(target)


def read_csv(path: Path, columns: Sequence[str] = ()) -> Iterator[pa.Table]:
    """The rows of a result file (or some of its columns) as text, in parts of about `PART_ROWS`; none for no rows.

    An empty cell is null, and nothing else is (``NA`` and ``Null`` are names). Raises ConnectorBug for a file that is
    not CSV.
    """
    header = _header(path)
    wanted = [name for name in columns if name in header] if columns else header
    read = arrow_csv.ReadOptions(column_names=header, use_threads=False, encoding="utf8")
    convert = arrow_csv.ConvertOptions(
        column_types=dict.fromkeys(header, pa.string()),
        include_columns=wanted,
        null_values=[""],
        strings_can_be_null=True,
        quoted_strings_can_be_null=True,
    )
    gathered: list[pa.Table] = []
    for piece in _pieces(path) if wanted else ():
        read.block_size = len(piece) + 1  # one block, so that a record is never cut
        try:
            rows = arrow_csv.read_csv(
                pa.BufferReader(piece),
                read_options=read,
                parse_options=arrow_csv.ParseOptions(newlines_in_values=True),
                convert_options=convert,
            )
        except pa.ArrowInvalid as error:
            kind = str(error).partition(":")[0]
            raise ConnectorBug(f"a Bulk result is not the CSV it should be ({kind}).", crm=CRM) from None
        gathered.append(rows)
        if sum(each.num_rows for each in gathered) >= PART_ROWS:
            yield pa.concat_tables(gathered)
            gathered.clear()
    if gathered:
        yield pa.concat_tables(gathered)


def _pieces(path: Path) -> Iterator[bytes]:
    """The file behind its header in pieces of whole records: cut where a line ends outside of quotes."""
    rest = b""
    with path.open("rb") as file:
        file.readline()
        while chunk := file.read(PIECE_BYTES):
            rest += chunk
            end = rest.rfind(b"\n")
            while end >= 0 and rest.count(b'"', 0, end) % 2:
                end = rest.rfind(b"\n", 0, end)
            if end >= 0:
                yield rest[: end + 1]
                rest = rest[end + 1 :]
    if rest:
        yield rest


def count_rows(path: Path) -> int:
    """How many rows a result file has: the first of two readings, so that no row of half a file is ever used."""
    return sum(part.num_rows for part in read_csv(path, _header(path)[:1]))


def _header(path: Path) -> list[str]:
    with path.open(encoding="utf-8", newline="") as file:
        return next(csv.reader(file), [])


def drop_nul(path: Path) -> None:
    """Take NUL bytes out of a file."""
    with path.open("rb") as file:
        if not any(b"\0" in chunk for chunk in _chunks(file)):
            return
    clean = path.with_suffix(".clean")
    with path.open("rb") as source, clean.open("wb") as target:
        for chunk in _chunks(source):
            target.write(chunk.replace(b"\0", b""))
    clean.replace(path)


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    return iter(lambda: file.read(1 << 20), b"")
