"""Random models and random facts for the comparison of engine and oracle.

Small alphabets, so that things collide: the same attributes, types, links and instants come up again and again, and
ages fall on the edges of windows, half-lives and caps.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from config.vocabulary import DERIVED, EXTRA_FIELDS
from tests.scoring.oracle import Activity, Person
from tests.scoring.oracle_deals import Deal
from tests.scoring.strategies_counting import DAYS, GROUPS, POINTS, countings, duration, groups_for, rates
from tests.scoring.strategies_fit import fits, gates
from tests.scoring.strategies_visits import machine_sections, surfing, visit_facts, visit_sections

AS_OF = datetime(2026, 3, 18, 15, 30, tzinfo=UTC)  # a Wednesday
NOW = AS_OF.replace(tzinfo=None)
ATTRIBUTES = {
    "job_title": "text",
    "city": "text",
    "company.industry": "text",
    "company.employee_count": "number",
    "unsubscribed": "boolean",
    "renewal": "date",
    "correction": "number",
    "corrected_on": "date",
}
TITLES = ["CTO", "Head of IT", "head of sales", "Student", "Żółty Dyrektor", "a.b*c", "100%_off", "it's"]
TYPES = ["page_view", "email_click", "form_submission", "download", "email_bounce", "custom:trial"]
TYPES += ["email_open", "email_reopen", "visit", "email_delivered"]
DEAL_TYPES = ["deal_created", "deal_won", "deal_lost"]
PRODUCTS = [[], ["Demo"], ["Demo", "Storage"]]
CAMPAIGNS = [None, "Spring", "spring sale"]
URLS = [None, "/pricing", "/pricing/eu", "https://Acme.example/Pricing?x=1#y", "acme.example/blog", "acme.example", "/"]
ASSETS = [None, "Demo request", "demo", "E-book (v2)"]
AGENTS = [None, "Mozilla/5.0", "Mimecast scanner", "python-requests/2"]

SILENCES: list[dict[str, Any]] = [
    {"inactivity": {}},
    {"inactivity": {"7d": -5}},
    {"inactivity": {"1d": -2.5, "30d": -40}},
    {"inactivity": {"7d": -5, "30d": "all"}},
    {"inactivity": {"1d": -2.5, "10d": -40, "90d": "all"}, "inactivity_floor": 3.5},
]

points = st.sampled_from(POINTS)

text_tests = st.one_of(
    st.sampled_from(TITLES),
    st.lists(st.sampled_from(TITLES), min_size=1, max_size=3),
    st.sampled_from([
        {"in": "$titles"}, {"not_in": "$titles"}, {"contains": "HEAD"}, {"contains": "%"}, {"starts_with": "head"},
        {"ends_with": "IT"}, {"matches": "head|cto"}, {"matches": r"^a\.b"}, {"known": True}, {"unknown": True},
        {"not_in": ["CTO"], "known": True}, {"contains": "Ż"}, {"is": "It's"},
        {"contains": "$titles"}, {"starts_with": ["stud", "c"]}, {"ends_with": ["of sales", "$"]},
    ]),
)  # fmt: skip
number_tests = st.sampled_from([
    {"at_least": 50}, {"above": 50}, {"below": 250.5}, {"at_most": 50}, {"between": [50, 250]}, {"in": [50, 51]}, 50,
    {"unknown": False}, {"known": False}, {"not_in": [50, 250.5]}, {"is": 250.5}, {"at_least": 50, "below": 2000},
])  # fmt: skip
date_tests = st.sampled_from([
    {"known": True}, {"known": True},
    {"older_than": "30d"}, {"within": "30d"}, {"within": "7d"}, {"before": "2026-03-01"}, {"after": "2026-03-18"},
    {"after": "2026-03-01", "before": "2026-03-18"}, {"known": True}, {"unknown": True},
    {"older_than": "7d", "within": "30d"},
])  # fmt: skip
boolean_tests = st.sampled_from([True, False, {"is": True}, {"known": False}, {"unknown": True}])
tests_of = {
    "job_title": text_tests,
    "city": text_tests,
    "company.industry": text_tests,
    "company.employee_count": number_tests,
    "unsubscribed": boolean_tests,
    "renewal": date_tests,
    "email": st.sampled_from([{"known": True}, {"ends_with": "@Y.example"}]),
    "email_domain": st.sampled_from([{"in": "$domains"}, {"is": "FREE.example"}, {"not_in": "$free_mail"}]),
    "created_at": date_tests,
}


def whens(tests: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    leaf = st.sampled_from(sorted(tests)).flatmap(lambda name: tests[name].map(lambda value: {name: value}))
    return st.recursive(
        leaf,
        lambda inner: st.one_of(
            st.lists(inner, min_size=1, max_size=2).map(lambda parts: {"all": parts}),
            st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"any": parts}),
            inner.map(lambda part: {"not": part}),
            st.tuples(leaf, inner).map(lambda pair: pair[0] | {"any": [pair[1]]}),
        ),
        max_leaves=4,
    )


activity_whens = whens({
    "url": st.sampled_from([
        {"path": "/pricing*"}, {"path": "/"}, {"path": "*BLOG"}, {"path": "/p????ng"}, {"contains": "acme"}, "/Pricing",
        ["/", "/pricing/eu"], {"not_in": ["/"]}, {"starts_with": "https://ACME"}, {"ends_with": "/eu"},
        {"matches": r"acme\.example(/|$)"}, {"known": False}, {"unknown": True},
    ]),
    "asset": st.sampled_from([{"contains": "DEMO"}, {"known": True}, {"matches": r"book \("}, "Demo"]),
    "campaign": st.sampled_from(["SPRING", {"starts_with": "spring"}, {"not_in": ["spring"]}, {"known": True}]),
    "user_agent": st.sampled_from([{"contains": "mozilla"}, {"unknown": True}]),
})  # fmt: skip
mail_whens = whens({
    "asset": st.sampled_from([{"contains": "DEMO"}, {"known": True}]),
    "campaign": st.sampled_from([{"known": True}, "spring"]),
})  # fmt: skip
durations = st.sampled_from([
    {"at_least": "30s"}, {"below": 31}, {"known": True}, {"between": [30, 60]}, {"at_most": 30}, {"above": "30s"}, 60,
    {"in": [29.5, 60]}, {"not_in": [30]}, {"unknown": True}, {"below": "1min", "above": 29.5},
])  # fmt: skip


def one_or_several(words: list[str]) -> st.SearchStrategy[Any]:
    return st.one_of(st.sampled_from(words), st.lists(st.sampled_from(words), min_size=2, max_size=5, unique=True))


decays = st.one_of(
    st.just("none"),
    duration.map(lambda days: {"half_life": days}),
    duration.map(lambda days: {"linear": days}),
    st.sampled_from([{"steps": {"7d": 0.5, "30d": 0.25}}, {"steps": {"1d": 0.333333333, "90d": 0}}]),
    st.sampled_from([{"lose": "50%", "every": "7d"}, {"lose": "33%", "every": "1d"}, {"lose": "7%", "every": "30d"}]),
)
types = one_or_several(TYPES + DEAL_TYPES)
told_types = one_or_several([kind for kind in TYPES if kind not in DERIVED])
any_of_them = st.fixed_dictionaries({"activity": types})
subjects = st.one_of(
    any_of_them,
    any_of_them,
    st.fixed_dictionaries({"activity": types, "when": activity_whens}),
    st.fixed_dictionaries({"activity": st.just("visit"), "when": whens(visit_facts)}),
    st.fixed_dictionaries(
        {"activity": told_types, "chain": st.integers(2, 3)}, optional={"when": activity_whens}
    ),
)  # fmt: skip
"""What a rule is about."""


@st.composite
def rules(draw: st.DrawFn) -> list[dict[str, Any]]:
    items = []
    for number in range(draw(st.integers(1, 6))):
        if draw(st.integers(0, 5)) == 0:
            items.append({"name": f"Rule {number}", **draw(rates(points, mail_whens))})
            continue
        item: dict[str, Any] = {"name": f"Rule {number}", **draw(subjects)}
        if draw(st.integers(0, 3)) == 0:
            item["when"] = item.get("when", {}) | {"duration": draw(durations)}
        if draw(st.integers(0, 2)) == 0:
            item["unless"] = "machine"
        if draw(st.booleans()):
            item["group"] = draw(st.sampled_from(groups_for(item)))
        can_stagnate = "chain" not in item and item.get("group", "one") in {"one", "two", "three"}
        if can_stagnate and draw(st.integers(0, 4)) == 0:
            item["points"] = draw(points)
            without = draw(st.lists(st.sampled_from(TYPES), min_size=1, max_size=2, unique=True))
            item["stagnates"] = {"at_least": draw(st.integers(1, 4)), "over": draw(duration), "without": without}
        else:
            item |= draw(countings(item, decays))
        items.append(item)
    return items


@st.composite
def lifecycles(draw: st.DrawFn) -> dict[str, Any]:
    order = ["new", "warm", "hot", "sold"]
    ways = []
    for stage in order[1:]:
        if not draw(st.booleans()):
            continue
        axis = draw(st.sampled_from(["engagement", "fit"]))
        way: dict[str, Any] = {
            "to": stage,
            "enter": {axis: {draw(st.sampled_from(["at_least", "above"])): draw(st.integers(5, 60))}},
        }
        if draw(st.booleans()):
            way["enter"]["grade"] = {"at_least": draw(st.sampled_from(["A", "B", "C"]))}
        if draw(st.booleans()):
            way["enter"]["level"] = {"at_least": draw(st.sampled_from(["1", "2", "3"]))}
        leave: dict[str, Any] = {}
        if draw(st.integers(0, 2)) == 0:
            leave["fit"] = {draw(st.sampled_from(["below", "at_most"])): draw(st.sampled_from([1, 10.5, 40]))}
        if draw(st.booleans()):
            leave["engagement"] = {draw(st.sampled_from(["below", "at_most"])): draw(st.integers(1, 20))}
        if draw(st.booleans()):
            leave["grade"] = {"below": "C"}
        if draw(st.booleans()):
            leave["level"] = {"below": "3"}
        if leave:
            way["exit"] = leave
        if draw(st.booleans()):
            way["requires"] = draw(st.sampled_from([["email"], ["job_title", "email"]]))
        if draw(st.booleans()):
            way["cool_down"] = draw(duration)
        if draw(st.integers(0, 3)) == 0:
            way["dwell"] = draw(duration)
        if draw(st.integers(0, 3)) == 0:
            way["max_entries"] = draw(st.integers(1, 2))
        ways.append(way)
    return {"order": order, "transitions": ways} | draw(st.sampled_from([{}, {"hold": "30d"}]))


@st.composite
def models(draw: st.DrawFn) -> dict[str, Any]:
    """A model as the file would hold it. Half of them have nothing that depends on the age of a date."""
    still = draw(st.booleans())
    items = draw(rules())
    used = {item["group"] for item in items if "group" in item}
    gate_tests = {
        name: tests_of[name] for name in ("email_domain", "unsubscribed", "job_title", *([] if still else ["renewal"]))
    }
    traits = {name: tests for name, tests in tests_of.items() if not still or name not in {"renewal", "created_at"}}
    model: dict[str, Any] = {
        "model": "random",
        "lists": {"titles": ["cto", "student"], "domains": ["rival.example"], "free_mail": "preset"},
        "gates": draw(gates(whens(gate_tests), told_types, duration)),
        "fit": draw(fits(whens(traits), points)),
        "engagement": {
            "decay": draw(decays),
            "rules": items,
            **draw(st.sampled_from(SILENCES)),
            **draw(st.sampled_from([{}, {}, {"min": 1}, {"max": 60}, {"min": 7, "max": 31}])),
            "groups": {name: GROUPS[name] for name in sorted(used)},
            "levels": {"1": 50, "2": 20, "3": 5, "4": 0},
        },
        "rating": {"matrix": "grade x level"} | draw(st.sampled_from([{}, {"cells": {"A1": "Call", "?4": "Wait"}}])),
    }
    if draw(st.integers(0, 2)) == 0:
        since = draw(st.sampled_from([{}, {"on": "corrected_on"}, {"on": "corrected_on", "lasts": draw(duration)}]))
        model["engagement"]["adjust"] = {"by": "correction"} | since
    if draw(st.integers(0, 3)) == 0:
        model["engagement"]["restart"] = draw(st.sampled_from(["corrected_on", "renewal"]))
    if draw(st.booleans()):
        model["visits"] = draw(visit_sections)
    if draw(st.booleans()):
        model["machine"] = draw(machine_sections)
    if draw(st.booleans()):
        model["lists"]["scanner_user_agents"] = ["mozilla", "python-requests"]
    if draw(st.booleans()):
        change = {"rising": draw(st.sampled_from([1, 5, 20.5])), "cooling": draw(st.sampled_from([-1, -5.5]))}
        model["trend"] = {"over": draw(duration)} | change
    if draw(st.booleans()):
        model["lifecycle"] = draw(lifecycles())
    if draw(st.booleans()):
        model["skip"] = {
            "below": draw(st.sampled_from([{"fit": 20}, {"engagement": 10.5}, {"fit": 5, "engagement": 30}]))
        }
    if draw(st.booleans()):
        model["hand_off"] = draw(st.sampled_from([{}, *({"language": name} for name in ["pl", "it", "uk", "sv"])]))
    model["acknowledge"] = draw(st.sampled_from([[], ["age"]]))
    model["also_write"] = draw(st.lists(st.sampled_from(EXTRA_FIELDS), unique=True))
    return model


edges = [0, 400, 25_000, *(day + shift for day in DAYS for shift in (-1, 0, 1))]
ages = st.one_of(st.sampled_from(edges), st.integers(0, 20), st.integers(0, 200))
clock_s = st.sampled_from([0, 1, 43_200, 55_799, 55_800, 86_399])  # 15:30 is 55 800 s


@st.composite
def events(draw: st.DrawFn) -> Activity:
    moment = NOW.replace(hour=0, minute=0) - timedelta(days=draw(ages)) + timedelta(seconds=draw(clock_s))
    return Activity(
        type=draw(st.sampled_from([kind for kind in TYPES if kind != "email_reopen"])),
        occurred_at=moment,
        count=draw(st.sampled_from([1, 1, 1, 2, 7])),
        url=draw(st.sampled_from(URLS)),
        asset=draw(st.sampled_from(ASSETS)),
        campaign=draw(st.sampled_from(CAMPAIGNS)),
        user_agent=draw(st.sampled_from(AGENTS)),
        duration_s=draw(st.sampled_from([None, 29.5, 30.0, 60.0])),
        since_send_s=draw(st.sampled_from([None, 0.0, 2.0, 2.1])),
        flagged_machine=draw(st.sampled_from([None, False, False, False, True])),
        seen_at=draw(st.sampled_from([None, None, moment + timedelta(days=5), moment + timedelta(days=40)])),
    )


@st.composite
def people(draw: st.DrawFn) -> Person:
    values: dict[str, st.SearchStrategy[Any]] = {
        "job_title": st.sampled_from(TITLES),
        "city": st.sampled_from(TITLES),
        "company.industry": st.sampled_from(TITLES),
        "company.employee_count": st.sampled_from([10.0, 50.0, 250.0, 250.5, 2000.0]),
        "unsubscribed": st.booleans(),
        "renewal": ages.map(lambda days: NOW - timedelta(days=days)) | st.just(NOW + timedelta(days=20)),
        "correction": st.sampled_from([-20.5, 12.5, 33.333333, 0.0000004, 1e9, -1e12]),
        "corrected_on": ages.map(lambda days: NOW - timedelta(days=days)) | st.just(NOW + timedelta(days=2)),
        "email": st.just("x@y.example"),
        "email_domain": st.sampled_from(["rival.example", "Free.example", "y.example", "GMail.com"]),
        "created_at": ages.map(lambda days: NOW - timedelta(days=days)),
    }
    attributes = {name: draw(value) for name, value in values.items() if draw(st.integers(0, 2))}
    activities = draw(st.lists(events(), min_size=draw(st.sampled_from([0, 4, 8])), max_size=12))
    if draw(st.integers(0, 3)) == 0:  # a machine that clicks everything at once
        start = NOW - timedelta(days=draw(ages))
        for number in range(draw(st.integers(2, 4))):
            activities.append(
                Activity("email_click", start + timedelta(seconds=number), url=f"/{number}", since_send_s=1.0)
            )
    if draw(st.booleans()):
        midnights = ages.map(lambda days: NOW.replace(hour=0, minute=0) - timedelta(days=days))
        activities += draw(surfing(midnights))
    stage = draw(st.sampled_from([None, "new", "warm", "hot", "sold", "foreign"]))
    since = draw(st.none() | ages.map(lambda days: NOW - timedelta(days=days))) if stage is not None else None
    bought = draw(st.lists(deals(), max_size=draw(st.sampled_from([0, 0, 3]))))
    held_until = draw(st.sampled_from([None, *(NOW.date() + timedelta(days=days) for days in (0, 1, 9))]))
    held = held_until if stage in {"new", "warm", "hot", "sold"} else None
    entries = draw(st.dictionaries(st.sampled_from(["warm", "hot"]), st.integers(0, 3)))
    return Person(attributes, activities, stage, since, held, bought, entries=entries)


@st.composite
def deals(draw: st.DrawFn) -> Deal:
    def moment() -> datetime | None:
        return draw(st.none() | ages.map(lambda days: NOW - timedelta(days=days, hours=draw(st.sampled_from([0, 12])))))

    return Deal(
        amount=draw(st.sampled_from([None, 0.0, 10.0, 99.995, 100.0, 1234.5, -20.0, 1e12, 5e11])),
        currency=draw(st.sampled_from([None, "EUR", "USD", "JPY"])),
        is_won=draw(st.sampled_from([None, True, True, False])),
        is_closed=draw(st.sampled_from([None, True, True, False])),
        created_at=moment(),
        closed_at=moment(),
        products=draw(st.sampled_from(PRODUCTS)),
    )
