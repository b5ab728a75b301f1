"""Filters of the search API: what a group of them lets through, and where to look for it."""

from __future__ import annotations

import bisect
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sandbox.hubspot import times
from sandbox.hubspot.errors import bad_request
from sandbox.hubspot.records import created_name, modified_name, object_type

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sandbox.hubspot.portal import Portal
    from sandbox.hubspot.records import Record, SearchIndex

Key = str | int | float
MOST_GROUPS: Final = 5
MOST_IN_GROUP: Final = 6
MOST_FILTERS: Final = 18
_NEEDS_VALUE: Final = frozenset(
    {"EQ", "NEQ", "LT", "LTE", "GT", "GTE", "BETWEEN", "CONTAINS_TOKEN", "NOT_CONTAINS_TOKEN"}
)
_NEEDS_VALUES: Final = frozenset({"IN", "NOT_IN"})
_WINDOWS: Final = frozenset({"EQ", "LT", "LTE", "GT", "GTE", "BETWEEN"})
_ENDLESS: Final = 2**62
_OPERATORS: Final = _NEEDS_VALUE | _NEEDS_VALUES | {"HAS_PROPERTY", "NOT_HAS_PROPERTY"}
_WORDS: Final = re.compile(r"[\w*]+")


@dataclass(frozen=True, slots=True)
class Filter:
    """One filter, its operator and values checked for being there."""

    name: str
    operator: str
    value: str = ""
    high: str = ""
    values: tuple[str, ...] = ()


def read_groups(body: Mapping[str, Any]) -> list[list[Filter]]:
    """The filter groups of a search; a top-level `filters` is one group. Raises a 400 beyond the limits (A)."""
    groups = body.get("filterGroups") or ([{"filters": body["filters"]}] if body.get("filters") else [])
    if not isinstance(groups, list) or not all(isinstance(group, dict) for group in groups):
        raise bad_request("Invalid input JSON: filterGroups must be a list of objects.")
    read = [[_read(one) for one in group.get("filters") or []] for group in groups]
    if len(read) > MOST_GROUPS:
        raise bad_request(f"Too many filterGroups: {len(read)}; at most {MOST_GROUPS} are allowed.")
    if any(len(group) > MOST_IN_GROUP for group in read) or sum(map(len, read)) > MOST_FILTERS:
        raise bad_request(f"Too many filters: at most {MOST_IN_GROUP} in a group and {MOST_FILTERS} in all.")
    return read


def _read(one: object) -> Filter:
    if not isinstance(one, dict):
        raise bad_request("Invalid input JSON: a filter must be an object.")
    operator, name = one.get("operator"), one.get("propertyName")
    if operator not in _OPERATORS or not name:
        raise bad_request(f"Invalid filter: operator {operator} on property {name}.")
    if operator in _NEEDS_VALUE and one.get("value") in {None, ""}:
        raise bad_request(f"operator {operator} requires a value")
    if operator == "BETWEEN" and one.get("highValue") in {None, ""}:
        raise bad_request("operator BETWEEN requires a highValue")
    if operator in _NEEDS_VALUES and not one.get("values"):
        raise bad_request(f"operator {operator} requires values")
    values = tuple(str(value) for value in one.get("values") or ())
    return Filter(name, operator, str(one.get("value", "")), str(one.get("highValue", "")), values)


