"""One Salesforce organisation in memory: its records, users, custom fields and what its admin set up.

Times are aware UTC datetimes going in; rows hold values as the API shows them (`values`). The Python API plays the
people and processes of the org: it may write any field and obeys no validation; calls over HTTP go through `writes`.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from sandbox.salesforce import lifecycle
from sandbox.salesforce.access import Access
from sandbox.salesforce.account_engagement import AccountEngagement
from sandbox.salesforce.ids import PREFIXES, make_id, object_of
from sandbox.salesforce.limits import Limits
from sandbox.salesforce.schema import Field, Row
from sandbox.salesforce.standard import standard_objects
from sandbox.salesforce.standard.activities import relation_objects
from sandbox.salesforce.standard.administration import SYSTEM_PERMISSIONS, tooling_objects
from sandbox.salesforce.standard.people import CONVERTED_STATUS, LEAD_STATUSES
from sandbox.salesforce.table import Table
from sandbox.salesforce.values import coerce, stamp

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from sandbox.core import Shared

ValidationRule = Callable[[str, Row], str | None]

ARCHIVED_AFTER: Final = timedelta(days=365)
_ACTIVITIES: Final = frozenset({"Task", "Event"})
_OWNED: Final = frozenset({"Lead", "Contact", "Account", "Opportunity", "Task", "Event", "Campaign"})


@dataclass(frozen=True, slots=True)
class Session:
    """Who may call with a token, and until when unless it is used before."""

    user_id: str
    ends: datetime
    grant: str = ""


class Org:
    """The organisation. Thread-safe for single calls."""

    def __init__(self, shared: Shared, org_id: str = "00D000000000001EAA", *, seed: int = 0) -> None:
        self.shared = shared
        self.org_id = org_id
        self.lock = threading.RLock()
        self.random = random.Random(seed)
        self.schema = standard_objects()
        self.tooling = tooling_objects()
        self.tables: dict[str, Table] = {
            name: Table(spec.fields) for name, spec in (self.schema | self.tooling).items()
        }
        self._last_number = dict.fromkeys(PREFIXES, 2_000_000)  # past the ids whose text order equals number order

        self.clients: dict[str, str] = {"sandbox-client": "sandbox-secret"}
        self.jwt_keys: dict[tuple[str, str], str] = {}  # (client id, username) -> public key, PEM
        self.refresh_tokens: dict[str, str] = {"sandbox-refresh": "sandbox-client"}  # token -> client id
        self.used_refresh_tokens: dict[str, str] = {}
        self.rotates_refresh_tokens = True
        self.sessions: dict[str, Session] = {}  # by token
        self.session_life = timedelta(hours=2)
        self.cursors: dict[str, Any] = {}
        self.jobs: dict[str, Any] = {}

        self.purged: dict[str, dict[str, str]] = {}  # object -> id -> when it was deleted
        self.delete_log_from: datetime | None = None  # an administrator emptied the log up to then
        self.validation_rules: list[ValidationRule] = []
        self.duplicate_ids: set[str] = set()  # records an alerting duplicate rule fires for
        self.refusals: dict[str, tuple[str, str]] = {}  # record id -> code and message: approvals, sharing ...
        self.conversion_fields: dict[str, str] = {}  # custom lead field -> contact field carried over at conversion
        self.hidden_fields: set[tuple[str, str]] = set()
        self.not_in_bulk: set[str] = set()  # objects that the Bulk API refuses beside those it never takes
        self.read_only_fields: set[tuple[str, str]] = set()
        self.read_only_objects: set[str] = set()  # the integration user may not edit their records
        self.limits = Limits(shared)
        self.engagement = AccountEngagement(self)

        self.admin_id = "005000000000001AAA"  # the automated process that sets the org up
        now = self.now()
        self.tables["Organization"].put(self._row("Organization", org_id, {
            "Name": "Sandbox Industries", "OrganizationType": "Enterprise Edition", "InstanceName": "SBX1",
            "IsSandbox": True, "DefaultLocaleSidKey": "en_US", "TimeZoneSidKey": "UTC",
        }, now, now, self.admin_id))  # fmt: skip
        self.admin_id = self._user("admin", "Ada", "Admin", now)
        self.integration_user_id = self._user("integration", "Leadgrade", "Integration", now)
        self.assignment_user_id = self._user("queue", "Assignment", "Rule", now)
        for place, status in enumerate(LEAD_STATUSES, start=1):
            self.insert("LeadStatus", {
                "ApiName": status, "MasterLabel": status, "IsConverted": status == CONVERTED_STATUS,
                "IsDefault": place == 1, "SortOrder": place,
            }, created=now)  # fmt: skip
        self.permission_set_id = self.insert(
            "PermissionSet", {"Name": "Integration_Base", "Label": "Integration Base", "PermissionsViewAllData": True},
            created=now,
        )  # fmt: skip
        self.insert(
            "PermissionSetAssignment",
            {"PermissionSetId": self.permission_set_id, "AssigneeId": self.integration_user_id},
            created=now,
        )
        self.rights_id = self.insert("UserPermissionAccess", dict.fromkeys(SYSTEM_PERMISSIONS, True), created=now)
        self.access = Access(self)

    def may(self, permission: str) -> bool:
        """Whether the integration user has a system permission, such as PermissionsCustomizeApplication."""
        return bool(self.tables["UserPermissionAccess"][self.rights_id][permission])

    def _user(self, name: str, first: str, last: str, now: datetime) -> str:
        mail = f"{name}@sandbox.example"
        return self.insert("User", {
            "Username": mail, "Email": mail, "FirstName": first, "LastName": last, "IsActive": True,
            "UserType": "Standard", "TimeZoneSidKey": "UTC",
        }, created=now)  # fmt: skip

    def now(self) -> datetime:
        """The server's present."""
        return self.shared.clock.now()

    def new_id(self, prefix_of: str) -> str:
        """The next id of an object."""
        self._last_number[prefix_of] += 1
        return make_id(PREFIXES[prefix_of], self._last_number[prefix_of])

    def _row(
        self, sobject: str, record_id: str, fields: Mapping[str, Any], created: datetime, modified: datetime, by: str
    ) -> Row:
        spec = (self.schema | self.tooling)[sobject] if sobject in self.tooling else self.schema[sobject]
        made = stamp(created)
        changed = made if modified is created else stamp(modified)
        row: Row = {
            "Id": record_id,
            "IsDeleted": False,
            "CreatedDate": made,
            "CreatedById": by,
            "LastModifiedDate": changed,
            "LastModifiedById": by,
            "SystemModstamp": changed,
        }
        for name, value in fields.items():
            if name not in spec.fields:
                raise ValueError(f"{sobject} has no field {name}; declare custom fields with define()")
            row[name] = coerce(spec.fields[name].type, value)
        return row

    def insert(
        self,
        sobject: str,
        fields: Mapping[str, Any],
        *,
        created: datetime,
        modified: datetime | None = None,
        by: str | None = None,
        committed: bool = False,
    ) -> str:
        """Insert a row and return its id. Raises ValueError for an unknown field.

        `by` is the user who does it (the admin by default). An uncommitted row is shown to queries only
        `shared.commit_delay_s` after its stamp.
        """
        with self.lock:
            record_id = self.new_id(sobject)
            by = by or self.admin_id
            row = self._row(sobject, record_id, fields, created, modified or created, by)
            if sobject in _OWNED:
                row.setdefault("OwnerId", by)
            lifecycle.complete(self, sobject, row)
            self.tables[sobject].put(row)
            self._commit_later(sobject, row, None, committed=committed)
            if sobject in _ACTIVITIES:
                lifecycle.note_activity(self, row)
                lifecycle.relate(self, sobject, row, {})
            return record_id

    def update(
        self,
        sobject: str,
        record_id: str,
        fields: Mapping[str, Any],
        at: datetime | None = None,
        *,
        by: str | None = None,
        system: bool = False,
        committed: bool = False,
    ) -> None:
        """Change fields of a row; `system` moves SystemModstamp alone, as internal processes do.

        Raises KeyError for an unknown id and ValueError for an unknown field.
        """
        with self.lock:
            table = self.tables[sobject]
            previous = table[record_id]
            spec = self.schema[sobject]
            row = dict(previous)
            for name, value in fields.items():
                if name not in spec.fields:
                    raise ValueError(f"{sobject} has no field {name}; declare custom fields with define()")
                row[name] = coerce(spec.fields[name].type, value)
            changed = stamp(at or self.now())
            row["SystemModstamp"] = max(changed, previous["SystemModstamp"]) if system else changed
            if not system:
                row["LastModifiedDate"] = changed
                row["LastModifiedById"] = by or self.admin_id
            if not row["IsDeleted"]:
                lifecycle.complete(self, sobject, row)
            table.put(row, previous)
            if sobject in _ACTIVITIES and not row["IsDeleted"]:
                lifecycle.relate(self, sobject, row, previous)
            self._commit_later(sobject, row, previous, committed=committed)

    def _commit_later(self, sobject: str, row: Row, previous: Row | None, *, committed: bool) -> None:
        late = self.shared.troubles.take("late_commit", sobject)
        delay = float(late.get("seconds", 60)) if late is not None else self.shared.commit_delay_s
        if delay and (late is not None or not committed):
            until = lifecycle.moment(row["SystemModstamp"]) + timedelta(seconds=delay)
            if until > self.now():
                self.tables[sobject].hold_back(row["Id"], stamp(until), previous)

    def delete(self, sobject: str, record_id: str, at: datetime | None = None, *, by: str | None = None) -> None:
        """Move a row to the recycle bin, its activities, memberships and roles with it."""
        with self.lock:
            lifecycle.delete(self, sobject, record_id, at or self.now(), by or self.admin_id)

    def purge(self, sobject: str, record_id: str) -> None:
        """Delete a row for good, in the bin or not: no query shows it any more, only the log of deletions names it."""
        with self.lock:
            row = self.tables[sobject][record_id]
            deleted = row["LastModifiedDate"] if row["IsDeleted"] else stamp(self.now())
            self.purged.setdefault(sobject, {})[record_id] = deleted
            self.tables[sobject].drop(record_id)

    def merge(self, sobject: str, master_id: str, loser_ids: Iterable[str], at: datetime | None = None) -> None:
        """Merge up to two losers into a master: Lead, Contact or Account."""
        with self.lock:
            lifecycle.merge(self, sobject, master_id, list(loser_ids), at or self.now())

    def convert(
        self,
        lead_id: str,
        *,
        account_id: str | None = None,
        with_opportunity: bool = False,
        at: datetime | None = None,
    ) -> str:
        """Convert a lead; the id of the contact it became."""
        with self.lock:
            return lifecycle.convert(
                self, lead_id, account_id=account_id, with_opportunity=with_opportunity, at=at or self.now()
            )

    def define(self, sobject: str, name: str, type: str = "string", *, visible: bool = True, **more: Any) -> None:  # noqa: A002 - the field's word
        """Declare a custom field ``Name__c``; `more` are attributes of `schema.Field`, such as length or values.

        A field made by a person in set-up is `visible` to the integration user; one made by API is not.
        """
        if not name.endswith("__c"):
            raise ValueError(f"{name}: a custom field's name ends with __c")
        calculated = more.get("calculated", False)
        more.setdefault("updateable", not calculated)
        more.setdefault("createable", not calculated)
        more.setdefault("length", 255 if type in {"string", "picklist", "url", "email", "phone"} else 0)
        more.setdefault("default", False if type == "boolean" else None)
        with self.lock:
            self.add_custom_field(sobject, Field(name, type, custom=True, **more), None, by=self.admin_id)
            if visible:
                self.grant(sobject, name)

    def add_custom_field(self, sobject: str, field: Field, metadata: Mapping[str, Any] | None, *, by: str) -> str:
        """Add a custom field that nobody may see yet; the id of its definition."""
        with self.lock:
            self.schema[sobject].add(field)
            record_id = self.insert("CustomField", {
                "DeveloperName": field.name.removesuffix("__c"), "TableEnumOrId": sobject,
                "FullName": f"{sobject}.{field.name}",
            }, created=self.now(), by=by, committed=True)  # fmt: skip
            self.tables["CustomField"][record_id]["Metadata"] = metadata
            return record_id

    def grant(self, sobject: str, name: str, *, edit: bool = True) -> None:
        """Let the integration user read (and edit) a custom field."""
        self.insert("FieldPermissions", {
            "ParentId": self.permission_set_id, "SobjectType": sobject, "Field": f"{sobject}.{name}",
            "PermissionsRead": True, "PermissionsEdit": edit,
        }, created=self.now(), committed=True)  # fmt: skip

    def enable_shared_activities(self) -> None:
        """Switch Shared Activities on: an activity may have several people, each with a relation row.

        From now on the primary person of an activity, and what it is about, get one by themselves.
        """
        specs = relation_objects()
        self.schema |= specs
        for activity in _ACTIVITIES:
            rows = Table(specs[f"{activity}Relation"].fields)
            self.tables[f"{activity}Relation"] = self.tables[f"{activity}WhoRelation"] = rows

    def start_session(self, user_id: str, grant: str = "") -> str:
        """A new session's token; `grant` is the client whose refresh token it came from."""
        token = f"{self.org_id[:15]}!AQ{self.random.getrandbits(256):064x}"
        self.sessions[token] = Session(user_id, self.now() + self.session_life, grant)
        return token

    def revoke_grant(self, client_id: str) -> None:
        """End what a client was granted: its refresh tokens and the sessions that came from them."""
        self.refresh_tokens = {token: owner for token, owner in self.refresh_tokens.items() if owner != client_id}
        self.sessions = {token: session for token, session in self.sessions.items() if session.grant != client_id}

    def end_session(self, token: str) -> None:
        """End a session, if there is one."""
        self.sessions.pop(token, None)

    def user_of_session(self, token: str) -> str | None:
        """Who holds a session; using it prolongs it. None when it has ended."""
        session = self.sessions.get(token)
        if session is None or session.ends < self.now():
            self.end_session(token)
            return None
        self.sessions[token] = replace(session, ends=self.now() + self.session_life)
        return session.user_id

    def user_named(self, username: str) -> str | None:
        """The id of the user with that name."""
        return next((row["Id"] for row in self.tables["User"].values() if row["Username"] == username), None)

    def children(self, sobject: str, field: str, parent_id: str) -> list[Row]:
        """Live rows of `sobject` whose reference `field` points to `parent_id`."""
        return [row for row in self.tables[sobject].children(field, parent_id) if not row["IsDeleted"]]

    def find(self, record_id: str) -> tuple[str, Row] | None:
        """The object's name and the row of an id, deleted ones included."""
        sobject = object_of(record_id)
        row = self.tables[sobject].get(record_id) if sobject in self.tables else None
        return (sobject, row) if sobject is not None and row is not None else None

    def value(self, sobject: str, row: Row, name: str) -> Any:
        """A field's value, worked out where it is not kept."""
        field = (self.schema.get(sobject) or self.tooling[sobject]).fields[name]
        if field.computed is not None:
            return field.computed(row)
        if name == "IsArchived":
            return self.is_archived(row)
        return row.get(name, field.default)

    def archive_day(self) -> str:
        """Activities of an earlier day are archived."""
        return stamp(self.now() - ARCHIVED_AFTER)[:10]

    def is_archived(self, row: Row, day: str | None = None) -> bool:
        """Whether a closed task or an event is older than 365 days, and so hidden from plain queries."""
        if "Status" in row and row["Status"] != "Completed":
            return False
        date = row.get("EndDateTime") or row.get("ActivityDate") or row["CreatedDate"]
        return bool(date[:10] < (day or self.archive_day()))
