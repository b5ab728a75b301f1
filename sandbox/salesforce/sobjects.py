"""Single records over REST, describe, and the changed and deleted ids of a time span."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from sandbox.salesforce.api import Answer, Call, route
from sandbox.salesforce.composite import writer
from sandbox.salesforce.errors import ApiError, RowError, no_such_column, not_found
from sandbox.salesforce.ids import full_id
from sandbox.salesforce.permissions import check_permission_row
from sandbox.salesforce.values import STAMP_SECONDS, moment_of, stamp

if TYPE_CHECKING:
    from sandbox.salesforce.schema import Row, SObject

UPDATED_BACK: Final = timedelta(days=30)
DELETED_BACK: Final = timedelta(days=15)
MOST_IDS: Final = 600_000
ENCODING: Final = "UTF-8"


def _spec(call: Call) -> SObject:
    name = {each.lower(): each for each in call.org.schema}.get(call.parts["sobject"].lower())
    if name is None:
        raise not_found()
    return call.org.schema[name]


def list_objects(call: Call) -> Answer:
    """GET /sobjects."""
    summaries = [spec.summary(call.version) for spec in call.org.schema.values()]
    return Answer({"encoding": ENCODING, "maxBatchSize": 200, "sobjects": summaries})


def describe(call: Call) -> Answer:
    """GET /sobjects/{name}/describe: only the fields that the user may see."""
    spec = _spec(call)
    access = call.org.access
    fields = []
    for field in access.readable(call.user_id, spec.name):
        told = field.describe()
        if field.updateable and not access.can_edit(call.user_id, spec.name, field):
            told |= {"updateable": False, "createable": False}
        fields.append(told)
    more: dict[str, Any] = {"fields": fields, "childRelationships": [], "recordTypeInfos": []}
    if spec.name in call.org.read_only_objects:
        more["updateable"] = False
    return Answer(spec.summary(call.version) | more)


def basic_information(call: Call) -> Answer:
    """GET /sobjects/{name}."""
    return Answer({"objectDescribe": _spec(call).summary(call.version), "recentItems": []})


def _live(call: Call, spec: SObject) -> Row:
    record_id = full_id(call.parts["id"])
    row = call.org.tables[spec.name].get(record_id) if record_id else None
    if row is None:
        raise ApiError(
            404, "NOT_FOUND", "Provided external ID field does not exist or is not accessible: " + call.parts["id"]
        )
    if row["IsDeleted"]:
        raise ApiError(404, "ENTITY_IS_DELETED", "entity is deleted")
    return row


def retrieve(call: Call) -> Answer:
    """GET /sobjects/{name}/{id}?fields="""
    spec = _spec(call)
    row = _live(call, spec)
    readable = {field.name: field for field in call.org.access.readable(call.user_id, spec.name)}
    wanted = [name for name in call.params.get("fields", "").split(",") if name] or list(readable)
    attributes = {"type": spec.name, "url": f"{call.base}/sobjects/{spec.name}/{row['Id']}"}
    record: dict[str, Any] = {"attributes": attributes}
    for given in wanted:
        name = spec.lower.get(given.lower(), "")
        if name not in readable:
            raise no_such_column(given, spec.name)
        record[name] = call.org.value(spec.name, row, name)
    return Answer(record)


def create(call: Call) -> Answer:
    """POST /sobjects/{name}."""
    spec = _spec(call)
    if not spec.updateable:
        raise ApiError(400, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", f"entity type cannot be inserted: {spec.name}")
    saver = writer(call, 1)
    with call.org.lock:
        checked = saver.check_create(spec.name, call.json())
        refusal = checked if isinstance(checked, RowError) else check_permission_row(call.org, spec.name, checked)
        if refusal is not None or isinstance(checked, RowError):
            raise _as_call_error(refusal)
        record_id = saver.create(spec.name, checked)
    return Answer({"id": record_id, "success": True, "errors": []}, 201)


def update(call: Call) -> Answer:
    """PATCH /sobjects/{name}/{id}: 204 and no body."""
    spec = _spec(call)
    _live(call, spec)
    saver = writer(call, 1)
    with call.org.lock:
        checked = saver.check_update(spec.name, call.parts["id"], call.json())
        if isinstance(checked, RowError):
            raise _as_call_error(checked)
        saver.update(spec.name, *checked)
    return Answer(status=204)


def remove(call: Call) -> Answer:
    """DELETE /sobjects/{name}/{id}: into the recycle bin; set-up rows are gone at once."""
    spec = _spec(call)
    row = _live(call, spec)
    if spec.setup:
        call.org.purge(spec.name, row["Id"])
    else:
        call.org.delete(spec.name, row["Id"], by=call.user_id)
    return Answer(status=204)


def _as_call_error(error: RowError | None) -> ApiError:
    assert error is not None
    return ApiError(400, error.code, error.message, error.fields)


def _span(call: Call, back: timedelta, shortest: timedelta = timedelta(0)) -> tuple[str, str]:
    try:
        start, end = (
            datetime.fromisoformat(call.params[name].replace(" ", "+")).astimezone(UTC) for name in ("start", "end")
        )
    except (KeyError, ValueError):
        raise ApiError(400, "INVALID_REPLICATION_DATE", "start and end must be date-times with an offset") from None
    now = call.org.now()
    if start >= end or end - start < shortest:
        raise ApiError(400, "INVALID_REPLICATION_DATE", "startDate must be before endDate")
    if start < now - back:
        raise ApiError(
            400, "INVALID_REPLICATION_DATE", f"startDate before org replication enablement date or {back.days} days"
        )
    return stamp(start)[:STAMP_SECONDS], stamp(end)[:STAMP_SECONDS]


def updated(call: Call) -> Answer:
    """GET /sobjects/{name}/updated?start&end: ids, and how far the answer can be trusted."""
    spec = _spec(call)
    low, high = _span(call, UPDATED_BACK)
    table = call.org.tables[spec.name]
    now = stamp(call.org.now())
    rows = [table.visible(record_id, now) for record_id in [*table.stamped_between(low, high)]]
    ids = [row["Id"] for row in rows if row is not None and not row["IsDeleted"]]
    held = [table[record_id]["SystemModstamp"] for record_id, (until, _) in table.pending.items() if now < until]
    covered = min([*held, high + ".000+0000", now])
    return Answer({"ids": ids, "latestDateCovered": covered})


def deleted(call: Call) -> Answer:
    """GET /sobjects/{name}/deleted?start&end: what was deleted by whatever way, in the bin or gone for good."""
    spec = _spec(call)
    low, high = _span(call, DELETED_BACK, shortest=timedelta(minutes=1))
    emptied = call.org.delete_log_from
    if emptied is not None and low < stamp(emptied)[:STAMP_SECONDS]:
        raise ApiError(400, "INVALID_REPLICATION_DATE", "startDate is before the earliest date available")
    if (behind := call.trouble("log_behind")) is not None:
        covered = call.org.now() - timedelta(seconds=float(behind.get("seconds", 3600)))
        high = max(low, min(high, stamp(covered)[:STAMP_SECONDS]))
    table = call.org.tables[spec.name]
    rows = [table[record_id] for record_id in table.stamped_between(low, high)]
    gone = [{"id": row["Id"], "deletedDate": row["LastModifiedDate"]} for row in rows if row["IsDeleted"]]
    purged = call.org.purged.get(spec.name, {})
    gone += [{"id": record_id, "deletedDate": at} for record_id, at in purged.items() if low <= at < high]
    if len(gone) > MOST_IDS:
        raise ApiError(400, "EXCEEDED_ID_LIMIT", f"more than {MOST_IDS} ids were found; choose a shorter span")
    earliest = stamp(moment_of(call.params["start"].replace(" ", "+")) - timedelta(days=1))
    return Answer({"deletedRecords": gone, "earliestDateAvailable": earliest, "latestDateCovered": high + ".000+0000"})


ROUTES = [
    route("GET", "/sobjects", list_objects),
    route("GET", "/sobjects/{sobject}", basic_information),
    route("POST", "/sobjects/{sobject}", create),
    route("GET", "/sobjects/{sobject}/describe", describe),
    route("GET", "/sobjects/{sobject}/updated", updated),
    route("GET", "/sobjects/{sobject}/deleted", deleted),
    route("GET", "/sobjects/{sobject}/{id}", retrieve),
    route("PATCH", "/sobjects/{sobject}/{id}", update),
    route("DELETE", "/sobjects/{sobject}/{id}", remove),
]
