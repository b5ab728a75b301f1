"""Random ways of counting and capping, groups with windows and folds, and outages."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from hypothesis import strategies as st

POINTS: list[float] = [-50, -7.5, -1, 1, 2.5, 3, 10, 10, 25, 33.333333, 60, 120]
GAINS = [points for points in POINTS if points > 0]

GROUPS: dict[str, dict[str, Any]] = {
    "one": {"max": 30},
    "two": {"max": 20.5, "min": -10},
    "three": {"min": -20},
    "by day": {"max": ["16 per day", "33.5 per 14d", 60], "min": -30},
    "by campaign": {"max": "20 per campaign"},
    "folded visits": {"max": 80, "fold": "visit"},
    "folded weeks": {"fold": "week", "max": "40 per visit"},
    "folded campaigns": {"fold": "campaign"},
}
"""Groups as the file would hold them, and below which caps their rules may have."""
CAPS: dict[str | None, list[Any]] = {
    "by day": ["12 per visit", "9 per day", ["5.5 per visit", "11 per day"]],
    "by campaign": ["15 per campaign"],
    "folded weeks": ["15 per visit"],
}
ANY_CAP = [
    5, 12.5, "30 per 7d", "12.5 per 14d", ["5 per day", "12.5 per 7d", 30], ["4 per visit", "12 per day", "40 per 90d"],
    ["30 per 2d", 55.5], ["6 per campaign", 20], "9 per visit", "30 per 10d",
]  # fmt: skip
COUNTS_OF_EACH: list[Any] = [
    "every", "every", {"from": 2}, {"to": 3}, {"from": 2, "to": 4}, {"per": "visit"}, {"to": 1, "per": "day"},
    {"from": 2, "per": "campaign"}, {"to": 5, "per": "30d"},
]  # fmt: skip
counts_of_all = st.sampled_from([
    "first", {"at_least": 1}, {"at_least": 3}, {"exactly": 2}, {"between": [2, 4]}, {"exactly": 7}
])  # fmt: skip
DAYS = [1, 2, 7, 10, 14, 30, 90]
duration = st.sampled_from(DAYS).map("{}d".format)


def is_derived(item: dict[str, Any]) -> bool:
    """Whether a rule is about activities that are made of others, which have no campaign of their own."""
    types = [item["activity"]] if isinstance(item["activity"], str) else item["activity"]
    return "chain" in item or not {"visit", "email_reopen"}.isdisjoint(types)


def without_campaigns(values: list[Any], item: dict[str, Any]) -> list[Any]:
    return [value for value in values if "campaign" not in str(value)] if is_derived(item) else values


def groups_for(item: dict[str, Any]) -> list[str]:
    """The groups that a rule may belong to."""
    return without_campaigns(sorted(GROUPS), item)


@st.composite
def countings(draw: st.DrawFn, rule: dict[str, Any], decays: st.SearchStrategy[Any]) -> dict[str, Any]:
    """The keys of `rule` that say which events give how many points."""
    group = rule.get("group")
    limits = GROUPS[group] if group is not None else {}
    points = st.sampled_from(GAINS if "fold" in limits else POINTS)
    item: dict[str, Any] = {"points": draw(points)}
    if group in {"by day", "by campaign", "folded weeks"} or draw(st.booleans()):
        item["count"] = draw(st.sampled_from(without_campaigns(COUNTS_OF_EACH, rule)))
        if draw(st.integers(0, 2)) == 0:
            item["points"] = draw(st.lists(points, min_size=2, max_size=4))
        caps = CAPS.get(group, ANY_CAP)
    else:
        item["count"] = draw(counts_of_all)
        caps = [5, 12.5, 30]
    if draw(st.booleans()):
        item["at_most"] = draw(st.sampled_from(without_campaigns(caps, rule)))
    if draw(st.booleans()):
        item["within"] = draw(duration)
    if draw(st.booleans()):
        item["decay"] = draw(decays)
    return item


@st.composite
def rates(
    draw: st.DrawFn, points: st.SearchStrategy[float], whens: st.SearchStrategy[dict[str, Any]]
) -> dict[str, Any]:
    """A rule on the share of e-mails that are opened."""
    side = draw(st.sampled_from(["at_least", "below"]))
    rate: dict[str, Any] = {side: draw(st.sampled_from(["1%", "33%", "50%", "100%"])), "over": draw(duration)}
    if draw(st.booleans()):
        rate["of"] = draw(st.sampled_from(["email_delivered", ["email_delivered", "email_bounce"]]))
    if draw(st.integers(0, 3)):
        rate["among"] = draw(st.integers(1, 3))
    item = {"activity": draw(st.sampled_from(["email_open", ["email_open", "email_click"]])), "rate": rate}
    item["points"] = draw(points)
    if draw(st.booleans()):
        item["when"] = draw(whens)
    if draw(st.booleans()):
        item["group"] = draw(st.sampled_from(["one", "two", "three"]))
    return item


def outages(types: list[str], today: date) -> st.SearchStrategy[list[tuple[str, date, date]]]:
    """Days without activities of a type; the last may be yet to come."""
    ago = st.sampled_from([-2, 0, 1, 3, 6, 7, 29, 30])
    one = st.builds(
        lambda kind, first, length: (kind, today - timedelta(days=first), today - timedelta(days=first - length)),
        st.sampled_from(types), ago, st.sampled_from([0, 1, 4, 20]),
    )  # fmt: skip
    return st.one_of(st.just([]), st.lists(one, max_size=3))
