"""Saving rows on behalf of a session: every check that Salesforce makes, then the change.

Checks and changes are apart, so that an all-or-none call can check everything before it changes anything.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sandbox.salesforce.errors import RowError
from sandbox.salesforce.ids import full_id, object_of
from sandbox.salesforce.values import WrongValue, coerce

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandbox.salesforce.org import Org
    from sandbox.salesforce.schema import Field, Row, SObject

ROUTED: Final = frozenset({"Lead", "Case"})
"""Objects whose active assignment rule runs on a write over REST."""


@dataclass(slots=True)
class Writer:
    """The rights, headers and troubles of one call or bulk job that writes."""

    org: Org
    user_id: str
    auto_assign: bool = True
    save_duplicates: bool = False
    lock: Mapping[str, Any] | None = None  # settings of the switch row_lock
    over_limits: bool = False  # the batch is beyond what the org's own triggers can bear
    seen: set[str] = field(default_factory=set)

    def check_update(self, sobject: str, given_id: Any, fields: Mapping[str, Any]) -> tuple[str, Row] | RowError:
        """The full id and the values to set, or why not."""
        record_id = full_id(given_id) if isinstance(given_id, str) else None
        if not given_id:
            return RowError("MISSING_ARGUMENT", "Id not specified in an update call")
        if record_id is None:
            return RowError("MALFORMED_ID", f"{sobject} ID: id value of incorrect type: {given_id}", ("Id",))
        found = self.org.find(record_id) if object_of(record_id) == sobject else None
        if found is None:
            return RowError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
        row = found[1]
        if record_id in self.seen:
            return RowError("DUPLICATE_VALUE", f"duplicate id specified: {record_id}")
        self.seen.add(record_id)
        if row["IsDeleted"]:
            return RowError("ENTITY_IS_DELETED", "entity is deleted")
        values = self._values(self.org.schema[sobject], fields, create=False)
        if isinstance(values, RowError):
            return values
        refusal = self._refusal(sobject, row | values)
        return refusal or (record_id, values)

    def check_create(self, sobject: str, fields: Mapping[str, Any]) -> Row | RowError:
        """The values of a new row, or why not."""
        spec = self.org.schema[sobject]
        values = self._values(spec, fields, create=True)
        if isinstance(values, RowError):
            return values
        missing = tuple(
            name
            for name, each in spec.fields.items()
            if not each.nillable and each.createable and each.type not in {"boolean", "id"}
            and name not in {"OwnerId", "Status", "Priority"} and values.get(name) is None
        )  # fmt: skip
        if missing:
            return RowError("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(missing)}]", missing)
        return self._refusal(sobject, values) or values

    def _values(self, spec: SObject, fields: Mapping[str, Any], *, create: bool) -> Row | RowError:
        values: Row = {}
        barred = []
        for given, value in fields.items():
            field_ = spec.fields.get(spec.lower.get(given.lower(), ""))
            if field_ is None:
                return RowError("INVALID_FIELD", f"No such column '{given}' on sobject of type {spec.name}", (given,))
            if not self._may_write(spec.name, field_, create=create):
                barred.append(field_.name)
                continue
            converted = _converted(field_, value)
            if isinstance(converted, RowError):
                return converted
            values[field_.name] = converted[0]
        if barred:
            names = ", ".join(barred)
            return RowError(
                "INVALID_FIELD_FOR_INSERT_UPDATE",
                f"Unable to create/update fields: {names}. Please check the security settings of this field and verify "
                "that it is read/write for your profile or permission set.",
                tuple(barred),
            )
        return values

    def _may_write(self, sobject: str, field_: Field, *, create: bool) -> bool:
        access = self.org.access
        if create and not field_.updateable:
            return field_.createable and access.can_read(self.user_id, sobject, field_)
        return access.can_edit(self.user_id, sobject, field_)

    def _refusal(self, sobject: str, row: Row) -> RowError | None:
        if row.get("IsConverted"):
            return RowError("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")
        if row.get("Id") in self.org.refusals:
            return RowError(*self.org.refusals[row["Id"]])
        if (locked := self._locked(row)) is not None:
            return locked
        if self.over_limits:
            return RowError(
                "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
                f"{sobject}Trigger: System.LimitException: Apex CPU time limit exceeded",
            )
        for rule in self.org.validation_rules:
            message = rule(sobject, row)
            if message is not None:
                return RowError("FIELD_CUSTOM_VALIDATION_EXCEPTION", message)
        if row.get("Id") in self.org.duplicate_ids and not self.save_duplicates:
            return RowError("DUPLICATES_DETECTED", "Use one of these records?")
        return None

    def _locked(self, row: Row) -> RowError | None:
        if self.lock is None:
            return None
        account, ids = self.lock.get("account"), self.lock.get("ids")
        if account is not None and account not in {row.get("AccountId"), row.get("Id")}:
            return None
        if ids is not None and row.get("Id") not in ids:
            return None
        subject = account or row.get("Id")
        message = f"unable to obtain exclusive access to this record or 1 records: {subject}"
        if self.lock.get("wrapped"):
            return RowError(
                "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
                "AccountRollup: execution of AfterUpdate caused by: System.DmlException: Update failed. First "
                f"exception on row 0; first error: UNABLE_TO_LOCK_ROW, {message}: []",
            )
        return RowError("UNABLE_TO_LOCK_ROW", message)

    def update(self, sobject: str, record_id: str, values: Row) -> str:
        """Apply a checked update; without the header that forbids it, the assignment rule runs as well. The id."""
        if sobject in ROUTED and self.auto_assign:
            values = values | {"OwnerId": self.org.assignment_user_id}
        self.org.update(sobject, record_id, values, by=self.user_id, committed=True)
        return record_id

    def create(self, sobject: str, values: Row) -> str:
        """Apply a checked insert; the new id."""
        if sobject in ROUTED and self.auto_assign:
            values = values | {"OwnerId": self.org.assignment_user_id}
        return self.org.insert(sobject, values, created=self.org.now(), by=self.user_id, committed=True)


def _length(text: str) -> int:
    """Characters as Salesforce counts them: a surrogate pair, such as an emoji, is two."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _converted(field_: Field, value: Any) -> tuple[Any] | RowError:
    """The value as kept, in a tuple; or why it does not fit."""
    name = field_.name
    try:
        kept = coerce(field_.type, value)
    except WrongValue:
        return RowError("INVALID_TYPE_ON_FIELD_IN_RECORD", f"{name}: value not of required type: {value}", (name,))
    if kept is None:
        if field_.type == "boolean" or not field_.nillable:
            return RowError("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{name}]", (name,))
        return (None,)
    if isinstance(kept, str) and 0 < field_.length < _length(kept) and field_.type != "reference":
        label = field_.label or name
        return RowError(
            "STRING_TOO_LONG", f"{label}: data value too large: {kept} (max length={field_.length})", (name,)
        )
    if field_.restricted and kept not in field_.values:
        message = f"{field_.label or name}: bad value for restricted picklist field: {kept}"
        return RowError("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, (name,))
    if field_.precision and isinstance(kept, (int, float)):
        whole = field_.precision - field_.scale
        if abs(kept) >= 10**whole:
            message = f"{field_.label or name}: value outside of valid range on numeric field: {kept}"
            return RowError("NUMBER_OUTSIDE_VALID_RANGE", message, (name,))
    if field_.type == "reference":
        full = full_id(kept)
        if full is None or object_of(full) not in field_.refers_to:
            return RowError("MALFORMED_ID", f"{name}: id value of incorrect type: {kept}", (name,))
        return (full,)
    return (kept,)
