"""Account roll-ups and combined ratings in plain Python."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from tests.scoring.oracle import settle
from tests.scoring.oracle_conditions import holds
from tests.scoring.oracle_fit import grades
from tests.scoring.oracle_numbers import POINT, micro, rounded

if TYPE_CHECKING:
    from datetime import date

    from config.model import Model
    from tests.scoring.oracle import Lines, Person

Row = dict[str, Any]


def role_of(model: Model, person: Person, day: date) -> str | None:
    roles = model.account.roles
    for role in roles:
        if any(name.strip().lower() in person.roles for name in role.deal_roles):
            return role.name
    for role in roles:
        if role.when is not None and holds(model, role.when, person.attributes, day) is True:
            return role.name
    return None


def axis_value(row: Row, axis: str) -> int | None:
    if axis == "fit" and row.get("fit_grade") == "?":
        return None
    return row.get(f"{axis}_score")


def account_of(model: Model, crowd: list[Person], rows: list[Row], place: int) -> tuple[Row, Lines]:
    """What the roll-up adds to the row and the lines of the person at `place`; roles are in the rows already."""
    account = crowd[place].account
    if account is None or "model_version" not in rows[place]:
        return {}, []
    together = [row for person, row in zip(crowd, rows, strict=True) if person.account == account]
    together = [row for row in together if "model_version" in row and row["rating"] != "disqualified"]
    scored = [row for row in together if axis_value(row, model.account.of) is not None]
    lines: Lines = []
    added: Row = {}
    if terms := [term for term in terms_of(model, scored) if term is not None]:
        lines = [("account", rule, "points", points, times, None) for rule, points, times in terms if points]
        added["account_score"] = settle("account", sum(points for _, points, _ in terms), lines)
    needed = [role.name for role in model.account.roles if role.needed]
    if needed and together:
        missing = [name for name in needed if all(row.get("buying_role") != name for row in together)]
        added["role_coverage"] = rounded(Fraction(100 * (len(needed) - len(missing)), len(needed)))
        added["missing_roles"] = ", ".join(missing) or None
    return added, lines


def terms_of(model: Model, scored: list[Row]) -> list[tuple[str, int, int]]:
    account = model.account
    way = account.roll_up
    points = sorted((axis_value(row, account.of) for row in scored), reverse=True)
    if not points:
        return []

    def mean(some: list[int]) -> int:
        return rounded(Fraction(sum(some) * POINT, len(some)))

    if way.mode == "max":
        return [("Best person", points[0] * POINT, 1)]
    if way.mode == "sum":
        return [("Sum of people", sum(points) * POINT, len(points))]
    if way.mode == "mean":
        return [("Mean of people", mean(points), len(points))]
    if way.mode == "top":
        best = points[: way.top]
        return [(f"Mean of the best {way.top}", mean(best), len(best))]
    if way.mode == "trimmed":
        kept = points[: len(points) - len(points) // 4]
        return [("Mean without the lowest quarter", mean(kept), len(kept))]
    if way.mode == "champion":
        share = micro(way.champion)
        if len(points) == 1:
            return [("Best person", points[0] * POINT, 1)]
        rest = points[1:]
        others = rounded(Fraction(sum(rest) * (POINT - share), len(rest)))
        return [("Best person", points[0] * share, 1), ("Mean of the others", others, len(rest))]
    weights = {role.name: role.weight for role in account.roles}
    total = sum(weights.get(row.get("buying_role"), account.others) for row in scored)
    if not total:
        return []
    terms = []
    for name in {row.get("buying_role") for row in scored}:
        some = [axis_value(row, account.of) for row in scored if row.get("buying_role") == name]
        weight = weights.get(name, account.others)
        terms.append((name or "Others", rounded(Fraction(weight * sum(some) * POINT, total)), len(some)))
    return terms


def ratings_of(model: Model, row: Row) -> Row:
    """The cells of the combined ratings, and the text of all of them."""
    if "model_version" not in row:
        return {}
    found: Row = {}
    texts = []
    for number, rating in enumerate(model.ratings):
        rows, columns = side_of(model, rating.rows, row), side_of(model, rating.columns, row)
        if rows is None or columns is None:
            continue
        name = rows[1] + columns[1] if rating.cells is None else rating.cells[rows[0]][columns[0]]
        found[f"rating_{number}"] = name
        texts.append(name if len(model.ratings) == 1 else f"{rating.name}: {name}")
    return found | ({"ratings": " · ".join(texts)} if texts else {})


def side_of(model: Model, side: Any, row: Row) -> tuple[int, str] | None:
    """Place and label of the band."""
    if side is None:
        return 0, ""
    bands = side.bands or (grades(model) if side.axis == "fit" else model.engagement.levels)
    value = axis_value(row, side.axis)
    if value is None:
        return None if side.unknown is None else (len(bands), side.unknown)
    return next((place, label) for place, (label, lowest) in enumerate(bands.items()) if value >= lowest)
