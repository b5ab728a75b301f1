"""query, queryAll and their further pages; the tooling query."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from sandbox.salesforce.api import Answer, Call, route
from sandbox.salesforce.errors import ApiError, malformed_query
from sandbox.salesforce.soql.evaluate import LONG_TEXT, plan, select
from sandbox.salesforce.soql.syntax import parse

if TYPE_CHECKING:
    from datetime import datetime

    from sandbox.salesforce.schema import Row
    from sandbox.salesforce.soql.evaluate import Column, Plan

PAGE: Final = 2_000
SMALLEST_PAGE: Final = 200
CURSOR_LIFE: Final = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Cursor:
    """Rows of a query that wait to be fetched. It ends with the session that opened it."""

    query: Plan
    rows: list[Row]
    page: int
    token: str
    ends: datetime


def query(call: Call) -> Answer:
    """GET /query?q="""
    return _first_page(call, include_all=False)


def query_all(call: Call) -> Answer:
    """GET /queryAll?q="""
    return _first_page(call, include_all=True)


def _first_page(call: Call, *, include_all: bool) -> Answer:
    org = call.org
    with org.lock:
        made = plan(org, call.user_id, parse(_statement(call)), org.schema)
        rows = select(org, made, include_all=include_all)
    _refuse_large(call, made, rows)
    if made.statement.count:
        return Answer({"totalSize": len(rows), "done": True, "records": []})
    cursor = Cursor(made, rows, _page_size(call, made), call.token, org.now() + CURSOR_LIFE)
    return _page(call, f"01g{org.random.getrandbits(60):015x}", cursor, 0)


def _statement(call: Call) -> str:
    if not call.params.get("q"):
        raise malformed_query("A query string has to be specified")
    return call.params["q"]


def _refuse_large(call: Call, made: Plan, rows: list[Row]) -> None:
    slow = call.trouble("query_timeout")
    if slow is not None and len(rows) >= int(slow.get("over_rows", 0)):
        raise ApiError(400, "QUERY_TIMEOUT", "Your query request was running for too long.")
    if made.spec.name not in {"Task", "Event"}:
        return
    large = call.trouble("operation_too_large")
    if large is not None and len({row.get("WhoId") for row in rows}) >= int(large.get("people", 0)):
        raise ApiError(400, "OPERATION_TOO_LARGE", "exceeded 100000 distinct who/what's")


def _page_size(call: Call, made: Plan) -> int:
    long_texts = sum(column.field.custom and column.field.length > LONG_TEXT for column in made.columns)
    if long_texts > 1:
        return SMALLEST_PAGE
    for option in call.headers.get("sforce-query-options", "").split(";"):
        name, _, value = option.strip().partition("=")
        if name.lower() == "batchsize" and value.isdigit():
            return min(max(int(value), SMALLEST_PAGE), PAGE)
    return PAGE


def _page(call: Call, locator: str, cursor: Cursor, start: int) -> Answer:
    end = start + cursor.page
    if start and call.trouble("repeat_row") is not None:
        start -= 1
    render = renderer(cursor.query.columns, cursor.query.spec.name, call.base)
    page: dict[str, Any] = {"totalSize": len(cursor.rows), "done": end >= len(cursor.rows)}
    if not page["done"]:
        call.org.cursors[locator] = cursor
        page["nextRecordsUrl"] = f"{call.base}/query/{locator}-{end}"
    page["records"] = [render(row) for row in cursor.rows[start:end]]
    return Answer(page)


def more(call: Call) -> Answer:
    """GET /query/{locator}: the page that nextRecordsUrl names; may be asked for again while the cursor lives."""
    locator, _, start = call.parts["locator"].rpartition("-")
    cursor: Cursor | None = call.org.cursors.get(locator)
    if call.trouble("locator_expired") is not None:
        call.org.cursors.pop(locator, None)
        cursor = None
    if cursor is None or cursor.token != call.token or cursor.ends < call.org.now() or not start.isdigit():
        raise ApiError(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
    return _page(call, locator, cursor, int(start))


def renderer(columns: tuple[Column, ...], sobject: str, base: str) -> Any:
    """A function that makes a row's JSON object."""
    prefix = f"{base}/sobjects/{sobject}/"
    plain = [(column.path[0], column.get) for column in columns if len(column.path) == 1]
    if len(plain) == len(columns):

        def render_flat(row: Row) -> dict[str, Any]:
            record: dict[str, Any] = {"attributes": {"type": sobject, "url": prefix + row["Id"]}}
            for name, get in plain:
                record[name] = get(row)
            return record

        return render_flat

    def render(row: Row) -> dict[str, Any]:
        record: dict[str, Any] = {"attributes": {"type": sobject, "url": prefix + row["Id"]}}
        for column in columns:
            _place(record, column, row)
        return record

    return render


def _place(record: dict[str, Any], column: Column, row: Row) -> None:
    """Put a value where its path leads; an absent parent is null as a whole."""
    *parents, name = column.path
    value = column.get(row)
    for parent, kind in zip(parents, column.parents, strict=True):
        if value is None and record.get(parent) is None:
            record.setdefault(parent, None)
            return
        if record.get(parent) is None:
            record[parent] = {"attributes": {"type": kind}}
        record = record[parent]
    record[name] = value


def tooling_query(call: Call) -> Answer:
    """GET /tooling/query?q= over CustomField."""
    org = call.org
    with org.lock:
        made = plan(org, call.user_id, parse(_statement(call)), org.tooling)
        rows = select(org, made, include_all=False)
    names = {column.path[0] for column in made.columns}
    if len(rows) > 1 and names & {"Metadata", "FullName"}:
        raise malformed_query(
            "When retrieving results with Metadata or FullName fields, the query qualifications must specify no more "
            f"than one row for retrieval. Result size: {len(rows)}"
        )
    if made.statement.count:
        return Answer({"size": len(rows), "totalSize": len(rows), "done": True, "queryLocator": None, "records": []})
    render = renderer(made.columns, made.spec.name, f"{call.base}/tooling")
    records = [render(row) for row in rows]
    return Answer(
        {
            "size": len(rows),
            "totalSize": len(rows),
            "done": True,
            "queryLocator": None,
            "entityTypeName": made.spec.name,
            "records": records,
        }
    )


ROUTES = [
    route("GET", "/query", query),
    route("GET", "/queryAll", query_all),
    route("GET", "/query/{locator}", more),
    route("GET", "/queryAll/{locator}", more),
    route("GET", "/tooling/query", tooling_query),
]
