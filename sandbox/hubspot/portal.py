"""One HubSpot portal in memory: what a population fills, a test pokes at and the server shows."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from sandbox.hubspot import definitions, pipelines, times, values
from sandbox.hubspot.associations import Associations
from sandbox.hubspot.catalogue import GROUPS
from sandbox.hubspot.limits import Limits
from sandbox.hubspot.marketing import Marketing
from sandbox.hubspot.records import OBJECT_TYPES, Record, Store, object_type

if TYPE_CHECKING:
    from datetime import datetime

    from sandbox.core import Shared
    from sandbox.hubspot.definitions import Definition

SCOPES: Final = frozenset({
    "crm.objects.contacts.read", "crm.objects.contacts.write", "crm.schemas.contacts.read",
    "crm.schemas.contacts.write",
    "crm.objects.companies.read", "crm.objects.companies.write", "crm.schemas.companies.read",
    "crm.schemas.companies.write", "crm.objects.deals.read", "crm.objects.deals.write", "crm.schemas.deals.read",
    "crm.schemas.deals.write", "crm.objects.line_items.read", "crm.objects.line_items.write",
    "crm.schemas.line_items.read", "crm.objects.owners.read", "sales-email-read", "forms", "content",
    "communication_preferences.read",
})  # fmt: skip
DEFAULT_TOKEN: Final = "pat-sandbox-leadgrade"
CLIENT_ID: Final = "sandbox-client"
CLIENT_SECRET: Final = "sandbox-secret"
REFRESH_TOKEN: Final = "sandbox-refresh"
_STAGE: Final = "lifecyclestage"

WriteRule = Callable[[str, Mapping[str, str]], str | None]
"""Object type and the record's properties as they would be -> why that is refused, or None."""


@dataclass(slots=True)
class Token:
    """An access token. `app` is whose burst limit it spends; an OAuth token expires and shows no daily limit."""

    scopes: set[str]
    app: str
    oauth: bool = False
    expires_at: datetime | None = None


@dataclass(slots=True)
class OAuthClient:
    """An app that may trade a refresh token for access tokens."""

    secret: str
    refresh_tokens: set[str] = field(default_factory=set)


