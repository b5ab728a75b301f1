"""Writing records: one by one and in batches (section 2.4 of the rules, the most error-prone part of the API)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sandbox.hubspot.associations import TYPE_NUMBERS
from sandbox.hubspot.calls import Reply
from sandbox.hubspot.errors import ApiError, bad_request, conflict, invalid_values, not_found
from sandbox.hubspot.objects import MOST_INPUTS, View, batch_reply, kind_of, locate, missing_ids
from sandbox.hubspot.records import SINGULAR, modified_name
from sandbox.hubspot.values import Problem, check

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandbox.hubspot.calls import Ask
    from sandbox.hubspot.portal import Portal
    from sandbox.hubspot.records import Record

RULES_SINCE: Final = "2026-09"
"""The version of the API from which on an administrator's validation rules bind integrations too (A)."""


@dataclass(slots=True)
class Row:
    """One input of a write: what it is about, what may be stored and why not."""

    given: Mapping[str, Any]
    record: Record | None  # None: to be created
    accepted: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    holder: Record | None = None  # the other contact that has the address
    links: list[tuple[str, str]] = field(default_factory=list)  # (type, id) to associate a new record with

    @property
    def is_bad(self) -> bool:
        """Whether the row cannot be written."""
        return bool(self.problems) or self.holder is not None


def update_one(portal: Portal, ask: Ask) -> Reply:
    """PATCH objects/{type}/{id}: an id that was merged away writes to the survivor (A)."""
    kind = kind_of(ask)
    record = locate(portal, kind, ask.params["id"], ask.query.get("idProperty"))
    if record is None or record.archived:
        raise not_found(category="OBJECT_NOT_FOUND")
    row = _row(portal, ask, kind, ask.json(), record)
    if row.is_bad:
        raise _refusal(portal, kind, row)
    return Reply(_write(portal, kind, row, ask))


def create_one(portal: Portal, ask: Ask) -> Reply:
    """POST objects/{type}."""
    kind = kind_of(ask)
    row = _row(portal, ask, kind, ask.json(), None)
    if row.is_bad:
        raise _refusal(portal, kind, row)
    return Reply(_write(portal, kind, row, ask), 201)


def batch_update(portal: Portal, ask: Ask) -> Reply:
    """POST objects/{type}/batch/update.

    Unknown ids make it a 207; ids merged away are left out without a word; one bad value refuses the whole batch
    with 400, unless every input has a trace id of its own (B for creates, D for updates).
    """
    kind = kind_of(ask)
    inputs = ask.inputs(MOST_INPUTS)
    _refuse_repeated([_id_of(one) for one in inputs])
    store = portal.stores[kind]
    rows: list[Row] = []
    missing: list[str] = []
    for one in inputs:
        id_property = one.get("idProperty")
        if id_property == "email":
            raise bad_request("email is a non-unique 0-1 property; it cannot identify a record to update.")  # (C)
        record_id = _id_of(one)
        if record_id in store.merged:
            continue
        record = locate(portal, kind, record_id, id_property)
        if record is None or record.archived:
            missing.append(record_id)
        else:
            rows.append(_row(portal, ask, kind, one, record))
    errors = [missing_ids(kind, missing)] if missing else []
    return _write_batch(portal, kind, ask, rows, errors)


def batch_create(portal: Portal, ask: Ask) -> Reply:
    """POST objects/{type}/batch/create: what exists already is an entry of a 207 (B)."""
    kind = kind_of(ask)
    rows = [_row(portal, ask, kind, one, None) for one in ask.inputs(MOST_INPUTS)]
    return _write_batch(portal, kind, ask, rows, [], good=201)


def batch_upsert(portal: Portal, ask: Ask) -> Reply:
    """POST objects/{type}/batch/upsert: by a unique property, for contacts also by e-mail address."""
    kind = kind_of(ask)
    inputs = ask.inputs(MOST_INPUTS)
    _refuse_repeated([_id_of(one) for one in inputs])
    rows = []
    for one in inputs:
        id_property = one.get("idProperty")
        record = locate(portal, kind, _id_of(one), id_property)
        if record is None:
            if not id_property:
                raise not_found(category="OBJECT_NOT_FOUND")
            one["properties"] = {id_property: one["id"]} | (one.get("properties") or {})
        rows.append(_row(portal, ask, kind, one, record))
    return _write_batch(portal, kind, ask, rows, [], mark_new=True)


