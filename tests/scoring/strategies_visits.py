"""Random visits: deeds on the web with pauses around the model's gap, some of them around midnight."""

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

PAUSES_S = [0, 0.4, 0.6, 29, 30, 60, 61, 1800, 1801, 3600]


@st.composite
def surfing(draw: st.DrawFn, nights: st.SearchStrategy[datetime]) -> list[Activity]:
    """Deeds one after the other, from somewhat before a midnight on."""
    at = draw(nights) + timedelta(seconds=draw(st.sampled_from([-3600, -60, -1, 0, 30_000])))
    deeds = []
    for _ in range(draw(st.integers(2, 7))):
        at += timedelta(seconds=draw(st.sampled_from(PAUSES_S)))
        kind = draw(st.sampled_from(["page_view", "page_view", "page_view", "email_click", "download"]))
        facts: dict[str, Any] = {"url": draw(st.sampled_from(["/pricing", "/pricing/eu", "/", None]))}
        if kind == "email_click":
            facts["flagged_machine"] = draw(st.sampled_from([None, None, True]))
        deeds.append(Activity(kind, at, count=draw(st.sampled_from([1, 1, 1, 2])), **facts))
    return deeds
