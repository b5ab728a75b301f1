"""Random special sections of models, and people who share accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from tests.scoring.strategies import activity_whens, decays, duration, models, people, points, rules, tests_of, whens
from tests.scoring.strategies_fit import criteria

if TYPE_CHECKING:
    from tests.scoring.oracle import Person

TYPES_BOUGHT = ["deal_won", "deal_created", "custom:trial", "download"]
ROLES = ["Champion", "decision maker ", "USER"]
digits = st.one_of(st.integers(1, 5), st.sampled_from([[1, 2], [3, 5], [4, 5]]))


def maybe(draw: st.DrawFn, **values: st.SearchStrategy[Any]) -> dict[str, Any]:
    """Each key in half of the cases."""
    return {name: draw(value) for name, value in values.items() if draw(st.booleans())}


@st.composite
def rfm(draw: st.DrawFn) -> dict[str, Any]:
    shares = st.sampled_from([0, 10, 33.333333, 60])
    bands = {
        "recency": st.just(["1d", "7d", "30d", "90d"]),
        "frequency": st.just([2, 3, 4, 5]),
        "monetary": st.just([0, 10, 100, 1000.5]),
    }
    section = maybe(
        draw,
        activities=st.lists(st.sampled_from(TYPES_BOUGHT), min_size=1, max_size=3, unique=True),
        within=duration,
        rates=st.just({"EUR": 1, "USD": 0.5}),
        segments=st.lists(segments(), min_size=1, max_size=3),
    )
    return section | {name: maybe(draw, points=shares, bands=bounds) for name, bounds in bands.items()}


@st.composite
def segments(draw: st.DrawFn) -> dict[str, Any]:
    return {"name": draw(st.sampled_from(["Good", "Bad"]))} | maybe(
        draw, recency=digits, frequency=digits, monetary=digits
    )


@st.composite
def named(draw: st.DrawFn, prefix: str, most: int = 2, least: int = 0) -> list[dict[str, Any]]:
    """Activity rules without groups, whose names begin with `prefix`."""
    found = draw(rules())[: draw(st.integers(least, most))]
    return [
        {key: value for key, value in rule.items() if key != "group"} | {"name": f"{prefix} {number}"}
        for number, rule in enumerate(found)
    ]


@st.composite
def bant(draw: st.DrawFn) -> dict[str, Any]:
    section = maybe(draw, gate=st.sampled_from(["each", {"sum": 20}, {"sum": 50.5}]), decay=decays)
    for name in ("budget", "authority", "need", "timeline"):
        traits = criteria(whens(tests_of), points, ladder=False, name=f"{name} trait")
        section[name] = {
            "criteria": draw(traits)[:2],
            "rules": draw(named(f"{name} rule", 1)),
        } | maybe(
            draw,
            at_most=st.sampled_from([3, 25, 40.5]),
            met_from=st.sampled_from([0.5, 2.5, 3]),
            question=st.just(f"What of {name}?"),
        )
    return section


@st.composite
def affinity(draw: st.DrawFn) -> dict[str, Any]:
    products = []
    shared = draw(named("shared"))
    for number in range(draw(st.integers(1, 3))):
        content = [
            {"name": name} | maybe(draw, when=activity_whens, activity=st.sampled_from(["page_view", ["email_click"]]))
            for name in draw(st.lists(st.sampled_from(["Demo", "E-book (v2)", "Tour"]), unique=True))
        ]
        about = maybe(draw, when=activity_whens)
        own = draw(named("own", 1, 0 if shared and about else 1))
        products.append({"name": f"Product {number}", "rules": own, "content": content} | about)
    section = {"rules": shared, "products": products}
    return section | maybe(draw, decay=decays, at_least=st.sampled_from([0.5, 5, 30]))


@st.composite
def account(draw: st.DrawFn, axes: list[str]) -> dict[str, Any]:
    words = st.sampled_from(["max", "sum", "mean", "trimmed", "roles", "champion"])
    ways = words | st.sampled_from([{"top": 2}, {"champion": 0.333333}])
    roles = []
    for name in draw(st.lists(st.sampled_from(["Champion", "Decides", "Uses"]), max_size=3, unique=True)):
        role = {"name": name} | maybe(
            draw,
            deal_roles=st.lists(st.sampled_from(ROLES), min_size=1, max_size=2),
            when=whens({"job_title": tests_of["job_title"]}),
            weight=st.sampled_from([0, 1, 3]),
            needed=st.booleans(),
        )
        roles.append(role)
    section = {"of": draw(st.sampled_from([axis for axis in axes if axis != "account"])), "roles": roles}
    return section | maybe(draw, roll_up=ways, others=st.sampled_from([0, 2]))


@st.composite
def ratings(draw: st.DrawFn, axes: list[str]) -> list[dict[str, Any]]:
    found = []
    for number in range(draw(st.integers(1, 3))):
        if draw(st.integers(0, 4)) == 0:
            found.append({"preset": "commitment", "name": f"Rating {number}"})
            continue
        sides = {"rows": draw(sides_of(axes))}
        if draw(st.booleans()):
            sides["columns"] = draw(sides_of(axes))
        rating: dict[str, Any] = {"name": f"Rating {number}"} | sides
        on_grades = any(side["axis"] == "fit" and "bands" not in side for side in sides.values())
        if not on_grades and draw(st.booleans()):
            rows, columns = size(sides["rows"]), size(sides.get("columns"))
            rating["cells"] = [[f"cell {row}.{column}" for column in range(columns)] for row in range(rows)]
        found.append(rating)
    return found


@st.composite
def sides_of(draw: st.DrawFn, axes: list[str]) -> dict[str, Any]:
    side: dict[str, Any] = {"axis": draw(st.sampled_from(axes))}
    if side["axis"] not in {"fit", "engagement"} or draw(st.booleans()):
        side["bands"] = draw(st.sampled_from([{"hi": 50, "lo": 0}, {"x": 60.5, "y": 20, "z": 1, "w": 0}]))
    return side | maybe(draw, unknown=st.just("none"))


def size(side: dict[str, Any] | None) -> int:
    """How many bands a side has; engagement has four levels."""
    return 1 if side is None else len(side.get("bands", "four")) + ("unknown" in side)


@st.composite
def special_sections(draw: st.DrawFn) -> dict[str, Any]:
    """Some of the special sections, as the file would hold them."""
    sections = maybe(draw, rfm=rfm(), bant=bant(), affinity=affinity())
    axes = ["fit", "engagement", *sections]
    if draw(st.booleans()):
        sections["account"] = draw(account(axes))
        axes.append("account")
    if draw(st.booleans()):
        sections["ratings"] = draw(ratings(axes))
    return sections


@st.composite
def light_models(draw: st.DrawFn) -> dict[str, Any]:
    """Models that fall nowhere in time, so that scoring them is quick."""
    data = draw(models())
    light = {key: value for key, value in data.items() if key not in {"trend", "lifecycle", "hand_off"}}
    light["engagement"] = light["engagement"] | {"levels": {"1": 100, "2": 99, "3": 98, "4": 0}}
    return light


@st.composite
def crowds(draw: st.DrawFn) -> list[Person]:
    """People of whom some share an account and some have roles in deals."""
    crowd = draw(st.lists(people(), min_size=1, max_size=6))
    for person in crowd:
        person.account = draw(st.sampled_from([None, "acme.example", "acme.example", "hubspot:7"]))
        person.roles = draw(st.lists(st.sampled_from(["champion", "decision maker", "user", "other"]), max_size=2))
    return crowd