def archive_one(portal: Portal, ask: Ask) -> Reply:
    """DELETE objects/{type}/{id}: to the recycle bin; gone already is as good."""
    kind = kind_of(ask)
    _archive(portal, kind, ask.params["id"])
    return Reply(None, 204)


def batch_archive(portal: Portal, ask: Ask) -> Reply:
    """POST objects/{type}/batch/archive."""
    kind = kind_of(ask)
    for one in ask.inputs(MOST_INPUTS):
        _archive(portal, kind, _id_of(one))
    return Reply(None, 204)


def merge(portal: Portal, ask: Ask) -> Reply:
    """POST objects/{type}/merge."""
    kind = kind_of(ask)
    body = ask.json()
    ids = [str(body.get(name, "")) for name in ("primaryObjectId", "objectIdToMerge")]
    records = [portal.find(kind, record_id) for record_id in ids]
    if any(record is None or record.archived for record in records):
        raise not_found(category="OBJECT_NOT_FOUND")
    try:
        survivor = portal.merge(ids[0], ids[1], kind=kind)
    except ValueError as error:
        raise bad_request(str(error)) from None
    return Reply(View(portal, kind, (), ask).show(portal.objects[kind][survivor]))


def gdpr_delete(portal: Portal, ask: Ask) -> Reply:
    """POST objects/{type}/gdpr-delete: unlike here, the real purge takes up to 30 days (A)."""
    kind = kind_of(ask)
    body = ask.json()
    record = locate(portal, kind, str(body.get("objectId", "")), body.get("idProperty"))
    if record is None:
        raise not_found(category="OBJECT_NOT_FOUND")
    portal.gdpr_delete(record.id, kind)
    return Reply(None, 204)


def _archive(portal: Portal, kind: str, record_id: str) -> None:
    record = portal.find(kind, record_id)
    if record is not None and not record.archived:
        portal.archive(kind, record.id)


def _id_of(one: Mapping[str, Any]) -> str:
    record_id = one.get("id")
    if record_id in {None, ""}:
        raise bad_request("Some required fields were not set: [id]")
    return str(record_id)


def _refuse_repeated(ids: list[str]) -> None:
    repeated = sorted(record_id for record_id, times in Counter(ids).items() if times > 1)
    if repeated:
        raise bad_request(
            f"Duplicate IDs found in batch input: [{', '.join(repeated)}]. IDs must be unique",
            context={"ids": repeated},
        )


def _row(portal: Portal, ask: Ask, kind: str, one: Mapping[str, Any], record: Record | None) -> Row:
    properties = one.get("properties") or {}
    if not isinstance(properties, dict) or any(isinstance(value, list | dict) for value in properties.values()):
        raise bad_request("Invalid input JSON: Cannot deserialize value of type `java.lang.String`")
    row = Row(one, record)
    held = record.properties if record is not None else {}
    row.accepted, row.problems = check(portal.properties[kind], properties, held)
    _keep_stage_forward(portal, kind, row.accepted, held)
    if record is not None and (reason := portal.refusals.get((kind, record.id))) is not None:
        row.problems.append(Problem(next(iter(properties), ""), "PROPERTY_VALIDATION_RULE", reason))
    if ask.version == RULES_SINCE:
        would_be = {**held, **row.accepted}
        reasons = filter(None, (rule(kind, would_be) for rule in portal.write_rules))
        row.problems += [Problem(next(iter(properties), ""), "PROPERTY_VALIDATION_RULE", reason) for reason in reasons]
    address = row.accepted.get("email")
    if address and kind == "contacts":
        holder = portal.find_by_email(address)
        row.holder = holder if holder is not None and (record is None or holder.id != record.id) else None
    if record is None:
        row.links = [_link(kind, link) for link in one.get("associations") or []]
    return row


