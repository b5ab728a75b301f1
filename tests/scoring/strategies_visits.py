"""Random visits, some of them around midnight, with pauses around the model's gap; random signs of machines."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from tests.scoring.oracle_conditions import Activity

visit_sections = st.fixed_dictionaries(
    {},
    optional={
        "gap": st.sampled_from(["1min", "30min", "1h"]),
        "of": st.sampled_from(["page_view", ["page_view", "email_click", "download"]]),
    },
)
if TYPE_CHECKING:
    from datetime import datetime

machine_sections = st.fixed_dictionaries(
    {},
    optional={
        "signs": st.lists(st.sampled_from(["fast", "many_links", "no_open", "user_agent"]), min_size=1, unique=True),
        "needed": st.integers(1, 3),
        "fast": st.sampled_from([0, 2.05, 100]),
        "links": st.integers(2, 4),
        "at_once": st.sampled_from(["1s", "1min"]),
        "crm_flag": st.sampled_from(["decides", "sign", "ignored"]),
        "privacy_opens": st.sampled_from(["machine", "person"]),
    },
)
visit_facts = {
    "pages": st.sampled_from([{"at_least": 2}, {"between": [2, 4]}, 1, {"unknown": True}]),
    "different_pages": st.sampled_from([{"at_least": 2}, {"below": 2}, {"in": [2, 3]}]),
    "forms": st.sampled_from([{"at_least": 1}, 0]),
    "bounce": st.sampled_from([True, False]),
    "visit_number": st.sampled_from([{"at_least": 2}, {"at_most": 2}, 1]),
    "days_since_last": st.sampled_from([{"at_most": 7}, {"between": [1, 7]}, {"unknown": True}, {"known": True}, 0]),
    "url": st.sampled_from([{"path": "/pricing*"}, "/", {"unknown": True}]),
    "campaign": st.sampled_from(["SPRING", {"known": True}]),
    "user_agent": st.just({"unknown": True}),
}
"""Tests of what a visit has, and of what it has not."""

WEB = ["page_view", "page_view", "page_view", "email_click", "download", "form_submission", "email_open"]
PAUSES_S = [0, 0.4, 0.6, 29, 30, 60, 61, 1800, 1801, 3600]


@st.composite
def surfing(draw: st.DrawFn, nights: st.SearchStrategy[datetime]) -> list[Activity]:
    """Deeds one after the other, from somewhat before a midnight on."""
    at = draw(nights) + timedelta(seconds=draw(st.sampled_from([-3600, -60, -1, 0, 30_000])))
    deeds = []
    for _ in range(draw(st.integers(2, 7))):
        at += timedelta(seconds=draw(st.sampled_from(PAUSES_S)))
        kind = draw(st.sampled_from(WEB))
        facts: dict[str, Any] = {
            "url": draw(st.sampled_from(["/pricing", "/pricing/eu", "/", None])),
            "campaign": draw(st.sampled_from([None, None, "Spring", "Autumn"])),
        }
        if kind.startswith("email"):
            facts["flagged_machine"] = draw(st.sampled_from([None, None, True]))
        deeds.append(Activity(kind, at, count=draw(st.sampled_from([1, 1, 1, 2])), **facts))
    return deeds
