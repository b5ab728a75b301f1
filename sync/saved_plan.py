"""A plan that was saved to a file: made by ``plan --out``, looked at by people, sent by ``apply``.

The first line is the `Header`, each other line a record that is to be written: its id, the values of our own fields now
and then, and the version of the record. Nothing else of a person is in it. The file is its owner's alone.

`apply` sends exactly these rows, or refuses: another account, another model, another version of Leadgrade, a plan that
is old or was edited, or records that are no longer what they were when it was made (one that was deleted since is left
out). Interrupted, it goes on when it is run again, since a record that holds the values already is not sent a second
time.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from dataclasses import dataclass
from datetime import datetime  # noqa: TC003 - pydantic reads the annotations
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict, ValidationError

from config.errors import ConfigError
from sync import apply, scores
from sync.errors import GuardTripped
from sync.mirror import saved
from sync.planning import judge

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta
    from pathlib import Path

    import duckdb

    from config.model import Model
    from config.settings import Settings
    from sync.draft import Draft
    from sync.order import Order
    from sync.session import Session

FORMAT: Final = 1
SHOWN: Final = 10
"""So many of the records that moved are named in the message."""


class Header(BaseModel):
    """What a plan is of. `digest` is the SHA-256 of all lines that follow; `rows` are counts per CRM."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    leadgrade_plan: int
    leadgrade: str  # the version that made it
    model_version: str
    as_of: datetime
    accounts: dict[str, str]
    share: float
    fields: list[str]
    rows: dict[str, int]
    digest: str


@dataclass(frozen=True, slots=True)
class SavedPlan:
    """A plan in a file, with its header."""

    path: Path
    header: Header


def save(path: Path, connection: duckdb.DuckDBPyConnection, *, order: Order, model: Model, draft: Draft) -> None:
    """Save the plan in ``store.plan``. Raises ConfigError when the file cannot be written."""
    rows, whole = path.with_name(f".{path.name}.rows"), path.with_name(f".{path.name}.part")
    try:
        _for_owner(rows)
        fields = saved.dump(connection, rows)
        header = Header(
            leadgrade_plan=FORMAT,
            leadgrade=version("leadgrade"),
            model_version=model.version,
            as_of=draft.started_at,
            accounts=draft.accounts,
            share=order.share,
            fields=fields,
            rows={crm: tally.planned.to_send for crm, tally in draft.tallies.items()},
            digest=_digest(rows),
        )
        _for_owner(whole)
        with whole.open("wb") as file, rows.open("rb") as lines:
            file.write(header.model_dump_json().encode() + b"\n")
            file.writelines(lines)
        whole.replace(path)
    except OSError as error:
        raise ConfigError(
            f"this cannot be written ({error.strerror}).", file=path, remedy="Choose another place."
        ) from None
    finally:
        with contextlib.suppress(OSError):
            rows.unlink(missing_ok=True)
            whole.unlink(missing_ok=True)


def opened(path: Path, *, model: Model, now: datetime, longest: timedelta) -> SavedPlan:
    """A plan that may be applied. Raises ConfigError for a file that is none, GuardTripped for a plan
    that is damaged, too old, or of another model or version.
    """
    try:
        with path.open("rb") as file:
            header = Header.model_validate_json(file.readline())
    except OSError as error:
        raise ConfigError(f"this cannot be read ({error.strerror}).", file=path) from None
    except ValidationError:
        raise ConfigError("this is no plan.", file=path, remedy="`leadgrade plan --out` makes one.") from None
    if header.leadgrade_plan != FORMAT or header.leadgrade != version("leadgrade"):
        raise _outdated(f"was made by Leadgrade {header.leadgrade}, this is {version('leadgrade')}", path)
    if header.model_version != model.version:
        raise _outdated(f"was made with the model {header.model_version}, now it is {model.version}", path)
    if now - header.as_of > longest:
        raise _outdated(f"is of {header.as_of:%Y-%m-%d %H:%M} UTC, older than writes.guard.plan_max_age_h", path)
    if _digest(path, skip=1) != header.digest:
        raise _outdated("is not what was saved: its lines were changed or are missing", path)
    return SavedPlan(path, header)


def same_accounts(plan: SavedPlan, accounts: Mapping[str, str]) -> None:
    """A plan names records of one account per CRM. Raises GuardTripped."""
    for crm, account in plan.header.accounts.items():
        if accounts.get(crm) != account:
            found = accounts.get(crm, "none")
            raise _outdated(f"is for account {account} of {crm}, the credentials open {found}", plan.path)


def take(
    plan: SavedPlan,
    *,
    order: Order,
    settings: Settings,
    model: Model,
    session: Session,
    draft: Draft,
) -> None:
    """Make ``store.plan`` of the file and ask the guards; what came of it goes into `draft`.

    Raises GuardTripped when records moved and those that did not shall not be sent without them, `LeaseLost`.
    """
    as_of = session.clock.now()
    with session.mirror.open() as connection:
        with draft.timed(session, "identity"):
            scores.gather(connection, settings=settings, model=model, journal=session.journal, now=as_of)
        with draft.timed(session, "plan") as rows:
            taken = saved.take(
                connection,
                plan.path,
                fields=plan.header.fields,
                refused=session.journal.refused(),
                fence=session.lease.fence,
            )
            rows["records"] = sum(crm.planned for crm in taken.planned)
        draft.tallies = {crm.crm: apply.Tally(crm) for crm in taken.planned}
        judge(connection, order, settings, session, draft)
    if taken.moved and not order.skip_moved:
        named = ", ".join(taken.moved[:SHOWN]) + (", ..." if len(taken.moved) > SHOWN else "")
        raise GuardTripped(
            f"{len(taken.moved)} of {sum(plan.header.rows.values())} records are not what they were when the plan was "
            f"made: {named}.",
            remedy="Nothing was written. Plan anew, or send the others with --skip-moved.",
        )


def _outdated(what: str, path: Path) -> GuardTripped:
    return GuardTripped(f"The plan {path.name} {what}.", remedy="Nothing was written. Plan anew.")


def _for_owner(path: Path) -> None:
    """An empty file that nobody else may read."""
    path.unlink(missing_ok=True)
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))


def _digest(path: Path, *, skip: int = 0) -> str:
    """SHA-256 of a file's lines but for the first `skip`."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for number, line in enumerate(file):
            if number >= skip:
                digest.update(line)
    return digest.hexdigest()
