"""What stands in the way: scopes, properties, clocks. Every finding has its remedy; none is raised."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from connectors.base import Finding
from connectors.door import Request
from connectors.errors import ConnectorError
from connectors.hubspot import paths
from connectors.hubspot import permissions as scopes
from connectors.hubspot.engagement import ENGAGEMENTS
from connectors.hubspot.errors import MissingScope, Refused
from connectors.hubspot.fields import mapped, property_of
from connectors.hubspot.provision import clash
from connectors.hubspot.windows import to_ms

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from connectors.base import Permission
    from connectors.hubspot.streams import Reading
    from scoring.facts import OutputField

SKEW_S = 120
"""A machine clock that is further off than this dates facts and renews tokens wrongly."""


@dataclass(frozen=True, slots=True)
class Probe:
    """A cheap call that HubSpot refuses where `scope` is missing; `setting` turns off what needs the call.

    A `loose` one may well be refused for what it asks for, which says that it was allowed to ask.
    """

    scope: Permission
    request: Request
    loose: bool = False
    setting: str = ""


def findings(reading: Reading, fields: Sequence[OutputField], now: datetime) -> Iterator[Finding]:
    """All findings, in the order in which they are best mended; the first one alone when nobody lets us in."""
    access = _access(reading, now)
    yield access
    if access.level == "fail":
        return
    wanted = _written_properties(reading, fields) if fields else []
    complete = all(finding.level == "pass" for finding in wanted)
    yield from _scopes(reading, writing=bool(fields), complete=complete)
    yield from _mapped_properties(reading)
    yield from wanted


def _access(reading: Reading, now: datetime) -> Finding:
    try:
        off = abs(reading.client.server_now() - now)
    except ConnectorError as error:
        return Finding("fail", "access", error.message, error.remedy)
    if off > timedelta(seconds=SKEW_S):
        away = f"this machine's clock is {off.total_seconds():.0f} s away from HubSpot's."
        return Finding("warn", "clock", away, "Set it by NTP.")
    return Finding("pass", "clock", "agrees with HubSpot's.")


def _probes(reading: Reading, *, writing: bool) -> Iterator[Probe]:
    def page(object_type: str) -> Request:
        return Request("GET", paths.objects(object_type), params={"limit": 1})

    def nothing(path: str) -> Request:
        """A batch without rows: HubSpot refuses it as empty, after it has looked at the scopes."""
        return Request("POST", path, json={"inputs": []})

    settings, now = reading.settings, to_ms(reading.client.server_now())
    yield Probe(scopes.READ_CONTACTS, page("contacts"))
    yield Probe(scopes.READ_CONTACT_PROPERTIES, Request("GET", paths.properties("contacts")))
    if writing:
        yield Probe(scopes.WRITE_CONTACTS, nothing(paths.objects("contacts", "batch/update")), loose=True)
        yield Probe(scopes.CREATE_PROPERTIES, nothing(paths.properties("contacts", "batch/create")), loose=True)
    yield Probe(scopes.READ_COMPANIES, page("companies"))
    yield Probe(scopes.READ_COMPANY_PROPERTIES, Request("GET", paths.properties("companies")))
    yield Probe(scopes.READ_DEALS, page("deals"))
    if settings.line_items:
        yield Probe(scopes.READ_LINE_ITEMS, page("line_items"))
    if settings.email_events:
        hour = {"startTimestamp": now - 3_600_000, "endTimestamp": now, "limit": 1}
        yield Probe(scopes.READ_EMAIL_EVENTS, Request("GET", paths.EMAIL_EVENTS, params=hour))
    if settings.forms:
        yield Probe(scopes.READ_FORMS, Request("GET", paths.FORMS, params={"limit": 1}))
    if settings.web_events:
        of_one = Request("GET", paths.OCCURRENCES, params={"objectType": "contact", "objectId": 1, "limit": 1})
        yield Probe(scopes.EVENT_OCCURRENCES, of_one, loose=True)
    if settings.engagements:
        yield from (Probe(scopes.READ_CONTACTS, page(kind), setting="hubspot.engagements") for kind in ENGAGEMENTS)


def _scopes(reading: Reading, *, writing: bool, complete: bool) -> Iterator[Finding]:
    """A finding for each scope, told once however many calls need it.

    When all fields are there (`complete`) the scope that creates them is not needed.
    """
    told: dict[str, Finding] = {}
    for probe in _probes(reading, writing=writing):
        for finding in _probed(reading, probe, complete=complete):
            if finding.subject not in told or told[finding.subject].level == "pass":
                told[finding.subject] = finding
    yield from told.values()


def _probed(reading: Reading, probe: Probe, *, complete: bool) -> Iterator[Finding]:
    """Only the refusal of access is a finding of a loose probe: an empty batch may be refused for being empty."""
    subject = probe.scope.name
    try:
        reading.client.call(probe.request)
    except MissingScope as error:
        yield from (_missing(name, probe, complete=complete) for name in error.scopes or [subject])
        return
    except Refused as error:
        if not probe.loose:
            yield Finding("fail", subject, error.message)
            return
    except ConnectorError as error:
        yield Finding("fail", subject, error.message, error.remedy)
        return
    yield Finding("pass", subject, "granted.")


def _missing(name: str, probe: Probe, *, complete: bool) -> Finding:
    """The finding of a scope that is missing: one of our table, or one that only this portal asks for."""
    scope = next((known for known in scopes.SCOPES if known.name == name), None)
    if scope is scopes.CREATE_PROPERTIES and complete:
        return Finding("pass", name, "is not granted, nor needed while all fields are there.")
    purpose = scope.purpose if scope else f"{probe.request}, which this portal refuses without it"
    grant = scopes.GRANT if scope is None or scope.where == scopes.WHERE else f"It is part of {scope.where}."
    setting = probe.setting or probe.scope.setting
    off = f" Or set {setting} to false." if setting else ""
    return Finding(
        "warn" if scope is not None and not scope.needed else "fail",
        name,
        f"is missing; it is for {purpose}.",
        grant + off,
    )


def _mapped_properties(reading: Reading) -> Iterator[Finding]:
    for object_type, company in (("contacts", False), ("companies", True)):
        try:
            known = reading.client.properties(object_type)
        except ConnectorError:
            continue  # told with the scopes
        for item in mapped(reading.types, reading.mapping, company=company):
            subject = f"{object_type}.{item.property}"
            if item.property in known:
                yield Finding("pass", subject, f"fills {item.attribute}.")
            else:
                chosen = item.attribute in reading.mapping and reading.mapping[item.attribute].hubspot
                yield Finding(
                    "fail" if chosen else "warn",
                    subject,
                    f"does not exist; {item.attribute} stays unknown.",
                    f"Name the right property under attributes.{item.attribute}.hubspot.",
                )


def _written_properties(reading: Reading, fields: Sequence[OutputField]) -> list[Finding]:
    try:
        known: dict[str, dict[str, Any]] = reading.client.properties("contacts")
    except ConnectorError:
        return []  # told with the scopes
    return [_written_property(field, known.get(property_of(field.name))) for field in fields]


def _written_property(field: OutputField, known: dict[str, Any] | None) -> Finding:
    subject = f"contacts.{property_of(field.name)}"
    if known is None:
        return Finding("fail", subject, "does not exist.", "Run `leadgrade provision`.")
    if problem := clash(field, known):
        return Finding("fail", subject, f"{problem}.", "Rename or delete it in HubSpot, then provision.")
    return Finding("pass", subject, "is there and can be written.")
