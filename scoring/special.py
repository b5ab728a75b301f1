"""The special models beside fit and engagement, and where they stand in a run.

`prepare` comes before anybody is scored and looks at everybody; `judge` scores the people of a span; `finish` looks at
everybody's `scores`. A model without these sections runs none of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scoring import accounts, affinity, bant, combined, rfm
from scoring.beside import LINE, SUFFIX, beside_rules
from scoring.counting import note_lines

if TYPE_CHECKING:
    from collections.abc import Mapping

    from config.model import Model
    from scoring.events import Moment


def prepare(con: Any, model: Model, moment: Moment) -> None:
    """What must be known of everybody before anybody is scored."""
    if model.rfm is not None:
        rfm.rank_buyers(con, model.rfm, moment)
    if model.account is not None:
        accounts.begin(con)


def judge(con: Any, model: Model, moment: Moment, types: Mapping[str, str]) -> None:
    """Score the people of a span; the rules of `scoring.beside` are tallied."""
    if model.rfm is not None:
        rfm.score_buyers(con, model.rfm)
    if model.bant is not None:
        bant.judge(con, model, model.bant, moment, types)
    if model.affinity is not None:
        affinity.judge(con, model.affinity)
    if model.account is not None:
        accounts.tell_roles(con, model, model.account, moment, types)


def columns(model: Model) -> dict[str, str]:
    """What `judge` adds to `scores`: column -> SQL, over the joins of `joins`."""
    found: dict[str, str] = {}
    if model.rfm is not None:
        found |= rfm.columns(model.rfm)
    if model.bant is not None:
        found |= bant.columns(model.bant)
    if model.affinity is not None:
        found |= affinity.columns(model.affinity)
    if model.account is not None:
        found |= accounts.columns(model.account)
    return found


def joins(model: Model) -> str:
    """The joins of `columns` to ``s``, which has a row per person."""
    sections = {"rfm": rfm.JOIN, "bant": bant.JOIN, "affinity": affinity.JOIN, "account": accounts.JOIN}
    return " ".join(join for name, join in sections.items() if getattr(model, name) is not None)


def lines(model: Model, *, noted: bool) -> list[str]:
    """The ledger's lines of these axes, as SELECTs; `noted` says whether there are notes of the rules beside."""
    found: list[str] = []
    if model.rfm is not None:
        found += rfm.lines()
    if model.bant is not None:
        found += bant.lines(model.bant)
    if model.affinity is not None:
        found += affinity.lines()
    if model.account is not None:
        found += accounts.lines()
    if beside_rules(model):
        found.append(f"SELECT {LINE} FROM aside{SUFFIX}")
    if noted:
        terms = "(SELECT * FROM beside_rules WHERE section <> 'content')"
        found.append(note_lines("t.axis", f"notes{SUFFIX}", terms))
    return found


def finish(con: Any, model: Model) -> None:
    """What is read off everybody's `scores`: account roll-ups, then combined ratings."""
    if model.account is not None:
        accounts.roll_up(con, model.account)
    if model.ratings:
        combined.combine(con, model)
