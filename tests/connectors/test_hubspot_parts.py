"""The pure parts of the HubSpot connector: windows, cursors, values, error bodies, associations."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.base import CLEAR
from connectors.door import Again, Good, Request, Response
from connectors.errors import ConnectorBug
from connectors.hubspot.errors import Refused, judge, parse, safe
from connectors.hubspot.fields import canonical, definition, encode, field_of, instant_us, observed
from connectors.hubspot.links import read_links
from connectors.hubspot.objects import Source
from connectors.hubspot.rows import times
from connectors.hubspot.windows import Cursor, Range, Window, due, from_ms, read_cursor, slices, to_ms
from scoring.facts import OUTPUT_BY_NAME, OUTPUT_FIELDS

MS = st.integers(0, 4_000_000_000_000)


@given(MS, st.integers(1, 10**6), st.lists(st.integers(0, 10**6)), st.integers(1, 50_000))
def test_5_slices_hold_every_instant_exactly_once(start: int, length: int, marks: list[int], size: int) -> None:
    parts = slices(start, start + length, max(size, length // 200 + 1))
    assert parts[0].start == start
    assert parts[-1].end == start + length
    for mark in {*marks, 0, length - 1, length}:
        held = [part for part in parts if part.holds(start + mark)]
        assert len(held) == (1 if mark < length else 0)


@given(MS, st.integers(2, 10**9), st.integers(2, 8))
def test_5_the_parts_of_a_window_cover_the_time_without_hole_or_overlap(start: int, length: int, parts: int) -> None:
    split = Window(start, start + length).split(parts)
    assert 2 <= len(split) <= parts
    assert split[0].start == start
    assert split[-1].end == start + length
    assert all(one.end == other.start and one.end > one.start for one, other in itertools.pairwise(split))


@given(st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - the strategy wants them so
def test_milliseconds_there_and_back(at: datetime) -> None:
    back = from_ms(to_ms(at))
    assert back <= at
    assert (at - back).total_seconds() < 0.001


def test_a_window_ends_behind_the_servers_clock_and_never_before_it_begins() -> None:
    now = datetime(2026, 6, 15, tzinfo=UTC)
    assert due(0, now, 60).end == to_ms(now) - 60_000
    assert due(to_ms(now), now, 60) == Window(to_ms(now), to_ms(now))


@given(
    st.builds(
        Cursor,
        since=MS,
        listing=st.booleans(),
        upto=st.none() | MS,
        after=st.none() | st.text(),
        ranges=st.lists(st.builds(Range, st.none() | st.text(), st.none() | MS), max_size=3).map(tuple),
        windows=st.lists(st.builds(Window, MS, MS), max_size=3).map(tuple),
    )
)
def test_16_cursors_survive_the_round_trip(cursor: Cursor) -> None:
    assert read_cursor(cursor.text()) == cursor


@pytest.mark.parametrize("text", ['{"since":1,"listing":true,"after":"501"}', '{"since":1,"upto":9,"window_end":5}'])
def test_92_cursors_of_the_first_version_are_still_read(text: str) -> None:
    assert read_cursor(text).since == 1


@pytest.mark.parametrize(
    ("kind", "raw", "expected"),
    [
        ("text", None, None), ("text", "x", "x"), ("text", "false", "false"),
        ("text", True, "true"),
        ("number", "12", "12"), ("number", "1;2", "1;2"), ("number", 3.5, "3.5"),
        ("boolean", "TRUE", "true"), ("boolean", False, "false"), ("boolean", " false ", "false"),
        ("boolean", "", None),
        ("date", "2026-01-02", "2026-01-02"), ("date", "2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"),
        ("date", "1767322800000", "2026-01-02T03:00:00Z"), ("date", "1767322800000.0", "2026-01-02T03:00:00Z"),
        ("date", 1767322800000, "2026-01-02T03:00:00Z"), ("date", "-86400000", "1969-12-31T00:00:00Z"),
        ("date", "soon", "soon"),
    ],
)  # fmt: skip
def test_14_values_in_canonical_text(kind: str, raw: Any, expected: str | None) -> None:
    assert canonical([raw], kind) == [expected]


def test_14_what_is_empty_or_absent_is_null_from_the_start() -> None:
    pages = [{"id": "1", "properties": {"city": "", "zip": "0"}}], [{"id": "2", "properties": {"city": None}}]
    source = Source("contacts", "lastmodifieddate", ("city", "zip"))
    values = source.values(pages[0])
    values += source.values(pages[1])
    assert (values.of("city"), values.of("zip"), values.of("country")) == ([None, None], ["0", None], [None, None])
    assert [values.given(name) for name in ("city", "zip", "country")] == [None, ["0", None], None]


@pytest.mark.parametrize(
    ("field", "raw", "expected"),
    [
        ("fit_score", "75", "75"), ("fit_score", "75.0", "75"), ("fit_score", "7e1", "70"), ("fit_score", "", None),
        ("fit_score", "odd", "odd"), ("valid_until", "2026-07-01", "2026-07-01"),
        ("valid_until", "1782864000000", "2026-07-01"), ("rating", "A1", "A1"), ("rating", None, None),
    ],
)  # fmt: skip
def test_observed_values_read_as_we_would_write_them(field: str, raw: Any, expected: str | None) -> None:
    assert observed([raw], OUTPUT_BY_NAME[field]) == [expected]


def test_times_in_both_formats_and_odd_ones() -> None:
    iso = times(["2026-01-02T03:00:00.250Z", None, ""])
    assert iso.type == pa.timestamp("us")
    mixed = times(["2026-01-02T03:00:00.250Z", 1767322800250, "1767322800250", "soon", None])
    assert mixed.type == pa.timestamp("us")
    assert mixed.to_pylist()[0] == mixed.to_pylist()[1] == mixed.to_pylist()[2] == iso.to_pylist()[0]
    assert mixed.to_pylist()[3:] == [None, None]
    assert instant_us("2026-01-02T05:00:00+02:00") == 1767322800_000_000


def test_every_output_field_has_a_definition_that_hubspot_takes() -> None:
    for field in OUTPUT_FIELDS:
        described = definition(field)
        assert described["name"] == f"leadgrade_{field.name}"
        assert described["type"] in {"number", "string", "date", "enumeration"}
        assert ("options" in described) == bool(field.choices)
        assert field_of(described["name"]) == field.name
    assert field_of("jobtitle") == "jobtitle"
    assert [encode(value) for value in (CLEAR, 0, "A")] == ["", "0", "A"]


VALIDATION = {
    "status": "error",
    "category": "VALIDATION_ERROR",
    "message": 'Property values were not valid: [{"isValid":false,"message":"ann@example.com is no number"}]',
    "correlationId": "c-1",
    "errors": [{"message": "ann@example.com is no number", "code": "INVALID_LONG", "context": {"propertyName": ["x"]}}],
}


@pytest.mark.parametrize(
    "body",
    [None, [], "text", 5, {}, {"errors": "odd"}, {"errors": [None, 5, "x"]}, {"errors": [{"context": []}]},
     {"message": None}, {"errors": [{"context": {"propertyName": "x"}}]}],
)  # fmt: skip
def test_error_bodies_of_any_shape_are_survived(body: Any) -> None:
    assert isinstance(parse(body).message, str)


def test_error_bodies_are_read_without_what_is_personal() -> None:
    problem = parse(VALIDATION)
    assert (problem.category, problem.codes, problem.properties) == ("VALIDATION_ERROR", ("INVALID_LONG",), ("x",))
    assert problem.message == "<address> is no number"
    assert safe("Bearer abc pat-na1-123 ü@ä.de") == "<token> <token> <address>"
    assert len(safe("x" * 1000)) == 200


@pytest.mark.parametrize("where", ["context", "errors"])
def test_missing_scopes_are_named_wherever_they_stand(where: str) -> None:
    context = {"requiredGranularScopes": ["crm.a", "crm.b"]}
    body = {"context": context} if where == "context" else {"errors": [{"message": "m", "context": context}]}
    assert parse(body).scopes == ("crm.a", "crm.b")


@pytest.mark.parametrize(
    ("status", "headers", "content", "expected"),
    [
        (200, {}, b"{}", Good()),
        (204, {}, b"", Good()),
        (207, {}, b'{"results": []}', Good()),
        (200, {}, b"<html>", Again("answer is not whole", maybe_done=True)),
        (423, {}, b"{}", Again("locked", 2.0)),
        (423, {"retry-after": "9"}, b"{}", Again("locked", 9.0)),
        (477, {}, b"{}", Again("data centre migration", 60.0, pause=True)),
        (429, {}, b"<html>", Again("rate limit", 10.0, pause=True)),
        (429, {"retry-after": "soon"}, b"{}", Again("rate limit", 10.0, pause=True)),
        (503, {"retry-after": "4"}, b"", Again("status 503", 4.0, maybe_done=True)),
        (400, {}, b'{"message": "Migration in progress"}', Again("temporarily unavailable")),
        (400, {}, b"<html>", Again("status 400 without a reason")),
    ],
)
def test_11_13_verdicts(status: int, headers: dict[str, str], content: bytes, expected: Any) -> None:
    assert judge(Request("GET", "/x"), Response(status, headers, content)) == expected


@pytest.mark.parametrize("status", [400, 404, 409, 414])
def test_11_what_only_the_caller_can_judge_is_refused_not_repeated(status: int) -> None:
    verdict = judge(Request("POST", "/x"), Response(status, {}, b'{"message": "no", "category": "C"}'))
    assert isinstance(verdict, Refused)
    assert verdict.status == status


class Answers:
    """A client whose associations are scripted."""

    def __init__(self, *bodies: dict[str, Any]) -> None:
        self.bodies = list(bodies)
        self.asked: list[Any] = []

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(body["inputs"])
        return self.bodies.pop(0)


def link(record_id: str, *to: int, after: str | None = None, primary: int | None = None) -> dict[str, Any]:
    found = {
        "from": {"id": record_id},
        "to": [
            {"toObjectId": one, "associationTypes": [{"label": "Primary" if one == primary else None}]} for one in to
        ],
    }
    return found | ({"paging": {"next": {"after": after}}} if after else {})


NONE = {"subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND", "context": {"fromObjectId": ["2"]}}


def test_19_20_links_are_text_primary_first_and_absence_is_told_from_silence() -> None:
    client: Any = Answers({"results": [link("1", 7, 8, primary=8)], "errors": [NONE]})
    assert read_links(client, "deals", "contacts", ["1", "2"]) == {"1": ["8", "7"], "2": []}


def test_20_pages_of_links_are_followed_and_a_repeated_token_stops() -> None:
    client: Any = Answers({"results": [link("1", 7, after="n")]}, {"results": [link("1", 8)]})
    assert read_links(client, "deals", "contacts", ["1"]) == {"1": ["7", "8"]}
    assert client.asked[1] == [{"id": "1", "after": "n"}]
    endless: Any = Answers(*({"results": [link("1", 7, after="n")]} for _ in range(3)))
    with pytest.raises(ConnectorBug, match="page token came twice"):
        read_links(endless, "deals", "contacts", ["1"])


def test_20_an_id_that_the_answer_drops_is_asked_for_again_and_never_stored_as_empty() -> None:
    client: Any = Answers({"results": [link("1", 7)]}, {"results": [link("2", 9)]})
    assert read_links(client, "deals", "contacts", ["1", "2"]) == {"1": ["7"], "2": ["9"]}
    silent: Any = Answers({"results": [link("1", 7)]}, {"results": []})
    with pytest.raises(ConnectorBug, match="not answered in full"):
        read_links(silent, "deals", "contacts", ["1", "2"])
