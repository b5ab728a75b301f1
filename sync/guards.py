"""What stops a run before it writes. A guard that trips raises; nothing has been written by then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from connectors.errors import ConfigProblem
from sync.errors import GuardTripped
from sync.mirror.store import is_whole, meta, set_meta

if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb

    from config.settings import Settings
    from connectors.base import Identity
    from scoring.golden import Failure
    from sync.mirror.store import Mirror
    from sync.mirror.summary import Crowd

FEW: Final = 10
"""So many people may always change: in a crowd of twenty, five are a quarter and yet no accident."""

MOST_LOST: Final = 0.1
"""A greater share of the people cannot have gone without any stream telling."""


def same_account(connection: duckdb.DuckDBPyConnection, mirror: Mirror, identity: Identity) -> None:
    """The mirror holds facts of one account per CRM. Raises `ConfigProblem` when the credentials open another."""
    key = f"account.{identity.crm}"
    known = meta(connection, key)
    if known is None:
        set_meta(connection, key, identity.account_id)
    elif known != identity.account_id:
        raise ConfigProblem(
            f"the credentials open account {identity.account_id}, but {mirror.path} holds facts of account {known}.",
            crm=identity.crm,
            remedy="Nothing was read. Use the credentials of that account, or a store.path of its own for this one.",
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


def share_of_changes(crowd: Crowd, settings: Settings, *, approved: bool) -> None:
    """Of the people who hold a rating, only so many may change rating or stage in one run."""
    share = crowd.changing / crowd.rated if crowd.rated else 0.0
    limit = settings.writes.guard.max_share
    if share > limit and crowd.changing > FEW and not approved:
        raise GuardTripped(
            f"The rating or stage of {crowd.changing} of {crowd.rated} people ({share:.0%}) would change; "
            f"writes.guard.max_share is {limit:.0%}.",
            remedy="Nothing was written. Look at `leadgrade plan`; if it is meant, run again with --approve.",
        )


def lost_people(crm: str, lost: int, living: int) -> None:
    """A CRM may say nothing any more of a few people whom no stream removed; of many, and we cannot see them."""
    if lost > FEW and lost / living > MOST_LOST:
        raise GuardTripped(
            f"{crm} shows nothing of {lost} of the {living} people in the mirror.",
            remedy="Nothing was written. Look whether the integration user may still see all people; "
            "`leadgrade check` names missing permissions.",
        )
