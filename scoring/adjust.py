"""Points by hand: what somebody wrote into a field of the CRM to correct a score, and how long it holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from config.model_values import MICRO, MOST_POINTS
from scoring import sql
from scoring.fit import attribute_column

if TYPE_CHECKING:
    from config.model_adjust import Adjust
    from scoring.engagement import Tally
    from scoring.events import Moment

NAME: Final = "Adjusted by hand"
"""What the ledger and the reasons call it."""


def note_adjustments(con: Any, adjust: Adjust, moment: Moment, suffix: str = "") -> None:
    """Create `hand_points` (person, micro, on_day): the points known at `moment`, and the day from which they count.

    Numbers beyond MOST_POINTS count as that many points. Those without a date do not count where the model asks for
    one; what is dated later than `moment` is not known yet.
    """
    points, on = (
        attribute_column(name).sql(dialect=sql.DIALECT) if name is not None else "NULL"
        for name in (adjust.by, adjust.on)
    )
    limited = f"LEAST(GREATEST({points}, {-MOST_POINTS}), {MOST_POINTS})"
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE hand_points{suffix} AS
        SELECT * FROM (
            SELECT p.person, CAST(ROUND({limited} * {MICRO}) AS BIGINT) AS micro, CAST({on} AS DATE) AS on_day
            FROM people p WHERE {points} IS NOT NULL)
        WHERE micro <> 0 AND {"TRUE" if adjust.on is None else f"on_day <= {sql.day(moment.until.date())}"}
        """
    )


def adjusted_sql(adjust: Adjust, at: Tally, lives: str) -> str:
    """SELECT of (keys, micro, on_day): the points that hold.

    Asked about several days, a gift counts while it holds on the last of them, what is taken while on the first.
    """
    keys = [key for key in at.keys if key != "person"]
    source = f"hand_points{lives} h" + (" JOIN asked k ON k.person = h.person" if keys else "")
    columns = ", ".join("h.person" if key == "person" else f"k.{key}" for key in at.keys)
    if adjust.lasts is None:
        return f"SELECT {columns}, h.micro, h.on_day FROM {source}"
    early, late = (at.early.format(alias="k"), at.day.format(alias="k"))
    age = sql.days_between("h.on_day", f"CASE WHEN h.micro > 0 THEN {late} ELSE {early} END")
    return f"SELECT {columns}, h.micro, h.on_day FROM {source} WHERE {age} BETWEEN 0 AND {adjust.lasts - 1}"


def adjusted_line() -> str:
    """SELECT of the line of the ledger."""
    return f"SELECT person, 'engagement', '{NAME}', 'adjusted', micro, 1, CAST(on_day AS TIMESTAMP) FROM adjusted"
