"""The oracle's conditions and its verdict on machines: true, false, or None for unknown."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from config.model import Model
    from config.model_conditions import Tests, When


@dataclass
class Activity:
    type: str
    occurred_at: datetime
    count: int = 1
    url: str | None = None
    asset: str | None = None
    campaign: str | None = None
    user_agent: str | None = None
    duration_s: float | None = None
    since_send_s: float | None = None
    flagged_machine: bool | None = None
    facts: dict[str, Any] = field(default_factory=dict)  # of a visit
    seen_at: datetime | None = None  # when it happened, unless said otherwise


def days_since(moment: datetime, day: date) -> int:
    return (day - moment.date()).days


def both(values: list[bool | None]) -> bool | None:
    if any(value is False for value in values):
        return False
    return None if any(value is None for value in values) else True


def either(values: list[bool | None]) -> bool | None:
    if any(value is True for value in values):
        return True
    return None if any(value is None for value in values) else False


def opposite(value: bool | None) -> bool | None:
    return None if value is None else not value


def holds(model: Model, when: When, facts: dict[str, Any], day: date) -> bool | None:
    parts = [answer_of(model, name, tests, facts.get(name), day) for name, tests in when.tests.items()]
    if when.all is not None:
        parts += [holds(model, inner, facts, day) for inner in when.all]
    if when.any is not None:
        parts.append(either([holds(model, inner, facts, day) for inner in when.any]))
    if when.not_ is not None:
        parts.append(opposite(holds(model, when.not_, facts, day)))
    return both(parts)


def answers(model: Model, when: When | None, event: Activity, day: date) -> bool:
    """Whether an activity is what a rule's condition asks for."""
    facts = {name: getattr(event, name) for name in ("url", "asset", "campaign", "user_agent")}
    facts |= {"duration": event.duration_s, **event.facts}
    return when is None or holds(model, when, facts, day) is True


def answer_of(model: Model, name: str, tests: Tests, value: Any, day: date) -> bool | None:
    results: list[bool | None] = []
    for field_name in type(tests).model_fields:
        wanted = getattr(tests, field_name)
        if wanted is None:
            continue
        operator = field_name.rstrip("_")
        if operator in {"known", "unknown"}:
            results.append((value is not None) == (wanted == (operator == "known")))
        elif value is None:
            results.append(None)
        else:
            results.append(compare(model, operator, value, wanted, day))
    return both(results)


def compare(model: Model, operator: str, value: Any, wanted: Any, day: date) -> bool:
    if operator in {"in", "not_in"}:
        choices = wanted if isinstance(wanted, list) else named_list(model, wanted.removeprefix("$"))
        return any(equal(value, choice) for choice in choices) == (operator == "in")
    if operator == "path":
        return re.fullmatch(glob(wanted), path(value), re.IGNORECASE | re.DOTALL) is not None
    if operator == "matches":
        return re.search(wanted, value, re.IGNORECASE) is not None
    if operator in {"before", "after"}:
        return value.date() < wanted if operator == "before" else value.date() > wanted
    if operator == "older_than":
        return days_since(value, day) >= wanted
    if operator == "within":
        return 0 <= days_since(value, day) < wanted
    if operator == "between":
        return wanted[0] <= value <= wanted[1]
    if operator == "is":
        return equal(value, wanted)
    if operator in {"contains", "starts_with", "ends_with"}:
        if isinstance(wanted, str) and wanted[:1] == "$" and wanted[1:].isidentifier():
            wanted = named_list(model, wanted[1:])
        if not isinstance(wanted, str):
            return any(compare(model, operator, value, part, day) for part in wanted)
        text, part = value.lower(), wanted.lower()
        return {"contains": part in text, "starts_with": text.startswith(part), "ends_with": text.endswith(part)}[
            operator
        ]
    return {"at_least": value >= wanted, "at_most": value <= wanted, "above": value > wanted, "below": value < wanted}[
        operator
    ]


def equal(value: Any, wanted: Any) -> bool:
    return value.lower() == wanted.lower() if isinstance(value, str) else value == wanted


def path(url: str) -> str:
    for stop in "?#":
        url = url.split(stop, maxsplit=1)[0]
    if "://" in url:
        url = url.split("://", 1)[1]
    start = url.find("/")
    return url[start:] if start >= 0 else "/"


def glob(pattern: str) -> str:
    return "".join({"*": ".*", "?": "."}.get(character, re.escape(character)) for character in pattern)


# --- machines --------------------------------------------------------------------------------------------------


def named_list(model: Model, name: str) -> list[str]:
    values = model.lists.get(name, "preset")
    return shipped_list(name) if values == "preset" else list(values)


@cache
def shipped_list(name: str) -> list[str]:
    text = (resources.files("config") / f"presets/lists/{name}.txt").read_text()
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def is_machine(model: Model, event: Activity, known: list[Activity]) -> bool:
    return why_machine(model, event, known) is not None


def why_machine(model: Model, event: Activity, known: list[Activity]) -> str | None:
    """What tells that an event was a machine's; None for one of a person."""
    rules = model.machine
    if event.flagged_machine and rules.crm_flag == "decides":
        return "crm_flag"
    proxies = [agent.lower() for agent in named_list(model, "privacy_user_agents")]
    if rules.privacy_opens == "machine" and event.type == "email_open" and (event.user_agent or "").lower() in proxies:
        return "privacy_open"
    signs = ["crm_flag"] if rules.crm_flag == "sign" and event.flagged_machine else []
    if event.since_send_s is not None and event.since_send_s <= rules.fast:
        signs.append("fast")
    if event.user_agent is not None and any(
        agent.lower() in event.user_agent.lower() for agent in named_list(model, "scanner_user_agents")
    ):
        signs.append("user_agent")
    signs = [sign for sign in signs if sign in {*rules.signs, "crm_flag"}]
    if event.type == "email_click" and len(signs) < rules.needed:
        around = timedelta(seconds=rules.at_once)
        clicks = [other for other in known if other.type == "email_click" and other.url is not None]
        if len({other.url for other in clicks if abs(other.occurred_at - event.occurred_at) <= around}) >= rules.links:
            signs.append("many_links")
        if event.campaign is not None and not any(
            other.type == "email_open"
            and other.campaign == event.campaign
            and other.occurred_at <= event.occurred_at + timedelta(seconds=60)
            for other in known
        ):
            signs.append("no_open")
    signs = [sign for sign in signs if sign in {*rules.signs, "crm_flag"}]
    return "+".join(signs) if len(signs) >= rules.needed else None
