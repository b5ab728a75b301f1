"""Statement to rows: names are resolved, literals checked against types, conditions compiled to functions of a row."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from sandbox.salesforce.errors import ApiError, no_such_column, no_such_object
from sandbox.salesforce.ids import full_id
from sandbox.salesforce.soql.syntax import Comparison, Junction
from sandbox.salesforce.values import STAMP_SECONDS, stamp

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sandbox.salesforce.org import Org
    from sandbox.salesforce.schema import Field, Row, SObject
    from sandbox.salesforce.soql.syntax import Condition, Order, Statement, Written

Getter = Callable[["Row"], Any]
Test = Callable[["Row"], bool]

MAX_OFFSET: Final = 2_000
MAX_LEVELS: Final = 5
LONG_TEXT: Final = 255
"""Texts beyond this length cannot be filtered."""

_COMPARE: Final = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_NUMBERS: Final = frozenset({"int", "double", "currency", "percent"})
_LITERAL_OF: Final = {"boolean": "boolean", "date": "date", "datetime": "datetime"} | dict.fromkeys(_NUMBERS, "number")


@dataclass(frozen=True, slots=True)
class Column:
    """One selected value: its canonical path, how to get it, the field it ends in, the types of the parents passed."""

    path: tuple[str, ...]
    get: Getter
    field: Field
    parents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """A resolved statement."""

    spec: SObject
    columns: tuple[Column, ...]
    test: Test
    order: tuple[tuple[Getter, Order], ...]
    statement: Statement


class Resolver:
    """Names to getters, in the eyes of one user."""

    def __init__(self, org: Org, user_id: str, objects: dict[str, SObject]) -> None:
        self._org = org
        self._user_id = user_id
        self._objects = objects
        self._by_lower = {name.lower(): name for name in objects}

    def spec(self, name: str) -> SObject:
        """The object; raises INVALID_TYPE."""
        canonical = self._by_lower.get(name.lower())
        if canonical is None:
            raise no_such_object(name)
        return self._objects[canonical]

    def column(self, spec: SObject, path: str, alias: str) -> Column:
        """The column that a dotted path leads to; raises INVALID_FIELD."""
        parts = path.split(".")
        if len(parts) > 1 and parts[0].lower() in {alias.lower(), spec.name.lower()}:
            parts = parts[1:]
        if len(parts) > MAX_LEVELS + 1:
            raise no_such_column(path, spec.name)
        return self._walk(spec, parts)

    def _walk(self, spec: SObject, parts: list[str]) -> Column:
        if len(parts) == 1:
            field = self._field(spec, parts[0])
            return Column((field.name,), self._getter(field), field)
        reference = spec.relationships.get(parts[0].lower())
        if reference is None or not self._org.access.can_read(self._user_id, spec.name, reference):
            raise ApiError(
                400,
                "INVALID_FIELD",
                f"Didn't understand relationship '{parts[0]}' in field path. If you are attempting to use a custom "
                "relationship, be sure to append the '__r' after the custom relationship name.",
            )
        own = self._getter(reference)
        parents = {name: self._objects[name] for name in reference.refers_to if name in self._objects}
        if len(reference.refers_to) > 1 and parts[1].lower() == "type":
            return self._type_column(spec, reference, own)
        targets: dict[str, Column] = {}
        for name, parent in parents.items():
            if len(parents) == 1 or parts[1].lower() in parent.lower or parts[1].lower() in parent.relationships:
                targets[name] = self._walk(parent, parts[1:])
        if not targets:
            raise no_such_column(parts[1], "Name" if len(reference.refers_to) > 1 else parts[0])
        first = next(iter(targets.values()))
        kind = "Name" if len(reference.refers_to) > 1 else reference.refers_to[0]
        path = (str(reference.relationship), *first.path)
        return Column(path, self._through(own, targets), first.field, (kind, *first.parents))

    def _type_column(self, spec: SObject, reference: Field, own: Getter) -> Column:
        def type_of(row: Row) -> str | None:
            found = self._org.find(own(row) or "")
            return found[0] if found else None

        path = (str(reference.relationship), "Type")
        return Column(path, type_of, self._field(spec, reference.name), ("Name",))

    def _through(self, own: Getter, targets: dict[str, Column]) -> Getter:
        def get(row: Row) -> Any:
            parent_id = own(row)
            found = self._org.find(parent_id) if parent_id else None
            return targets[found[0]].get(found[1]) if found and found[0] in targets else None

        return get

    def _field(self, spec: SObject, name: str) -> Field:
        field = spec.fields.get(spec.lower.get(name.lower(), ""))
        if field is None or not self._org.access.can_read(self._user_id, spec.name, field):
            raise no_such_column(name, spec.name)
        return field

    def _getter(self, field: Field) -> Getter:
        if field.computed is not None:
            return field.computed
        if field.name == "IsArchived":
            day = self._org.archive_day()  # one day for the whole query
            return lambda row: self._org.is_archived(row, day)
        name, default = field.name, field.default
        return lambda row: row.get(name, default)


def plan(org: Org, user_id: str, statement: Statement, objects: dict[str, SObject]) -> Plan:
    """Resolve and check a statement; raises ApiError as the query endpoint does."""
    resolver = Resolver(org, user_id, objects)
    spec = resolver.spec(statement.sobject)
    if statement.offset > MAX_OFFSET:
        raise ApiError(400, "NUMBER_OUTSIDE_VALID_RANGE", f"Maximum SOQL offset allowed is {MAX_OFFSET}")
    seen: set[tuple[str, ...]] = set()
    columns = []
    for path in statement.fields:
        column = resolver.column(spec, path, spec.name)
        if column.path in seen:
            raise ApiError(400, "INVALID_FIELD", f"duplicate field selected: {path}")
        seen.add(column.path)
        columns.append(column)
    order = tuple((_sort_key(resolver.column(spec, key.field, spec.name)), key) for key in statement.order)
    return Plan(spec, tuple(columns), _compile(resolver, spec, statement.where), order, statement)


def _compile(resolver: Resolver, spec: SObject, condition: Condition | None) -> Test:
    if condition is None:
        return lambda _row: True
    if isinstance(condition, Junction):
        tests = [_compile(resolver, spec, part) for part in condition.parts]
        if condition.kind == "NOT":
            inner = tests[0]
            return lambda row: not inner(row)
        if condition.kind == "AND":
            return lambda row: all(test(row) for test in tests)
        return lambda row: any(test(row) for test in tests)
    return _compare(resolver.column(spec, condition.field, spec.name), condition)


def _compare(column: Column, comparison: Comparison) -> Test:
    field, get, wanted = column.field, column.get, comparison.operator
    if not field.filterable or (field.type == "string" and field.length > LONG_TEXT * 16):
        raise ApiError(400, "INVALID_FIELD", f"field '{field.name}' can not be filtered in a query call")
    is_type = column.path[-1] == "Type" and field.type == "reference"
    normal = _normaliser("string" if is_type else field.type)
    values = [_literal(field, value, is_text=is_type) for value in comparison.values]
    if wanted == "LIKE":
        return _like(field, get, values[0])
    keys = frozenset(normal(value) for value in values)
    if wanted in {"=", "IN"}:
        return lambda row: normal(get(row)) in keys
    if wanted in {"!=", "NOT IN"}:
        return lambda row: normal(get(row)) not in keys
    if values[0] is None or field.type == "boolean":
        raise ApiError(400, "INVALID_FIELD", f"invalid operator on {field.type} field")
    compare, bound = _COMPARE[wanted], normal(values[0])

    def test(row: Row) -> bool:
        value = get(row)
        return value is not None and bool(compare(normal(value), bound))

    return test


def _normaliser(kind: str) -> Callable[[Any], Any]:
    if kind == "datetime":
        return lambda value: value[:STAMP_SECONDS] if value is not None else None
    if kind in {"id", "reference", "date", "boolean"} or kind in _NUMBERS:
        return lambda value: value
    return lambda value: value.casefold() if value is not None else None


def _literal(field: Field, literal: Written, *, is_text: bool) -> Any:
    """The literal as the field keeps its values; raises INVALID_FIELD when its type does not fit."""
    if literal.kind == "null":
        return None
    expected = "string" if is_text else _LITERAL_OF.get(field.type, "string")
    if literal.kind != expected:
        quoted = "should be" if expected == "string" else "should not be"
        name = {"datetime": "dateTime", "number": "double" if field.type != "int" else "int"}.get(expected, expected)
        raise ApiError(
            400,
            "INVALID_FIELD",
            f"value of filter criterion for field '{field.name}' must be of type {name} and {quoted} enclosed in "
            "quotes",
        )
    if literal.kind == "datetime":
        return stamp(datetime.fromisoformat(literal.value).astimezone(UTC))
    if field.type in {"id", "reference"} and not is_text:
        record_id = full_id(literal.value)
        if record_id is None:
            raise ApiError(400, "INVALID_QUERY_FILTER_OPERATOR", f"invalid ID field: {literal.value}")
        return record_id
    return literal.value


def _like(field: Field, get: Getter, pattern: Any) -> Test:
    if not isinstance(pattern, str) or field.type in {"id", "reference", "boolean", "date", "datetime"} | _NUMBERS:
        raise ApiError(400, "INVALID_FIELD", f"invalid operator on {field.type} field")
    parts = {"%": ".*", "_": "."}
    match = re.compile(
        "".join(parts.get(letter, re.escape(letter)) for letter in pattern), re.IGNORECASE | re.DOTALL
    ).fullmatch
    return lambda row: (value := get(row)) is not None and match(value) is not None


def candidates(org: Org, spec: SObject, where: Condition | None) -> Iterable[str]:
    """Ids that may fit: by id, by parent or by SystemModstamp where the condition allows, else all."""
    table = org.tables[spec.name]
    conjuncts = where.parts if isinstance(where, Junction) and where.kind == "AND" else (where,)
    low, high = "", "~"
    for part in conjuncts:
        if not isinstance(part, Comparison):
            continue
        name = part.field.lower()
        values = [literal.value for literal in part.values if literal.value is not None]
        if part.operator in {"=", "IN"} and name.endswith("id"):
            ids = list(dict.fromkeys(full_id(str(value)) or "" for value in values))
            found = ids if name == "id" else table.child_ids(spec.lower.get(name, ""), ids)
            if found is not None and len(values) == len(part.values):
                return dict.fromkeys([*found, *table.pending])
        elif name == "systemmodstamp" and part.operator in _COMPARE:
            at = stamp(datetime.fromisoformat(values[0]).astimezone(UTC))[:STAMP_SECONDS]
            past = at + "~"  # text just behind that second
            if part.operator in {">", ">="}:
                low = max(low, past if part.operator == ">" else at)
            else:
                high = min(high, at if part.operator == "<" else past)
    if low or high != "~":
        return dict.fromkeys([*table.stamped_between(low, high), *table.pending])
    return list(table)


def select(org: Org, query: Plan, *, include_all: bool) -> list[Row]:
    """The rows that fit, in ORDER BY's order or else in none in particular.

    Deleted rows and archived activities are left out unless `include_all` (queryAll).
    """
    table = org.tables[query.spec.name]
    now = stamp(org.now())
    archive_day = org.archive_day()
    activities = query.spec.name in {"Task", "Event"}
    test = query.test
    rows = []
    for record_id in candidates(org, query.spec, query.statement.where):
        row = table.visible(record_id, now) if table.pending else table.get(record_id)
        if row is None or not test(row) or (query.spec.holds is not None and not query.spec.holds(row)):
            continue
        if row["IsDeleted"] and query.spec.forgets:
            continue
        if not include_all and (row["IsDeleted"] or (activities and org.is_archived(row, archive_day))):
            continue
        rows.append(row)
    if query.order:
        for get, key in reversed(query.order):
            _sort(rows, get, key)
    elif not query.statement.count:
        org.random.shuffle(rows)
    start = query.statement.offset
    return rows[start:] if query.statement.limit is None else rows[start : start + query.statement.limit]


def _sort_key(column: Column) -> Getter:
    """What rows are sorted by is what conditions compare: else paging by value would lose rows."""
    normal, get = _normaliser(column.field.type), column.get
    return lambda row: normal(get(row))


def _sort(rows: list[Row], get: Getter, key: Order) -> None:
    known = [row for row in rows if get(row) is not None]
    unknown = [row for row in rows if get(row) is None]
    known.sort(key=get, reverse=key.descending)
    rows[:] = [*known, *unknown] if key.nulls_last else [*unknown, *known]
