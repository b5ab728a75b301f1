"""What a page shows of a record, the same for both CRMs, and the order of the list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_MARK: Final = "leadgrade_"
_GRADES: Final = "abcdf?"
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
        return _TONES.get(self.rating[:1].lower(), "none") if len(self.rating) <= len("A+1") else "poor"

    @property
    def trend_arrow(self) -> str:
        """The trend as an arrow."""
        return _TRENDS.get(self.fields.get("trend", ""), "")

    @property
    def reasons(self) -> list[Reason]:
        """The reasons, one by one."""
        parts = [part.strip() for part in self.fields.get("reasons", "").split("·")]
        return [_reason(part) for part in parts if part]

    def order(self) -> tuple[int, str, int, str, int]:
        """Sorts best first: grade, its plus or minus, level, engagement; then special ratings; the unrated last."""
        rating = self.rating
        engagement = -int(float(self.fields.get("engagement_score") or 0))
        if not rating:
            return 2, "", 0, "", engagement
        if rating[0].lower() not in _GRADES or len(rating) > len("A+1"):
            return 1, rating, 0, "", engagement
        shade = {"+": 0, "-": 2}.get(rating[1:2], 1)
        return 0, str(_GRADES.index(rating[0].lower())), shade, rating.lstrip("ABCDFabcdf?+-"), engagement


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