def _keep_stage_forward(portal: Portal, kind: str, accepted: dict[str, str], held: Mapping[str, str]) -> None:
    """A backward lifecycle stage is ignored without a word; clearing it is allowed (A, C)."""
    wanted, now = accepted.get("lifecyclestage"), held.get("lifecyclestage")
    if not wanted or not now:
        return
    options = portal.properties[kind]["lifecyclestage"]["options"]
    order = [option["value"] for option in sorted(options, key=_place)]
    if now in order and order.index(wanted) < order.index(now):
        del accepted["lifecyclestage"]


def _place(option: Mapping[str, Any]) -> float:
    """The place of an option; -1 puts it behind all others."""
    return option["displayOrder"] if option["displayOrder"] >= 0 else float("inf")


def _link(kind: str, link: Mapping[str, Any]) -> tuple[str, str]:
    numbers = {one.get("associationTypeId") for one in link.get("types", ())}
    for (source, target), number in TYPE_NUMBERS.items():
        if source == kind and number in numbers:
            return target, str(link["to"]["id"])
    raise bad_request(f"One or more association types are not valid for {kind}.")


def _refusal(portal: Portal, kind: str, row: Row) -> ApiError:
    if row.problems:
        return ApiError(400, invalid_values(row.problems, portal.portal_id))
    assert row.holder is not None
    return conflict(f"{SINGULAR[kind].capitalize()} already exists. Existing ID: {row.holder.id}")


def _write_batch(
    portal: Portal,
    kind: str,
    ask: Ask,
    rows: list[Row],
    errors: list[dict[str, Any]],
    *,
    good: int = 200,
    mark_new: bool = False,
) -> Reply:
    if any(row.is_bad for row in rows) and not _has_trace_ids(portal, ask):
        # The first bad row refuses the batch; what exists already does not, when creating (B).
        for row in rows:
            if row.problems or (row.holder is not None and row.record is not None):
                raise _refusal(portal, kind, row)
    results: list[dict[str, Any]] = []
    for row in rows:
        if row.is_bad:
            errors.append(_entry(portal, kind, row))
            continue
        result = _write(portal, kind, row, ask)
        if mark_new:
            result["new"] = row.record is None
        if "objectWriteTraceId" in row.given:
            result["objectWriteTraceId"] = row.given["objectWriteTraceId"]
        results.append(result)
    return batch_reply(portal, results, errors, good)


def _has_trace_ids(portal: Portal, ask: Ask) -> bool:
    traces = [one.get("objectWriteTraceId") for one in ask.json()["inputs"]]
    return (
        all(traces)
        and len(set(traces)) == len(traces)
        and portal.shared.troubles.take("ignore_trace_ids", ask.path) is None
    )


def _entry(portal: Portal, kind: str, row: Row) -> dict[str, Any]:
    error = _refusal(portal, kind, row)
    context: dict[str, list[str]] = {}
    if "objectWriteTraceId" in row.given:
        context["objectWriteTraceId"] = [row.given["objectWriteTraceId"]]
    if row.holder is not None:
        context["existingId"] = [row.holder.id]
    return error.body | {"context": context}


def _write(portal: Portal, kind: str, row: Row, ask: Ask) -> dict[str, Any]:
    """Store the row; the answer echoes what was written and some system properties (B)."""
    if row.record is None:
        try:
            record_id = portal.create(kind, row.accepted, created=portal.shared.clock.now())
        except ValueError:
            raise conflict(f"{SINGULAR[kind].capitalize()} already exists.") from None  # twice in one batch
        for other, other_id in row.links:
            if other_id in portal.objects[other]:
                portal.associate(kind, record_id, other, other_id)
        record = portal.objects[kind][record_id]
    else:
        record = portal.update(kind, row.record.id, row.accepted)
    echoed = [*(row.given.get("properties") or {}), modified_name(kind), "lifecyclestage"]
    return View(portal, kind, echoed, ask).show(record)