class Searcher:
    """Decides for one search call what matches."""

    def __init__(self, portal: Portal, kind: str, index: SearchIndex, *, text_ids: bool, past_window: bool) -> None:
        self._portal = portal
        self._kind = kind
        self.index = index
        self.text_ids = text_ids
        self.past_window = past_window
        self._modified = {modified_name(kind), "hs_lastmodifieddate"}

    def matches(self, groups: list[list[Filter]], query: str) -> list[int]:
        """Ids of the records that all filters of any group let through, and that hold every word of `query`.

        In order of the ids.
        """
        shown = self.index.shown
        words = [word.lower() for word in query.split()]
        found: list[list[int]] = []
        for group in groups or [[]]:
            numbers, left = self._candidates(group)
            tests = [self._test(one) for one in left]
            if words:
                tests.append(lambda record: _holds(record, words))
            found.append(
                [number for number in numbers if all(test(shown[number]) for test in tests)] if tests else numbers
            )
        return found[0] if len(found) == 1 else sorted({number for part in found for number in part})

    def key(self, name: str) -> Callable[[Record], Key | None]:
        """What records are compared and sorted by, in the property's own type; None when empty."""
        if name == "hs_object_id":
            return (lambda record: record.id) if self.text_ids else (lambda record: int(record.id))
        if name in self._modified:
            return lambda record: times.to_ms(record.updated)
        if name == created_name(self._kind):
            return lambda record: times.to_ms(record.created)
        read = self._reader(name)

        def from_property(record: Record) -> Key | None:
            text = record.properties.get(name)
            if text is None:
                return None
            try:
                return read(text)
            except (ValueError, OverflowError):
                return None  # a value that its type does not allow matches nothing

        return from_property

    def known(self, name: str) -> None:
        """Raise a 400 unless the property exists."""
        self._reader(name)

    def _reader(self, name: str) -> Callable[[str], Key]:
        """How a value of the property is read: numbers as numbers, times as milliseconds, text in lower case."""
        if name in {"hs_object_id", *self._modified, created_name(self._kind)}:
            is_text = name == "hs_object_id" and self.text_ids
            return str if is_text else int if name == "hs_object_id" else _to_ms
        definition = self._portal.properties[self._kind].get(name)
        if definition is None:
            raise bad_request(f"There was a problem with the request: property {name} does not exist.")
        match definition["type"]:
            case "number":
                return float
            case "date" | "datetime":
                return _to_ms
            case "enumeration":
                return str  # case sensitive (A)
            case _:
                return str.lower

    def _test(self, one: Filter) -> Callable[[Record], bool]:
        if one.name.startswith("associations."):
            return self._association_test(one)
        read, key = self._reader(one.name), self.key(one.name)
        if one.operator in {"HAS_PROPERTY", "NOT_HAS_PROPERTY"}:
            wanted = one.operator == "HAS_PROPERTY"
            return lambda record: (key(record) is not None) is wanted
        if one.operator in _NEEDS_VALUES:
            # Text is kept in lower case by the index, and the values asked for are taken as they are (A).
            values = {value if read is str.lower else _value(read, value, one.name) for value in one.values}
            wanted = one.operator == "IN"
            return lambda record: (found := key(record)) is not None and (found in values) is wanted
        if one.operator.endswith("CONTAINS_TOKEN"):
            words = [re.escape(word).replace(r"\*", r"\w*") for word in _WORDS.findall(one.value.lower())]
            pattern = re.compile(r"\W+".join(words))
            wanted = one.operator == "CONTAINS_TOKEN"
            return lambda record: _has_token(pattern, key(record)) is wanted
        return self._comparison(one, read, key)

    def _comparison(
        self, one: Filter, read: Callable[[str], Key], key: Callable[[Record], Key | None]
    ) -> Callable[[Record], bool]:
        value: Any = _value(read, one.value, one.name)
        high: Any = _value(read, one.high, one.name) if one.operator == "BETWEEN" else None

        def test(record: Record) -> bool:
            found: Any = key(record)
            if found is None:
                return one.operator == "NEQ"
            match one.operator:
                case "EQ":
                    return bool(found == value)
                case "NEQ":
                    return bool(found != value)
                case "GT":
                    return bool(found > value)
                case "GTE":
                    return bool(found >= value)
                case "LT":
                    return bool(found < value)
                case "LTE":
                    return bool(found <= value)
                case _:
                    return bool(value <= found <= high)

        return test

    def _association_test(self, one: Filter) -> Callable[[Record], bool]:
        other = object_type(one.name.removeprefix("associations."))
        if other is None:
            raise bad_request(f"Unable to infer object type from: {one.name}", category=None)
        links = self._portal.associations
        wanted_ids = {one.value, *one.values} - {""}
        negative = one.operator in {"NEQ", "NOT_IN", "NOT_HAS_PROPERTY"}

        def test(record: Record) -> bool:
            held = links.of(self._kind, record.id, other)
            hit = bool(held) if not wanted_ids else any(to_id in held for to_id in wanted_ids)
            return hit is not negative

        return test

    def _candidates(self, group: list[Filter]) -> tuple[list[int], list[Filter]]:
        """The ids worth testing, in order, and the filters left to test: windows are read off the index."""
        if modified := [one for one in group if one.name in self._modified and one.operator in _WINDOWS]:
            first, last = self._range(modified, _to_ms)
            numbers = self.index.modified(first, last)
        else:
            numbers = self.index.ids()
        left = [one for one in group if one not in modified]
        by_id = [one for one in left if one.name == "hs_object_id" and one.operator in _WINDOWS]
        if by_id and not self.text_ids:
            first, last = self._range(by_id, int)
            numbers = numbers[bisect.bisect_left(numbers, first) : bisect.bisect_right(numbers, last)]
            left = [one for one in left if one not in by_id]
        return numbers, left

    def _range(self, filters: list[Filter], read: Callable[[str], int]) -> tuple[int, int]:
        """The range, both ends included, that all these filters let through."""
        windows = [self._window(one, read) for one in filters]
        return max(low for low, _ in windows), min(high for _, high in windows)

    def _window(self, one: Filter, read: Callable[[str], int]) -> tuple[int, int]:
        """The range, both ends included, that a comparison lets through."""
        value = int(_value(read, one.value, one.name))
        bounded = not (self.past_window and one.name in self._modified)
        match one.operator:
            case "EQ":
                return value, value
            case "GT":
                return value + 1, _ENDLESS
            case "GTE":
                return value, _ENDLESS
            case "LT":
                return -_ENDLESS, value - 1 if bounded else _ENDLESS
            case "LTE":
                return -_ENDLESS, value if bounded else _ENDLESS
            case _:
                return value, int(_value(read, one.high, one.name)) if bounded else _ENDLESS


def _value(read: Callable[[str], Key], text: str, name: str) -> Key:
    try:
        return read(text)
    except (ValueError, OverflowError):
        raise bad_request(f"Invalid value for property {name}: it does not fit the property's type.") from None


def _to_ms(text: str) -> int:
    return int(text) if text.lstrip("-").isdigit() else times.to_ms(times.parse(text))


def _has_token(pattern: re.Pattern[str], found: Key | None) -> bool:
    return isinstance(found, str) and any(pattern.fullmatch(token) for token in _tokens(found.lower()))


def _tokens(text: str) -> list[str]:
    return [text, *re.findall(r"\w+", text)]


def _holds(record: Record, words: list[str]) -> bool:
    names = ("firstname", "lastname", "email", "phone", "company", "name", "domain", "dealname")
    text = " ".join(record.properties.get(name, "") for name in names).lower()
    return all(word in text for word in words)
