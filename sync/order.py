"""What a run was asked to do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path  # noqa: TC003 - the dataclass and the options tell their types
from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from config.settings import WriteSettings
    from sync.report import RunKind


class Options(TypedDict, total=False):
    """How far a run may go, as far as it is asked of it alone; see `Order`."""

    dry_run: bool
    approve: bool
    limit: int | None
    share: float | None
    file: Path | None
    skip_moved: bool
    hand_over: bool
    source: str
    roll_back_to: str | None


@dataclass(frozen=True, slots=True)
class Order:
    """The kind of run, and how far it may go."""

    kind: RunKind
    writes: bool  # whether it may write to a CRM
    dry_run: bool = False
    approve: bool = False  # it passes although guards stand up
    limit: int | None = None  # of records that are sent to each CRM
    share: float = 1.0  # of the people, 0 to 1, who may be written to
    file: Path | None = None  # where a plan is saved, or the one that is applied
    skip_moved: bool = False  # a plan is applied without the records that are not what they were

    hand_over: bool = False  # also people who are rated for the first time go to sales
    source: str = ""  # the model's file
    rolled_back_from: str = ""  # the version of the file, where the run uses an earlier one
    roll_back_to: str | None = None  # an earlier version of the model, which this run and those after it use

    @classmethod
    def of(cls, kind: RunKind, settings: WriteSettings, options: Options) -> Order:
        """The order for a run with these options."""
        share = options.get("share")
        return cls(
            kind=kind,
            writes=settings.enabled and kind != "plan" and not options.get("dry_run", False),
            dry_run=options.get("dry_run", False),
            approve=options.get("approve", False),
            limit=options.get("limit"),
            share=settings.rollout if share is None else share,
            file=options.get("file"),
            skip_moved=options.get("skip_moved", False),
            hand_over=options.get("hand_over", False),
            source=options.get("source", ""),
            roll_back_to=options.get("roll_back_to"),
        )
