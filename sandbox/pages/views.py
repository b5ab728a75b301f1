"""What a page shows of a record, the same for both CRMs, and the order of the list."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_MARK: Final = "leadgrade_"
_GRADES: Final = {"a": 0, "b": 1, "c": 2, "d": 3, "f": 4, "?": 2}  # an unknown grade may still be any: the middle
_CELL: Final = re.compile(r"([A-DF?])([+-]?)([0-9])", re.IGNORECASE)
_TRENDS: Final = {"rising": "↗", "steady": "→", "cooling": "↘"}
_TONES: Final = {"a": "best", "b": "good", "c": "fair", "d": "poor", "f": "poor"}


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason for a score, such as ``Demo form`` ``+50``."""

    what: str
    points: str

    @property
    def is_loss(self) -> bool:
        """Whether it cost points."""
        return self.points.startswith("-")


@dataclass(frozen=True, slots=True)
class Score:
    """The synced fields of a record, as text; empty where a field is empty."""

    fields: Mapping[str, str]  # fit_score, fit_grade, engagement_score, rating, trend, stage, reasons ...

    @property
    def rating(self) -> str:
        """The rating, or "" while the record is not rated."""
        return self.fields.get("rating", "")

    @property
    def tone(self) -> str:
        """The colour of the badge: best, good, fair, poor or none."""
        return _TONES.get(self.rating[:1].lower(), "none") if _CELL.fullmatch(self.rating) else "poor"

    @property
    def trend_arrow(self) -> str:
        """The trend as an arrow."""
        return _TRENDS.get(self.fields.get("trend", ""), "")

    @property
    def reasons(self) -> list[Reason]:
        """The reasons, one by one."""
        parts = [part.strip() for part in self.fields.get("reasons", "").split("·")]
        return [_reason(part) for part in parts if part]

    def order(self) -> tuple[int, int, int, str, int]:
        """Sorts best first; then ratings that are no cell of grade and level; the unrated last.

        Cells go by the places of grade and level together, so that A2 and B1 come before A4; then by grade.
        """
        rating = self.rating
        engagement = -int(float(self.fields.get("engagement_score") or 0))
        if not rating:
            return 2, 0, 0, "", engagement
        cell = _CELL.fullmatch(rating)
        if cell is None:
            return 1, 0, 0, rating, engagement
        grade, shade, level = cell.groups()
        place = _GRADES[grade.lower()]
        return 0, place + int(level), place, {"+": "0", "-": "2"}.get(shade, "1"), engagement


@dataclass(frozen=True, slots=True)
class Record:
    """A person's record as the pages show it."""

    type: str  # the CRM's word, as in the address of the page
    id: str
    name: str
    job_title: str
    company: str
    email: str
    stage: str  # the CRM's own lifecycle stage or lead status
    gone: str  # deleted, archived, converted; "" while live
    score: Score
    sections: list[tuple[str, list[tuple[str, str]]]]  # title and (label, value) of the other properties

    @property
    def subtitle(self) -> str:
        """What tells namesakes apart: kind of record where the CRM has two, and job title."""
        return " · ".join(
            part for part in (self.type if self.type in {"Lead", "Contact"} else "", self.job_title) if part
        )

    @property
    def initials(self) -> str:
        """For the picture that nobody uploaded."""
        return "".join(word[0] for word in self.name.split()[:2]).upper() or "?"


def split_scores(fields: Mapping[str, str]) -> tuple[Score, dict[str, str]]:
    """The synced fields, by Leadgrade's names for them, and all others."""
    synced: dict[str, str] = {}
    others: dict[str, str] = {}
    for name, value in fields.items():
        plain = name.lower().removesuffix("__c")
        if plain.startswith(_MARK):
            synced[plain.removeprefix(_MARK)] = value
        else:
            others[name] = value
    return Score(synced), others


def in_order(records: list[Record]) -> list[Record]:
    """Best rating first, the unrated last; ties by name."""
    return sorted(records, key=lambda record: (record.score.order(), record.name.casefold(), record.id))


def _reason(text: str) -> Reason:
    what, _, points = text.rpartition(" ")
    is_number = points[:1] in {"+", "-"} and points[1:].isdigit()
    return Reason(what, points) if is_number else Reason(text, "")