class Portal:
    """A portal. All times passed in are aware; finer time than milliseconds is lost.

    `objects` is object type -> id -> `Record`, archived ones included. `properties` is object type -> name ->
    definition. `scopes` are those of the default token and of every OAuth token: take one out to see a 403.
    Every call is answered under `lock`; other threads that change a portal while it is being called hold it, too.
    Ids of each object type count up from `first_id`.
    """

    def __init__(self, shared: Shared, portal_id: int = 12345678, *, first_id: int = 501) -> None:
        self.shared = shared
        self.portal_id = portal_id
        self.account_type = "STANDARD"
        self.enterprise = False  # whether the plan has event occurrences and batches of subscription statuses (A)
        self.time_zone, self.utc_offset = "America/Bogota", timedelta(hours=-5)  # a zone that never changes its clocks
        self.lock = threading.RLock()
        self.stores = {kind: Store(kind, first_id) for kind in OBJECT_TYPES}
        self.objects: dict[str, dict[str, Record]] = {kind: store.records for kind, store in self.stores.items()}
        self.properties: dict[str, dict[str, Definition]] = {kind: definitions.built_in(kind) for kind in OBJECT_TYPES}
        self.groups: dict[str, dict[str, str]] = {kind: dict(GROUPS[kind]) for kind in OBJECT_TYPES}
        self.associations = Associations()
        self.marketing = Marketing()
        self.pipelines = pipelines.built_in()
        self.owners: list[dict[str, Any]] = []
        self.scopes: set[str] = set(SCOPES)
        self.tokens = {DEFAULT_TOKEN: Token(self.scopes, app="private-app-1")}
        self.clients = {CLIENT_ID: OAuthClient(CLIENT_SECRET, {REFRESH_TOKEN})}
        self.limits = Limits(shared, self.utc_offset)
        self.refusals: dict[tuple[str, str], str] = {}  # (object type, id) -> why every API write to it is refused
        self.write_rules: list[WriteRule] = []  # an administrator's; enforced by version 2026-09 alone (A)
        self._emails: dict[str, str] = {}  # address -> contact id

    # Properties

    def define(self, kind: str, name: str, *, options: Mapping[str, str] | None = None, **settings: Any) -> None:
        """Add a custom property: `type` and `fieldType` (string, text), `groupName`, `label`, `read_only`, …

        `options` maps value to label. Raises ValueError for an unknown group.
        """
        kind = self._kind(kind)
        settings = {"type": "string", "fieldType": "text", "groupName": next(iter(self.groups[kind]))} | settings
        if settings["groupName"] not in self.groups[kind]:
            raise ValueError(f"{kind} have no property group {settings['groupName']}")
        choices = options if settings["type"] != "bool" else definitions.YES_NO
        at = times.to_iso(self.shared.clock.now())
        self.properties[kind][name] = definitions.definition(
            name, options=definitions.options_of(choices or {}), at=at, **settings
        )

    # Records

    def create(
        self, kind: str, properties: Mapping[str, object], *, created: datetime, modified: datetime | None = None
    ) -> str:
        """Add a record, as a user, an import or HubSpot itself would: read-only properties may be given. Its id.

        None and "" mean empty. Raises ValueError for a property that is not defined, or an address already taken.
        """
        kind = self._kind(kind)
        given = self._texts(kind, properties)
        store = self.stores[kind]
        record_id = store.new_id()
        created = times.whole_ms(created)
        updated = created if modified is None else times.whole_ms(modified)
        if kind == "contacts" and "email" in given:
            self._claim_email(given["email"], record_id)
        given = {name: text for name, text in given.items() if text}
        full = self._consequences(kind, given, {}, created) | given
        store.put(Record(record_id, full, created, self._stamp(kind, updated)), visible_at=self._visible_at(kind))
        return record_id

    def update(self, kind: str, record_id: str, properties: Mapping[str, object], at: datetime | None = None) -> Record:
        """Change a record; "" or None clears a property. A change of nothing leaves the modified time alone (B).

        The id of a merged record changes its survivor. Raises KeyError when there is no such record, ValueError as
        `create`.
        """
        kind = self._kind(kind)
        store = self.stores[kind]
        before = store.records[store.resolve(record_id)]
        changes = {
            name: text
            for name, text in self._texts(kind, properties).items()
            if text != before.properties.get(name, "")
        }
        if not changes:
            return before
        moment = self._stamp(kind, self.shared.clock.now() if at is None else at)
        if kind == "contacts" and "email" in changes:
            self._emails.pop(before.properties.get("email", ""), None)
            self._claim_email(changes["email"], before.id)
        merged = {**before.properties, **self._consequences(kind, changes, before.properties, moment), **changes}
        after = dataclasses.replace(
            before, properties={name: text for name, text in merged.items() if text}, updated=moment
        )
        store.put(after, visible_at=self._visible_at(kind))
        return after

    def archive(self, kind: str, record_id: str, at: datetime | None = None) -> None:
        """Move a record to the recycle bin; its modified time does not change. Raises KeyError when there is none."""
        kind = self._kind(kind)
        record = self.stores[kind].records[record_id]
        moment = times.whole_ms(self.shared.clock.now() if at is None else at)
        self.stores[kind].put(dataclasses.replace(record, archived=True, archived_at=moment))
        if kind == "contacts":
            self._emails.pop(record.properties.get("email", ""), None)

    def restore(self, kind: str, record_id: str) -> None:
        """Bring a record back from the recycle bin. Raises KeyError when there is none."""
        kind = self._kind(kind)
        record = self.stores[kind].records[record_id]
        if kind == "contacts" and "email" in record.properties:
            self._claim_email(record.properties["email"], record_id)
        self.stores[kind].put(dataclasses.replace(record, archived=False, archived_at=None))

    def merge(self, primary_id: str, other_id: str, *, new_id: bool = False, kind: str = "contacts") -> str:
        """Merge the other record into the primary one; the survivor's id, a fresh one with `new_id` (A).

        The primary's values win, its gaps are filled from the other, associations are united. The ids that are gone
        resolve to the survivor. Raises KeyError when either is not live, ValueError when both are one.
        """
        kind = self._kind(kind)
        store = self.stores[kind]
        primary, other = (store.records[store.resolve(record_id)] for record_id in (primary_id, other_id))
        if primary.id == other.id:
            raise ValueError("a record cannot be merged with itself")
        moment = self._stamp(kind, self.shared.clock.now())
        survivor_id = store.new_id() if new_id else primary.id
        gone = [record.id for record in (primary, other) if record.id != survivor_id]
        united = {**other.properties, **primary.properties}
        previous = united.get("hs_merged_object_ids", "")
        united["hs_merged_object_ids"] = ";".join(dict.fromkeys([*filter(None, previous.split(";")), *gone]))
        if kind == "contacts":
            united["hs_calculated_merged_vids"] = ";".join(f"{record_id}:{times.to_ms(moment)}" for record_id in gone)
            second = other.properties.get("email")
            if second and second != united.get("email"):
                earlier = filter(None, united.get("hs_additional_emails", "").split(";"))
                united["hs_additional_emails"] = ";".join([*earlier, second])
            self._emails |= {
                record.properties["email"]: survivor_id for record in (primary, other) if record.properties.get("email")
            }
        for record_id in gone:
            store.remove(record_id)
            store.merged[record_id] = survivor_id
            self.associations.move(kind, record_id, survivor_id)
            self.marketing.move(record_id if kind == "contacts" else "", survivor_id)
        store.merged |= {old: survivor_id for old, survivor in store.merged.items() if survivor in gone}
        survivor = Record(survivor_id, united, min(primary.created, other.created), moment)
        store.put(survivor, visible_at=self._visible_at(kind))
        return survivor_id

    def gdpr_delete(self, record_id: str, kind: str = "contacts") -> None:
        """Erase a person for good: record, links, e-mail events and form submissions. Raises KeyError when unknown."""
        kind = self._kind(kind)
        store = self.stores[kind]
        record = store.records[store.resolve(record_id)]
        store.remove(record.id)
        store.merged = {old: survivor for old, survivor in store.merged.items() if survivor != record.id}
        self.associations.drop(kind, record.id)
        if kind == "contacts" and "email" in record.properties:
            addresses = {record.properties["email"], *record.properties.get("hs_additional_emails", "").split(";")}
            self.marketing.forget(record.id, addresses)
            for address in addresses:
                self._emails.pop(address, None)

    def find(self, kind: str, record_id: str) -> Record | None:
        """The live or archived record with this id, or the survivor of the merge that took it."""
        store = self.stores[kind]
        return store.records.get(store.resolve(record_id))

    def find_by_email(self, address: str) -> Record | None:
        """The live contact with this address."""
        record_id = self._emails.get(address.strip().lower())
        return None if record_id is None else self.stores["contacts"].records.get(record_id)

    def refuse(
        self, kind: str, record_id: str, message: str = "This record may not be changed by integrations."
    ) -> None:
        """From now on the API refuses every write to this record, as an administrator's validation rule would (A)."""
        self.refusals[self._kind(kind), record_id] = message

    def now_iso(self) -> str:
        """The portal's time, as answers carry it."""
        return times.to_iso(self.shared.clock.now())

    # What hangs on records

    def associate(self, from_kind: str, from_id: str, to_kind: str, to_id: str, *, primary: bool = False) -> None:
        """Link two records, seen from both sides. The first company of a contact or deal is its primary one.

        Raises KeyError when either does not exist. The roll-ups that follow do not touch modified times.
        """
        source, target = self._kind(from_kind), self._kind(to_kind)
        if from_id not in self.objects[source] or to_id not in self.objects[target]:
            raise KeyError(f"{source} {from_id} or {target} {to_id}")
        self.associations.link(source, from_id, target, to_id, primary=primary)
        for kind, record_id, other in ((source, from_id, target), (target, to_id, source)):
            self._roll_up(kind, record_id, other)

    def owner(self, email: str, first_name: str, last_name: str, *, archived: bool = False) -> str:
        """Add an owner; its id (which is not the user's id)."""
        number = 70_000_000 + len(self.owners)
        at = times.to_iso(self.shared.clock.now())
        user = number - 60_000_000
        self.owners.append({
            "id": str(number), "email": email, "type": "PERSON", "firstName": first_name, "lastName": last_name,
            "userId": None if archived else user, "userIdIncludingInactive": user, "createdAt": at, "updatedAt": at,
            "archived": archived,
        })  # fmt: skip
        return str(number)

    def email_event(self, recipient: str, type: str, created: datetime, **details: Any) -> str:  # noqa: A002 - HubSpot's
        """Add a marketing e-mail event; its id.

        `details`: `campaign_id`, and where known `url`, `sent_at`, `user_agent`, `filtered`.

        Types: SENT DELIVERED OPEN CLICK BOUNCE SPAMREPORT DROPPED DEFERRED STATUSCHANGE UNBOUNCE SUPPRESSED;
        UNSUBSCRIBED is a STATUSCHANGE to that status.
        """
        return self.marketing.add_event(recipient, type, times.whole_ms(created), **details)

    def form(self, guid: str, name: str, *, form_type: str = "hubspot") -> None:
        """Add a form; submissions of type blog_comment cannot be read (C)."""
        self.marketing.add_form(guid, name, form_type, self.shared.clock.now())

    def submission(
        self,
        form_guid: str,
        email: str,
        submitted_at: datetime,
        page_url: str,
        fields: Mapping[str, str] | None = None,
    ) -> None:
        """Add a form submission; `fields` are the form's others. Raises KeyError for a form that does not exist."""
        answers = {"email": email, **(fields or {})}
        self.marketing.add_submission(form_guid, answers, times.whole_ms(submitted_at), page_url)

    def event(self, contact_id: str, type: str, at: datetime, properties: Mapping[str, str]) -> None:  # noqa: A002 - HubSpot's
        """Add an event occurrence, such as ``e_visited_page``. Raises KeyError for a contact that does not exist."""
        self.marketing.add_occurrence(self.objects["contacts"][contact_id].id, type, times.whole_ms(at), properties)

    def subscription(self, number: int, name: str) -> None:
        """Add a type of subscription, and the contact property that says who has opted out of it."""
        self.marketing.subscriptions[number] = name
        self.define(
            "contacts", f"hs_email_optout_{number}", type="bool", fieldType="booleancheckbox",
            groupName="emailinformation", label=f"Opted out of email: {name}", read_only=True,
        )  # fmt: skip

    def opt(self, email: str, number: int, *, subscribed: bool, at: datetime | None = None) -> None:
        """Somebody subscribes, or unsubscribes. Raises KeyError for a type of subscription that does not exist."""
        address, moment = email.strip().lower(), self.shared.clock.now() if at is None else at
        self.marketing.set_status(address, number, times.whole_ms(moment), subscribed=subscribed)
        contact = self.find_by_email(address)
        if contact is not None:
            self.update("contacts", contact.id, {f"hs_email_optout_{number}": not subscribed}, moment)

    # Inside

    def _kind(self, name: str) -> str:
        kind = object_type(name)
        if kind is None:
            raise ValueError(f"HubSpot has no object type {name}")
        return kind

    def _texts(self, kind: str, properties: Mapping[str, object]) -> dict[str, str]:
        known = self.properties[kind]
        unknown = [name for name in properties if name not in known]
        if unknown:
            raise ValueError(f"{kind} have no property {', '.join(unknown)}; define it first")
        texts = {name: values.to_text(value) for name, value in properties.items()}
        if texts.get("email") and kind == "contacts":
            texts["email"] = texts["email"].strip().lower()
        return texts

    def _claim_email(self, address: str, record_id: str) -> None:
        if not address:
            return
        if self._emails.get(address, record_id) != record_id:
            raise ValueError(f"another contact than {record_id} has this e-mail address")
        self._emails[address] = record_id

    def _consequences(
        self, kind: str, changes: Mapping[str, str], held: Mapping[str, str], at: datetime
    ) -> dict[str, str]:
        """What HubSpot itself changes when these properties change."""
        follow: dict[str, str] = {}
        stage = changes.get(_STAGE)
        if stage is not None and kind == "contacts":
            for name in (f"hs_v2_date_entered_{stage}", f"hs_v2_date_exited_{held.get(_STAGE)}"):
                if name in self.properties[kind]:
                    follow[name] = times.to_iso(at)
        if kind == "deals" and "dealstage" in changes:
            follow |= pipelines.deal_flags(self.pipelines["deals"], changes["dealstage"])
        return follow

    def _roll_up(self, kind: str, record_id: str, other: str) -> None:
        linked = self.associations.of(kind, record_id, other)
        rolled = {f"num_associated_{other}": str(len(linked))}
        if (kind, other) == ("contacts", "companies"):
            rolled["associatedcompanyid"] = next((to_id for to_id, primary in linked.items() if primary), "")
        known = {name: text for name, text in rolled.items() if name in self.properties[kind]}
        if known:
            record = self.objects[kind][record_id]
            self.stores[kind].put(dataclasses.replace(record, properties={**record.properties, **known}))

    def _stamp(self, kind: str, moment: datetime) -> datetime:
        stuck = self.shared.troubles.take("same_millisecond", kind)
        return times.whole_ms(moment if stuck is None else stuck.setdefault("at", moment))

    def _visible_at(self, kind: str) -> datetime | None:
        lag = self.shared.troubles.take("search_lag", kind)
        seconds = float(lag.get("seconds", 40)) if lag is not None else 0.0
        if self.shared.commit_delay_s:
            seconds += self.shared.random.uniform(0, self.shared.commit_delay_s)
        return self.shared.clock.now() + timedelta(seconds=seconds) if seconds else None
