"""The oracle's visits: deeds on the web that belong together, told one after the other."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tests.scoring.oracle_conditions import Activity, answers, days_since, is_machine

if TYPE_CHECKING:
    from datetime import datetime

    from config.model import Model

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


def visit_activities(model: Model, known: list[Activity]) -> list[Activity]:
    made: list[Activity] = []
    for visit in visits_of(model, known):
        pages = [event for event in visit if event.type in PAGES]
        if not pages:
            continue
        links = [event for event in pages if event.url is not None]
        called = [event for event in visit if event.campaign is not None]
        others = [event for event in visit if event.type not in {*PAGES, "email_click", "ad_click"}]
        first_called = min(called, key=lambda event: (event.occurred_at, event.campaign)) if called else None
        facts = {
            "pages": sum(event.count for event in pages),
            "different_pages": len({event.url for event in links}),
            "forms": sum(event.count for event in visit if event.type == "form_submission"),
            "bounce": sum(event.count for event in pages) == 1 and not others,
            "visit_number": len(made) + 1,
            "days_since_last": days_since(made[-1].occurred_at, visit[0].occurred_at.date()) if made else None,
        }
        made.append(
            Activity(
                "visit",
                visit[0].occurred_at,
                url=min(links, key=lambda event: (event.occurred_at, event.url)).url if links else None,
                campaign=first_called.campaign if first_called else None,
                duration_s=float(pause(visit[0].occurred_at, visit[-1])),
                facts=facts,
            )
        )
    return made


def reopens(model: Model, known: list[Activity]) -> list[Activity]:
    made: list[Activity] = []
    opened: set[tuple[str, str | None]] = set()
    for event in sorted(known, key=lambda event: event.occurred_at):
        if event.type != "email_open" or event.campaign is None or is_machine(model, event, known):
            continue
        mail = event.campaign, event.asset
        times = event.count if mail in opened else event.count - 1
        opened.add(mail)
        if times:
            made.append(Activity("email_reopen", event.occurred_at, times, campaign=event.campaign, asset=event.asset))
    return made


def chains(model: Model, known: list[Activity]) -> list[Activity]:
    made: list[Activity] = []
    for rule in model.engagement.rules:
        if rule.chain is None:
            continue
        for visit in visits_of(model, known):
            of_type = [event for event in visit if event.type in rule.activity]
            matching = [event for event in of_type if answers(model, rule.when, event, event.occurred_at.date())]
            places = {event.asset if event.url is None else event.url for event in matching} - {None}
            if len(places) >= rule.chain:
                made.append(Activity(f"chain {rule.name}", min(event.occurred_at for event in matching)))
    return made
