"""Checks of conditions: attributes that exist, operators that fit their type, lists and patterns that can be used."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from config.model_conditions import OPERATORS_BY_TYPE, is_list_name
from config.model_values import AGO, days_ago
from config.yaml_file import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from config.errors import ConfigError
    from config.model import Model
    from config.model_conditions import Tests, When
    from config.yaml_file import Document, Loc

VISIT_FACTS: Final = {
    "pages": "number", "different_pages": "number", "forms": "number", "bounce": "boolean", "visit_number": "number",
    "days_since_last": "number",
}  # fmt: skip
"""What only rules about visits may test."""

ACTIVITY_ATTRIBUTES: Final = {
    "url": "url", "asset": "text", "campaign": "text", "user_agent": "text", "duration": "number", **VISIT_FACTS,
}  # fmt: skip
"""What an activity rule may test; `duration` is in seconds."""

PARTS: Final = frozenset({"contains", "starts_with", "ends_with"})
_BOUNDS: Final = frozenset({"at_least", "at_most", "above", "below"})
_IN_QUOTES: Final = "Put it in quotes."
_REMEDIES: Final = {
    "boolean": "Write true or false.", "number": "Write a number.", "date": "Write it as 2026-01-31, or as 40d ago.",
}  # fmt: skip


@dataclass(frozen=True)
class Findings:
    """Problems found so far, each with its place in the file."""

    document: Document
    found: list[ConfigError] = field(default_factory=list)

    def add(self, loc: Loc, message: str, remedy: str) -> None:
        """Remember a problem at `loc`."""
        self.found.append(self.document.error(loc, message, remedy))

    def attribute(self, loc: Loc, name: str, known: Mapping[str, Any], what: str = "attribute") -> None:
        """Remember a problem when `name` is none of `known`."""
        if name not in known:
            hint = self.near(name, known)
            mapping = " Or map it under `attributes:` in leadgrade.yaml." if what == "attribute" else ""
            self.add(loc, f"unknown {what} {name!r}.", hint + mapping)

    def near(self, word: str, known: Iterable[str]) -> str:
        """A remedy: what may have been meant."""
        return did_you_mean(word, sorted(known))

    def in_order(self) -> list[ConfigError]:
        """The problems in the order of the file."""
        return sorted(self.found, key=lambda problem: problem.line or 0)


def check_when(
    find: Findings, model: Model, when: When, loc: Loc, known: Mapping[str, str], *, what: str = "attribute"
) -> None:
    """Check every test of a condition that stands at `loc`. `known` maps attribute -> type."""
    for place, attribute, tests in when.walk(loc):
        find.attribute(place, attribute, known, what)
        if attribute in known:
            _check_tests(find, model, tests, place, attribute, known[attribute])


def _check_tests(find: Findings, model: Model, tests: Tests, loc: Loc, attribute: str, kind: str) -> None:
    allowed = OPERATORS_BY_TYPE[kind] | {"known", "unknown"}
    for operator, value in tests.written():
        place = (*loc, operator)
        if operator not in allowed:
            find.add(
                place,
                f"`{operator}` does not apply to {attribute!r}, which is a {kind}.",
                f"Use one of: {', '.join(sorted(allowed))}.",
            )
            continue
        if operator in _BOUNDS and attribute != "duration" and isinstance(find.document.value_at(place), str):
            find.add(place, f"{attribute!r} is no duration.", "Write a number without a unit.")
        if operator in {"is", "in", "not_in"}:
            _check_values(find, model, value, place, attribute, kind)
        if operator in PARTS and is_list_name(value):
            _check_list_name(find, model, value, place)
        if operator == "matches" and (complaint := regex_complaint(value)):
            find.add(place, f"this regular expression cannot be used: {complaint}.", "The syntax is that of RE2.")
        if operator == "between" and value[0] > value[1]:
            find.add(place, "`between` has its larger number first.", "Swap them.")


def _check_values(find: Findings, model: Model, value: Any, loc: Loc, attribute: str, kind: str) -> None:
    if isinstance(value, str) and loc[-1] != "is":
        _check_list_name(find, model, value, loc)
        if kind not in {"text", "url"}:
            find.add(loc, f"a list holds text, and {attribute!r} is a {kind}.", "Write the values here.")
        return
    values = value if isinstance(value, list) else [value]
    if not values:
        find.add(loc, "there is no value here.", "Add one, or remove the test.")
    for single in values:
        if kind_of(single) != ("text" if kind == "url" else kind):
            find.add(loc, f"{attribute!r} is a {kind} and never equals {single!r}.", _REMEDIES.get(kind, _IN_QUOTES))


def check_fact(find: Findings, value: object, loc: Loc, attribute: str, kind: str) -> None:
    """Check that an example's `value` of an attribute is of its type."""
    if kind == "date" and isinstance(value, str):
        try:
            days_ago(value) if value.endswith(AGO) else datetime.fromisoformat(value)
        except ValueError:
            find.add(loc, f"{attribute!r} is a date, and this is none.", _REMEDIES["date"])
    elif kind_of(value) != kind:
        find.add(loc, f"{attribute!r} is a {kind}, and this is none.", _REMEDIES.get(kind, _IN_QUOTES))


def _check_list_name(find: Findings, model: Model, value: str, loc: Loc) -> None:
    if not value.startswith("$"):
        find.add(loc, f"`{loc[-1]}` needs a list.", f"Write [{value}], or the name of a list: $name.")
        return
    from config.model import preset_lists

    name = value.removeprefix("$")
    if name in model.lists:
        return
    if name in preset_lists():
        find.add(loc, f"list {name!r} is not declared.", f"Add `{name}: preset` under `lists:`.")
    else:
        find.add(loc, f"there is no list {name!r}.", find.near(name, model.lists))


def kind_of(value: object) -> str:
    """The attribute type that `value` can belong to: text, boolean, number or date."""
    if isinstance(value, str):
        return "text"
    if isinstance(value, date):
        return "date"
    return "boolean" if isinstance(value, bool) else "number"


@lru_cache(maxsize=512)
def regex_complaint(pattern: str) -> str:
    """What RE2, which runs the patterns, says against this one; empty when it is good."""
    import duckdb

    with duckdb.connect(":memory:") as con:
        try:
            con.execute("SELECT regexp_matches('', ?)", [pattern]).fetchall()
        except duckdb.Error as error:
            return str(error).splitlines()[0].split("Error: ", 1)[-1].rstrip(".")
    return ""
