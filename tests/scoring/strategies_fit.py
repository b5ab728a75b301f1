"""Random gates and fit: by points, by weights, on a ladder, with profiles."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

EFFECTS = ["disqualify", "do_not_score"]


@st.composite
def criteria(
    draw: st.DrawFn, whens: st.SearchStrategy[Any], points: st.SearchStrategy[float], *, ladder: bool, name: str
) -> list[dict[str, Any]]:
    """Criteria with points, some with rungs where there is a ladder."""
    items = []
    for number in range(draw(st.integers(0, 4))):
        item: dict[str, Any] = {"name": f"{name} {number}"}
        if draw(st.booleans()):
            item |= {"when": draw(whens)}
            if ladder and draw(st.booleans()):
                items.append(item | {"rungs": draw(st.sampled_from([-2, -1, 1, 2, 3]))})
                continue
            item |= {"points": draw(points)}
            if draw(st.booleans()):
                item["otherwise"] = draw(st.sampled_from([-5, 4.25, 0.5]))
        else:
            item |= {"by": "company.employee_count", "bands": draw(bands(points))}
            if draw(st.booleans()):
                item["otherwise"] = -5
        items.append(item)
    return items


def bands(points: st.SearchStrategy[float]) -> st.SearchStrategy[dict[float, float]]:
    return st.dictionaries(st.sampled_from([50, 250, 1000.5]), points, min_size=1)


@st.composite
def weighted(draw: st.DrawFn, whens: st.SearchStrategy[Any], name: str) -> list[dict[str, Any]]:
    """Criteria whose weights make a hundred percent."""
    weights = draw(st.sampled_from([["100%"], ["33.3%", 33.3, "33.4%"], [62.5, "37.5%"]]))
    shares = st.sampled_from([0, 100, 12.5, 33.333333])
    items = []
    for number, weight in enumerate(weights):
        way = {"when": draw(whens)} if draw(st.booleans()) else {"by": "company.employee_count"}
        item = {"name": f"{name} {number}", "weight": weight} | way
        items.append(item if "when" in item else item | {"bands": draw(bands(shares))})
    return items


@st.composite
def fits(draw: st.DrawFn, whens: st.SearchStrategy[Any], points: st.SearchStrategy[float]) -> dict[str, Any]:
    ladder = draw(st.sampled_from([None, None, "thirds", {"labels": ["A", "B", "C", "D"], "start": "C"}]))
    fit: dict[str, Any] = {"ladder": ladder} if ladder else {"grades": {"A": 40, "B": 20.5, "C": 1, "D": 0}}
    some = draw(st.integers(0, 2))
    if draw(st.integers(0, 3)) == 0:
        fit["criteria"] = [] if some else draw(weighted(whens, "Weight"))
        own: Any = weighted(whens, "Own weight")
    else:
        fit["criteria"] = draw(criteria(whens, points, ladder=bool(ladder), name="Trait"))
        own = criteria(whens, points, ladder=bool(ladder), name="Own").filter(bool)
    if draw(st.booleans()):
        profiles = [{"name": f"Profile {number}", "when": draw(whens), "criteria": draw(own)} for number in range(some)]
        fit["profiles"] = profiles
    return fit


@st.composite
def gates(
    draw: st.DrawFn, whens: st.SearchStrategy[Any], types: st.SearchStrategy[Any], days: st.SearchStrategy[str]
) -> list[dict[str, Any]]:
    items = []
    for number, effect in enumerate(draw(st.lists(st.sampled_from(EFFECTS), max_size=2))):
        gate: dict[str, Any] = {"name": f"Gate {number}", "effect": effect}
        by_event = draw(st.integers(0, 2))
        if by_event != 1:
            gate["when"] = draw(whens)
        if by_event:
            gate["activity"] = draw(types)
            if draw(st.booleans()):
                gate["within"] = draw(days)
            if draw(st.booleans()):
                gate["at_least"] = draw(st.integers(1, 4))
        items.append(gate)
    return items
