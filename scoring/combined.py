"""Combined ratings: one or two axes cut into bands, and a name for each cell. Read off the columns of `scores`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from config.vocabulary import UNKNOWN_GRADE
from scoring import sql

if TYPE_CHECKING:
    from config.model import Model
    from config.model_special import Bands, CombinedRating


def axis_value(axis: str, scores: str) -> str:
    """SQL: the whole points of `axis` in the relation `scores`; null where there are none, or nothing is known."""
    if axis == "fit":
        return f"CASE WHEN {scores}.fit_grade <> {sql.text(UNKNOWN_GRADE)} THEN {scores}.fit_score END"
    return f"{scores}.{axis}_score"


def bands_of(model: Model, side: Bands) -> dict[str, float]:
    """Label -> lowest score of a side."""
    if side.bands is not None:
        return side.bands
    return model.fit.scale if side.axis == "fit" else model.engagement.levels


def labels_of(model: Model, side: Bands | None) -> list[str]:
    """The labels of a side, best first, that of the unknown last; one empty label for a side that is not there."""
    if side is None:
        return [""]
    return [*bands_of(model, side), *([side.unknown] if side.unknown is not None else [])]


def names_of(model: Model, rating: CombinedRating) -> list[list[str]]:
    """The names of the cells, row by row."""
    if rating.cells is not None:
        return [list(row) for row in rating.cells]
    columns = labels_of(model, rating.columns)
    return [[row + column for column in columns] for row in labels_of(model, rating.rows)]


def combine(con: Any, model: Model) -> None:
    """Add to `scores` a column ``rating_<number>`` for each combined rating, and `ratings`, all of them as text.

    One rating stands alone; several with their names before them.
    """
    cells = [f"{_cell(model, rating)} AS rating_{number}" for number, rating in enumerate(model.ratings)]
    text = "rating_0"
    if len(model.ratings) > 1:
        parts = [
            f"COALESCE({sql.text(f' · {rating.name}: ')} || rating_{number}, '')"
            for number, rating in enumerate(model.ratings)
        ]
        text = f"NULLIF(SUBSTR({' || '.join(parts)}, 4), '')"
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE scores AS
        SELECT *, {text} AS ratings FROM (SELECT s.*, {", ".join(cells)} FROM scores s)
        """
    )


def _cell(model: Model, rating: CombinedRating) -> str:
    names = names_of(model, rating)
    index = _place(model, rating.rows)
    if rating.columns is not None:
        index = f"{len(names[0])} * ({index}) + ({_place(model, rating.columns)})"
    label = sql.labels(index, [name for row in names for name in row])
    return f"CASE WHEN s.model_version IS NULL THEN NULL ELSE {label} END"


def _place(model: Model, side: Bands) -> str:
    bands = bands_of(model, side)
    value = axis_value(side.axis, "s")
    unknown = "NULL" if side.unknown is None else str(len(bands))
    return f"CASE WHEN {value} IS NULL THEN {unknown} ELSE {sql.ladder(value, bands.values())} END"
