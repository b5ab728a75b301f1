"""sObject collections (up to 200 rows a call), and several calls in one (up to 25): composite and composite batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlsplit

import orjson

from sandbox.salesforce.api import Answer, Call, dispatch, route
from sandbox.salesforce.errors import ApiError, RowError
from sandbox.salesforce.writes import Writer

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_ROWS: Final = 200
MOST_CHUNKS: Final = 10
MOST_CALLS: Final = 25
MOST_QUERIES: Final = 5
"""Queries and collections among the parts of a composite call."""

_FEW: Final = ("/query", "/queryall", "/composite/sobjects")
_ROLLED_BACK: Final = RowError(
    "ALL_OR_NONE_OPERATION_ROLLED_BACK",
    "Record rolled back because not all records were valid and the request was using AllOrNone header",
)

Change = Callable[[], str]
"""A checked change, to be made; the id of the row."""


def writer(call: Call, rows: int) -> Writer:
    """The writer of a REST call over `rows` rows: its headers and troubles. Raises REQUEST_RUNNING_TOO_LONG."""
    slow = call.trouble("batch_too_slow")
    if slow is not None and rows > int(slow.get("over", 0)):
        raise ApiError(400, "REQUEST_RUNNING_TOO_LONG", "Your request was running for too long, and has been stopped.")
    apex = call.trouble("apex_limits")
    duplicates = call.headers.get("sforce-duplicate-rule-header", "").replace(" ", "").lower()
    return Writer(
        call.org,
        call.user_id,
        auto_assign=call.headers.get("sforce-auto-assign", "TRUE").strip().upper() != "FALSE",
        save_duplicates="allowsave=true" in duplicates,
        lock=call.trouble("row_lock"),
        over_limits=apex is not None and rows > int(apex.get("over", 0)),
    )


def _records(call: Call) -> tuple[list[dict[str, Any]], bool]:
    body = call.json()
    records, all_or_none = body.get("records"), body.get("allOrNone", False)
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise ApiError(400, "JSON_PARSER_ERROR", "Can not deserialize: records must be a list at [line:1, column:1]")
    if not isinstance(all_or_none, bool):
        raise ApiError(
            400, "JSON_PARSER_ERROR", "Can not deserialize: allOrNone must be a boolean at [line:1, column:1]"
        )
    if len(records) > MOST_ROWS:
        raise ApiError(
            400,
            "EXCEEDED_MAX_SIZE_REQUEST",
            f"record limit reached. cannot submit more than {MOST_ROWS} records into this call",
        )
    types = [_type(record) for record in records]
    chunks = sum(now != before for before, now in zip([None, *types], types, strict=False))
    if chunks > MOST_CHUNKS:
        raise ApiError(400, "LIMIT_EXCEEDED", f"Cannot have more than {MOST_CHUNKS} chunks in a single operation")
    return records, all_or_none


def _type(record: Mapping[str, Any]) -> str:
    attributes = record.get("attributes")
    name = attributes.get("type") if isinstance(attributes, dict) else None
    if not isinstance(name, str):
        raise ApiError(400, "INVALID_INPUT", "The type attribute is missing from the record")
    return name


def _fields(record: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    given = {name.lower(): value for name, value in record.items()}.get("id")
    return given, {name: value for name, value in record.items() if name.lower() not in {"id", "attributes"}}


def update_collection(call: Call) -> Answer:
    """PATCH /composite/sobjects: results in the order of the request, 200 even when rows fail."""
    records, all_or_none = _records(call)
    saver = writer(call, len(records))

    def check(record: dict[str, Any], sobject: str) -> Change | RowError:
        given, fields = _fields(record)
        checked = saver.check_update(sobject, given, fields)
        if isinstance(checked, RowError):
            return checked
        return lambda: saver.update(sobject, *checked)

    return _answer(call, _run(call, records, check, all_or_none=all_or_none))


def create_collection(call: Call) -> Answer:
    """POST /composite/sobjects."""
    records, all_or_none = _records(call)
    saver = writer(call, len(records))

    def check(record: dict[str, Any], sobject: str) -> Change | RowError:
        _given, fields = _fields(record)
        checked = saver.check_create(sobject, fields)
        if isinstance(checked, RowError):
            return checked
        return lambda: saver.create(sobject, checked)

    return _answer(call, _run(call, records, check, all_or_none=all_or_none))


def _run(
    call: Call,
    records: list[dict[str, Any]],
    check: Callable[[dict[str, Any], str], Change | RowError],
    *,
    all_or_none: bool,
) -> list[dict[str, Any]]:
    org = call.org
    with org.lock:
        checked: list[Change | RowError] = []
        for record in records:
            name = _type(record)
            known = {each.lower(): each for each in org.schema}.get(name.lower())
            missing = RowError("INVALID_TYPE", f"sObject type '{name}' is not supported.")
            checked.append(missing if known is None else check(record, known))
        spoiled = all_or_none and any(isinstance(each, RowError) for each in checked)
        results = []
        for each in checked:
            if isinstance(each, RowError) or spoiled:
                error = each if isinstance(each, RowError) else _ROLLED_BACK
                results.append({"success": False, "errors": [error.as_json()]})
            else:
                results.append({"id": each(), "success": True, "errors": []})
    return results


def _answer(call: Call, results: list[dict[str, Any]]) -> Answer:
    return Answer(results[:-1] if call.trouble("row_missing") is not None else results)


def batch(call: Call) -> Answer:
    """POST /composite/batch: each sub-request has its own status and body, and spends of the day's calls."""
    requests = _parts(call, "batchRequests")
    for _ in requests[1:]:
        call.org.limits.spend()
    answers = [_part(call, request, "richInput") for request in requests]
    results = [{"statusCode": answer.status, "result": answer.content} for answer in answers]
    return Answer({"hasErrors": any(each["statusCode"] >= 400 for each in results), "results": results})


