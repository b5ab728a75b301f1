"""The oracle's visits: deeds on the web that belong together, told one after the other."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tests.scoring.oracle_conditions import is_machine

if TYPE_CHECKING:
    from datetime import datetime

    from config.model import Model
    from tests.scoring.oracle_conditions import Activity

PAGES = {"page_view", "product_view"}


def visits_of(model: Model, known: list[Activity]) -> list[list[Activity]]:
    """The activities of each visit, in order of time."""
    visits: list[list[Activity]] = []
    for event in sorted(known, key=lambda event: event.occurred_at):
        has_place = event.url is not None or event.asset is not None or event.campaign is not None
        if event.type not in model.visits.of or not has_place or is_machine(model, event, known):
            continue
        last = visits[-1][-1].occurred_at if visits else None
        if last is not None and last.date() == event.occurred_at.date() and pause(last, event) <= model.visits.gap:
            visits[-1].append(event)
        else:
            visits.append([event])
    return visits


def pause(before: datetime, event: Activity) -> int:
    whole = event.occurred_at.replace(microsecond=0) - before.replace(microsecond=0)
    return int(whole.total_seconds())


def with_times_on_page(model: Model, known: list[Activity]) -> list[Activity]:
    """The activities, sights of a page with the seconds to the next deed of the visit."""
    timed: list[Activity] = []
    visits = visits_of(model, known)
    for event in known:
        visit = next((visit for visit in visits if any(event is other for other in visit)), [])
        later = [other for other in visit if other.occurred_at > event.occurred_at]
        if event.type in PAGES and event.duration_s is None and later:
            following = min(later, key=lambda other: other.occurred_at)
            timed.append(replace(event, duration_s=float(pause(event.occurred_at, following))))
        else:
            timed.append(event)
    return timed