def composite(call: Call) -> Answer:
    """POST /composite: sub-requests that count as one call all together. References between them are left out."""
    requests = _parts(call, "compositeRequest")
    names = [request.get("referenceId") for request in requests]
    if len({*names}) < len(names) or not all(isinstance(name, str) and name for name in names):
        raise ApiError(400, "INVALID_INPUT", "Each sub-request needs a referenceId of its own")
    few = sum(urlsplit(str(each.get("url"))).path.lower().endswith(_FEW) for each in requests)
    if few > MOST_QUERIES:
        raise ApiError(400, "INVALID_INPUT", f"Provided {few} query or collection requests, limit is {MOST_QUERIES}")
    results = []
    for request in requests:
        answer = _part(call, request, "body")
        results.append({"body": answer.content, "httpHeaders": dict(answer.headers), "httpStatusCode": answer.status,
                        "referenceId": request["referenceId"]})  # fmt: skip
    return Answer({"compositeResponse": results})


def _parts(call: Call, name: str) -> list[dict[str, Any]]:
    requests = call.json().get(name)
    if not isinstance(requests, list) or not requests:
        raise ApiError(400, "JSON_PARSER_ERROR", f"{name} must be a list at [line:1, column:1]")
    if len(requests) > MOST_CALLS:
        raise ApiError(
            400, "INVALID_BATCH_REQUEST", f"The batch request cannot contain more than {MOST_CALLS} requests"
        )
    return requests


def _part(call: Call, request: Mapping[str, Any], body: str) -> Answer:
    """The answer to a sub-request, refused and troubled as it would be by itself."""
    from sandbox.salesforce.app import ROUTES as ALL

    address = urlsplit(str(request.get("url", "")))
    version, _, rest = address.path.lstrip("/").removeprefix("services/data/").partition("/")
    part = replace(
        call, method=str(request.get("method", "GET")).upper(), path="/" + rest, version=version.removeprefix("v"),
        params=dict(parse_qsl(address.query)), body=orjson.dumps(request.get(body)),
    )  # fmt: skip
    return dispatch(ALL, part)


ROUTES = [
    route("PATCH", "/composite/sobjects", update_collection),
    route("POST", "/composite/sobjects", create_collection),
    route("POST", "/composite/batch", batch),
    route("POST", "/composite", composite),
]
